"""Johansen's test: of a basket, and of every pair of assets."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.tsa.coint_tables import c_sjt
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import FloatArray, IntArray
from statarb.cointegration._engine.johansen import johansen_block, johansen_list
from statarb.cointegration._engine.kernels import OK, OVERLAP, RECOMPUTE, STATUS
from statarb.cointegration._engine.samples import detrended, rectangles, tiles
from statarb.cointegration.inputs import LogPrices, as_levels
from statarb.errors import DataError, ParameterError

__all__ = ["JohansenResult", "JohansenScan", "johansen", "scan_johansen"]

ORDER = {"n": -1, "c": 0, "ct": 1}
LEVELS = {0.10: 0, 0.05: 1, 0.01: 2}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class JohansenResult:
    """Test of the number of cointegrating relations among a few assets.

    Parameters
    ----------
    assets : Index
        The basket.
    eigenvalues : (assets,)
        Squared canonical correlations of differences and lagged levels, largest first.
    trace, max_eigenvalue : DataFrame
        One row a null hypothesis "at most r relations", r = 0, 1, ...: columns ``statistic``,
        ``10%``, ``5%``, ``1%`` (critical values of MacKinnon, Haug and Michelis 1999, as
        statsmodels tabulates them).
    vectors : DataFrame
        Assets x relations, strongest first: weights on log prices, scaled to 1 for the first asset.
    adjustment : DataFrame
        Assets x relations: part of a relation's deviation that each asset takes back within a step,
        given lagged returns; the scale of ``vectors``.
    observations : int
        Rows with all assets.
    lags : int
        Lagged differences.
    trend : str
        Deterministic terms.
    """

    assets: pd.Index
    eigenvalues: FloatArray
    trace: pd.DataFrame
    max_eigenvalue: pd.DataFrame
    vectors: pd.DataFrame
    adjustment: pd.DataFrame
    observations: int
    lags: int
    trend: str

    def __repr__(self) -> str:
        assets = ", ".join(map(str, self.assets))
        return (
            f"JohansenResult({assets}; {self.observations:,} observations: rank {self.rank()} "
            "at 5 %)"
        )

    def rank(
        self, level: float = 0.05, statistic: Literal["trace", "max_eigenvalue"] = "trace"
    ) -> int:
        """Number of relations: the first null hypothesis "at most r" that is not rejected.

        Parameters
        ----------
        level : {0.10, 0.05, 0.01}
            Of each test.
        statistic : {"trace", "max_eigenvalue"}
            Test to go by.
        """
        check_choice("statistic", statistic, ("trace", "max_eigenvalue"))
        check_choice("level", level, LEVELS)
        table = self.trace if statistic == "trace" else self.max_eigenvalue
        accepted = np.flatnonzero(
            ~(table["statistic"] > table[f"{round(100 * level)}%"]).to_numpy()
        )
        return int(accepted[0]) if len(accepted) else len(self.assets)


def johansen(
    log_prices: LogPrices, lags: int = 1, *, trend: Literal["n", "c", "ct"] = "c"
) -> JohansenResult:
    """Test how many cointegrating relations a basket of 2 to 12 assets has; statsmodels'
    ``coint_johansen`` behind.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets. Rows in which an asset is missing are left out.
    lags : int
        Lagged differences in the regression, at least 1: statsmodels pairs a regression without
        lags with the level of the same step in place of the step before.
    trend : {"n", "c", "ct"}
        Deterministic terms: none, constant, line.

    Raises
    ------
    DataError
        A constant asset, assets that are multiples of each other, fewer rows than the regression
        needs, infinite values.
    ParameterError
        More than 12 assets, an option that does not exist.

    Notes
    -----
    The critical values for ``trend="c"`` are those of series with a drift. Without one, as for
    prices over days, the trace test
    rejects about twice as often as its level says; ``research/cointegration.py`` measures it.

    References
    ----------
    Johansen, S. (1991), Estimation and hypothesis testing of cointegration vectors in Gaussian
    vector autoregressive models,
    Econometrica 59, 1551-1580.
    """
    lags = check_integer("lags", lags, at_least=1)
    order = ORDER[check_choice("trend", trend, ORDER)]
    levels, assets, _ = as_levels(log_prices)
    if len(assets) > 12:
        raise ParameterError(
            f"a basket must have at most 12 assets (critical values end there), got {len(assets)}; "
            "for pairs use scan_johansen"
        )
    complete = levels[:, ~np.isnan(levels).any(axis=0)].T
    needed = (lags + 2) * len(assets) + 10
    if len(complete) < needed:
        raise DataError(
            f"{len(complete)} rows have all {len(assets)} assets; {lags} lags need at least "
            f"{needed}"
        )
    spread = np.ptp(complete, axis=0)
    if (spread == 0.0).any():
        raise DataError(
            f"asset {assets[int(np.argmax(spread == 0.0))]!r} is constant; leave it out"
        )
    centred = (complete - complete.mean(axis=0)) / complete.std(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    if values[0] < 1e-10 * values[-1]:
        involved = [str(asset) for asset in assets[np.abs(axes[:, 0]) > 0.1]]
        raise DataError(
            f"assets {', '.join(involved)} are collinear: each is a combination of the others; "
            "leave one out"
        )
    result = coint_johansen(complete, order, lags)
    if not np.max(np.real(result.eig)) < 1.0 - 1e-9:
        raise DataError(
            "a combination of the returns follows from the prices before it without error; the "
            "test has no meaning"
        )
    vectors = np.real(result.evec)
    adjustment = result.r0t.T @ result.rkt @ vectors / len(result.rkt)
    first = vectors[0].copy()
    hypotheses = pd.Index(range(len(assets)), name="at most")
    relations = pd.Index(range(len(assets)), name="relation")

    def table(statistic: FloatArray, critical: FloatArray) -> pd.DataFrame:
        columns = np.column_stack([statistic, critical])
        return pd.DataFrame(columns, index=hypotheses, columns=["statistic", "10%", "5%", "1%"])

    return JohansenResult(
        assets=assets,
        eigenvalues=np.real(result.eig),
        trace=table(result.trace_stat, result.trace_stat_crit_vals),
        max_eigenvalue=table(result.max_eig_stat, result.max_eig_stat_crit_vals),
        vectors=pd.DataFrame(vectors / first, index=assets, columns=relations),
        adjustment=pd.DataFrame(adjustment * first, index=assets, columns=relations),
        observations=len(complete),
        lags=lags,
        trend=trend,
    )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class JohansenScan:
    """Johansen's test of every unordered pair, the largest trace statistic first; arrays of one
    length.

    Parameters
    ----------
    assets : Index
        Labels; ``y`` and ``x`` are positions in it, y the earlier one.
    y, x : (pairs,) int32
        The two assets.
    hedge_ratio : (pairs,)
        Slope of y on x in the strongest relation.
    trace_0, trace_1 : (pairs,)
        Statistics of "no relation" and "at most one". The largest-eigenvalue statistics are their
        difference and ``trace_1``.
    observations : (pairs,) int32
        Size of the common sample.
    status : (pairs,) int8
        Position in :attr:`meaning`.
    lags : int
        Lagged differences.
    trend : str
        Deterministic terms.
    """

    assets: pd.Index
    y: npt.NDArray[np.int32]
    x: npt.NDArray[np.int32]
    hedge_ratio: FloatArray
    trace_0: FloatArray
    trace_1: FloatArray
    observations: npt.NDArray[np.int32]
    status: npt.NDArray[np.int8]
    lags: int
    trend: str

    meaning = STATUS

    def __len__(self) -> int:
        return len(self.trace_0)

    def __repr__(self) -> str:
        return (
            f"JohansenScan({len(self)} pairs of {len(self.assets)} assets, "
            f"{int(np.sum(self.status == OK))} tested)"
        )

    def critical_values(self, level: float = 0.05) -> tuple[float, float]:
        """Return the critical values of ``trace_0`` and ``trace_1`` at a level of 0.10, 0.05 or
        0.01.
        """
        check_choice("level", level, LEVELS)
        order = ORDER[self.trend]
        return float(c_sjt(2, order)[LEVELS[level]]), float(c_sjt(1, order)[LEVELS[level]])

    def rank(self, level: float = 0.05) -> npt.NDArray[np.int8]:
        """Return the number of relations of each pair by the trace test: 0, 1 or 2; -1 where it
        could not be made.

        A rank of 2 says that both assets are stationary, not that they are tied to each other.
        """
        none, one = self.critical_values(level)
        rank = np.where(self.trace_0 > none, np.where(self.trace_1 > one, 2, 1), 0)
        return np.where(self.status == OK, rank, -1).astype(np.int8)

    def to_frame(self, limit: int | None = None) -> pd.DataFrame:
        """Return a table: ``y, x, hedge_ratio, trace_0, trace_1, max_eigenvalue_0, rank,
        observations, status``.
        """
        part = slice(None if limit is None else check_integer("limit", limit, at_least=0))
        return pd.DataFrame(
            {
                "y": self.assets.take(self.y[part]),
                "x": self.assets.take(self.x[part]),
                "hedge_ratio": self.hedge_ratio[part],
                "trace_0": self.trace_0[part],
                "trace_1": self.trace_1[part],
                "max_eigenvalue_0": self.trace_0[part] - self.trace_1[part],
                "rank": self.rank()[part],
                "observations": self.observations[part],
                "status": np.array(STATUS)[self.status[part]],
            }
        )


def scan_johansen(
    log_prices: LogPrices,
    lags: int = 1,
    *,
    trend: Literal["n", "c", "ct"] = "c",
    min_overlap: int | None = None,
    tile: int = 256,
) -> JohansenScan:
    """Johansen's test of every unordered pair of assets, from shared moments.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets; NaN where missing. A pair is tested on the rows that have
        both assets.
    lags : int
        Lagged differences, at least 1, the same for all pairs.
    trend : {"n", "c", "ct"}
        Deterministic terms: none, constant, line.
    min_overlap : int, optional
        Smallest common sample; by default 100, or all rows where there are fewer.
    tile : int
        Assets a side of the tiles that are worked on at a time.

    Raises
    ------
    DataError
        Infinite values, labels that stand twice, fewer than two assets, fewer rows than the lags
        need.
    ParameterError
        An option that does not exist.

    Notes
    -----
    As for :func:`johansen`, critical values assume a drift. Pairs in which nearly all variance
    cancels are tested on (residual
    of y on x, x) in place of (y, x), which changes no statistic and keeps the digits.
    """
    lags = check_integer("lags", lags, at_least=1, at_most=50)
    degree = ORDER[check_choice("trend", trend, ORDER)]
    tile = check_integer("tile", tile, at_least=1)
    levels, assets, _ = as_levels(log_prices)
    needed = 3 * lags + 8
    if levels.shape[1] < needed:
        raise DataError(
            f"log_prices has {levels.shape[1]} rows; {lags} lags need at least {needed}"
        )
    overlap = max(needed, min(100, levels.shape[1])) if min_overlap is None else min_overlap
    overlap = check_integer("min_overlap", overlap, at_least=needed)
    shape = (len(assets), len(assets))
    trace = np.full((2, *shape), np.nan)
    slope = np.full(shape, np.nan)
    status = np.full(shape, OVERLAP, dtype=np.int8)
    observations = np.zeros(shape, dtype=np.int32)
    blocks, rest = rectangles(~np.isnan(levels), overlap)
    for block in blocks:
        first = _Blocks(levels[np.ix_(block.first, block.rows)], lags, degree)
        second = (
            first
            if block.second is None
            else _Blocks(levels[np.ix_(block.second, block.rows)], lags, degree)
        )
        others = block.first if block.second is None else block.second
        for i in tiles(len(block.first), tile):
            for j in tiles(len(others), tile):
                if second is first and j.start < i.start:
                    continue
                moments = first.moments(second, i, j)
                own_i, own_j = (
                    np.ascontiguousarray(first.own[:, :, i]),
                    np.ascontiguousarray(second.own[:, :, j]),
                )
                same = second is first and i == j
                assets_i, assets_j = block.first[i], others[j]
                johansen_block(
                    moments,
                    own_i,
                    own_j,
                    assets_i,
                    assets_j,
                    same,
                    first.rows,
                    lags,
                    trace,
                    slope,
                    status,
                )
                observations[np.ix_(assets_i, assets_j)] = len(block.rows)
    again = np.nonzero(status == RECOMPUTE)
    pairs = [(again[0].astype(np.int64), again[1].astype(np.int64))]
    for one, other in rest:
        y, x = (side.ravel() for side in np.meshgrid(one, other, indexing="ij"))
        keep = y < x if one is other else np.full(len(y), True)
        pairs.append((y[keep], x[keep]))
    for y, x in pairs:
        trace[:, y, x], slope[y, x], status[y, x], observations[y, x] = _listed(
            levels, y, x, degree, overlap, lags
        )
    return _sorted(assets, _upper(trace, slope, status, observations), lags, trend)


def _listed(
    levels: FloatArray, y: IntArray, x: IntArray, degree: int, overlap: int, lags: int
) -> tuple[Any, ...]:
    out = (
        np.empty((2, len(y))),
        np.empty(len(y)),
        np.empty(len(y), dtype=np.int8),
        np.empty(len(y), dtype=np.int32),
    )
    johansen_list(levels, y, x, degree, overlap, lags, *out)
    return out


def _upper(trace: FloatArray, slope: FloatArray, status: Any, observations: Any) -> dict[str, Any]:
    """Bring every pair to the order of the columns; a group of fewer rows may have been tested the
    other way round.
    """
    y, x = np.triu_indices(len(slope), 1)
    turned = observations[x, y] > observations[y, x]
    turned |= (observations[x, y] == observations[y, x]) & (status[y, x] == OVERLAP)
    a, b = np.where(turned, x, y), np.where(turned, y, x)
    with np.errstate(divide="ignore"):
        hedge = np.where(turned, 1.0 / slope[a, b], slope[a, b])
    return {
        "y": y.astype(np.int32),
        "x": x.astype(np.int32),
        "hedge_ratio": hedge,
        "trace_0": trace[0, a, b],
        "trace_1": trace[1, a, b],
        "observations": observations[a, b],
        "status": status[a, b],
    }


def _sorted(assets: pd.Index, columns: dict[str, Any], lags: int, trend: str) -> JohansenScan:
    order = np.argsort(-columns["trace_0"], kind="stable")
    return JohansenScan(
        assets=assets,
        **{name: values[order] for name, values in columns.items()},
        lags=lags,
        trend=trend,
    )


class _Blocks:
    """Differences, lagged levels and lagged differences of some assets on one sample, and their
    moments.
    """

    def __init__(self, levels: FloatArray, lags: int, degree: int) -> None:
        constant = levels.max(axis=1) == levels.min(axis=1)
        if degree >= 0:
            levels = detrended(levels, degree)
        levels[constant] = 0.0
        changes = np.diff(levels, axis=1)
        last = levels.shape[1] - 1
        self.rows = last - lags
        parts = [
            changes[:, lags:],
            levels[:, lags:last],
            *(changes[:, lags - m : last - m] for m in range(1, lags + 1)),
        ]
        self.parts: FloatArray = np.stack(parts)
        if degree >= 0:
            self.parts -= self.parts.mean(axis=2, keepdims=True)
        self.parts[:, constant] = 0.0
        self.own: FloatArray = np.einsum("act,bct->abc", self.parts, self.parts)

    def moments(self, other: _Blocks, i: slice, j: slice) -> FloatArray:
        """Products of all blocks of the assets in ``i`` with those of the other assets in ``j``."""
        blocks = len(self.parts)
        out = np.empty((blocks, blocks, i.stop - i.start, j.stop - j.start))
        for a in range(blocks):
            for b in range(blocks):
                np.matmul(self.parts[a, i], other.parts[b, j].T, out=out[a, b])
        return out
