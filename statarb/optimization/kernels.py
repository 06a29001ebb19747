"""Kernels of the fast solver: quadratic step on the working set, Newton's method around it, pricing of everything else.

The problem, in exposures x (weight times scale) of N assets with histories A (N x T):

    minimise  half * sum_t p_t min(y_t - mar_t, 0)^2 - mu'x + sum_j cost_j |x_j - ref_j|,   y = A'x,   half = lambda / sum(p)
    over      low <= x <= high,   sum_j a_j x_j + f_j |x_j - ref_j| <= 1   (or = 1)

Every asset has a sell segment [low, ref] and a buy segment [ref, high], on which it is smooth. An asset is free (inside one of
them) or fixed (at a breakpoint). Rows with y_t <= mar_t are active and make the curvature; H = sum over them of p_t A_t A_t'.
"""

from __future__ import annotations

import numpy as np

from statarb._numba import kernel
from statarb._typing import BoolArray, Float32Array, FloatArray, IntArray

FAST = {"reassoc", "contract", "nsz", "arcp"}

DONE, FULL, STALLED = 0, 1, 2
"""How :func:`minimise` ended: solved; working set full, enlarge it and call again; numerical limit reached."""


@kernel(fastmath=FAST)
def combine(a64: FloatArray, x: FloatArray) -> FloatArray:
    """Return A'x, adding up the rows of what is held alone."""
    y = np.zeros(a64.shape[1])
    for j in range(len(x)):
        if x[j] != 0.0:
            for t in range(len(y)):
                y[t] += x[j] * a64[j, t]
    return y


@kernel(fastmath=FAST)
def _append(chol: FloatArray, n: int, row: FloatArray, corner: float) -> None:
    """Add a row and column to the Cholesky factor of n rows."""
    left = corner
    for i in range(n):
        value = row[i]
        for j in range(i):
            value -= chol[i, j] * chol[n, j]
        value /= chol[i, i]
        chol[n, i] = value
        left -= value * value
    chol[n, n] = np.sqrt(max(left, 1e-13 * corner))


@kernel(fastmath=FAST)
def _delete(chol: FloatArray, n: int, gone: int) -> None:
    """Take a row and column out of the Cholesky factor of n rows (Givens rotations; Golub & Van Loan 2013, 6.5.4)."""
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
    for i in range(n):
        value = rhs[i]
        for j in range(i):
            value -= chol[i, j] * rhs[j]
        rhs[i] = value / chol[i, i]
    for i in range(n - 1, -1, -1):
        value = rhs[i] / chol[i, i]
        rhs[i] = value
        for j in range(i):
            rhs[j] -= chol[i, j] * value


@kernel(fastmath=FAST)
def _empty_price(k: int, q: FloatArray, x: FloatArray, box: FloatArray, equality: bool) -> tuple[float, int, int]:
    """Choose the budget's price where the budget binds and nothing is free; or the pair to exchange (-1 for none).

    ``box`` has the rows low, high, ref, cost, a, f.
    """
    need, cap, up, down = (-np.inf if equality else 0.0), np.inf, -1, -1
    for i in range(k):
        cost, a, f = box[3, i], box[4, i], box[5, i]
        if x[i] < box[1, i]:
            sign = 1.0 if x[i] >= box[2, i] else -1.0
            price = -(q[i] + sign * cost) / (a + sign * f)
            if price > need:
                need, up = price, i
        if x[i] > box[0, i]:
            sign = 1.0 if x[i] > box[2, i] else -1.0
            price = -(q[i] + sign * cost) / (a + sign * f)
            if price < cap:
                cap, down = price, i
    if need <= cap:
        price = cap if np.isfinite(cap) else (need if np.isfinite(need) else 0.0)
        return price, -1, -1
    return need, up, down


