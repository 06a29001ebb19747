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
the share of news (alpha) in it, ``k`` the share of positive news in that. Series with little news
fix hardly more than ``omega / (1 - p)``; in ``u`` that valley is straight, and ``p = 1`` stays
within reach.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = [
    "CONVERGED",
    "LANES",
    "NOT_CONVERGED",
    "Box",
    "Fits",
    "SeriesArrays",
    "VarianceLevels",
    "fit_lanes",
    "variance_levels",
]

LANES = 16
DIM = 6
MU, LOG_OMEGA, U, S, K, ETA = range(DIM)
SLACK = 0.003
CONVERGED, NOT_CONVERGED = 0, 1
MAX_PASSES = 100
MAX_CUTS = 8
TOLERANCE = 1e-6
"""Largest expected gain in loglikelihood, of one more Newton step, at which a search ends."""

# Rows of the state of all lanes, which is one flat array so that the compiler knows that rows do
# not overlap: parameters, then what runs through time, then sums over time.
A_MU, A_OMEGA, A_ALPHA, A_GAMMA, A_BETA, A_C, A_NU1, A_COUNT, A_BACKCAST = range(9)
H, D_MU, D_OMEGA, D_ALPHA, D_GAMMA, D_BETA, PROD_H, PROD_V = range(9, 17)
LOG_H, LOG_V, SUM_Z, SUM_R, G_FIRST = 17, 18, 19, 20, 21
L_FIRST, F_FIRST, ROWS = 26, 31, 46


class SeriesArrays(NamedTuple):
    """Many series, one after the other.

    Attributes
    ----------
    values : (observations,) float64
        All observations, each series of unit variance.
    first, length : (series,) int64
        Position in ``values`` at which a series begins, and its length.
    backcast : (series,) float64
        Variance before the first observation.
    """

    values: FloatArray
    first: IntArray
    length: IntArray
    backcast: FloatArray


class Box(NamedTuple):
    """Bounds ``(6,)`` of a point of the search; equal bounds fix a coordinate."""

    low: FloatArray
    high: FloatArray


class Fits(NamedTuple):
    """What the searches found.

    Attributes
    ----------
    point : (fits, 6) float64
        Point ``(mu, log omega, u, s, k, eta)`` at which each search ended.
    loss : (fits,) float64
        Negative loglikelihood there.
    outcome : (fits,) int64
        ``CONVERGED`` or ``NOT_CONVERGED``.
    passes : (fits,) int64
        Number of passes over the series.
    """

    point: FloatArray
    loss: FloatArray
    outcome: IntArray
    passes: IntArray


class VarianceLevels(NamedTuple):
    """Least and mean conditional variance ``(fits,)`` over the observations of each fit."""

    least: FloatArray
    mean: FloatArray


class Coefficients(NamedTuple):
    """Coefficients of the recursion and of the density, as numbers: ``c = 1 / (nu - 2)`` and
    ``nu1 = nu + 1``.
    """

    mu: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    c: float
    nu1: float


class Moment(NamedTuple):
    """Conditional variance and its derivatives with respect to the five parameters."""

    h: float
    d_mu: float
    d_omega: float
    d_alpha: float
    d_gamma: float
    d_beta: float


class Terms(NamedTuple):
    """What one observation adds to the likelihood, its gradient and its information.

    ``h`` and ``v`` are factors (1 for an observation that does not count), the rest are summands;
    ``slope`` holds the derivatives of ``log h``.
    """

    h: float
    v: float
    z: float
    r: float
    gradient: tuple[float, float, float, float, float]
    slope: tuple[float, float, float, float, float]


class Search(NamedTuple):
    """State of the searches of all lanes.

    Attributes
    ----------
    point, trial, gradient : (lanes, 6)
        Last point taken, point under trial, gradient at the point taken.
    curvature, information : (lanes, 6, 6)
        Curvature as learnt by BFGS updates, and expected information at the point taken.
    loss, slope : (lanes,)
        Loss at the point taken, and its slope along the step under trial.
    taken, passes, cuts, stuck : (lanes,)
        Points taken, passes over the series, cuts of the step under trial, and steps in succession
        that led nowhere.
    """

    point: FloatArray
    trial: FloatArray
    gradient: FloatArray
    curvature: FloatArray
    information: FloatArray
    loss: FloatArray
    slope: FloatArray
    taken: IntArray
    passes: IntArray
    cuts: IntArray
    stuck: IntArray


