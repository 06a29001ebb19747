"""Problems on the simplex of weights: projection, quadratic, log-optimal growth, equal risk."""

from __future__ import annotations

import numpy as np

from statarb._core.typing import FloatArray, IntArray
from statarb.errors import DataError

__all__ = ["best_corner", "log_optimal", "minimise_quadratic", "project_simplex", "risk_parity"]

ROUNDING = 1e-12
"""What is taken for zero, relative to the size of the numbers of a problem."""


def project_simplex(values: FloatArray) -> FloatArray:
    """Return the point of the simplex nearest to ``values``: ``argmin |b - v|`` over ``b >= 0,
    sum(b) = 1``.

    Parameters
    ----------
    values : (n,)
        Finite.

    Returns
    -------
    (n,)
        ``max(v - theta, 0)``, theta such that the sum is 1 (Duchi, Shalev-Shwartz, Singer, Chandra
        2008, figure 1).
    """
    # An offset leaves the answer as it is; without it, large equal values would cancel the 1.
    shifted = values - values.max()
    falling = np.sort(shifted)[::-1]
    excess = np.cumsum(falling) - 1.0
    count = np.arange(1, len(falling) + 1)
    last = int(np.flatnonzero(falling * count > excess)[-1])
    nearest: FloatArray = np.maximum(shifted - excess[last] / (last + 1), 0.0)
    nearest /= nearest.sum()
    return nearest


def minimise_quadratic(
    matrix: FloatArray, linear: FloatArray, start: FloatArray | None = None
) -> FloatArray:
    """Return ``argmin 1/2 b'Qb - c'b``, (n,), over the simplex ``b >= 0, sum(b) = 1``.

    A primal active-set method, the one of Lawson and Hanson (1974, chapter 23) with the sum as one
    equation more: exact up to rounding, and quick where ``start`` has the right weights above zero.
    Without one it begins where exchanging all weights at once ends, a primal-dual active-set method
    (Hintermüller, Ito, Kunisch 2003), which mostly is the answer already. What is returned is
    certified: by convexity ``b'g - min(g)``, g the gradient, is the most that any weights could be
    better by.

    Parameters
    ----------
    matrix : (n, n)
        Q, symmetric, positive semidefinite.
    linear : (n,)
        c.
    start : (n,), optional
        A point of the simplex.

    Returns
    -------
    (n,)
        The weights; where several are as good, some of them.

    Raises
    ------
    DataError
        Not finite, or what the certificate allows is more than 1e-8 of the largest number in Q and
        c.
    """
    size = len(linear)
    if not (np.isfinite(matrix).all() and np.isfinite(linear).all()):
        raise DataError(
            "a quadratic over weights must be finite; a price or return behind it is not"
        )
    linear = linear - linear.max()
    scale = max(float(np.abs(matrix).max()), float(np.abs(linear).max()))
    weights = np.zeros(size)
    weights[int(np.argmin(0.5 * np.diag(matrix) - linear))] = 1.0
    if start is not None:
        weights[:] = start
    if scale == 0.0:
        return weights
    matrix, linear = matrix / scale, linear / scale
    if start is None:
        weights = _exchanged(matrix, linear, weights)
    useless = np.zeros(size, dtype=np.bool_)
    gap = np.inf
    for _ in range(10 * size + 50):
        weights, moved = _on_face(matrix, linear, weights)
        useless &= not moved
        slope = matrix @ weights - linear
        gap = float(weights @ slope - slope.min())
        entering = int(np.argmin(np.where(useless | (weights > 0.0), np.inf, slope)))
        if gap <= ROUNDING or useless[entering] or weights[entering] > 0.0:
            break
        # An asset that leaves again at once helps by less than rounding, and is not tried again
        # from here.
        useless[entering] = True
        weights[entering] = np.finfo(np.float64).tiny
    if gap > 1e-8:
        raise DataError(
            f"a quadratic over {size} weights is too near to singular: the active set does not "
            "settle"
        )
    weights /= weights.sum()
    return weights