@kernel(fastmath=FAST)
def _worst_fixed(
    k: int, q: FloatArray, x: FloatArray, box: FloatArray, seg: IntArray, nu: float, curvature: FloatArray, tol: float
) -> tuple[int, int]:
    """Return the fixed asset whose release gains most, and the direction of its segment; -1 where none gains."""
    best, where, side = 0.0, -1, 0
    for i in range(k):
        if seg[i] != 0:
            continue
        cost, a, f = box[3, i], box[4, i], box[5, i]
        if x[i] < box[1, i]:
            sign = 1 if x[i] >= box[2, i] else -1
            excess = -(q[i] + sign * cost + nu * (a + sign * f))
            if excess > tol and excess * excess > best * curvature[i]:
                best, where, side = excess * excess / curvature[i], i, sign
        if x[i] > box[0, i]:
            sign = 1 if x[i] > box[2, i] else -1
            excess = q[i] + sign * cost + nu * (a + sign * f)
            if excess > tol and excess * excess > best * curvature[i]:
                best, where, side = excess * excess / curvature[i], i, sign
    return where, side


@kernel(fastmath=FAST)
def _release(
    i: int, side: int, nfree: int, lam2: float, hess: FloatArray, ridge: FloatArray, chol: FloatArray, free: IntArray,
    seg: IntArray, row: FloatArray,
) -> int:  # fmt: skip
    """Make asset i free on the segment ``side``; return the number of free assets."""
    for m in range(nfree):
        row[m] = lam2 * hess[i, free[m]]
    _append(chol, nfree, row, max(lam2 * hess[i, i], 0.0) + ridge[i])
    free[nfree] = i
    seg[i] = side
    return nfree + 1


@kernel(fastmath=FAST)
def _direction(
    nfree: int, tight: bool, slack: float, q: FloatArray, box: FloatArray, chol: FloatArray, free: IntArray, seg: IntArray,
    d: FloatArray, e: FloatArray,
) -> float:  # fmt: skip
    """Compute Newton's direction d of the free assets, along the budget where it is tight; return the budget's price."""
    nu = 0.0
    for m in range(nfree):
        e[m] = box[4, free[m]] + seg[free[m]] * box[5, free[m]]
    if tight:
        _solve(chol, nfree, e)
    # with the price known the second time, the step comes out without cancellation, however flat an asset is
    for again in range(2 if tight else 1):
        for m in range(nfree):
            i = free[m]
            d[m] = -(q[i] + seg[i] * box[3, i] + nu * (box[4, i] + seg[i] * box[5, i]))
        _solve(chol, nfree, d)
        if not tight:
            break
        along, across, longest = 0.0, 0.0, 0.0
        for m in range(nfree):
            b = box[4, free[m]] + seg[free[m]] * box[5, free[m]]
            along += b * d[m]
            across += b * e[m]
            longest = max(longest, abs(d[m]))
        shift = (along - slack) / across
        nu += shift
        for m in range(nfree):
            d[m] -= shift * e[m]
        if again == 0 and longest < 10.0:
            break
    return nu


@kernel(fastmath=FAST)
def _segment(i: int, side: int, box: FloatArray) -> tuple[float, float]:
    """Return the ends of the sell (-1) or buy (1) segment of asset i."""
    if side > 0:
        return max(box[2, i], box[0, i]), box[1, i]
    return box[0, i], min(box[2, i], box[1, i])


@kernel(fastmath=FAST)
def _travel(
    nfree: int, tight: bool, slack: float, x: FloatArray, box: FloatArray, free: IntArray, seg: IntArray, d: FloatArray
) -> tuple[float, int, float]:
    """Return how far d can be followed, what stops it (a free asset, ``nfree`` for the budget, -1), and the budget it uses."""
    reach, block, used = 1.0, -1, 0.0
    for m in range(nfree):
        i = free[m]
        used += (box[4, i] + seg[i] * box[5, i]) * d[m]
        low, high = _segment(i, seg[i], box)
        room = abs((low if d[m] < 0.0 else high) - x[i])
        if abs(d[m]) * reach > room:
            reach, block = room / abs(d[m]), m
    if not tight and used * reach > slack:
        reach, block = max(slack, 0.0) / used, nfree
    return reach, block, used