# Sums of products may be fused; nothing may be reordered.
FAST = {"contract", "nsz"}


@kernel(fastmath=FAST)
def _bar(
    counted: float, y: float, by: Coefficients, now: Moment, gjr: int | None, student: int | None
) -> tuple[Moment, Terms]:
    """Advance one lane by one observation; return the next state and this observation's terms.

    ``counted`` is 1, or 0 for an observation behind the series' end.
    """
    e = y - by.mu
    e2 = e * e
    # Normal: z = e^2 / h. Student-t: 1 + e^2 / ((nu - 2) h) = v / h, and one division serves all.
    if student is None:
        r = 1.0 / now.h
        z = e2 * r
        w = z
        v = 1.0
        location = e * r
    else:
        v = now.h + by.c * e2
        both = 1.0 / (now.h * v)
        r = v * both
        rv = now.h * both
        z = e2 * rv
        w = z * by.c * by.nu1
        location = by.nu1 * by.c * e * rv
    # Gradient: the slope of the loss in h times the derivatives of h; mu enters directly as well.
    q = 0.5 * counted * (1.0 - w) * r
    gradient = (
        q * now.d_mu - counted * location,
        q * now.d_omega,
        q * now.d_alpha,
        q * now.d_gamma,
        q * now.d_beta,
    )
    r = counted * r
    slope = (now.d_mu * r, now.d_omega * r, now.d_alpha * r, now.d_gamma * r, now.d_beta * r)
    terms = Terms(
        now.h if counted > 0.0 else 1.0,
        v if counted > 0.0 else 1.0,
        counted * z,
        r,
        gradient,
        slope,
    )
    # The recursion of h, and of its derivatives by the chain rule.
    news = by.alpha * e
    d_gamma = now.d_gamma
    if gjr is not None:
        bad = e if e < 0.0 else 0.0
        news = news + by.gamma * bad
        d_gamma = bad * bad + by.beta * now.d_gamma
    after = Moment(
        by.omega + news * e + by.beta * now.h,
        by.beta * now.d_mu - 2.0 * news,
        1.0 + by.beta * now.d_omega,
        e2 + by.beta * now.d_alpha,
        d_gamma,
        now.h + by.beta * now.d_beta,
    )
    return after, terms


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
        by = Coefficients(
            state[A_MU * LANES + i],
            state[A_OMEGA * LANES + i],
            state[A_ALPHA * LANES + i],
            state[A_GAMMA * LANES + i],
            state[A_BETA * LANES + i],
            state[A_C * LANES + i],
            state[A_NU1 * LANES + i],
        )
        at = Moment(
            state[H * LANES + i],
            state[D_MU * LANES + i],
            state[D_OMEGA * LANES + i],
            state[D_ALPHA * LANES + i],
            state[D_GAMMA * LANES + i],
            state[D_BETA * LANES + i],
        )
        c0 = 1.0 if now < count else 0.0
        c1 = 1.0 if now + 1.0 < count else 0.0
        c2 = 1.0 if now + 2.0 < count else 0.0
        c3 = 1.0 if now + 3.0 < count else 0.0
        at, x = _bar(c0, data[t * LANES + i], by, at, gjr, student)
        at, y = _bar(c1, data[(t + 1) * LANES + i], by, at, gjr, student)
        at, z = _bar(c2, data[(t + 2) * LANES + i], by, at, gjr, student)
        at, w = _bar(c3, data[(t + 3) * LANES + i], by, at, gjr, student)
        state[H * LANES + i] = at.h
        state[D_MU * LANES + i] = at.d_mu
        state[D_OMEGA * LANES + i] = at.d_omega
        state[D_ALPHA * LANES + i] = at.d_alpha
        state[D_BETA * LANES + i] = at.d_beta
        # Products of variances: their logarithm is taken once in sixteen observations.
        state[PROD_H * LANES + i] *= (x.h * y.h) * (z.h * w.h)
        state[SUM_Z * LANES + i] += (x.z + y.z) + (z.z + w.z)
        state[SUM_R * LANES + i] += (x.r + y.r) + (z.r + w.r)
        g0, g1, g2, g3, g4 = x.gradient
        b0, b1, b2, b3, b4 = y.gradient
        e0, e1, e2, e3, e4 = z.gradient
        q0, q1, q2, q3, q4 = w.gradient
        state[(G_FIRST + 0) * LANES + i] += (g0 + b0) + (e0 + q0)
        state[(G_FIRST + 1) * LANES + i] += (g1 + b1) + (e1 + q1)
        state[(G_FIRST + 2) * LANES + i] += (g2 + b2) + (e2 + q2)
        state[(G_FIRST + 4) * LANES + i] += (g4 + b4) + (e4 + q4)
        # Sums of products of the derivatives of log h: the information.
        x0, x1, x2, x3, x4 = x.slope
        y0, y1, y2, y3, y4 = y.slope
        z0, z1, z2, z3, z4 = z.slope
        w0, w1, w2, w3, w4 = w.slope
        if student is not None:
            state[PROD_V * LANES + i] *= (x.v * y.v) * (z.v * w.v)
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
            state[D_GAMMA * LANES + i] = at.d_gamma
            state[(G_FIRST + 3) * LANES + i] += (g3 + b3) + (e3 + q3)
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
def _coefficients(x: FloatArray) -> Coefficients:
    """Return a point of the search in the scale of the recursion."""
    p = 1.0 + SLACK - math.exp(x[U])
    news = x[S] * p
    return Coefficients(
        x[MU],
        math.exp(x[LOG_OMEGA]),
        2.0 * x[K] * news,
        2.0 * (1.0 - 2.0 * x[K]) * news,
        (1.0 - x[S]) * p,
        x[ETA] / (1.0 - 2.0 * x[ETA]),
        1.0 / x[ETA] + 1.0,
    )


