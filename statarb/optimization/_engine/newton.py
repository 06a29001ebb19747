r"""Kernels of Newton's method on the working set: curvature of the active scenarios, quadratic
step, line search.

The problem, in scaled weights x (weight times volatility) of N assets with returns A (N x T):

.. math::

    \min_x \; h \sum_t p_t \min(y_t - m_t, 0)^2 - \mu'x + \sum_j c_j |x_j - \bar x_j|,
    \qquad y = A'x, \quad h = \lambda / \sum_t p_t

over ``lower <= x <= upper`` and the budget ``sum_j budget_j x_j + budget_fee_j |x_j - previous_j|
<= 1`` (or ``= 1``), with p and m the scenarios' ``weight`` and ``target`` and the rest the fields
of :class:`~statarb.optimization._engine.state.AssetTerms`.

Every asset has a sell segment [lower, previous] and a buy segment [previous, upper], on which its
terms are linear. An asset is free (inside one of them) or fixed (at a breakpoint). Scenarios with
y_t <= m_t are active and make the curvature H = sum over them of p_t C_t C_t', where C_t holds the
working set's returns in scenario t. ``multiplier`` is that of the budget.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.optimization._engine.state import (
    AssetTerms,
    Candidates,
    ScenarioRows,
    Scratch,
    WorkingSet,
)

__all__ = ["admit", "build_curvature", "newton", "quadratic", "update_curvature"]

FAST = {"reassoc", "contract", "nsz", "arcp"}


@kernel(fastmath=FAST)
def _forward(chol: FloatArray, n: int, rhs: FloatArray) -> None:
    """Solve L x = rhs in place; four rows at a time, which share what they read of x."""
    for i in range(0, n - n % 4, 4):
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for j in range(i):
            s0 += chol[i, j] * rhs[j]
            s1 += chol[i + 1, j] * rhs[j]
            s2 += chol[i + 2, j] * rhs[j]
            s3 += chol[i + 3, j] * rhs[j]
        x0 = (rhs[i] - s0) / chol[i, i]
        x1 = (rhs[i + 1] - s1 - chol[i + 1, i] * x0) / chol[i + 1, i + 1]
        x2 = (rhs[i + 2] - s2 - chol[i + 2, i] * x0 - chol[i + 2, i + 1] * x1) / chol[i + 2, i + 2]
        s3 += chol[i + 3, i] * x0 + chol[i + 3, i + 1] * x1 + chol[i + 3, i + 2] * x2
        rhs[i], rhs[i + 1], rhs[i + 2] = x0, x1, x2
        rhs[i + 3] = (rhs[i + 3] - s3) / chol[i + 3, i + 3]
    for i in range(n - n % 4, n):
        value = rhs[i]
        for j in range(i):
            value -= chol[i, j] * rhs[j]
        rhs[i] = value / chol[i, i]


@kernel(fastmath=FAST)
def _backward(chol: FloatArray, n: int, rhs: FloatArray) -> None:
    """Solve L' x = rhs in place; four columns of L' at a time, which share what they write."""
    for i in range(n - 1, n - n % 4 - 1, -1):
        value = rhs[i] / chol[i, i]
        rhs[i] = value
        for j in range(i):
            rhs[j] -= chol[i, j] * value
    for i in range(n - n % 4 - 4, -1, -4):
        x3 = rhs[i + 3] / chol[i + 3, i + 3]
        x2 = (rhs[i + 2] - chol[i + 3, i + 2] * x3) / chol[i + 2, i + 2]
        x1 = (rhs[i + 1] - chol[i + 3, i + 1] * x3 - chol[i + 2, i + 1] * x2) / chol[i + 1, i + 1]
        x0 = (rhs[i] - chol[i + 3, i] * x3 - chol[i + 2, i] * x2 - chol[i + 1, i] * x1) / chol[i, i]
        rhs[i], rhs[i + 1], rhs[i + 2], rhs[i + 3] = x0, x1, x2, x3
        for j in range(i):
            rhs[j] -= (
                chol[i, j] * x0 + chol[i + 1, j] * x1 + chol[i + 2, j] * x2 + chol[i + 3, j] * x3
            )


@kernel(fastmath=FAST)
def _append(chol: FloatArray, n: int, row: FloatArray, corner: float) -> None:
    """Add a row and column to the Cholesky factor of n rows; ``row`` is overwritten."""
    _forward(chol, n, row)
    left = corner
    for i in range(n):
        chol[n, i] = row[i]
        left -= row[i] * row[i]
    chol[n, n] = np.sqrt(max(left, 1e-13 * corner))


@kernel(fastmath=FAST)
def _delete(chol: FloatArray, n: int, gone: int) -> None:
    """Take a row and column out of the Cholesky factor of n rows (Givens rotations; Golub & Van
    Loan 2013, 6.5.4).
    """
    for i in range(gone, n - 1):
        for j in range(i + 2):
            chol[i, j] = chol[i + 1, j]
    for j in range(gone, n - 1):
        size = np.hypot(chol[j, j], chol[j, j + 1])
        cosine, sine = chol[j, j] / size, chol[j, j + 1] / size
        chol[j, j] = size
        chol[j, j + 1] = 0.0
        for i in range(j + 1, n - 1):
            left, right = chol[i, j], chol[i, j + 1]
            chol[i, j] = cosine * left + sine * right
            chol[i, j + 1] = cosine * right - sine * left


@kernel(fastmath=FAST)
def _solve(chol: FloatArray, n: int, rhs: FloatArray) -> None:
    """Solve L L' x = rhs in place."""
    _forward(chol, n, rhs)
    _backward(chol, n, rhs)


