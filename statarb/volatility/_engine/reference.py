"""Plain reference of the compiled kernels, short enough to be checked by eye."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln

from statarb._core.typing import FloatArray

__all__ = ["filter_series", "loglikelihood", "moments", "native_parameters", "variance_path"]


def variance_path(returns: FloatArray, parameters: FloatArray, backcast: float) -> FloatArray:
    """Return the conditional variances of one series, and the one after its last return.

    Parameters
    ----------
    returns : (n,)
        Without missing values.
    parameters : (5,) or (6,)
        ``mu, omega, alpha, gamma, beta`` and perhaps ``nu``.
    backcast : float
        Variance, and squared residual, before the first return; half of it from negative returns.

    Returns
    -------
    (n + 1,)
    """
    mu, omega, alpha, gamma, beta = parameters[:5]
    variance = np.empty(len(returns) + 1)
    variance[0] = omega + (alpha + gamma / 2 + beta) * backcast
    for t, e in enumerate(returns - mu):
        variance[t + 1] = omega + (alpha + gamma * (e < 0)) * e**2 + beta * variance[t]
    return variance


def filter_series(returns: FloatArray, parameters: FloatArray, variance: float) -> FloatArray:
    """Return the variance of the next return after each row of one series with NaN; ``variance`` is
    the one before it.

    Parameters
    ----------
    returns : (n,)
        NaN where missing.
    parameters : (5,)
        ``mu, omega, alpha, gamma, beta``.
    variance : float
        Variance of the first return; NaN where not begun.

    Returns
    -------
    (n,)
    """
    mu, omega, alpha, gamma, beta = parameters[:5]
    after = []
    for value in returns:
        if not math.isnan(value):
            e = value - mu
            before = e**2 if math.isnan(variance) else variance
            variance = omega + (alpha + gamma * (e < 0)) * e**2 + beta * before
        after.append(variance)
    return np.array(after)


def loglikelihood(returns: FloatArray, parameters: FloatArray, backcast: float) -> float:
    """Return the loglikelihood of one series: normal for five parameters, Student-t of unit
    variance for six.

    Parameters
    ----------
    returns : (n,)
        Without missing values.
    parameters : (5,) or (6,)
        ``mu, omega, alpha, gamma, beta`` and perhaps ``nu``.
    backcast : float
        Variance before the first return.

    Returns
    -------
    float
    """
    h = variance_path(returns, parameters, backcast)[:-1]
    square = (returns - parameters[0]) ** 2 / h
    if len(parameters) == 5:
        return float(-0.5 * (np.log(2 * np.pi) + np.log(h) + square).sum())
    nu = parameters[5]
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(np.pi * (nu - 2))
    return float((constant - 0.5 * np.log(h) - (nu + 1) / 2 * np.log1p(square / (nu - 2))).sum())


def native_parameters(x: FloatArray, student: bool) -> FloatArray:
    """Return ``mu, omega, alpha, gamma, beta`` (and ``nu``) of a point ``mu, log omega, u, s, k,
    eta`` of the search.

    Parameters
    ----------
    x : (6,)
        Point of the search.
    student : bool
        Whether ``nu`` is returned.

    Returns
    -------
    (5,) or (6,)
    """
    mu, log_omega, u, s, k, eta = x
    p = 1.003 - np.exp(u)
    good, bad = 2 * k * s * p, 2 * (1 - k) * s * p
    parameters = [mu, np.exp(log_omega), good, bad - good, (1 - s) * p]
    return np.array([*parameters, 1 / eta] if student else parameters)


def moments(values: FloatArray) -> tuple[float, float, float]:
    """Return mean, standard deviation and backcast of the observed returns, the last one once
    scaled to mean 0, variance 1.

    Parameters
    ----------
    values : (n,)
        NaN where missing.

    Returns
    -------
    mean, scale, backcast : float
    """
    x = values[~np.isnan(values)]
    weight = 0.94 ** np.arange(min(75, len(x)))
    scaled = (x - x.mean()) / x.std()
    return (
        float(x.mean()),
        float(x.std()),
        float(weight @ scaled[: len(weight)] ** 2 / weight.sum()),
    )