def _exchanged(matrix: FloatArray, linear: FloatArray, corner: FloatArray) -> FloatArray:
    """Return a start, the corner where there is no better one: solve for the weights held, let all
    below zero go, take in all that the gradient says would help, until none changes.

    Nothing proves that this ends, so that it has ten rounds; the caller certifies what it makes of
    the start.
    """
    held = np.ones(len(linear), dtype=np.bool_)
    found = corner
    for _ in range(10):
        column = np.flatnonzero(held)
        part = matrix[np.ix_(column, column)]
        part[np.diag_indices(len(column))] += ROUNDING
        # Of Q b = c + m 1 with sum(b) = 1: b is linear in the multiplier m.
        right = np.column_stack([linear[column], np.ones(len(column))])
        try:
            by_linear, by_one = np.linalg.solve(part, right).T
        except np.linalg.LinAlgError:
            # Singular in spite of the ridge: the corner needs no such solution.
            return corner
        multiplier = (1.0 - by_linear.sum()) / by_one.sum()
        found = np.zeros(len(linear))
        found[column] = by_linear + multiplier * by_one
        helps = matrix @ found - linear < multiplier - ROUNDING
        wanted = np.where(held, found > 0.0, helps)
        if not wanted.any() or (wanted == held).all():
            break
        held = wanted
    found = np.maximum(found, 0.0)
    total = float(found.sum())
    return found / total if np.isfinite(total) and total > 0.0 else corner


def _on_face(
    matrix: FloatArray, linear: FloatArray, weights: FloatArray
) -> tuple[FloatArray, bool]:
    """Minimise over the weights above zero, of which some may fall to it; also whether anything
    moved.
    """
    weights, moved = weights.copy(), False
    while True:
        column = np.flatnonzero(weights > 0.0)
        at = weights[column]
        if len(column) == 1:
            weights[column] = 1.0
            return weights, moved
        part = matrix[np.ix_(column, column)]
        slope = part @ at - linear[column]
        # The largest weight takes up what the others change, so that the sum stays.
        pivot = int(np.argmax(at))
        rest = np.delete(np.arange(len(column)), pivot)
        bend = (
            part[np.ix_(rest, rest)]
            - part[rest, pivot][:, None]
            - part[pivot, rest]
            + part[pivot, pivot]
        )
        # A ridge far below rounding of the answer: equal assets would have no single one.
        bend[np.diag_indices(len(rest))] += ROUNDING * max(float(np.diag(bend).max()), 1e-6)
        change = np.empty(len(column))
        change[rest] = np.linalg.solve(bend, slope[pivot] - slope[rest])
        change[pivot] = -change[rest].sum()
        falling = np.flatnonzero(at + change <= 0.0)
        if len(falling) == 0:
            weights[column] = at + change
            return weights, True
        reach = at[falling] / -change[falling]
        step = float(reach.min())
        moved = moved or step * float(np.abs(change).max()) > ROUNDING
        at = np.maximum(at + step * change, 0.0)
        at[falling[reach <= step]] = 0.0
        weights[column] = at


def best_corner(relatives: FloatArray) -> FloatArray:
    """Return all weight on the asset that grew most, (n,): the first of equals.

    Parameters
    ----------
    relatives : (rows, n)
        Price relatives, positive.
    """
    weights = np.zeros(relatives.shape[1])
    weights[int(np.argmax(np.log(relatives).sum(axis=0)))] = 1.0
    return weights


def log_optimal(relatives: FloatArray, tolerance: float = 1e-10) -> FloatArray:
    """Return the constant rebalanced portfolio with the highest growth, (n,): ``argmax mean(log(X
    b))`` over the simplex.

    Newton's method on the assets in use, each step a quadratic on the simplex; assets come in where
    the gradient says that they help, first by the best of a few mixtures with what was there. It
    ends with a certificate: no portfolio grows faster than the answer by more than ``tolerance`` a
    row, since ``max_i mean(x_i / (X b)) - 1`` bounds what is missing (the Kuhn-Tucker conditions of
    Bell and Cover 1980, equation 2).

    Parameters
    ----------
    relatives : (rows, n)
        X: price relatives, positive. Without a row all portfolios are alike, and the answer is the
        uniform one.
    tolerance : float
        Largest gap in log growth a row.

    Raises
    ------
    DataError
        A relative is zero, negative or not finite, or the method does not reach the tolerance.
    """
    rows, size = relatives.shape
    if not (np.isfinite(relatives).all() and (relatives > 0.0).all()):
        raise DataError("price relatives must be positive and finite; a price behind them is not")
    if rows == 0:
        return np.full(size, 1.0 / size)
    weights = best_corner(relatives)
    for _ in range(size + 50):
        column = np.flatnonzero(weights)
        growth = relatives[:, column] @ weights[column]
        gradient = (1.0 / growth) @ relatives / rows
        if float(gradient.max()) - 1.0 <= tolerance:
            return weights
        entering = np.argsort(-gradient, kind="stable")[:8]
        entering = entering[gradient[entering] > 1.0 + 0.1 * tolerance]
        weights = _mixed(relatives, weights, growth, entering)
        column = np.union1d(column, entering)
        weights[column] = _newton(
            np.ascontiguousarray(relatives[:, column]), weights[column], 0.1 * tolerance
        )
    raise DataError(
        f"the log-optimal portfolio of {rows} rows x {size} assets does not settle within "
        f"{tolerance:g}"
    )


