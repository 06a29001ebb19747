"""Kernels of Newton's method on the working set: curvature of the active rows, quadratic step,
search of the step's length.

The problem, in exposures x (weight times scale) of N assets with histories A (N x T):

    minimise  half * sum_t p_t min(y_t - mar_t, 0)^2 - mu'x + sum_j cost_j |x_j - ref_j|,

      y = A'x,   half = lambda / sum(p)
    over      low <= x <= high,   sum_j a_j x_j + f_j |x_j - ref_j| <= 1   (or = 1)

Every asset has a sell segment [low, ref] and a buy segment [ref, high], on which it is smooth. An
asset is free (inside one of them) or fixed (at a breakpoint). Rows with y_t <= mar_t are active and
make the curvature; H = sum over them of p_t C_t C_t', where C_t holds the working set's returns in
scenario t: ``panel`` (T x capacity), so that what is not active is not read.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray

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
def _empty_price(
    k: int, q: FloatArray, x: FloatArray, box: FloatArray, equality: bool
) -> tuple[float, int, int]:
    """Choose the budget's price where the budget binds and nothing is free; or the pair to exchange
    (-1 for none).

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
    k: int,
    q: FloatArray,
    x: FloatArray,
    box: FloatArray,
    seg: IntArray,
    nu: float,
    curvature: FloatArray,
    tol: float,
) -> tuple[int, int]:
    """Return the fixed asset whose release gains most, and the direction of its segment; -1 where
    none gains.
    """
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
    i: int, side: int, nfree: int, lam2: float, hess: FloatArray, ridge: FloatArray,
    chol: FloatArray, free: IntArray,
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
    nfree: int, tight: bool, slack: float, q: FloatArray, box: FloatArray, chol: FloatArray,
    free: IntArray, seg: IntArray,
    d: FloatArray, e: FloatArray,
) -> float:  # fmt: skip
    """Compute Newton's direction d of the free assets, along the budget where it is tight; return
    the budget's price.
    """
    nu = 0.0
    for m in range(nfree):
        e[m] = box[4, free[m]] + seg[free[m]] * box[5, free[m]]
    if tight:
        _solve(chol, nfree, e)
    # with the price known the second time, the step comes out without cancellation, however flat an
    # asset is
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
def _segment(i: int, side: int, box: FloatArray) -> tuple[float, float]:
    """Return the ends of the sell (-1) or buy (1) segment of asset i."""
    if side > 0:
        return max(box[2, i], box[0, i]), box[1, i]
    return box[0, i], min(box[2, i], box[1, i])