@kernel(fastmath=FAST)
def quadratic(
    k: int, lam2: float, hess: FloatArray, q: FloatArray, x: FloatArray, box: FloatArray, slack: float, equality: bool,
    tol: float, chol: FloatArray, free: IntArray, seg: IntArray, work: FloatArray,
) -> tuple[float, int]:  # fmt: skip
    """Minimise q'p + p'(lam2 H + ridge)p / 2 + costs over box and budget by a primal active set; x and q move along.

    Nocedal & Wright (2006), algorithm 16.3, with breakpoints of the cost as further bounds. The ridge keeps the factor
    regular where columns are alike or stale; Newton's outer loop, a proximal iteration, takes its bias out.

    Returns
    -------
    price of the budget, pivots
    """
    d, e, row, curvature, ridge = work[0], work[1], work[2], work[3], work[4]
    top, size = 0.0, 0.0
    for i in range(k):
        top = max(top, lam2 * hess[i, i])
        size = max(size, abs(q[i]) + box[3, i])
    for i in range(k):
        ridge[i] = 1e-11 * lam2 * max(hess[i, i], 0.0) + 1e-15 * top + 1e-9 * size + 1e-20
        curvature[i] = max(lam2 * hess[i, i], 0.0) + ridge[i]
    nfree = 0
    for i in range(k):
        seg[i] = 0
        if box[0, i] < x[i] < box[1, i] and x[i] != box[2, i]:
            nfree = _release(i, 1 if x[i] > box[2, i] else -1, nfree, lam2, hess, ridge, chol, free, seg, row)
    tight, nu, pivots = equality or slack <= 1e-15, 0.0, 0
    while pivots < 20 * k + 100:
        pivots += 1
        nu, reach, block, used = 0.0, 1.0, -1, 0.0
        if nfree > 0:
            nu = _direction(nfree, tight, slack, q, box, chol, free, seg, d, e)
            reach, block, used = _travel(nfree, tight, slack, x, box, free, seg, d)
            for m in range(nfree):
                i, step = free[m], reach * d[m]
                x[i] += step
                q[i] += ridge[i] * step
                for r in range(k):
                    q[r] += lam2 * hess[i, r] * step
            slack -= reach * used
        if block == nfree and nfree > 0:
            tight = True
        elif block >= 0:
            i = free[block]
            low, high = _segment(i, seg[i], box)
            x[i] = high if d[block] > 0.0 else low
            seg[i] = 0
            _delete(chol, nfree, block)
            nfree -= 1
            for m in range(block, nfree):
                free[m] = free[m + 1]
        elif tight and not equality and nfree > 0 and nu < -tol:
            tight = False
        elif tight and nfree == 0:
            nu, up, down = _empty_price(k, q, x, box, equality)
            if up < 0 and down < 0:
                break
            if up >= 0:
                nfree = _release(up, 1 if x[up] >= box[2, up] else -1, nfree, lam2, hess, ridge, chol, free, seg, row)
            else:
                tight = False
            if down >= 0 and down != up:
                nfree = _release(down, 1 if x[down] > box[2, down] else -1, nfree, lam2, hess, ridge, chol, free, seg, row)
        else:
            i, side = _worst_fixed(k, q, x, box, seg, nu, curvature, tol)
            if i < 0:
                break
            nfree = _release(i, side, nfree, lam2, hess, ridge, chol, free, seg, row)
    return nu, pivots


@kernel(fastmath=FAST)
def _loss(k: int, g: FloatArray, x: FloatArray, box: FloatArray, nu: float) -> float:
    """Return sum of theta(x) - min theta over the assets given: their part of the duality gap."""
    total = 0.0
    for i in range(k):
        low, high, ref = box[0, i], box[1, i], box[2, i]
        tilt, kink = g[i] + nu * box[4, i], box[3, i] + max(nu, 0.0) * box[5, i]
        middle = min(max(ref, low), high)
        here = tilt * x[i] + kink * abs(x[i] - ref)
        least = min(tilt * low + kink * abs(low - ref), tilt * high + kink * abs(high - ref))
        least = min(least, tilt * middle + kink * abs(middle - ref))
        total += max(here - least, 0.0)
    return total