@kernel()
def _load_point(state: FloatArray, i: int, x: FloatArray) -> None:
    """Put a point of the search into a lane, in the scale of the recursion."""
    by = _coefficients(x)
    state[A_MU * LANES + i] = by.mu
    state[A_OMEGA * LANES + i] = by.omega
    state[A_ALPHA * LANES + i] = by.alpha
    state[A_GAMMA * LANES + i] = by.gamma
    state[A_BETA * LANES + i] = by.beta
    state[A_C * LANES + i] = by.c
    state[A_NU1 * LANES + i] = by.nu1


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
    # Chain rule from the five parameters (rows: mu, omega, alpha, gamma, beta) to the coordinates
    # of the search (columns: mu, log omega, u, s, k).
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
def _propose(x: FloatArray, g: FloatArray, b: FloatArray, box: Box, d: FloatArray) -> float:
    """Fill ``d`` with a Newton step that stays in the box; return the fall that the quadratic model
    expects of it.
    """
    free = np.ones(DIM, np.int64)
    for a in range(DIM):
        d[a] = 0.0
        at_low, at_high = x[a] <= box.low[a], x[a] >= box.high[a]
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
                room = (box.high[a] if piece[a] > 0.0 else box.low[a]) - x[a] - d[a]
                if room / piece[a] < length:
                    length, wall = max(room / piece[a], 0.0), a
        for a in range(DIM):
            d[a] += length * piece[a]
        if wall < 0:
            break
        d[wall] = (box.high[wall] if piece[wall] > 0.0 else box.low[wall]) - x[wall]
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
    # Powell's damping: a change that bends the wrong way is mixed with the curvature known.
    keep = 1.0 if sy >= 0.2 * sbs else 0.8 * sbs / (sbs - sy)
    total = keep * sy + (1.0 - keep) * sbs
    for a in range(DIM):
        for c in range(DIM):
            left = keep * change[a] + (1.0 - keep) * bs[a]
            right = keep * change[c] + (1.0 - keep) * bs[c]
            b[a, c] += left * right / total - bs[a] * bs[c] / sbs


