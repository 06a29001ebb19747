"""Kernels of pricing: which assets outside the working set would move, and the proof that all
others stand still.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, Float32Array, FloatArray, IntArray

__all__ = ["combine", "mean_square", "price"]

FAST = {"reassoc", "contract", "nsz", "arcp"}

FEW, SOME = 48, 96
"""So many assets are cheaper looked at one by one than ruled out by most rows; and than by those
that are left then.
"""


@kernel(fastmath=FAST)
def combine(a64: FloatArray, x: FloatArray) -> FloatArray:
    """Return A'x, adding up the rows of what is held alone, four at a time."""
    y = np.zeros(a64.shape[1])
    held = np.flatnonzero(x)
    whole = len(held) - len(held) % 4
    for m in range(0, whole, 4):
        j0, j1, j2, j3 = held[m], held[m + 1], held[m + 2], held[m + 3]
        x0, x1, x2, x3 = x[j0], x[j1], x[j2], x[j3]
        for t in range(len(y)):
            y[t] += x0 * a64[j0, t] + x1 * a64[j1, t] + x2 * a64[j2, t] + x3 * a64[j3, t]
    for j0 in held[whole:]:
        for t in range(len(y)):
            y[t] += x[j0] * a64[j0, t]
    return y


@kernel(fastmath=FAST)
def mean_square(a64: FloatArray, p: FloatArray) -> float:
    """Return the mean over the assets of sum_t p_t a_jt^2."""
    total = 0.0
    for j in range(len(a64)):
        for t in range(len(p)):
            total += p[t] * a64[j, t] * a64[j, t]
    return total / len(a64)


@kernel(fastmath=FAST)
def _violation(
    j: int, g: float, w: FloatArray, terms: FloatArray, nu: float
) -> tuple[float, float]:
    """Return how much asset j wants to move (not negative), and its part of the duality gap."""
    low, high, ref, cost, a, f = (
        terms[0, j],
        terms[1, j],
        terms[2, j],
        terms[3, j],
        terms[4, j],
        terms[5, j],
    )
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
def _may_move(
    j: int, product: float, radius: float, w: FloatArray, terms: FloatArray, lam2: float, nu: float
) -> bool:
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
def _suspects(
    g0: FloatArray, away: float, norm: FloatArray, drift: float, peak: FloatArray,
    inside: BoolArray, w: FloatArray,
    terms: FloatArray, lam2: float, nu: float, suspects: IntArray,
) -> int:  # fmt: skip
    """Collect the assets of which the reference cannot say that they stand still."""
    count = 0
    for j in range(len(g0)):
        if (
            not inside[j]
            and terms[0, j] < terms[1, j]
            and _may_move(j, g0[j], away * norm[j] + drift * peak[j], w, terms, lam2, nu)
        ):
            suspects[count] = j
            count += 1
    return count


@kernel(fastmath=FAST)
def _advance(
    b32: Float32Array, g0: FloatArray, u0: FloatArray, u: FloatArray, least: float
) -> tuple[float, float]:
    """Move the reference to u in the rows where it is off by more than ``least``; four rows at a
    time.

    Returns
    -------
    squared length of the way moved, and of what is left
    """
    which, way = np.empty(len(u), np.int64), np.empty(len(u))
    count, moved, left = 0, 0.0, 0.0
    for t in range(len(u)):
        off = u[t] - u0[t]
        if abs(off) > least:
            which[count], way[count] = t, off
            u0[t] = u[t]
            moved += off * off
            count += 1
        else:
            left += off * off
    for m in range(0, count - count % 4, 4):
        t0, t1, t2, t3 = which[m], which[m + 1], which[m + 2], which[m + 3]
        f0, f1, f2, f3 = way[m], way[m + 1], way[m + 2], way[m + 3]
        for j in range(len(g0)):
            g0[j] += f0 * b32[t0, j] + f1 * b32[t1, j] + f2 * b32[t2, j] + f3 * b32[t3, j]
    for m in range(count - count % 4, count):
        t0, f0 = which[m], way[m]
        for j in range(len(g0)):
            g0[j] += f0 * b32[t0, j]
    return moved, left


@kernel(fastmath=FAST)
def price(
    a64: FloatArray, b32: Float32Array, g0: FloatArray, u0: FloatArray, drift: FloatArray,
    norm: FloatArray, peak: FloatArray,
    inside: BoolArray, w: FloatArray, terms: FloatArray, half: float, p: FloatArray,
    y: FloatArray, mar: FloatArray, nu: float,
    found: IntArray, gains: FloatArray, tol: float,
) -> tuple[int, float, float]:  # fmt: skip
    """Look for assets outside the working set that would move.

    The slope of the risk is A u with u_t = p_t min(y_t - mar_t, 0). An asset is passed over only
    where its reduced cost is proven to have the right sign, by the distance of u from a reference
    u0 whose products g0 = A u0 are known (Cauchy and Schwarz). Where that leaves too many, the
    reference moves to u in the rows in which u has moved most: few rows make most of the distance,
    and the others are not read. ``b32`` is A' (T x N) in float32, or empty; what it is off by is
    part of the bound: ``drift[0]`` is the error of g0 per unit of ``peak``, the largest norm since
    then, and negative where there is no reference. Assets that are still open then are computed in
    float64.

    Returns
    -------
    number of assets found, their part of the duality gap, sum of p_t min(y_t - mar_t, 0)^2
    """
    assets, times = a64.shape
    lam2, single = 2.0 * half, b32.shape[0] == times
    u, suspects = np.empty(times), np.empty(assets, np.int64)
    away, risk, rows = 0.0, 0.0, 0
    for t in range(times):
        miss = min(y[t] - mar[t], 0.0)
        u[t] = p[t] * miss
        risk += u[t] * miss
        away += (u[t] - u0[t]) ** 2
        rows += u[t] != u0[t]
    count, loss, open_ = 0, 0.0, assets
    if drift[0] >= 0.0:
        open_ = _suspects(
            g0, np.sqrt(away), norm, drift[0], peak, inside, w, terms, lam2, nu, suspects
        )
        # a quarter of the typical distance: four rows in five, and a sixteenth of the length left,
        # if it is normal
        for least in (0.25 * np.sqrt(away / max(rows, 1)), 0.0):
            if not single or open_ <= (FEW if least > 0.0 else SOME):
                break
            moved, away = _advance(b32, g0, u0, u, least)
            # rounding of a return to float32, and of a row's product
            drift[0] += 6.1e-8 * np.sqrt(moved)
            open_ = _suspects(
                g0, np.sqrt(away), norm, drift[0], peak, inside, w, terms, lam2, nu, suspects
            )
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
        return count, loss, risk
    for m in range(open_):
        j = suspects[m]
        product = 0.0
        for t in range(times):
            product += a64[j, t] * u[t]
        excess, part = _violation(j, lam2 * product - terms[6, j], w, terms, nu)
        loss += part
        if excess > tol:
            found[count], gains[count] = j, excess * excess / max(norm[j] * norm[j], 1e-300)
            count += 1
    return count, loss, risk
