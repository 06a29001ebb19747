"""Rolling ridge regression: moments of a sliding window by up- and downdates, and the solution from
them.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = ["RollingMoments", "rolling_ridge", "rolling_ridge_plain"]

ANCHOR = 1024
"""The moments are summed afresh where the end of the training rows is a multiple of this, so that
rounding errors do not grow, and so that they do not depend on where a walk began.
"""


@kernel()
def _add_outer(target: FloatArray, left: FloatArray, right: FloatArray, sign: float) -> None:
    """Add ``sign * outer(left, right)`` to ``target``."""
    for i in range(len(left)):
        factor = sign * left[i]
        if factor != 0.0:
            for j in range(len(right)):
                target[i, j] += factor * right[j]


@kernel()
def _add_row(
    row: int,
    sign: float,
    shared: FloatArray,
    own: FloatArray,
    target: FloatArray,
    moments: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    """Add one training row to the moments (``sign`` +1), or take it away (-1)."""
    shared_shared, shared_target, shared_own, own_own, own_target = moments
    _add_outer(shared_shared, shared[row], shared[row], sign)
    _add_outer(shared_target, shared[row], target[row], sign)
    lags = own_own.shape[0]
    if lags > 0:
        _add_outer(shared_own, shared[row], own[row], sign)
        assets = target.shape[1]
        for a in range(lags):
            for asset in range(assets):
                first = sign * own[row, a * assets + asset]
                own_target[a, asset] += first * target[row, asset]
                for b in range(lags):
                    own_own[a, b, asset] += first * own[row, b * assets + asset]


@kernel()
def _slide_outer(
    target: FloatArray,
    left: FloatArray,
    right: FloatArray,
    old_left: FloatArray,
    old_right: FloatArray,
) -> None:
    """Add the outer product of the new row and take away that of the old one, in one pass."""
    for i in range(len(left)):
        come, gone = left[i], old_left[i]
        if come != 0.0 or gone != 0.0:
            for j in range(len(right)):
                target[i, j] = (target[i, j] + come * right[j]) - gone * old_right[j]


@kernel()
def _slide_row(
    row: int,
    old: int,
    shared: FloatArray,
    own: FloatArray,
    target: FloatArray,
    moments: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    """Add one training row to the moments, and take an old one away."""
    shared_shared, shared_target, shared_own, own_own, own_target = moments
    _slide_outer(shared_shared, shared[row], shared[row], shared[old], shared[old])
    _slide_outer(shared_target, shared[row], target[row], shared[old], target[old])
    lags = own_own.shape[0]
    if lags > 0:
        _slide_outer(shared_own, shared[row], own[row], shared[old], own[old])
        assets = target.shape[1]
        for a in range(lags):
            for asset in range(assets):
                come, gone = own[row, a * assets + asset], own[old, a * assets + asset]
                own_target[a, asset] = (
                    own_target[a, asset] + come * target[row, asset]
                ) - gone * target[old, asset]
                for b in range(lags):
                    own_own[a, b, asset] = (
                        own_own[a, b, asset] + come * own[row, b * assets + asset]
                    ) - gone * own[old, b * assets + asset]


@kernel()
def _no_moments(
    features: int, assets: int, lags: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Moments of no rows."""
    return (
        np.zeros((features, features)),
        np.zeros((features, assets)),
        np.zeros((features, lags * assets)),
        np.zeros((lags, lags, assets)),
        np.zeros((lags, assets)),
    )


@kernel()
def _move(
    at: int,
    end: int,
    count: int,
    first: int,
    anchor: int,
    shared: FloatArray,
    own: FloatArray,
    target: FloatArray,
    moments: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
) -> int:
    """Bring the moments from the training rows before ``at`` to those before ``end``; ``at`` -1
    knows none.
    """
    base = end // anchor * anchor if anchor > 0 else end
    if at < base or at > end:
        moments[0][:] = 0.0
        moments[1][:] = 0.0
        moments[2][:] = 0.0
        moments[3][:] = 0.0
        moments[4][:] = 0.0
        at = max(base, first)
        for row in range(max(first, at - count), at):
            _add_row(row, 1.0, shared, own, target, moments)
    while at < end:
        if at - count >= first:
            _slide_row(at, at - count, shared, own, target, moments)
        else:
            _add_row(at, 1.0, shared, own, target, moments)
        at += 1
    return at


