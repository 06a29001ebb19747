"""Forecasting task, from a panel to its files: one forecaster, or a league of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import statarb.investors  # noqa: F401  (registers the forecasters that need two tools)
from statarb._core.case import DAYS, DEPTH, STEP, STEPS
from statarb._core.checks import check_choice, check_integer
from statarb._core.time import as_stamp, step_text
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.forecasting import (
    DirectionShaped,
    ForecastRun,
    forecaster_names,
    make_forecaster,
    run_forecasts,
)
from statarb.forecasting.base import Forecaster
from statarb.forecasting.compare import compare_forecasts
from statarb.forecasting.features import LEADERS
from statarb.forecasting.scores import ForecastScore, forecast_score
from statarb.pipelines.outcome import Outcome
from statarb.results import schema
from statarb.results.folder import claimed
from statarb.results.forecast_files import price_files, write_forecasts

__all__ = [
    "ForecastTask",
    "ForecastedDays",
    "days_inside",
    "forecast_days",
    "task_assets",
    "write_forecast_task",
]

DEFAULT, CASE_DEFAULT = "default", "case_default"
"""Registered names of the forecasters that run where none is named: on any market, and on the
case's, where shaped forecasts count."""
ALL = "all"
"""Runs a league of all registered forecasters."""


@dataclasses.dataclass(frozen=True)
class ForecastTask:
    """What is to be forecast, and by which model.

    Parameters
    ----------
    model : str, optional
        Registered name; by default ``case_default``, shaped for the case's score, where the panel
        holds assets of the case, else ``default``. ``all`` runs a league of all
        registered forecasters, raw and shaped, writes it to ``forecast_league.csv``, and the files
        of its best.
    parameters : mapping, optional
        Of the model's constructor.
    shaped : bool, optional
        Whether the files hold the shaped forecasts; by default those of models named ``case_...``
        do.
    days : sequence of time, optional
        Test days; by default those of the competition that lie whole in the panel.
    depth : int
        Largest number of observed rows in a window.
    refit_every : int, optional
        Steps between fits; by default what the forecaster asks for.
    seed : int
        Of the league's bootstrap.

    Raises
    ------
    ParameterError
        Unknown model (lists the names), or parameters for a league.
    """

    model: str | None = None
    parameters: Mapping[str, Any] | None = None
    shaped: bool | None = None
    days: Sequence[Any] | None = None
    depth: int = DEPTH
    refit_every: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the model before any work."""
        if self.model is not None:
            check_choice("model", self.model, [*forecaster_names(), ALL])
        if self.model == ALL and self.parameters:
            raise ParameterError("parameters are of one model; name it with model=, got 'all'")


@dataclasses.dataclass(frozen=True, eq=False)
class ForecastedDays:
    """Forecasts of the test days, and their scores.

    Parameters
    ----------
    model : str
        Name of the forecaster.
    run : ForecastRun
        All days, one after the other.
    days : list of Timestamp
        Start of each test day.
    raw, shaped : ForecastScore
        Scores as the model gives its forecasts, and direction-shaped.
    last_value : ForecastScore
        Scores of the last value on the same days.
    """

    model: str
    run: ForecastRun
    days: list[pd.Timestamp]
    raw: ForecastScore
    shaped: ForecastScore
    last_value: ForecastScore

    def details(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds beside the scores of the files."""
        return {
            "raw": _figures(self.raw),
            "shaped": _figures(self.shaped),
            "last_value": _figures(self.last_value),
            "fallbacks": int(self.run.fallbacks.sum()),
            "missing": int(self.run.missing.sum()),
            "seconds_per_step": float(self.run.seconds.mean()),
        }

    def summary(self) -> str:
        """Return the table of scores: raw, shaped, and the last value."""
        days = f"{len(self.days)} day{'s' if len(self.days) > 1 else ''}"
        lines = [
            f"{self.model}: {days}",
            f"{'':12s}{'Z':>8s}{'M %':>8s}{'DS %':>8s}{'R':>8s}{'U %':>10s}",
        ]
        for name, score in (
            ("raw", self.raw),
            ("shaped", self.shaped),
            ("last value", self.last_value),
        ):
            lines.append(
                f"{name:12s}{score.Z:8.2f}{score.M:8.4f}{score.D:8.2f}{score.R:8.3f}{score.U:10.5f}"
            )
        lines.append(
            f"fallbacks {int(self.run.fallbacks.sum())}, steps without a forecast "
            f"{int(self.run.missing.sum())}"
        )
        if len(self.days) == 1:
            lines.append("R compares days, and Z needs R: both need two days or more")
        return "\n".join(lines)