@kernel(fastmath=FAST)
def _fixed_multiplier(
    k: int, q: FloatArray, x: FloatArray, terms: AssetTerms, equality: bool
) -> tuple[float, int, int]:
    """Choose the budget's multiplier where the budget binds and no asset is free; or the pair of
    assets to exchange (-1 for none).

    Each asset that can grow says what the multiplier must be at least, each that can shrink what it
    may be at most; where these cross, the two assets at fault are exchanged.
    """
    need, cap, up, down = (-np.inf if equality else 0.0), np.inf, -1, -1
    for i in range(k):
        cost, a, f = terms.fee[i], terms.budget[i], terms.budget_fee[i]
        if x[i] < terms.upper[i]:
            sign = 1.0 if x[i] >= terms.previous[i] else -1.0
            bound = -(q[i] + sign * cost) / (a + sign * f)
            if bound > need:
                need, up = bound, i
        if x[i] > terms.lower[i]:
            sign = 1.0 if x[i] > terms.previous[i] else -1.0
            bound = -(q[i] + sign * cost) / (a + sign * f)
            if bound < cap:
                cap, down = bound, i
    if need <= cap:
        chosen = cap if np.isfinite(cap) else (need if np.isfinite(need) else 0.0)
        return chosen, -1, -1
    return need, up, down


@kernel(fastmath=FAST)
def _worst_fixed(
    k: int, q: FloatArray, x: FloatArray, terms: AssetTerms, segment: IntArray, multiplier: float,
    diagonal: FloatArray, tol: float,
) -> tuple[int, int]:  # fmt: skip
    """Return the fixed asset whose release gains most, and the direction of its segment; -1 where
    none gains.
    """
    best, where, side = 0.0, -1, 0
    for i in range(k):
        if segment[i] != 0:
            continue
        cost, a, f = terms.fee[i], terms.budget[i], terms.budget_fee[i]
        # the gain of a step along one asset is excess^2 / curvature
        if x[i] < terms.upper[i]:
            sign = 1 if x[i] >= terms.previous[i] else -1
            excess = -(q[i] + sign * cost + multiplier * (a + sign * f))
            if excess > tol and excess * excess > best * diagonal[i]:
                best, where, side = excess * excess / diagonal[i], i, sign
        if x[i] > terms.lower[i]:
            sign = 1 if x[i] > terms.previous[i] else -1
            excess = q[i] + sign * cost + multiplier * (a + sign * f)
            if excess > tol and excess * excess > best * diagonal[i]:
                best, where, side = excess * excess / diagonal[i], i, sign
    return where, side