@kernel(fastmath=FAST)
def _travel(
    nfree: int,
    tight: bool,
    slack: float,
    x: FloatArray,
    box: FloatArray,
    free: IntArray,
    seg: IntArray,
    d: FloatArray,
) -> tuple[float, int, float]:
    """Return how far d can be followed, what stops it (a free asset, ``nfree`` for the budget, -1),
    and the budget it uses.
    """
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
    k: int, lam2: float, hess: FloatArray, q: FloatArray, x: FloatArray, box: FloatArray,
    slack: float, equality: bool,
    tol: float, chol: FloatArray, free: IntArray, seg: IntArray, work: FloatArray,
) -> tuple[float, int]:  # fmt: skip
    """Minimise q'p + p'(lam2 H + ridge)p / 2 + costs over box and budget by a primal active set; x
    and q move along.

    Nocedal & Wright (2006), algorithm 16.3, with breakpoints of the cost as further bounds. The
    ridge keeps the factor regular where columns are alike or stale; Newton's outer loop, a proximal
    iteration, takes its bias out.

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
            nfree = _release(
                i, 1 if x[i] > box[2, i] else -1, nfree, lam2, hess, ridge, chol, free, seg, row
            )
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
                e[m] = lam2 * step
            _add_rows(k, nfree, hess, free, e, q)
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
                nfree = _release(
                    up,
                    1 if x[up] >= box[2, up] else -1,
                    nfree,
                    lam2,
                    hess,
                    ridge,
                    chol,
                    free,
                    seg,
                    row,
                )
            else:
                tight = False
            if down >= 0 and down != up:
                nfree = _release(
                    down,
                    1 if x[down] > box[2, down] else -1,
                    nfree,
                    lam2,
                    hess,
                    ridge,
                    chol,
                    free,
                    seg,
                    row,
                )
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
def _add_curvature(
    first: int,
    k: int,
    panel: FloatArray,
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
                w0 * panel[t0, i],
                w1 * panel[t1, i],
                w2 * panel[t2, i],
                w3 * panel[t3, i],
            )
            for j in range(i + 1):
                hess[i, j] += (
                    f0 * panel[t0, j] + f1 * panel[t1, j] + f2 * panel[t2, j] + f3 * panel[t3, j]
                )
    for m in range(count - count % 4, count):
        t0, w0 = which[m], weight[m]
        for i in range(first, k):
            f0 = w0 * panel[t0, i]
            for j in range(i + 1):
                hess[i, j] += f0 * panel[t0, j]
    # in tiles: a column at a time would drive everything else out of the cache
    for i0 in range(first, k, 8):
        for j0 in range(0, min(i0 + 8, k), 8):
            for i in range(i0, min(i0 + 8, k)):
                for j in range(j0, min(j0 + 8, i)):
                    hess[j, i] = hess[i, j]


@kernel(fastmath=FAST)
def build(
    first: int, k: int, panel: FloatArray, p: FloatArray, active: BoolArray, hess: FloatArray
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
    _add_curvature(first, k, panel, which, weight, count, hess)


@kernel(fastmath=FAST)
def curvature(
    k: int,
    panel: FloatArray,
    p: FloatArray,
    y: FloatArray,
    mar: FloatArray,
    active: BoolArray,
    hess: FloatArray,
) -> None:
    """Bring H to the rows now active: one update a row that changed, or anew where many did."""
    times, changed, count = len(y), 0, 0
    which, weight = np.empty(times, np.int64), np.empty(times)
    for t in range(times):
        now = y[t] <= mar[t]
        count += now
        if now != active[t]:
            active[t] = now
            which[changed], weight[changed] = t, (p[t] if now else -p[t])
            changed += 1
    if changed == 0 or k == 0:
        return
    if 3 * changed > 2 * count + 24:
        build(0, k, panel, p, active, hess)
        return
    before = np.empty(k)
    for i in range(k):
        before[i] = hess[i, i]
    _add_curvature(0, k, panel, which, weight, changed, hess)
    for i in range(k):
        # what is left of a difference this small is rounding
        if hess[i, i] < 1e-6 * before[i]:
            build(0, k, panel, p, active, hess)
            return


@kernel(fastmath=FAST)
def _reach(
    k: int, half: float, p: FloatArray, mar: FloatArray, y: FloatArray, dy: FloatArray,
    mu: FloatArray, x: FloatArray,
    dx: FloatArray, box: FloatArray,
) -> float:  # fmt: skip
    """Return the step in (0, 1] at which the objective along dx is least: its slope is increasing,
    so bracket its root.
    """
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
def _slope(
    k: int, half: float, p: FloatArray, mar: FloatArray, y: FloatArray, panel: FloatArray,
    mu: FloatArray, g: FloatArray,
    which: IntArray, u: FloatArray,
) -> float:  # fmt: skip
    """Compute the gradient g of risk less expected return on the working set; return the risk."""
    risk, count = 0.0, 0
    for t in range(len(y)):
        miss = y[t] - mar[t]
        if miss < 0.0 and p[t] != 0.0:
            which[count], u[count] = t, 2.0 * half * p[t] * miss
            risk += p[t] * miss * miss
            count += 1
    for i in range(k):
        g[i] = -mu[i]
    _add_rows(k, count, panel, which, u, g)
    return half * risk


@kernel(fastmath=FAST)
def _follow(
    k: int, half: float, p: FloatArray, mar: FloatArray, y: FloatArray, panel: FloatArray,
    mu: FloatArray, dx: FloatArray,
    dy: FloatArray, g: FloatArray,
) -> tuple[bool, float]:  # fmt: skip
    """Compute dy = C dx and, in the same pass over the panel, the gradient g at the end of the
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
            s0 += panel[t, i] * dx[i]
            s1 += panel[t + 1, i] * dx[i]
            s2 += panel[t + 2, i] * dx[i]
            s3 += panel[t + 3, i] * dx[i]
        dy[t], dy[t + 1], dy[t + 2], dy[t + 3] = s0, s1, s2, s3
        m0, m1 = min(y[t] + s0 - mar[t], 0.0), min(y[t + 1] + s1 - mar[t + 1], 0.0)
        m2, m3 = min(y[t + 2] + s2 - mar[t + 2], 0.0), min(y[t + 3] + s3 - mar[t + 3], 0.0)
        u0, u1, u2, u3 = p[t] * m0, p[t + 1] * m1, p[t + 2] * m2, p[t + 3] * m3
        risk += u0 * m0 + u1 * m1 + u2 * m2 + u3 * m3
        u0, u1, u2, u3 = 2.0 * half * u0, 2.0 * half * u1, 2.0 * half * u2, 2.0 * half * u3
        for i in range(k):
            part[i] += (
                u0 * panel[t, i]
                + u1 * panel[t + 1, i]
                + u2 * panel[t + 2, i]
                + u3 * panel[t + 3, i]
            )
    for t in range(times - times % 4, times):
        along = 0.0
        for i in range(k):
            along += panel[t, i] * dx[i]
        dy[t] = along
        miss = min(y[t] + along - mar[t], 0.0)
        risk += p[t] * miss * miss
        for i in range(k):
            part[i] += 2.0 * half * p[t] * miss * panel[t, i]
    for i in range(k):
        g[i] += part[i] - mu[i]
    for t in range(times):
        crossed = crossed or (y[t] <= mar[t]) != (y[t] + dy[t] <= mar[t])
    return crossed, half * risk