def _figures(score: ForecastScore) -> dict[str, float]:
    return {key: getattr(score, key) for key in schema.SCORES}


def task_assets(panel: Panel, assets: Sequence[Hashable] | None = None) -> Panel:
    """Return the panel of the assets that are forecast.

    Parameters
    ----------
    panel : Panel
        The market.
    assets : sequence of labels, optional
        By default the twenty of the case that the panel has; all where it has none of them.

    Returns
    -------
    Panel
    """
    if assets is None:
        assets = [asset for asset in LEADERS if asset in panel.assets] or list(panel.assets)
    return panel.select(assets)


def forecast_days(
    forecaster: Forecaster,
    panel: Panel,
    days: Sequence[Any] = DAYS,
    *,
    model: str | None = None,
    depth: int = DEPTH,
    refit_every: int | None = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> ForecastedDays:
    """Forecast every step of some days, each one step ahead, and score them.

    Parameters
    ----------
    forecaster : Forecaster
        Is copied, not changed. Its shaped forecasts are scored too, whether or not it is
        :class:`DirectionShaped` itself.
    panel : Panel
        The assets that are forecast, on a grid of 5 minutes.
    days : sequence of time
        Starts of the test days; each has 288 steps.
    model : str, optional
        Name; by default what the forecaster prints as.
    depth : int
        Largest number of observed rows in a window.
    refit_every : int, optional
        Steps between fits; by default what the forecaster asks for.
    n_jobs : int
        Processes; the forecasts do not depend on it.
    progress : bool
        Whether to show bars on a terminal.

    Returns
    -------
    ForecastedDays

    Raises
    ------
    DataError
        A day that does not lie whole in the panel, or so early that the window before it is too
        short.
    ParameterError
        No day, or a day twice.
    """
    starts = _starts(panel, days)
    if refit_every is None:
        refit_every = int(getattr(forecaster, "refit_every", 1))
    refit_every = check_integer("refit_every", refit_every, at_least=1)
    shaped = forecaster if isinstance(forecaster, DirectionShaped) else DirectionShaped(forecaster)
    parts = [
        run_forecasts(
            shaped,
            panel,
            start,
            start + (STEPS - 1) * panel.step,
            depth=depth,
            refit_every=refit_every,
            n_jobs=n_jobs,
            progress=progress,
        )
        for start in starts
    ]
    run = ForecastRun(
        *(
            pd.concat([getattr(part, name) for part in parts])
            for name in ("forecasts", "unshaped", "seconds")
        ),
        *(sum(getattr(part, name) for part in parts) for name in ("fallbacks", "missing")),
    )
    simple = pd.concat([_last_values(panel, part.forecasts.index, depth) for part in parts])
    price = panel.price

    def score(forecasts: pd.DataFrame, seconds: float) -> ForecastScore:
        return forecast_score(price, forecasts, starts, seconds, length=STEPS * panel.step)

    each = float(run.seconds.mean())
    return ForecastedDays(
        model=model or repr(forecaster),
        run=run,
        days=starts,
        raw=score(run.unshaped, each),
        shaped=score(run.forecasts, each),
        last_value=score(simple, 0.0),
    )


def _last_values(panel: Panel, index: pd.Index, depth: int) -> pd.DataFrame:
    known = run_forecasts(make_forecaster("last_value"), panel, index[0], index[-1], depth=depth)
    return known.forecasts


def _starts(panel: Panel, days: Sequence[Any]) -> list[pd.Timestamp]:
    if len(days) == 0:
        raise ParameterError("days must name at least one day, got none")
    starts = [pd.Timestamp(as_stamp("days", day)) for day in days]
    if len(set(starts)) < len(starts):
        double = next(day for day in starts if starts.count(day) > 1)
        raise ParameterError(f"days must differ, got {double:%Y-%m-%d} more than once")
    first, last = pd.Timestamp(panel.grid_array[0]), pd.Timestamp(panel.grid_array[-1])
    for start in starts:
        end = start + (STEPS - 1) * panel.step
        if start <= first or end > last:
            raise DataError(
                f"day {start:%Y-%m-%d} does not lie whole in the data, which run from {first} to "
                f"{last}; "
                "name other days (--days 2018-01-30,2018-02-06)"
            )
    return starts


def write_forecast_task(
    panel: Panel,
    folder: str | os.PathLike[str],
    task: ForecastTask | None = None,
    *,
    assets: Sequence[Hashable] | None = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> Outcome:
    """Forecast the test days and write the files of the forecasting task.

    Parameters
    ----------
    panel : Panel
        The market, on a grid of 5 minutes.
    folder : path
        See :func:`~statarb.results.write_forecasts`.
    task : ForecastTask, optional
        Model, days and window; by default the library's best on the competition's days.
    assets : sequence of labels, optional
        See :func:`task_assets`.
    n_jobs : int
        Processes; the forecasts do not depend on it.
    progress : bool
        Whether to show bars on a terminal.

    Returns
    -------
    Outcome
        The scores; ``facts`` are the content of ``metrics.json``, and the folder.

    Raises
    ------
    DataError
        Another grid, a day outside the data, an asset whose label cannot name a file, or a folder
        that cannot be written to or that another run holds.
    """
    task = ForecastTask() if task is None else task
    if panel.step != pd.Timedelta(STEP):
        raise DataError(
            f"the files of the forecasting task are days of {STEPS} steps of {STEP}, and this "
            f"panel has steps of {step_text(panel.step)}; score forecasts of it from Python with "
            "sa.forecast_walk"
        )
    few = task_assets(panel, assets)
    price_files(few.assets, 1)
    days = list(task.days) if task.days is not None else days_inside(few)
    if not days:
        raise DataError(
            "none of the competition's days lies whole in the data, which run from "
            f"{panel.grid[0]} to {panel.grid[-1]}; name days with --days"
        )
    settings: dict[str, Any] = {
        "depth": task.depth,
        "refit_every": task.refit_every,
        "n_jobs": n_jobs,
        "progress": progress,
    }
    with claimed(folder, schema.FORECASTS) as place:  # before the time that the forecasts take
        if task.model == ALL:
            return _write_league(few, place, days, settings, task.seed)
        of_the_case = any(asset in few.assets for asset in LEADERS)
        name = task.model or (CASE_DEFAULT if of_the_case else DEFAULT)
        shaped = name.startswith("case_") if task.shaped is None else task.shaped
        forecaster = make_forecaster(name, **(task.parameters or {}))
        result = forecast_days(forecaster, few, days, model=name, **settings)
        return Outcome(result.summary(), _write(result, place, shaped))


def _write(
    result: ForecastedDays, folder: Path, shaped: bool, league: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Write the files of one forecaster; return what ``metrics.json`` holds."""
    score = result.shaped if shaped else result.raw
    model = f"{result.model}, shaped" if shaped else result.model
    details = result.details()
    write_forecasts(
        result.run.forecasts if shaped else result.run.unshaped,
        score,
        folder,
        [f"{day:%Y-%m-%d}" for day in result.days],
        model=model,
        details=details,
        league=league,
    )
    return {**_figures(score), "model": model, **details, "folder": str(folder)}


def days_inside(panel: Panel) -> list[str]:
    """Return the competition's test days that lie whole in a panel, with a row before them.

    Parameters
    ----------
    panel : Panel
        The market.

    Returns
    -------
    list of str
    """
    first, last = pd.Timestamp(panel.grid_array[0]), pd.Timestamp(panel.grid_array[-1])
    return [
        day
        for day in DAYS
        if first < pd.Timestamp(day) and pd.Timestamp(day) + (STEPS - 1) * panel.step <= last
    ]


def _write_league(
    panel: Panel, folder: Path, days: Sequence[Any], settings: Mapping[str, Any], seed: int
) -> Outcome:
    results: dict[str, ForecastedDays] = {}
    for name in forecaster_names():
        results[name] = forecast_days(make_forecaster(name), panel, days, model=name, **settings)
    paths = {name: result.run.unshaped for name, result in results.items()}
    paths.update({f"{name}, shaped": result.run.forecasts for name, result in results.items()})
    seconds = {
        name: float(results[name.removesuffix(", shaped")].run.seconds.mean()) for name in paths
    }
    starts = next(iter(results.values())).days
    table = compare_forecasts(panel.price, paths, starts, seconds, seed=seed)
    table["fallbacks"] = [
        int(results[name.removesuffix(", shaped")].run.fallbacks.sum()) for name in table["model"]
    ]
    best = str(table["model"].iloc[0])
    facts = _write(
        results[best.removesuffix(", shaped")], folder, best.endswith(", shaped"), league=table
    )
    shown = table[
        [*schema.FORECAST_LEAGUE_COLUMNS, "behind_best", "behind_low", "behind_high", "dm_p_value"]
    ]
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    text = shown.to_string(index=False, float_format=lambda value: f"{value:.4f}")
    return Outcome(text, {**facts, "league": rows})