@kernel(fastmath=FAST)
def _release(
    i: int, side: int, free_count: int, lam2: float, curvature: FloatArray, scratch: Scratch
) -> int:
    """Make asset i free on the segment ``side``; return the number of free assets."""
    free, row = scratch.free, scratch.row
    for m in range(free_count):
        row[m] = lam2 * curvature[i, free[m]]
    _append(scratch.factor, free_count, row, max(lam2 * curvature[i, i], 0.0) + scratch.ridge[i])
    free[free_count] = i
    scratch.segment[i] = side
    return free_count + 1


@kernel(fastmath=FAST)
def _direction(free_count: int, tight: bool, slack: float, scratch: Scratch) -> float:
    """Compute Newton's direction of the free assets, along the budget where it is tight; return
    the budget's multiplier.
    """
    multiplier = 0.0
    q, terms, factor = scratch.model_gradient, scratch.terms, scratch.factor
    free, segment = scratch.free, scratch.segment
    d, e = scratch.direction, scratch.along_budget
    for m in range(free_count):
        e[m] = terms.budget[free[m]] + segment[free[m]] * terms.budget_fee[free[m]]
    if tight:
        _solve(factor, free_count, e)
    # with the multiplier known the second time, the step comes out without cancellation, however
    # flat an asset is
    for again in range(2 if tight else 1):
        for m in range(free_count):
            i = free[m]
            d[m] = -(
                q[i]
                + segment[i] * terms.fee[i]
                + multiplier * (terms.budget[i] + segment[i] * terms.budget_fee[i])
            )
        _solve(factor, free_count, d)
        if not tight:
            break
        # block elimination: the step's use of the budget must be the slack
        along, across, longest = 0.0, 0.0, 0.0
        for m in range(free_count):
            b = terms.budget[free[m]] + segment[free[m]] * terms.budget_fee[free[m]]
            along += b * d[m]
            across += b * e[m]
            longest = max(longest, abs(d[m]))
        shift = (along - slack) / across
        multiplier += shift
        for m in range(free_count):
            d[m] -= shift * e[m]
        if again == 0 and longest < 10.0:
            break
    return multiplier


@kernel(fastmath=FAST)
def _add_rows(
    k: int, count: int, table: FloatArray, which: IntArray, factor: FloatArray, out: FloatArray
) -> None:
    """Add ``factor[m]`` times row ``which[m]`` of a table, all m below ``count``, to the first k of
    ``out``; four at a time.
    """
    for m in range(0, count - count % 4, 4):
        i0, i1, i2, i3 = which[m], which[m + 1], which[m + 2], which[m + 3]
        f0, f1, f2, f3 = factor[m], factor[m + 1], factor[m + 2], factor[m + 3]
        for r in range(k):
            out[r] += f0 * table[i0, r] + f1 * table[i1, r] + f2 * table[i2, r] + f3 * table[i3, r]
    for m in range(count - count % 4, count):
        i0, f0 = which[m], factor[m]
        for r in range(k):
            out[r] += f0 * table[i0, r]


@kernel(fastmath=FAST)
def _segment_ends(i: int, side: int, terms: AssetTerms) -> tuple[float, float]:
    """Return the ends of the sell (-1) or buy (1) segment of asset i."""
    if side > 0:
        return max(terms.previous[i], terms.lower[i]), terms.upper[i]
    return terms.lower[i], min(terms.previous[i], terms.upper[i])


