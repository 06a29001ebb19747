"""The files of level 1: one of prices for each asset and test period, and the metric files; written
and validated.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.files import output_folder, write_json, write_text
from statarb.errors import DataError, ParameterError
from statarb.forecasting.features import LEADERS
from statarb.forecasting.scores import ForecastScore

__all__ = ["STEPS", "ForecastFiles", "ForecastProblem", "validate_forecasts", "write_forecasts"]

STEPS = 288
"""Steps of a test period: one day of 5 minutes."""

_METRICS = ("Z", "M", "D", "R", "U", "model")
_DECIMAL = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_PRICE_FILE = re.compile(r"^(?P<asset>.+)_(?P<period>\d+)\.csv$")


@dataclasses.dataclass(frozen=True)
class ForecastProblem:
    """One thing that is wrong: in which file and line (1 is the first; 0: the whole file), and
    what.
    """

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        """Say where, and what."""
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.what}"


@dataclasses.dataclass(frozen=True)
class ForecastFiles:
    """What a folder of forecasts holds, and what is wrong with it.

    Attributes
    ----------
    folder : Path
        The folder.
    files : int
        Price files found.
    problems : tuple of ForecastProblem
        In the order of files and lines.
    """

    folder: Path
    files: int
    problems: tuple[ForecastProblem, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        """Say the same as :meth:`summary`."""
        return self.summary()

    def summary(self) -> str:
        """Say in a line whether it is valid, or in a few what is wrong first."""
        if self.valid:
            return f"{self.folder}: {self.files} files of forecasts, valid"
        shown = "\n".join(f"  {problem}" for problem in self.problems[:10])
        rest = len(self.problems) - 10
        return f"{self.folder}: {len(self.problems)} problems\n{shown}" + (
            f"\n  ... and {rest} more" if rest > 0 else ""
        )


def write_forecasts(
    forecasts: pd.DataFrame,
    score: ForecastScore,
    folder: str | os.PathLike[str],
    days: Sequence[Any],
    *,
    model: str,
    details: Mapping[str, Any] | None = None,
) -> Path:
    """Write price forecasts and their scores as the competition wants them.

    Parameters
    ----------
    forecasts : DataFrame
        Price forecasts, time x asset; the row at t is the forecast for t.
    score : ForecastScore
        Of the same assets and days, from :func:`~statarb.forecasting.forecast_score`.
    folder : path
        Made where it does not exist. Gets ``<coinID>_<period>.csv`` (one column without a header, a
        row a step, earliest first; shortest digits that give the number back), ``metrics_MAPE.csv``
        and ``metrics_DS.csv`` (``coinID``, then a column a period), ``metrics_R.csv`` and
        ``metrics.json``; each written whole or not at all.
    days : sequence of time
        Start of each test period; their numbers are 1, 2, ...
    model : str
        Name of the forecaster, for ``metrics.json``.
    details : mapping, optional
        Further entries of ``metrics.json``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        A day whose steps the forecasts do not hold, or a folder that cannot be written to.
    ParameterError
        The score is of other assets or of another number of periods.
    """
    assets = list(forecasts.columns)
    if list(score.mape.index) != assets or score.mape.shape[1] != len(days):
        raise ParameterError(
            f"score must be of the assets of forecasts and of {len(days)} periods, got "
            f"{score.mape.shape[0]} assets and "
            f"{score.mape.shape[1]} periods"
        )
    parts = [_day(forecasts, day) for day in days]
    place = output_folder(folder)
    for number, part in enumerate(parts, start=1):
        for asset in assets:
            write_text(
                place / f"{asset}_{number}.csv",
                "".join(f"{price!r}\n" for price in part[asset].tolist()),
            )
    for name, table in (("MAPE", score.mape), ("DS", score.directional_symmetry)):
        write_text(
            place / f"metrics_{name}.csv",
            _table(table, [str(number) for number in range(1, len(days) + 1)]),
        )
    write_text(place / "metrics_R.csv", _table(score.dispersion.to_frame(), ["R"]))
    figures = {key: getattr(score, key) for key in ("Z", "M", "D", "R", "U")}
    write_json(
        place / "metrics.json",
        {**figures, "model": model, "days": [str(day) for day in days], **(details or {})},
    )
    return place


def _day(forecasts: pd.DataFrame, day: Any) -> pd.DataFrame:
    steps = pd.date_range(pd.Timestamp(day), periods=STEPS, freq="5min")
    absent = steps[~steps.isin(forecasts.index)]
    if len(absent):
        raise DataError(
            f"day {day} needs forecasts of {STEPS} steps from {steps[0]} to {steps[-1]}; there is "
            f"none for {absent[0]}"
        )
    return forecasts.loc[steps]


def _table(table: pd.DataFrame, names: Sequence[str]) -> str:
    lines = [",".join(["coinID", *names])]
    for asset, values in zip(table.index, table.to_numpy(dtype=np.float64), strict=True):
        lines.append(
            ",".join(
                [str(asset), *("" if math.isnan(value) else repr(float(value)) for value in values)]
            )
        )
    return "\n".join(lines) + "\n"


def validate_forecasts(
    folder: str | os.PathLike[str],
    assets: Sequence[Hashable] | None = None,
    *,
    periods: int = 5,
    steps: int = STEPS,
) -> ForecastFiles:
    """Check a folder of forecasts as the jury's machine would, and say what is wrong in which file
    and line.

    Every file must be there and no other price file; each has exactly ``steps`` lines, every line
    one positive finite decimal number, no header. The metric files have a row an asset and a column
    a period, within their ranges, and no two equal columns; M, D and R in ``metrics.json`` are the
    means of those files, and Z = D - M - R - U.

    Parameters
    ----------
    folder : path
        Written by :func:`write_forecasts`, or by anyone.
    assets : sequence of labels, optional
        By default the twenty assets of level 1.
    periods, steps : int
        Test periods, and steps of each.

    Raises
    ------
    DataError
        The folder is missing. What is wrong inside it is reported, not raised.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"{place} is not a folder; give the one that `statarb forecast` wrote")
    periods = check_integer("periods", periods, at_least=1)
    steps = check_integer("steps", steps, at_least=1)
    wanted = [str(asset) for asset in (LEADERS if assets is None else assets)]
    problems: list[ForecastProblem] = []
    expected = {f"{asset}_{period}.csv" for asset in wanted for period in range(1, periods + 1)}
    found = {
        path.name
        for path in place.iterdir()
        if _PRICE_FILE.match(path.name) and not path.name.startswith("metrics_")
    }
    for name in sorted(expected | found):
        if name not in found:
            problems.append(ForecastProblem(name, 0, "the file is missing"))
        elif name not in expected:
            problems.append(
                ForecastProblem(
                    name,
                    0,
                    f"no such asset or period is wanted ({len(wanted)} assets, {periods} periods)",
                )
            )
        else:
            problems += _price_problems(place / name, steps)
    tables = {}
    for name, low, high in (("MAPE", 0.0, math.inf), ("DS", 0.0, 100.0)):
        tables[name], more = _metric_table(
            place / f"metrics_{name}.csv", wanted, periods, low, high
        )
        problems += more
    tables["R"], more = _metric_table(place / "metrics_R.csv", wanted, 1, 0.0, math.inf)
    problems += more + _summary_problems(place / "metrics.json", tables)
    return ForecastFiles(place, len(found & expected), tuple(problems))


