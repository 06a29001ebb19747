"""Hedge ratios that wander, followed by a Kalman filter."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from statarb._core.checks import check_number
from statarb._core.typing import FloatArray
from statarb.cointegration._engine.kalman import kalman_filter
from statarb.cointegration.inputs import as_relation

__all__ = ["KalmanHedge", "kalman_hedge_ratio"]

START = 100.0
"""Variance of a state before the first row: slopes and intercepts of log prices lie within a few
units of 0.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class KalmanHedge:
    """A relation whose slopes and intercept wander; row t is known at t.

    Parameters
    ----------
    states : DataFrame
        Times x (assets of x, ``intercept``): filtered. NaN before the first complete row.
    innovation : Series
        y less what slopes, intercept and x were expected to give from the row before: the deviation
        to trade on. NaN where y or x is missing.
    innovation_sd : Series
        Its standard deviation; NaN before the first complete row.
    drift : Series
        Standard deviation of a step of each state.
    noise : float
        Standard deviation of y around the relation.
    loglikelihood : float
        Of the complete rows after the first ``len(drift)`` complete ones, which only start the
        filter.
    """

    states: pd.DataFrame
    innovation: pd.Series
    innovation_sd: pd.Series
    drift: pd.Series
    noise: float
    loglikelihood: float

    @property
    def zscore(self) -> pd.Series:
        """Innovation over its standard deviation."""
        return self.innovation / self.innovation_sd


def kalman_hedge_ratio(
    y: pd.Series,
    x: pd.Series | pd.DataFrame,
    *,
    drift: float | None = None,
    noise: float | None = None,
) -> KalmanHedge:
    r"""Follow slopes and intercept as random walks.

    Parameters
    ----------
    y : Series
        Log price.
    x : Series or DataFrame
        Log prices of the assets that explain. In a row with something missing the states wander on.
    drift : float, optional
        Standard deviation of a step of each state. Estimated (one for the slopes, one for the
        intercept) where not given.
    noise : float, optional
        Standard deviation of the observation. Estimated where not given. Estimates are maximum
        likelihood over the whole sample: for use in a simulation through time, estimate on a past
        one and pass the numbers on.

    Returns
    -------
    KalmanHedge
        Rows before the first complete one change nothing.

    Raises
    ------
    DataError
        Fewer than 20 complete rows more than assets, infinite values, a constant asset, collinear
        x; where something is to be estimated, y that is a combination of x.
    ParameterError
        A negative ``drift`` or ``noise``.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    With row 0 the first complete one, b and a random walks (Elliott, van der Hoek and Malcolm 2005,
    Quant. Finance 5, 271-276, treat the spread likewise),

    .. math:: y_t - y_0 = (x_t - x_0)' b_t + a_t + \varepsilon_t .

    States start at 0 with variance 100. The intercept given back is :math:`a_t + y_0 - x_0' b_t`.
    """
    for name, value in (("drift", drift), ("noise", noise)):
        if value is not None:
            check_number(name, value, at_least=0.0)
    relation = as_relation(y, x)
    relation.must_have(20 + len(relation.names) + 1, "a Kalman filter")
    relation.must_vary()
    known = np.array([np.nan if one is None else one for one in (drift, drift, noise)])
    free = np.isnan(known)
    if free.any():
        relation.must_not_be_exact("the likelihood")
    # the filter starts at the first complete row: rows before it say nothing
    first = int(np.argmax(relation.complete))
    table, values = relation.table[first:], relation.values
    origin = values[0]
    design = np.column_stack([table[:, 1:] - origin[1:], np.ones(len(table))])
    target = np.where(np.isnan(design).any(axis=1), np.nan, table[:, 0] - origin[0])
    design = np.where(np.isnan(design), 0.0, design)
    states = design.shape[1]
    scale = float(np.std(np.diff(values[:, 0])))

    def filtered(parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, float]:
        variances = np.exp(2.0 * parameters)
        steps = np.append(np.full(states - 1, variances[0]), variances[1])
        return kalman_filter(target, design, steps, float(variances[2]), START)

    with np.errstate(divide="ignore"):
        given = np.maximum(np.log(known), -350.0)  # a variance of 0, for all purposes
    parameters = np.where(free, np.log([1e-3 * scale, 1e-1 * scale, scale]), given)
    if free.any():

        def loss(some: FloatArray) -> float:
            trial = parameters.copy()
            trial[free] = np.clip(some, -30.0, 10.0)
            return -filtered(trial)[3]

        best = minimize(
            loss,
            parameters[free],
            method="Nelder-Mead",
            options={"xatol": 1e-4, "fatol": 1e-6, "maxiter": 2000},
        )
        parameters[free] = np.clip(best.x, -30.0, 10.0)
    path, innovation, variance, likelihood = filtered(parameters)
    path[:, -1] += origin[0] - path[:, :-1] @ origin[1:]
    columns = [*relation.names, "intercept"]
    sds = np.exp(parameters)
    rows = relation.index[first:]
    return KalmanHedge(
        states=pd.DataFrame(path, index=rows, columns=columns).reindex(relation.index),
        innovation=pd.Series(innovation, index=rows).reindex(relation.index),
        innovation_sd=pd.Series(np.sqrt(variance), index=rows).reindex(relation.index),
        drift=pd.Series(np.append(np.full(states - 1, sds[0]), sds[1]), index=columns),
        noise=float(sds[2]),
        loglikelihood=likelihood,
    )