@kernel(fastmath=FAST)
def _travel(
    free_count: int, tight: bool, slack: float, scratch: Scratch
) -> tuple[float, int, float]:
    """Return how far the direction can be followed, what stops it (a free asset, ``free_count`` for
    the budget, -1), and the budget it uses.
    """
    x, terms, d = scratch.model_weight, scratch.terms, scratch.direction
    free, segment = scratch.free, scratch.segment
    reach, block, used = 1.0, -1, 0.0
    for m in range(free_count):
        i = free[m]
        used += (terms.budget[i] + segment[i] * terms.budget_fee[i]) * d[m]
        low, high = _segment_ends(i, segment[i], terms)
        room = abs((low if d[m] < 0.0 else high) - x[i])
        if abs(d[m]) * reach > room:
            reach, block = room / abs(d[m]), m
    if not tight and used * reach > slack:
        reach, block = max(slack, 0.0) / used, free_count
    return reach, block, used


@kernel(fastmath=FAST)
def quadratic(
    k: int, lam2: float, hess: FloatArray, scratch: Scratch, slack: float, equality: bool,
    tol: float,
) -> tuple[float, int]:  # fmt: skip
    """Minimise q'p + p'(lam2 H + ridge)p / 2 + costs over box and budget by a primal active set.

    ``scratch.model_weight`` (the weights) and ``scratch.model_gradient`` (q) move along. Nocedal &
    Wright (2006), algorithm 16.3, with breakpoints of the cost as further bounds. The ridge keeps
    the factor regular where columns are alike or stale; Newton's outer loop, a proximal iteration,
    takes its bias out.

    Returns
    -------
    multiplier of the budget, pivots
    """
    x, q, terms = scratch.model_weight, scratch.model_gradient, scratch.terms
    free, segment, ridge, diagonal = (
        scratch.free,
        scratch.segment,
        scratch.ridge,
        scratch.diagonal,
    )
    d, e = scratch.direction, scratch.along_budget
    top, size = 0.0, 0.0
    for i in range(k):
        top = max(top, lam2 * hess[i, i])
        size = max(size, abs(q[i]) + terms.fee[i])
    for i in range(k):
        ridge[i] = 1e-11 * lam2 * max(hess[i, i], 0.0) + 1e-15 * top + 1e-9 * size + 1e-20
        diagonal[i] = max(lam2 * hess[i, i], 0.0) + ridge[i]
    # start with every asset free that is inside a segment
    free_count = 0
    for i in range(k):
        segment[i] = 0
        if terms.lower[i] < x[i] < terms.upper[i] and x[i] != terms.previous[i]:
            side = 1 if x[i] > terms.previous[i] else -1
            free_count = _release(i, side, free_count, lam2, hess, scratch)
    tight, multiplier, pivots = equality or slack <= 1e-15, 0.0, 0
    while pivots < 20 * k + 100:
        pivots += 1
        multiplier, reach, block, used = 0.0, 1.0, -1, 0.0
        if free_count > 0:
            multiplier = _direction(free_count, tight, slack, scratch)
            reach, block, used = _travel(free_count, tight, slack, scratch)
            for m in range(free_count):
                i, step = free[m], reach * d[m]
                x[i] += step
                q[i] += ridge[i] * step
                e[m] = lam2 * step
            _add_rows(k, free_count, hess, free, e, q)
            slack -= reach * used
        if block == free_count and free_count > 0:
            # the budget stops the step, and binds from now on
            tight = True
        elif block >= 0:
            # an asset reaches the end of its segment, and is fixed there
            i = free[block]
            low, high = _segment_ends(i, segment[i], terms)
            x[i] = high if d[block] > 0.0 else low
            segment[i] = 0
            _delete(scratch.factor, free_count, block)
            free_count -= 1
            for m in range(block, free_count):
                free[m] = free[m + 1]
        elif tight and not equality and free_count > 0 and multiplier < -tol:
            # the budget would rather not be used up
            tight = False
        elif tight and free_count == 0:
            multiplier, up, down = _fixed_multiplier(k, q, x, terms, equality)
            if up < 0 and down < 0:
                break
            if up >= 0:
                side = 1 if x[up] >= terms.previous[up] else -1
                free_count = _release(up, side, free_count, lam2, hess, scratch)
            else:
                tight = False
            if down >= 0 and down != up:
                side = 1 if x[down] > terms.previous[down] else -1
                free_count = _release(down, side, free_count, lam2, hess, scratch)
        else:
            # optimal on the free assets: release the fixed one that gains most, or end
            i, side = _worst_fixed(k, q, x, terms, segment, multiplier, diagonal, tol)
            if i < 0:
                break
            free_count = _release(i, side, free_count, lam2, hess, scratch)
    return multiplier, pivots


