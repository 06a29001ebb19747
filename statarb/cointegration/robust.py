"""Tests of pairs again, with standard errors that allow for changing volatility."""

from __future__ import annotations

import numpy as np

from statarb._core.typing import BoolArray, FloatArray
from statarb.cointegration._engine.robust import robust_taus
from statarb.cointegration.pair_scan import PairScan
from statarb.cointegration.pvalues import adjust_pvalues, mackinnon_pvalue

__all__ = ["robust_pass"]


def robust_pass(
    scan: PairScan, levels: FloatArray, *, level: float, method: str | None
) -> BoolArray:
    r"""Whether pairs pass again when their standard errors allow for changing volatility.

    The t-ratio of the augmented Dickey-Fuller regression takes the residual's variance for
    constant. Where volatility comes in bursts one burst decides, and far too many pairs of
    independent random walks pass. With White's standard errors,

    .. math::
        \tau = \hat\rho / \Big(\sum_t \hat u_t^2 (a^\top x_t)^2\Big)^{1/2}, \quad
        a = (X^\top X)^{-1} e_1

    (regressors x_t, the lagged level first; residuals u), each row counts by the size that its own
    residual has.

    Parameters
    ----------
    scan : PairScan
        Some of the tests of a scan.
    levels : (assets, times)
        Log prices that were scanned.
    level : float
        Largest adjusted p-value.
    method : {"bh", "by", None}
        Adjustment for all tests of the scan; those that are not given count as p-values of 1.

    Returns
    -------
    (tests,) bool

    Notes
    -----
    P-values are MacKinnon's of the usual statistic, whose limit the robust one has where the
    variance is constant; it needs no simulation of its own as long as volatility has a limit
    variance. H. White (1980), Econometrica 48, 817-838; N. Haldrup (1994), Heteroscedasticity in
    non-stationary time series, Statistical Papers 35, 287-307.
    """
    tau = robust_taus(
        np.ascontiguousarray(levels),
        scan.y.astype(np.int64),
        scan.x.astype(np.int64),
        scan.hedge_ratio,
        np.maximum(scan.lag, 0).astype(np.int64),
    )
    pvalue = np.where(np.isnan(tau), 1.0, mackinnon_pvalue(tau))
    if method is None:
        return np.asarray(pvalue <= level)
    tests = max(int(scan.settings["tests"]), len(scan))
    order = np.argsort(pvalue, kind="stable")
    whole = np.ones(tests)
    whole[: len(scan)] = pvalue[order]
    passed = np.empty(len(scan), dtype=np.bool_)
    passed[order] = adjust_pvalues(whole, method)[: len(scan)] <= level
    return passed
