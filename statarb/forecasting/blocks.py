"""Many forecasts at once: each from its own window, by the forecaster's own block method or window
by window.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.forecasting.base import BlockForecaster, Forecaster, clone

__all__ = ["BlockResult", "forecast_rows"]


@dataclasses.dataclass(frozen=True, eq=False)
class BlockResult:
    """Forecasts of a stretch of rows.

    Parameters
    ----------
    forecasts : (steps, assets)
        Expected log returns from the last known price; NaN = no forecast.
    failed : (steps, assets)
        Where the last value stands in for a model that could not be estimated.
    seconds : (steps,)
        Time that each step took; for a forecaster that works in blocks, the mean of its block.
    """

    forecasts: FloatArray
    failed: BoolArray
    seconds: FloatArray


def forecast_rows(
    forecaster: Forecaster,
    panel: Panel,
    rows: IntArray,
    fits: IntArray | None = None,
    *,
    depth: int = 2016,
) -> BlockResult:
    """Forecast from each of these rows, looking at nothing after it.

    Parameters
    ----------
    forecaster : Forecaster
        Is copied, not changed. One with ``forecast_block`` does all rows at once, with the same
        answers.
    panel : Panel
        All rows.
    rows : (steps,) int
        Positions of rows, not decreasing: step k forecasts from the window of the last ``depth``
        rows up to and with ``rows[k]``.
    fits : (steps,) int, optional
        Position of the last row of the window that step k's model is fitted on, not decreasing and
        at most ``rows[k]``; by default ``rows``, a fit at every row.
    depth : int
        Largest number of rows of a window.

    Notes
    -----
    The row at t is known at t: its forecast is of the step after t.
    """
    depth = check_integer("depth", depth, at_least=1)
    rows = np.asarray(rows, dtype=np.int64)
    fits = rows if fits is None else np.asarray(fits, dtype=np.int64)
    model = clone(forecaster)
    began = time.perf_counter()
    if len(rows) and isinstance(model, BlockForecaster):
        forecasts, failed = model.forecast_block(panel, rows, fits, depth)
        return BlockResult(
            forecasts, failed, np.full(len(rows), (time.perf_counter() - began) / len(rows))
        )
    forecasts = np.full((len(rows), len(panel.assets)), np.nan)
    failed = np.zeros(forecasts.shape, dtype=np.bool_)
    seconds = np.zeros(len(rows))
    stamps = panel.times
    fitted = -1
    for step, (row, fit) in enumerate(zip(rows, fits, strict=True)):
        began = time.perf_counter()
        if fit != fitted:
            model.fit(panel.window(stamps[fit], depth))
            fitted = fit
        answer = model.predict(panel.window(stamps[row], depth))
        seconds[step] = time.perf_counter() - began
        forecasts[step] = _aligned(answer, panel.assets)
        failed[step] = getattr(model, "failed_", False)
    return BlockResult(forecasts, failed, seconds)


def _aligned(answer: pd.Series, assets: pd.Index) -> FloatArray:
    if not answer.index.equals(assets):
        answer = answer.reindex(assets)
    return answer.to_numpy(dtype=np.float64)