@kernel(fastmath=FAST)
def _gap(k: int, g: FloatArray, x: FloatArray, terms: AssetTerms, multiplier: float) -> float:
    """Return sum of theta(x) - min theta over the first k assets: their part of the duality gap."""
    total = 0.0
    for i in range(k):
        low, high, ref = terms.lower[i], terms.upper[i], terms.previous[i]
        tilt = g[i] + multiplier * terms.budget[i]
        kink = terms.fee[i] + max(multiplier, 0.0) * terms.budget_fee[i]
        # theta is convex and linear between its breakpoints, so its minimum is at one of them
        middle = min(max(ref, low), high)
        here = tilt * x[i] + kink * abs(x[i] - ref)
        least = min(tilt * low + kink * abs(low - ref), tilt * high + kink * abs(high - ref))
        least = min(least, tilt * middle + kink * abs(middle - ref))
        total += max(here - least, 0.0)
    return total


@kernel(fastmath=FAST)
def _add_curvature(
    first: int,
    k: int,
    returns: FloatArray,
    which: IntArray,
    weight: FloatArray,
    count: int,
    hess: FloatArray,
) -> None:
    """Add ``weight[m]`` C_t C_t' of the rows t = ``which[m]`` to the rows and columns of H from
    ``first`` on.
    """
    for m in range(0, count - count % 4, 4):
        t0, t1, t2, t3 = which[m], which[m + 1], which[m + 2], which[m + 3]
        w0, w1, w2, w3 = weight[m], weight[m + 1], weight[m + 2], weight[m + 3]
        for i in range(first, k):
            f0, f1, f2, f3 = (
                w0 * returns[t0, i],
                w1 * returns[t1, i],
                w2 * returns[t2, i],
                w3 * returns[t3, i],
            )
            for j in range(i + 1):
                hess[i, j] += (
                    f0 * returns[t0, j]
                    + f1 * returns[t1, j]
                    + f2 * returns[t2, j]
                    + f3 * returns[t3, j]
                )
    for m in range(count - count % 4, count):
        t0, w0 = which[m], weight[m]
        for i in range(first, k):
            f0 = w0 * returns[t0, i]
            for j in range(i + 1):
                hess[i, j] += f0 * returns[t0, j]
    # in tiles: a column at a time would drive everything else out of the cache
    for i0 in range(first, k, 8):
        for j0 in range(0, min(i0 + 8, k), 8):
            for i in range(i0, min(i0 + 8, k)):
                for j in range(j0, min(j0 + 8, i)):
                    hess[j, i] = hess[i, j]


@kernel(fastmath=FAST)
def build_curvature(
    first: int, k: int, returns: FloatArray, p: FloatArray, active: BoolArray, hess: FloatArray
) -> None:
    """Compute the rows and columns of H from ``first`` on."""
    which, weight, count = np.empty(len(p), np.int64), np.empty(len(p)), 0
    for t in range(len(p)):
        if active[t] and p[t] != 0.0:
            which[count], weight[count] = t, p[t]
            count += 1
    for i in range(first, k):
        for j in range(i + 1):
            hess[i, j] = 0.0
    _add_curvature(first, k, returns, which, weight, count, hess)


