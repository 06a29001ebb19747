"""Scan of all pairs by the test of Engle and Granger, from shared Gram matrices."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import FloatArray, IntArray
from statarb.cointegration._engine.engle_granger import (
    AIC,
    BIC,
    FIXED,
    RECOMPUTE,
    LagRule,
    ScanResults,
    scan_block,
    scan_list,
)
from statarb.cointegration._engine.late_listings import LateListing, late_listings, late_pairs
from statarb.cointegration._engine.samples import PairBlock, Sample, pair_blocks, tiles
from statarb.cointegration.inputs import LogPrices, as_levels
from statarb.cointegration.pair_scan import PairScan
from statarb.cointegration.pvalues import FDR, mackinnon_pvalue
from statarb.errors import DataError, ParameterError

__all__ = ["scan_levels", "scan_pairs"]

TRENDS = {"c": 0, "ct": 1, "ctt": 2}
TILE = 256
"""Assets per side of a tile, unless the caller says otherwise."""


def scan_pairs(
    log_prices: LogPrices,
    lags: Literal["aic", "bic"] | int = "aic",
    max_lags: int = 12,
    fdr: FDR | None = "bh",
    min_overlap: int | None = None,
    tile: int = TILE,
    *,
    trend: Literal["c", "ct", "ctt"] = "c",
    pairs: Iterable[tuple[Hashable, Hashable]] | None = None,
    n_jobs: int = 1,
) -> PairScan:
    r"""Test every ordered pair of assets for cointegration, at a few microseconds per test.

    Each test is that of Engle and Granger (1987). The statistics are those of statsmodels'
    ``coint``, to rounding; they come from moments that all pairs share.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets, at least two assets; NaN where missing. Of a panel, the logs
        of its prices are taken.
    lags : {"aic", "bic"} or int
        Lagged differences in the Dickey-Fuller regression: a number, or chosen for each test from 0
        to ``max_lags`` by Akaike's or Schwarz's criterion on a common sample, then fitted again on
        the whole one. Quotes that bounce between bid and ask make tests with 0 or 1 lag reject
        almost always; ``"aic"`` holds its size best.
    max_lags : int
        Most lags that a criterion may choose.
    fdr : {"bh", "by", None}
        Adjustment of the p-values for their number: Benjamini-Hochberg, Benjamini-Yekutieli, or
        none (then ``pvalue_adjusted`` equals ``pvalue``). Pairs share assets, so that tests depend
        on each other; only ``"by"`` is proven for that.
    min_overlap : int, optional
        Smallest common sample of a pair; pairs with less get the status "too few common
        observations". By default 100, or all rows where there are fewer. At least ``2 * max_lags +
        4``.
    tile : int
        Assets per side of the tiles that are worked on at a time; moments take ``8 (lags + 2)
        tile^2`` bytes.
    trend : {"c", "ct", "ctt"}
        Deterministic terms of the first regression: a constant; a constant and a line; a constant,
        a line and a parabola.
    pairs : iterable of (asset, asset), optional
        Unordered pairs to test, both ways; by default all. The adjustment counts the tests made.
    n_jobs : int
        Threads. Results do not depend on it.

    Returns
    -------
    PairScan
        Best first.

    Raises
    ------
    DataError
        Infinite values, duplicated labels, rows that are not in order of time, fewer than two
        assets, fewer rows than the lags need.
    ParameterError
        An option that does not exist.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    The test of y on x regresses log y on a constant and log x, and then the differences of the
    residual e on its lagged level and p lagged differences, without a constant:

    .. math::

        \Delta e_t = \rho\, e_{t-1} + \sum_{k=1}^{p} \gamma_k\, \Delta e_{t-k} + u_t ,

    with the t-ratio of rho as its statistic.

    A pair is tested on the rows at which both assets have a price; a missing row is left out, the
    row before it is lag 1. Assets with the same rows share their Gram matrices, as does a late
    listing with those listed before it. Pairs in which nearly all variance cancels (less than 1e-4
    remains in the residual, or in its differences) are computed from the residual itself.

    The two directions of a pair are two tests; the smaller p-value of both rejects more often than
    its level says. Clusters of volatility make all tests of this kind reject too often, most of all
    in the far tail, and so do the discoveries among many: ``research/cointegration.py`` measures
    it. A pair deserves attention when a later sample shows it again.

    References
    ----------
    Engle, R. F. and Granger, C. W. J. (1987), Co-integration and error correction, Econometrica 55,
    251-276.
    MacKinnon, J. G. (1994), Approximate asymptotic distribution functions for unit-root and
    cointegration tests, J. Bus. Econ.
    Stat. 12, 167-176.
    """
    rule = _lag_rule(lags, max_lags)
    degree = TRENDS[check_choice("trend", trend, TRENDS)]
    check_choice("fdr", fdr, ("bh", "by", None))
    tile = check_integer("tile", tile, at_least=1)
    n_jobs = check_integer("n_jobs", n_jobs, at_least=1)
    levels, assets, _ = as_levels(log_prices)
    overlap = _overlap(min_overlap, rule.max_lags, levels.shape[1])
    settings = {
        "lags": lags,
        "max_lags": rule.max_lags,
        "fdr": fdr,
        "min_overlap": overlap,
        "trend": trend,
    }
    scan = _Scan(levels, rule, degree, overlap)
    if pairs is None:
        return scan.run_all(assets, settings, tile, n_jobs)
    first, second = _named_pairs(pairs, assets)
    y, x = np.concatenate([first, second]), np.concatenate([second, first])
    return _sorted(assets, y, x, scan.test_pairs(y, x), settings)


def scan_levels(
    levels: FloatArray,
    assets: pd.Index,
    *,
    lags: Literal["aic", "bic"] | int,
    max_lags: int,
    fdr: FDR | None,
    min_overlap: int,
) -> PairScan:
    """Test every ordered pair of assets, as :func:`scan_pairs` does, from an array that needs no
    check.

    Parameters
    ----------
    levels : (assets, times)
        Log prices in C order, at least two assets; finite, or NaN where missing.
    assets : Index
        Labels.
    lags, max_lags, fdr, min_overlap
        As for :func:`scan_pairs`.

    Returns
    -------
    PairScan
        Best first, with the same bits.
    """
    rule = _lag_rule(lags, max_lags)
    overlap = _overlap(min_overlap, rule.max_lags, levels.shape[1])
    settings = {
        "lags": lags,
        "max_lags": rule.max_lags,
        "fdr": fdr,
        "min_overlap": overlap,
        "trend": "c",
    }
    return _Scan(levels, rule, TRENDS["c"], overlap).run_all(assets, settings, TILE, 1)


class _Scan:
    """Results of one scan as matrices, assets x assets, filled block by block at [y, x]."""

    def __init__(self, levels: FloatArray, rule: LagRule, degree: int, overlap: int) -> None:
        self.levels = levels
        self.rule = rule
        self.degree = degree
        self.overlap = overlap
        self.results = ScanResults.empty((len(levels), len(levels)))

    def run_all(
        self, assets: pd.Index, settings: dict[str, Any], tile: int, n_jobs: int
    ) -> PairScan:
        """Test all pairs: those that share samples by Gram matrices, the others one by one."""
        observed = ~np.isnan(self.levels)
        suffix, late = late_listings(observed)
        if self.degree > 0:
            late[:] = False  # a trend is fitted anew on every sample
        rows = observed.sum(axis=1).astype(np.int32)
        self.results.observations[np.ix_(suffix, suffix)] = np.minimum.outer(
            rows[suffix], rows[suffix]
        )
        blocks, rest = pair_blocks(observed, self.overlap, suffix, late)
        for listing in late_pairs(
            self.levels,
            suffix,
            late,
            max_lags=self.rule.max_lags,
            overlap=self.overlap,
            tile=tile,
        ):
            self._test_late_listing(listing)
        # a pool costs more than a scan of a few assets
        with ThreadPoolExecutor(n_jobs) if n_jobs > 1 else nullcontext() as pool:
            for block in blocks:
                first = self._sample(block.rows, block.first)
                second = first if block.second is None else self._sample(block.rows, block.second)
                tasks = [(first, second, *pair) for pair in _tile_pairs(block, tile)]
                run = map if pool is None else pool.map
                list(run(lambda task: self._test_tiles(*task), tasks))
        again = np.nonzero(self.results.status == RECOMPUTE)
        self._test_one_by_one(again[0].astype(np.int64), again[1].astype(np.int64))
        for one, other in rest:
            y, x = (side.ravel() for side in np.meshgrid(one, other, indexing="ij"))
            if one is not other:
                y, x = np.concatenate([y, x]), np.concatenate([x, y])
            self._test_one_by_one(y[y != x], x[y != x])
        y, x = np.nonzero(~np.eye(len(assets), dtype=np.bool_))
        return _sorted(assets, y, x, self.results.at(y, x), settings)

    def test_pairs(self, y: IntArray, x: IntArray) -> ScanResults:
        """Test pairs one by one, from their residuals."""
        results = ScanResults.empty((len(y),))
        scan_list(self.levels, y, x, self.degree, self.overlap, self.rule, results)
        return results

    def _test_one_by_one(self, y: IntArray, x: IntArray) -> None:
        self.results.store(y, x, self.test_pairs(y, x))

    def _sample(self, rows: IntArray, assets: IntArray) -> Sample:
        part = self.levels[assets]
        return Sample(
            part if len(rows) == part.shape[1] else part[:, rows],
            assets,
            self.rule.max_lags,
            self.degree,
        )

    def _test_tiles(self, first: Sample, second: Sample, i: slice, j: slice) -> None:
        pairs, correlation = first.pairs_with(second, i, j)
        own, other = first.part(i), second.part(j)
        same = first is second and i == j
        scan_block(pairs, own, other, same, first.rows, self.rule, self.results)
        self._describe_pairs(own.asset, other.asset, correlation, first.rows)

    def _test_late_listing(self, listing: LateListing) -> None:
        own, others, rows = listing.own, listing.others, listing.rows
        scan_block(listing.pairs, own, others, False, rows, self.rule, self.results)
        self._describe_pairs(own.asset, others.asset, listing.correlation, rows)

    def _describe_pairs(
        self, assets_i: IntArray, assets_j: IntArray, correlation: FloatArray, rows: int
    ) -> None:
        """Write what both directions of a pair share."""
        matrix: npt.NDArray[Any]
        for matrix, values in (
            (self.results.correlation, correlation),
            (self.results.observations, np.full(correlation.shape, rows)),
        ):
            matrix[np.ix_(assets_i, assets_j)] = values
            matrix[np.ix_(assets_j, assets_i)] = values.T


def _tile_pairs(block: PairBlock, tile: int) -> list[tuple[slice, slice]]:
    """Tiles that together hold every pair of the block once."""
    other = block.first if block.second is None else block.second
    return [
        (i, j)
        for i in tiles(len(block.first), tile)
        for j in tiles(len(other), tile)
        if block.second is not None or j.start >= i.start
    ]


def _lag_rule(lags: Any, max_lags: int) -> LagRule:
    """Return the most lags, and the criterion that chooses among them."""
    if isinstance(lags, str):
        criterion = {"aic": AIC, "bic": BIC}[check_choice("lags", lags, ("aic", "bic"))]
        return LagRule(check_integer("max_lags", max_lags, at_least=0, at_most=100), criterion)
    try:
        return LagRule(check_integer("lags", lags, at_least=0, at_most=100), FIXED)
    except ParameterError:
        raise ParameterError(
            f"lags must be 'aic', 'bic' or an integer from 0 to 100, got {lags!r}"
        ) from None


def _overlap(min_overlap: int | None, most: int, rows: int) -> int:
    """Return the smallest common sample."""
    needed = 2 * most + 4
    if rows < needed:
        raise DataError(
            f"log_prices has {rows} rows; {most} lags need at least {needed}: give more rows, or "
            "fewer lags"
        )
    if min_overlap is None:
        return max(needed, min(100, rows))
    overlap = check_integer("min_overlap", min_overlap, at_least=needed)
    if overlap > rows:
        raise DataError(
            f"log_prices has {rows} rows, fewer than min_overlap={overlap}: no pair could be tested"
        )
    return overlap


def _named_pairs(
    pairs: Iterable[tuple[Hashable, Hashable]], assets: pd.Index
) -> tuple[IntArray, IntArray]:
    """Return the positions of the assets of unordered pairs, each pair once."""
    named = [tuple(pair) for pair in pairs]
    for pair in named:
        if len(pair) != 2:
            raise ParameterError(f"pairs must hold tuples of two assets, got {pair!r}")
    names = [name for pair in named for name in pair]
    if not names:
        raise ParameterError("pairs must hold at least one pair, got none")
    place = assets.get_indexer(pd.Index(names)).astype(np.int64)
    if (place < 0).any():
        raise ParameterError(
            f"pairs names the asset {names[int(np.flatnonzero(place < 0)[0])]!r}, which log_prices "
            "does not have"
        )
    sides = place.reshape(-1, 2)
    if (sides[:, 0] == sides[:, 1]).any():
        raise ParameterError(
            f"pairs holds {named[int(np.flatnonzero(sides[:, 0] == sides[:, 1])[0])]!r}: an asset "
            "with itself"
        )
    unique = np.unique(np.sort(sides, axis=1), axis=0)
    return np.ascontiguousarray(unique[:, 0]), np.ascontiguousarray(unique[:, 1])


def _sorted(
    assets: pd.Index, y: Any, x: Any, results: ScanResults, settings: dict[str, Any]
) -> PairScan:
    """Sort by p-value, ties by statistic and then by position; adjust."""
    order = _order(results.tau)
    pvalue = mackinnon_pvalue(results.tau[order], trend=settings["trend"])
    # the surface has a step of 1e-4 where its halves meet
    if np.any(np.diff(pvalue[: np.count_nonzero(~np.isnan(pvalue))]) < 0.0):
        again = np.argsort(pvalue, kind="stable")
        order, pvalue = order[again], pvalue[again]
    tests = int(np.count_nonzero(~np.isnan(pvalue)))
    adjusted = pvalue.copy()
    if settings["fdr"] is not None and tests:  # as adjust_pvalues, without its search for NaN
        adjusted[:tests] = false_discovery_control(pvalue[:tests], method=settings["fdr"])
    return PairScan(
        assets=assets,
        y=y[order].astype(np.int32),
        x=x[order].astype(np.int32),
        pvalue=pvalue,
        pvalue_adjusted=adjusted,
        settings={
            **settings,
            "tests": tests,
            "expected_by_chance_at_5_percent": math.floor(0.05 * tests),
        },
        **{name: values[order] for name, values in results._asdict().items()},
    )


def _order(values: FloatArray) -> IntArray:
    """Positions in increasing order, equal values and NaN by position; a stable sort takes three
    times as long.
    """
    order: IntArray = np.argsort(values)
    made = int(np.count_nonzero(~np.isnan(values)))
    if np.any(np.diff(values[order[:made]]) == 0.0):
        return np.argsort(values, kind="stable")
    order[made:].sort()
    return order