def _mixed(
    relatives: FloatArray, weights: FloatArray, growth: FloatArray, entering: IntArray
) -> FloatArray:
    """Mix in equal weights of the assets that enter: from a corner, Newton's steps towards them
    would only double.
    """
    fresh = relatives[:, entering].mean(axis=1)
    best, share = float(np.log(growth).mean()), 0.0
    for power in range(1, 41, 3):
        trial = float(np.log(growth + 2.0**-power * (fresh - growth)).mean())
        if trial > best:
            best, share = trial, 2.0**-power
    mixed: FloatArray = (1.0 - share) * weights
    mixed[entering] += share / len(entering)
    return mixed


def _newton(relatives: FloatArray, weights: FloatArray, tolerance: float) -> FloatArray:
    rows = len(relatives)
    growth = relatives @ weights
    for _ in range(60):
        scaled = relatives / growth[:, None]
        gradient = scaled.mean(axis=0)
        if float(gradient.max()) - 1.0 <= tolerance:
            break
        curvature = scaled.T @ scaled / rows
        curvature[np.diag_indices_from(curvature)] *= 1.0 + ROUNDING
        wanted = minimise_quadratic(curvature, gradient + curvature @ weights, weights)
        before, step = float(np.log(growth).mean()), 1.0
        while True:
            trial = weights + step * (wanted - weights)
            grown = relatives @ trial
            if float(np.log(grown).mean()) >= before or step < 1e-6:
                break
            step *= 0.5
        if np.array_equal(trial, weights):
            break
        weights, growth = trial, grown
    return np.where(weights > 0.0, weights, 0.0)


def risk_parity(covariance: FloatArray) -> FloatArray:
    """Return the long-only weights, (n,), of which each carries the same risk: ``b_i (Cb)_i`` equal
    for all i.

    Newton's method with a damped step on ``1/2 b'Cb - (1/n) sum(log b_i)`` (Spinu 2013, algorithm
    3.4), whose minimum, divided by its sum, is the portfolio of equal risk contributions (Maillard,
    Roncalli, Teiletche 2010).

    Parameters
    ----------
    covariance : (n, n)
        C, symmetric, positive semidefinite. Assets that mirror each other, a riskless pair, have no
        answer: where the smallest eigenvalue of the correlations is below 1e-8, the diagonal is
        raised until it is not.

    Raises
    ------
    DataError
        A variance is zero, negative or not finite, or the method does not settle.
    """
    variance = np.diag(covariance)
    if not (np.isfinite(covariance).all() and (variance > 0.0).all()):
        raise DataError(
            "equal risk needs positive, finite variances; an asset whose price stands still has "
            "none"
        )
    size = len(covariance)
    scale = np.sqrt(variance)
    correlation = covariance / np.outer(scale, scale)
    lowest = float(np.linalg.eigvalsh(correlation)[0])
    correlation[np.diag_indices(size)] += max(0.0, 1e-8 - lowest)
    # The shares can be known as well as rounding in the smallest eigenvalue lets them be.
    tolerance = max(1e-12, 1e-15 * size / max(lowest, 1e-8))
    budget = 1.0 / size
    weights = np.full(size, 1.0 / np.sqrt(float(correlation.sum())))
    for _ in range(200):
        marginal = correlation @ weights
        risk = weights * marginal
        if float(np.abs(risk / risk.sum() * size - 1.0).max()) <= tolerance:
            wanted: FloatArray = weights / scale
            wanted /= wanted.sum()
            return wanted
        slope = marginal - budget / weights
        step = np.linalg.solve(correlation + np.diag(budget / weights**2), slope)
        decrement = float(np.sqrt(max(slope @ step, 0.0) * size))
        reach = float(np.abs(step / weights).max())
        # Spinu's bound: inside it the full step is safe, outside it the damped one keeps every
        # weight above zero.
        weights = weights - step / (1.0 + reach if decrement > 0.3 else 1.0)
    raise DataError(f"equal risk of {size} assets does not settle; is the covariance symmetric?")
