"""Forecasts from a stretch of rows, as the investors that trade on forecasts need them."""

from __future__ import annotations

from typing import Any

import numpy as np

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.forecasting.blocks import forecast_rows

__all__ = ["forecasts_from"]


def forecasts_from(forecaster: Any, panel: Panel, first: int, last: int, depth: int) -> FloatArray:
    """Return the forecasts from the rows ``first`` to ``last - 1``, (rows, assets): expected log
    returns, NaN = no forecast.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted anew at each row. From rows before its ``min_rows``, where it has one, there is no
        forecast.
    panel : Panel
        The market; nothing after row ``last - 1`` is used, nor for any row what comes after it.
    first, last : int
        Rows, as positions in ``panel.times``.
    depth : int
        Most rows of a window.
    """
    found = np.full((last - first, len(panel.assets)), np.nan)
    least = int(getattr(forecaster, "min_rows", 1))
    ready = max(first, least - 1)
    if ready < last and depth >= least:
        rows = np.arange(ready, last, dtype=np.int64)
        found[ready - first :] = forecast_rows(forecaster, panel, rows, depth=depth).forecasts
    return found