@kernel(fastmath=FAST)
def _curvature(
    k: int, rows: FloatArray, p: FloatArray, y: FloatArray, mar: FloatArray, active: BoolArray, hess: FloatArray
) -> None:
    """Bring H to the rows now active: one update a row that changed, or anew where many did."""
    times, changed, count = len(y), 0, 0
    if k == 0:
        for t in range(times):
            active[t] = y[t] <= mar[t]
        return
    for t in range(times):
        now = y[t] <= mar[t]
        count += now
        changed += now != active[t]
    if 3 * changed > 2 * count + 24:
        for t in range(times):
            active[t] = y[t] <= mar[t]
        build(0, k, rows, p, active, hess)
        return
    column, before = np.empty(k), np.empty(k)
    for i in range(k):
        before[i] = hess[i, i]
    for t in range(times):
        now = y[t] <= mar[t]
        if now == active[t]:
            continue
        active[t] = now
        if p[t] == 0.0:
            continue
        weight = p[t] if now else -p[t]
        for i in range(k):
            column[i] = rows[i, t]
        for i in range(k):
            factor = weight * column[i]
            if factor != 0.0:
                for j in range(i + 1):
                    hess[i, j] += factor * column[j]
    for i in range(k if changed else 0):
        for j in range(i):
            hess[j, i] = hess[i, j]
    for i in range(k):
        # what is left of a difference this small is rounding
        if hess[i, i] < 1e-6 * before[i]:
            build(0, k, rows, p, active, hess)
            return


@kernel(fastmath=FAST)
def build(first: int, k: int, rows: FloatArray, p: FloatArray, active: BoolArray, hess: FloatArray) -> None:
    """Compute the rows and columns of H from ``first`` on."""
    weighted = np.zeros((k - first, len(p)))
    for i in range(first, k):
        for t in range(len(p)):
            if active[t]:
                weighted[i - first, t] = p[t] * rows[i, t]
    fresh = np.dot(weighted, rows[:k].T)
    for i in range(first, k):
        for j in range(k):
            hess[i, j] = fresh[i - first, j]
            hess[j, i] = fresh[i - first, j]


@kernel(fastmath=FAST)
def _reach(
    k: int, half: float, p: FloatArray, mar: FloatArray, y: FloatArray, dy: FloatArray, mu: FloatArray, x: FloatArray,
    dx: FloatArray, box: FloatArray,
) -> float:  # fmt: skip
    """Return the step in (0, 1] at which the objective along dx is least: its slope is increasing, so bracket its root."""
    straight = 0.0
    for i in range(k):
        straight -= mu[i] * dx[i]
    low, high, at, start, below = 0.0, 1.0, 0.0, 0.0, 0.0
    above = 0.0
    for turn in range(60):
        slope = straight
        for t in range(len(y)):
            slope += 2.0 * half * p[t] * min(y[t] + at * dy[t] - mar[t], 0.0) * dy[t]
        for i in range(k):
            position = x[i] + at * dx[i] - box[2, i]
            if position > 0.0 or (position == 0.0 and dx[i] > 0.0):
                slope += box[3, i] * dx[i]
            else:
                slope -= box[3, i] * dx[i]
        if turn == 0:
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
        secant = low + (high - low) * below / (below - above) if turn % 3 else 0.5 * (low + high)
        at = min(max(secant, low + 0.05 * (high - low)), high - 0.05 * (high - low))
    return at


@kernel(fastmath=FAST)
def _gather(k: int, members: IntArray, terms: FloatArray, box: FloatArray) -> None:
    """Copy low, high, ref, cost, a, f of the working set out of the table of all assets (row 6 is mu, kept too)."""
    for i in range(k):
        for r in range(7):
            box[r, i] = terms[r, members[i]]


