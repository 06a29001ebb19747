"""Critical values of Johansen's tests, and their correction for small samples."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import gamma
from statsmodels.tsa.coint_tables import c_sja, c_sjt

from statarb._core.typing import FloatArray
from statarb.cointegration._engine.reduced_rank import Trend

__all__ = ["LEVELS", "MOST_ASSETS", "TRENDS", "critical_values", "rows_needed", "small_sample"]

TRENDS: tuple[Trend, ...] = ("n", "ci", "c", "ct")
LEVELS = (0.10, 0.05, 0.01)
MOST_ASSETS = 12
"""Largest number of assets that is tabulated."""

Statistic = Literal["trace", "max_eigenvalue"]

TABULATED: dict[Trend, int] = {"n": -1, "c": 0}
"""Trends whose critical values statsmodels tabulates, with its name for them."""

# Doornik (1998), J. Econ. Surv. 12, 573-593, table 7: mean and variance of the asymptotic
# distribution, for n = assets - relations, on (n^2, n, 1, n = 1, n = 2) for the trace ...
TRACE = {
    "ci": ((2.0, 2.01, 0.0, 0.06, 0.05), (3.0, 3.60, 0.75, -0.40, -0.30)),
    "ct": ((2.0, 4.05, 0.50, -0.23, -0.07), (3.0, 5.70, 3.20, -1.30, -0.50)),
}
# ... and on (n, 1, n = 1, n = 2, sqrt n) for the largest eigenvalue, table 8
MAX_EIGENVALUE = {
    "ci": (
        (5.9498, 0.43402, 0.048360, 0.018198, -2.3669),
        (2.2231, -7.9064, 0.58592, -0.034324, 12.058),
    ),
    "ct": (
        (5.8658, 2.5595, -0.34443, -0.077991, -1.7552),
        (1.9955, -5.5428, 1.2425, 0.41949, 12.841),
    ),
}


def critical_values(trend: Trend, statistic: Statistic, free: int) -> FloatArray:
    """Asymptotic critical values at 10, 5 and 1 %.

    Parameters
    ----------
    trend : {"n", "ci", "c", "ct"}
        Deterministic terms of the model that the statistic is computed in.
    statistic : {"trace", "max_eigenvalue"}
        Test.
    free : int
        Assets less relations under the null hypothesis, 1 to 12.

    Returns
    -------
    (3,)

    Notes
    -----
    ``"n"`` and ``"c"``: MacKinnon, Haug and Michelis (1999), J. Appl. Econometrics 14, 563-577, as
    statsmodels tabulates them. ``"ci"`` and ``"ct"``: gamma distributions with the mean and
    variance of Doornik (1998), J. Econ. Surv. 12, 573-593.
    """
    if trend in TABULATED:
        table = c_sjt if statistic == "trace" else c_sja
        return np.asarray(table(free, TABULATED[trend]), dtype=np.float64)
    one, two = float(free == 1), float(free == 2)
    if statistic == "trace":
        terms = np.array([free**2, free, 1.0, one, two])
        mean, variance = (terms @ np.array(part) for part in TRACE[trend])
    else:
        terms = np.array([free, 1.0, one, two, np.sqrt(free)])
        mean, variance = (terms @ np.array(part) for part in MAX_EIGENVALUE[trend])
    points = gamma.ppf(1.0 - np.array(LEVELS), mean**2 / variance, scale=variance / mean)
    return np.asarray(points, dtype=np.float64)


def small_sample(rows: FloatArray, assets: int, lags: int) -> FloatArray:
    r"""Factor on Johansen's statistics for the size of the sample.

    Parameters
    ----------
    rows : array
        Rows of the regression.
    assets : int
        Assets.
    lags : int
        Lagged differences.

    Returns
    -------
    array of the shape of ``rows``
        0 where the regression has no more rows than regressors.

    Notes
    -----
    Reinsel and Ahn (1992), J. Time Ser. Anal. 13, 353-375, for n assets, T rows and a vector
    autoregression in levels of order p + 1:

    .. math:: 1 - n\,(p + 1) / T .
    """
    factor: FloatArray = np.maximum(1.0 - assets * (lags + 1) / np.maximum(rows, 1.0), 0.0)
    return factor


def rows_needed(assets: int, lags: int) -> int:
    """Rows of complete prices below which Johansen's test is refused.

    Parameters
    ----------
    assets, lags : int
        Assets and lagged differences.

    Returns
    -------
    int
        The regression then has twice as many rows as lagged levels and differences together, and a
        few more: the correction for small samples (:func:`small_sample`) stays above one half.
    """
    return 2 * assets * (lags + 1) + lags + 6
