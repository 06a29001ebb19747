"""The price by which order limits are measured, as a path."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa

TIMES = pd.date_range("2018-01-25", periods=6, freq="5min", unit="us")


def market():
    prices = pd.DataFrame(
        {1: [4.0, np.nan, 5.0, np.nan, np.nan, 8.0], 2: [1.0, 1.0, np.nan, 2.0, np.nan, 2.0]},
        index=TIMES,
    )
    return sa.Panel.from_frame(prices)


def test_it_is_the_last_known_price_of_the_numeraire():
    rules = sa.TradingRules(capital=100.0, numeraire=1, min_order=0.5, max_order=2.0)
    target = pd.DataFrame({2: [0.3]}, index=TIMES[1:2])
    account = sa.replay(market(), target, rules)
    assert account.numeraire_price.tolist() == [4.0, 5.0, 5.0, 5.0, 8.0]
    assert account.numeraire_price.index.equals(account.times)
    assert sa.replay(market(), target, rules, start=TIMES[0]).numeraire_price.tolist() == [
        4.0,
        4.0,
        5.0,
        5.0,
        5.0,
        8.0,
    ]


@pytest.mark.parametrize(
    "rules", [sa.TradingRules(numeraire=None), sa.TradingRules().without_limits()]
)
def test_without_a_numeraire_it_is_one(rules):
    account = sa.replay(market(), pd.DataFrame({2: [0.3]}, index=TIMES[:1]), rules)
    assert account.numeraire_price.tolist() == [1.0] * 6


def test_orders_are_dropped_and_cut_by_it(real_panel):
    target = pd.DataFrame(
        {1443: [0.5, 0.5003, 0.9], 1444: [0.0001, 0.2, 0.05]},
        index=real_panel.grid[[3000, 3001, 3005]],
    )
    account = sa.replay(real_panel, target, sa.TradingRules(max_order=0.1))
    orders = account.orders
    size = (
        orders["target_value"].to_numpy()
        / account.numeraire_price.reindex(orders["time"]).to_numpy()
    )
    assert (size[orders["reason"] == "below minimum"] < 0.001).all()
    assert (size[orders["reason"] == "cut to maximum"] > 0.1).all()
    assert {"below minimum", "cut to maximum"} <= set(orders["reason"])