@kernel(fastmath=FAST)
def update_curvature(
    k: int, working_set: WorkingSet, p: FloatArray, y: FloatArray, target: FloatArray
) -> None:
    """Bring H to the scenarios now active: one update per scenario that changed, or anew where many
    did.
    """
    returns, active, hess = working_set.returns, working_set.active, working_set.curvature
    times, changed, count = len(y), 0, 0
    which, weight = np.empty(times, np.int64), np.empty(times)
    for t in range(times):
        now = y[t] <= target[t]
        count += now
        if now != active[t]:
            active[t] = now
            which[changed], weight[changed] = t, (p[t] if now else -p[t])
            changed += 1
    if changed == 0 or k == 0:
        return
    if 3 * changed > 2 * count + 24:
        build_curvature(0, k, returns, p, active, hess)
        return
    before = np.empty(k)
    for i in range(k):
        before[i] = hess[i, i]
    _add_curvature(0, k, returns, which, weight, changed, hess)
    for i in range(k):
        # what is left of a difference this small is rounding
        if hess[i, i] < 1e-6 * before[i]:
            build_curvature(0, k, returns, p, active, hess)
            return


@kernel(fastmath=FAST)
def _search_step(
    k: int, half: float, p: FloatArray, target: FloatArray, y: FloatArray, dy: FloatArray,
    scratch: Scratch,
) -> float:  # fmt: skip
    """Return the step in (0, 1] at which the objective along dx is least: its slope is increasing,
    so bracket its root.
    """
    x, dx, terms = scratch.weight, scratch.step, scratch.terms
    straight = 0.0
    for i in range(k):
        straight -= terms.expected_return[i] * dx[i]
    low, high, at, start, below = 0.0, 1.0, 0.0, 0.0, 0.0
    above = 0.0
    for turn in range(60):
        slope = straight
        for t in range(len(y)):
            slope += 2.0 * half * p[t] * min(y[t] + at * dy[t] - target[t], 0.0) * dy[t]
        for i in range(k):
            position = x[i] + at * dx[i] - terms.previous[i]
            if position > 0.0 or (position == 0.0 and dx[i] > 0.0):
                slope += terms.fee[i] * dx[i]
            else:
                slope -= terms.fee[i] * dx[i]
        if turn == 0:
            # no descent within rounding: take the model's step
            if slope >= 0.0:
                return 1.0
            start, below, at = slope, slope, 1.0
            continue
        if turn == 1 and slope <= 0.5 * abs(start):
            return 1.0
        if abs(slope) <= 0.1 * abs(start):
            return at
        if slope > 0.0:
            high, above = at, slope
        else:
            low, below = at, slope
        if high - low < 1e-12:
            return max(low, 1e-12)
        # secant, kept away from the ends of the bracket; every third time bisection
        secant = low + (high - low) * below / (below - above) if turn % 3 else 0.5 * (low + high)
        at = min(max(secant, low + 0.05 * (high - low)), high - 0.05 * (high - low))
    return at


@kernel(fastmath=FAST)
def _gradient(
    k: int, half: float, p: FloatArray, target: FloatArray, y: FloatArray, returns: FloatArray,
    mu: FloatArray, g: FloatArray, which: IntArray, u: FloatArray,
) -> float:  # fmt: skip
    """Compute the gradient g of risk less expected return on the working set; return the risk."""
    risk, count = 0.0, 0
    for t in range(len(y)):
        miss = y[t] - target[t]
        if miss < 0.0 and p[t] != 0.0:
            which[count], u[count] = t, 2.0 * half * p[t] * miss
            risk += p[t] * miss * miss
            count += 1
    for i in range(k):
        g[i] = -mu[i]
    _add_rows(k, count, returns, which, u, g)
    return half * risk


