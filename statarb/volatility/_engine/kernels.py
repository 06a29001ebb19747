"""Compiled GARCH fitting: sixteen series side by side, one pass for likelihood, gradient and
information.

A *lane* is a slot that holds one fit at work: a series, a starting point, the state of its search.
All lanes go through time together, so that the processor's vector units work on many series at
once; a lane whose search has ended is given the next fit. No number of one lane enters the
arithmetic of another: a fit has the same bits whoever its neighbours are.

The variance is ``h_t = omega + (alpha + gamma 1(e_{t-1} < 0)) e_{t-1}^2 + beta h_{t-1}``
(Bollerslev, 1986; Glosten, Jagannathan and Runkle, 1993). The search runs over ``(mu, log omega, u,
s, k, eta)``, all of them in boxes, with ``p = 1.003 - exp(u)``, ``alpha = 2 k s p``, ``alpha +
gamma = 2 (1 - k) s p``, ``beta = (1 - s) p`` and ``nu = 1 / eta``: ``p`` is the persistence, ``s``
the share of news in it, ``k`` the share of good news in that. Series with little news in them fix
hardly more than ``omega / (1 - p)``; in ``u`` that valley is straight, and ``p = 1`` stays within
reach.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = ["CONVERGED", "LANES", "NOT_CONVERGED", "fit_lanes"]

LANES = 16
DIM = 6
MU, LOG_OMEGA, U, S, K, ETA = range(DIM)
SLACK = 0.003
CONVERGED, NOT_CONVERGED = 0, 1
MAX_PASSES = 100
MAX_CUTS = 8
TOLERANCE = 1e-6
"""Largest expected gain in loglikelihood, of one more Newton step, at which a search ends."""

# Rows of the state: parameters, then what runs through time, then sums over time.
A_MU, A_OMEGA, A_ALPHA, A_GAMMA, A_BETA, A_C, A_NU1, A_COUNT, A_BACKCAST = range(9)
H, D_MU, D_OMEGA, D_ALPHA, D_GAMMA, D_BETA, PROD_H, PROD_V = range(9, 17)
LOG_H, LOG_V, SUM_Z, SUM_R, G_FIRST = 17, 18, 19, 20, 21
L_FIRST, F_FIRST, ROWS = 26, 31, 46

# Sums of products may be fused; nothing may be reordered.
FAST = {"contract", "nsz"}


@kernel(fastmath=FAST)
def _bar(
    m: float, y: float, mu: float, omega: float, alpha: float, gamma: float, beta: float,
    c: float, nu1: float,
    h: float, d_mu: float, d_om: float, d_al: float, d_ga: float, d_be: float, gjr: int | None,
    student: int | None,
) -> tuple[Any, ...]:  # fmt: skip
    """Advance one lane by one observation; return the next state and this observation's terms."""
    e = y - mu
    e2 = e * e
    if student is None:
        r = 1.0 / h
        z = e2 * r
        w = z
        v = 1.0
        location = e * r
    else:
        v = h + c * e2
        both = 1.0 / (h * v)
        r = v * both
        rv = h * both
        z = e2 * rv
        w = z * c * nu1
        location = nu1 * c * e * rv
    q = 0.5 * m * (1.0 - w) * r
    g0 = q * d_mu - m * location
    g1, g2, g3, g4 = q * d_om, q * d_al, q * d_ga, q * d_be
    ph = h if m > 0.0 else 1.0
    pv = v if m > 0.0 else 1.0
    r = m * r
    z = m * z
    a0, a1, a2, a3, a4 = d_mu * r, d_om * r, d_al * r, d_ga * r, d_be * r
    news = alpha * e
    if gjr is not None:
        bad = e if e < 0.0 else 0.0
        news = news + gamma * bad
        d_ga = bad * bad + beta * d_ga
    d_mu = beta * d_mu - 2.0 * news
    d_om = 1.0 + beta * d_om
    d_al = e2 + beta * d_al
    d_be = h + beta * d_be
    h = omega + news * e + beta * h
    return (
        (h, d_mu, d_om, d_al, d_ga, d_be),
        (ph, pv),
        z,
        (r, g0, g1, g2, g3, g4),
        (a0, a1, a2, a3, a4),
    )


