"""Forecasts of many rows, each from its own window: by the forecaster's own block method, or
window by window.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer
from statarb._core.tables import as_numbers
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import DataError
from statarb.forecasting.base import BlockForecaster, Forecaster, clone
from statarb.forecasting.features import known_prices

__all__ = ["BlockResult", "forecast_rows"]


@dataclasses.dataclass(frozen=True, eq=False)
class BlockResult:
    """Forecasts of a stretch of rows.

    Parameters
    ----------
    forecasts : (steps, assets)
        Expected log returns from the last known price; NaN = no forecast.
    failed : (steps, assets)
        Where the model could not be estimated and the forecast is the last value.
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
    depth: int = DEPTH,
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

    Returns
    -------
    BlockResult

    Raises
    ------
    DataError
        The forecaster's answer is not a Series by asset, is infinite, or holds prices instead of
        log returns.

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
        _check_size(model, forecasts, panel.assets)
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
        window = panel.window(stamps[row], depth)
        answer = model.predict(window)
        seconds[step] = time.perf_counter() - began
        forecasts[step] = aligned(model, answer, panel.assets)
        failed[step] = getattr(model, "failed_", False)
        if step == 0:
            _check_no_prices(model, forecasts[0], window)
    _check_size(model, forecasts, panel.assets)
    return BlockResult(forecasts, failed, seconds)


LARGEST_RETURN = 10.0
"""Largest absolute log return that a forecast may have: a factor of 22,026."""
NEAR_PRICE = 0.2
"""Relative distance from the last price at which an answer is that price, and not a return."""


def aligned(model: object, answer: Any, assets: pd.Index) -> FloatArray:
    """Return the answer of a forecaster's ``predict`` as an array (assets,); NaN for an asset that
    it does not name.

    Parameters
    ----------
    model : Forecaster
        Whose answer it is, for messages.
    answer : Series
        Expected log returns by asset.
    assets : Index
        Assets of the panel.

    Returns
    -------
    (assets,)

    Raises
    ------
    DataError
        The answer is no Series of numbers by asset.
    """
    if not isinstance(answer, pd.Series):
        shape = getattr(answer, "shape", None)
        raise DataError(
            f"predict of {type(model).__name__} must return a Series by asset of expected log "
            f"returns, got {type(answer).__name__}{f' of shape {shape}' if shape else ''}; return "
            "pd.Series(values, index=window.assets)"
        )
    if not answer.index.equals(assets):
        if not answer.index.is_unique:
            raise DataError(
                f"predict of {type(model).__name__} names the asset "
                f"{answer.index[answer.index.duplicated()][0]!r} twice"
            )
        if len(answer) and not answer.index.isin(assets).any():
            raise DataError(
                f"predict of {type(model).__name__} must name assets of the panel, such as "
                f"{assets[0]!r}, got a Series with the label {answer.index[0]!r}"
            )
        answer = answer.reindex(assets)
    return as_numbers(f"the answer of predict of {type(model).__name__}", answer)


def _check_no_prices(model: object, forecast: FloatArray, window: Panel) -> None:
    """Refuse answers that are the prices themselves."""
    last = known_prices(window)[-1]
    known = np.isfinite(forecast) & np.isfinite(last)
    near = known & (np.abs(forecast - last) <= NEAR_PRICE * last)
    # Two assets may be worth what their expected returns are, or one of a few cents; a market not.
    if near.any() and near.sum() == known.sum() and (near.sum() > 2 or last[near].min() > 0.2):
        column = int(np.flatnonzero(near)[0])
        raise DataError(_prices_for_returns(model, forecast[column], window.assets[column]))


def _check_size(model: object, forecasts: FloatArray, assets: pd.Index) -> None:
    """Refuse answers that are no log returns by their size, or infinite."""
    # NaN compares false: it is an allowed answer.
    wrong = np.abs(forecasts) > LARGEST_RETURN
    if wrong.any():
        step, column = (int(place[0]) for place in np.nonzero(wrong))
        raise DataError(_prices_for_returns(model, forecasts[step, column], assets[column]))


def _prices_for_returns(model: object, value: float, asset: Any) -> str:
    return (
        f"predict of {type(model).__name__} must return expected log returns from the last known "
        f"price, got {value:g} for asset {asset!r}; a price forecast p is the return "
        "np.log(p / last price)"
    )
