"""Trading robots against rules written out row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from investor_markets import panel_of, random_prices, walk

from statarb import ParameterError
from statarb.investors import ChannelBreakout, MovingAverageCross, RelativeStrength


def test_moving_average_cross_agrees_with_pandas() -> None:
    panel = panel_of(random_prices(200, 2, seed=1))
    price = panel.price[1442]
    targets = walk(MovingAverageCross(fast=5, slow=20), panel)
    fast, slow = price.rolling(5).mean(), price.rolling(20).mean()
    known = slow.notna()
    assert 0.2 < (fast > slow)[known].mean() < 0.8
    np.testing.assert_array_equal(targets[1442][known], (fast > slow)[known].astype(float))
    assert targets[1442][~known].isna().all()
    assert (targets[1443].dropna() == 0.0).all()


def test_exponential_averages_agree_with_pandas() -> None:
    panel = panel_of(random_prices(150, 1, seed=2))
    price = panel.price[1442]
    targets = walk(MovingAverageCross(fast=5, slow=20, average="exponential"), panel)[1442]
    fast, slow = price.ewm(span=5).mean(), price.ewm(span=20).mean()
    known = targets.notna()
    np.testing.assert_array_equal(targets[known], (fast > slow)[known].astype(float))


def test_the_band_keeps_the_holdings() -> None:
    panel = panel_of(random_prices(200, 1, seed=3))
    price = panel.price[1442]
    targets = walk(MovingAverageCross(fast=5, slow=20, band=0.01), panel)[1442]
    ratio = price.rolling(5).mean() / price.rolling(20).mean()
    expected = pd.Series(
        np.where(ratio > 1.01, 1.0, np.where(ratio <= 0.99, 0.0, np.nan)), index=price.index
    )
    np.testing.assert_array_equal(targets, expected)


def test_channel_breakout_agrees_with_its_rule_row_by_row() -> None:
    panel = panel_of(random_prices(300, 1, seed=4))
    price = panel.price[1442].to_numpy()
    state, expected = np.nan, []
    for row in range(len(price)):
        if row >= 10 and price[row] > price[row - 10 : row].max():
            state = 1.0
        if row >= 5 and price[row] < price[row - 5 : row].min():
            state = 0.0
        expected.append(state)
    np.testing.assert_array_equal(walk(ChannelBreakout(entry=10, exit=5), panel)[1442], expected)
    # A window that reaches back far enough for the latest event gives the same; one without an
    # event keeps the holdings.
    np.testing.assert_array_equal(
        walk(ChannelBreakout(entry=10, exit=5), panel, depth=150)[1442], expected
    )
    flat = walk(ChannelBreakout(entry=10, exit=5), panel_of(np.ones((40, 1))))
    assert flat.isna().all(axis=None)


def test_relative_strength_agrees_with_pandas() -> None:
    panel = panel_of(random_prices(200, 3, seed=5))
    ratio = panel.price[1444] / panel.price[1442]
    strong = ratio > ratio.rolling(30).mean()
    targets = walk(RelativeStrength(first=1444, second=1442, lookback=30), panel).iloc[29:]
    np.testing.assert_array_equal(targets[1444], strong.iloc[29:].astype(float))
    np.testing.assert_array_equal(targets[1442], (~strong).iloc[29:].astype(float))
    assert (targets[1443] == 0.0).all()


def test_relative_strength_goes_to_cash_where_both_fall() -> None:
    falling = np.exp(np.outer(-np.arange(60), [0.01, 0.02]))
    targets = walk(RelativeStrength(lookback=20, rising_only=True), panel_of(falling)).iloc[-1]
    assert targets.sum() == 0.0
    assert walk(RelativeStrength(lookback=20), panel_of(falling)).iloc[-1].to_dict() == {
        1442: 1.0,
        1443: 0.0,
    }


def test_the_second_asset_is_the_largest_other() -> None:
    cap = np.tile([5.0, 1.0, 9.0], (40, 1))
    panel = panel_of(np.exp(np.outer(np.arange(40), [0.0, 0.5, 0.1])), market_cap=cap)
    assert walk(RelativeStrength(lookback=10), panel).iloc[-1].to_dict() == {
        1442: 0.0,
        1443: 0.0,
        1444: 1.0,
    }


@pytest.mark.parametrize(
    "robot",
    [
        MovingAverageCross(fast=2, slow=5),
        ChannelBreakout(entry=5, exit=3),
        RelativeStrength(first=1442, lookback=5),
    ],
)
def test_an_asset_without_a_recent_price_is_sold(robot) -> None:
    prices = np.exp(np.outer(np.arange(60), [0.02, 0.01]))
    prices[30:, 0] = np.nan
    targets = walk(robot, panel_of(prices))[1442]
    assert targets.iloc[29] == 1.0
    assert targets.iloc[-1] == 0.0


def test_one_asset_alone_has_no_strength() -> None:
    assert walk(RelativeStrength(lookback=5), panel_of(random_prices(20, 1))).isna().all(axis=None)


def test_an_unknown_asset_is_an_error() -> None:
    panel = panel_of(random_prices(300, 2))
    for robot in (
        MovingAverageCross(asset=7),
        ChannelBreakout(asset=7),
        RelativeStrength(second=7),
    ):
        with pytest.raises(ParameterError, match="asset 7 is not in the panel"):
            robot.decide(panel.window(panel.times[-1]), pd.Series(0.0, index=panel.assets))
