"""Rolling ridge regression: moments of a sliding window by up- and downdates, and the solution from
them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = [
    "ANCHOR",
    "Moments",
    "RidgeFit",
    "RollingMoments",
    "Rows",
    "Span",
    "rolling_ridge",
    "rolling_ridge_plain",
]

ANCHOR = 1024
"""The moments are summed afresh where the end of the training rows is a multiple of this, so that
rounding errors do not grow, and so that they do not depend on where a walk began.
"""


class Rows(NamedTuple):
    """Training rows of all assets.

    Attributes
    ----------
    shared : (rows, features)
        Features that every asset's regression has.
    own : (rows, lags * assets)
        Features of one asset's regression alone, lag by lag; no columns where there are none.
    target : (rows, assets)
        What is explained; row i belongs to the features of row i.
    """

    shared: FloatArray
    own: FloatArray
    target: FloatArray


class Span(NamedTuple):
    """Rows that a model is trained on: the last ``length`` before its end, none of them before
    ``first``; moments are summed afresh where an end is a multiple of ``anchor`` (0: nowhere).
    """

    length: int
    first: int
    anchor: int


class Moments(NamedTuple):
    """Sums of products over the training rows.

    Attributes
    ----------
    shared : (features, features)
        Shared with shared features.
    target : (features, assets)
        Shared features with targets.
    cross : (features, lags * assets)
        Shared with own features.
    own : (lags, lags, assets)
        Own with own features of the same asset.
    own_target : (lags, assets)
        Own features with the asset's target.
    """

    shared: FloatArray
    target: FloatArray
    cross: FloatArray
    own: FloatArray
    own_target: FloatArray


class RidgeFit(NamedTuple):
    """Forecasts, and the coefficients of the last model.

    Attributes
    ----------
    forecasts : (steps, assets)
    shared : (features, assets)
        Coefficients of the shared features.
    own : (lags, assets)
        Coefficients of the own features.
    """

    forecasts: FloatArray
    shared: FloatArray
    own: FloatArray


@kernel()
def _add_outer(target: FloatArray, left: FloatArray, right: FloatArray, sign: float) -> None:
    """Add ``sign * outer(left, right)`` to ``target``."""
    for i in range(len(left)):
        factor = sign * left[i]
        if factor != 0.0:
            for j in range(len(right)):
                target[i, j] += factor * right[j]


@kernel()
def _add_row(row: int, sign: float, rows: Rows, moments: Moments) -> None:
    """Add one training row to the moments (``sign`` +1), or take it away (-1)."""
    shared, own, target = rows.shared[row], rows.own[row], rows.target[row]
    _add_outer(moments.shared, shared, shared, sign)
    _add_outer(moments.target, shared, target, sign)
    lags, assets = moments.own_target.shape
    if lags > 0:
        _add_outer(moments.cross, shared, own, sign)
        # Own features meet those of the same asset alone.
        for a in range(lags):
            for asset in range(assets):
                first = sign * own[a * assets + asset]
                moments.own_target[a, asset] += first * target[asset]
                for b in range(lags):
                    moments.own[a, b, asset] += first * own[b * assets + asset]


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
def _slide_row(row: int, old: int, rows: Rows, moments: Moments) -> None:
    """Add one training row to the moments, and take an old one away."""
    shared, own, target = rows.shared[row], rows.own[row], rows.target[row]
    old_shared, old_own, old_target = rows.shared[old], rows.own[old], rows.target[old]
    _slide_outer(moments.shared, shared, shared, old_shared, old_shared)
    _slide_outer(moments.target, shared, target, old_shared, old_target)
    lags, assets = moments.own_target.shape
    if lags > 0:
        _slide_outer(moments.cross, shared, own, old_shared, old_own)
        own_target, own_own = moments.own_target, moments.own
        for a in range(lags):
            for asset in range(assets):
                come, gone = own[a * assets + asset], old_own[a * assets + asset]
                own_target[a, asset] = (
                    own_target[a, asset] + come * target[asset]
                ) - gone * old_target[asset]
                for b in range(lags):
                    own_own[a, b, asset] = (
                        own_own[a, b, asset] + come * own[b * assets + asset]
                    ) - gone * old_own[b * assets + asset]


@kernel()
def _no_moments(features: int, assets: int, lags: int) -> Moments:
    """Moments of no rows."""
    return Moments(
        np.zeros((features, features)),
        np.zeros((features, assets)),
        np.zeros((features, lags * assets)),
        np.zeros((lags, lags, assets)),
        np.zeros((lags, assets)),
    )


@kernel()
def _move(at: int, end: int, span: Span, rows: Rows, moments: Moments) -> int:
    """Bring the moments from the training rows before ``at`` to those before ``end``; ``at`` -1
    knows none.
    """
    base = end // span.anchor * span.anchor if span.anchor > 0 else end
    if at < base or at > end:
        # Begin afresh at the last anchor, with the whole window before it.
        moments.shared[:] = 0.0
        moments.target[:] = 0.0
        moments.cross[:] = 0.0
        moments.own[:] = 0.0
        moments.own_target[:] = 0.0
        at = max(base, span.first)
        for row in range(max(span.first, at - span.length), at):
            _add_row(row, 1.0, rows, moments)
    # From there row by row.
    while at < end:
        if at - span.length >= span.first:
            _slide_row(at, at - span.length, rows, moments)
        else:
            _add_row(at, 1.0, rows, moments)
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
    alpha: float, moments: Moments, shared_weights: FloatArray, own_weights: FloatArray
) -> None:
    """Ridge coefficients of every asset from the moments; an asset's own lags are eliminated by a
    Schur complement.
    """
    # One factor of the shared block serves all assets.
    factor = moments.shared.copy()
    for i in range(len(factor)):
        factor[i, i] = factor[i, i] * (1.0 + alpha) if factor[i, i] > 0.0 else 1.0
    _factorise(factor)
    shared_weights[:] = moments.target
    _forward(factor, shared_weights)
    lags, assets = moments.own_target.shape
    if lags > 0:
        reduced = moments.cross.copy()
        _forward(factor, reduced)
        small = np.empty((lags, lags))
        side = np.empty((lags, 1))
        for asset in range(assets):
            # The small system of an asset's own lags, what the shared features explain removed.
            for a in range(lags):
                side[a, 0] = moments.own_target[a, asset]
                for k in range(len(factor)):
                    side[a, 0] -= reduced[k, a * assets + asset] * shared_weights[k, asset]
                for b in range(lags):
                    small[a, b] = moments.own[a, b, asset]
                    for k in range(len(factor)):
                        small[a, b] -= (
                            reduced[k, a * assets + asset] * reduced[k, b * assets + asset]
                        )
                square = moments.own[a, a, asset]
                small[a, a] += alpha * square if square > 0.0 else 1.0
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
    rows: Rows,
    lags: int,
    asked: FloatArray,
    asked_own: FloatArray,
    ends: IntArray,
    span: Span,
    alpha: float,
) -> RidgeFit:
    """Forecasts of ridge regressions over a sliding window.

    Parameters
    ----------
    rows : Rows
        Features and targets.
    lags : int
        Own features per asset.
    asked, asked_own : (steps, features), (steps, lags * assets)
        Features that step k forecasts from.
    ends : (steps,)
        Step k uses the model of the training rows before ``ends[k]``; not decreasing.
    span : Span
        Rows that a model is trained on.
    alpha : float
        Ridge, as a share of each feature's sum of squares (which is a ridge of ``alpha`` on
        features of mean square 1).

    Returns
    -------
    RidgeFit
    """
    features = rows.shared.shape[1]
    assets = rows.target.shape[1]
    moments = _no_moments(features, assets, lags)
    fit = RidgeFit(
        np.empty((len(ends), assets)), np.zeros((features, assets)), np.zeros((lags, assets))
    )
    forecasts, shared_weights, own_weights = fit
    at = -1
    solved = -1
    for step in range(len(ends)):
        end = ends[step]
        at = _move(at, end, span, rows, moments)
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
    return fit


class RollingMoments:
    """Moments of a sliding window of training rows, for estimators that need more than one ridge.

    Parameters
    ----------
    rows, lags, span
        As for :func:`rolling_ridge`.
    """

    def __init__(self, rows: Rows, lags: int, span: Span) -> None:
        self._rows = rows
        self._span = span
        self._moments = _no_moments(rows.shared.shape[1], rows.target.shape[1], lags)
        self._at = -1

    def before(self, end: int) -> Moments:
        """Return the moments of the training rows before ``end``; its arrays change at the next
        call.

        Parameters
        ----------
        end : int
            Training row.

        Returns
        -------
        Moments
        """
        self._at = _move(self._at, end, self._span, self._rows, self._moments)
        return self._moments


def rolling_ridge_plain(
    rows: Rows,
    lags: int,
    asked: FloatArray,
    asked_own: FloatArray,
    ends: IntArray,
    span: Span,
    alpha: float,
) -> FloatArray:
    """Plain reference of :func:`rolling_ridge`: every model from nothing, asset by asset.

    Parameters
    ----------
    rows, lags, asked, asked_own, ends, span, alpha
        As for :func:`rolling_ridge`.

    Returns
    -------
    (steps, assets)
        Forecasts.
    """
    assets = rows.target.shape[1]
    forecasts = np.empty((len(ends), assets))
    for step, end in enumerate(ends):
        for asset in range(assets):
            mine = [a * assets + asset for a in range(lags)]
            design = np.hstack([rows.shared, rows.own[:, mine]])
            past = slice(max(span.first, end - span.length), end)
            moments = design[past].T @ design[past]
            squares = np.diag(moments)
            ridge = np.diag(np.where(squares > 0.0, alpha * squares, 1.0))
            weights = np.linalg.solve(moments + ridge, design[past].T @ rows.target[past, asset])
            forecasts[step, asset] = np.append(asked[step], asked_own[step, mine]) @ weights
    return forecasts
