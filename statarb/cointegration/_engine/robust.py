"""Augmented Dickey-Fuller statistics with White's standard errors: kernel and plain reference."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = ["robust_taus", "robust_tau_reference"]


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
