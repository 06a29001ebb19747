"""Classic portfolios against their definitions, another solver and scikit-learn's covariance."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from investor_markets import START, panel_of, random_prices, walk
from sklearn.covariance import ledoit_wolf

import statarb as sa
from statarb.investors import (
    EqualWeight,
    InverseVolatility,
    MinimumVariance,
    RiskParity,
    VolatilityTarget,
)
from statarb.investors.benchmarks.moments import (
    RecentReturns,
    covariance,
    recent_returns,
)


def market(rows: int = 400, assets: int = 6, seed: int = 0) -> sa.Panel:
    rng = np.random.default_rng(seed)
    factor = rng.normal(0.0, 0.004, (rows, 1))
    own = rng.normal(0.0, 0.003, (rows, assets)) * np.linspace(0.3, 2.0, assets)
    return panel_of(np.exp(np.cumsum(factor * np.linspace(0.2, 1.5, assets) + own, axis=0)))


def test_minimum_variance_agrees_with_clarabel() -> None:
    panel = market()
    returns = np.diff(np.log(panel.array("price")), axis=0)
    estimate, _ = ledoit_wolf(returns)
    found = walk(MinimumVariance(every=1), panel, first=399).iloc[0].to_numpy()
    targets = cp.Variable(6)
    cp.Problem(
        cp.Minimize(cp.quad_form(targets, estimate * 1e5)), [targets >= 0, cp.sum(targets) == 1]
    ).solve(solver="CLARABEL")
    # Clarabel stops at about 1e-8 of the objective.
    np.testing.assert_allclose(found, targets.value, atol=1e-5)
    assert found @ estimate @ found <= targets.value @ estimate @ targets.value * (1.0 + 1e-6)
    sample = walk(MinimumVariance(every=1, shrink=False), panel, first=399).iloc[0].to_numpy()
    slope = np.cov(returns, rowvar=False) @ sample
    np.testing.assert_allclose(slope[sample > 0], slope[sample > 0].mean(), rtol=1e-8)


def test_equal_risk_contributes_equally() -> None:
    panel = market(seed=1)
    estimate, _ = ledoit_wolf(np.diff(np.log(panel.array("price")), axis=0))
    found = walk(RiskParity(every=1), panel, first=399).iloc[0].to_numpy()
    share = found * (estimate @ found)
    np.testing.assert_allclose(share / share.sum(), 1 / 6, rtol=1e-9)


def test_inverse_volatility_by_its_formula() -> None:
    panel = market(seed=2)
    spread = np.diff(np.log(panel.array("price")), axis=0).std(axis=0, ddof=1)
    found = walk(InverseVolatility(every=1, shrink=False), panel, first=399).iloc[0]
    np.testing.assert_allclose(found, (1 / spread) / (1 / spread).sum(), rtol=1e-10)


def test_volatility_target_scales_exposure_down_to_the_target() -> None:
    panel = market(seed=3)
    together = np.diff(np.log(panel.array("price")), axis=0).mean(axis=1)
    sigma = np.sqrt(pd.Series(together**2).ewm(halflife=50).mean().iloc[-1] * 288)
    found = walk(VolatilityTarget(target=0.01, half_life=50, every=1), panel, first=399).iloc[0]
    np.testing.assert_allclose(found, 0.01 / sigma / 6, rtol=1e-10)
    np.testing.assert_allclose(
        walk(VolatilityTarget(target=5.0, every=1), panel, first=399).iloc[0], 1 / 6
    )


def test_one_over_n_returns_to_equal_weights_once_a_day() -> None:
    panel = panel_of(random_prices(400, 4))
    targets = walk(EqualWeight(), panel)
    decided = targets.dropna()
    np.testing.assert_allclose(decided, 0.25)
    assert list(decided.index) == [START, START + pd.Timedelta("1D")]
    assert "weights" not in EqualWeight().get_params()


def test_a_gap_counts_as_many_steps() -> None:
    prices = random_prices(300, 2)
    index = pd.date_range(START, periods=300, freq="5min", unit="us")
    index = index[:150].append(index[150:] + pd.Timedelta("62h"))
    window = sa.Panel.from_frame(pd.DataFrame(prices, index=index), step="5min")
    returns = recent_returns(window, 2016, None, 12).synchronous
    plain = np.diff(np.log(prices), axis=0)
    np.testing.assert_allclose(
        np.delete(returns, 149, axis=0), np.delete(plain, 149, axis=0), rtol=1e-12
    )
    np.testing.assert_allclose(returns[149], plain[149] / np.sqrt(62 * 12 + 1), rtol=1e-12)


def test_assets_without_a_history_or_without_movement_are_left_out() -> None:
    prices = random_prices(200, 5)
    prices[:100, 1] = np.nan
    prices[:, 2] = 3.0
    prices[-20:, 3] = np.nan
    recent = recent_returns(panel_of(prices), 2016, None, 12)
    assert recent.column.tolist() == [0, 4]
    assert recent.returns.shape == recent.synchronous.shape == (199, 2)
    for investor in (
        MinimumVariance(every=1),
        RiskParity(every=1),
        InverseVolatility(every=1),
        VolatilityTarget(every=1),
    ):
        targets = walk(investor, panel_of(prices), first=199).iloc[0]
        assert set(targets.index[targets > 0.0]) <= {1442, 1446}


@pytest.mark.parametrize(
    "investor", [MinimumVariance(), RiskParity(), InverseVolatility(), VolatilityTarget()]
)
def test_without_history_the_holdings_stay(investor) -> None:
    assert walk(investor, panel_of(random_prices(1, 3))).isna().all(axis=None)
    assert walk(investor, panel_of(np.ones((30, 3)))).isna().all(axis=None)


def of_arrays(returns: np.ndarray) -> RecentReturns:
    """Returns without gaps."""
    rows, assets = returns.shape
    return RecentReturns(np.arange(assets), returns, returns, np.arange(rows))


def ledoit_wolf_by_hand(returns: np.ndarray) -> np.ndarray:
    """Lemma 3.3 of Ledoit and Wolf (2004), row by row."""
    rows, size = returns.shape
    centred = returns - returns.mean(axis=0)
    sample = centred.T @ centred / rows
    mean = np.trace(sample) / size
    distance = ((sample - mean * np.eye(size)) ** 2).sum() / size
    noise = sum(((np.outer(x, x) - sample) ** 2).sum() / size for x in centred) / rows**2
    share = min(noise, distance) / distance
    return (1.0 - share) * sample + share * mean * np.eye(size)


@pytest.mark.parametrize(("rows", "assets"), [(50, 3), (10, 30), (400, 8), (3, 2)])
def test_the_covariance_is_that_of_the_paper(rows: int, assets: int) -> None:
    rng = np.random.default_rng(rows)
    returns = 0.01 * (rng.standard_t(3, (rows, assets)) + rng.normal(size=(rows, 1)))
    found = of_arrays(returns)
    np.testing.assert_allclose(
        covariance(found, shrink=True), ledoit_wolf_by_hand(returns), rtol=1e-10, atol=1e-18
    )
    np.testing.assert_allclose(
        covariance(found, shrink=False), np.cov(returns, rowvar=False), rtol=1e-10, atol=1e-18
    )


def test_covariance_of_one_asset_is_its_variance() -> None:
    returns = np.random.default_rng(0).normal(size=(50, 1))
    found = of_arrays(returns)
    np.testing.assert_allclose(covariance(found, shrink=False), [[returns.var(ddof=1)]])
    np.testing.assert_allclose(covariance(found, shrink=True), [[returns.var()]])


def thinned(prices: np.ndarray, column: int, keep: int) -> np.ndarray:
    """The same prices, with one asset quoted in every ``keep``-th row alone."""
    kept = prices.copy()
    kept[np.arange(len(kept)) % keep != keep - 1, column] = np.nan
    return kept


def test_an_asset_s_own_gap_is_a_gap() -> None:
    step = 0.01
    panel = panel_of([[1.0, 1.0], [np.nan, np.exp(step)], [np.exp(2 * step), np.exp(2 * step)]])
    recent = recent_returns(panel, 3, None, 12)
    np.testing.assert_allclose(
        recent.returns, [[np.nan, step], [2 * step / np.sqrt(2), step]], rtol=1e-12
    )
    # by the third row both have been quoted again
    np.testing.assert_allclose(recent.synchronous, [[2 * step / np.sqrt(2)] * 2], rtol=1e-12)
    assert recent.row.tolist() == [1]


def test_refresh_times_by_hand() -> None:
    nan = np.nan
    prices = [[1.0, 1.0], [nan, 2.0], [3.0, nan], [nan, 4.0], [nan, 5.0], [6.0, nan], [7.0, 7.0]]
    recent = recent_returns(panel_of(prices), 9, None, 12)
    # rows by which both have been quoted since the refresh time before: 0, 2, 5, 6
    assert recent.row.tolist() == [1, 4, 5]
    np.testing.assert_allclose(
        recent.synchronous,
        [
            np.log([3.0 / 1.0, 2.0 / 1.0]) / np.sqrt(2),
            np.log([6.0 / 3.0, 5.0 / 2.0]) / np.sqrt(3),
            np.log([7.0 / 6.0, 7.0 / 5.0]),
        ],
    )


@pytest.mark.parametrize("keep", [2, 6])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "investor",
    [MinimumVariance(lookback=8064), InverseVolatility(lookback=8064), RiskParity(lookback=8064)],
)
def test_thin_quotes_change_no_weight_by_much(investor, seed: int, keep: int) -> None:
    """Four assets alike, with correlations of one half: one that is quoted seldom deserves no more
    weight than the others.
    """
    rng = np.random.default_rng(seed)
    moves = 0.005 * (rng.normal(size=(8064, 1)) + rng.normal(size=(8064, 4)))
    prices = np.exp(np.cumsum(moves, axis=0))
    weight = walk(investor, panel_of(thinned(prices, 1, keep)), first=8063, depth=8064).iloc[0]
    # 1344 synchronous returns at least: standard errors of variances of 4 %, of weights of 2 %
    np.testing.assert_allclose(weight, 0.25, atol=0.06)


@pytest.mark.parametrize("keep", [2, 6])
def test_thin_quotes_change_no_variance(keep: int) -> None:
    rng = np.random.default_rng(7)
    moves = 0.005 * (rng.normal(size=(20_000, 1)) + rng.normal(size=(20_000, 3)))
    prices = thinned(np.exp(np.cumsum(moves, axis=0)), 1, keep)
    found = covariance(recent_returns(panel_of(prices), 20_000, None, 12), shrink=False)
    # standard errors of 2.4 % at 3,333 synchronous returns
    np.testing.assert_allclose(found / 2.5e-5, np.ones((3, 3)) + np.eye(3), atol=0.16)
