"""Forecasts from a stretch of rows: as made, and of the return from the trade on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.data.refits import refit_rows
from statarb.forecasting.base import clone
from statarb.forecasting.blocks import forecast_rows

__all__ = ["after_lag", "forecasts_from", "forecasts_over", "has_horizon", "with_horizon"]


def forecasts_from(forecaster: Any, panel: Panel, first: int, last: int, depth: int) -> FloatArray:
    """Forecast from each of the rows ``first`` to ``last - 1``.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted anew at each row. One with a parameter ``scan_every`` is fitted every so many rows,
        at those that :func:`statarb.data.refits.refit_rows` says: what it keeps of a scan is part
        of its forecast, and no saving of time. From rows before its ``min_rows``, where it has one,
        there is no forecast.
    panel : Panel
        The market; nothing after row ``last - 1`` is used, nor for any row what lies after it.
    first, last : int
        Rows, as positions in ``panel.times``.
    depth : int
        Most rows of a window.

    Returns
    -------
    (rows, assets)
        Expected log returns; NaN = no forecast.
    """
    return _blocks(forecaster, panel, first, last, depth, None)[0]


def forecasts_over(
    forecaster: Any, panel: Panel, first: int, last: int, depth: int, horizons: Sequence[int]
) -> list[FloatArray]:
    """Forecast over several horizons from each of the rows ``first`` to ``last - 1``.

    Parameters
    ----------
    forecaster : Forecaster
        With a parameter ``horizon``. One with a method ``forecast_blocks(panel, rows, fits, depth,
        horizons)``, as :class:`~statarb.cointegration.PairsSignal` has it, is fitted once for all
        horizons.
    panel, first, last, depth
        As for :func:`forecasts_from`.
    horizons : sequence of int
        Rows ahead.

    Returns
    -------
    list of (rows, assets)
        For each horizon the answer of :func:`forecasts_from` for the forecaster with that horizon.
    """
    if callable(getattr(forecaster, "forecast_blocks", None)):
        return _blocks(forecaster, panel, first, last, depth, horizons)
    return [
        forecasts_from(with_horizon(forecaster, horizon), panel, first, last, depth)
        for horizon in horizons
    ]


def _blocks(
    forecaster: Any,
    panel: Panel,
    first: int,
    last: int,
    depth: int,
    horizons: Sequence[int] | None,
) -> list[FloatArray]:
    """Forecast over each of these horizons, or over the forecaster's own one."""
    shape = last - first, len(panel.assets)
    found = [np.full(shape, np.nan) for _ in ([0] if horizons is None else horizons)]
    least = max(1, int(getattr(forecaster, "min_rows", 1)))
    ready = max(first, least - 1)
    if ready >= last or depth < least:
        return found
    rows = np.arange(ready, last, dtype=np.int64)
    fits = refit_rows(panel, rows, int(getattr(forecaster, "scan_every", 1)), least)
    # many small matrices: threads of BLAS cost ten times what they save
    with _threads().limit(limits=1, user_api="blas"):
        if horizons is None:
            made = [forecast_rows(forecaster, panel, rows, fits, depth=depth).forecasts]
        else:
            made, _ = clone(forecaster).forecast_blocks(panel, rows, fits, depth, horizons)
    for whole, part in zip(found, made, strict=True):
        whole[ready - first :] = part
    return found


@functools.cache
def _threads() -> ThreadpoolController:
    """Return the thread pools of this process, looked up once."""
    return ThreadpoolController()


def after_lag(forecast: Callable[[int], FloatArray], lag: int, horizon: int) -> FloatArray:
    """Forecast the return over ``horizon`` rows from the trade on.

    What is expected between the last row seen and the trade is over when the trade is made: it is
    taken off.

    Parameters
    ----------
    forecast : callable
        ``forecast(h)`` returns the forecasts over h rows from the last row seen, (rows, assets).
    lag : int
        Rows between the last row seen and the trade.
    horizon : int
        Rows from the trade on.

    Returns
    -------
    (rows, assets)
        The forecast over ``lag + horizon`` rows less that over ``lag`` rows; NaN = no forecast.
    """
    whole = forecast(lag + horizon)
    return whole if lag == 0 else whole - forecast(lag)


def has_horizon(forecaster: Any) -> bool:
    """Whether a forecaster can be asked for other horizons, by a parameter ``horizon``."""
    return "horizon" in getattr(forecaster, "get_params", dict)()


def with_horizon(forecaster: Any, horizon: int) -> Any:
    """Return a copy of a forecaster that forecasts over ``horizon`` rows."""
    return clone(forecaster).set_params(horizon=horizon)
