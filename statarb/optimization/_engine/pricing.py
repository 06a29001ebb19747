"""Kernels of pricing: which assets outside the working set would move, and bounds that prove that
the others would not.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, Float32Array, FloatArray, IntArray
from statarb.optimization._engine.state import AssetTerms, Candidates, Reference, ScenarioRows

__all__ = ["combine", "mean_square", "price_assets"]

FAST = {"reassoc", "contract", "nsz", "arcp"}

FEW, SOME = 48, 96
"""Up to so many open assets are cheaper computed one by one than screened again: with most of the
rows, and with the rows that are left then.
"""


@kernel(fastmath=FAST)
def combine(returns: FloatArray, x: FloatArray) -> FloatArray:
    """Return A'x; only the assets that are held are read, four at a time."""
    y = np.zeros(returns.shape[1])
    held = np.flatnonzero(x)
    whole = len(held) - len(held) % 4
    for m in range(0, whole, 4):
        j0, j1, j2, j3 = held[m], held[m + 1], held[m + 2], held[m + 3]
        x0, x1, x2, x3 = x[j0], x[j1], x[j2], x[j3]
        for t in range(len(y)):
            y[t] += (
                x0 * returns[j0, t]
                + x1 * returns[j1, t]
                + x2 * returns[j2, t]
                + x3 * returns[j3, t]
            )
    for j0 in held[whole:]:
        for t in range(len(y)):
            y[t] += x[j0] * returns[j0, t]
    return y


@kernel(fastmath=FAST)
def mean_square(returns: FloatArray, p: FloatArray) -> float:
    """Return the mean over the assets of sum_t p_t a_jt^2."""
    total = 0.0
    for j in range(len(returns)):
        for t in range(len(p)):
            total += p[t] * returns[j, t] * returns[j, t]
    return total / len(returns)


@kernel(fastmath=FAST)
def _violation(
    j: int, g: float, w: FloatArray, terms: AssetTerms, multiplier: float
) -> tuple[float, float]:
    """Return by how much the reduced cost of asset j has the wrong sign (not negative), and the
    asset's part of the duality gap.
    """
    low, high, ref = terms.lower[j], terms.upper[j], terms.previous[j]
    cost, a, f = terms.fee[j], terms.budget[j], terms.budget_fee[j]
    x, excess, part = w[j], 0.0, 0.0
    # one-sided derivatives: buying from here, and selling
    if x < high:
        sign = 1.0 if x >= ref else -1.0
        excess = max(excess, -(g + sign * cost + multiplier * (a + sign * f)))
    if x > low:
        sign = 1.0 if x > ref else -1.0
        excess = max(excess, g + sign * cost + multiplier * (a + sign * f))
    if excess > 0.0:
        tilt, kink = g + multiplier * a, cost + max(multiplier, 0.0) * f
        middle = min(max(ref, low), high)
        here = tilt * x + kink * abs(x - ref)
        least = min(tilt * low + kink * abs(low - ref), tilt * high + kink * abs(high - ref))
        part = max(here - min(least, tilt * middle + kink * abs(middle - ref)), 0.0)
    return excess, part


@kernel(fastmath=FAST)
def _may_move(
    j: int, product: float, radius: float, w: FloatArray, terms: AssetTerms, lam2: float,
    multiplier: float,
) -> bool:  # fmt: skip
    """Whether a reduced cost known up to ``radius`` leaves open that asset j moves."""
    g = lam2 * product - terms.expected_return[j]
    if w[j] < terms.upper[j]:
        sign = 1.0 if w[j] >= terms.previous[j] else -1.0
        charge = multiplier * (terms.budget[j] + sign * terms.budget_fee[j])
        if g - lam2 * radius + sign * terms.fee[j] + charge < 0.0:
            return True
    if w[j] > terms.lower[j]:
        sign = 1.0 if w[j] > terms.previous[j] else -1.0
        charge = multiplier * (terms.budget[j] + sign * terms.budget_fee[j])
        if g + lam2 * radius + sign * terms.fee[j] + charge > 0.0:
            return True
    return False


@kernel(fastmath=FAST)
def _screen(
    reference: Reference, distance: float, norm: FloatArray, max_norm: FloatArray,
    inside: BoolArray, w: FloatArray, terms: AssetTerms, lam2: float, multiplier: float,
    open_assets: IntArray,
) -> int:  # fmt: skip
    """Collect the assets that the reference, ``distance`` away, does not prove to stay as they
    are.
    """
    product, drift, count = reference.product, reference.drift[0], 0
    for j in range(len(product)):
        if not inside[j] and terms.lower[j] < terms.upper[j]:
            # Cauchy and Schwarz, and the rounding of what the product is made of
            radius = distance * norm[j] + drift * max_norm[j]
            if _may_move(j, product[j], radius, w, terms, lam2, multiplier):
                open_assets[count] = j
                count += 1
    return count


