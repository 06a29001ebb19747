"""Compiled kernels of Johansen's test for many pairs: reduced rank regression from shared moments.

For a pair, the regression explains ``D_t`` by the levels ``X_{t-1}`` given k lagged differences.
Its statistics are the squared canonical correlations of ``D_t`` and ``X_{t-1}`` after both are
regressed on the lags (Johansen 1991, Econometrica 59, 1551-1580). With the moments of lags, levels
and ``D_t`` in one matrix, a Cholesky factor in that order gives them: its rows hold what remains
after the regressions.

Blocks of moments are numbered 0 for ``D_t``, 1 for ``X_{t-1}`` and 1 + m for ``D_{t-m}``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray

__all__ = ["johansen_block", "johansen_list"]

LANES = 32
OK, OVERLAP, CONSTANT, COLLINEAR, SINGULAR, RECOMPUTE = range(6)
NEARLY_SINGULAR = 1e-11
ILL_CONDITIONED = 1e-4
PERFECT = 100.0 * np.sqrt(np.finfo(np.float64).eps)


@kernel()
def _reduced_rank(
    lags: int,
    count: int,
    size: FloatArray,
    a: FloatArray,
    scale: FloatArray,
    root: FloatArray,
    sound: BoolArray,
    trace: FloatArray,
    slope: FloatArray,
) -> None:
    """Compute both trace statistics and the slope of the first relation, from the lower triangle of
    the moments.

    Rows of ``a``: the lags (two assets side by side), the two levels, the two differences.
    """
    columns = 2 * lags + 2
    rows = columns + 2
    for j in range(columns):
        for c in range(count):
            scale[c] = a[j, j, c]
        for k in range(j):
            for c in range(count):
                a[j, j, c] -= a[j, k, c] * a[j, k, c]
        for c in range(count):
            good = a[j, j, c] > NEARLY_SINGULAR * scale[c]
            sound[c] = sound[c] and good
            a[j, j, c] = np.sqrt(a[j, j, c] if good else 1.0)
            root[c] = 1.0 / a[j, j, c]
        for i in range(j + 1, rows):
            for k in range(j):
                for c in range(count):
                    a[i, j, c] -= a[i, k, c] * a[j, k, c]
            for c in range(count):
                a[i, j, c] *= root[c]
    level, change = columns - 2, columns
    for k in range(level):
        for c in range(count):
            a[change, change, c] -= a[change, k, c] * a[change, k, c]
            a[change + 1, change, c] -= a[change + 1, k, c] * a[change, k, c]
            a[change + 1, change + 1, c] -= a[change + 1, k, c] * a[change + 1, k, c]
    for c in range(count):
        # whiten the differences as well: the singular values of the 2 x 2 matrix w are the
        # canonical correlations
        s11, s21, s22 = a[change, change, c], a[change + 1, change, c], a[change + 1, change + 1, c]
        rest = s22 - s21 * s21 / s11
        if not (sound[c] and s11 > 0.0 and rest > NEARLY_SINGULAR * s22):
            sound[c] = False
            trace[0, c] = trace[1, c] = slope[c] = np.nan
            continue
        l11, l22 = np.sqrt(s11), np.sqrt(rest)
        w11, w12 = a[change, level, c] / l11, a[change, level + 1, c] / l11
        w21 = (a[change + 1, level, c] - s21 / l11 * w11) / l22
        w22 = (a[change + 1, level + 1, c] - s21 / l11 * w12) / l22
        p, q, r = w11 * w11 + w21 * w21, w12 * w12 + w22 * w22, w11 * w12 + w21 * w22
        gap = np.hypot(p - q, 2.0 * r)
        large = 0.5 * (p + q + gap)
        determinant = w11 * w22 - w12 * w21
        little = determinant * determinant / large if large > 0.0 else 0.0
        if large >= 1.0:
            sound[c] = False
            trace[0, c] = trace[1, c] = slope[c] = np.nan
            continue
        trace[1, c] = -size[c] * np.log1p(-little)
        trace[0, c] = trace[1, c] - size[c] * np.log1p(-large)
        # first eigenvector of [[p, r], [r, q]], taken from its better conditioned row, then back
        # through the levels' factor
        u1, u2 = (0.5 * (p - q + gap), r) if p >= q else (r, 0.5 * (q - p + gap))
        v2 = u2 / a[level + 1, level + 1, c]
        v1 = (u1 - a[level + 1, level, c] * v2) / a[level, level, c]
        slope[c] = -v2 / v1


@kernel()
def johansen_block(
    moments: FloatArray,
    own_i: FloatArray,
    own_j: FloatArray,
    asset_i: IntArray,
    asset_j: IntArray,
    same: bool,
    rows: int,
    lags: int,
    trace: FloatArray,
    slope: FloatArray,
    status: npt.NDArray[np.int8],
) -> None:
    """Johansen's test of all pairs (i, j) of two sets of assets with one common sample.

    Parameters
    ----------
    moments : (lags + 2, lags + 2, I, J)
        Products of block a of asset i with block b of asset j.
    own_i, own_j : (lags + 2, lags + 2, I), (lags + 2, lags + 2, J)
        Products of the blocks of each asset.
    asset_i, asset_j : (I,), (J,)
        Where results go.
    same : bool
        Whether both sets are one; then only j > i counts.
    rows : int
        Rows of the regression.
    lags : int
        Lagged differences.
    trace : (2, assets, assets)
        Statistics of "no relation" and "at most one", at [:, i, j]; written in place.
    slope, status : (assets, assets)
        Slope of i on j, at [i, j]; written in place. Pairs that lose digits here get the status
        ``RECOMPUTE``.
    """
    n_i, n_j = moments.shape[2], moments.shape[3]
    edge = 2 * lags + 4
    a = np.empty((edge, edge, LANES))
    scale, root, value = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    statistic = np.empty((2, LANES))
    size = np.full(LANES, float(rows))
    sound = np.empty(LANES, dtype=np.bool_)
    # which block stands where: lag m of both assets at 2m - 2 and 2m - 1, the levels next, the
    # differences last
    block = np.empty(edge // 2, dtype=np.int64)
    for m in range(lags):
        block[m] = m + 2
    block[lags], block[lags + 1] = 1, 0
    lane = np.empty(LANES, dtype=np.int64)
    for i in range(n_i):
        j = i + 1 if same else 0
        while j < n_j:
            count = 0
            while j < n_j and count < LANES:
                if own_i[1, 1, i] == 0.0 or own_j[1, 1, j] == 0.0:
                    status[asset_i[i], asset_j[j]] = CONSTANT
                else:
                    alike = False
                    for b in range(2):
                        both = own_i[b, b, i] * own_j[b, b, j]
                        alike = (
                            alike or not both - moments[b, b, i, j] ** 2 >= ILL_CONDITIONED * both
                        )
                    if alike:
                        status[asset_i[i], asset_j[j]] = RECOMPUTE
                    else:
                        lane[count] = j
                        sound[count] = True
                        count += 1
                j += 1
            for g in range(edge // 2):
                for h in range(g + 1):
                    first, second = block[g], block[h]
                    for c in range(count):
                        a[2 * g, 2 * h, c] = own_i[first, second, i]
                        a[2 * g + 1, 2 * h + 1, c] = own_j[first, second, lane[c]]
                        a[2 * g + 1, 2 * h, c] = moments[second, first, i, lane[c]]
                        if g > h:
                            a[2 * g, 2 * h + 1, c] = moments[first, second, i, lane[c]]
            _reduced_rank(lags, count, size, a, scale, root, sound, statistic, value)
            for c in range(count):
                y, x = asset_i[i], asset_j[lane[c]]
                trace[0, y, x], trace[1, y, x] = statistic[0, c], statistic[1, c]
                slope[y, x] = value[c]
                status[y, x] = OK if sound[c] else SINGULAR


@kernel(fastmath={"reassoc", "contract"})
def _product(one: FloatArray, other: FloatArray, count: int) -> float:
    """Sum of products, in an order that vector instructions allow."""
    total = 0.0
    for t in range(count):
        total += one[t] * other[t]
    return total


@kernel(fastmath={"reassoc", "contract"})
def _sum(values: FloatArray, count: int) -> float:
    total = 0.0
    for t in range(count):
        total += values[t]
    return total


@kernel()
def _without_line(values: FloatArray, count: int, degree: int) -> None:
    """Remove the mean, and for degree 1 the line, from the first ``count`` values, in place;
    nothing for degree -1.
    """
    for _ in range(2 if degree >= 0 else 0):  # the second pass removes the rounding of the first
        mean = _sum(values, count) / count
        for t in range(count):
            values[t] -= mean
    if degree == 1:
        top, bottom = 0.0, 0.0
        for t in range(count):
            place = t - 0.5 * (count - 1.0)
            top += place * values[t]
            bottom += place * place
        for t in range(count):
            values[t] -= top / bottom * (t - 0.5 * (count - 1.0))


@kernel()
def johansen_list(
    levels: FloatArray,
    pair_y: IntArray,
    pair_x: IntArray,
    degree: int,
    min_overlap: int,
    lags: int,
    trace: FloatArray,
    slope: FloatArray,
    status: npt.NDArray[np.int8],
    observations: npt.NDArray[np.int32],
) -> None:
    """Johansen's test of listed pairs, each on its own common sample.

    The statistics do not change when the pair (y, x) is replaced by (y - b x, x): with b from a
    regression the two are not collinear, and no digits are lost.

    Parameters
    ----------
    levels : (assets, times)
        Log prices, NaN where missing.
    pair_y, pair_x : (pairs,)
        Rows of ``levels``.
    degree : int
        -1 removes nothing, 0 means, 1 a line from the levels and means from all.
    min_overlap : int
        Smallest common sample.
    lags : int
        Lagged differences.
    trace : (2, pairs)
        Written in place, as are the next three.
    slope, status, observations : (pairs,)
        Results.
    """
    times = levels.shape[1]
    edge = 2 * lags + 4
    pair = np.empty((2, times))
    a = np.empty((edge, edge, 1))
    scale, root, value, size = np.empty(1), np.empty(1), np.empty(1), np.empty(1)
    statistic = np.empty((2, 1))
    sound = np.empty(1, dtype=np.bool_)
    block = np.empty((edge, times))
    for number in range(len(pair_y)):
        trace[0, number] = trace[1, number] = slope[number] = np.nan
        count = 0
        low_y = low_x = np.inf
        high_y = high_x = -np.inf
        for t in range(times):
            y, x = levels[pair_y[number], t], levels[pair_x[number], t]
            if not (np.isnan(y) or np.isnan(x)):
                pair[0, count], pair[1, count] = y, x
                low_y, high_y = min(low_y, y), max(high_y, y)
                low_x, high_x = min(low_x, x), max(high_x, x)
                count += 1
        observations[number] = count
        if count < min_overlap:
            status[number] = OVERLAP
            continue
        if low_y == high_y or low_x == high_x:
            status[number] = CONSTANT
            continue
        _without_line(pair[0], count, degree)
        _without_line(pair[1], count, degree)
        yy = _product(pair[0], pair[0], count)
        turn = _product(pair[0], pair[1], count) / _product(pair[1], pair[1], count)
        for t in range(count):
            pair[0, t] -= turn * pair[1, t]
        if not _product(pair[0], pair[0], count) > PERFECT * yy:
            status[number] = COLLINEAR
            continue
        rows = count - 1 - lags
        for asset in range(2):
            for t in range(rows):
                now = t + lags + 1
                for m in range(1, lags + 1):
                    block[2 * m - 2 + asset, t] = pair[asset, now - m] - pair[asset, now - m - 1]
                block[2 * lags + asset, t] = pair[asset, now - 1]
                block[2 * lags + 2 + asset, t] = pair[asset, now] - pair[asset, now - 1]
        for g in range(edge):
            _without_line(block[g], rows, min(degree, 0))
        for g in range(edge):
            for h in range(g + 1):
                a[g, h, 0] = _product(block[g], block[h], rows)
        size[0] = rows
        sound[0] = True
        _reduced_rank(lags, 1, size, a, scale, root, sound, statistic, value)
        trace[0, number], trace[1, number] = statistic[0, 0], statistic[1, 0]
        slope[number] = turn + value[0]
        status[number] = OK if sound[0] else SINGULAR
