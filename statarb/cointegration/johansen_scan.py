"""Scan of all pairs by Johansen's test, from shared moments."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.checks import check_choice, check_integer
from statarb._core.numeric import varies
from statarb._core.typing import FloatArray, IntArray
from statarb.cointegration._engine.engle_granger import OK, OVERLAP, RECOMPUTE, STATUS
from statarb.cointegration._engine.johansen import (
    AssetBlocks,
    JohansenResults,
    JohansenRule,
    johansen_block,
    johansen_list,
)
from statarb.cointegration._engine.reduced_rank import Trend
from statarb.cointegration._engine.samples import detrended, pair_blocks, tiles
from statarb.cointegration.critical_values import (
    LEVELS,
    TRENDS,
    critical_values,
    rows_needed,
    small_sample,
)
from statarb.cointegration.inputs import LogPrices, as_levels
from statarb.errors import DataError

__all__ = ["JohansenScan", "scan_johansen"]

SHOWN = 20
"""Pairs of a scan that are printed."""


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
    trend : {"n", "ci", "c", "ct"}
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
    trend: Trend

    meaning = STATUS

    def __len__(self) -> int:
        return len(self.trace_0)

    def _summary(self) -> str:
        return (
            f"JohansenScan({len(self)} pairs of {len(self.assets)} assets, "
            f"{int(np.sum(self.status == OK))} tested)"
        )

    def _rest(self) -> str:
        return f"... {len(self) - SHOWN:,} more" if len(self) > SHOWN else ""

    def __repr__(self) -> str:
        if not len(self):
            return self._summary()
        table = self.to_frame(SHOWN).to_string(float_format="{:.4g}".format)
        return "\n".join(filter(None, (self._summary(), table, self._rest())))

    def _repr_html_(self) -> str:
        """Return the first pairs as a table for notebooks."""
        table = self.to_frame(SHOWN).to_html(float_format="{:.4g}".format)
        return f"<p>{self._summary()}</p>{table}<p>{self._rest()}</p>"

    def critical_values(self, level: float = 0.05) -> tuple[float, float]:
        """Return the asymptotic critical values of ``trace_0`` and ``trace_1`` in the model with
        this trend.

        Parameters
        ----------
        level : {0.10, 0.05, 0.01}
            Of each test.

        Returns
        -------
        none, at_most_one : float

        Raises
        ------
        ParameterError
            Another level.
        """
        place = LEVELS.index(check_choice("level", level, LEVELS))
        none, one = (critical_values(self.trend, "trace", free)[place] for free in (2, 1))
        return float(none), float(one)

    def rank(self, level: float = 0.05) -> npt.NDArray[np.int8]:
        """Return the number of relations of each pair by the trace test, corrected for the size of
        the sample (:func:`johansen`).

        A rank of 2 says that both assets are stationary, not that they are tied to each other.

        Parameters
        ----------
        level : {0.10, 0.05, 0.01}
            Of each test.

        Returns
        -------
        (pairs,) int8
            0, 1 or 2; -1 where the test could not be made.

        Raises
        ------
        ParameterError
            Another level.
        """
        none, one = self.critical_values(level)
        factor = small_sample(self.observations.astype(np.float64) - 1.0 - self.lags, 2, self.lags)
        rank = np.where(
            factor * self.trace_0 > none, np.where(factor * self.trace_1 > one, 2, 1), 0
        )
        return np.where(self.status == OK, rank, -1).astype(np.int8)

    def to_frame(self, limit: int | None = None) -> pd.DataFrame:
        """Return a table, the largest trace statistic first.

        Parameters
        ----------
        limit : int, optional
            Number of pairs; by default all.

        Returns
        -------
        DataFrame
            Columns ``y, x, hedge_ratio, trace_0, trace_1, max_eigenvalue_0, rank, observations,
            status``; rank at 5 %, status in words.
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
    trend: Literal["n", "ci", "c", "ct"] = "c",
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
    trend : {"n", "ci", "c", "ct"}
        Deterministic terms, as for :func:`johansen`.
    min_overlap : int, optional
        Smallest common sample; by default 100, or all rows where there are fewer. At least ``5 lags
        + 10``.
    tile : int
        Assets per side of the tiles that are worked on at a time.

    Returns
    -------
    JohansenScan
        The largest trace statistic first.

    Raises
    ------
    DataError
        Infinite values, duplicated labels or times, fewer than two assets, fewer rows than the lags
        need.
    ParameterError
        An option that does not exist.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    Model, statistics, critical values and the correction for small samples are those of
    :func:`johansen`, which says for which series each trend holds its size. Pairs in which nearly
    all variance cancels are tested on (residual of y on x, x) in place of (y, x), which changes no
    statistic and keeps the digits.
    """
    lags = check_integer("lags", lags, at_least=1, at_most=50)
    rule = _rule(check_choice("trend", trend, TRENDS), lags)
    tile = check_integer("tile", tile, at_least=1)
    levels, assets, _ = as_levels(log_prices)
    needed = rows_needed(2, lags)
    if levels.shape[1] < needed:
        raise DataError(
            f"log_prices has {levels.shape[1]} rows; {lags} lags need at least {needed}: give more "
            "rows, or fewer lags"
        )
    overlap = max(needed, min(100, levels.shape[1])) if min_overlap is None else min_overlap
    overlap = check_integer("min_overlap", overlap, at_least=needed)
    results = JohansenResults.empty((len(assets), len(assets)))
    blocks, rest = pair_blocks(~np.isnan(levels), overlap)
    for block in blocks:
        first = _Blocks(levels[np.ix_(block.first, block.rows)], block.first, rule)
        second = (
            first
            if block.second is None
            else _Blocks(levels[np.ix_(block.second, block.rows)], block.second, rule)
        )
        for i in tiles(len(first.asset), tile):
            for j in tiles(len(second.asset), tile):
                if second is first and j.start < i.start:
                    continue
                own, other = first.part(i), second.part(j)
                johansen_block(
                    first.moments(second, i, j),
                    own,
                    other,
                    second is first and i == j,
                    first.rows,
                    first.restricted_square,
                    rule,
                    results,
                )
                results.observations[np.ix_(own.asset, other.asset)] = len(block.rows)
    # one by one: pairs that lose digits, and those whose sample no others share
    again = np.nonzero(results.status == RECOMPUTE)
    pairs = [(again[0].astype(np.int64), again[1].astype(np.int64))]
    for one, another in rest:
        y, x = (side.ravel() for side in np.meshgrid(one, another, indexing="ij"))
        keep = y < x if one is another else np.full(len(y), True)
        pairs.append((y[keep], x[keep]))
    for y, x in pairs:
        listed = JohansenResults.empty((len(y),))
        johansen_list(levels, y, x, overlap, rule, listed)
        results.store(y, x, listed)
    columns = _ordered_pairs(results)
    order = np.argsort(-columns["trace_0"], kind="stable")
    return JohansenScan(
        assets=assets,
        **{name: values[order] for name, values in columns.items()},
        lags=lags,
        trend=trend,
    )


def _rule(trend: Trend, lags: int) -> JohansenRule:
    """Settings of the kernels for a trend."""
    degree = {"n": -1, "ci": 0, "c": 0, "ct": 1}[trend]
    return JohansenRule(lags, degree, trend in ("c", "ct"), trend in ("ci", "ct"))


def _ordered_pairs(results: JohansenResults) -> dict[str, Any]:
    """Bring every pair to the order of the columns; a group of fewer rows may have been tested the
    other way round.
    """
    observations, status = results.observations, results.status
    y, x = np.triu_indices(len(status), 1)
    turned = observations[x, y] > observations[y, x]
    turned |= (observations[x, y] == observations[y, x]) & (status[y, x] == OVERLAP)
    a, b = np.where(turned, x, y), np.where(turned, y, x)
    slope = results.slope[a, b]
    with np.errstate(divide="ignore"):
        hedge = np.where(turned, 1.0 / slope, slope)
    return {
        "y": y.astype(np.int32),
        "x": x.astype(np.int32),
        "hedge_ratio": hedge,
        "trace_0": results.trace_0[a, b],
        "trace_1": results.trace_1[a, b],
        "observations": observations[a, b],
        "status": status[a, b],
    }


class _Blocks:
    """Differences, lagged levels and lagged differences of some assets on one sample, and their
    moments.
    """

    def __init__(self, levels: FloatArray, asset: IntArray, rule: JohansenRule) -> None:
        lags = rule.lags
        if rule.degree >= 0:
            levels = detrended(levels, rule.degree)
        else:
            levels[~varies(levels, axis=1)] = 0.0  # the kernel's mark of a constant
        changes = np.diff(levels, axis=1)
        last = levels.shape[1] - 1
        self.asset = asset
        self.rows = last - lags
        self.parts: FloatArray = np.stack(
            [
                changes[:, lags:],
                levels[:, lags:last],
                *(changes[:, lags - m : last - m] for m in range(1, lags + 1)),
            ]
        )
        if rule.centred:
            self.parts -= self.parts.mean(axis=2, keepdims=True)
        self.own: FloatArray = np.einsum("act,bct->abc", self.parts, self.parts)
        term = np.zeros(self.rows)
        if rule.restricted:
            term = np.ones(self.rows) if rule.degree == 0 else np.linspace(-1.0, 1.0, self.rows)
        self.restricted_square = float(term @ term)
        self.restricted: FloatArray = self.parts @ term

    def part(self, assets: slice) -> AssetBlocks:
        """Moments of some of the assets."""
        return AssetBlocks(
            self.asset[assets],
            np.ascontiguousarray(self.own[:, :, assets]),
            np.ascontiguousarray(self.restricted[:, assets]),
        )

    def moments(self, other: _Blocks, i: slice, j: slice) -> FloatArray:
        """Products of all blocks of the assets in ``i`` with those of the other assets in ``j``."""
        blocks = len(self.parts)
        out = np.empty((blocks, blocks, i.stop - i.start, j.stop - j.start))
        for a in range(blocks):
            for b in range(blocks):
                np.matmul(self.parts[a, i], other.parts[b, j].T, out=out[a, b])
        return out