@kernel(fastmath=FAST)
def _begin(state: FloatArray) -> None:
    """Set the state to the first observation: what came before it is the backcast."""
    for i in range(LANES):
        backcast = state[A_BACKCAST * LANES + i]
        alpha, gamma, beta = (
            state[A_ALPHA * LANES + i],
            state[A_GAMMA * LANES + i],
            state[A_BETA * LANES + i],
        )
        state[H * LANES + i] = state[A_OMEGA * LANES + i] + (alpha + 0.5 * gamma + beta) * backcast
        state[D_MU * LANES + i] = 0.0
        state[D_OMEGA * LANES + i] = 1.0
        state[D_ALPHA * LANES + i] = backcast
        state[D_GAMMA * LANES + i] = 0.5 * backcast
        state[D_BETA * LANES + i] = backcast
        state[PROD_H * LANES + i] = 1.0
        state[PROD_V * LANES + i] = 1.0
        for row in range(LOG_H, ROWS):
            state[row * LANES + i] = 0.0


@kernel(fastmath=FAST)
def _four_bars(
    state: FloatArray, data: FloatArray, t: int, gjr: int | None, student: int | None
) -> None:
    """Advance every lane by four observations. The state is read and written once for all four:
    that is what costs.
    """
    now = float(t)
    for i in range(LANES):
        count = state[A_COUNT * LANES + i]
        mu, omega, alpha = (
            state[A_MU * LANES + i],
            state[A_OMEGA * LANES + i],
            state[A_ALPHA * LANES + i],
        )
        gamma, beta = state[A_GAMMA * LANES + i], state[A_BETA * LANES + i]
        c, nu1 = state[A_C * LANES + i], state[A_NU1 * LANES + i]
        h, d0, d1 = state[H * LANES + i], state[D_MU * LANES + i], state[D_OMEGA * LANES + i]
        d2, d3, d4 = (
            state[D_ALPHA * LANES + i],
            state[D_GAMMA * LANES + i],
            state[D_BETA * LANES + i],
        )
        x, lx, zx, gx, ax = _bar(
            1.0 if now < count else 0.0, data[t * LANES + i],
            mu, omega, alpha, gamma, beta, c, nu1, h, d0, d1, d2, d3, d4, gjr, student,
        )  # fmt: skip
        h, d0, d1, d2, d3, d4 = x
        x, ly, zy, gy, ay = _bar(
            1.0 if now + 1.0 < count else 0.0, data[(t + 1) * LANES + i],
            mu, omega, alpha, gamma, beta, c, nu1, h, d0, d1, d2, d3, d4, gjr, student,
        )  # fmt: skip
        h, d0, d1, d2, d3, d4 = x
        x, lz, zz, gz, az = _bar(
            1.0 if now + 2.0 < count else 0.0, data[(t + 2) * LANES + i],
            mu, omega, alpha, gamma, beta, c, nu1, h, d0, d1, d2, d3, d4, gjr, student,
        )  # fmt: skip
        h, d0, d1, d2, d3, d4 = x
        x, lw, zw, gw, aw = _bar(
            1.0 if now + 3.0 < count else 0.0, data[(t + 3) * LANES + i],
            mu, omega, alpha, gamma, beta, c, nu1, h, d0, d1, d2, d3, d4, gjr, student,
        )  # fmt: skip
        h, d0, d1, d2, d3, d4 = x
        state[H * LANES + i] = h
        state[D_MU * LANES + i] = d0
        state[D_OMEGA * LANES + i] = d1
        state[D_ALPHA * LANES + i] = d2
        state[D_BETA * LANES + i] = d4
        state[PROD_H * LANES + i] *= (lx[0] * ly[0]) * (lz[0] * lw[0])
        state[SUM_Z * LANES + i] += (zx + zy) + (zz + zw)
        state[SUM_R * LANES + i] += (gx[0] + gy[0]) + (gz[0] + gw[0])
        state[(G_FIRST + 0) * LANES + i] += (gx[1] + gy[1]) + (gz[1] + gw[1])
        state[(G_FIRST + 1) * LANES + i] += (gx[2] + gy[2]) + (gz[2] + gw[2])
        state[(G_FIRST + 2) * LANES + i] += (gx[3] + gy[3]) + (gz[3] + gw[3])
        state[(G_FIRST + 4) * LANES + i] += (gx[5] + gy[5]) + (gz[5] + gw[5])
        x0, x1, x2, x3, x4 = ax
        y0, y1, y2, y3, y4 = ay
        z0, z1, z2, z3, z4 = az
        w0, w1, w2, w3, w4 = aw
        if student is not None:
            state[PROD_V * LANES + i] *= (lx[1] * ly[1]) * (lz[1] * lw[1])
            state[(L_FIRST + 0) * LANES + i] += (x0 + y0) + (z0 + w0)
            state[(L_FIRST + 1) * LANES + i] += (x1 + y1) + (z1 + w1)
            state[(L_FIRST + 2) * LANES + i] += (x2 + y2) + (z2 + w2)
            state[(L_FIRST + 3) * LANES + i] += (x3 + y3) + (z3 + w3)
            state[(L_FIRST + 4) * LANES + i] += (x4 + y4) + (z4 + w4)
        state[(F_FIRST + 0) * LANES + i] += (x0 * x0 + y0 * y0) + (z0 * z0 + w0 * w0)
        state[(F_FIRST + 1) * LANES + i] += (x0 * x1 + y0 * y1) + (z0 * z1 + w0 * w1)
        state[(F_FIRST + 2) * LANES + i] += (x0 * x2 + y0 * y2) + (z0 * z2 + w0 * w2)
        state[(F_FIRST + 4) * LANES + i] += (x0 * x4 + y0 * y4) + (z0 * z4 + w0 * w4)
        state[(F_FIRST + 5) * LANES + i] += (x1 * x1 + y1 * y1) + (z1 * z1 + w1 * w1)
        state[(F_FIRST + 6) * LANES + i] += (x1 * x2 + y1 * y2) + (z1 * z2 + w1 * w2)
        state[(F_FIRST + 8) * LANES + i] += (x1 * x4 + y1 * y4) + (z1 * z4 + w1 * w4)
        state[(F_FIRST + 9) * LANES + i] += (x2 * x2 + y2 * y2) + (z2 * z2 + w2 * w2)
        state[(F_FIRST + 11) * LANES + i] += (x2 * x4 + y2 * y4) + (z2 * z4 + w2 * w4)
        state[(F_FIRST + 14) * LANES + i] += (x4 * x4 + y4 * y4) + (z4 * z4 + w4 * w4)
        if gjr is not None:
            state[D_GAMMA * LANES + i] = d3
            state[(G_FIRST + 3) * LANES + i] += (gx[4] + gy[4]) + (gz[4] + gw[4])
            state[(F_FIRST + 3) * LANES + i] += (x0 * x3 + y0 * y3) + (z0 * z3 + w0 * w3)
            state[(F_FIRST + 7) * LANES + i] += (x1 * x3 + y1 * y3) + (z1 * z3 + w1 * w3)
            state[(F_FIRST + 10) * LANES + i] += (x2 * x3 + y2 * y3) + (z2 * z3 + w2 * w3)
            state[(F_FIRST + 12) * LANES + i] += (x3 * x3 + y3 * y3) + (z3 * z3 + w3 * w3)
            state[(F_FIRST + 13) * LANES + i] += (x3 * x4 + y3 * y4) + (z3 * z4 + w3 * w4)


