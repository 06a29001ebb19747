"""Maximum likelihood of many GARCH models: scaling, starting points, search, and the best of what
was found.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from statarb._core import checks
from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray
from statarb.volatility._engine.kernels import LOG_OMEGA, SLACK, fit_lanes
from statarb.volatility.filters import EWMA_DECAY, ewma_parameters

__all__ = [
    "STATUS",
    "check_jobs",
    "filter_parameters",
    "fit_array",
    "fitted_recursion",
    "least_variance",
    "prepare",
    "start_variance",
]

STATUS = (
    "converged",
    "not converged",
    "omega floor",
    "too few non-zero returns",
    "constant",
    "variance not finite",
    "no returns",
)
"""What can be said of a fit. Only the first one is a fit; all others have an EWMA for
volatility.
"""
FITTED, NOT_CONVERGED, OMEGA_FLOOR, TOO_FEW, CONSTANT, NOT_FINITE, EMPTY = range(len(STATUS))

MIN_NONZERO = 50
BACKCAST_LENGTH, BACKCAST_DECAY = 75, 0.94
OMEGA_SHARE, OMEGA_LEAST = 1e-4, 1e-8
"""Least omega, as a share of the variance: at first, and where a search held back there goes on
(arch's bound).

Runs of unchanged prices draw a Student-t's conditional variance to nought and its likelihood up
without limit, with nothing learnt about volatility. So no fit of such a series may let a
conditional variance sink below the first share; an integrated model with hardly any omega that
keeps above it is a fit like any other.
"""
COLUMNS = ("mu", "omega", "alpha[1]", "gamma[1]", "beta[1]", "nu")

# Starting points (alpha, persistence, omega) of a series with unit variance. Likelihoods of these
# models have several tops: each of these points found some that the others missed on windows of
# real coins; more points found hardly any.
STARTS = ((0.01, 0.99, 0.01), (0.2, 0.95, 0.05))
STALE_STARTS = ((0.4, 0.9, 0.1), (0.3, 0.9999, 2e-4))
STALE_SHARE = 0.1
"""Share of returns of nought above which a price often stands still: a Student-t is started from
``STALE_STARTS`` as well.
"""
START_NU = 5.0


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """Observed returns of all assets, one asset after the other, centred and of unit variance."""

    values: FloatArray
    first: IntArray
    count: IntArray
    mean: FloatArray
    scale: FloatArray
    backcast: FloatArray  # of the centred series of unit variance
    raw_backcast: FloatArray  # of the squared returns themselves
    unchanged: FloatArray  # share of returns of nought
    status: IntArray


def box_of(model: str, distribution: str, omega: float = OMEGA_SHARE) -> FloatArray:
    """Return the bounds ``(2, 6)`` of ``(mu, log omega, u, s, k, eta)`` for a series of unit
    variance.
    """
    low = [-10.0, np.log(omega), np.log(SLACK + 1e-9), 0.0, 0.0, 1.0 / 500.0]
    high = [10.0, np.log(10.0), np.log(1.0 + SLACK), 1.0, 1.0, 1.0 / 2.05]
    if model == "garch":
        low[4] = high[4] = 0.5
    if distribution == "normal":
        low[5] = high[5] = 1.0 / START_NU
    return np.array([low, high])


def check_jobs(n_jobs: int) -> int:
    """Return the number of threads meant by ``n_jobs``."""
    return int(effective_n_jobs(checks.check_jobs(n_jobs)))


def fit_array(
    values: FloatArray,
    model: str,
    distribution: str,
    start: FloatArray | None,
    extra: int,
    jobs: int,
) -> tuple[FloatArray, FloatArray, IntArray, IntArray, Series]:
    """Fit the columns of an array; parameters ``(assets, 6)`` in the scale of the returns, NaN
    where there is no fit at all.
    """
    series = prepare(values)
    box = box_of(model, distribution)
    usable = np.flatnonzero(series.status == FITTED)
    warm = (
        np.full((len(series.count), 6), np.nan) if start is None else _to_search(start, series, box)
    )
    is_warm = ~np.isnan(warm[usable]).any(axis=1)
    stale = series.unchanged[usable] > (STALE_SHARE if distribution == "t" else 1.0)
    tasks, points = usable[is_warm], warm[usable[is_warm]]
    for number, (alpha, p, omega) in enumerate(STARTS + STALE_STARTS):
        chosen = ~is_warm | (extra == -1 or number < extra)
        if number >= len(STARTS):
            chosen &= stale
        begin = [0.0, np.log(omega), np.log(1.0 + SLACK - p), alpha / p, 0.5, 1.0 / START_NU]
        tasks = np.append(tasks, usable[chosen])
        points = np.concatenate([points, np.tile(begin, (int(chosen.sum()), 1))])
    points = np.clip(points, box[0], box[1])
    order = np.argsort(-series.count[tasks], kind="stable")
    tasks, points = tasks[order], points[order]
    found, loss, outcome = _search(series, tasks, points, box, model, distribution, jobs)
    passes = np.zeros(len(series.count), dtype=np.int64)
    np.add.at(passes, tasks, outcome[:, 1])
    lead = np.lexsort((loss, tasks))
    lead = lead[np.append(True, np.diff(tasks[lead]) > 0)] if len(lead) else lead
    lead = np.sort(lead)  # by length again: neighbours in the next search should be alike
    chosen, x, lowest, outcome = tasks[lead], found[lead], loss[lead], outcome[lead]
    status = series.status.copy()
    status[chosen] = np.where(outcome[:, 0] == 0, FITTED, NOT_CONVERGED)
    held = x[:, LOG_OMEGA] <= box[0, LOG_OMEGA] + 1e-9
    if held.any():
        below = box_of(model, distribution, OMEGA_LEAST)
        y, deeper, more = _search(series, chosen[held], x[held], below, model, distribution, jobs)
        passes[chosen[held]] += more[:, 1]
        least = least_variance(
            series.values, series.first, series.count, series.backcast, chosen[held], y
        )
        sound = (least >= OMEGA_SHARE) | (series.unchanged[chosen[held]] <= STALE_SHARE)
        status[chosen[held]] = np.where(
            ~sound, OMEGA_FLOOR, np.where(more[:, 0] == 0, FITTED, NOT_CONVERGED)
        )
        x[held] = np.where(sound[:, None], y, x[held])
        lowest[held] = np.where(sound, deeper, lowest[held])
    native, loglikelihood = _in_scale(series, chosen, x, lowest, distribution)
    return native, loglikelihood, status, passes, series


def _search(
    series: Series,
    tasks: IntArray,
    points: FloatArray,
    box: FloatArray,
    model: str,
    distribution: str,
    jobs: int,
) -> tuple[FloatArray, FloatArray, IntArray]:
    gjr, student = (1 if model == "gjr" else None), (1 if distribution == "t" else None)
    parts = [part for part in np.array_split(np.arange(len(tasks)), max(1, jobs)) if len(part)]
    data = (series.values, series.first, series.count, series.backcast)
    if not parts:
        return np.zeros((0, 6)), np.zeros(0), np.zeros((0, 2), dtype=np.int64)
    if len(parts) == 1:
        return fit_lanes(*data, tasks, points, box, gjr, student)
    done = Parallel(n_jobs=len(parts), prefer="threads")(
        delayed(fit_lanes)(*data, tasks[part], points[part], box, gjr, student) for part in parts
    )
    found, loss, outcome = (np.concatenate(pieces) for pieces in zip(*done, strict=True))
    return found, loss, outcome


@kernel()
def least_variance(
    values: FloatArray,
    first: IntArray,
    count: IntArray,
    backcast: FloatArray,
    series: IntArray,
    point: FloatArray,
) -> FloatArray:
    """Return the least conditional variance of each fit, for series of unit variance."""
    least = np.empty(len(series))
    for fit in range(len(series)):
        mu, omega, k = point[fit, 0], math.exp(point[fit, LOG_OMEGA]), point[fit, 4]
        p = 1.0 + SLACK - math.exp(point[fit, 2])
        good, bad, beta = (
            2.0 * k * point[fit, 3] * p,
            2.0 * (1.0 - k) * point[fit, 3] * p,
            (1.0 - point[fit, 3]) * p,
        )
        h = omega + p * backcast[series[fit]]
        least[fit] = h
        begin = first[series[fit]]
        for t in range(begin, begin + count[series[fit]]):
            e = values[t] - mu
            h = omega + (bad if e < 0.0 else good) * e * e + beta * h
            least[fit] = min(least[fit], h)
    return least


def _in_scale(
    series: Series, chosen: IntArray, x: FloatArray, loss: FloatArray, distribution: str
) -> tuple[FloatArray, FloatArray]:
    """Return parameters and loglikelihoods by asset in the scale of the returns."""
    assets = len(series.count)
    native, loglikelihood = np.full((assets, 6), np.nan), np.full(assets, np.nan)
    scale = series.scale[chosen]
    p = 1.0 + SLACK - np.exp(x[:, 2])
    news = x[:, 3] * p
    native[chosen, 0] = series.mean[chosen] + scale * x[:, 0]
    native[chosen, 1] = np.exp(x[:, LOG_OMEGA]) * scale**2
    native[chosen, 2] = 2.0 * x[:, 4] * news
    native[chosen, 3] = 2.0 * (1.0 - 2.0 * x[:, 4]) * news
    native[chosen, 4] = (1.0 - x[:, 3]) * p
    native[chosen, 5] = 1.0 / x[:, 5] if distribution == "t" else np.nan
    loglikelihood[chosen] = -loss - series.count[chosen] * np.log(scale)
    return native, loglikelihood


@kernel(fastmath={"reassoc", "contract", "nsz"})
def _moments(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation; sums may be taken in any order, but always in the same
    one.
    """
    total = 0.0
    for value in values:
        total += value
    mean = total / len(values)
    total = 0.0
    for value in values:
        total += (value - mean) * (value - mean)
    return mean, math.sqrt(total / len(values))


@kernel()
def _gather(
    columns: FloatArray, values: FloatArray, first: IntArray, count: IntArray, mean: FloatArray,
    scale: FloatArray,
    backcast: FloatArray, raw_backcast: FloatArray, nonzero: IntArray, peak: FloatArray,
) -> None:  # fmt: skip
    """Put the observed returns of each row of ``columns`` one after the other, centred and of unit
    variance; measure them.
    """
    place = 0
    for j in range(columns.shape[0]):
        first[j] = place
        for t in range(columns.shape[1]):
            x = columns[j, t]
            if not np.isnan(x):
                values[place] = x
                place += 1
                nonzero[j] += x != 0.0
                peak[j] = max(peak[j], abs(x))
        count[j] = place - first[j]
        mean[j], scale[j] = _moments(values[first[j] : place])
        weight, weights, raw, centred = 1.0, 0.0, 0.0, 0.0
        for k in range(first[j], min(place, first[j] + BACKCAST_LENGTH)):
            weights += weight
            raw += weight * values[k] ** 2
            centred += weight * ((values[k] - mean[j]) / scale[j]) ** 2
            weight *= BACKCAST_DECAY
        backcast[j] = centred / weights
        raw_backcast[j] = raw / weights
        one = 1.0 / scale[j]
        for k in range(first[j], place):
            values[k] = (values[k] - mean[j]) * one


def prepare(values: FloatArray) -> Series:
    """Gather the observed returns of every column, centred and of unit variance, and say which of
    them can be fitted.
    """
    columns = np.ascontiguousarray(values.T)
    assets = len(columns)
    mean, scale, backcast, raw_backcast, peak = np.zeros((5, assets))
    first, count, nonzero = np.zeros((3, assets), dtype=np.int64)
    flat = np.zeros(values.size)
    _gather(columns, flat, first, count, mean, scale, backcast, raw_backcast, nonzero, peak)
    status = np.full(assets, FITTED, dtype=np.int64)
    status[nonzero < MIN_NONZERO] = TOO_FEW
    status[scale <= 1e-12 * peak] = CONSTANT
    status[~(np.isfinite(scale) & np.isfinite(raw_backcast)) | ((peak > 0.0) & (peak < 1e-100))] = (
        NOT_FINITE
    )
    status[count == 0] = EMPTY
    unfit = status != FITTED
    mean[unfit], scale[unfit], backcast[unfit] = 0.0, 1.0, np.nan
    unchanged = 1.0 - nonzero / np.maximum(count, 1)
    return Series(flat, first, count, mean, scale, backcast, raw_backcast, unchanged, status)


def start_variance(series: Series, status: IntArray) -> FloatArray:
    """Return the variance before the first return: of a fit as it was fitted, else of the squared
    returns themselves.
    """
    return np.where(status == FITTED, series.backcast * series.scale**2, series.raw_backcast)


def fitted_recursion(
    returns: FloatArray, model: str, distribution: str
) -> tuple[FloatArray, FloatArray]:
    """Fit ``returns`` (rows, assets) and return what a filter over them starts from.

    Returns
    -------
    (5, assets), (assets,)
        Parameters, and the variance of the first return.
    """
    native, _, status, _, series = fit_array(returns, model, distribution, None, 0, 1)
    parameters = filter_parameters(native, status)
    _, omega, alpha, gamma, beta = parameters
    return parameters, omega + (alpha + 0.5 * gamma + beta) * start_variance(series, status)


def _to_search(native: FloatArray, series: Series, box: FloatArray) -> FloatArray:
    """Bring parameters in the scale of the returns into the coordinates of the search; NaN rows
    stay NaN.
    """
    mu, omega, alpha, gamma, beta, nu = native.T
    news = alpha + 0.5 * gamma
    p = news + beta
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(p > 0.0, news / p, 0.5)
        good = np.where(news > 0.0, 0.5 * alpha / news, 0.5)
        level, u = np.log(omega / series.scale**2), np.log(1.0 + SLACK - np.minimum(p, 1.0))
        x = np.column_stack([(mu - series.mean) / series.scale, level, u, share, good, 1.0 / nu])
    x[:, 5] = np.where(np.isnan(nu) & ~np.isnan(mu), 1.0 / START_NU, x[:, 5])
    bad = ~np.isfinite(x).all(axis=1)
    inside: FloatArray = np.clip(x, box[0], box[1])
    inside[bad] = np.nan
    return inside


def filter_parameters(parameters: FloatArray, status: IntArray) -> FloatArray:
    """Return the parameters ``(5, assets)`` that the filter runs with: those fitted, else an
    EWMA's.
    """
    filled = ewma_parameters(len(status), EWMA_DECAY)
    fitted = status == FITTED
    filled[:, fitted] = parameters[fitted, :5].T
    return filled
