"""Compiled kernels of the Engle-Granger scan: from moments of residuals to lag order, statistic and
half-life.

Pairs are worked on side by side, ``LANES`` at a time, in the last axis of every buffer, so that the
compiler turns each step of the arithmetic into vector instructions.

Notation: residuals ``e_0 .. e_{T-1}`` of the cointegrating regression, ``d_t = e_t - e_{t-1}``. The
augmented Dickey-Fuller regression with p lags explains ``d_t`` by ``e_{t-1}, d_{t-1}, ...,
d_{t-p}`` for t = p+1 .. T-1. All that it needs is

- ``acov[m] = sum_t d_t d_{t-m}`` over all t, m = 0 .. p, and ``sse = sum_t e_t^2``,
- the first p + 2 and the last p + 2 residuals, ``head[s] = e_s`` and ``tail[s] = e_{T-1-s}``,

because with ``M[i, j] = sum_t d_{t-i} d_{t-j}`` over the sample of the regression

- ``M[0, m] = acov[m] - sum_{s=m+1..p} d_s d_{s-m}``,
- ``M[i+1, j+1] = M[i, j] + d_{p-i} d_{p-j} - d_{T-1-i} d_{T-1-j}``,
- ``sum_t e_{t-1} d_{t-k} = (e_{T-1-k}^2 - e_{p-k}^2 - M[k, k]) / 2 + sum_{i=1..k} M[i, k]``.

The plain reference is :func:`statarb.cointegration._engine.reference.engle_granger_reference`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.cointegration._engine.sums import mean, product, varies_beyond

__all__ = [
    "AIC",
    "BIC",
    "COLLINEAR",
    "CONSTANT",
    "FIXED",
    "OK",
    "OVERLAP",
    "RECOMPUTE",
    "SINGULAR",
    "STATUS",
    "AssetMoments",
    "LagRule",
    "PairMoments",
    "ScanResults",
    "scan_block",
    "scan_list",
]

LANES = 32
FIXED, AIC, BIC = range(3)
"""How the number of lags is chosen."""
OK, OVERLAP, CONSTANT, COLLINEAR, SINGULAR, RECOMPUTE = range(6)
STATUS = ("ok", "too few common observations", "constant", "collinear", "singular")
"""What the codes mean, by code."""

NEARLY_SINGULAR = 1e-11
"""A pivot below this share of its diagonal: the lags do not identify the regression."""
ILL_CONDITIONED = 1e-4
"""Share of the variance left in the residual below which moments of the two series lose too many
digits: work on the series.
"""
PERFECT = 100.0 * np.sqrt(np.finfo(np.float64).eps)
"""Unexplained share of the variance below which two series count as collinear (the bound that
statsmodels' ``coint`` uses).
"""


class LagRule(NamedTuple):
    """How many lagged differences a test has.

    Parameters
    ----------
    max_lags : int
        The number itself (criterion ``FIXED``), or the largest one that may be chosen.
    criterion : int
        ``FIXED``, ``AIC`` or ``BIC``.
    """

    max_lags: int
    criterion: int


class AssetMoments(NamedTuple):
    """Moments of single assets on a common sample.

    Parameters
    ----------
    asset : (assets,)
        Where results go: rows and columns of the outputs.
    squares : (assets,)
        Sums of squares of the detrended levels; 0 for a constant asset.
    autocovariance : (lags + 1, assets)
        ``sum_t D_t D_{t-m}``, D the first differences.
    head, tail : (lags + 2, assets)
        First levels, and last levels backwards.
    """

    asset: IntArray
    squares: FloatArray
    autocovariance: FloatArray
    head: FloatArray
    tail: FloatArray


class PairMoments(NamedTuple):
    """Moments of pairs of assets (i, j) on a common sample.

    Parameters
    ----------
    gram : (I, J)
        Products of the detrended levels.
    cross : (lags + 1, I, J)
        ``sum_t Di_t Dj_{t-m} + Dj_t Di_{t-m}``, D the first differences.
    """

    gram: FloatArray
    cross: FloatArray


class ScanResults(NamedTuple):
    """Results of tests, written in place: (assets, assets) at [y, x], or (pairs,).

    Parameters
    ----------
    tau, hedge_ratio, half_life, correlation : float64
        NaN where there is no test.
    lag : int16
        Lagged differences; -1 where there is no test.
    status : int8
        ``OK`` .. ``SINGULAR``; ``RECOMPUTE`` for pairs whose moments lose too many digits.
    observations : int32
        Size of the common sample.
    """

    tau: FloatArray
    hedge_ratio: FloatArray
    half_life: FloatArray
    correlation: FloatArray
    lag: npt.NDArray[np.int16]
    status: npt.NDArray[np.int8]
    observations: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> ScanResults:
        """Results of no test."""
        return cls(
            tau=np.full(shape, np.nan),
            hedge_ratio=np.full(shape, np.nan),
            half_life=np.full(shape, np.nan),
            correlation=np.full(shape, np.nan),
            lag=np.full(shape, -1, dtype=np.int16),
            status=np.full(shape, OVERLAP, dtype=np.int8),
            observations=np.zeros(shape, dtype=np.int32),
        )

    def at(self, y: IntArray, x: IntArray) -> ScanResults:
        """Return the results of some pairs, of matrices."""
        picked: ScanResults = ScanResults._make(values[y, x] for values in self)
        return picked

    def store(self, y: IntArray, x: IntArray, listed: ScanResults) -> None:
        """Write results of listed pairs into matrices."""
        pairs: Any = zip(self, listed, strict=True)
        for matrix, values in pairs:
            matrix[y, x] = values


class ResidualMoments(NamedTuple):
    """What a Dickey-Fuller regression needs of residuals, by lane (module docstring).

    Parameters
    ----------
    head, tail : (lags + 2, lanes)
    acov : (lags + 1 or more, lanes)
    sse : (lanes,)
    """

    head: FloatArray
    tail: FloatArray
    acov: FloatArray
    sse: FloatArray


@kernel()
def _regression(
    lags: int,
    count: int,
    level_first: bool,
    residual: ResidualMoments,
    left: FloatArray,
    right: FloatArray,
    a: FloatArray,
) -> None:
    """Fill the lower triangle of ``a`` with the moments of the regressors and, in the last row, of
    ``d_t``.

    Order of the rows: the level, then lags 1 .. p, where ``level_first``; else lags 1 .. p, then
    the level.
    """
    head, tail, acov, sse = residual.head, residual.tail, residual.acov, residual.sse
    last = lags + 1
    level = 0 if level_first else lags
    shift = 0 if level_first else -1  # lag j is row j + shift
    # differences at the start of the sample, and at its end backwards
    for s in range(1, lags + 1):
        for c in range(count):
            left[s, c] = head[s, c] - head[s - 1, c]
    for s in range(lags):
        for c in range(count):
            right[s, c] = tail[s, c] - tail[s + 1, c]
    # first row of M: products with d_t itself
    for m in range(lags + 1):
        column = last if m == 0 else m + shift
        for c in range(count):
            a[last, column, c] = acov[m, c]
        for s in range(m + 1, lags + 1):
            for c in range(count):
                a[last, column, c] -= left[s, c] * left[s - m, c]
    # the other rows, each from the one above and to the left of it
    for i in range(lags):
        for j in range(i, lags):
            row = last if i == 0 else j + shift
            column = (last if j == 0 else j + shift) if i == 0 else i + shift
            for c in range(count):
                a[j + 1 + shift, i + 1 + shift, c] = (
                    a[row, column, c]
                    + left[lags - i, c] * left[lags - j, c]
                    - right[i, c] * right[j, c]
                )
    # the level with itself
    for c in range(count):
        a[level, level, c] = sse[c] - tail[0, c] * tail[0, c]
    for s in range(lags):
        for c in range(count):
            a[level, level, c] -= head[s, c] * head[s, c]
    # the level with d_{t-k}
    for k in range(lags + 1):
        place = last if k == 0 else k + shift
        row = max(level, place)
        column = min(level, place)
        for c in range(count):
            a[row, column, c] = 0.5 * (
                tail[k, c] * tail[k, c] - head[lags - k, c] * head[lags - k, c] - a[place, place, c]
            )
        for i in range(1, k + 1):
            for c in range(count):
                a[row, column, c] += a[place, i + shift, c]


@kernel()
def _triangle(
    size: int, count: int, a: FloatArray, scale: FloatArray, root: FloatArray, sound: BoolArray
) -> None:
    """Replace the lower triangle by its Cholesky factor, but for the corner, which keeps the total
    sum of squares.
    """
    for j in range(size - 1):
        # the pivot: what column j has left after the columns before it
        for c in range(count):
            scale[c] = a[j, j, c]
        for k in range(j):
            for c in range(count):
                a[j, j, c] -= a[j, k, c] * a[j, k, c]
        for c in range(count):
            good = a[j, j, c] > NEARLY_SINGULAR * scale[c]
            sound[c] = sound[c] and good
            root[c] = 1.0 / np.sqrt(a[j, j, c] if good else 1.0)
        # the rows below it
        for i in range(j + 1, size):
            for k in range(j):
                for c in range(count):
                    a[i, j, c] -= a[i, k, c] * a[j, k, c]
            for c in range(count):
                a[i, j, c] *= root[c]


@kernel()
def _best_lag(
    max_lags: int,
    count: int,
    growth: FloatArray,
    a: FloatArray,
    rss: FloatArray,
    best: FloatArray,
    weight: FloatArray,
    lag: IntArray,
) -> None:
    """Choose the order that minimises ``n log RSS + penalty k``, that is ``RSS exp(penalty /
    n)^k``.
    """
    last = max_lags + 1
    # no lags: the level, in the first column, explains alone
    for c in range(count):
        rss[c] = a[last, last, c] - a[last, 0, c] * a[last, 0, c]
        best[c] = rss[c]
        weight[c] = 1.0
        lag[c] = 0
    # each further column of the factor is one lag more
    for k in range(1, max_lags + 1):
        for c in range(count):
            rss[c] -= a[last, k, c] * a[last, k, c]
            weight[c] *= growth[c]
            if rss[c] * weight[c] < best[c]:
                best[c] = rss[c] * weight[c]
                lag[c] = k


@kernel()
def _statistic(
    lags: int,
    count: int,
    size: FloatArray,
    a: FloatArray,
    rss: FloatArray,
    sound: BoolArray,
    tau: FloatArray,
) -> None:
    """Compute the t-ratio of the level from a factor whose last regressor is the level; NaN where
    it is not identified.
    """
    last = lags + 1
    # residual sum of squares of the whole regression
    for c in range(count):
        rss[c] = a[last, last, c]
    for k in range(lags + 1):
        for c in range(count):
            rss[c] -= a[last, k, c] * a[last, k, c]
    # the last coordinate of d_t over the residual standard deviation is the t-ratio
    for c in range(count):
        rest = size[c] - 2.0 * lags - 2.0
        good = sound[c] and rss[c] > NEARLY_SINGULAR * a[last, last, c] and rest > 0.0
        sound[c] = good
        tau[c] = a[last, lags, c] / np.sqrt(rss[c] / rest) if good else np.nan


@kernel()
def _growth(criterion: int, rows: int) -> float:
    """Factor on the residual sum of squares that offsets one more parameter."""
    factor: float = np.exp((2.0 if criterion == AIC else np.log(rows)) / rows)
    return factor


@kernel()
def _half_life(sse: float, first: float, last: float, acov: float) -> float:
    """Half-life in steps of the first-order autoregression of the residual; inf where it does not
    revert.
    """
    # sum of e_{t-1}^2, and sum of e_{t-1} d_t by summation by parts
    level = sse - last * last
    speed = 0.5 * (last * last - first * first - acov) / level if level > 0.0 else 0.0
    if speed >= 0.0:
        return np.inf
    life: float = np.log(0.5) / np.log(1.0 + speed) if speed > -1.0 else 0.0
    return life


@kernel()
def _queue(
    i: int,
    pair: PairMoments,
    first: AssetMoments,
    second: AssetMoments,
    same: bool,
    results: ScanResults,
    weight_i: FloatArray,
    weight_j: FloatArray,
    queue: IntArray,
) -> int:
    """List the tests of asset i that can be worked on, with weights such that ``e = weight_i X_i +
    weight_j X_j``.

    Place j means i explained by j, place J + j means j explained by i. Returns the number of tests
    listed.
    """
    gram, cross = pair.gram, pair.cross
    gram_i, gram_j = first.squares, second.squares
    acov_i, acov_j = first.autocovariance, second.autocovariance
    queued = 0
    n_j = len(gram_j)
    for direction in range(2):
        for j in range(i + 1 if same else 0, n_j):
            y = first.asset[i] if direction == 0 else second.asset[j]
            x = second.asset[j] if direction == 0 else first.asset[i]
            if gram_i[i] == 0.0 or gram_j[j] == 0.0:
                results.status[y, x] = CONSTANT
                continue
            slope = gram[i, j] / (gram_j[j] if direction == 0 else gram_i[i])
            wi, wj = (1.0, -slope) if direction == 0 else (-slope, 1.0)
            unexplained = 1.0 - gram[i, j] * gram[i, j] / (gram_i[i] * gram_j[j])
            own = wi * wi * acov_i[0, i] + wj * wj * acov_j[0, j]
            # written so that NaN, the mark of a sum that lost its digits, is caught too
            if not (
                unexplained >= ILL_CONDITIONED
                and own + wi * wj * cross[0, i, j] >= ILL_CONDITIONED * own
            ):
                results.status[y, x] = RECOMPUTE
                continue
            results.hedge_ratio[y, x] = slope
            place = direction * n_j + j
            weight_i[place] = wi
            weight_j[place] = wj
            queue[queued] = place
            queued += 1
    return queued


@kernel()
def _sort_by_lag(
    queued: int,
    max_lags: int,
    queue: IntArray,
    order: IntArray,
    order_lag: IntArray,
    start: IntArray,
) -> None:
    """Bring the queue into the order of the lags chosen (counting sort), so that lanes share one
    order.
    """
    # where the tests of each order begin
    start[:] = 0
    for q in range(queued):
        start[order_lag[q] + 1] += 1
    for k in range(max_lags + 1):
        start[k + 1] += start[k]
    # each test to the next free place of its order
    for q in range(queued):
        order[start[order_lag[q]]] = queue[q]
        start[order_lag[q]] += 1
    # the order of every place
    for k in range(max_lags, -1, -1):
        for q in range(start[k - 1] if k > 0 else 0, start[k]):
            order_lag[q] = k


@kernel()
def scan_block(
    pair: PairMoments,
    first: AssetMoments,
    second: AssetMoments,
    same: bool,
    observations: int,
    rule: LagRule,
    results: ScanResults,
) -> None:
    """Engle-Granger tests in both directions of all pairs (i, j) of two sets of assets with one
    common sample.

    Parameters
    ----------
    pair : PairMoments
        Of the assets i of ``first`` with the assets j of ``second``.
    first, second : AssetMoments
        Of the two sets.
    same : bool
        Whether both sets are one; then only j > i counts.
    observations : int
        Rows of the common sample.
    rule : LagRule
        How the number of lags is chosen, for each test.
    results : ScanResults
        (assets, assets); ``tau, hedge_ratio, half_life, lag, status`` are written at [y, x].
    """
    max_lags, criterion = rule.max_lags, rule.criterion
    gram, cross = pair.gram, pair.cross
    n_i, n_j = gram.shape
    depth = max_lags + 2
    # buffers: one lane a test
    head, tail = np.empty((depth, LANES)), np.empty((depth, LANES))
    acov, left, right = np.empty((depth, LANES)), np.empty((depth, LANES)), np.empty((depth, LANES))
    a = np.empty((depth, depth, LANES))
    sse, scale, root = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    residual = ResidualMoments(head, tail, acov, sse)
    rss, best, weight = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    size = np.full(LANES, float(observations))
    growth = np.full(LANES, _growth(criterion, observations - 1 - max_lags))
    sound = np.empty(LANES, dtype=np.bool_)
    value = np.empty(LANES)
    chosen = np.empty(LANES, dtype=np.int64)
    queue, order = np.empty(2 * n_j, dtype=np.int64), np.empty(2 * n_j, dtype=np.int64)
    order_lag = np.empty(2 * n_j, dtype=np.int64)
    weight_i, weight_j = np.empty(2 * n_j), np.empty(2 * n_j)
    start = np.empty(max_lags + 2, dtype=np.int64)

    for i in range(n_i):
        queued = _queue(i, pair, first, second, same, results, weight_i, weight_j, queue)
        # stage 0 chooses the lags of every test, stage 1 computes statistics at the lags chosen
        for stage in range(2):
            if stage == 0 and criterion == FIXED:
                for q in range(queued):
                    order[q] = queue[q]
                    order_lag[q] = max_lags
                continue
            begin = 0
            while begin < queued:
                lags = max_lags if stage == 0 else order_lag[begin]
                end = begin
                while (
                    end < queued and end - begin < LANES and (stage == 0 or order_lag[end] == lags)
                ):
                    end += 1
                count = end - begin
                source = queue if stage == 0 else order
                for c in range(count):
                    place = source[begin + c]
                    j = place % n_j
                    wi, wj = weight_i[place], weight_j[place]
                    sound[c] = True
                    # moments of the residual are quadratic forms in its weights
                    sse[c] = (
                        wi * wi * first.squares[i]
                        + 2.0 * wi * wj * gram[i, j]
                        + wj * wj * second.squares[j]
                    )
                    for m in range(lags + 1):
                        acov[m, c] = (
                            wi * wi * first.autocovariance[m, i]
                            + wi * wj * cross[m, i, j]
                            + wj * wj * second.autocovariance[m, j]
                        )
                    for s in range(lags + 2):
                        head[s, c] = wi * first.head[s, i] + wj * second.head[s, j]
                        tail[s, c] = wi * first.tail[s, i] + wj * second.tail[s, j]
                _regression(lags, count, stage == 0, residual, left, right, a)
                _triangle(lags + 2, count, a, scale, root, sound)
                if stage == 0:
                    _best_lag(max_lags, count, growth, a, rss, best, weight, chosen)
                    for c in range(count):
                        order_lag[begin + c] = chosen[c] if sound[c] else max_lags
                else:
                    _statistic(lags, count, size, a, rss, sound, value)
                    for c in range(count):
                        place = order[begin + c]
                        other = second.asset[place % n_j]
                        y = first.asset[i] if place < n_j else other
                        x = other if place < n_j else first.asset[i]
                        results.tau[y, x] = value[c]
                        results.lag[y, x] = lags
                        results.half_life[y, x] = _half_life(
                            sse[c], head[0, c], tail[0, c], acov[0, c]
                        )
                        results.status[y, x] = OK if sound[c] else SINGULAR
                begin = end
            if stage == 0:
                _sort_by_lag(queued, max_lags, queue, order, order_lag, start)


@kernel(fastmath={"reassoc", "contract"})
def _lagged_product(values: FloatArray, first: int, count: int, lag: int) -> float:
    """Sum of ``values[t] values[t - lag]``, in an order that vector instructions allow."""
    total = 0.0
    for t in range(first, count):
        total += values[t] * values[t - lag]
    return total


@kernel()
def _detrend(values: FloatArray, basis: FloatArray, count: int, trend: int) -> None:
    """Remove mean, line and parabola (``trend`` 0, 1, 2) from the first ``count`` values, in place;
    orthogonal polynomials.
    """
    for _ in range(2):  # a second pass removes the rounding of the first
        centre = mean(values, count)
        for t in range(count):
            values[t] -= centre
    middle = 0.5 * (count - 1.0)
    spread = (count * count - 1.0) / 12.0
    for power in range(1, trend + 1):
        for t in range(count):
            basis[t] = t - middle if power == 1 else (t - middle) * (t - middle) - spread
        slope = product(basis, values, count) / product(basis, basis, count)
        for t in range(count):
            values[t] -= slope * basis[t]


@kernel()
def _correlation_of_changes(y: FloatArray, x: FloatArray, count: int) -> float:
    mean_y, mean_x = (y[count - 1] - y[0]) / (count - 1), (x[count - 1] - x[0]) / (count - 1)
    yy = xx = xy = 0.0
    for t in range(1, count):
        dy, dx = y[t] - y[t - 1] - mean_y, x[t] - x[t - 1] - mean_x
        yy += dy * dy
        xx += dx * dx
        xy += dx * dy
    correlation: float = xy / np.sqrt(yy * xx)
    return correlation


@kernel()
def _common(
    one: FloatArray, other: FloatArray, y: FloatArray, x: FloatArray
) -> tuple[int, float, float]:
    """Copy the rows that both series have; return how many there are, and the largest magnitude of
    each series on them.
    """
    count = 0
    low_y = low_x = high_y = high_x = 0.0
    for t in range(len(one)):
        if not (np.isnan(one[t]) or np.isnan(other[t])):
            y[count], x[count] = one[t], other[t]
            low_y, high_y = min(low_y, one[t]), max(high_y, one[t])
            low_x, high_x = min(low_x, other[t]), max(high_x, other[t])
            count += 1
    return count, max(-low_y, high_y), max(-low_x, high_x)


@kernel()
def scan_list(
    levels: FloatArray,
    pair_y: IntArray,
    pair_x: IntArray,
    trend: int,
    min_overlap: int,
    rule: LagRule,
    results: ScanResults,
) -> None:
    """Engle-Granger tests of listed pairs, each on its own common sample, from its residuals
    themselves.

    Parameters
    ----------
    levels : (assets, times)
        Log prices, NaN where missing.
    pair_y, pair_x : (pairs,)
        Rows of ``levels``.
    trend : int
        Degree of the polynomial removed first: 0, 1, 2.
    min_overlap : int
        Smallest common sample.
    rule : LagRule
        How the number of lags is chosen.
    results : ScanResults
        (pairs,); written in place.
    """
    max_lags, criterion = rule.max_lags, rule.criterion
    pairs = len(pair_y)
    times = levels.shape[1]
    depth = max_lags + 2
    y, x, e, d = np.empty(times), np.empty(times), np.empty(times), np.empty(times)
    head, tail = np.empty((depth, 1)), np.empty((depth, 1))
    acov, left, right = np.empty((depth, 1)), np.empty((depth, 1)), np.empty((depth, 1))
    a = np.empty((depth, depth, 1))
    sse, scale, root, rss, best = np.empty(1), np.empty(1), np.empty(1), np.empty(1), np.empty(1)
    residual = ResidualMoments(head, tail, acov, sse)
    weight, size, growth, value = np.empty(1), np.empty(1), np.empty(1), np.empty(1)
    sound = np.empty(1, dtype=np.bool_)
    chosen = np.empty(1, dtype=np.int64)
    for pair in range(pairs):
        results.tau[pair] = results.hedge_ratio[pair] = np.nan
        results.half_life[pair] = results.correlation[pair] = np.nan
        results.lag[pair] = -1
        count, size_y, size_x = _common(levels[pair_y[pair]], levels[pair_x[pair]], y, x)
        results.observations[pair] = count
        if count < min_overlap:
            results.status[pair] = OVERLAP
            continue
        # without trends; what is left of a constant, or of a line, is rounding
        _detrend(y, e, count, trend)
        _detrend(x, e, count, trend)
        yy, xx = product(y, y, count), product(x, x, count)
        if not (varies_beyond(yy, count, size_y) and varies_beyond(xx, count, size_x)):
            results.status[pair] = CONSTANT
            continue
        # the cointegrating regression
        slope = product(x, y, count) / xx
        results.hedge_ratio[pair] = slope
        results.correlation[pair] = _correlation_of_changes(y, x, count)
        for t in range(count):
            e[t] = y[t] - slope * x[t]
        d[0] = 0.0
        for t in range(1, count):
            d[t] = e[t] - e[t - 1]
        total = product(e, e, count)
        if not total > PERFECT * yy:
            results.status[pair] = COLLINEAR
            continue
        # moments of its residual
        sse[0] = total
        size[0] = count
        growth[0] = _growth(criterion, count - 1 - max_lags)
        for m in range(max_lags + 1):
            acov[m, 0] = _lagged_product(d, m + 1, count, m)
        for s in range(depth):
            head[s, 0] = e[s]
            tail[s, 0] = e[count - 1 - s]
        # the lags, then the statistic
        sound[0] = True
        lags = max_lags
        if criterion != FIXED:
            _regression(max_lags, 1, True, residual, left, right, a)
            _triangle(depth, 1, a, scale, root, sound)
            _best_lag(max_lags, 1, growth, a, rss, best, weight, chosen)
            if sound[0]:
                lags = chosen[0]
            sound[0] = True
        _regression(lags, 1, False, residual, left, right, a)
        _triangle(lags + 2, 1, a, scale, root, sound)
        _statistic(lags, 1, size, a, rss, sound, value)
        results.tau[pair] = value[0]
        results.lag[pair] = lags
        results.half_life[pair] = _half_life(sse[0], head[0, 0], tail[0, 0], acov[0, 0])
        results.status[pair] = OK if sound[0] else SINGULAR
