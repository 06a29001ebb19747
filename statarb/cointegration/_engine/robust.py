"""Statistics of pairs with White's standard errors: augmented Dickey-Fuller, and whether the other
leg matters; kernels and plain references.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = [
    "other_leg_ratio_reference",
    "other_leg_ratios",
    "robust_tau_reference",
    "robust_taus",
]


def robust_tau_reference(y: FloatArray, x: FloatArray, hedge_ratio: float, lags: int) -> float:
    """Statistic of one pair, in numpy; see :func:`robust_taus`."""
    both = ~(np.isnan(y) | np.isnan(x))
    spread = y[both] - hedge_ratio * x[both]
    spread = spread - spread.mean()
    change = np.diff(spread)
    target = change[lags:]
    columns = [spread[lags:-1], *(change[lags - j : len(change) - j] for j in range(1, lags + 1))]
    regressors = np.column_stack(columns)
    inverse = np.linalg.inv(regressors.T @ regressors)
    slopes = inverse @ regressors.T @ target
    score = regressors * (target - regressors @ slopes)[:, None]
    return float(slopes[0] / np.sqrt((inverse @ score.T @ score @ inverse)[0, 0]))


@kernel()
def robust_taus(
    levels: FloatArray, y: IntArray, x: IntArray, hedge_ratio: FloatArray, lags: IntArray
) -> FloatArray:
    """Dickey-Fuller statistics of the residuals of pairs, with White's standard errors.

    Parameters
    ----------
    levels : (assets, times)
        Log prices, NaN where missing: a pair counts the rows that both assets have.
    y, x : (pairs,) int64
        Explained and explaining asset.
    hedge_ratio : (pairs,)
        Of the residual ``y - hedge_ratio * x`` less its mean.
    lags : (pairs,) int64
        Lagged differences of each regression.

    Returns
    -------
    (pairs,)
        Slope of the residual's change on its last level, over its standard error; NaN where the
        regression has no solution.
    """
    times = levels.shape[1]
    found = np.full(len(y), np.nan)
    spread, change = np.empty(times), np.empty(times)
    for pair in range(len(y)):
        left, right, ratio = levels[y[pair]], levels[x[pair]], hedge_ratio[pair]
        count, total = 0, 0.0
        for t in range(times):
            value = left[t] - ratio * right[t]
            if not np.isnan(value):
                spread[count] = value
                total += value
                count += 1
        most = lags[pair]
        size = most + 1
        if count < 2 * size + 2:
            continue
        centre = total / count
        for t in range(count):
            spread[t] -= centre
        for t in range(count - 1):
            change[t] = spread[t + 1] - spread[t]
        # normal equations of the change on the level before it and on the changes before it
        gram, cross, row = np.zeros((size, size)), np.zeros(size), np.empty(size)
        for t in range(most, count - 1):
            row[0] = spread[t]
            for j in range(1, size):
                row[j] = change[t - j]
            for i in range(size):
                cross[i] += row[i] * change[t]
                for j in range(i + 1):
                    gram[i, j] += row[i] * row[j]
        sound = True
        for i in range(size):
            for j in range(i):
                gram[j, i] = gram[i, j]
            sound = sound and gram[i, i] > 0.0
        if not sound or abs(np.linalg.det(gram / np.trace(gram) * size)) < 1e-200:
            continue
        right_hand = np.zeros((size, 2))
        right_hand[:, 0] = cross
        right_hand[0, 1] = 1.0
        solved = np.linalg.solve(gram, right_hand)
        # White's variance of the first slope: sum of (residual times influence) squared
        variance = 0.0
        for t in range(most, count - 1):
            residual = change[t] - spread[t] * solved[0, 0]
            influence = spread[t] * solved[0, 1]
            for j in range(1, size):
                residual -= change[t - j] * solved[j, 0]
                influence += change[t - j] * solved[j, 1]
            variance += (residual * influence) ** 2
        if variance > 0.0:
            found[pair] = solved[0, 0] / np.sqrt(variance)
    return found


def other_leg_ratio_reference(y: FloatArray, x: FloatArray) -> float:
    """Statistic of one pair, in numpy; see :func:`other_leg_ratios`."""
    both = ~(np.isnan(y) | np.isnan(x))
    y, x = y[both], x[both]
    regressors = np.column_stack([np.ones(len(y) - 1), x[:-1], y[:-1], np.diff(x)])
    inverse = np.linalg.inv(regressors.T @ regressors)
    slopes = inverse @ regressors.T @ np.diff(y)
    score = regressors * (np.diff(y) - regressors @ slopes)[:, None]
    return float(slopes[1] / np.sqrt((inverse @ score.T @ score @ inverse)[1, 1]))


@kernel()
def other_leg_ratios(levels: FloatArray, y: IntArray, x: IntArray) -> FloatArray:
    """t-ratios, with White's standard errors, of the last level of x in the regression of the
    change of y on it, on the last level of y, and on the change of x.

    Parameters
    ----------
    levels : (assets, times)
        Log prices, NaN where missing: a pair counts the rows that both assets have.
    y, x : (pairs,) int64
        Explained and explaining asset.

    Returns
    -------
    (pairs,)
        NaN where the regression has no solution.
    """
    times = levels.shape[1]
    found = np.full(len(y), np.nan)
    left, right = np.empty(times), np.empty(times)
    row, average = np.empty(3), np.empty(4)
    for pair in range(len(y)):
        count = 0
        for t in range(times):
            one, other = levels[y[pair], t], levels[x[pair], t]
            if not (np.isnan(one) or np.isnan(other)):
                left[count], right[count] = one, other
                count += 1
        if count < 10:
            continue
        # all variables less their means, instead of a constant
        average[:] = 0.0
        for t in range(count - 1):
            average[0] += right[t]
            average[1] += left[t]
        average /= count - 1
        average[2] = (right[count - 1] - right[0]) / (count - 1)
        average[3] = (left[count - 1] - left[0]) / (count - 1)
        gram, cross = np.zeros((3, 3)), np.zeros(3)
        for t in range(count - 1):
            row[0], row[1] = right[t] - average[0], left[t] - average[1]
            row[2] = right[t + 1] - right[t] - average[2]
            change = left[t + 1] - left[t] - average[3]
            for i in range(3):
                cross[i] += row[i] * change
                for j in range(3):
                    gram[i, j] += row[i] * row[j]
        scale = gram[0, 0] * gram[1, 1] * gram[2, 2]
        if not scale > 0.0 or not np.linalg.det(gram) > 1e-12 * scale:
            continue
        right_hand = np.zeros((3, 2))
        right_hand[:, 0] = cross
        right_hand[0, 1] = 1.0
        solved = np.linalg.solve(gram, right_hand)
        variance = 0.0
        for t in range(count - 1):
            row[0], row[1] = right[t] - average[0], left[t] - average[1]
            row[2] = right[t + 1] - right[t] - average[2]
            residual, influence = left[t + 1] - left[t] - average[3], 0.0
            for i in range(3):
                residual -= row[i] * solved[i, 0]
                influence += row[i] * solved[i, 1]
            variance += (residual * influence) ** 2
        if variance > 0.0:
            found[pair] = solved[0, 0] / np.sqrt(variance)
    return found
