"""Hedge ratios: how much of the other assets offsets one asset, fixed, rolling or followed by a
Kalman filter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.optimize import minimize
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numba import kernel
from statarb._core.typing import FloatArray
from statarb.cointegration.inputs import as_series
from statarb.errors import DataError

__all__ = ["Hedge", "KalmanHedge", "hedge_ratio", "kalman_hedge_ratio", "rolling_hedge_ratio"]

START = 100.0
"""Variance of a state before the first row: slopes and intercepts of log prices lie within a few
units of 0.
"""

Method = Literal["ols", "tls", "johansen", "minimum_half_life"]


@dataclasses.dataclass(frozen=True, eq=False)
class Hedge:
    """A linear relation ``y = intercept + slopes . x`` among log prices.

    Parameters
    ----------
    slopes : Series
        One number an asset of x.
    intercept : float
        Makes the mean of the residual 0 over the sample.
    method : str
        How it was found.
    """

    slopes: pd.Series
    intercept: float
    method: str


def hedge_ratio(
    y: pd.Series, x: pd.Series | pd.DataFrame, method: Method = "ols", *, lags: int = 1
) -> Hedge:
    """Fit the relation between log y and one or more log x over a whole sample.

    Parameters
    ----------
    y : Series
        Log price.
    x : Series or DataFrame
        Log prices of the assets that explain. Rows in which anything is missing are left out.
    method : {"ols", "tls", "johansen", "minimum_half_life"}
        ``"ols"``: least squares in y. ``"tls"``: least squares of the distance from the line, which
        treats all assets alike, so that x on y is the same relation. ``"johansen"``: the strongest
        relation of Johansen's test. ``"minimum_half_life"``: the combination with the smallest
        first-order autocorrelation, that is the fastest reversion; an eigenvalue problem (Box and
        Tiao 1977, Biometrika 64, 355-365; d'Aspremont 2011, Quant. Finance 11, 351-364). It also
        finds bounce between bid and ask, which reverts at once and cannot be traded.
    lags : int
        Lagged differences for ``"johansen"``.

    Raises
    ------
    DataError
        Fewer complete rows than the fit needs, a constant asset, collinear assets.
    ParameterError
        Another method.
    """
    check_choice("method", method, ("ols", "tls", "johansen", "minimum_half_life"))
    lags = check_integer("lags", lags, at_least=1)
    values, names, _ = _aligned(y, x, at_least=10)
    mean = values.mean(axis=0)
    weights = _METHODS[method](values - mean, lags)
    slopes = -weights[1:] / weights[0]
    return Hedge(pd.Series(slopes, index=names), float(mean[0] - slopes @ mean[1:]), method)


def _least_squares(centred: FloatArray, lags: int) -> FloatArray:
    slopes = np.linalg.lstsq(centred[:, 1:], centred[:, 0], rcond=None)[0]
    return np.concatenate([[1.0], -slopes])


def _total_least_squares(centred: FloatArray, lags: int) -> FloatArray:
    direction: FloatArray = np.linalg.svd(centred, full_matrices=False)[2][-1]
    return direction


def _johansen(centred: FloatArray, lags: int) -> FloatArray:
    return np.asarray(np.real(coint_johansen(centred, 0, lags).evec[:, 0]))


def _minimum_half_life(centred: FloatArray, lags: int) -> FloatArray:
    now, before = centred[1:] - centred[1:].mean(axis=0), centred[:-1] - centred[:-1].mean(axis=0)
    product = now.T @ before
    direction: FloatArray = eigh(0.5 * (product + product.T), before.T @ before)[1][:, 0]
    return direction


_METHODS: dict[str, Callable[[FloatArray, int], FloatArray]] = {
    "ols": _least_squares,
    "tls": _total_least_squares,
    "johansen": _johansen,
    "minimum_half_life": _minimum_half_life,
}


def rolling_hedge_ratio(y: pd.Series, x: pd.Series, window: int) -> pd.DataFrame:
    """Least squares of log y on log x over the last ``window`` complete rows; row t is known at t.

    Parameters
    ----------
    y, x : Series
        Log prices.
    window : int
        Rows, at least 3.

    Returns
    -------
    DataFrame
        Columns ``slope``, ``intercept``; index of the rows that ``y`` and ``x`` share. NaN in the
        first ``window - 1`` complete rows, where a price is missing, and where x did not move.
    """
    window = check_integer("window", window, at_least=3)
    values, _, index = _aligned(y, x, at_least=1, varied=False)
    out = pd.DataFrame(
        np.nan,
        index=as_series("y", y).index.union(as_series("x", x).index),
        columns=["slope", "intercept"],
    )
    if len(values) < window:
        return out
    centre = values.mean(axis=0)  # cancels but for rounding: keeps the digits of prices far from 1
    windows = np.lib.stride_tricks.sliding_window_view(values - centre, window, axis=0)
    slopes, means = np.empty(len(windows)), np.empty((len(windows), 2))
    block = max(1, 2_000_000 // window)
    for start in range(0, len(windows), block):
        part = windows[start : start + block]
        means[start : start + block] = part.mean(axis=2)
        a, b = (part - part.mean(axis=2, keepdims=True)).transpose(1, 0, 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.ptp(part[:, 1], axis=1) > 0.0
            ratio = np.einsum("wt,wt->w", a, b) / np.einsum("wt,wt->w", b, b)
            slopes[start : start + block] = np.where(moved, ratio, np.nan)
    means += centre
    fitted = pd.DataFrame(
        {"slope": slopes, "intercept": means[:, 0] - slopes * means[:, 1]},
        index=index[window - 1 :],
    )
    return fitted.reindex(out.index)


@dataclasses.dataclass(frozen=True, eq=False)
class KalmanHedge:
    """A relation whose slopes and intercept wander; row t is known at t.

    Parameters
    ----------
    states : DataFrame
        Times x (assets of x, ``intercept``): filtered.
    innovation : Series
        y less what slopes, intercept and x were expected to give from the row before: the deviation
        to trade on.
    innovation_sd : Series
        Its standard deviation.
    drift : Series
        Standard deviation of a step of each state.
    noise : float
        Standard deviation of y around the relation.
    loglikelihood : float
        Of the rows after the first ``len(drift)``, which only start the filter.
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
    """Follow slopes and intercept as random walks.

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

    Raises
    ------
    DataError
        Fewer than 20 complete rows, infinite values, a constant asset.

    Notes
    -----
    Model: ``y_t - y_0 = (x_t - x_0)' b_t + a_t + noise``, with row 0 the first complete one, b and
    a random walks (Elliott, van
    der Hoek and Malcolm 2005, Quant. Finance 5, 271-276, treat the spread likewise). States start
    at 0 with variance 100. The
    intercept given back is ``a_t + y_0 - x_0' b_t``.
    """
    for name, value in (("drift", drift), ("noise", noise)):
        if value is not None:
            check_number(name, value, at_least=0.0)
    values, names, _ = _aligned(y, x, at_least=20)
    frame = _joined(y, x)
    table = frame.to_numpy()
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

    known = np.log(
        [
            np.nan if drift is None else drift,
            np.nan if drift is None else drift,
            np.nan if noise is None else noise,
        ]
    )
    free = np.isnan(known)
    parameters = np.where(
        free, np.log([1e-3 * scale, 1e-1 * scale, scale]), np.maximum(known, -350.0)
    )
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
    columns = [*names, "intercept"]
    sds = np.exp(parameters)
    return KalmanHedge(
        states=pd.DataFrame(path, index=frame.index, columns=columns),
        innovation=pd.Series(innovation, index=frame.index),
        innovation_sd=pd.Series(np.sqrt(variance), index=frame.index),
        drift=pd.Series(np.append(np.full(states - 1, sds[0]), sds[1]), index=columns),
        noise=float(sds[2]),
        loglikelihood=likelihood,
    )


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
    path, innovation, variance, loglikelihood
        (times, states), (times,), (times,), and the sum over the observed rows after the first
        ``states`` rows.
    """
    times, states = design.shape
    path = np.empty((times, states))
    innovation, variance = np.full(times, np.nan), np.full(times, np.nan)
    mean, gain = np.zeros(states), np.empty(states)
    covariance = start * np.eye(states)
    likelihood = 0.0
    for t in range(times):
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
            surprise = target[t] - forecast
            innovation[t] = surprise
            for i in range(states):
                mean[i] += gain[i] / spread * surprise
            # symmetric, so that rounding cannot tilt the covariance
            for i in range(states):
                for j in range(i + 1):
                    covariance[i, j] -= gain[i] * gain[j] / spread
                    covariance[j, i] = covariance[i, j]
            if t >= states:
                likelihood -= 0.5 * (np.log(2.0 * np.pi * spread) + surprise * surprise / spread)
        path[t] = mean
    return path, innovation, variance, likelihood


def _joined(y: Any, x: Any) -> pd.DataFrame:
    """Put y and the columns of x side by side, y first."""
    explained = as_series("y", y)
    if isinstance(x, pd.DataFrame):
        others: dict[Any, pd.Series] = {
            name: as_series(f"x[{name!r}]", x[name]) for name in x.columns
        }
    else:
        series = as_series("x", x)
        others = {"x" if series.name is None else series.name: series}
    frame = pd.concat([explained, *others.values()], axis=1)
    frame.columns = pd.Index(range(frame.shape[1]))
    frame.attrs["names"] = list(others)
    return frame


def _aligned(
    y: Any, x: Any, *, at_least: int, varied: bool = True
) -> tuple[FloatArray, list[Any], pd.Index]:
    """Complete rows of y and x, the names of x, and the index of the rows."""
    frame = _joined(y, x)
    names = frame.attrs["names"]
    complete = frame.dropna()
    values = complete.to_numpy(dtype=np.float64)
    if len(values) < at_least + frame.shape[1]:
        raise DataError(
            f"{len(values)} rows have y and all of x; a hedge ratio needs at least "
            f"{at_least + frame.shape[1]}"
        )
    if varied:
        still = np.ptp(values, axis=0) == 0.0
        if still.any():
            place = int(np.argmax(still))
            raise DataError(
                f"{'y' if place == 0 else f'x[{names[place - 1]!r}]'} is constant; a hedge ratio "
                "needs prices that move"
            )
        centred = values[:, 1:] - values[:, 1:].mean(axis=0)
        if (
            np.linalg.matrix_rank(centred / centred.std(axis=0), tol=1e-8 * len(values))
            < centred.shape[1]
        ):
            raise DataError(f"the assets {names} are collinear: leave out one of them")
    return values, names, complete.index
