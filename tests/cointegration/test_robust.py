"""Pairs tested again: White's standard errors, and whether the other leg matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import statarb as sa
from statarb._core.typing import FloatArray
from statarb.cointegration._engine.robust import (
    other_leg_ratio_reference,
    other_leg_ratios,
    robust_tau_reference,
    robust_taus,
)
from statarb.cointegration.robust import best_explained, robust_pass
from statarb.cointegration.scan import scan_levels

HALF_LIFE = 24.0


def walks(seed: int, assets: int = 12, rows: int = 2016, *, burst: bool = False) -> FloatArray:
    """(assets, rows): independent random walks; with a burst of volatility in a tenth of the rows
    where asked for.
    """
    rng = np.random.default_rng(seed)
    size = np.full(rows, 0.003)
    if burst:
        size[rows // 3 : rows // 3 + rows // 10] *= 8.0
    return np.cumsum(rng.standard_normal((assets, rows)) * size, axis=1)


def with_pair(levels: FloatArray, seed: int, spread: float = 0.02) -> FloatArray:
    """The last asset follows the first one, up to a spread that reverts."""
    rng = np.random.default_rng(seed)
    persistence = 0.5 ** (1.0 / HALF_LIFE)
    shocks = rng.standard_normal(levels.shape[1]) * spread * np.sqrt(1.0 - persistence**2)
    deviation = np.empty(levels.shape[1])
    deviation[0] = shocks[0]
    for row in range(1, len(shocks)):
        deviation[row] = persistence * deviation[row - 1] + shocks[row]
    found = levels.copy()
    found[-1] = found[0] + deviation
    return found


def scanned(levels: FloatArray) -> sa.cointegration.PairScan:
    tests = scan_levels(
        levels,
        pd.RangeIndex(len(levels)),
        lags="aic",
        max_lags=12,
        fdr="bh",
        min_overlap=100,
    )
    return tests.filter(pvalue_adjusted=0.05, half_life=(2.0, 576.0), one_direction=True)


@pytest.mark.parametrize("lags", [0, 1, 5])
def test_kernel_reference_and_statsmodels_agree(lags: int) -> None:
    levels = with_pair(walks(1, assets=4, rows=400), 2)
    levels[1, :50] = np.nan
    levels[2, 100:110] = np.nan
    y, x = np.array([3, 1, 2]), np.array([0, 2, 3])
    ratio = np.array([1.0, 0.5, -0.3])
    found = robust_taus(levels, y, x, ratio, np.full(3, lags))
    for pair in range(3):
        one = robust_tau_reference(levels[y[pair]], levels[x[pair]], ratio[pair], lags)
        assert found[pair] == pytest.approx(one, rel=1e-9)
    spread = levels[3] - levels[0]
    spread = spread - spread.mean()
    change = np.diff(spread)
    columns = [spread[lags:-1], *(change[lags - j : len(change) - j] for j in range(1, lags + 1))]
    fit = sm.OLS(change[lags:], np.column_stack(columns)).fit(cov_type="HC0")
    assert found[0] == pytest.approx(fit.tvalues[0], rel=1e-9)


def test_the_other_leg_agrees_with_its_reference_and_with_statsmodels() -> None:
    levels = with_pair(walks(3, assets=4, rows=500), 4)
    levels[1, 20:40] = np.nan
    y, x = np.array([3, 1]), np.array([0, 2])
    found = other_leg_ratios(levels, y, x)
    for pair in range(2):
        one = other_leg_ratio_reference(levels[y[pair]], levels[x[pair]])
        assert found[pair] == pytest.approx(one, rel=1e-8)
    left, right = levels[3], levels[0]
    design = sm.add_constant(np.column_stack([right[:-1], left[:-1], np.diff(right)]))
    fit = sm.OLS(np.diff(left), design).fit(cov_type="HC0")
    assert found[0] == pytest.approx(fit.tvalues[1], rel=1e-8)


def test_awkward_pairs_have_no_statistic() -> None:
    levels = np.vstack([np.zeros(50), np.full(50, np.nan), np.arange(50.0)])
    none = np.zeros(2, dtype=np.int64)
    y, x = np.array([0, 1]), np.array([0, 2])
    assert np.isnan(robust_taus(levels, y, x, np.ones(2), none)).all()
    assert np.isnan(other_leg_ratios(levels, y, x)).all()


def test_a_burst_of_volatility_makes_chance_pairs_of_which_none_passes_again() -> None:
    chance = passed = 0
    for seed in range(12):
        levels = walks(seed, burst=True)
        kept = scanned(levels)
        chance += len(kept)
        passed += int(robust_pass(kept, levels, level=0.05, method="bh").sum())
    assert chance >= 20
    assert passed <= 1


def garch_walks(seed: int, assets: int = 12, rows: int = 2016) -> FloatArray:
    """(assets, rows): independent random walks whose variance follows GARCH(1, 1), with shocks of
    Student's t with 4 degrees of freedom, as heavy as those of five-minute returns.
    """
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(4.0, (assets, rows)) * np.sqrt(0.5)
    returns, variance = np.empty((assets, rows)), np.full(assets, 1e-5)
    for row in range(rows):
        returns[:, row] = np.sqrt(variance) * shocks[:, row]
        variance = 1e-7 + 0.3 * returns[:, row] ** 2 + 0.69 * variance
    return np.cumsum(returns, axis=1)


def test_of_walks_with_garch_volatility_many_pass_the_usual_test_and_none_again() -> None:
    chance = passed = 0
    for seed in range(12):
        levels = garch_walks(seed)
        kept = scanned(levels)
        chance += len(kept)
        passed += int(robust_pass(kept, levels, level=0.05, method="bh").sum())
    assert chance >= 30
    assert passed == 0


def test_a_pair_that_is_there_passes_again() -> None:
    found = 0
    for seed in range(10):
        levels = with_pair(walks(seed), 100 + seed)
        kept = scanned(levels)
        kept = kept[robust_pass(kept, levels, level=0.05, method="bh")]
        kept = kept[best_explained(kept, levels)]
        found += {0, 11} in [{int(y), int(x)} for y, x in zip(kept.y, kept.x, strict=True)]
    assert found >= 7


def test_an_asset_that_reverts_by_itself_is_no_pair_with_everything() -> None:
    hubs = left = 0
    for seed in range(8):
        levels = walks(seed)
        levels[5] = with_pair(np.zeros((2, levels.shape[1])), seed)[-1]
        kept = scanned(levels)
        hubs += int((kept.y == 5).sum())
        left += int((best_explained(kept, levels) & (kept.y == 5)).sum())
    assert hubs >= 40
    assert left <= 2
