"""Passages of a mean-reverting process between two thresholds: how long they take and how far they
go, watched once per step or all the time.

Everything is in standard units: mean 0, and the scale that each function names.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.integrate import cumulative_simpson, simpson
from scipy.sparse import csc_array, identity
from scipy.sparse.linalg import splu
from scipy.special import log_ndtr

from statarb._core.typing import FloatArray

__all__ = ["OVERSHOOT", "Cycle", "passage_variance", "watched_cycle"]

OVERSHOOT = 0.5825971579390107
"""Mean overshoot of a Gaussian random walk over a far barrier, in standard deviations of a step:
-zeta(1/2) / sqrt(2 pi) (Broadie, Glasserman and Kou 1997, Math. Finance 7, 325-349).
"""
REACH = 8.5
"""Standard deviations beyond which a normal density is left out (1e-17)."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
"""Quadrature on a panel of at most 2.5 standard deviations of a step."""


class Cycle(NamedTuple):
    """A cycle of buying at or below ``-threshold`` and selling at or above ``threshold``.

    Parameters
    ----------
    length, length_sd : float
        Mean and standard deviation of the steps from one entry to the next.
    level : float
        Mean distance from 0 at which a trade is made: the threshold and what the step overshoots.
    gain_variance : float
        Long-run variance per step of the gain.
    """

    length: float
    length_sd: float
    level: float
    gain_variance: float


def watched_cycle(threshold: float, autoregression: float, cost: float) -> Cycle:
    r"""Cycle of a first-order autoregression that is watched once per step.

    Parameters
    ----------
    threshold : float
        At least 0; in stationary standard deviations, as are ``cost`` and the result.
    autoregression : float
        Coefficient b, above 0 and below 1.
    cost : float
        Of a round trip; enters ``gain_variance`` alone.

    Returns
    -------
    Cycle

    Notes
    -----
    With the transition density k of :math:`u' = b u + \sqrt{1 - b^2}\, \varepsilon`, the steps T
    that a passage up to the threshold a takes from u solve

    .. math:: T(u) = 1 + \int_{-\infty}^{a} k(u, v)\, T(v)\, dv ,

    and so do its second moment and the mean of any function of where it ends, with other first
    terms. The integral is a sum over Gauss-Legendre panels (Nystrom's method), the matrix sparse,
    since k is narrow. Passages down are passages up with the sign turned; the places at which
    trades are made are a Markov chain, whose stationary distribution averages the passages.
    """
    b, a = autoregression, threshold
    sd = math.sqrt((1.0 - b) * (1.0 + b))
    inside, inside_weight = _panels(-(a + REACH), a, 2.5 * sd)
    beyond, beyond_weight = _panels(a, a + REACH * sd + 2.0 * sd * sd, 2.5 * sd)
    # from places inside and from entries (at -beyond): to places inside, and out at once
    stay = _transition(inside, inside, inside_weight, b, sd)
    enter = _transition(-beyond, inside, inside_weight, b, sd)
    leave = _transition(inside, beyond, beyond_weight, b, sd).toarray()
    through = _transition(-beyond, beyond, beyond_weight, b, sd).toarray()
    factor = splu(csc_array(identity(len(inside)) - stay))
    ends = factor.solve(leave)
    chain: FloatArray = through + enter @ ends
    # rows sum to 1 but for the quadrature
    chain /= chain.sum(axis=1, keepdims=True)

    inner_time = factor.solve(np.ones(len(inside)))
    time: FloatArray = 1.0 + enter @ inner_time
    inner_square = factor.solve(1.0 + 2.0 * (stay @ inner_time))
    square: FloatArray = 1.0 + 2.0 * (enter @ inner_time) + enter @ inner_square

    def time_and(values: FloatArray) -> FloatArray:
        """Mean, by entry, of the steps of a passage times a function of its end."""
        product: FloatArray = chain @ values + enter @ factor.solve(ends @ values)
        return product

    count = len(beyond)
    system = np.vstack([np.eye(count) - chain.T, np.ones(count)])
    weight = np.linalg.lstsq(system, np.append(np.zeros(count), 1.0), rcond=None)[0]
    mean_time = float(weight @ time)
    level = float(weight @ beyond)
    variance = 2.0 * float(weight @ square - mean_time**2)
    variance += 2.0 * float(weight @ time_and(time) - mean_time**2)  # two passages in a row
    # gains less their mean rate: the sum over the chain's memory solves Poisson's equation
    gain = beyond - 0.5 * cost
    rate = float(weight @ gain) / mean_time
    surprise = chain @ gain - rate * time
    ahead = np.linalg.solve(np.eye(count) - chain + weight[None, :], surprise)
    own = chain @ gain**2 - 2.0 * rate * time_and(gain) + rate**2 * square
    later = chain @ (gain * ahead) - rate * time_and(ahead)
    return Cycle(
        length=2.0 * mean_time,
        length_sd=math.sqrt(max(variance, 0.0)),
        level=level,
        gain_variance=max(float(weight @ (own + 2.0 * later)), 0.0) / mean_time,
    )


def _panels(low: float, high: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of a composite Gauss-Legendre rule, in increasing order."""
    edges = np.linspace(low, high, max(math.ceil((high - low) / width), 1) + 1)
    half = 0.5 * np.diff(edges)[:, None]
    nodes = 0.5 * (edges[:-1] + edges[1:])[:, None] + half * NODES
    return nodes.ravel(), (half * WEIGHTS).ravel()


def _transition(
    start: FloatArray, end: FloatArray, weight: FloatArray, b: float, sd: float
) -> csc_array:
    """Probabilities of a step from each ``start`` to the nodes ``end``, as a sparse matrix."""
    low = np.searchsorted(end, b * start - REACH * sd)
    high = np.searchsorted(end, b * start + REACH * sd)
    row = np.repeat(np.arange(len(start)), high - low)
    column = np.arange(len(row)) - np.repeat(np.cumsum(high - low) - high, high - low)
    distance = (end[column] - b * start[row]) / sd
    value = weight[column] * np.exp(-0.5 * distance**2) / (sd * math.sqrt(2.0 * math.pi))
    return csc_array((value, (row, column)), shape=(len(start), len(end)))


def passage_variance(z: float) -> float:
    """Variance of the time that ``dx = -x dt + sqrt(2) dW`` takes from -z to z.

    Parameters
    ----------
    z : float
        Positive.

    Returns
    -------
    float
        ``inf`` above 25.

    Notes
    -----
    From the first two moments of passage times: Siegert 1951, Phys. Rev. 81, 617-623.
    """
    if z > 25.0:
        return math.inf
    nodes = 100_001
    grid = np.concatenate([np.linspace(-z - 12.0, -z, nodes)[:-1], np.linspace(-z, z, nodes)])
    # E[T(x -> z)] = integral from x to z of exp(u^2/2) times the normal integral up to u
    ratio = np.exp(0.5 * grid**2 + log_ndtr(grid)) * math.sqrt(2.0 * math.pi)
    passed = cumulative_simpson(ratio, x=grid, initial=0.0)
    first = passed[-1] - passed
    inner = cumulative_simpson(np.exp(-0.5 * grid**2) * first, x=grid, initial=0.0)
    inside = slice(nodes - 1, None)
    second = 2.0 * float(simpson(np.exp(0.5 * grid[inside] ** 2) * inner[inside], x=grid[inside]))
    return second - float(first[nodes - 1]) ** 2
