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
from statarb.investors.benchmarks.moments import covariance, recent_returns


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
    wanted = cp.Variable(6)
    cp.Problem(
        cp.Minimize(cp.quad_form(wanted, estimate * 1e5)), [wanted >= 0, cp.sum(wanted) == 1]
    ).solve(solver="CLARABEL")
    # Clarabel stops at about 1e-8 of the objective.
    np.testing.assert_allclose(found, wanted.value, atol=1e-5)
    assert found @ estimate @ found <= wanted.value @ estimate @ wanted.value * (1.0 + 1e-6)
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
    wanted = walk(EqualWeight(), panel)
    decided = wanted.dropna()
    np.testing.assert_allclose(decided, 0.25)
    midnights = [stamp for stamp in panel.times if stamp.hour == stamp.minute == 0]
    assert list(decided.index) == sorted(
        {
            START,
            START + pd.Timedelta("5min"),
            *midnights,
            *(t + pd.Timedelta("5min") for t in midnights),
        }
    )
    assert "weights" not in EqualWeight().get_params()


def test_a_hole_counts_as_many_steps() -> None:
    prices = random_prices(300, 2)
    index = pd.date_range(START, periods=300, freq="5min", unit="us")
    index = index[:150].append(index[150:] + pd.Timedelta("62h"))
    window = sa.Panel.from_frame(pd.DataFrame(prices, index=index), step="5min")
    _, returns = recent_returns(window, 2016, None, 12)
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
    column, returns = recent_returns(panel_of(prices), 2016, None, 12)
    assert column.tolist() == [0, 4]
    assert returns.shape == (199, 2)
    for investor in (
        MinimumVariance(every=1),
        RiskParity(every=1),
        InverseVolatility(every=1),
        VolatilityTarget(every=1),
    ):
        wanted = walk(investor, panel_of(prices), first=199).iloc[0]
        assert set(wanted.index[wanted > 0.0]) <= {1442, 1446}


@pytest.mark.parametrize(
    "investor", [MinimumVariance(), RiskParity(), InverseVolatility(), VolatilityTarget()]
)
def test_without_history_the_holdings_stay(investor) -> None:
    assert walk(investor, panel_of(random_prices(1, 3))).isna().all(axis=None)
    assert walk(investor, panel_of(np.ones((30, 3)))).isna().all(axis=None)


@pytest.mark.parametrize(("rows", "assets"), [(50, 3), (10, 30), (400, 8), (2, 2)])
def test_shrinkage_is_that_of_scikit_learn(rows: int, assets: int) -> None:
    rng = np.random.default_rng(rows)
    returns = 0.01 * (rng.standard_t(3, (rows, assets)) + rng.normal(size=(rows, 1)))
    expected, _ = ledoit_wolf(returns)
    np.testing.assert_allclose(covariance(returns, shrink=True), expected, rtol=1e-10, atol=1e-18)
    np.testing.assert_allclose(
        covariance(returns, shrink=False), np.cov(returns, rowvar=False), rtol=1e-10, atol=1e-18
    )


def test_covariance_of_one_asset_is_its_variance() -> None:
    returns = np.random.default_rng(0).normal(size=(50, 1))
    np.testing.assert_allclose(covariance(returns, shrink=False), [[returns.var(ddof=1)]])
    assert covariance(returns, shrink=True).shape == (1, 1)