@kernel(fastmath=FAST)
def _pass(
    state: FloatArray, data: FloatArray, rows: int, gjr: int | None, student: int | None
) -> None:
    """Run all lanes through their series.

    ``gjr`` and ``student`` are ``None`` or an integer: numba compiles a version without the branch
    for ``None``. The logarithm of the variances is taken of products of sixteen, which stay far
    inside the range of a double for series of unit variance.
    """
    _begin(state)
    for t in range(0, rows, 4):
        _four_bars(state, data, t, gjr, student)
        if (t & 15) == 12 or t + 4 >= rows:
            for i in range(LANES):
                state[LOG_H * LANES + i] += math.log(state[PROD_H * LANES + i])
                state[PROD_H * LANES + i] = 1.0
            if student is not None:
                for i in range(LANES):
                    state[LOG_V * LANES + i] += math.log(state[PROD_V * LANES + i])
                    state[PROD_V * LANES + i] = 1.0


@kernel()
def _polygamma(x: float) -> tuple[float, float]:
    """Return digamma and trigamma of a positive number (recurrence, then the asymptotic series;
    DLMF 5.11.2, 5.15.8).
    """
    first, second = 0.0, 0.0
    while x < 10.0:
        first -= 1.0 / x
        second += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / (x * x)
    tail = y * (
        1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * 691 / 32760))))
    )
    first += math.log(x) - 0.5 / x - tail
    tail = y * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * (5 / 66 - y * 691 / 2730)))))
    second += 1.0 / x + 0.5 * y + tail / x
    return first, second


