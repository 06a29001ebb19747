"""Selection of candidate pairs without a test: distance, correlation, residuals of principal
components, clusters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer
from statarb._core.numeric import FLOOR, varies
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.cointegration.inputs import LogPrices, as_levels
from statarb.errors import DataError, ParameterError

__all__ = [
    "PrincipalResiduals",
    "cluster_pairs",
    "correlation_pairs",
    "distance_pairs",
    "principal_residuals",
]


def distance_pairs(log_prices: LogPrices, count: int | None = None) -> pd.DataFrame:
    """Rank pairs by how closely their prices run together.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets.
    count : int, optional
        Number of pairs, the closest first; by default all.

    Returns
    -------
    DataFrame
        Columns ``y, x, distance``: mean squared difference of the two prices, each divided by its
        first one, over the rows that have both. NaN, last, where there are fewer than two such
        rows.

    Raises
    ------
    DataError
        No table of numbers, infinite values, duplicated labels or times.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    Gatev, Goetzmann and Rouwenhorst (2006), Rev. Financ. Stud. 19, 797-827. The distance depends on
    the moment at which prices are set to 1, and close prices need not revert: a candidate, not a
    finding.
    """
    levels, assets, _ = as_levels(log_prices)
    seen = ~np.isnan(levels)
    first = levels[np.arange(len(levels)), seen.argmax(axis=1)]
    index = np.where(seen, np.exp(levels - first[:, None]), 0.0)
    mask = seen.astype(np.float64)
    shared = mask @ mask.T
    squares = index**2 @ mask.T
    total = np.maximum(squares + squares.T - 2.0 * (index @ index.T), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(shared >= 2.0, total / shared, np.nan)
    return _ranked(assets, distance, "distance", count)


def correlation_pairs(
    log_prices: LogPrices, count: int | None = None, *, steps: int = 1
) -> pd.DataFrame:
    """Rank pairs by the correlation of their log returns.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets.
    count : int, optional
        Number of pairs, the most correlated first; by default all.
    steps : int
        Steps of a return; overlapping. Quotes that lag each other correlate better over longer
        ones.

    Returns
    -------
    DataFrame
        Columns ``y, x, correlation``; over the rows that have both returns. NaN, last, where an
        asset does not move.

    Raises
    ------
    DataError
        Fewer rows than ``steps + 3``, no table of numbers, infinite values, duplicated labels or
        times.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.
    """
    steps = check_integer("steps", steps, at_least=1)
    levels, assets, _ = as_levels(log_prices)
    if levels.shape[1] < steps + 3:
        raise DataError(
            f"log_prices has {levels.shape[1]} rows; returns of {steps} steps need at least "
            f"{steps + 3}"
        )
    returns = levels[:, steps:] - levels[:, :-steps]
    seen = ~np.isnan(returns)
    # a return is made of levels: its rounding is theirs
    rounding = FLOOR * np.nanmax(np.abs(np.where(np.isnan(levels), 0.0, levels)), axis=1)
    mask = seen.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = np.where(
            seen,
            returns
            - np.nanmean(np.where(seen.any(axis=1, keepdims=True), returns, 0.0), axis=1)[:, None],
            0.0,
        )
        shared = mask @ mask.T
        mean = centred @ mask.T / shared  # of the row asset, where both are seen
        variance = centred**2 @ mask.T / shared - mean**2
        covariance = centred @ centred.T / shared - mean * mean.T
        least = np.maximum(1e-12 * np.diag(variance), rounding**2)
        moves: BoolArray = (variance > least[:, None]) & (shared >= 3.0)
        correlation = np.where(moves & moves.T, covariance / np.sqrt(variance * variance.T), np.nan)
    return _ranked(assets, -correlation, "correlation", count, sign=-1.0)


def _ranked(
    assets: pd.Index, cost: FloatArray, name: str, count: int | None, *, sign: float = 1.0
) -> pd.DataFrame:
    y, x = np.triu_indices(len(assets), 1)
    order = np.argsort(cost[y, x], kind="stable")
    if count is not None:
        order = order[: check_integer("count", count, at_least=1)]
    y, x = y[order], x[order]
    return pd.DataFrame({"y": assets.take(y), "x": assets.take(x), name: sign * cost[y, x]})


@dataclasses.dataclass(frozen=True, eq=False)
class PrincipalResiduals:
    """Residual returns after the principal components, summed up and fitted as reverting processes.

    Parameters
    ----------
    loadings : DataFrame
        Assets x factors: slopes of an asset's log returns on the factors.
    factors : DataFrame
        Times x factors: log returns of the eigenportfolios.
    residuals : DataFrame
        Times x assets.
    scores : DataFrame
        By asset: ``s_score`` (deviation of the summed residual from its mean, in long-run standard
        deviations), ``half_life`` (in steps), ``mean``, ``sd``, ``autoregression``, ``explained``
        (share of the variance that factors explain). NaN for an asset with a missing price or
        without moves, and ``s_score`` where the sum does not revert.
    """

    loadings: pd.DataFrame
    factors: pd.DataFrame
    residuals: pd.DataFrame
    scores: pd.DataFrame

    def expected_return(self, steps: int = 1) -> pd.Series:
        r"""Expected log return of each asset beyond its factors' over the next ``steps``.

        Parameters
        ----------
        steps : int
            Horizon.

        Returns
        -------
        Series
            :math:`(b^h - 1)\,s\,\sigma` for the s-score s, the autoregression b and h steps; NaN
            where the sum of an asset's residuals does not revert.
        """
        steps = check_integer("steps", steps, at_least=1)
        table = self.scores
        return (-table["s_score"] * table["sd"] * (1.0 - table["autoregression"] ** steps)).rename(
            "expected_return"
        )


def principal_residuals(log_prices: LogPrices, factors: int = 3) -> PrincipalResiduals:
    r"""Split returns into principal components and residuals, and score the residuals.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets. Assets with a missing price take no part.
    factors : int
        Eigenportfolios.

    Returns
    -------
    PrincipalResiduals

    Raises
    ------
    DataError
        Fewer than ``factors + 1`` complete assets that move, or fewer than ``factors + 10`` rows.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    Avellaneda and Lee (2010), Quant. Finance 10, 761-782: eigenportfolios of the correlation matrix
    hold each asset in proportion to its loading over its volatility; each asset's returns are
    regressed on them; the running sum of the residuals, which ends at 0, is a first-order
    autoregression with coefficient b, mean m and long-run standard deviation sigma, and the s-score
    is (appendix)

    .. math:: s = -m / \sigma .
    """
    factors = check_integer("factors", factors, at_least=1)
    levels, assets, times = as_levels(log_prices)
    returns = np.diff(levels, axis=1).T
    usable = _complete_and_moving(levels)
    if len(usable) <= factors or len(returns) < factors + 10:
        raise DataError(
            f"{factors} factors need more than {factors} assets without missing prices that move "
            f"and {factors + 10} returns, got {len(usable)} assets and {len(returns)} returns"
        )
    part = returns[:, usable]
    sd = part.std(axis=0)
    standard = (part - part.mean(axis=0)) / sd
    vectors = np.linalg.svd(standard, full_matrices=False)[2][:factors]
    # a sign that does not depend on the solver
    vectors *= np.where(vectors.sum(axis=1) < 0.0, -1.0, 1.0)[:, None]
    portfolio = part @ (vectors / sd).T
    design = np.column_stack([np.ones(len(part)), portfolio])
    slopes = np.linalg.lstsq(design, part, rcond=None)[0]
    rest = part - design @ slopes
    labels = pd.RangeIndex(1, factors + 1, name="factor")
    frame = pd.DataFrame(np.nan, index=times[1:], columns=assets)
    frame.iloc[:, usable] = rest
    loadings = pd.DataFrame(np.nan, index=assets, columns=labels)
    loadings.iloc[usable] = slopes[1:].T
    scores = pd.DataFrame(
        np.nan,
        index=assets,
        columns=["s_score", "half_life", "mean", "sd", "autoregression", "explained"],
    )
    scores.iloc[usable] = _scored(rest, part)
    return PrincipalResiduals(
        loadings, pd.DataFrame(portfolio, index=times[1:], columns=labels), frame, scores
    )


def _complete_and_moving(levels: FloatArray) -> IntArray:
    """Positions of the assets without a missing price whose returns vary by more than rounding."""
    complete: BoolArray = np.asarray(~np.isnan(levels).any(axis=1))
    returns = np.diff(np.where(complete[:, None], levels, 0.0), axis=1).T
    largest = np.abs(np.where(complete[:, None], levels, 0.0)).max(axis=1, initial=0.0)
    return np.flatnonzero(complete & varies(returns, scale=largest)).astype(np.int64)


def _scored(rest: FloatArray, returns: FloatArray) -> FloatArray:
    """Fit a first-order autoregression to the running sums of residuals, all assets at once."""
    total = np.cumsum(rest, axis=0)
    before, now = total[:-1] - total[:-1].mean(axis=0), total[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        b = (before * now).sum(axis=0) / (before**2).sum(axis=0)
        a = now.mean(axis=0) - b * total[:-1].mean(axis=0)
        surprise = now - a - b * total[:-1]
        reverts = (b > 0.0) & (b < 1.0)
        mean = np.where(reverts, a / (1.0 - b), np.nan)
        sd = np.sqrt(np.where(reverts, surprise.var(axis=0) / (1.0 - b**2), np.nan))
        half_life = np.where(
            reverts,
            np.log(0.5) / np.log(np.where(reverts, b, 0.5)),
            np.where(b >= 1.0, np.inf, 0.0),
        )
        explained = 1.0 - rest.var(axis=0) / returns.var(axis=0)
        return np.column_stack([(total[-1] - mean) / sd, half_life, mean, sd, b, explained])


def cluster_pairs(
    log_prices: LogPrices,
    method: Literal["optics", "hdbscan"] = "optics",
    *,
    components: int = 5,
    min_size: int = 3,
) -> tuple[pd.Series, list[tuple[Hashable, Hashable]]]:
    """Group assets that load alike on the principal components; the pairs within groups are
    candidates for a test.

    Fewer tests are corrected for less: pass the pairs to :func:`statarb.scan_pairs`, taken from an
    earlier sample than the test's where that matters.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets. Assets with a missing price, or without moves, are in no
        group.
    method : {"optics", "hdbscan"}
        scikit-learn's clustering by density; neither needs the number of groups.
    components : int
        Principal components of the standardised returns.
    min_size : int
        Smallest group, at least 2.

    Returns
    -------
    labels : Series
        Group by asset, from 0; -1 for none.
    pairs : list of (asset, asset)
        All pairs within groups.

    Raises
    ------
    DataError
        No table of numbers, infinite values, duplicated labels or times.
    ParameterError
        Fewer complete assets that move than ``components`` and ``min_size`` need, another method.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    Sarmento and Horta (2020), Expert Syst. Appl. 158, 113490.
    """
    check_choice("method", method, ("optics", "hdbscan"))
    components = check_integer("components", components, at_least=1)
    min_size = check_integer("min_size", min_size, at_least=2)
    levels, assets, _ = as_levels(log_prices)
    returns = np.diff(levels, axis=1)
    usable = _complete_and_moving(levels)
    if len(usable) < max(components, min_size) + 1:
        raise ParameterError(
            f"components={components} and min_size={min_size} need more complete assets that move "
            f"than {len(usable)}; lower them"
        )
    from sklearn.cluster import HDBSCAN, OPTICS  # slow to import

    moves = returns[usable].T
    standard = (moves - moves.mean(axis=0)) / moves.std(axis=0)
    _, strength, vectors = np.linalg.svd(standard, full_matrices=False)
    # correlations with the components
    features = vectors[:components].T * strength[:components] / np.sqrt(len(standard))
    model: Any = (
        OPTICS(min_samples=min_size)
        if method == "optics"
        else HDBSCAN(min_cluster_size=min_size, copy=True)
    )
    found: IntArray = np.asarray(model.fit(features).labels_, dtype=np.int64)
    group = np.full(len(assets), -1, dtype=np.int64)
    group[usable] = found
    labels = pd.Series(group, index=assets, name="cluster")
    pairs = [
        pair
        for group in range(int(found.max(initial=-1)) + 1)
        for pair in combinations(assets[usable[found == group]], 2)
    ]
    return labels, pairs
