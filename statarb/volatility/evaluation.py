"""Evaluation of volatility forecasts: losses, Mincer-Zarnowitz regressions, and coverage tests of
values at risk.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import xlogy

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import varies
from statarb._core.tables import Table
from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import DataError, ParameterError
from statarb.volatility.inputs import read_pair, read_values

__all__ = [
    "CoverageTest",
    "MincerZarnowitz",
    "christoffersen",
    "kupiec",
    "mincer_zarnowitz",
    "qlike",
    "squared_error",
    "value_at_risk",
]


def qlike(realised: Any, forecast: Any) -> Any:
    r"""Mean quasi-likelihood loss of variance forecasts.

    Parameters
    ----------
    realised : DataFrame, Series or array, time x asset
        Squared returns, or another unbiased measure of the variance; at least 0.
    forecast : same shape
        Forecast variances for the same times; positive. Where either is missing the time does not
        count.

    Returns
    -------
    Series, array or float
        By asset, the mean loss: lower is better, and a forecast is best in expectation where it is
        the true variance, even if ``realised`` is noisy (Patton, 2011).

    Raises
    ------
    DataError
        Tables of different shape, a negative variance, a forecast of zero or below.

    Notes
    -----
    .. math::

        \frac{1}{n} \sum_t \left( \ln h_t + \frac{\hat\sigma_t^2}{h_t} \right)

    with the realised variance over the forecast one. This form, without the logarithm of the
    realised variance, since squared returns of zero are common.
    """
    table, x, h = _pair(realised, forecast)
    if (h <= 0.0).any():
        raise DataError(
            f"forecast variances must be positive, the least is {np.nanmin(h)}; leave out assets "
            "that never moved"
        )
    return _by_asset(_mean(np.log(h) + x / h), table)


def squared_error(realised: Any, forecast: Any) -> Any:
    """Mean squared error of variance forecasts.

    Parameters
    ----------
    realised, forecast : DataFrame, Series or array, time x asset
        As in :func:`qlike`; a forecast of zero is allowed.

    Returns
    -------
    Series, array or float
        By asset, the mean of ``(realised - forecast)^2``.

    Raises
    ------
    DataError
        Tables of different shape, or a negative variance.
    """
    table, x, h = _pair(realised, forecast)
    return _by_asset(_mean((x - h) ** 2), table)


@dataclasses.dataclass(frozen=True)
class MincerZarnowitz:
    """Regression ``realised = intercept + slope * forecast``; of an unbiased forecast they are 0
    and 1.

    Parameters
    ----------
    intercept, slope : float
        Least squares.
    intercept_error, slope_error : float
        Standard errors, robust to heteroskedasticity and autocorrelation.
    r_squared : float
        Share of the variation explained.
    wald, pvalue : float
        Test of intercept 0 and slope 1 together: chi-squared with 2 degrees of freedom.
    observations : int
        Number of times that counted.
    """

    intercept: float
    slope: float
    intercept_error: float
    slope_error: float
    r_squared: float
    wald: float
    pvalue: float
    observations: int


def mincer_zarnowitz(realised: Any, forecast: Any, lags: int | None = None) -> MincerZarnowitz:
    """Regress realised on forecast variances (Mincer and Zarnowitz, 1969).

    Parameters
    ----------
    realised, forecast : Series or (times,) array
        Measured and forecast variances of one asset; a time with a NaN does not count.
    lags : int, optional
        Of the autocovariances in the errors' covariance (Newey and West, 1987, Bartlett weights);
        by default ``floor(4 (n / 100)^(2/9))``. 0 gives White's.

    Returns
    -------
    MincerZarnowitz
        Coefficients, standard errors, and the joint test.

    Raises
    ------
    DataError
        Fewer than 10 times, more than one asset, or a forecast that never changes.
    """
    _, x, h = _pair(realised, forecast)
    if x.shape[1] != 1:
        raise DataError(
            f"mincer_zarnowitz takes one asset at a time, got {x.shape[1]}; loop over the columns"
        )
    known = ~(np.isnan(x[:, 0]) | np.isnan(h[:, 0]))
    y, f = x[known, 0], h[known, 0]
    n = len(y)
    if n < 10:
        raise DataError(f"mincer_zarnowitz needs at least 10 times with both numbers, got {n}")
    if not varies(f):
        raise DataError("the forecast never changes: a regression on it says nothing")
    chosen = (
        int(4.0 * (n / 100.0) ** (2.0 / 9.0))
        if lags is None
        else check_integer("lags", lags, at_least=0, at_most=n - 1)
    )
    import statsmodels.api as sm

    # Both in units of the mean forecast: variances of 5-minute returns are so small that the
    # moments would be ill-conditioned.
    unit = f.mean()
    design, target = np.column_stack([np.ones(n), f / unit]), y / unit
    result = sm.OLS(target, design).fit(
        cov_type="HAC", cov_kwds={"maxlags": chosen, "use_correction": False}
    )
    gap = result.params - np.array([0.0, 1.0])
    if np.abs(result.resid).max() > np.finfo(float).eps * np.abs(target).max() * n:
        test = result.wald_test((np.eye(2), np.array([0.0, 1.0])), use_f=False, scalar=True)
        wald = float(test.statistic)
    else:
        # A perfect fit has no residual variance: either the hypothesis holds exactly, or never.
        wald = np.inf if np.abs(gap).max() > 1e-9 else 0.0
    return MincerZarnowitz(
        intercept=float(result.params[0] * unit),
        slope=float(result.params[1]),
        intercept_error=float(result.bse[0] * unit),
        slope_error=float(result.bse[1]),
        r_squared=float(result.rsquared) if np.ptp(target) > 0.0 else np.nan,
        wald=wald,
        pvalue=float(stats.chi2.sf(wald, 2)),
        observations=n,
    )


def value_at_risk(
    sigma: Any,
    level: float = 0.01,
    *,
    mean: Any = 0.0,
    distribution: Literal["normal", "t"] = "normal",
    nu: Any = None,
) -> Any:
    """Return the quantile of the return: it falls below with probability ``level``.

    Parameters
    ----------
    sigma : DataFrame, Series or array, time x asset
        Forecast standard deviations.
    level : float
        Probability, in (0, 1).
    mean : float or (assets,) array
        Expected return.
    distribution : {"normal", "t"}
        Of the standardised residuals; both with unit variance.
    nu : float or (assets,) array, optional
        Degrees of freedom of the Student-t, above 2.

    Returns
    -------
    same type as ``sigma``
        ``mean + sigma q``, ``q`` the quantile: a return, negative for small levels.

    Raises
    ------
    ParameterError
        A level outside (0, 1), a Student-t without ``nu`` or with one not above 2.
    """
    level = check_number("level", level, above=0.0, below=1.0)
    distribution = check_choice("distribution", distribution, ("normal", "t"))
    table = read_values("sigma", sigma)
    if distribution == "normal":
        quantile: Any = stats.norm.ppf(level)
    else:
        freedom = np.asarray(np.nan if nu is None else nu, dtype=np.float64)
        if nu is None or (freedom <= 2.0).any():
            raise ParameterError(f"nu must be above 2 for distribution 't', got {nu!r}")
        quantile = stats.t.ppf(level, freedom) * np.sqrt((freedom - 2.0) / freedom)
    return table.like(np.asarray(mean, dtype=np.float64) + table.values * quantile)


@dataclasses.dataclass(frozen=True)
class CoverageTest:
    """A likelihood-ratio test of how often, and in what order, a value at risk was exceeded.

    Parameters
    ----------
    statistic, pvalue : float
        Likelihood ratio, and its probability under a chi-squared with ``freedom`` degrees of
        freedom.
    freedom : int
        Degrees of freedom.
    exceeded, observations : int
        How often, out of how many.
    rate : float
        Share exceeded.
    """

    statistic: float
    pvalue: float
    freedom: int
    exceeded: int
    observations: int
    rate: float


def kupiec(exceeded: Any, level: float) -> CoverageTest:
    """Test whether a value at risk is exceeded as often as it says (Kupiec, 1995: unconditional
    coverage).

    Parameters
    ----------
    exceeded : Series or (times,) array
        Whether the return fell below the value at risk, in order of time; NaN does not count.
    level : float
        Probability for which the value at risk was made, in (0, 1).

    Returns
    -------
    CoverageTest
        ``2 (ln L(rate) - ln L(level))`` with ``L(p) = p^x (1 - p)^(n - x)``; one degree of freedom.

    Raises
    ------
    DataError
        No observation, or values that are not 0 or 1.
    ParameterError
        A level outside (0, 1).
    """
    level = check_number("level", level, above=0.0, below=1.0)
    hit = _hits(exceeded)
    n, x = len(hit), int(hit.sum())
    statistic = max(0.0, 2.0 * float(_likelihood(x, n, x / n) - _likelihood(x, n, level)))
    return CoverageTest(statistic, float(stats.chi2.sf(statistic, 1)), 1, x, n, x / n)


def christoffersen(
    exceeded: Any,
    level: float | None = None,
    kind: Literal["independence", "conditional"] = "conditional",
) -> CoverageTest:
    """Test whether exceedances of a value at risk are independent (Christoffersen, 1998).

    Parameters
    ----------
    exceeded : Series or (times,) array
        Whether the return fell below the value at risk, in order of time; NaN does not count.
    level : float, optional
        Probability for which the value at risk was made, in (0, 1); needed for ``"conditional"``.
    kind : {"independence", "conditional"}
        Whether exceedances are independent of the one before (one degree of freedom), or also have
        the probability ``level`` (two).

    Returns
    -------
    CoverageTest
        ``independence``: ``2 (ln L(p01, p11) - ln L(p))``, a first-order Markov chain against
        independence, on the transitions. ``conditional``: the same with ``L(level)`` of the
        transitions in place of ``L(p)``.

    Raises
    ------
    DataError
        Fewer than two observations, or values that are not 0 or 1.
    ParameterError
        An unknown kind, a level that is missing or outside (0, 1).
    """
    kind = check_choice("kind", kind, ("independence", "conditional"))
    hit = _hits(exceeded)
    if len(hit) < 2:
        raise DataError(f"christoffersen needs at least two observations, got {len(hit)}")
    before, now = hit[:-1], hit[1:]
    n0, n1 = int((~before).sum()), int(before.sum())
    x0, x1 = int((now & ~before).sum()), int((now & before).sum())
    n, x = n0 + n1, x0 + x1
    chain = _likelihood(x0, n0, x0 / n0 if n0 else 0.0) + _likelihood(
        x1, n1, x1 / n1 if n1 else 0.0
    )
    if kind == "independence":
        null, freedom = _likelihood(x, n, x / n), 1
    else:
        if level is None:
            raise ParameterError("level must be given for kind 'conditional', got None")
        null, freedom = _likelihood(x, n, check_number("level", level, above=0.0, below=1.0)), 2
    statistic = max(0.0, 2.0 * float(chain - null))
    total = int(hit.sum())
    return CoverageTest(
        statistic,
        float(stats.chi2.sf(statistic, freedom)),
        freedom,
        total,
        len(hit),
        total / len(hit),
    )


def _likelihood(x: int, n: int, p: float) -> Any:
    return xlogy(x, p) + xlogy(n - x, 1.0 - p)


def _hits(exceeded: Any) -> BoolArray:
    values = read_values("exceeded", exceeded).values
    if values.shape[1] != 1:
        raise DataError(
            f"exceeded must be one series, got {values.shape[1]} columns; loop over the columns"
        )
    known = values[~np.isnan(values)]
    if len(known) == 0:
        raise DataError("exceeded has no observation")
    if not np.isin(known, (0.0, 1.0)).all():
        raise DataError(
            "exceeded must hold 0 and 1 (or False and True), one per time: returns < value_at_risk"
        )
    return known.astype(np.bool_)


def _pair(realised: Any, forecast: Any) -> tuple[Table, FloatArray, FloatArray]:
    """Read both tables; return the first one, and the numbers of both."""
    first, second = read_pair(("realised", realised), ("forecast", forecast))
    x, h = first.values, second.values
    if (x < 0.0).any() or (h < 0.0).any():
        raise DataError(
            "variances must be at least 0, got a negative one; square the returns and the sigmas "
            "first"
        )
    return first, x, h


def _mean(loss: FloatArray) -> FloatArray:
    known = ~np.isnan(loss)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: FloatArray = np.where(known, loss, 0.0).sum(axis=0) / count
    return mean


def _by_asset(values: FloatArray, table: Table) -> Any:
    """Values by asset: a Series for a frame, one number for one series, else an array."""
    if table.kind == "frame":
        return pd.Series(values, index=table.labels)
    return values if table.kind == "matrix" else float(values[0])
