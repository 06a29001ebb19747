"""Plain references of the kernels: the same answers by explicit regressions."""

from __future__ import annotations

import numpy as np

from statarb._core.typing import FloatArray
from statarb.cointegration._engine.engle_granger import AIC, FIXED

__all__ = ["engle_granger_reference", "kalman_reference"]


def engle_granger_reference(
    y: FloatArray, x: FloatArray, max_lags: int, criterion: int, degree: int = 0
) -> tuple[float, int, float, float]:
    """Engle-Granger test of one complete pair.

    Parameters
    ----------
    y, x : (times,)
        Log prices.
    max_lags, criterion : int
        As in :class:`statarb.cointegration._engine.engle_granger.LagRule`.
    degree : int
        Degree of the polynomial in time beside x.

    Returns
    -------
    tau, lag, hedge_ratio, half_life
    """
    time = np.linspace(-1.0, 1.0, len(y))
    e, coefficients = _residual(y, np.column_stack([x, np.vander(time, degree + 1)]))
    lag = max_lags
    if criterion != FIXED:
        rows = len(y) - 1 - max_lags
        penalty = 2.0 if criterion == AIC else np.log(rows)
        target, design = _dickey_fuller(e, max_lags)
        costs = []
        for k in range(max_lags + 1):
            rest, _ = _residual(target, design[:, : k + 1])
            costs.append(rows * np.log(rest @ rest) + penalty * k)
        lag = int(np.argmin(costs))
    target, design = _dickey_fuller(e, lag)
    rest, slopes = _residual(target, design)
    variance = rest @ rest / (len(target) - lag - 1)
    tau = slopes[0] / np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])
    b = e[1:] @ e[:-1] / (e[:-1] @ e[:-1])
    half_life = np.inf if b >= 1.0 else np.log(0.5) / np.log(b) if b > 0.0 else 0.0
    return float(tau), lag, float(coefficients[0]), float(half_life)


def _dickey_fuller(e: FloatArray, lags: int) -> tuple[FloatArray, FloatArray]:
    d = np.diff(e)
    columns = [e[lags:-1], *(d[lags - k : len(d) - k] for k in range(1, lags + 1))]
    return d[lags:], np.column_stack(columns)


def _residual(target: FloatArray, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    slopes = np.linalg.lstsq(design, target, rcond=None)[0]
    rest: FloatArray = target - design @ slopes
    return rest, np.asarray(slopes, dtype=np.float64)


def kalman_reference(
    target: FloatArray, design: FloatArray, steps: FloatArray, noise: float, start: float
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Filter random-walk coefficients; see
    :func:`statarb.cointegration._engine.kalman.kalman_filter`.
    """
    mean, covariance = np.zeros(design.shape[1]), start * np.eye(design.shape[1])
    path, innovation, variance = (
        np.empty(design.shape),
        np.full(len(target), np.nan),
        np.empty(len(target)),
    )
    likelihood, observed = 0.0, 0
    for t, (value, row) in enumerate(zip(target, design, strict=True)):
        covariance = covariance + (np.diag(steps) if t else 0.0)
        gain = covariance @ row
        variance[t] = row @ gain + noise
        if not np.isnan(value):
            innovation[t] = value - row @ mean
            mean = mean + gain * innovation[t] / variance[t]
            covariance = covariance - np.outer(gain, gain) / variance[t]
            observed += 1
            if observed > design.shape[1]:
                likelihood -= 0.5 * (
                    np.log(2.0 * np.pi * variance[t]) + innovation[t] ** 2 / variance[t]
                )
        path[t] = mean
    return path, innovation, variance, float(likelihood)