def _lines(path: Path) -> list[str] | None:
    """Lines of a file; None where it is no text."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _price_problems(path: Path, steps: int) -> list[ForecastProblem]:
    lines = _lines(path)
    if lines is None:
        return [ForecastProblem(path.name, 0, "is not text in UTF-8")]
    problems = []
    for number, line in enumerate(lines, start=1):
        price = _number(line)
        if price is None:
            columns = len(line.split(","))
            what = (
                f"{columns} columns; one is wanted"
                if columns > 1
                else f"{line!r} is no decimal number"
            )
            problems.append(
                ForecastProblem(
                    path.name, number, what + ("; no header is wanted" if number == 1 else "")
                )
            )
        elif not (price > 0.0 and math.isfinite(price)):
            problems.append(
                ForecastProblem(
                    path.name, number, f"a price must be positive and finite, got {line}"
                )
            )
    if len(lines) != steps:
        problems.append(
            ForecastProblem(path.name, len(lines), f"{len(lines)} lines; {steps} are wanted")
        )
    return problems


def _number(word: str) -> float | None:
    return float(word) if _DECIMAL.match(word) else None


def _metric_table(
    path: Path, assets: Sequence[str], periods: int, low: float, high: float
) -> tuple[np.ndarray[Any, np.dtype[np.float64]] | None, list[ForecastProblem]]:
    if not path.is_file():
        return None, [ForecastProblem(path.name, 0, "the file is missing")]
    lines = _lines(path)
    if not lines:
        return None, [ForecastProblem(path.name, 0, "is empty, or no text in UTF-8")]
    problems = []
    names = (
        ["coinID", "R"]
        if periods == 1 and path.name == "metrics_R.csv"
        else ["coinID", *map(str, range(1, periods + 1))]
    )
    if lines[0].split(",") != names:
        problems.append(
            ForecastProblem(path.name, 1, f"the header must be {','.join(names)}, got {lines[0]}")
        )
    table = np.full((len(assets), periods), np.nan)
    seen = set()
    for number, line in enumerate(lines[1:], start=2):
        asset, *cells = line.split(",")
        if asset not in assets or asset in seen:
            problems.append(
                ForecastProblem(
                    path.name,
                    number,
                    f"asset {asset!r} is {'twice' if asset in seen else 'not wanted'}",
                )
            )
            continue
        seen.add(asset)
        if len(cells) != periods:
            problems.append(
                ForecastProblem(path.name, number, f"{len(cells)} figures; {periods} are wanted")
            )
            continue
        for column, cell in enumerate(cells):
            value = _number(cell)
            if value is None or not low <= value <= high or math.isinf(value):
                problems.append(
                    ForecastProblem(
                        path.name,
                        number,
                        f"{cell!r} in column {column + 2} must be a number in [{low:g}, {high:g}]",
                    )
                )
            else:
                table[assets.index(asset), column] = value
    problems += [
        ForecastProblem(path.name, 0, f"asset {asset!r} is missing")
        for asset in assets
        if asset not in seen
    ]
    for column in range(1, periods):
        if len(assets) > 1 and np.array_equal(table[:, column], table[:, 0]):
            problems.append(
                ForecastProblem(
                    path.name,
                    0,
                    f"columns 1 and {column + 1} are equal: every period has its own figures",
                )
            )
    return (table if not problems else None), problems


def _summary_problems(path: Path, tables: Mapping[str, Any]) -> list[ForecastProblem]:
    if not path.is_file():
        return [ForecastProblem(path.name, 0, "the file is missing")]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        return [ForecastProblem(path.name, 0, f"is not JSON: {error}")]
    absent = [key for key in _METRICS if not isinstance(content, dict) or key not in content]
    if absent:
        return [ForecastProblem(path.name, 0, f"has no {', '.join(absent)}")]
    figures = {key: content[key] for key in ("Z", "M", "D", "R", "U")}
    wrong = [
        key
        for key, value in figures.items()
        if isinstance(value, bool) or not isinstance(value, (int, float))
    ]
    if wrong:
        return [
            ForecastProblem(path.name, 0, f"{key} must be a number, got {content[key]!r}")
            for key in wrong
        ]
    problems = []
    for key, name in (("M", "MAPE"), ("D", "DS"), ("R", "R")):
        table = tables[name]
        # 1e-6: figures may have been written with few digits.
        if table is not None and abs(float(table.mean()) - figures[key]) > 1e-6:
            problems.append(
                ForecastProblem(
                    path.name,
                    0,
                    f"{key} is {figures[key]}, the mean of metrics_{name}.csv {table.mean()}",
                )
            )
    z = figures["D"] - figures["M"] - figures["R"] - figures["U"]
    if abs(z - figures["Z"]) > 1e-6:
        problems.append(
            ForecastProblem(path.name, 0, f"Z is {figures['Z']}, but D - M - R - U is {z}")
        )
    return problems
