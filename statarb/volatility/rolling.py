"""Volatility forecasts through time: every asset, every step, from the past alone; models are
refitted once a day and filtered in between.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.time import Stamps
from statarb._core.typing import FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.volatility.arch_fit import fit_arch
from statarb.volatility.arch_forecaster import ArchForecaster
from statarb.volatility.estimation import (
    FITTED,
    MIN_NONZERO,
    Parameters,
    check_jobs,
    filter_parameters,
    first_variance,
    fit_array,
)
from statarb.volatility.filters import EWMA_DECAY, ewma_recursion, filter_rows

__all__ = ["rolling_volatility"]


def rolling_volatility(
    panel: Panel,
    model: Literal["garch", "gjr", "ewma"] | ArchForecaster = "garch",
    distribution: Literal["normal", "t"] = "normal",
    *,
    depth: int = DEPTH,
    refit_every: str | pd.Timedelta = "1D",
    extra_starts: int = 1,
    decay: float = EWMA_DECAY,
    field: str = "price",
    on: Literal["grid", "rows"] = "grid",
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Forecast the volatility of every asset's next return, at every step.

    Parameters
    ----------
    panel : Panel
        Prices. An asset's return at a row is the log return from its last known price.
    model : {"garch", "gjr", "ewma"} or ArchForecaster
        What is fitted; ``"ewma"`` needs no fit. An object of
        :func:`statarb.volatility.arch_forecaster` gives any model of arch, much more slowly.
    distribution : {"normal", "t"}
        As in :func:`statarb.fit_garch`.
    depth : int
        Rows that a fit may look back on.
    refit_every : str or Timedelta
        The models are refitted at the first row of each such span of time, counted from 1970.
    extra_starts : int
        Standard starting points tried at each refit in addition to the previous parameters; -1 for
        all.
    decay : float
        Weight of the past in the exponentially weighted average: of ``model="ewma"``, and of assets
        that cannot be fitted.
    field : str
        ``"price"``, or ``"unrounded"``.
    on : {"grid", "rows"}
        Whether the result has one row for every time of the grid (a time without a quote repeats
        the last forecast), or one for every row of the panel.
    n_jobs : int
        Threads; -1 takes all processors. The result has the same bits for every number.

    Returns
    -------
    DataFrame, grid (or rows) x assets
        The value at t is the standard deviation, as forecast from rows up to and including t, of
        the asset's next return: that at the next row at which it is quoted. NaN before the first
        return. To compare it with returns, shift it by one row.

    Raises
    ------
    DataError
        A panel whose filled cells look ahead.
    ParameterError
        An option outside its range.

    Notes
    -----
    At a refit at row t the models see the last ``depth`` rows up to and including t, their search
    starts from the parameters of the refit before, and the filter runs from the window's first row
    to the row before the next refit. An asset that has no usable fit (too few returns, constant,
    not converged) has an exponentially weighted average of its squared returns until the next
    refit. Before the first refit all assets have one.
    """
    if panel.looks_ahead:
        raise DataError(
            f"the panel was filled by {panel.imputation!r}, which looks ahead; give the panel as "
            "it was read, or one filled "
            "from the past"
        )
    if not isinstance(model, ArchForecaster):
        model = check_choice("model", model, ("garch", "gjr", "ewma"))
    distribution = check_choice("distribution", distribution, ("normal", "t"))
    depth = check_integer("depth", depth, at_least=MIN_NONZERO)
    extra = check_integer("extra_starts", extra_starts, at_least=-1)
    decay = check_number("decay", decay, at_least=0.0, below=1.0)
    on = check_choice("on", on, ("grid", "rows"))
    jobs = check_jobs(n_jobs)
    returns = panel.log_returns(field)
    refits = _refit_rows(panel.times_array, refit_every)
    after = np.empty_like(returns)
    assets = returns.shape[1]
    # Until the first refit, and for model="ewma" throughout.
    filter_rows(returns, ewma_recursion(assets, decay), np.full(assets, np.nan), after)
    if isinstance(model, ArchForecaster):
        _walk_arch(returns, after, refits, depth, model, jobs)
    elif model != "ewma":
        _walk_garch(returns, after, refits, depth, model, distribution, extra, decay, jobs)
    return _labelled(np.sqrt(after), panel, on)


def _refit_rows(times: Stamps, refit_every: str | pd.Timedelta) -> IntArray:
    """Return the rows that are the first of a new span of time; none before there could be a
    fit.
    """
    try:
        span = int(pd.Timedelta(refit_every) // pd.Timedelta(1, unit="us"))
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"refit_every must be a time span such as '1D', got {refit_every!r}"
        ) from error
    if span <= 0:
        raise ParameterError(
            f"refit_every must be a positive time span such as '1D', got {refit_every!r}"
        )
    period = times.astype(np.int64) // span
    rows = np.flatnonzero(np.append(True, np.diff(period) > 0))
    return rows[rows >= MIN_NONZERO]


def _walk_garch(
    returns: FloatArray,
    after: FloatArray,
    refits: IntArray,
    depth: int,
    model: str,
    distribution: str,
    extra: int,
    decay: float,
    jobs: int,
) -> None:
    """Fill ``after``, the variance of the next return, from the first refit on."""
    last: Parameters | None = None
    for number, row in enumerate(refits):
        low = max(0, row + 1 - depth)
        end = refits[number + 1] if number + 1 < len(refits) else len(returns)
        fit = fit_array(returns[low : row + 1], model, distribution, last, extra, jobs)
        recursion = filter_parameters(fit.parameters, fit.status, decay)
        block = np.empty((end - low, returns.shape[1]))
        filter_rows(returns[low:end], recursion, first_variance(recursion, fit.backcast), block)
        after[row:end] = block[row - low :]
        fitted = fit.status == FITTED
        last = Parameters(*(np.where(fitted, column, np.nan) for column in fit.parameters))


def _walk_arch(
    returns: FloatArray,
    after: FloatArray,
    refits: IntArray,
    depth: int,
    model: ArchForecaster,
    jobs: int,
) -> None:
    for number, row in enumerate(refits):
        low = max(0, row + 1 - depth)
        end = refits[number + 1] if number + 1 < len(refits) else len(returns)
        fit = fit_arch(model, returns[low : row + 1], n_jobs=jobs)
        block = fit.variance_after(returns[row + 1 : end])
        fitted = ~fit.fallback.to_numpy()
        after[row:end, fitted] = block[:, fitted]


def _labelled(sigma: FloatArray, panel: Panel, on: str) -> pd.DataFrame:
    if on == "rows":
        return pd.DataFrame(sigma, index=panel.times, columns=panel.assets)
    place = np.searchsorted(panel.rows, np.arange(len(panel.grid)), side="right") - 1
    whole: Any = sigma[np.maximum(place, 0)]
    whole[place < 0] = np.nan
    return pd.DataFrame(whole, index=panel.grid, columns=panel.assets)
