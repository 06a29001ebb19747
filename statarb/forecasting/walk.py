"""Forecasts through time: every step sees the past alone; blocks of steps run in parallel, with the
same answers for any number of workers.
"""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import Any

import joblib
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer, check_jobs, check_panel
from statarb._core.progress import track
from statarb._core.time import as_stamp
from statarb._core.typing import BoolArray, IntArray, TimeLike
from statarb.data.panel import Panel
from statarb.data.shared_memory import SharedPanel, shared
from statarb.errors import DataError, ParameterError
from statarb.forecasting.base import Forecaster, as_forecaster, clone
from statarb.forecasting.blocks import BlockResult, forecast_rows
from statarb.forecasting.features import known_prices
from statarb.forecasting.shaping import DirectionShaped, shape_directions

__all__ = ["BlockResult", "ForecastRun", "forecast_rows", "forecast_walk", "run_forecasts"]

BLOCK = 1024
"""Steps of a block, rounded up to whole refits. It does not depend on the number of workers, so
neither do the answers.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class ForecastRun:
    """Forecasts through time, with times and counts.

    Parameters
    ----------
    forecasts : DataFrame
        Price forecasts, grid time x asset; the row at t was made with what was known one step
        before t. NaN = no forecast.
    unshaped : DataFrame
        The same before :class:`~statarb.forecasting.DirectionShaped` was applied.
    seconds : Series
        Time that each step took, for all assets together; in blocks, the mean of its block.
    fallbacks, missing : Series
        By asset: steps at which the forecast is the last value because the model could not be
        estimated, and steps without a forecast because the asset had no quote in the window.
    """

    forecasts: pd.DataFrame
    unshaped: pd.DataFrame
    seconds: pd.Series
    fallbacks: pd.Series
    missing: pd.Series


def forecast_walk(
    forecaster: Forecaster | str,
    panel: Panel,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    *,
    depth: int = DEPTH,
    refit_every: int = 1,
    n_jobs: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Forecast the price of every step of the grid, each one step ahead.

    Parameters
    ----------
    forecaster : Forecaster or str
        Is copied, not changed; or a registered name.
    panel : Panel
        Prices; forecasts are of the quoted price.
    start, end : time, optional
        First and last step that is forecast; by default from the first step whose window is long
        enough for the forecaster (its ``min_rows``, else one row), to the end of the grid.
    depth : int
        Largest number of observed rows in a window.
    refit_every : int
        Steps between fits, counted from ``start``. Between them the last model forecasts from the
        newest window.
    n_jobs : int
        Processes, through joblib's current backend; the forecasts do not depend on it.
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    DataFrame
        Price forecasts, grid time x asset. The row at t is made with what was known one step before
        t; also where nothing is quoted at t. NaN where the asset has no quote in the window.

    Raises
    ------
    DataError
        ``start`` outside the panel, or so early that the first window is too short for the
        forecaster; a panel of too few rows; a forecaster whose answers are no Series of log
        returns.
    ParameterError
        ``refit_every`` or ``depth`` below 1, ``start`` after ``end``, an unknown name, or an object
        that does not forecast.
    """
    run = run_forecasts(
        forecaster,
        panel,
        start,
        end,
        depth=depth,
        refit_every=refit_every,
        n_jobs=n_jobs,
        progress=progress,
    )
    return run.forecasts


