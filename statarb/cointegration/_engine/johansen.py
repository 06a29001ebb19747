"""Compiled kernels of Johansen's test for many pairs: reduced rank regression from shared moments.

For a pair, the regression explains ``D_t`` by the levels ``X_{t-1}`` given k lagged differences.
Its statistics are the squared canonical correlations of ``D_t`` and ``X_{t-1}`` after both are
regressed on the lags (Johansen 1991, Econometrica 59, 1551-1580). With the moments of lags, levels
and ``D_t`` in one matrix, a Cholesky factor in that order gives them: its rows hold what remains
after the regressions. A deterministic term that is restricted to the relation (a constant, or a
line) is one more level, the same for all pairs.

The plain reference is :func:`statarb.cointegration._engine.reduced_rank.reduced_rank`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.cointegration._engine.engle_granger import (
    COLLINEAR,
    CONSTANT,
    ILL_CONDITIONED,
    LANES,
    NEARLY_SINGULAR,
    OK,
    OVERLAP,
    PERFECT,
    RECOMPUTE,
    SINGULAR,
)
from statarb.cointegration._engine.sums import (
    centred_squares,
    mean,
    product,
    varies_beyond,
)

__all__ = ["AssetBlocks", "JohansenResults", "JohansenRule", "johansen_block", "johansen_list"]

CHANGE, LEVEL = range(2)
"""Blocks of moments: ``D_t``, ``X_{t-1}``; ``D_{t-m}`` is block 1 + m."""


class JohansenRule(NamedTuple):
    """Settings of the test of a pair.

    Parameters
    ----------
    lags : int
        Lagged differences.
    degree : int
        Polynomial that is removed from the levels first, for the digits: -1 none, 0 their mean, 1 a
        line.
    centred : bool
        Whether a constant is among the regressors without restriction: then means are removed from
        every block.
    restricted : bool
        Whether the polynomial's highest power is a term of the relation.
    """

    lags: int
    degree: int
    centred: bool
    restricted: bool


class AssetBlocks(NamedTuple):
    """Moments of single assets on a common sample.

    Parameters
    ----------
    asset : (assets,)
        Where results go.
    own : (lags + 2, lags + 2, assets)
        Products of the blocks of each asset.
    restricted : (lags + 2, assets)
        Products of the blocks with the restricted term; zeros where there is none.
    """

    asset: IntArray
    own: FloatArray
    restricted: FloatArray


class JohansenResults(NamedTuple):
    """Results of tests, written in place: (assets, assets) at [y, x], or (pairs,).

    Parameters
    ----------
    trace_0, trace_1 : float64
        Statistics of "no relation" and "at most one".
    slope : float64
        Slope of y on x in the first relation.
    status : int8
        ``OK`` .. ``SINGULAR``; ``RECOMPUTE`` for pairs whose moments lose too many digits.
    observations : int32
        Size of the common sample.
    """

    trace_0: FloatArray
    trace_1: FloatArray
    slope: FloatArray
    status: npt.NDArray[np.int8]
    observations: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> JohansenResults:
        """Results of no test."""
        return cls(
            trace_0=np.full(shape, np.nan),
            trace_1=np.full(shape, np.nan),
            slope=np.full(shape, np.nan),
            status=np.full(shape, OVERLAP, dtype=np.int8),
            observations=np.zeros(shape, dtype=np.int32),
        )

    def store(self, y: IntArray, x: IntArray, listed: JohansenResults) -> None:
        """Write results of listed pairs into matrices."""
        pairs: Any = zip(self, listed, strict=True)
        for matrix, values in pairs:
            matrix[y, x] = values


class Lanes(NamedTuple):
    """Buffers of pairs worked on side by side.

    Parameters
    ----------
    a : (rows, rows, lanes)
        Lower triangle of the moments. Rows: the lags (two assets side by side), the restricted term
        where there is one, the two levels, the two differences.
    scale, root : (lanes,)
        Work space.
    size : (lanes,)
        Rows of the regression.
    sound : (lanes,)
        Whether the moments identify the regression; cleared where they do not.
    trace_0, trace_1, slope : (lanes,)
        Results.
    """

    a: FloatArray
    scale: FloatArray
    root: FloatArray
    size: FloatArray
    sound: BoolArray
    trace_0: FloatArray
    trace_1: FloatArray
    slope: FloatArray


@kernel()
def _lanes(edge: int, lanes: int) -> Lanes:
    return Lanes(
        np.empty((edge, edge, lanes)),
        np.empty(lanes),
        np.empty(lanes),
        np.empty(lanes),
        np.empty(lanes, dtype=np.bool_),
        np.empty(lanes),
        np.empty(lanes),
        np.empty(lanes),
    )


@kernel()
def _reduced_rank(lags: int, restricted: bool, count: int, lanes: Lanes) -> None:
    """Compute both trace statistics and the slope of the first relation, from the lower triangle of
    the moments.
    """
    a, scale, root, sound = lanes.a, lanes.scale, lanes.root, lanes.sound
    columns = 2 * lags + 3 if restricted else 2 * lags + 2
    rows = columns + 2
    # Cholesky factor of lags, restricted term and levels; the rows of the differences follow along
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
    # what the lags leave of the differences
    past, level, change = 2 * lags, columns - 2, columns
    for k in range(past):
        for c in range(count):
            a[change, change, c] -= a[change, k, c] * a[change, k, c]
            a[change + 1, change, c] -= a[change + 1, k, c] * a[change, k, c]
            a[change + 1, change + 1, c] -= a[change + 1, k, c] * a[change + 1, k, c]
    for c in range(count):
        # whiten the differences as well: the singular values of the matrix w, one row per
        # difference and one column per level or restricted term, are the canonical correlations
        s11, s21, s22 = a[change, change, c], a[change + 1, change, c], a[change + 1, change + 1, c]
        rest = s22 - s21 * s21 / s11
        if not (sound[c] and s11 > 0.0 and rest > NEARLY_SINGULAR * s22):
            sound[c] = False
            lanes.trace_0[c] = lanes.trace_1[c] = lanes.slope[c] = np.nan
            continue
        l11, l22 = np.sqrt(s11), np.sqrt(rest)
        w11, w12 = a[change, level, c] / l11, a[change, level + 1, c] / l11
        w21 = (a[change + 1, level, c] - s21 / l11 * w11) / l22
        w22 = (a[change + 1, level + 1, c] - s21 / l11 * w12) / l22
        w10 = w20 = 0.0
        if restricted:
            w10 = a[change, past, c] / l11
            w20 = (a[change + 1, past, c] - s21 / l11 * w10) / l22
        # eigenvalues of w w', the smaller one from the determinant (sum of squared minors)
        p = w10 * w10 + w11 * w11 + w12 * w12
        q = w20 * w20 + w21 * w21 + w22 * w22
        r = w10 * w20 + w11 * w21 + w12 * w22
        gap = np.hypot(p - q, 2.0 * r)
        large = 0.5 * (p + q + gap)
        minor_12 = w11 * w22 - w12 * w21
        minor_01, minor_02 = w10 * w21 - w11 * w20, w10 * w22 - w12 * w20
        determinant = minor_12 * minor_12 + minor_01 * minor_01 + minor_02 * minor_02
        little = determinant / large if large > 0.0 else 0.0
        if large >= 1.0:
            sound[c] = False
            lanes.trace_0[c] = lanes.trace_1[c] = lanes.slope[c] = np.nan
            continue
        lanes.trace_1[c] = -lanes.size[c] * np.log1p(-little)
        lanes.trace_0[c] = lanes.trace_1[c] - lanes.size[c] * np.log1p(-large)
        # first eigenvector of [[p, r], [r, q]], taken from its better conditioned row, over to the
        # levels, then back through the levels' factor
        u1, u2 = (0.5 * (p - q + gap), r) if p >= q else (r, 0.5 * (q - p + gap))
        x1, x2 = w11 * u1 + w21 * u2, w12 * u1 + w22 * u2
        v2 = x2 / a[level + 1, level + 1, c]
        v1 = (x1 - a[level + 1, level, c] * v2) / a[level, level, c]
        lanes.slope[c] = -v2 / v1


@kernel()
def johansen_block(
    moments: FloatArray,
    first: AssetBlocks,
    second: AssetBlocks,
    same: bool,
    rows: int,
    restricted_square: float,
    rule: JohansenRule,
    results: JohansenResults,
) -> None:
    """Johansen's test of all pairs (i, j) of two sets of assets with one common sample.

    Parameters
    ----------
    moments : (lags + 2, lags + 2, I, J)
        Products of block a of asset i of ``first`` with block b of asset j of ``second``.
    first, second : AssetBlocks
        Of the two sets.
    same : bool
        Whether both sets are one; then only j > i counts.
    rows : int
        Rows of the regression.
    restricted_square : float
        Sum of squares of the restricted term.
    rule : JohansenRule
        Settings.
    results : JohansenResults
        (assets, assets); all but ``observations`` are written at [i, j].
    """
    lags, restricted = rule.lags, rule.restricted
    n_i, n_j = moments.shape[2], moments.shape[3]
    shift = 1 if restricted else 0
    past = 2 * lags
    lanes = _lanes(2 * lags + 4 + shift, LANES)
    lanes.size[:] = rows
    a = lanes.a
    # the block of each pair of rows, and its first row: lags, levels, differences
    block = np.empty(lags + 2, dtype=np.int64)
    place = np.empty(lags + 2, dtype=np.int64)
    for m in range(lags):
        block[m], place[m] = m + 2, 2 * m
    block[lags], place[lags] = LEVEL, past + shift
    block[lags + 1], place[lags + 1] = CHANGE, past + shift + 2
    lane = np.empty(LANES, dtype=np.int64)
    for i in range(n_i):
        j = i + 1 if same else 0
        while j < n_j:
            # the next pairs that can be tested from moments
            count = 0
            while j < n_j and count < LANES:
                y, x = first.asset[i], second.asset[j]
                if first.own[LEVEL, LEVEL, i] == 0.0 or second.own[LEVEL, LEVEL, j] == 0.0:
                    results.status[y, x] = CONSTANT
                else:
                    alike = False
                    for b in range(2):
                        both = first.own[b, b, i] * second.own[b, b, j]
                        alike = (
                            alike or not both - moments[b, b, i, j] ** 2 >= ILL_CONDITIONED * both
                        )
                    if alike:
                        results.status[y, x] = RECOMPUTE
                    else:
                        lane[count] = j
                        lanes.sound[count] = True
                        count += 1
                j += 1
            # their moments, lower triangle
            for g in range(lags + 2):
                for h in range(g + 1):
                    one, other = block[g], block[h]
                    row, column = place[g], place[h]
                    for c in range(count):
                        a[row, column, c] = first.own[one, other, i]
                        a[row + 1, column + 1, c] = second.own[one, other, lane[c]]
                        a[row + 1, column, c] = moments[other, one, i, lane[c]]
                        if g > h:
                            a[row, column + 1, c] = moments[one, other, i, lane[c]]
            if restricted:
                for c in range(count):
                    a[past, past, c] = restricted_square
                for g in range(lags + 2):
                    for c in range(count):
                        one = first.restricted[block[g], i]
                        other = second.restricted[block[g], lane[c]]
                        if g < lags:
                            a[past, place[g], c], a[past, place[g] + 1, c] = one, other
                        else:
                            a[place[g], past, c], a[place[g] + 1, past, c] = one, other
            _reduced_rank(lags, restricted, count, lanes)
            for c in range(count):
                y, x = first.asset[i], second.asset[lane[c]]
                results.trace_0[y, x], results.trace_1[y, x] = lanes.trace_0[c], lanes.trace_1[c]
                results.slope[y, x] = lanes.slope[c]
                results.status[y, x] = OK if lanes.sound[c] else SINGULAR


@kernel()
def _without_line(values: FloatArray, count: int, degree: int) -> None:
    """Remove the mean, and for degree 1 the line, from the first ``count`` values, in place;
    nothing for degree -1.
    """
    for _ in range(2 if degree >= 0 else 0):  # the second pass removes the rounding of the first
        centre = mean(values, count)
        for t in range(count):
            values[t] -= centre
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
    min_overlap: int,
    rule: JohansenRule,
    results: JohansenResults,
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
    min_overlap : int
        Smallest common sample.
    rule : JohansenRule
        Settings.
    results : JohansenResults
        (pairs,); written in place.
    """
    lags, degree, restricted = rule.lags, rule.degree, rule.restricted
    shift = 1 if restricted else 0
    past = 2 * lags
    level = past + shift
    times = levels.shape[1]
    edge = past + 4 + shift
    y, x = np.empty(times), np.empty(times)
    lanes = _lanes(edge, 1)
    block = np.empty((edge, times))
    for number in range(len(pair_y)):
        results.trace_0[number] = results.trace_1[number] = results.slope[number] = np.nan
        # the rows that have both
        count = 0
        low_y = low_x = high_y = high_x = 0.0
        for t in range(times):
            one, other = levels[pair_y[number], t], levels[pair_x[number], t]
            if not (np.isnan(one) or np.isnan(other)):
                y[count], x[count] = one, other
                low_y, high_y = min(low_y, one), max(high_y, one)
                low_x, high_x = min(low_x, other), max(high_x, other)
                count += 1
        results.observations[number] = count
        if count < min_overlap:
            results.status[number] = OVERLAP
            continue
        # without means or lines, for the digits; what is left of a constant, or a line, is rounding
        size_y, size_x = max(-low_y, high_y), max(-low_x, high_x)
        _without_line(y, count, degree)
        _without_line(x, count, degree)
        spread_y, spread_x = centred_squares(y, count), centred_squares(x, count)
        if not (varies_beyond(spread_y, count, size_y) and varies_beyond(spread_x, count, size_x)):
            results.status[number] = CONSTANT
            continue
        # y less what x explains of it
        yy = product(y, y, count)
        turn = product(y, x, count) / product(x, x, count)
        for t in range(count):
            y[t] -= turn * x[t]
        if not product(y, y, count) > PERFECT * yy:
            results.status[number] = COLLINEAR
            continue
        # the regressors and the differences, one row each
        rows = count - 1 - lags
        for t in range(rows):
            now = t + lags + 1
            for m in range(1, lags + 1):
                block[2 * m - 2, t] = y[now - m] - y[now - m - 1]
                block[2 * m - 1, t] = x[now - m] - x[now - m - 1]
            if restricted:
                block[past, t] = 1.0 if degree == 0 else 2.0 * t / (rows - 1.0) - 1.0
            block[level, t], block[level + 1, t] = y[now - 1], x[now - 1]
            block[level + 2, t], block[level + 3, t] = y[now] - y[now - 1], x[now] - x[now - 1]
        if rule.centred:
            for g in range(edge):
                _without_line(block[g], rows, 0)
        # their moments, and the test
        for g in range(edge):
            for h in range(g + 1):
                lanes.a[g, h, 0] = product(block[g], block[h], rows)
        lanes.size[0] = rows
        lanes.sound[0] = True
        _reduced_rank(lags, restricted, 1, lanes)
        results.trace_0[number], results.trace_1[number] = lanes.trace_0[0], lanes.trace_1[0]
        results.slope[number] = turn + lanes.slope[0]
        results.status[number] = OK if lanes.sound[0] else SINGULAR
