"""Residual-based tests of single relations: Engle and Granger's, Phillips and Ouliaris's."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable
from typing import Literal

import numpy as np
import pandas as pd
from statsmodels.tsa.adfvalues import mackinnoncrit
from statsmodels.tsa.stattools import adfuller

from statarb._core.checks import check_choice, check_integer
from statarb._core.numeric import varies
from statarb.cointegration._engine.engle_granger import PERFECT
from statarb.cointegration.inputs import LogPrices, as_levels, as_relation
from statarb.cointegration.pvalues import mackinnon_pvalue
from statarb.errors import DataError, ParameterError

__all__ = ["EngleGranger", "engle_granger", "phillips_ouliaris"]

DEGREES = {"c": 0, "ct": 1, "ctt": 2}


@dataclasses.dataclass(frozen=True, eq=False)
class EngleGranger:
    """Test of Engle and Granger of one relation.

    Parameters
    ----------
    statistic : float
        t-ratio of the lagged residual in the augmented Dickey-Fuller regression.
    pvalue : float
        MacKinnon's asymptotic p-value; small where y and x are cointegrated.
    critical_values : Series
        At ``1%``, ``5%`` and ``10%``, for this number of rows (MacKinnon 2010).
    lags : int
        Lagged differences in the regression.
    hedge_ratio : Series
        By asset of x: slope of log y.
    intercept : float
        Of the first regression; its line and parabola, where it has them, have mean 0.
    half_life : float
        Steps until half of the residual is gone, from its first-order autoregression; inf where it
        does not revert.
    residual : Series
        Of the first regression, at the complete rows.
    trend : {"c", "ct", "ctt"}
        Deterministic terms of the first regression.
    """

    statistic: float
    pvalue: float
    critical_values: pd.Series
    lags: int
    hedge_ratio: pd.Series
    intercept: float
    half_life: float
    residual: pd.Series
    trend: str

    @property
    def observations(self) -> int:
        """Complete rows."""
        return len(self.residual)

    def __repr__(self) -> str:
        slopes = ", ".join(f"{name}: {slope:.4g}" for name, slope in self.hedge_ratio.items())
        return (
            f"EngleGranger(statistic {self.statistic:.4g}, p-value {self.pvalue:.3g}, {self.lags} "
            f"lags, {self.observations:,} observations; hedge ratio {slopes}; half-life "
            f"{self.half_life:.4g})"
        )


def engle_granger(
    y: pd.Series,
    x: pd.Series | pd.DataFrame,
    lags: Literal["aic", "bic"] | int = "aic",
    max_lags: int = 12,
    *,
    trend: Literal["c", "ct", "ctt"] = "c",
) -> EngleGranger:
    r"""Test whether log y is cointegrated with one or more log x; statsmodels' ``adfuller`` behind.

    Parameters
    ----------
    y : Series
        Log price.
    x : Series or DataFrame
        Log prices of at most five assets. Rows in which anything is missing are left out.
    lags : {"aic", "bic"} or int
        Lagged differences: a number, or chosen from 0 to ``max_lags`` by Akaike's or Schwarz's
        criterion.
    max_lags : int
        Most lags that a criterion may choose.
    trend : {"c", "ct", "ctt"}
        Deterministic terms beside x: a constant; a constant and a line; a constant, a line and a
        parabola.

    Returns
    -------
    EngleGranger
        The statistic, p-value and critical values are those of statsmodels' ``coint``.

    Raises
    ------
    DataError
        Fewer complete rows than the lags need, a constant asset, collinear assets, infinite values,
        duplicated labels or times.
    ParameterError
        More than five x, an option that does not exist.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    With the residual e of the regression of log y on log x and the deterministic terms,

    .. math::

        \Delta e_t = \rho\, e_{t-1} + \sum_{k=1}^{p} \gamma_k\, \Delta e_{t-k} + u_t ,

    the statistic is the t-ratio of rho. Of y on x and x on y the better p-value rejects more often
    than its level says: they are two tests. For all pairs of many assets use :func:`scan_pairs`.

    References
    ----------
    Engle, R. F. and Granger, C. W. J. (1987), Co-integration and error correction, Econometrica 55,
    251-276.

    MacKinnon, J. G. (2010), Critical values for cointegration tests, Queen's University working
    paper 1227.
    """
    degree = DEGREES[check_choice("trend", trend, DEGREES)]
    if isinstance(lags, str):
        check_choice("lags", lags, ("aic", "bic"))
        most = check_integer("max_lags", max_lags, at_least=0, at_most=100)
    else:
        most = check_integer("lags", lags, at_least=0, at_most=100)
    relation = as_relation(y, x)
    count = len(relation.names)
    if count > 5:
        raise ParameterError(
            f"x must have at most 5 assets (p-values end there), got {count}; for baskets use "
            "johansen"
        )
    relation.must_have(2 * most + 4 + count + degree, f"a test with {most} lags")
    relation.must_vary()
    values = relation.values
    time = np.linspace(-1.0, 1.0, len(values))
    # scaled and centred, so that units and distances from 0 cost no digits
    powers = time[:, None] ** np.arange(1, degree + 1)
    mean = values.mean(axis=0)
    scale = values.std(axis=0)
    standard = (values - mean) / scale
    design = np.column_stack([standard[:, 1:], np.ones(len(values)), powers - powers.mean(axis=0)])
    coefficients = np.linalg.lstsq(design, standard[:, 0], rcond=None)[0]
    residual = standard[:, 0] - design @ coefficients
    if not residual @ residual > PERFECT * (standard[:, 0] @ standard[:, 0]):
        raise DataError(
            f"{relation.y} and {', '.join(map(repr, relation.names))} are collinear: x explains y "
            "but for rounding, and nothing is left to test"
        )
    found = adfuller(
        residual,
        maxlag=most,
        autolag=lags if isinstance(lags, str) else None,
        regression="n",
        result_object=False,
    )
    statistic, used = float(found[0]), int(found[2])
    slopes = coefficients[:count] * scale[0] / scale[1:]
    before, now = residual[:-1], residual[1:]
    b = float(before @ now / (before @ before))
    critical = mackinnoncrit(N=count + 1, regression=trend, nobs=len(values) - 1)
    return EngleGranger(
        statistic=statistic,
        pvalue=float(mackinnon_pvalue(np.array(statistic), trend=trend, variables=count + 1)),
        critical_values=pd.Series(critical, index=["1%", "5%", "10%"]),
        lags=used,
        hedge_ratio=pd.Series(slopes, index=relation.names),
        intercept=float(mean[0] - slopes @ mean[1:] + scale[0] * coefficients[count]),
        half_life=np.inf if b >= 1.0 else float(np.log(0.5) / np.log(b)) if b > 0.0 else 0.0,
        residual=pd.Series(residual * scale[0], index=relation.index[relation.complete]),
        trend=trend,
    )


def phillips_ouliaris(
    log_prices: LogPrices,
    pairs: Iterable[tuple[Hashable, Hashable]],
    *,
    test: Literal["Zt", "Za", "Pu", "Pz"] = "Zt",
    trend: Literal["c", "ct", "ctt"] = "c",
) -> pd.DataFrame:
    """Test named pairs (y, x) for cointegration without choosing lags: serial correlation enters by
    a long-run variance.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets. A pair is tested on the rows that have both assets.
    pairs : iterable of (y, x)
        Ordered pairs. A test takes milliseconds: meant for the best pairs of a scan.
    test : {"Zt", "Za", "Pu", "Pz"}
        Statistic; ``"Pz"`` does not depend on which asset is y.
    trend : {"c", "ct", "ctt"}
        Deterministic terms.

    Returns
    -------
    DataFrame
        Columns ``y, x, statistic, pvalue, observations, status``, in the order of ``pairs``; NaN
        and a status where the test could not be made.

    Raises
    ------
    DataError
        No pair, infinite values, duplicated labels or times.
    ParameterError
        An asset that is not there, an option that does not exist.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    Phillips, P. C. B. and Ouliaris, S. (1990), Asymptotic properties of residual based tests for
    cointegration, Econometrica 58, 165-193. Bartlett kernel with the bandwidth that arch chooses
    from the data.
    """
    # slow to import
    from arch.unitroot.cointegration import (
        phillips_ouliaris as arch_phillips_ouliaris,
    )

    check_choice("test", test, ("Zt", "Za", "Pu", "Pz"))
    check_choice("trend", trend, ("c", "ct", "ctt"))
    levels, assets, _ = as_levels(log_prices)
    rows = []
    for y, x in pairs:
        place = assets.get_indexer(pd.Index([y, x]))
        if (place < 0).any():
            raise ParameterError(
                f"pairs names the asset {(y, x)[int(np.argmax(place < 0))]!r}, which log_prices "
                "does not have"
            )
        both = levels[place][:, ~np.isnan(levels[place]).any(axis=0)]
        statistic, pvalue, status = np.nan, np.nan, "ok"
        if both.shape[1] < 30:
            status = "too few common observations"
        elif not varies(both.T).all():
            status = "constant"
        elif 1.0 - float(np.asarray(np.corrcoef(both))[0, 1]) ** 2 < PERFECT:
            status = "collinear"
        else:
            result = arch_phillips_ouliaris(both[0], both[1], trend=trend, test_type=test)
            statistic, pvalue = float(result.stat), float(result.pvalue)
        rows.append((y, x, statistic, pvalue, both.shape[1], status))
    if not rows:
        raise DataError("pairs must hold at least one pair, got none")
    return pd.DataFrame(rows, columns=["y", "x", "statistic", "pvalue", "observations", "status"])