@kernel()
def _judge(
    search: Search,
    i: int,
    loss: float,
    gradient: FloatArray,
    information: FloatArray,
    box: Box,
) -> int:
    """Take or refuse the point just evaluated in lane ``i`` and choose the next one; -1 while the
    search goes on, else its outcome.

    Information serves as curvature for the first three points; from then on BFGS updates learn what
    the information does not know: tails fatter than assumed, and the bend of the valley.
    """
    point, trial, curvature = search.point[i], search.trial[i], search.curvature[i]
    step = np.zeros(DIM)
    search.passes[i] += 1
    if search.taken[i] > 0 and not search.loss[i] - loss > -1e-4 * search.slope[i]:
        if search.passes[i] >= MAX_PASSES:
            return NOT_CONVERGED
        if search.cuts[i] < MAX_CUTS:
            # The parabola through both losses and the slope has its minimum here.
            cut = -0.5 * search.slope[i] / (loss - search.loss[i] - search.slope[i])
            cut = min(max(cut, 0.05), 0.5) if cut == cut else 0.05
            search.slope[i] *= cut
            search.cuts[i] += 1
            for a in range(DIM):
                trial[a] = point[a] + cut * (trial[a] - point[a])
            return -1
        # No descent along this step: ask the information for another one, once.
        search.stuck[i] += 1
    else:
        if search.taken[i] < 3:
            curvature[:] = information
        else:
            change = np.zeros(DIM)
            for a in range(DIM):
                step[a] = trial[a] - point[a]
                change[a] = gradient[a] - search.gradient[i, a]
            _update(curvature, step, change)
        point[:] = trial
        search.gradient[i] = gradient
        search.information[i] = information
        search.loss[i] = loss
        search.taken[i] += 1
        search.stuck[i] = 0
    # Is there anything left to gain, by the curvature learnt; and if not, by the information too
    # (updates that went astray can make a slope look flat)?
    fresh = search.stuck[i] > 0
    while True:
        if fresh:
            curvature[:] = search.information[i]
            search.taken[i] = 2
        fall = _propose(point, search.gradient[i], curvature, box, step)
        if fall < (100.0 * TOLERANCE if fresh else TOLERANCE):
            if fresh:
                return CONVERGED
            fresh = True
        elif search.passes[i] >= MAX_PASSES or search.stuck[i] > 1:
            return NOT_CONVERGED
        else:
            break
    search.slope[i] = 0.0
    search.cuts[i] = 0
    for a in range(DIM):
        trial[a] = min(max(point[a] + step[a], box.low[a]), box.high[a])
        search.slope[i] += search.gradient[i, a] * (trial[a] - point[a])
    return -1


@kernel()
def _load_series(
    state: FloatArray, data: FloatArray, i: int, series: SeriesArrays, which: int, rows: int
) -> None:
    """Put one series into a lane; what follows its end is never counted."""
    first, count = series.first[which], series.length[which]
    for t in range(count):
        data[t * LANES + i] = series.values[first + t]
    for t in range(count, rows):
        data[t * LANES + i] = 0.0
    state[A_COUNT * LANES + i] = count
    state[A_BACKCAST * LANES + i] = series.backcast[which]


@kernel()
def _no_search() -> Search:
    """Searches that have not begun."""
    return Search(
        np.zeros((LANES, DIM)),
        np.zeros((LANES, DIM)),
        np.zeros((LANES, DIM)),
        np.zeros((LANES, DIM, DIM)),
        np.zeros((LANES, DIM, DIM)),
        np.zeros(LANES),
        np.zeros(LANES),
        np.zeros(LANES, np.int64),
        np.zeros(LANES, np.int64),
        np.zeros(LANES, np.int64),
        np.zeros(LANES, np.int64),
    )


