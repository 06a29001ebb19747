"""P-values of unit root tests, and their adjustment for the number of tests."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import ndtr
from scipy.stats import false_discovery_control
from statsmodels.tsa import adfvalues

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import FloatArray
from statarb.errors import DataError

__all__ = ["adjust_pvalues", "mackinnon_pvalue"]

FDR = Literal["bh", "by"]


def mackinnon_pvalue(tau: FloatArray, *, trend: str = "c", variables: int = 2) -> FloatArray:
    r"""Asymptotic p-values of Dickey-Fuller and Engle-Granger statistics.

    Parameters
    ----------
    tau : array
        t-ratios of the lagged level.
    trend : {"n", "c", "ct", "ctt"}
        Deterministic terms: none, constant, line, parabola.
    variables : int
        Number of integrated series, 1 to 6: 1 for a unit root test, 2 for a pair.

    Returns
    -------
    array of the shape of ``tau``
        NaN where ``tau`` is NaN.

    Raises
    ------
    ParameterError
        Another trend, or a number of variables outside 1 to 6.

    Notes
    -----
    Response surface of MacKinnon (1994), J. Bus. Econ. Stat. 12, 167-176, tables 3 and 4, with the
    coefficients that statsmodels carries:

    .. math:: p = \Phi(\beta_0 + \beta_1 \tau + \beta_2 \tau^2 + \beta_3 \tau^3) .

    It was simulated for p from about .0001 to .9999: a p near 1e-8 is an extrapolation and says
    "very small", not how small. Beyond the range of the surface p is exactly 0 or 1.
    """
    check_choice("trend", trend, ("n", "c", "ct", "ctt"))
    place = check_integer("variables", variables, at_least=1, at_most=6) - 1
    small = np.asarray(adfvalues._tau_smallps[trend])[place]
    large = np.asarray(adfvalues._tau_largeps[trend])[place]
    values = np.asarray(tau, dtype=np.float64)
    bounded = np.clip(values, -50.0, 50.0)
    left = bounded <= adfvalues._tau_stars[trend][place]
    score = np.where(left, np.polyval(small[::-1], bounded), np.polyval(large[::-1], bounded))
    pvalue = np.asarray(ndtr(score))
    pvalue[values > adfvalues._tau_maxs[trend][place]] = 1.0
    pvalue[values < adfvalues._tau_mins[trend][place]] = 0.0
    return pvalue


def adjust_pvalues(pvalues: FloatArray, method: FDR | None = "bh") -> FloatArray:
    """Adjust p-values for the number of tests; :func:`scipy.stats.false_discovery_control` behind.

    Among the tests whose adjusted p-value is at most q, a share of at most q is expected to be
    false.

    Parameters
    ----------
    pvalues : (tests,)
        NaN for a test that could not be made; it does not count.
    method : {"bh", "by", None}
        ``"bh"``: Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57, 289-300; holds for
        independent and positively dependent tests. ``"by"``: Benjamini and Yekutieli (2001), Ann.
        Stat. 29, 1165-1188; holds for any dependence, and is stricter by the factor ``1 + 1/2 + ...
        + 1/tests``. ``None`` returns the p-values as they are.

    Returns
    -------
    (tests,)
        Smallest rate of false discoveries at which each test is a discovery; NaN where there was
        no test.

    Raises
    ------
    DataError
        More than one dimension, or a number outside [0, 1].
    ParameterError
        Another method.

    Examples
    --------
    >>> import numpy as np
    >>> adjust_pvalues(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    check_choice("fdr", method, ("bh", "by", None))
    values = np.asarray(pvalues, dtype=np.float64)
    if values.ndim != 1:
        raise DataError(f"pvalues must have one dimension, got the shape {values.shape}")
    if np.any((values < 0.0) | (values > 1.0)):
        raise DataError("pvalues must lie in [0, 1], or be NaN")
    adjusted = values.copy()
    made = ~np.isnan(values)
    if method is not None and made.any():
        adjusted[made] = false_discovery_control(values[made], method=method)
    return adjusted