@kernel()
def _load_point(state: FloatArray, i: int, x: FloatArray) -> None:
    """Put a point of the search into a lane, in the scale of the recursion."""
    p = 1.0 + SLACK - math.exp(x[U])
    news = x[S] * p
    state[A_MU * LANES + i] = x[MU]
    state[A_OMEGA * LANES + i] = math.exp(x[LOG_OMEGA])
    state[A_ALPHA * LANES + i] = 2.0 * x[K] * news
    state[A_GAMMA * LANES + i] = 2.0 * (1.0 - 2.0 * x[K]) * news
    state[A_BETA * LANES + i] = (1.0 - x[S]) * p
    state[A_C * LANES + i] = x[ETA] / (1.0 - 2.0 * x[ETA])
    state[A_NU1 * LANES + i] = 1.0 / x[ETA] + 1.0


@kernel()
def _collect(
    state: FloatArray, i: int, x: FloatArray, student: int, g: FloatArray, b: FloatArray
) -> float:
    """Return the negative loglikelihood of lane ``i``; fill its gradient ``g`` and expected
    information ``b``.

    The information of a Student-t with unit variance is that of Fiorentini, Sentana and Calzolari
    (2003), proposition 1.
    """
    n = state[A_COUNT * LANES + i]
    log_h, log_u = state[LOG_H * LANES + i], state[LOG_V * LANES + i] - state[LOG_H * LANES + i]
    nu = 1.0 / x[ETA]
    if student:
        digamma, trigamma = _polygamma(0.5 * nu)
        digamma1, trigamma1 = _polygamma(0.5 * (nu + 1.0))
        constant = (
            math.lgamma(0.5 * (nu + 1.0))
            - math.lgamma(0.5 * nu)
            - 0.5 * math.log(math.pi * (nu - 2.0))
        )
        loss = -n * constant + 0.5 * log_h + 0.5 * (nu + 1.0) * log_u
        scale, location = 0.5 * nu / (nu + 3.0), nu * (nu + 1.0) / ((nu - 2.0) * (nu + 3.0))
        slope = -0.5 * n * (digamma1 - digamma - 1.0 / (nu - 2.0))
        slope += 0.5 * log_u - 0.5 * (nu + 1.0) * state[SUM_Z * LANES + i] / (nu - 2.0) ** 2
        g[ETA] = -slope * nu * nu
        tail = 0.25 * (trigamma - trigamma1) - (nu * nu + nu - 12.0) / (
            2.0 * (nu - 2.0) ** 2 * (nu + 1.0) * (nu + 3.0)
        )
        both = -3.0 * nu * nu / ((nu - 2.0) * (nu + 1.0) * (nu + 3.0))
        b[ETA, ETA] = n * nu**4 * tail
    else:
        loss = 0.5 * (n * math.log(2.0 * math.pi) + log_h + state[SUM_Z * LANES + i])
        scale, location, both = 0.5, 1.0, 0.0
        g[ETA] = 0.0
        b[ETA, ETA] = 1.0
    # rows: mu, omega, alpha, gamma, beta; columns: mu, log omega, u, s, k
    jacobian = np.zeros((5, 5))
    jacobian[0, MU] = 1.0
    jacobian[1, LOG_OMEGA] = state[A_OMEGA * LANES + i]
    slope = -math.exp(x[U])
    p = 1.0 + SLACK + slope
    jacobian[2, U], jacobian[2, S], jacobian[2, K] = (
        slope * 2.0 * x[K] * x[S],
        2.0 * x[K] * p,
        2.0 * x[S] * p,
    )
    skew = 2.0 * (1.0 - 2.0 * x[K])
    jacobian[3, U], jacobian[3, S], jacobian[3, K] = slope * skew * x[S], skew * p, -4.0 * x[S] * p
    jacobian[4, U], jacobian[4, S] = slope * (1.0 - x[S]), -p
    native = np.zeros((5, 5))
    row = F_FIRST
    for a in range(5):
        for c in range(a, 5):
            native[a, c] = native[c, a] = scale * state[row * LANES + i]
            row += 1
    native[0, 0] += location * state[SUM_R * LANES + i]
    for a in range(5):
        g[a] = 0.0
        b[a, ETA] = 0.0
        for c in range(5):
            g[a] += jacobian[c, a] * state[(G_FIRST + c) * LANES + i]
            b[a, ETA] += both * jacobian[c, a] * state[(L_FIRST + c) * LANES + i]
        b[ETA, a] = b[a, ETA]
    for a in range(5):
        for c in range(a, 5):
            total = 0.0
            for u in range(5):
                for v in range(5):
                    total += jacobian[u, a] * native[u, v] * jacobian[v, c]
            b[a, c] = b[c, a] = total
    return float(loss)


