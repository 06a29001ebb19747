"""Late listings: pairs whose common sample is that of the asset listed later, all of them from a
few matrix products.

An asset listed at row s, and quoted ever since, is set to 0 before s once its mean is removed. Its
products with any asset listed earlier then are those over the common sample, whatever s is: one
matrix product serves all assets listed late. What else the test needs of the earlier asset, over
rows s and later, are sums from s on of its levels, squares and lagged products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from statarb._core.typing import BoolArray, FloatArray, IntArray

__all__ = ["LateListings", "late_assets", "late_pairs"]

FEW = 32
"""Assets with one start: as many or more are worth a sample of their own."""
LOST = 1e-4
"""Share of the sum of squares left by removing the mean below which too many digits are lost."""


class LateListings(NamedTuple):
    """Moments of one late asset (the first axis of length 1) with the assets listed before it."""

    asset: IntArray
    others: IntArray
    rows: int
    gram: FloatArray
    cross: FloatArray
    own: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    other: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    correlation: FloatArray


def late_assets(observed: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Find the assets that are quoted from some row on to the end, and among them those to be
    treated as late.

    Parameters
    ----------
    observed : (assets, times)
        Which cells hold a number.

    Returns
    -------
    suffix, late : (assets,), (assets,)
        Late are assets whose start is not the first row, and shared by few.
    """
    times = observed.shape[1]
    start = observed.argmax(axis=1)
    suffix = observed.any(axis=1) & (observed.sum(axis=1) == times - start)
    alike = np.bincount(start[suffix], minlength=times)
    return suffix, suffix & (start > 0) & (alike[start] < FEW)


def late_pairs(
    levels: FloatArray, suffix: BoolArray, late: BoolArray, max_lags: int, overlap: int, tile: int
) -> Iterator[LateListings]:
    """Give the moments of every late asset with each asset listed before it (or with it, and
    standing before it).

    Parameters
    ----------
    levels : (assets, times)
        Log prices, NaN before the first quote.
    suffix, late : (assets,)
        As :func:`late_assets` finds them.
    max_lags : int
        Largest lag of the moments.
    overlap : int
        Smallest common sample; assets listed later than that are left out.
    tile : int
        Late assets worked on at a time.
    """
    times = levels.shape[1]
    start = np.isnan(levels).sum(axis=1)
    chosen = np.flatnonzero(suffix & (times - start >= overlap))
    # the order in which they were listed: the earlier assets of a late one stand before it
    assets = chosen[np.lexsort((chosen, late[chosen], start[chosen]))]
    begin = start[assets]
    places = np.flatnonzero(late[assets])
    if len(places) == 0:
        return
    level = levels[assets]
    level -= np.nanmean(level, axis=1, keepdims=True)
    level -= np.nanmean(level, axis=1, keepdims=True)
    level[np.nanmax(level, axis=1) == np.nanmin(level, axis=1)] = 0.0
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
            yield LateListings(
                asset=assets[place : place + 1],
                others=assets[before],
                rows=int(count),
                gram=gram[row : row + 1, before].copy(),
                cross=here,
                own=(
                    squares[place : place + 1, kind].copy(),
                    own[:, None].copy(),
                    level[place, first : first + depth, None].copy(),
                    level[place, ::-1][:depth, None].copy(),
                ),
                other=(rest, theirs, np.ascontiguousarray(heads), np.ascontiguousarray(tails)),
                correlation=_correlation(
                    here[0, 0] / 2.0, own[0], theirs[0], level, place, before, first
                ),
            )


def _from(values: FloatArray, starts: IntArray) -> FloatArray:
    """Sums of each row of ``values`` from each start to the end: (rows, starts)."""
    parts = np.add.reduceat(values, starts, axis=1)
    sums: FloatArray = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
    return sums


def _correlation(
    product: FloatArray,
    own: float,
    theirs: FloatArray,
    level: FloatArray,
    place: int,
    before: slice,
    first: int,
) -> FloatArray:
    count = level.shape[1] - 1 - first
    drift, other = (
        (level[place, -1] - level[place, first]) / count,
        (level[before, -1] - level[before, first]) / count,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt((own - count * drift**2) * (theirs - count * other**2))
        correlation: FloatArray = (product - count * drift * other) / scale
    return correlation