@kernel(fastmath=FAST)
def newton(
    k: int, members: IntArray, inside: BoolArray, terms: FloatArray, half: float, p: FloatArray,
    mar: FloatArray,
    w: FloatArray, y: FloatArray, equality: bool, panel: FloatArray, active: BoolArray,
    hess: FloatArray, chol: FloatArray,
    pivot: IntArray, work: FloatArray, accuracy: float, least: float, nu: float,
) -> tuple[float, float, float, int]:  # fmt: skip
    """Minimise over the working set with everything else held still; w and y move along, ``active``
    and H with them.

    A step that changes the sign of no row is exact; else the step length is searched and H follows
    the rows. ``pivot`` (2 rows) and ``work`` (17 rows), as wide as the working set can be, and
    ``chol`` are scratch.

    Returns
    -------
    price of the budget, loss within the working set, size of the objective, iterations
    """
    times, lam2 = len(y), 2.0 * half
    free, seg, box = pivot[0], pivot[1], work[10:17]
    for i in range(k):
        for r in range(7):
            box[r, i] = terms[r, members[i]]
    mu = box[6]
    x, g, q, dx, target = work[5], work[6], work[7], work[8], work[9]
    u, dy, which = np.empty(times), np.empty(times), np.empty(times, np.int64)
    rest = 0.0
    for j in range(len(w)):
        if not inside[j]:
            rest += terms[3, j] * abs(w[j] - terms[2, j]) - terms[6, j] * w[j]
    for i in range(k):
        x[i] = w[members[i]]
    curvature(k, panel, p, y, mar, active, hess)
    loss, size, best, idle = np.inf, 0.0, np.inf, 0
    risk = _slope(k, half, p, mar, y, panel, mu, g, which, u)
    for turn in range(80):
        objective = rest + risk
        for i in range(k):
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
        nu, _ = quadratic(
            k,
            lam2,
            hess,
            q,
            target,
            box,
            slack,
            equality,
            1e-3 * accuracy * size,
            chol,
            free,
            seg,
            work,
        )
        moved = False
        for i in range(k):
            dx[i] = target[i] - x[i]
            moved = moved or dx[i] != 0.0
        if not moved:
            loss = _loss(k, g, x, box, nu) + abs(nu) * abs(slack)
            return nu, loss, size, turn + 1
        crossed, risk = _follow(k, half, p, mar, y, panel, mu, dx, dy, g)
        step = _reach(k, half, p, mar, y, dy, mu, x, dx, box) if crossed else 1.0
        for i in range(k):
            x[i] = target[i] if step == 1.0 else x[i] + step * dx[i]
            w[members[i]] = x[i]
        for t in range(times):
            y[t] += step * dy[t]
        if step != 1.0:
            risk = _slope(k, half, p, mar, y, panel, mu, g, which, u)
        curvature(k, panel, p, y, mar, active, hess)
    return nu, loss, size, 80


@kernel(fastmath=FAST)
def admit(
    a64: FloatArray, found: IntArray, gains: FloatArray, count: int, most: int, k: int, bar: int,
    members: IntArray,
    used: IntArray, inside: BoolArray, p: FloatArray, panel: FloatArray, active: BoolArray,
    hess: FloatArray,
) -> int:  # fmt: skip
    """Take the ``most`` best of what pricing found into the working set, with their rows of H;
    return its size.
    """
    add = min(count, most)
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
    # rows of the panel stay in the cache while all the new assets are written into them
    for t0 in range(0, len(p), 8):
        for m in range(add):
            j = members[k + m]
            for t in range(t0, min(t0 + 8, len(p))):
                panel[t, k + m] = a64[j, t]
    build(k, k + add, panel, p, active, hess)
    return k + add
