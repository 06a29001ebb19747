"""The plain investors, against what they are meant to earn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from investor_markets import growth, panel_of, random_prices, walk

import statarb as sa
from statarb import ParameterError
from statarb.investors import (
    BuyAndHold,
    BuyAndHoldEqualWeight,
    Cash,
    Momentum,
    Rebalanced,
    Reversal,
)
from statarb.investors.universe import carried, choose_assets, last_prices, listed


def replayed(investor, panel: sa.Panel, **rules: object) -> sa.Replay:
    run = sa.walk_forward(
        investor, panel, sa.TradingRules(**rules), start=panel.grid[0], decision_lag=0
    )
    return run.replay


def test_cash_sells_everything() -> None:
    panel = panel_of(random_prices(3, 2))
    held = pd.Series([0.5, 0.5], index=panel.assets)
    assert Cash().decide(panel.window(panel.times[-1]), held).sum() == 0.0


def test_holding_an_asset_grows_as_the_asset_does() -> None:
    prices = random_prices(50, 3)
    panel = panel_of(prices)
    np.testing.assert_allclose(
        growth(BuyAndHold(1443), panel), prices[-1, 1] / prices[0, 1], rtol=1e-12
    )
    # The panel's numeraire is 1442.
    np.testing.assert_allclose(
        growth(BuyAndHold(), panel), prices[-1, 0] / prices[0, 0], rtol=1e-12
    )


def test_hold_waits_for_its_asset_and_completes_a_cut_order() -> None:
    prices = np.full((20, 2), 10_000.0)
    prices[:5, 1] = np.nan
    panel = panel_of(prices)
    replay = replayed(BuyAndHold(1443), panel, capital=12_000.0, fee=0.0)
    weights = replay.weights[1443].to_numpy()
    # 0.5 of the numeraire is 5,000 USD an order: three orders for 12,000.
    np.testing.assert_allclose(weights[:9], [0, 0, 0, 0, 0, 5 / 12, 10 / 12, 1, 1], atol=1e-12)
    assert replay.orders_executed == 3


def test_holding_an_unknown_asset_is_an_error() -> None:
    panel = panel_of(random_prices(3, 2))
    with pytest.raises(ParameterError, match="asset 7 is not in the panel"):
        BuyAndHold(7).decide(panel.window(panel.times[-1]), pd.Series(0.0, index=panel.assets))


def test_equal_weight_is_the_mean_of_the_assets() -> None:
    prices = random_prices(60, 4)
    panel = panel_of(prices)
    replay = replayed(
        BuyAndHoldEqualWeight(), panel, fee=0.0, min_order=0.0, max_order=np.inf, numeraire=None
    )
    np.testing.assert_allclose(
        replay.value.iloc[-1] / 10_000.0, (prices[-1] / prices[0]).mean(), rtol=1e-12
    )
    assert replay.orders_executed == 4


def test_equal_weight_buys_what_had_no_quote_at_first_later_and_only_once() -> None:
    prices = np.full((12, 3), 5.0)
    prices[1:4, 2] = np.nan
    panel = panel_of(prices)
    run = sa.walk_forward(
        BuyAndHoldEqualWeight(),
        panel,
        sa.TradingRules(fee=0.0).without_limits(),
        start=panel.grid[1],
        decision_lag=1,
    )
    held = run.replay.weights[panel.assets]
    np.testing.assert_allclose(held.loc[panel.grid[1]], [1 / 3, 1 / 3, 0.0])
    np.testing.assert_allclose(held.loc[panel.grid[4]], 1 / 3)
    assert run.replay.orders_executed == 3


def test_equal_weight_does_not_rebalance() -> None:
    prices = np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 1.0], [2.0, 0.5]])
    panel = panel_of(prices)
    replay = replayed(
        BuyAndHoldEqualWeight(), panel, fee=0.0, min_order=0.0, max_order=np.inf, numeraire=None
    )
    np.testing.assert_allclose(replay.weights[panel.assets].iloc[-1], [0.8, 0.2])


def test_rebalanced_harvests_cover_and_gluss() -> None:
    # Cover (1991), section 1: one stock does not move, the other doubles and halves; half in each
    # grows by 9/8 in two days.
    prices = np.array([[1.0, 1.0], [1.0, 2.0]] * 10 + [[1.0, 1.0]])
    np.testing.assert_allclose(
        growth(Rebalanced(), panel_of(prices)), (9.0 / 8.0) ** 10, rtol=1e-12
    )


def test_rebalanced_to_given_weights_leaves_the_share_of_an_asset_without_price_in_cash() -> None:
    prices = random_prices(30, 3)
    prices[:10, 1] = np.nan
    targets = walk(Rebalanced(weights={1442: 0.3, 1443: 0.5}), panel_of(prices))
    np.testing.assert_allclose(targets.iloc[5], [0.3, 0.0, 0.0])
    np.testing.assert_allclose(targets.iloc[-1], [0.3, 0.5, 0.0])


def test_momentum_holds_the_best_and_reversal_the_worst() -> None:
    rates = np.array([0.01, -0.02, 0.03, 0.02])
    prices = np.exp(np.outer(np.arange(40), rates))
    panel = panel_of(prices)
    best = walk(Momentum(lookback=5, top=2, every=1), panel).iloc[-1]
    worst = walk(Reversal(lookback=5, top=1, every=1), panel).iloc[-1]
    assert best.to_dict() == {1442: 0.0, 1443: 0.0, 1444: 0.5, 1445: 0.5}
    assert worst.to_dict() == {1442: 0.0, 1443: 1.0, 1444: 0.0, 1445: 0.0}
    assert walk(Momentum(lookback=5, top=4, every=1, rising_only=True), panel).iloc[
        -1
    ].to_dict() == {
        1442: 0.25,
        1443: 0.0,
        1444: 0.25,
        1445: 0.25,
    }
    assert (
        walk(Reversal(lookback=5, top=4, every=1, falling_only=True), panel).iloc[-1].sum() == 0.25
    )


def test_momentum_agrees_with_the_pandas_expression() -> None:
    panel = panel_of(random_prices(80, 6, seed=3))
    rank = np.log(panel.price).diff(12).shift(2).rank(axis=1, ascending=False)
    targets = walk(Momentum(lookback=12, top=2, every=1, skip=2), panel)
    known = rank.notna().all(axis=1)
    np.testing.assert_allclose(targets[known], np.where(rank[known] <= 2, 0.5, 0.0))
    assert targets[~known].isna().all(axis=None)


def test_the_smaller_id_wins_a_tie() -> None:
    panel = panel_of(np.ones((20, 3)), assets=[30, 4, 200])
    assert walk(Momentum(lookback=3, top=1, every=1), panel).iloc[-1].to_dict() == {
        30: 0.0,
        4: 1.0,
        200: 0.0,
    }


def test_the_universe_is_the_largest_assets_with_a_recent_price() -> None:
    prices = random_prices(40, 5)
    prices[-20:, 0] = np.nan
    prices[::2, 1] = np.nan
    cap = np.tile([9.0, 5.0, 1.0, 7.0, 1.0], (40, 1))
    window = panel_of(prices, market_cap=cap)
    assert listed(window, 12).tolist() == [False, True, True, True, True]
    assert choose_assets(window, None, 12).tolist() == [1, 2, 3, 4]
    assert choose_assets(window, 3, 12).tolist() == [1, 2, 3]
    # Without capitalisations the number of quotes decides, then the id.
    assert choose_assets(panel_of(prices), 2, 12).tolist() == [2, 3]
    assert choose_assets(panel_of(prices), 2, 40).tolist() == [2, 3]


def test_last_prices_and_carried_prices_by_hand() -> None:
    nan = np.nan
    window = panel_of([[1.0, nan, nan], [nan, 5.0, nan], [nan, nan, 8.0], [4.0, nan, nan]])
    np.testing.assert_array_equal(last_prices(window, 2), [4.0, nan, 8.0])
    np.testing.assert_array_equal(last_prices(window, 9), [4.0, 5.0, 8.0])
    np.testing.assert_array_equal(last_prices(window, 1, back=2), [nan, 5.0, nan])
    np.testing.assert_array_equal(last_prices(window, 3, back=9), [nan, nan, nan])
    np.testing.assert_array_equal(
        carried(window, np.array([0, 1])), [[1.0, nan], [1.0, 5.0], [1.0, 5.0], [4.0, 5.0]]
    )
    np.testing.assert_array_equal(carried(window, np.array([0, 1]), 2), [[1.0, 5.0], [4.0, 5.0]])
    np.testing.assert_array_equal(carried(window, np.arange(3)), window.last_known())