@kernel()
def _forward(factor: FloatArray, values: FloatArray) -> None:
    """Solve ``factor.T x = values`` in place, ``factor`` upper triangular."""
    rows, columns = values.shape
    for k in range(rows):
        inverse = 1.0 / factor[k, k]
        for j in range(columns):
            values[k, j] *= inverse
        for i in range(k + 1, rows):
            weight = factor[k, i]
            for j in range(columns):
                values[i, j] -= weight * values[k, j]


@kernel()
def _backward(factor: FloatArray, values: FloatArray) -> None:
    """Solve ``factor x = values`` in place, ``factor`` upper triangular."""
    rows, columns = values.shape
    for i in range(rows - 1, -1, -1):
        for k in range(i + 1, rows):
            weight = factor[i, k]
            for j in range(columns):
                values[i, j] -= weight * values[k, j]
        inverse = 1.0 / factor[i, i]
        for j in range(columns):
            values[i, j] *= inverse


@kernel()
def _factorise(matrix: FloatArray) -> None:
    """Cholesky factor U, matrix = U'U, in the upper triangle, in place; the matrix is positive
    definite by its ridge.
    """
    size = len(matrix)
    for k in range(size):
        inverse = 1.0 / np.sqrt(matrix[k, k])
        for j in range(k, size):
            matrix[k, j] *= inverse
        for i in range(k + 1, size):
            weight = matrix[k, i]
            for j in range(i, size):
                matrix[i, j] -= weight * matrix[k, j]


@kernel()
def _solve(
    alpha: float,
    moments: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    shared_weights: FloatArray,
    own_weights: FloatArray,
) -> None:
    """Ridge coefficients of every asset from the moments; an asset's own lags are eliminated by a
    Schur complement.
    """
    shared_shared, shared_target, shared_own, own_own, own_target = moments
    factor = shared_shared.copy()
    for i in range(len(factor)):
        factor[i, i] = factor[i, i] * (1.0 + alpha) if factor[i, i] > 0.0 else 1.0
    _factorise(factor)
    shared_weights[:] = shared_target
    _forward(factor, shared_weights)
    lags, assets = own_target.shape
    if lags > 0:
        reduced = shared_own.copy()
        _forward(factor, reduced)
        small = np.empty((lags, lags))
        side = np.empty((lags, 1))
        for asset in range(assets):
            for a in range(lags):
                side[a, 0] = own_target[a, asset]
                for k in range(len(factor)):
                    side[a, 0] -= reduced[k, a * assets + asset] * shared_weights[k, asset]
                for b in range(lags):
                    small[a, b] = own_own[a, b, asset]
                    for k in range(len(factor)):
                        small[a, b] -= (
                            reduced[k, a * assets + asset] * reduced[k, b * assets + asset]
                        )
                small[a, a] += alpha * own_own[a, a, asset] if own_own[a, a, asset] > 0.0 else 1.0
            _factorise(small)
            _forward(small, side)
            _backward(small, side)
            for a in range(lags):
                own_weights[a, asset] = side[a, 0]
                for k in range(len(factor)):
                    shared_weights[k, asset] -= reduced[k, a * assets + asset] * side[a, 0]
    _backward(factor, shared_weights)


