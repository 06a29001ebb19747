"""Maximum likelihood of many GARCH models: scaling, starting points, search, and the best of what
was found.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from statarb._core import checks
from statarb._core.numeric import FLOOR
from statarb._core.typing import FloatArray, IntArray
from statarb.volatility._engine.gathering import gather
from statarb.volatility._engine.kernels import (
    CONVERGED,
    ETA,
    LOG_OMEGA,
    MU,
    SLACK,
    Box,
    Fits,
    K,
    S,
    SeriesArrays,
    U,
    fit_lanes,
    variance_levels,
)
from statarb.volatility.filters import EWMA_DECAY, Recursion, ewma_recursion

__all__ = [
    "STATUS",
    "BatchFit",
    "Parameters",
    "check_jobs",
    "filter_parameters",
    "first_variance",
    "fit_array",
    "fitted_recursion",
    "prepare",
    "start_variance",
]

STATUS = (
    "converged",
    "not converged",
    "omega floor",
    "nu bound",
    "unchanged prices",
    "too few non-zero returns",
    "constant",
    "variance not finite",
    "no returns",
)
"""Status of a fit. Only the first one is a fit; all others have an exponentially weighted average
for volatility.
"""
(
    FITTED,
    NOT_CONVERGED,
    OMEGA_FLOOR,
    NU_BOUND,
    UNCHANGED,
    TOO_FEW,
    CONSTANT,
    NOT_FINITE,
    EMPTY,
) = range(len(STATUS))

MIN_NONZERO = 50
LEAST_NU, LARGEST_NU = 2.05, 500.0
LEVEL_SHARE, LARGEST_LEVEL = 0.05, 1.5
"""Largest ratio between the mean conditional variance of a Student-t fit and the variance of the
returns (or its inverse) where more than the first share of the returns is zero.