@kernel()
def fit_lanes(
    series: SeriesArrays,
    chosen: IntArray,
    start: FloatArray,
    box: Box,
    gjr: int | None,
    student: int | None,
) -> Fits:
    """Maximise the likelihood of many series, each from the starting points given.

    Parameters
    ----------
    series : SeriesArrays
        The observations.
    chosen : (fits,) int64
        Series of each fit. Neighbours should be of similar length: all lanes run for as long as the
        longest.
    start : (fits, 6) float64
        Starting points ``(mu, log omega, u, s, k, eta)``, inside the box.
    box : Box
        Bounds of the search.
    gjr, student : None or int
        Whether negative returns count differently; whether the distribution is Student-t.

    Returns
    -------
    Fits
    """
    fits = len(chosen)
    longest = 0
    for fit in range(fits):
        longest = max(longest, series.length[chosen[fit]])
    rows = 4 * ((longest + 3) // 4)
    found = Fits(
        np.zeros((fits, DIM)), np.zeros(fits), np.zeros(fits, np.int64), np.zeros(fits, np.int64)
    )
    state, data = np.zeros(ROWS * LANES), np.zeros(max(rows, 4) * LANES)
    task = np.full(LANES, -1, np.int64)
    search = _no_search()
    gradient, information = np.zeros(DIM), np.zeros((DIM, DIM))
    # An idle lane computes along with the others: it needs numbers that stay finite.
    idle = np.array([0.0, 0.0, -1.0, 0.5, 0.5, 0.2])
    for i in range(LANES):
        _load_point(state, i, idle)
    waiting, busy = 0, 0
    while True:
        # Give every free lane the next fit, and every lane its next point.
        longest = 0
        for i in range(LANES):
            if task[i] < 0 and waiting < fits:
                task[i] = waiting
                _load_series(state, data, i, series, chosen[waiting], rows)
                search.trial[i] = start[waiting]
                search.loss[i], search.slope[i] = 0.0, 0.0
                search.taken[i], search.passes[i] = 0, 0
                search.cuts[i], search.stuck[i] = 0, 0
                waiting += 1
                busy += 1
            if task[i] >= 0:
                _load_point(state, i, search.trial[i])
                longest = max(longest, series.length[chosen[task[i]]])
        if busy == 0:
            return found
        _pass(state, data, 4 * ((longest + 3) // 4), gjr, student)
        # One step of each search; a search that has ended frees its lane.
        for i in range(LANES):
            if task[i] < 0:
                continue
            loss = _collect(
                state, i, search.trial[i], 0 if student is None else 1, gradient, information
            )
            outcome = _judge(search, i, loss, gradient, information, box)
            if outcome >= 0:
                found.point[task[i]], found.loss[task[i]] = search.point[i], search.loss[i]
                found.outcome[task[i]], found.passes[task[i]] = outcome, search.passes[i]
                task[i] = -1
                state[A_COUNT * LANES + i] = 0.0
                _load_point(state, i, idle)
                busy -= 1


@kernel()
def variance_levels(series: SeriesArrays, chosen: IntArray, point: FloatArray) -> VarianceLevels:
    """Return the least and the mean conditional variance of each fit, for series of unit variance.

    Parameters
    ----------
    series : SeriesArrays
        The observations.
    chosen : (fits,) int64
        Series of each fit.
    point : (fits, 6) float64
        Points ``(mu, log omega, u, s, k, eta)``.

    Returns
    -------
    VarianceLevels
    """
    levels = VarianceLevels(np.empty(len(chosen)), np.empty(len(chosen)))
    for fit in range(len(chosen)):
        by = _coefficients(point[fit])
        which = chosen[fit]
        first = series.first[which]
        h = by.omega + (by.alpha + 0.5 * by.gamma + by.beta) * series.backcast[which]
        least, total = h, 0.0
        for t in range(first, first + series.length[which]):
            total += h
            e = series.values[t] - by.mu
            h = by.omega + (by.alpha + by.gamma if e < 0.0 else by.alpha) * e * e + by.beta * h
            least = min(least, h)
        levels.least[fit], levels.mean[fit] = least, total / series.length[which]
    return levels
