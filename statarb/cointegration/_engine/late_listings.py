"""Late listings: moments of pairs whose common sample is that of the asset listed later.

An asset listed at row s, and quoted ever since, is set to 0 before s once its mean is removed. Its
products with any asset listed earlier then are those over the common sample, whatever s is: one
matrix product serves all late listings. What else the test needs of the earlier asset, over rows s
and later, are sums from s on of its levels, squares and lagged products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from statarb._core.numeric import varies
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.cointegration._engine.engle_granger import AssetMoments, PairMoments

__all__ = ["LateListing", "late_listings", "late_pairs"]

FEW = 32
"""As many assets as this, or more, with one first row have a sample of their own."""
LOST = 1e-4
"""Share of the sum of squares left by removing the mean below which too many digits are lost."""


class LateListing(NamedTuple):
    """Moments of one late listing with the assets listed before it.

    Parameters
    ----------
    own : AssetMoments
        Of the late listing (one asset), on its rows.
    others : AssetMoments
        Of the assets listed before it, on the rows of the late listing.
    pairs : PairMoments
        (1, others).
    correlation : (1, others)
        Of the differences, each less its mean.
    rows : int
        Rows of the late listing.
    """

    own: AssetMoments
    others: AssetMoments
    pairs: PairMoments
    correlation: FloatArray
    rows: int


def late_listings(observed: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Find the assets that are quoted from some row on to the end, and among them those to be
    treated as late listings.

    Parameters
    ----------
    observed : (assets, times)
        Which cells hold a number.

    Returns
    -------
    suffix, late : (assets,), (assets,)
        Late listings start after the first row, at a row that few assets share.
    """
    times = observed.shape[1]
    start = observed.argmax(axis=1)
    suffix = observed.any(axis=1) & (observed.sum(axis=1) == times - start)
    alike = np.bincount(start[suffix], minlength=times)
    return suffix, suffix & (start > 0) & (alike[start] < FEW)


def late_pairs(
    levels: FloatArray,
    suffix: BoolArray,
    late: BoolArray,
    *,
    max_lags: int,
    overlap: int,
    tile: int,
) -> Iterator[LateListing]:
    """Give the moments of every late listing with each asset listed before it (or at the same row,
    and earlier in the order of columns).

    Parameters
    ----------
    levels : (assets, times)
        Log prices, NaN before the first quote.
    suffix, late : (assets,)
        As :func:`late_listings` finds them.
    max_lags : int
        Largest lag of the moments.
    overlap : int
        Smallest common sample; assets listed later than that are left out.
    tile : int
        Late listings worked on at a time.

    Returns
    -------
    iterator of LateListing
        In the order of their first rows.
    """
    times = levels.shape[1]
    start = np.isnan(levels).sum(axis=1)
    chosen = np.flatnonzero(suffix & (times - start >= overlap))
    # in the order in which they were listed: partners of a late listing come before it
    assets = chosen[np.lexsort((chosen, late[chosen], start[chosen]))]
    begin = start[assets]
    places = np.flatnonzero(late[assets])
    if len(places) == 0:
        return
    level = levels[assets]
    constant = ~varies(level, axis=1)
    level -= np.nanmean(level, axis=1, keepdims=True)
    level -= np.nanmean(level, axis=1, keepdims=True)  # removes the rounding of the first mean
    level[constant] = 0.0
    np.nan_to_num(level, copy=False)
    change = np.zeros(level.shape)
    change[:, 1:] = np.diff(level, axis=1)
    change[np.arange(len(assets)), begin] = 0.0
    starts, which = np.unique(begin[places], return_inverse=True)
    total, squares = _from(level, starts), _from(level**2, starts)
    products = np.empty((max_lags + 1, *total.shape))
    for m in range(max_lags + 1):
        product = change.copy()
        product[:, m:] *= change[:, : times - m]
        products[m] = _from(product, starts + 1 + m)
    depth = max_lags + 2
    for low in range(0, len(places), tile):
        some = places[low : low + tile]
        reach = int(some[-1]) + 1
        gram = level[some] @ level[:reach].T
        cross = np.empty((max_lags + 1, *gram.shape))
        cross[0] = 2.0 * (change[some] @ change[:reach].T)
        for m in range(1, max_lags + 1):
            cross[m] = change[some, m:] @ change[:reach, : times - m].T
            cross[m] += change[some, : times - m] @ change[:reach, m:].T
        for row, place in enumerate(some):
            first, kind = begin[place], which[low + row]
            count = times - first
            before = slice(None, place)
            here = np.ascontiguousarray(cross[:, row : row + 1, before])
            for m in range(1, max_lags + 1):
                # lagged changes of the other asset from before the common sample do not belong to
                # it
                inside = slice(max(first + 1 - m, 0), first + 1)
                width = inside.stop - inside.start
                here[m, 0] -= (
                    change[before, inside] @ change[place, first + 1 + m - width : first + 1 + m]
                )
            mean = total[before, kind] / count
            rest = squares[before, kind] - count * mean**2
            rest[rest < LOST * squares[before, kind]] = np.nan
            own = products[:, place, kind]
            theirs = np.ascontiguousarray(products[:, before, kind])
            heads = level[before, first : first + depth].T - mean
            tails = level[before, ::-1][:, :depth].T - mean
            correlation = _correlation(
                here[0, 0] / 2.0, own[0], theirs[0], level[place, first:], level[before, first:]
            )
            yield LateListing(
                own=AssetMoments(
                    asset=assets[place : place + 1],
                    squares=squares[place : place + 1, kind].copy(),
                    autocovariance=own[:, None].copy(),
                    head=level[place, first : first + depth, None].copy(),
                    tail=level[place, ::-1][:depth, None].copy(),
                ),
                others=AssetMoments(
                    asset=assets[before],
                    squares=rest,
                    autocovariance=theirs,
                    head=np.ascontiguousarray(heads),
                    tail=np.ascontiguousarray(tails),
                ),
                pairs=PairMoments(gram[row : row + 1, before].copy(), here),
                correlation=correlation[None],
                rows=int(count),
            )


def _from(values: FloatArray, starts: IntArray) -> FloatArray:
    """Sums of each row of ``values`` from each start to the end: (rows, starts)."""
    parts = np.add.reduceat(values, starts, axis=1)
    sums: FloatArray = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
    return sums


def _correlation(
    product: FloatArray, own: float, theirs: FloatArray, level: FloatArray, others: FloatArray
) -> FloatArray:
    """Correlations of the differences of one series with those of others, from their products."""
    count = len(level) - 1
    drift, other = (level[-1] - level[0]) / count, (others[:, -1] - others[:, 0]) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt((own - count * drift**2) * (theirs - count * other**2))
        correlation: FloatArray = (product - count * drift * other) / scale
    return correlation
