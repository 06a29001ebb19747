"""Distances, correlations, residuals of principal components and clusters, against plain
recomputations.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from statsmodels.tsa.ar_model import AutoReg

import statarb as sa
from statarb.cointegration import (
    cluster_pairs,
    correlation_pairs,
    distance_pairs,
    principal_residuals,
)
from statarb.errors import DataError, ParameterError


def market(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Three groups of four assets, each on a factor of its own."""
    rng = np.random.default_rng(seed)
    factors = np.cumsum(rng.normal(size=(rows, 3)), axis=0)
    levels = np.repeat(factors, 4, axis=1) + np.cumsum(0.3 * rng.normal(size=(rows, 12)), axis=0)
    return pd.DataFrame(0.01 * levels + 1.0, columns=[f"c{i}" for i in range(12)])


def test_distances_are_those_of_normalised_prices() -> None:
    frame = market()
    frame.iloc[:50, 3] = np.nan
    frame.iloc[100, 5] = np.nan
    table = distance_pairs(frame)
    prices = np.exp(frame)
    normal = prices / prices.bfill().iloc[0]
    assert len(table) == 66
    for row in table.itertuples():
        assert row.distance == pytest.approx(
            ((normal[row.y] - normal[row.x]) ** 2).mean(), rel=1e-9, abs=1e-13
        )
    assert table["distance"].is_monotonic_increasing
    assert len(distance_pairs(frame, 5)) == 5
    frame["never"] = np.nan
    assert distance_pairs(frame)["distance"].isna().sum() == 12


@pytest.mark.parametrize("steps", [1, 6])
def test_correlations_are_those_of_pandas(steps: int) -> None:
    frame = market()
    frame.iloc[:50, 3] = np.nan
    frame.iloc[100:104, 5] = np.nan
    frame["flat"] = 2.0
    table = correlation_pairs(frame, steps=steps)
    expected = frame.diff(steps).drop(columns="flat").corr()
    for row in table.itertuples():
        if "flat" in (row.y, row.x):
            assert np.isnan(row.correlation)
        else:
            assert row.correlation == pytest.approx(expected.loc[row.y, row.x], abs=1e-9)
    assert table["correlation"].dropna().is_monotonic_decreasing
    with pytest.raises(DataError, match="returns of 299 steps need at least 302"):
        correlation_pairs(frame, steps=299)


def test_residuals_are_those_of_a_regression_on_eigenportfolios() -> None:
    frame = market()
    frame.iloc[7, 2] = np.nan
    frame["flat"] = 1.0
    result = principal_residuals(frame, 3)
    complete = frame.drop(columns=["c2", "flat"])
    returns = complete.diff().dropna()
    components = PCA(3).fit(returns / returns.std(ddof=0)).components_
    portfolio = returns.to_numpy() @ (components / returns.std(ddof=0).to_numpy()).T
    design = np.column_stack([np.ones(len(returns)), portfolio])
    expected = returns - design @ np.linalg.lstsq(design, returns, rcond=None)[0]
    np.testing.assert_allclose(result.residuals[complete.columns], expected, atol=1e-11)
    assert result.residuals[["c2", "flat"]].isna().all().all()
    assert result.scores.loc[["c2", "flat"]].isna().all().all()
    np.testing.assert_allclose(np.abs(result.factors), np.abs(portfolio), atol=1e-10)
    # running sums end at 0, and the score is the last deviation in long-run standard deviations
    total = result.residuals["c0"].cumsum()
    assert abs(total.iloc[-1]) < 1e-12
    fit = AutoReg(total.to_numpy(), 1).fit()
    b, mean = fit.params[1], fit.params[0] / (1.0 - fit.params[1])
    score = -mean / np.sqrt(fit.sigma2 / (1.0 - b**2))
    assert result.scores.loc["c0", "s_score"] == pytest.approx(score, rel=1e-6)
    assert result.scores.loc["c0", "half_life"] == pytest.approx(np.log(0.5) / np.log(b), rel=1e-8)
    assert result.expected_return(5)["c0"] == pytest.approx((1.0 - b**5) * mean, rel=1e-6)


def test_too_little_data_for_factors_is_named() -> None:
    with pytest.raises(DataError, match="12 factors need more than 12 assets"):
        principal_residuals(market(), 12)
    with pytest.raises(DataError, match="10 returns"):
        principal_residuals(market(11), 3)


@pytest.mark.parametrize("method", ["optics", "hdbscan"])
def test_clusters_are_the_planted_groups(method: str) -> None:
    frame = market()
    frame["flat"] = 1.0
    labels, pairs = cluster_pairs(frame, method, components=3)  # type: ignore[arg-type]
    groups = [set(labels.index[labels == group]) for group in sorted(set(labels)) if group >= 0]
    planted = [{f"c{4 * g + i}" for i in range(4)} for g in range(3)]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, planted))
    assert labels["flat"] == -1
    assert len(pairs) == 18
    assert all(labels[y] == labels[x] for y, x in pairs)
    # fewer tests, the same statistics
    scan, whole = sa.scan_pairs(frame, pairs=pairs), sa.scan_pairs(frame)
    assert scan.settings["tests"] == 36
    row = scan.to_frame().iloc[0]
    assert whole.pair(row["y"], row["x"])["tau"] == pytest.approx(row["tau"], abs=1e-9)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ParameterError, match="method must be one of"):
        cluster_pairs(market(), "kmeans")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="need more complete assets"):
        cluster_pairs(market().iloc[:, :4], components=5)
    with pytest.raises(ParameterError, match="count must be"):
        distance_pairs(market(), 0)