@kernel(fastmath=FAST)
def newton(
    k: int, members: IntArray, terms: FloatArray, half: float, p: FloatArray, mar: FloatArray, w: FloatArray, y: FloatArray,
    equality: bool, rows: FloatArray, active: BoolArray, hess: FloatArray, chol: FloatArray, free: IntArray, seg: IntArray,
    work: FloatArray, box: FloatArray, accuracy: float, least: float, rest: float, nu: float,
) -> tuple[float, float, float, int]:  # fmt: skip
    """Minimise over the working set with everything else held still; w and y move along.

    A step that changes the sign of no row is exact; else the step length is searched and H follows the rows.

    Returns
    -------
    price of the budget, loss within the working set, size of the objective, iterations
    """
    times, lam2 = len(y), 2.0 * half
    _gather(k, members, terms, box)
    mu = box[6]
    x, g, q, dx, target = work[5], work[6], work[7], work[8], work[9]
    u, dy = np.empty(times), np.empty(times)
    part = rows[:k]
    for i in range(k):
        x[i] = w[members[i]]
    loss, size, best, idle = np.inf, 0.0, np.inf, 0
    for turn in range(80):
        risk = 0.0
        for t in range(times):
            miss = min(y[t] - mar[t], 0.0)
            u[t] = p[t] * miss
            risk += u[t] * miss
        risk *= half
        pull = np.dot(part, u)
        objective = rest + risk
        for i in range(k):
            g[i] = lam2 * pull[i] - mu[i]
            objective += box[3, i] * abs(x[i] - box[2, i]) - mu[i] * x[i]
        size = max(abs(objective), risk, least)
        used = 0.0
        for j in range(len(w)):
            used += terms[4, j] * w[j] + terms[5, j] * abs(w[j] - terms[2, j])
        slack = 1.0 - used
        if turn > 0:
            loss = _loss(k, g, x, box, nu) + abs(nu) * abs(slack)
            if loss <= accuracy * size:
                return nu, loss, size, turn
            idle = 0 if loss < 0.5 * best else idle + 1
            best = min(best, loss)
            if idle > 12:
                return nu, loss, size, turn
        for i in range(k):
            q[i] = g[i]
            target[i] = x[i]
        nu, _ = quadratic(k, lam2, hess, q, target, box, slack, equality, 1e-3 * accuracy * size, chol, free, seg, work)
        for t in range(times):
            dy[t] = 0.0
        moved = False
        for i in range(k):
            dx[i] = target[i] - x[i]
            if dx[i] != 0.0:
                moved = True
                for t in range(times):
                    dy[t] += dx[i] * rows[i, t]
        if not moved:
            loss = _loss(k, g, x, box, nu) + abs(nu) * abs(slack)
            return nu, loss, size, turn + 1
        step = 1.0
        for t in range(times):
            if (y[t] <= mar[t]) != (y[t] + dy[t] <= mar[t]):
                step = _reach(k, half, p, mar, y, dy, mu, x, dx, box)
                break
        for i in range(k):
            x[i] = target[i] if step == 1.0 else x[i] + step * dx[i]
            w[members[i]] = x[i]
        for t in range(times):
            y[t] += step * dy[t]
        _curvature(k, rows, p, y, mar, active, hess)
    return nu, loss, size, 80


@kernel(fastmath=FAST)
def _violation(j: int, g: float, w: FloatArray, terms: FloatArray, nu: float) -> tuple[float, float]:
    """Return how much asset j wants to move (not negative), and its part of the duality gap."""
    low, high, ref, cost, a, f = terms[0, j], terms[1, j], terms[2, j], terms[3, j], terms[4, j], terms[5, j]
    x, excess, part = w[j], 0.0, 0.0
    if x < high:
        sign = 1.0 if x >= ref else -1.0
        excess = max(excess, -(g + sign * cost + nu * (a + sign * f)))
    if x > low:
        sign = 1.0 if x > ref else -1.0
        excess = max(excess, g + sign * cost + nu * (a + sign * f))
    if excess > 0.0:
        tilt, kink, middle = g + nu * a, cost + max(nu, 0.0) * f, min(max(ref, low), high)
        here = tilt * x + kink * abs(x - ref)
        least = min(tilt * low + kink * abs(low - ref), tilt * high + kink * abs(high - ref))
        part = max(here - min(least, tilt * middle + kink * abs(middle - ref)), 0.0)
    return excess, part


