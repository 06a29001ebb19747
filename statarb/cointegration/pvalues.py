"""From statistics to p-values, and from many p-values to few discoveries."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import ndtr
from statsmodels.tsa import adfvalues

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import FloatArray
from statarb.errors import DataError

__all__ = ["adjust_pvalues", "mackinnon_pvalue"]

FDR = Literal["bh", "by"]


def mackinnon_pvalue(tau: FloatArray, *, trend: str = "c", variables: int = 2) -> FloatArray:
    """Asymptotic p-values of Dickey-Fuller and Engle-Granger statistics.

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

    Notes
    -----
    Response surface of MacKinnon (1994), J. Bus. Econ. Stat. 12, 167-176, tables 3 and 4, with the
    coefficients that
    statsmodels carries. It was simulated for p from about .0001 to .9999: a p near 1e-8 is an
    extrapolation and says "very
    small", not how small. Beyond the range of the surface p is exactly 0 or 1.
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
    """Adjust p-values for the number of tests, so that those below q hold at most a share q of
    false discoveries.

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
        Smallest rate of false discoveries at which each test is a discovery.

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
    order = np.argsort(values, kind="stable")  # NaN last
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = adjust_sorted(values[order], method)
    return adjusted


def adjust_sorted(pvalues: FloatArray, method: FDR | None) -> FloatArray:
    """Adjust p-values that are sorted already, NaN last."""
    if method is None:
        return pvalues.copy()
    tests = int(np.count_nonzero(~np.isnan(pvalues)))
    adjusted = pvalues.copy()
    if tests == 0:
        return adjusted
    rank = np.arange(1, tests + 1, dtype=np.float64)
    factor = tests * (np.sum(1.0 / rank) if method == "by" else 1.0)
    scaled = pvalues[:tests] * factor / rank
    adjusted[:tests] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