@kernel(fastmath=FAST)
def _follow_step(
    k: int, half: float, p: FloatArray, target: FloatArray, y: FloatArray, returns: FloatArray,
    mu: FloatArray, dx: FloatArray,
    dy: FloatArray, g: FloatArray,
) -> tuple[bool, float]:  # fmt: skip
    """Compute dy = C dx and, in the same pass over the returns, the gradient g at the end of the
    step: most steps are whole.

    Returns
    -------
    whether a row changes its sign, the risk at the end
    """
    crossed, risk, times, part = False, 0.0, len(y), np.zeros(k)
    for i in range(k):
        g[i] = 0.0
    for t in range(0, times - times % 4, 4):
        if t % 128 == 0:
            # sums of sums: rounding grows with the length of a sum, and decides when this ends
            for i in range(k):
                g[i] += part[i]
                part[i] = 0.0
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for i in range(k):
            s0 += returns[t, i] * dx[i]
            s1 += returns[t + 1, i] * dx[i]
            s2 += returns[t + 2, i] * dx[i]
            s3 += returns[t + 3, i] * dx[i]
        dy[t], dy[t + 1], dy[t + 2], dy[t + 3] = s0, s1, s2, s3
        m0, m1 = min(y[t] + s0 - target[t], 0.0), min(y[t + 1] + s1 - target[t + 1], 0.0)
        m2, m3 = min(y[t + 2] + s2 - target[t + 2], 0.0), min(y[t + 3] + s3 - target[t + 3], 0.0)
        u0, u1, u2, u3 = p[t] * m0, p[t + 1] * m1, p[t + 2] * m2, p[t + 3] * m3
        risk += u0 * m0 + u1 * m1 + u2 * m2 + u3 * m3
        u0, u1, u2, u3 = 2.0 * half * u0, 2.0 * half * u1, 2.0 * half * u2, 2.0 * half * u3
        for i in range(k):
            part[i] += (
                u0 * returns[t, i]
                + u1 * returns[t + 1, i]
                + u2 * returns[t + 2, i]
                + u3 * returns[t + 3, i]
            )
    for t in range(times - times % 4, times):
        along = 0.0
        for i in range(k):
            along += returns[t, i] * dx[i]
        dy[t] = along
        miss = min(y[t] + along - target[t], 0.0)
        risk += p[t] * miss * miss
        for i in range(k):
            part[i] += 2.0 * half * p[t] * miss * returns[t, i]
    for i in range(k):
        g[i] += part[i] - mu[i]
    for t in range(times):
        crossed = crossed or (y[t] <= target[t]) != (y[t] + dy[t] <= target[t])
    return crossed, half * risk