@kernel(fastmath=FAST)
def price(
    a64: FloatArray, a32: Float32Array, g0: FloatArray, u0: FloatArray, drift: FloatArray, norm: FloatArray, peak: FloatArray,
    inside: BoolArray, w: FloatArray, terms: FloatArray, half: float, u: FloatArray, nu: float, found: IntArray,
    gains: FloatArray, tol: float,
) -> tuple[int, float]:  # fmt: skip
    """Look for assets outside the working set that would move; return how many, and their part of the duality gap.

    An asset is passed over only where its reduced cost is proven to have the right sign: first by the distance of u from a
    reference u0 whose products g0 = A u0 are known, then by a product in float32 with its error bound, else in float64.
    ``drift[0]`` is the error bound of g0 per unit of ``peak``, the largest norm since then; negative where there is no
    reference yet.
    """
    assets, times = a64.shape
    lam2, single = 2.0 * half, a32.shape[0] == assets
    rounding = 6e-8 * (times / 8.0 + 16.0)
    count, loss, open_ = 0, 0.0, 0
    suspects, step32 = np.empty(assets, np.int64), np.empty(times, np.float32)
    for t in range(times):
        step32[t] = u[t] - u0[t]
    away = 0.0
    if drift[0] >= 0.0:
        for t in range(times):
            away += (u[t] - u0[t]) ** 2
        away = np.sqrt(away)
        for j in range(assets):
            if (
                not inside[j]
                and terms[0, j] < terms[1, j]
                and _may_move(j, g0[j], away * norm[j] + drift[0] * peak[j], w, terms, lam2, nu)
            ):
                suspects[open_] = j
                open_ += 1
        if single and 8 * open_ > assets:
            step = np.dot(a32, step32)
            for j in range(assets):
                g0[j] += step[j]
            for t in range(times):
                u0[t] = u[t]
            drift[0] += rounding * away
            away, open_ = 0.0, 0
            for j in range(assets):
                if not inside[j] and terms[0, j] < terms[1, j] and _may_move(j, g0[j], drift[0] * peak[j], w, terms, lam2, nu):
                    suspects[open_] = j
                    open_ += 1
    if drift[0] < 0.0 or 4 * open_ > assets:
        fresh = np.dot(a64, u)
        for t in range(times):
            u0[t] = u[t]
        drift[0] = 0.0
        for j in range(assets):
            g0[j] = fresh[j]
            if not inside[j] and terms[0, j] < terms[1, j]:
                excess, part = _violation(j, lam2 * fresh[j] - terms[6, j], w, terms, nu)
                loss += part
                if excess > tol:
                    found[count], gains[count] = j, excess * excess / max(norm[j] * norm[j], 1e-300)
                    count += 1
        return count, loss
    for m in range(open_):
        j = suspects[m]
        product = 0.0
        if single and away > 0.0:
            small = np.float32(0.0)
            for t in range(times):
                small += a32[j, t] * step32[t]
            product = np.float64(small)
            if not _may_move(j, g0[j] + product, rounding * away * norm[j] + drift[0] * peak[j], w, terms, lam2, nu):
                continue
        product = 0.0
        for t in range(times):
            product += a64[j, t] * u[t]
        excess, part = _violation(j, lam2 * product - terms[6, j], w, terms, nu)
        loss += part
        if excess > tol:
            found[count], gains[count] = j, excess * excess / max(norm[j] * norm[j], 1e-300)
            count += 1
    return count, loss