@kernel()
def _solve(b: FloatArray, rhs: FloatArray, free: IntArray, d: FloatArray) -> None:
    """Solve ``b d = rhs`` on the free coordinates by Cholesky; a pivot that is not positive is
    lifted.
    """
    low = np.zeros((DIM, DIM))
    index = np.zeros(DIM, np.int64)
    m = 0
    for a in range(DIM):
        if free[a]:
            index[m] = a
            m += 1
    for a in range(m):
        for c in range(a + 1):
            total = b[index[a], index[c]]
            for u in range(c):
                total -= low[a, u] * low[c, u]
            if a == c:
                least = 1e-10 * max(b[index[a], index[a]], 1e-8)
                low[a, a] = math.sqrt(max(total, least))
            else:
                low[a, c] = total / low[c, c]
    for a in range(m):
        total = rhs[index[a]]
        for u in range(a):
            total -= low[a, u] * d[index[u]]
        d[index[a]] = total / low[a, a]
    for a in range(m - 1, -1, -1):
        total = d[index[a]]
        for u in range(a + 1, m):
            total -= low[u, a] * d[index[u]]
        d[index[a]] = total / low[a, a]


@kernel()
def _propose(x: FloatArray, g: FloatArray, b: FloatArray, box: FloatArray, d: FloatArray) -> float:
    """Fill ``d`` with a Newton step that stays in the box; return the fall that the quadratic model
    expects of it.
    """
    free = np.ones(DIM, np.int64)
    for a in range(DIM):
        d[a] = 0.0
        at_low, at_high = x[a] <= box[0, a], x[a] >= box[1, a]
        if (at_low and at_high) or (at_low and g[a] > 0.0) or (at_high and g[a] < 0.0):
            free[a] = 0
    # From face to face of the box: on each, towards the foot of the quadratic model, as far as the
    # next wall. The model falls on every piece, which setting the offending coordinates to their
    # bounds all at once does not promise.
    rhs, piece = np.zeros(DIM), np.zeros(DIM)
    for _ in range(DIM):
        for a in range(DIM):
            rhs[a] = -g[a]
            piece[a] = 0.0
            for c in range(DIM):
                rhs[a] -= b[a, c] * d[c]
        _solve(b, rhs, free, piece)
        length, wall = 1.0, -1
        for a in range(DIM):
            if free[a] and piece[a] != 0.0:
                room = (box[1, a] if piece[a] > 0.0 else box[0, a]) - x[a] - d[a]
                if room / piece[a] < length:
                    length, wall = max(room / piece[a], 0.0), a
        for a in range(DIM):
            d[a] += length * piece[a]
        if wall < 0:
            break
        d[wall] = (box[1, wall] if piece[wall] > 0.0 else box[0, wall]) - x[wall]
        free[wall] = 0
    fall = 0.0
    for a in range(DIM):
        fall -= g[a] * d[a]
        for c in range(DIM):
            fall -= 0.5 * d[a] * b[a, c] * d[c]
    return fall