@kernel(fastmath=FAST)
def _advance_reference(
    by_row: Float32Array, reference: Reference, u: FloatArray, least: float
) -> tuple[float, float]:
    """Move the reference to u in the rows where it is off by more than ``least``; four rows at a
    time.

    Returns
    -------
    squared length of the way moved, and of what is left
    """
    g0, u0 = reference.product, reference.slope
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
            g0[j] += (
                f0 * by_row[t0, j] + f1 * by_row[t1, j] + f2 * by_row[t2, j] + f3 * by_row[t3, j]
            )
    for m in range(count - count % 4, count):
        t0, f0 = which[m], way[m]
        for j in range(len(g0)):
            g0[j] += f0 * by_row[t0, j]
    return moved, left


@kernel(fastmath=FAST)
def price_assets(
    scenarios: ScenarioRows, terms: AssetTerms, reference: Reference, norm: FloatArray,
    max_norm: FloatArray, inside: BoolArray, w: FloatArray, y: FloatArray, half: float,
    multiplier: float, candidates: Candidates, tol: float,
) -> tuple[int, float, float]:  # fmt: skip
    """Find the assets outside the working set that would move.

    The slope of the risk is A u with u_t = p_t min(y_t - m_t, 0), p and m the scenarios' weights
    and targets. An asset is passed over only where its reduced cost is proven to have the right
    sign, by the distance of u from a reference u0 whose products A u0 are known (Cauchy and
    Schwarz). Where that leaves too many, the reference moves to u in the rows in which u has moved
    most: few rows make most of the distance, and the others are not read. That is done with the
    float32 copy, where there is one; what it is off by is part of the bound (``reference.drift``).
    Assets that are still open then are computed in float64.

    Returns
    -------
    number of assets found, their part of the duality gap, sum of p_t min(y_t - m_t, 0)^2
    """
    returns, by_row = scenarios.by_asset, scenarios.by_row
    p, target, u0, drift = scenarios.weight, scenarios.target, reference.slope, reference.drift
    found, gains = candidates.asset, candidates.gain
    assets, times = returns.shape
    lam2, single = 2.0 * half, by_row.shape[0] == times
    u, open_assets = np.empty(times), np.empty(assets, np.int64)
    away, risk, rows = 0.0, 0.0, 0
    for t in range(times):
        miss = min(y[t] - target[t], 0.0)
        u[t] = p[t] * miss
        risk += u[t] * miss
        away += (u[t] - u0[t]) ** 2
        rows += u[t] != u0[t]
    count, loss, open_ = 0, 0.0, assets
    if drift[0] >= 0.0:
        open_ = _screen(
            reference, np.sqrt(away), norm, max_norm, inside, w, terms, lam2, multiplier,
            open_assets,
        )  # fmt: skip
        # a quarter of the typical distance: four rows in five, and a sixteenth of the length left,
        # if it is normal
        for least in (0.25 * np.sqrt(away / max(rows, 1)), 0.0):
            if not single or open_ <= (FEW if least > 0.0 else SOME):
                break
            moved, away = _advance_reference(by_row, reference, u, least)
            # rounding of a return to float32, and of a row's product
            drift[0] += 6.1e-8 * np.sqrt(moved)
            open_ = _screen(
                reference, np.sqrt(away), norm, max_norm, inside, w, terms, lam2, multiplier,
                open_assets,
            )  # fmt: skip
    if drift[0] < 0.0 or 4 * open_ > assets:
        # no reference, or one too far away: all products anew, in float64
        fresh = np.dot(returns, u)
        for t in range(times):
            u0[t] = u[t]
        drift[0] = 0.0
        for j in range(assets):
            reference.product[j] = fresh[j]
            if not inside[j] and terms.lower[j] < terms.upper[j]:
                g = lam2 * fresh[j] - terms.expected_return[j]
                excess, part = _violation(j, g, w, terms, multiplier)
                loss += part
                if excess > tol:
                    found[count], gains[count] = j, excess * excess / max(norm[j] * norm[j], 1e-300)
                    count += 1
        return count, loss, risk
    # the assets left open, one by one
    for m in range(open_):
        j = open_assets[m]
        product = 0.0
        for t in range(times):
            product += returns[j, t] * u[t]
        g = lam2 * product - terms.expected_return[j]
        excess, part = _violation(j, g, w, terms, multiplier)
        loss += part
        if excess > tol:
            found[count], gains[count] = j, excess * excess / max(norm[j] * norm[j], 1e-300)
            count += 1
    return count, loss, risk