@kernel(fastmath=FAST)
def _may_move(j: int, product: float, radius: float, w: FloatArray, terms: FloatArray, lam2: float, nu: float) -> bool:
    """Whether a reduced cost known up to ``radius`` leaves open that asset j moves."""
    g = lam2 * product - terms[6, j]
    if w[j] < terms[1, j]:
        sign = 1.0 if w[j] >= terms[2, j] else -1.0
        if g - lam2 * radius + sign * terms[3, j] + nu * (terms[4, j] + sign * terms[5, j]) < 0.0:
            return True
    if w[j] > terms[0, j]:
        sign = 1.0 if w[j] > terms[2, j] else -1.0
        if g + lam2 * radius + sign * terms[3, j] + nu * (terms[4, j] + sign * terms[5, j]) > 0.0:
            return True
    return False


@kernel(fastmath=FAST)
def minimise(
    a64: FloatArray, a32: Float32Array, p: FloatArray, g0: FloatArray, u0: FloatArray, drift: FloatArray, norm: FloatArray,
    peak: FloatArray, members: IntArray, used: IntArray, inside: BoolArray, rows: FloatArray, active: BoolArray,
    hess: FloatArray, k: int,
    w: FloatArray, y: FloatArray, terms: FloatArray, half: float, mar: FloatArray, equality: bool, accuracy: float,
    least: float, bar: int, nu: float,
) -> tuple[int, int, int, float, float, float, float]:  # fmt: skip
    """Solve the whole problem from ``w``: Newton on the working set, pricing, the 30 best of what is found, and again.

    ``rows``, ``hess`` and ``active`` belong to the working set ``members[:k]`` and are kept; ``w`` and ``y`` are results.

    Returns
    -------
    code, size of the working set, iterations, price of the budget, duality gap (absolute), size of the objective, sum of
    p_t min(y_t - mar_t, 0)^2
    """
    assets, times = a64.shape
    capacity = len(members)
    chol, work, box = np.empty((capacity, capacity)), np.empty((10, capacity)), np.empty((7, capacity))
    free, seg = np.empty(capacity, np.int64), np.zeros(capacity, np.int64)
    found, gains, u = np.empty(assets, np.int64), np.empty(assets), np.empty(times)
    iterations, loss, size, outside = 0, np.inf, 0.0, 0.0
    held = combine(a64, w)
    for t in range(times):
        y[t] = held[t]
    _curvature(k, rows, p, y, mar, active, hess)
    for turn in range(400):
        # a warm start looks first at who wants in at the old price, where the reference is near and pricing cheap
        early = turn == 0 and k > 0 and drift[0] >= 0.0
        if not early:
            rest = 0.0
            for j in range(assets):
                if not inside[j]:
                    rest += terms[3, j] * abs(w[j] - terms[2, j]) - terms[6, j] * w[j]
            nu, loss, size, turns = newton(
                k, members, terms, half, p, mar, w, y, equality, rows, active, hess, chol, free, seg, work, box,
                accuracy, least, rest, nu,
            )  # fmt: skip
            iterations += turns
        for t in range(times):
            u[t] = p[t] * min(y[t] - mar[t], 0.0)
        tol = 0.0 if early else 0.01 * accuracy * size
        count, outside = price(
            a64, a32, g0, u0, drift, norm, peak, inside, w, terms, half, u, nu, found, gains, tol
        )  # fmt: skip
        if not early:
            for i in range(k):
                j = members[i]
                if w[j] != terms[2, j] and w[j] != terms[0, j]:
                    used[i] = bar
            if count == 0 or outside <= accuracy * size:
                break
        add = min(count, 30)
        if k + add > capacity:
            return FULL, k, iterations, nu, loss + outside, size, 0.0
        for m in range(add):
            best = m
            for other in range(m + 1, count):
                if gains[other] > gains[best]:
                    best = other
            j = found[best]
            found[best], gains[best] = found[m], gains[m]
            members[k + m] = j
            used[k + m] = bar
            inside[j] = True
            for t in range(times):
                rows[k + m, t] = a64[j, t]
        build(k, k + add, rows, p, active, hess)
        k += add
    code = DONE if loss + outside <= 100.0 * accuracy * size else STALLED
    risk = 0.0
    for t in range(times):
        risk += u[t] * min(y[t] - mar[t], 0.0)
    return code, k, iterations, nu, loss + outside, size, risk
