"""Level 1 from a panel to its files: one forecaster, or a league of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import statarb.investors  # noqa: F401  (registers the forecasters that need two tools)
from statarb._core.checks import check_choice, check_integer
from statarb._core.files import atomic_path, output_folder
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
from statarb.results.forecast_files import STEPS, write_forecasts

__all__ = ["DAYS", "Level1", "forecast_days", "level1_assets", "write_level1"]

FIVE_MINUTES = pd.Timedelta(5, unit="min")

DAYS = ("2018-01-30", "2018-02-06", "2018-02-20", "2018-03-09", "2018-03-18")
"""The test days of the competition."""


@dataclasses.dataclass(frozen=True, eq=False)
class Level1:
    """Forecasts of the test days, and their scores.

    Attributes
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
    return {key: getattr(score, key) for key in ("Z", "M", "D", "R", "U")}


def level1_assets(panel: Panel, assets: Sequence[Hashable] | None = None) -> Panel:
    """Return the panel of the assets of level 1 (those that it has; all assets where it has none of
    them), or of ``assets``.
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
    depth: int = 2016,
    refit_every: int | None = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> Level1:
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
    return Level1(
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
        raise ParameterError(
            f"days names {next(day for day in starts if starts.count(day) > 1):%Y-%m-%d} twice"
        )
    first, last = panel.grid[0], panel.grid[-1]
    for start in starts:
        end = start + (STEPS - 1) * panel.step
        if start <= first or end > last:
            raise DataError(
                f"day {start:%Y-%m-%d} does not lie whole in the data, which run from {first} to "
                f"{last}; "
                "name other days (--days 2018-01-30,2018-02-06)"
            )
    return starts


def write_level1(
    panel: Panel,
    folder: str | os.PathLike[str],
    *,
    model: str | None = None,
    days: Sequence[Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    shaped: bool | None = None,
    assets: Sequence[Hashable] | None = None,
    depth: int = 2016,
    refit_every: int | None = None,
    n_jobs: int = 1,
    seed: int = 0,
    progress: bool = False,
) -> tuple[Path, str]:
    """Forecast the test days and write the files of level 1.

    Parameters
    ----------
    panel : Panel
        The market.
    folder : path
        See :func:`~statarb.results.write_forecasts`.
    model : str, optional
        Registered name; by default ``case_default``, shaped for the case's score, where the panel
        holds assets of the case, else ``default``. ``all`` runs a league of all
        registered forecasters, raw and shaped, writes it to ``forecast_league.csv``, and the files
        of its best.
    days : sequence of time, optional
        Test days; by default those of the competition that lie whole in the panel.
    parameters : mapping, optional
        Of the model's constructor.
    shaped : bool, optional
        Whether the files hold the shaped forecasts; by default those of models named ``case_...``
        do.
    assets, depth, refit_every, n_jobs, progress
        As for :func:`level1_assets` and :func:`forecast_days`.
    seed : int
        Of the league's bootstrap.

    Returns
    -------
    folder : Path
    summary : str
        What to print.

    Raises
    ------
    ParameterError
        Unknown model; lists the names.
    DataError
        A day outside the data.
    """
    if model is not None:
        check_choice("model", model, [*forecaster_names(), "all"])
    if panel.step != FIVE_MINUTES:
        raise DataError(
            f"the files of level 1 are days of {STEPS} steps of 5 min, and this panel has steps of "
            f"{step_text(panel.step)}; "
            "forecast it from Python with sa.forecast_walk, or put it on the grid with "
            "Panel.from_frame(prices, step='5min')"
        )
    few = level1_assets(panel, assets)
    chosen = list(days) if days is not None else _days_inside(few)
    settings: dict[str, Any] = {
        "depth": depth,
        "refit_every": refit_every,
        "n_jobs": n_jobs,
        "progress": progress,
    }
    if model == "all":
        if parameters:
            raise ParameterError("parameters are of one model; name it with model=, got 'all'")
        return _write_league(few, folder, chosen, settings, seed)
    of_the_case = any(asset in few.assets for asset in LEADERS)
    name = model or ("case_default" if of_the_case else "default")
    shaped = name.startswith("case_") if shaped is None else shaped
    forecaster = make_forecaster(name, **(parameters or {}))
    place = output_folder(folder)  # before the time that the forecasts take
    result = forecast_days(forecaster, few, chosen, model=name, **settings)
    _write(result, place, shaped)
    return place, result.summary()


def _write(result: Level1, folder: str | os.PathLike[str], shaped: bool) -> Path:
    return write_forecasts(
        result.run.forecasts if shaped else result.run.unshaped,
        result.shaped if shaped else result.raw,
        folder,
        [f"{day:%Y-%m-%d}" for day in result.days],
        model=f"{result.model}, shaped" if shaped else result.model,
        details=result.details(),
    )


def _days_inside(panel: Panel) -> list[str]:
    first, last = panel.grid[0], panel.grid[-1]
    inside = [
        day
        for day in DAYS
        if first < pd.Timestamp(day) and pd.Timestamp(day) + (STEPS - 1) * panel.step <= last
    ]
    if not inside:
        raise DataError(
            f"none of the competition's days lies whole in the data, which run from {first} to "
            f"{last}; name days with --days"
        )
    return inside


def _write_league(
    panel: Panel,
    folder: str | os.PathLike[str],
    days: Sequence[Any],
    settings: Mapping[str, Any],
    seed: int,
) -> tuple[Path, str]:
    place = output_folder(folder)
    results: dict[str, Level1] = {}
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
    with atomic_path(place / "forecast_league.csv") as temporary:
        table.to_csv(temporary, index=False)
    best = str(table["model"].iloc[0])
    _write(results[best.removesuffix(", shaped")], place, best.endswith(", shaped"))
    shown = table[
        ["model", "Z", "M", "D", "R", "U", "behind_best", "behind_low", "behind_high", "dm_p_value"]
    ]
    with np.printoptions(suppress=True):
        return place, shown.to_string(index=False, float_format=lambda value: f"{value:.4f}")