@kernel()
def rolling_ridge(
    shared: FloatArray,
    own: FloatArray,
    lags: int,
    target: FloatArray,
    asked: FloatArray,
    asked_own: FloatArray,
    ends: IntArray,
    count: int,
    first: int,
    alpha: float,
    anchor: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Forecasts of ridge regressions over a sliding window.

    Parameters
    ----------
    shared : (rows, features)
        Features that every asset's regression has.
    own : (rows, lags * assets)
        Features of one asset's regression alone, lag by lag; no columns where ``lags`` is 0.
    lags : int
        Own features an asset.
    target : (rows, assets)
        What is explained; row i belongs to the features of row i.
    asked, asked_own : (steps, features), (steps, lags * assets)
        Features that step k forecasts from.
    ends : (steps,)
        Step k uses the model of the training rows before ``ends[k]``; not decreasing.
    count, first : int
        A model is trained on the last ``count`` rows before its end, none of them before ``first``.
    alpha : float
        Ridge, as a share of each feature's sum of squares (which is a ridge of ``alpha`` on
        features of mean square 1).
    anchor : int
        Moments are summed afresh where an end is a multiple of it.

    Returns
    -------
    forecasts : (steps, assets)
    shared_weights : (features, assets)
        Coefficients of the last model.
    own_weights : (lags, assets)
    """
    features = shared.shape[1]
    assets = target.shape[1]
    moments = _no_moments(features, assets, lags)
    shared_weights = np.zeros((features, assets))
    own_weights = np.zeros((lags, assets))
    forecasts = np.empty((len(ends), assets))
    at = -1
    solved = -1
    for step in range(len(ends)):
        end = ends[step]
        at = _move(at, end, count, first, anchor, shared, own, target, moments)
        if solved != end:
            _solve(alpha, moments, shared_weights, own_weights)
            solved = end
        for asset in range(assets):
            forecasts[step, asset] = 0.0
        for k in range(features):
            value = asked[step, k]
            for asset in range(assets):
                forecasts[step, asset] += value * shared_weights[k, asset]
        for a in range(lags):
            for asset in range(assets):
                forecasts[step, asset] += (
                    asked_own[step, a * assets + asset] * own_weights[a, asset]
                )
    return forecasts, shared_weights, own_weights


class RollingMoments:
    """Moments of a sliding window of training rows, for estimators that need more than one ridge.

    Parameters
    ----------
    shared, own, lags, target, count, first, anchor
        As for :func:`rolling_ridge`.
    """

    def __init__(
        self,
        shared: FloatArray,
        own: FloatArray,
        lags: int,
        target: FloatArray,
        count: int,
        first: int,
        anchor: int = ANCHOR,
    ) -> None:
        self._rows = (shared, own, target)
        self._window = (count, first, anchor)
        self._moments = _no_moments(shared.shape[1], target.shape[1], lags)
        self._at = -1

    def before(self, end: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return the moments of the training rows before ``end``.

        Products of shared with shared features (features, features), with targets (features,
        assets), with own features (features, lags * assets), of own with own features (lags, lags,
        assets) and with targets (lags, assets). The arrays change at the next call.
        """
        self._at = _move(self._at, end, *self._window, *self._rows, self._moments)
        return self._moments


def rolling_ridge_plain(
    shared: FloatArray,
    own: FloatArray,
    lags: int,
    target: FloatArray,
    asked: FloatArray,
    asked_own: FloatArray,
    ends: IntArray,
    count: int,
    first: int,
    alpha: float,
) -> FloatArray:
    """Twin of :func:`rolling_ridge`: every model from nothing, asset by asset."""
    assets = target.shape[1]
    forecasts = np.empty((len(ends), assets))
    for step, end in enumerate(ends):
        for asset in range(assets):
            mine = [a * assets + asset for a in range(lags)]
            design = np.hstack([shared, own[:, mine]])
            past = slice(max(first, end - count), end)
            moments = design[past].T @ design[past]
            squares = np.diag(moments)
            ridge = np.diag(np.where(squares > 0.0, alpha * squares, 1.0))
            weights = np.linalg.solve(moments + ridge, design[past].T @ target[past, asset])
            forecasts[step, asset] = np.append(asked[step], asked_own[step, mine]) @ weights
    return forecasts
