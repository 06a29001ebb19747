"""Compiled Kalman filter of a regression whose coefficients are random walks.

The plain reference is :func:`statarb.cointegration._engine.reference.kalman_reference`.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray

__all__ = ["kalman_filter"]


@kernel()
def kalman_filter(
    target: FloatArray, design: FloatArray, steps: FloatArray, noise: float, start: float
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Filter random-walk coefficients.

    Parameters
    ----------
    target : (times,)
        NaN where missing: the states then only wander.
    design : (times, states)
        Finite.
    steps : (states,)
        Variances of a step.
    noise : float
        Variance of the observation.
    start : float
        Variance of each state before the first row.

    Returns
    -------
    path : (times, states)
        Filtered states.
    innovation, variance : (times,)
        Of the observation given the rows before; the innovation is NaN where it is missing.
    loglikelihood : float
        Of the observed rows after the first ``states`` observed ones, which only start the filter.
    """
    times, states = design.shape
    path = np.empty((times, states))
    innovation, variance = np.full(times, np.nan), np.full(times, np.nan)
    mean, gain = np.zeros(states), np.empty(states)
    covariance = start * np.eye(states)
    likelihood = 0.0
    observed = 0
    for t in range(times):
        # predict: the states have wandered since the row before
        if t > 0:
            for i in range(states):
                covariance[i, i] += steps[i]
        forecast, spread = 0.0, noise
        for i in range(states):
            forecast += design[t, i] * mean[i]
            gain[i] = 0.0
            for j in range(states):
                gain[i] += covariance[i, j] * design[t, j]
            spread += design[t, i] * gain[i]
        variance[t] = spread
        if not np.isnan(target[t]):
            # update with the surprise
            observed += 1
            surprise = target[t] - forecast
            innovation[t] = surprise
            for i in range(states):
                mean[i] += gain[i] / spread * surprise
            # symmetric, so that rounding cannot tilt the covariance
            for i in range(states):
                for j in range(i + 1):
                    covariance[i, j] -= gain[i] * gain[j] / spread
                    covariance[j, i] = covariance[i, j]
            if observed > states:
                likelihood -= 0.5 * (np.log(2.0 * np.pi * spread) + surprise * surprise / spread)
        path[t] = mean
    return path, innovation, variance, likelihood