With 30 % of the returns of a GARCH series set to zero the ratio is 1.4 to 3.7, with 10 % 0.96 to
1.02: the zeros are taken for a peak of the density, and the tails for the rest.
"""
OMEGA_SHARE, OMEGA_LEAST = 1e-4, 1e-8
"""Least omega, as a share of the variance: at first, and where a search held back there goes on
(arch's bound).

Runs of unchanged prices draw a Student-t's conditional variance to zero and its likelihood up
without limit, with nothing learnt about volatility. So no fit of such a series may let a
conditional variance sink below the first share; an integrated model with hardly any omega that
keeps above it is a fit like any other.
"""
COLUMNS = ("mu", "omega", "alpha[1]", "gamma[1]", "beta[1]", "nu")

# Starting points (alpha, persistence, omega) of a series with unit variance. Likelihoods of these
# models have several maxima: each of these points found some that the others missed on windows of
# real quotes; more points found hardly any.
STARTS = ((0.01, 0.99, 0.01), (0.2, 0.95, 0.05))
STALE_STARTS = ((0.4, 0.9, 0.1), (0.3, 0.9999, 2e-4))
STALE_SHARE = 0.1
"""Share of zero returns above which a price is often unchanged: a Student-t is started from
``STALE_STARTS`` as well.
"""
START_NU = 5.0


class Parameters(NamedTuple):
    """Parameters ``(assets,)`` of fitted models, in the scale of the returns; NaN where there is no
    fit at all.
    """

    mu: FloatArray
    omega: FloatArray
    alpha: FloatArray
    gamma: FloatArray
    beta: FloatArray
    nu: FloatArray


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """Observed returns of all assets, one asset after the other, centred and of unit variance.

    Parameters
    ----------
    arrays : SeriesArrays
        The returns, and the backcast of each series as it is fitted.
    mean, scale : (assets,)
        Mean and standard deviation of the returns.
    raw_backcast : (assets,)
        Backcast of the squared returns themselves.
    unchanged : (assets,)
        Share of zero returns.
    status : (assets,)
        Position in ``STATUS``: ``FITTED`` where nothing speaks against a fit.
    """

    arrays: SeriesArrays
    mean: FloatArray
    scale: FloatArray
    raw_backcast: FloatArray
    unchanged: FloatArray
    status: IntArray

    @property
    def count(self) -> IntArray:
        """Number of returns of each asset."""
        return self.arrays.length


@dataclasses.dataclass(frozen=True, eq=False)
class BatchFit:
    """What :func:`fit_array` found; arrays by asset.

    Parameters
    ----------
    parameters : Parameters
        In the scale of the returns.
    loglikelihood : (assets,)
        Of the returns in their own scale; NaN where there is no fit at all.
    status : (assets,)
        Position in ``STATUS``.
    passes : (assets,)
        Passes over the data, over all starting points.
    backcast : (assets,)
        Variance before the first return, of a fit as it was fitted, else of the squared returns.
    """

    parameters: Parameters
    loglikelihood: FloatArray
    status: IntArray
    passes: IntArray
    backcast: FloatArray


def box_of(model: str, distribution: str, omega: float = OMEGA_SHARE) -> Box:
    """Return the bounds of ``(mu, log omega, u, s, k, eta)`` for a series of unit variance."""
    low, high = np.zeros(6), np.ones(6)
    low[MU], high[MU] = -10.0, 10.0
    low[LOG_OMEGA], high[LOG_OMEGA] = np.log(omega), np.log(10.0)
    low[U], high[U] = np.log(SLACK + 1e-9), np.log(1.0 + SLACK)
    low[ETA], high[ETA] = 1.0 / LARGEST_NU, 1.0 / LEAST_NU
    if model == "garch":
        low[K] = high[K] = 0.5
    if distribution == "normal":
        low[ETA] = high[ETA] = 1.0 / START_NU
    return Box(low, high)


def check_jobs(n_jobs: int) -> int:
    """Return the number of threads that ``n_jobs`` stands for.

    Parameters
    ----------
    n_jobs : int
        -1 for all processors.

    Returns
    -------
    int
    """
    return int(effective_n_jobs(checks.check_jobs(n_jobs)))


def fit_array(
    values: FloatArray,
    model: str,
    distribution: str,
    start: Parameters | None = None,
    extra: int = 0,
    jobs: int = 1,
) -> BatchFit:
    """Fit the columns of an array.

    Parameters
    ----------
    values : (rows, assets)
        Returns, NaN where missing.
    model, distribution : str
        As in :func:`statarb.fit_garch`.
    start : Parameters, optional
        Where the search of an asset starts; NaN for an asset without one.
    extra, jobs : int
        Standard starting points tried in addition to ``start`` (-1 for all), and threads.

    Returns
    -------
    BatchFit
    """
    series = prepare(values)
    box = box_of(model, distribution)
    tasks, points = _starting_points(series, distribution, start, extra, box)
    found = _search(series, tasks, points, box, model, distribution, jobs)
    passes = np.zeros(len(series.count), dtype=np.int64)
    np.add.at(passes, tasks, found.passes)
    best = _best_of_each(tasks, found.loss)
    chosen, x, lowest = tasks[best], found.point[best], found.loss[best]
    status = series.status.copy()
    status[chosen] = np.where(found.outcome[best] == CONVERGED, FITTED, NOT_CONVERGED)
    # A search held back by the floor of omega goes on below it. Of a series of often unchanged
    # prices the result counts only where no conditional variance sinks to the floor.
    held = x[:, LOG_OMEGA] <= box.low[LOG_OMEGA] + 1e-9
    if held.any():
        below = box_of(model, distribution, OMEGA_LEAST)
        deeper = _search(series, chosen[held], x[held], below, model, distribution, jobs)
        passes[chosen[held]] += deeper.passes
        least = variance_levels(series.arrays, chosen[held], deeper.point).least
        sound = (least >= OMEGA_SHARE) | (series.unchanged[chosen[held]] <= STALE_SHARE)
        status[chosen[held]] = np.where(
            ~sound,
            OMEGA_FLOOR,
            np.where(deeper.outcome == CONVERGED, FITTED, NOT_CONVERGED),
        )
        x[held] = np.where(sound[:, None], deeper.point, x[held])
        lowest[held] = np.where(sound, deeper.loss, lowest[held])
    if distribution == "t":
        _refuse_degenerate_tails(series, chosen, x, box, status)
    parameters, loglikelihood = _in_scale(series, chosen, x, lowest, distribution)
    return BatchFit(parameters, loglikelihood, status, passes, start_variance(series, status))


def _starting_points(
    series: Series, distribution: str, start: Parameters | None, extra: int, box: Box
) -> tuple[IntArray, FloatArray]:
    """Series and starting point of every search, long series first."""
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
    points = np.clip(points, box.low, box.high)
    order = np.argsort(-series.count[tasks], kind="stable")
    return tasks[order], points[order]


def _best_of_each(tasks: IntArray, loss: FloatArray) -> IntArray:
    """Position of the least loss of each series, in the order of the tasks: neighbours in the next
    search should be of similar length.
    """
    order = np.lexsort((loss, tasks))
    first = np.append(True, np.diff(tasks[order]) > 0)[: len(order)]
    return np.sort(order[first]).astype(np.int64)


def _refuse_degenerate_tails(
    series: Series, chosen: IntArray, x: FloatArray, box: Box, status: IntArray
) -> None:
    """Mark Student-t fits whose tails took the place of the variance.

    With ``nu`` at its lower bound the variance is hardly determined by the data. Where a price is
    often unchanged, the zeros are a peak that a small ``nu`` explains best, and the conditional
    variance no longer is that of the returns.
    """
    fitted = status[chosen] == FITTED
    at_bound = fitted & (x[:, ETA] >= box.high[ETA] * (1.0 - 1e-9))
    stale = np.flatnonzero(fitted & ~at_bound & (series.unchanged[chosen] > LEVEL_SHARE))
    mean = variance_levels(series.arrays, chosen[stale], x[stale]).mean
    off = (mean > LARGEST_LEVEL) | (mean < 1.0 / LARGEST_LEVEL)
    status[chosen[at_bound]] = NU_BOUND
    status[chosen[stale[off]]] = UNCHANGED


def _search(
    series: Series,
    tasks: IntArray,
    points: FloatArray,
    box: Box,
    model: str,
    distribution: str,
    jobs: int,
) -> Fits:
    gjr, student = (1 if model == "gjr" else None), (1 if distribution == "t" else None)
    parts = [part for part in np.array_split(np.arange(len(tasks)), max(1, jobs)) if len(part)]
    if len(parts) <= 1:
        return fit_lanes(series.arrays, tasks, points, box, gjr, student)
    done = Parallel(n_jobs=len(parts), prefer="threads")(
        delayed(fit_lanes)(series.arrays, tasks[part], points[part], box, gjr, student)
        for part in parts
    )
    return Fits(*(np.concatenate(pieces) for pieces in zip(*done, strict=True)))


def _in_scale(
    series: Series, chosen: IntArray, x: FloatArray, loss: FloatArray, distribution: str
) -> tuple[Parameters, FloatArray]:
    """Return parameters and loglikelihoods by asset in the scale of the returns."""
    assets = len(series.count)
    parameters = Parameters(*np.full((6, assets), np.nan))
    loglikelihood = np.full(assets, np.nan)
    scale = series.scale[chosen]
    p = 1.0 + SLACK - np.exp(x[:, U])
    news = x[:, S] * p
    parameters.mu[chosen] = series.mean[chosen] + scale * x[:, MU]
    parameters.omega[chosen] = np.exp(x[:, LOG_OMEGA]) * scale**2
    parameters.alpha[chosen] = 2.0 * x[:, K] * news
    parameters.gamma[chosen] = 2.0 * (1.0 - 2.0 * x[:, K]) * news
    parameters.beta[chosen] = (1.0 - x[:, S]) * p
    if distribution == "t":
        parameters.nu[chosen] = 1.0 / x[:, ETA]
    loglikelihood[chosen] = -loss - series.count[chosen] * np.log(scale)
    return parameters, loglikelihood


def prepare(values: FloatArray) -> Series:
    """Gather the observed returns of every column, centred and of unit variance, and say which of
    them can be fitted.

    Parameters
    ----------
    values : (rows, assets)
        Returns, NaN where missing.

    Returns
    -------
    Series
    """
    found = gather(np.ascontiguousarray(values.T))
    status = np.full(len(found.length), FITTED, dtype=np.int64)
    status[found.nonzero < MIN_NONZERO] = TOO_FEW
    status[found.scale <= FLOOR * found.largest] = CONSTANT
    finite = np.isfinite(found.scale) & np.isfinite(found.raw_backcast)
    status[~finite | ((found.largest > 0.0) & (found.largest < 1e-100))] = NOT_FINITE
    status[found.length == 0] = EMPTY
    fit = status == FITTED
    return Series(
        SeriesArrays(
            found.values, found.first, found.length, np.where(fit, found.backcast, np.nan)
        ),
        mean=np.where(fit, found.mean, 0.0),
        scale=np.where(fit, found.scale, 1.0),
        raw_backcast=found.raw_backcast,
        unchanged=1.0 - found.nonzero / np.maximum(found.length, 1),
        status=status,
    )


def start_variance(series: Series, status: IntArray) -> FloatArray:
    """Return the variance before the first return: of a fit as it was fitted, else of the squared
    returns themselves.

    Parameters
    ----------
    series : Series
        What was fitted.
    status : (assets,) int
        Position in ``STATUS``.

    Returns
    -------
    (assets,)
    """
    fitted = series.arrays.backcast * series.scale**2
    return np.where(status == FITTED, fitted, series.raw_backcast)


def first_variance(recursion: Recursion, backcast: FloatArray) -> FloatArray:
    """Return the variance of the first return, from the one before it.

    Parameters
    ----------
    recursion : Recursion
        Parameters of every asset.
    backcast : (assets,)
        Variance before the first return.

    Returns
    -------
    (assets,)
    """
    first: FloatArray = (
        recursion.omega + (recursion.alpha + 0.5 * recursion.gamma + recursion.beta) * backcast
    )
    return first


def fitted_recursion(
    returns: FloatArray, model: str, distribution: str
) -> tuple[Recursion, FloatArray]:
    """Fit ``returns`` (rows, assets) and return what a filter over them starts from.

    Parameters
    ----------
    returns : (rows, assets)
        NaN where missing.
    model, distribution : str
        As in :func:`statarb.fit_garch`.

    Returns
    -------
    Recursion, (assets,)
        Parameters, and the variance of the first return.
    """
    fit = fit_array(returns, model, distribution)
    recursion = filter_parameters(fit.parameters, fit.status)
    return recursion, first_variance(recursion, fit.backcast)


def _to_search(native: Parameters, series: Series, box: Box) -> FloatArray:
    """Bring parameters in the scale of the returns into the coordinates of the search; NaN rows
    stay NaN.
    """
    news = native.alpha + 0.5 * native.gamma
    p = news + native.beta
    x = np.empty((len(p), 6))
    with np.errstate(divide="ignore", invalid="ignore"):
        x[:, MU] = (native.mu - series.mean) / series.scale
        x[:, LOG_OMEGA] = np.log(native.omega / series.scale**2)
        x[:, U] = np.log(1.0 + SLACK - np.minimum(p, 1.0))
        x[:, S] = np.where(p > 0.0, news / p, 0.5)
        x[:, K] = np.where(news > 0.0, 0.5 * native.alpha / news, 0.5)
        x[:, ETA] = 1.0 / native.nu
    x[:, ETA] = np.where(np.isnan(native.nu) & ~np.isnan(native.mu), 1.0 / START_NU, x[:, ETA])
    bad = ~np.isfinite(x).all(axis=1)
    inside: FloatArray = np.clip(x, box.low, box.high)
    inside[bad] = np.nan
    return inside


def filter_parameters(
    parameters: Parameters, status: IntArray, decay: float = EWMA_DECAY
) -> Recursion:
    """Return the parameters that the filter runs with: those fitted, else those of an exponentially
    weighted average with this decay.

    Parameters
    ----------
    parameters : Parameters
        What was fitted.
    status : (assets,) int
        Position in ``STATUS``.
    decay : float
        Of the average.

    Returns
    -------
    Recursion
    """
    fitted = status == FITTED
    average = ewma_recursion(len(status), decay)
    return Recursion(
        *(
            np.where(fitted, getattr(parameters, name), getattr(average, name))
            for name in Recursion._fields
        )
    )