@kernel(fastmath=FAST)
def newton(
    k: int, working_set: WorkingSet, scratch: Scratch, scenarios: ScenarioRows, terms: AssetTerms,
    half: float, w: FloatArray, y: FloatArray, equality: bool, accuracy: float, least: float,
    multiplier: float,
) -> tuple[float, float, float, int]:  # fmt: skip
    """Minimise over the working set with everything else held still; the scaled weights w and the
    portfolio's returns y move along, the active scenarios and H with them.

    A step that changes the sign of no scenario is exact; else the step length is searched and H
    follows the scenarios. ``least`` is an objective that counts as 0.

    Returns
    -------
    multiplier of the budget, loss within the working set, size of the objective, iterations
    """
    times, lam2 = len(y), 2.0 * half
    members, inside, returns = working_set.members, working_set.inside, working_set.returns
    hess, p, target = working_set.curvature, scenarios.weight, scenarios.target
    own, x, g, dx = scratch.terms, scratch.weight, scratch.gradient, scratch.step
    model_x, q, mu = scratch.model_weight, scratch.model_gradient, scratch.terms.expected_return
    # the members' terms, side by side
    for i in range(k):
        j = members[i]
        own.lower[i], own.upper[i], own.previous[i] = (
            terms.lower[j],
            terms.upper[j],
            terms.previous[j],
        )
        own.fee[i], own.budget[i] = terms.fee[j], terms.budget[j]
        own.budget_fee[i], own.expected_return[i] = terms.budget_fee[j], terms.expected_return[j]
        x[i] = w[j]
    u, dy, which = np.empty(times), np.empty(times), np.empty(times, np.int64)
    # what all other assets add to the objective
    rest = 0.0
    for j in range(len(w)):
        if not inside[j]:
            rest += terms.fee[j] * abs(w[j] - terms.previous[j]) - terms.expected_return[j] * w[j]
    update_curvature(k, working_set, p, y, target)
    loss, size, best, idle = np.inf, 0.0, np.inf, 0
    risk = _gradient(k, half, p, target, y, returns, mu, g, which, u)
    for turn in range(80):
        objective = rest + risk
        for i in range(k):
            objective += own.fee[i] * abs(x[i] - own.previous[i]) - mu[i] * x[i]
        size = max(abs(objective), risk, least)
        # the slack of the budget, anew each time: steps would add up their rounding
        used = 0.0
        for j in range(len(w)):
            used += terms.budget[j] * w[j] + terms.budget_fee[j] * abs(w[j] - terms.previous[j])
        slack = 1.0 - used
        if turn > 0:
            loss = _gap(k, g, x, own, multiplier) + abs(multiplier) * abs(slack)
            if loss <= accuracy * size:
                return multiplier, loss, size, turn
            # rounding sets a floor to the gap: end where it no longer falls
            idle = 0 if loss < 0.5 * best else idle + 1
            best = min(best, loss)
            if idle > 12:
                return multiplier, loss, size, turn
        for i in range(k):
            q[i] = g[i]
            model_x[i] = x[i]
        multiplier, _ = quadratic(k, lam2, hess, scratch, slack, equality, 1e-3 * accuracy * size)
        moved = False
        for i in range(k):
            dx[i] = model_x[i] - x[i]
            moved = moved or dx[i] != 0.0
        if not moved:
            loss = _gap(k, g, x, own, multiplier) + abs(multiplier) * abs(slack)
            return multiplier, loss, size, turn + 1
        crossed, risk = _follow_step(k, half, p, target, y, returns, mu, dx, dy, g)
        step = _search_step(k, half, p, target, y, dy, scratch) if crossed else 1.0
        for i in range(k):
            x[i] = model_x[i] if step == 1.0 else x[i] + step * dx[i]
            w[members[i]] = x[i]
        for t in range(times):
            y[t] += step * dy[t]
        if step != 1.0:
            risk = _gradient(k, half, p, target, y, returns, mu, g, which, u)
        update_curvature(k, working_set, p, y, target)
    return multiplier, loss, size, 80


@kernel(fastmath=FAST)
def admit(
    scenarios: ScenarioRows, candidates: Candidates, count: int, most: int, k: int, solve: int,
    working_set: WorkingSet,
) -> int:  # fmt: skip
    """Take the ``most`` best of what pricing found into the working set, with their rows of H;
    return its size.
    """
    found, gains, returns = candidates.asset, candidates.gain, working_set.returns
    members, p = working_set.members, scenarios.weight
    add = min(count, most)
    for m in range(add):
        best = m
        for other in range(m + 1, count):
            if gains[other] > gains[best]:
                best = other
        j = found[best]
        found[best], gains[best] = found[m], gains[m]
        members[k + m] = j
        working_set.last_used[k + m] = solve
        working_set.inside[j] = True
    # a few rows at a time stay in the cache while all the new assets are written into them
    for t0 in range(0, len(p), 8):
        for m in range(add):
            j = members[k + m]
            for t in range(t0, min(t0 + 8, len(p))):
                returns[t, k + m] = scenarios.by_asset[j, t]
    build_curvature(k, k + add, returns, p, working_set.active, working_set.curvature)
    return k + add
