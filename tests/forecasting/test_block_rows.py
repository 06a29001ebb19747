"""Forecasts of a block come from its own rows alone, bit by bit; the regressions of reduced rank
against a plain reference.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.forecasting.features import CARRY, known_prices, moves
from statarb.forecasting.linear import CrossAssetRidge, ReducedRankRidge
from tests.conftest import make_panel

DEPTH = 250


@pytest.fixture(scope="module")
def panel() -> sa.Panel:
    return make_panel(1603, 6, seed=8, missing=0.1)


@pytest.fixture(scope="module")
def long_panel() -> sa.Panel:
    """More rows than a block's window and the anchors of its rolling sums reach back."""
    return make_panel(2803, 6, seed=8, missing=0.1)


@pytest.mark.parametrize("scale_rows", [72, 50, None])
@pytest.mark.parametrize("kind", [CrossAssetRidge, ReducedRankRidge])
def test_a_block_is_that_of_the_whole_panel_bit_by_bit(
    long_panel: sa.Panel, kind: type, scale_rows: int | None
) -> None:
    panel = long_panel
    model = kind(scale_rows=scale_rows, horizon=2)
    rows = np.arange(2640, 2700)
    design, begin = model._design_of(panel, rows, rows, DEPTH)
    assert begin > 0
    # a window, at most an anchor's distance before it, and the block
    assert len(design.target) < 1800
    whole = kind(scale_rows=scale_rows, horizon=2)
    everything = whole._design(panel, DEPTH)
    whole._design_of = lambda *_: (everything, 0)
    expected, _ = whole.forecast_block(panel, rows, rows, DEPTH)
    np.testing.assert_array_equal(model.forecast_block(panel, rows, rows, DEPTH)[0], expected)
    for row in rows[::20]:
        alone = np.array([row])
        one, _ = model.forecast_block(panel.row_slice(0, row + 1), alone, alone, DEPTH)
        np.testing.assert_array_equal(one[0], expected[row - rows[0]])


def coefficients_by_hand(
    model: ReducedRankRidge, shared: np.ndarray, own: np.ndarray, target: np.ndarray
) -> tuple:
    """The three regressions in the order of the docstring, from the rows themselves."""
    features, assets = shared.shape[1], target.shape[1]
    lags = own.shape[1] // assets
    penalty = np.diag((shared * shared).sum(axis=0) * model._lag_of(features))
    ridge = np.linalg.solve(shared.T @ shared + model.alpha * penalty, shared.T @ target)
    _, _, axes = np.linalg.svd(shared @ ridge, full_matrices=False)
    first = ridge @ axes[: model.rank].T @ axes[: model.rank]
    left = target - shared @ first
    second = np.empty((lags, assets))
    for asset in range(assets):
        mine = own[:, asset::assets]
        square = mine.T @ mine
        second[:, asset] = np.linalg.solve(
            square + model.own_alpha * np.diag(np.diag(square)), mine.T @ left[:, asset]
        )
        left[:, asset] -= mine @ second[:, asset]
    third = np.linalg.solve(shared.T @ shared + model.rest_alpha * penalty, shared.T @ left)
    return first + third, second


@pytest.mark.parametrize(("rank", "lags"), [(1, 1), (2, 3), (6, 2)])
def test_the_regressions_of_reduced_rank_are_those_of_a_plain_reference(
    panel: sa.Panel, rank: int, lags: int
) -> None:
    model = ReducedRankRidge(rank=rank, lags=lags)
    design = model._design(panel.row_slice(0, 700))
    rows = np.flatnonzero(design.usable[:600])[design.first :]
    shared, own = model.coefficients_of(design, rows)
    expected, expected_own = coefficients_by_hand(
        model, design.shared[rows], design.own[rows], design.target[rows]
    )
    # the reference takes the axes from the rows, the library from products of their moments: digits
    # are lost, not more
    np.testing.assert_allclose(shared, expected, atol=1e-9)
    np.testing.assert_allclose(own, expected_own, atol=1e-9)


def test_a_market_without_moves_has_no_coefficients() -> None:
    price = np.full((300, 3), 7.0)
    still = make_panel(300, 3, missing=0.0, gaps=False).with_arrays({"price": price})
    model = ReducedRankRidge()
    rows = np.arange(280, 300)
    assert (model.forecast_block(still, rows, rows, DEPTH)[0] == 0.0).all()


def test_returns_and_last_known_prices_against_a_loop() -> None:
    """Gaps are counted in rows: a forecaster does not see times at which nothing was quoted."""
    rng = np.random.default_rng(0)
    logs = rng.normal(size=(200, 4))
    logs[rng.random(logs.shape) < 0.6] = np.nan
    logs[20 : 20 + CARRY, 1] = np.nan
    logs[60 : 62 + CARRY, 2] = np.nan
    logs[:, 3] = np.where(np.isnan(logs).all(axis=1), 0.0, logs[:, 3])
    index = pd.date_range("2020", periods=200, freq="5min")
    frame = pd.DataFrame(np.exp(logs), index=index, columns=list("abcd"))
    frame.index = frame.index.where(np.arange(200) < 100, frame.index + pd.Timedelta("5D"))
    panel = sa.Panel.from_frame(frame, step="5min")
    logs = np.log(frame.to_numpy())
    returns, filled = np.zeros_like(logs), np.full_like(logs, np.nan)
    for (row, column), value in np.ndenumerate(logs):
        past = np.flatnonzero(~np.isnan(logs[:row, column]))
        if not np.isnan(value):
            filled[row, column] = value
            if len(past) and row - past[-1] <= CARRY:
                returns[row, column] = value - logs[past[-1], column]
        elif len(past) and row - past[-1] < 5:
            filled[row, column] = logs[past[-1], column]
    found = moves(panel, scale_rows=None, clip=None)
    np.testing.assert_allclose(found.returns, returns, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(np.log(known_prices(panel, depth=5)), filled)
    assert not np.isnan(known_prices(panel)[-1]).any()