def run_forecasts(
    forecaster: Forecaster | str,
    panel: Panel,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    *,
    depth: int = DEPTH,
    refit_every: int = 1,
    n_jobs: int = 1,
    progress: bool = False,
) -> ForecastRun:
    """Forecast as :func:`forecast_walk` does, and keep times and counts too.

    Parameters
    ----------
    forecaster, panel, start, end, depth, refit_every, n_jobs, progress
        As for :func:`forecast_walk`.

    Returns
    -------
    ForecastRun

    Raises
    ------
    DataError, ParameterError
        As for :func:`forecast_walk`.
    """
    forecaster = as_forecaster(forecaster)
    check_panel(panel)
    depth = check_integer("depth", depth, at_least=1)
    refit_every = check_integer("refit_every", refit_every, at_least=1)
    n_jobs = check_jobs(n_jobs)
    steps = _steps(panel, _first_step(forecaster, panel) if start is None else start, end)
    rows = np.searchsorted(panel.rows, steps, side="left") - 1
    if rows[0] < 0:
        raise DataError(
            f"nothing was quoted before start={panel.grid[steps[0]]}; the first quote is at "
            f"{panel.times[0]}, and a forecast is made with what was known one step before"
        )
    fits = rows[np.arange(len(rows)) // refit_every * refit_every]
    outer = forecaster if isinstance(forecaster, DirectionShaped) else None
    inner = forecaster if outer is None else outer.forecaster
    answer = _in_blocks(inner, panel, rows, fits, depth, refit_every, n_jobs, progress)
    base = known_prices(panel, depth=depth)[rows]
    raw = base * np.exp(answer.forecasts)
    shaped, seconds = raw, answer.seconds
    if outer is not None:
        way = answer.forecasts
        if outer.direction is not None:
            other = _in_blocks(
                outer.direction, panel, rows, fits, depth, refit_every, n_jobs, progress
            )
            way, seconds = other.forecasts, seconds + other.seconds
        shaped = shape_directions(raw, way, _observed(panel, steps), outer.nudge)
    index, assets = panel.grid[steps], panel.assets
    return ForecastRun(
        forecasts=pd.DataFrame(shaped, index=index, columns=assets),
        unshaped=pd.DataFrame(raw, index=index, columns=assets),
        seconds=pd.Series(seconds, index=index, name="seconds"),
        fallbacks=pd.Series(answer.failed.sum(axis=0), index=assets, name="fallbacks"),
        missing=pd.Series(np.isnan(raw).sum(axis=0), index=assets, name="missing"),
    )


def _first_step(forecaster: Forecaster, panel: Panel) -> TimeLike:
    """First step of the grid that has a window of the rows that the forecaster needs before it."""
    needed = max(int(getattr(forecaster, "min_rows", 1)), 1)
    if len(panel.times) < needed or int(panel.rows[needed - 1]) + 1 >= len(panel.grid):
        raise DataError(
            f"{type(forecaster).__name__} needs {needed} rows before its first forecast, and the "
            f"panel has {len(panel.times)}; give a longer panel, or a forecaster with fewer lags "
            "or scale_rows"
        )
    return panel.grid[int(panel.rows[needed - 1]) + 1]


def _steps(panel: Panel, start: TimeLike, end: TimeLike | None) -> IntArray:
    """Positions in the grid of the steps to forecast."""
    grid = panel.grid_array
    first = as_stamp("start", start)
    last = grid[-1] if end is None else as_stamp("end", end)
    if end is not None and first > last:
        raise ParameterError(
            f"start must not be after end, got start={pd.Timestamp(first)} and "
            f"end={pd.Timestamp(last)}"
        )
    low, high = np.searchsorted(grid, first, side="left"), np.searchsorted(grid, last, side="right")
    if low >= high:
        raise DataError(
            f"no step from {pd.Timestamp(first)} to {pd.Timestamp(last)} lies in the panel, which "
            f"runs from {panel.grid[0]} to {panel.grid[-1]}"
        )
    return np.arange(low, high, dtype=np.int64)


def _observed(panel: Panel, steps: IntArray) -> BoolArray:
    """Whether each cell of these steps was quoted."""
    seen = np.zeros((len(panel.grid), len(panel.assets)), dtype=np.bool_)
    seen[panel.rows] = panel.observed_array
    return seen[steps]


def _in_blocks(
    forecaster: Forecaster,
    panel: Panel,
    rows: IntArray,
    fits: IntArray,
    depth: int,
    refit_every: int,
    n_jobs: int,
    progress: bool,
) -> BlockResult:
    """Forecast block by block; a block starts with a fit, and gets no more rows than its windows
    need.
    """
    length = -(-BLOCK // refit_every) * refit_every
    cuts = [slice(low, min(low + length, len(rows))) for low in range(0, len(rows), length)]
    alone = joblib.effective_n_jobs(n_jobs) == 1
    with nullcontext(panel) if alone else shared(panel) as market:
        tasks = [
            joblib.delayed(_block)(clone(forecaster), market, rows[cut], fits[cut], depth)
            for cut in cuts
        ]
        runner = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
        done: list[BlockResult] = list(
            track(runner(tasks), "forecast", total=len(tasks), show=progress)
        )
    return BlockResult(
        *(
            np.concatenate([getattr(one, name) for one in done])
            for name in ("forecasts", "failed", "seconds")
        )
    )


def _block(
    forecaster: Any, market: Panel | SharedPanel, rows: IntArray, fits: IntArray, depth: int
) -> BlockResult:
    panel = market.open() if isinstance(market, SharedPanel) else market
    low = max(int(fits[0]) - depth + 1, 0)
    part = panel.between(panel.times[low], panel.times[int(rows[-1])])
    with threadpool_limits(1):
        return forecast_rows(forecaster, part, rows - low, fits - low, depth=depth)