@kernel()
def _update(b: FloatArray, step: FloatArray, change: FloatArray) -> None:
    """Add one BFGS update to ``b``, damped so that it stays positive definite (Powell, 1978)."""
    bs = np.zeros(DIM)
    sbs, sy = 0.0, 0.0
    for a in range(DIM):
        for c in range(DIM):
            bs[a] += b[a, c] * step[c]
        sbs += step[a] * bs[a]
        sy += step[a] * change[a]
    if sbs <= 1e-300:
        return
    keep = 1.0 if sy >= 0.2 * sbs else 0.8 * sbs / (sbs - sy)
    total = keep * sy + (1.0 - keep) * sbs
    for a in range(DIM):
        for c in range(DIM):
            left = keep * change[a] + (1.0 - keep) * bs[a]
            right = keep * change[c] + (1.0 - keep) * bs[c]
            b[a, c] += left * right / total - bs[a] * bs[c] / sbs


@kernel()
def _judge(
    loss: float,
    point: FloatArray,
    trial: FloatArray,
    gradient: FloatArray,
    curvature: FloatArray,
    information: FloatArray,
    number: FloatArray,
    count: IntArray,
    new_gradient: FloatArray,
    new_information: FloatArray,
    box: FloatArray,
) -> int:
    """Take or refuse the point just evaluated and choose the next one; -1 while the search goes on,
    else its status.

    ``number`` holds the loss and its slope along the step under trial; ``count`` the points taken,
    the passes, the cuts of the step, and the steps that led nowhere. Information serves as
    curvature for the first three points; from then on BFGS updates learn what the information does
    not know: tails fatter than assumed, and the bend of the valley.
    """
    step = np.zeros(DIM)
    count[1] += 1
    if count[0] > 0 and not number[0] - loss > -1e-4 * number[1]:
        if count[1] >= MAX_PASSES:
            return NOT_CONVERGED
        if count[2] < MAX_CUTS:
            # The parabola through both losses and the slope has its foot here.
            cut = -0.5 * number[1] / (loss - number[0] - number[1])
            cut = min(max(cut, 0.05), 0.5) if cut == cut else 0.05
            number[1] *= cut
            count[2] += 1
            for a in range(DIM):
                trial[a] = point[a] + cut * (trial[a] - point[a])
            return -1
        # No way down along this step: ask the information for another one, once.
        count[3] += 1
    else:
        if count[0] < 3:
            curvature[:] = new_information
        else:
            change = np.zeros(DIM)
            for a in range(DIM):
                step[a] = trial[a] - point[a]
                change[a] = new_gradient[a] - gradient[a]
            _update(curvature, step, change)
        point[:] = trial
        gradient[:] = new_gradient
        information[:] = new_information
        number[0] = loss
        count[0] += 1
        count[3] = 0
    # Is there anything left to gain, by the curvature learnt; and if not, by the information too
    # (updates that went astray can make a slope look flat)?
    fresh = count[3] > 0
    while True:
        if fresh:
            curvature[:] = information
            count[0] = 2
        fall = _propose(point, gradient, curvature, box, step)
        if fall < (100.0 * TOLERANCE if fresh else TOLERANCE):
            if fresh:
                return CONVERGED
            fresh = True
        elif count[1] >= MAX_PASSES or count[3] > 1:
            return NOT_CONVERGED
        else:
            break
    number[1] = 0.0
    count[2] = 0
    for a in range(DIM):
        trial[a] = min(max(point[a] + step[a], box[0, a]), box[1, a])
        number[1] += gradient[a] * (trial[a] - point[a])
    return -1


