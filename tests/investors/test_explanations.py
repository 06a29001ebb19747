"""What a run shows of investors that never decided, hold cash, or choose their asset themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from investor_markets import panel_of, random_prices

import statarb as sa
from statarb.investors import INVESTORS, BuyAndHold, make_investor
from statarb.investors.context import reasons_of, rows_needed, rows_to_rest


def test_the_name_of_buy_and_hold_depends_on_its_parameter_alone() -> None:
    panel = panel_of(random_prices(30, 3), assets=["c", "a", "b"])
    investor = BuyAndHold()
    assert investor.name == "buy_and_hold"
    assert BuyAndHold("b").name == "buy_and_hold(asset=b)"
    held = pd.Series(0.0, index=panel.assets)
    assert investor.decide(panel, held).to_dict() == {"a": 1.0}
    assert investor.name == "buy_and_hold"


def test_a_run_says_which_asset_was_chosen_and_is_labelled_alike_before_and_after() -> None:
    """An investor that has decided before gives the same run as a fresh one, under one label."""
    panel = panel_of(random_prices(30, 3), assets=["c", "a", "b"])
    rules = sa.TradingRules().without_limits()
    used = BuyAndHold()
    used.decide(panel, pd.Series(0.0, index=panel.assets))
    for investor in (BuyAndHold(), used):
        run = sa.walk_forward(investor, panel, rules, start=panel.grid[0], decision_lag=0)
        assert run.investor == "buy_and_hold"
        assert list(run.assets_targeted) == ["a"]
        figures = run.metrics()
        assert (figures["assets_targeted"], figures["only_asset"]) == (1, "a")
        assert "3 assets, all in a" in run.summary()


def test_a_run_in_several_assets_or_none_names_no_only_asset() -> None:
    panel = panel_of(random_prices(30, 3), assets=["c", "a", "b"])
    rules = sa.TradingRules().without_limits()
    for name, count in (("cash", 0), ("equal_weight_hold", 3)):
        run = sa.walk_forward(make_investor(name), panel, rules, start=panel.grid[0])
        figures = run.metrics()
        assert (figures["assets_targeted"], figures["only_asset"]) == (count, None)
        assert "all in" not in run.summary()


def test_a_filled_buy_and_hold_rests_for_ever() -> None:
    panel = panel_of(random_prices(30, 3))
    for name in ("buy_and_hold", "equal_weight_hold"):
        investor = make_investor(name)
        assert rows_to_rest(investor) == 0.0
        answer = investor.decide(panel, pd.Series(0.0, index=panel.assets))
        assert rows_to_rest(investor) == 0.0
        filled = answer.reindex(panel.assets, fill_value=0.0)
        assert investor.decide(panel, filled) is None
        assert rows_to_rest(investor) == np.inf


@pytest.mark.parametrize("name", sorted(INVESTORS))
def test_rows_that_are_needed_are_a_number_and_too_few_are_no_fault(name: str) -> None:
    investor = make_investor(name)
    needed = rows_needed(investor)
    assert 1 <= needed <= 2016
    if needed > 1 and not investor.hindsight:
        panel = panel_of(random_prices(needed - 1, 3))
        assert investor.decide(panel, pd.Series(0.0, index=panel.assets)) is None


@pytest.mark.parametrize("name", ["momentum", "moving_average_cross", "relative_strength"])
def test_on_monthly_rows_a_run_says_what_is_missing(name: str) -> None:
    index = pd.date_range("2010-01-31", periods=120, freq="ME")
    panel = sa.Panel.from_frame(
        pd.DataFrame(random_prices(120, 4), index=index, columns=list("abcd"))
    )
    run = sa.walk_forward(
        make_investor(name), panel, sa.TradingRules().without_limits(), start=None
    )
    needed = make_investor(name).min_rows
    assert f"needs {needed} rows" in " ".join(run.failures["message"])


def test_reasons_for_cash_are_counted() -> None:
    panel = panel_of(random_prices(5, 4, seed=2))
    investor = make_investor("lead_lag")
    held = pd.Series(0.0, index=panel.assets)
    signal = {"expected_return": np.full(4, np.nan)}
    investor.decide_on(panel, held, signal)
    investor.decide_on(panel, held, {"expected_return": np.zeros(4)})
    assert reasons_of(investor) == {
        "no forecast": 1,
        "no expected gain above the entry band and no loss beyond the exit band": 1,
    }
