"""Forecasts from a stretch of rows: as made, and of the return from the trade on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.forecasting.base import clone
from statarb.forecasting.blocks import forecast_rows

__all__ = ["after_lag", "forecasts_from", "has_horizon", "with_horizon"]


def forecasts_from(forecaster: Any, panel: Panel, first: int, last: int, depth: int) -> FloatArray:
    """Forecast from each of the rows ``first`` to ``last - 1``.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted anew at each row. From rows before its ``min_rows``, where it has one, there is no
        forecast.
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
    found = np.full((last - first, len(panel.assets)), np.nan)
    least = int(getattr(forecaster, "min_rows", 1))
    ready = max(first, least - 1)
    if ready < last and depth >= least:
        rows = np.arange(ready, last, dtype=np.int64)
        # many small matrices: threads of BLAS cost ten times what they save
        with _threads().limit(limits=1, user_api="blas"):
            found[ready - first :] = forecast_rows(forecaster, panel, rows, depth=depth).forecasts
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