@kernel()
def _load_series(
    state: FloatArray,
    data: FloatArray,
    i: int,
    values: FloatArray,
    first: int,
    count: int,
    backcast: float,
    rows: int,
) -> None:
    """Put one series into a lane; what follows its end is never counted."""
    for t in range(count):
        data[t * LANES + i] = values[first + t]
    for t in range(count, rows):
        data[t * LANES + i] = 0.0
    state[A_COUNT * LANES + i] = count
    state[A_BACKCAST * LANES + i] = backcast


@kernel()
def fit_lanes(
    values: FloatArray,
    first: IntArray,
    count: IntArray,
    backcast: FloatArray,
    series: IntArray,
    start: FloatArray,
    box: FloatArray,
    gjr: int | None,
    student: int | None,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Maximise the likelihood of many series, each from the starting points given.

    Parameters
    ----------
    values : (observations,) float64
        All series, one after the other, each of unit variance.
    first, count : (series,) int64
        Where a series begins in ``values``, and its length.
    backcast : (series,) float64
        Variance before the first observation.
    series : (fits,) int64
        Series of each fit. Neighbours should be of similar length: all lanes run for as long as the
        longest.
    start : (fits, 6) float64
        Starting points ``(mu, log omega, u, s, k, eta)``, inside the box.
    box : (2, 6) float64
        Lower and upper bounds; equal bounds fix a coordinate.
    gjr, student : None or int
        Whether bad news counts differently; whether the distribution is Student-t.

    Returns
    -------
    point : (fits, 6) float64
        Where each search ended.
    loss : (fits,) float64
        Negative loglikelihood there.
    outcome : (fits, 2) int64
        ``CONVERGED`` or ``NOT_CONVERGED``, and the number of passes over the series.
    """
    fits = len(series)
    longest = 0
    for fit in range(fits):
        longest = max(longest, count[series[fit]])
    rows = 4 * ((longest + 3) // 4)
    point, loss, outcome = np.zeros((fits, DIM)), np.zeros(fits), np.zeros((fits, 2), np.int64)
    state, data = np.zeros(ROWS * LANES), np.zeros(max(rows, 4) * LANES)
    task = np.full(LANES, -1, np.int64)
    x, trial, g = np.zeros((LANES, DIM)), np.zeros((LANES, DIM)), np.zeros((LANES, DIM))
    b, info = np.zeros((LANES, DIM, DIM)), np.zeros((LANES, DIM, DIM))
    number, counter = np.zeros((LANES, 2)), np.zeros((LANES, 4), np.int64)
    new_g, new_b = np.zeros(DIM), np.zeros((DIM, DIM))
    idle = np.array([0.0, 0.0, -1.0, 0.5, 0.5, 0.2])
    for i in range(LANES):
        _load_point(state, i, idle)
    waiting, busy = 0, 0
    while True:
        longest = 0
        for i in range(LANES):
            if task[i] < 0 and waiting < fits:
                task[i] = waiting
                asset = series[waiting]
                _load_series(
                    state, data, i, values, first[asset], count[asset], backcast[asset], rows
                )
                trial[i] = start[waiting]
                counter[i] = 0
                number[i] = 0.0
                waiting += 1
                busy += 1
            if task[i] >= 0:
                _load_point(state, i, trial[i])
                longest = max(longest, count[series[task[i]]])
        if busy == 0:
            return point, loss, outcome
        _pass(state, data, 4 * ((longest + 3) // 4), gjr, student)
        for i in range(LANES):
            if task[i] < 0:
                continue
            new = _collect(state, i, trial[i], 0 if student is None else 1, new_g, new_b)
            status = _judge(
                new, x[i], trial[i], g[i], b[i], info[i], number[i], counter[i], new_g, new_b, box
            )
            if status >= 0:
                point[task[i]], loss[task[i]] = x[i], number[i, 0]
                outcome[task[i], 0], outcome[task[i], 1] = status, counter[i, 1]
                task[i] = -1
                state[A_COUNT * LANES + i] = 0.0
                _load_point(state, i, idle)
                busy -= 1
