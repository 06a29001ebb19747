"""Files of the forecasting task: prices by asset and test period, metric files; validation."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import STEP, STEPS
from statarb._core.checks import check_integer
from statarb._core.files import write_json, write_text
from statarb._core.spreadsheet import guarded, unguarded
from statarb._core.time import as_times
from statarb._core.version import __version__
from statarb.errors import DataError, ParameterError
from statarb.forecasting.features import LEADERS
from statarb.forecasting.scores import ForecastScore
from statarb.results import schema
from statarb.results.folder import replaced
from statarb.results.run_files import write_table

__all__ = [
    "ForecastFiles",
    "ForecastProblem",
    "price_files",
    "validate_forecasts",
    "write_forecasts",
]

_DECIMAL = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_PRICE_FILE = re.compile(r"^(?P<asset>.+)_(?P<period>\d+)\.csv$")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%]|^[.~-]|^metrics$')
"""What a file name may not hold, on any system: separators, signs, a leading dot."""
LONGEST_NAME = 200
"""Bytes of the name of a price file; most systems take 255."""


@dataclasses.dataclass(frozen=True)
class ForecastProblem:
    """One thing that is wrong in a folder of forecasts.

    Parameters
    ----------
    file : str
        Its file.
    line : int
        Its line, from 1; 0 for the whole file.
    what : str
        What is wrong.
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

    Parameters
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


def price_files(assets: Iterable[Hashable], period: int) -> list[str]:
    """Return the name of the price file of each asset in a period: ``<coinID>_<period>.csv``.

    A label that holds what a file name may not (``BTC/USDT``) is percent-encoded, as in a web
    address, so that no file lies outside its folder, on any system.

    Parameters
    ----------
    assets : iterable of labels
        Assets.
    period : int
        Number of the test period, from 1.

    Returns
    -------
    list of str

    Raises
    ------
    DataError
        A label that cannot name a file (empty, too long, no Unicode text), or two labels with the
        same name.
    """
    found: dict[str, Hashable] = {}
    names = []
    for asset in assets:
        name = _file_name(str(asset))
        if not 0 < len(name) <= LONGEST_NAME:
            raise DataError(
                f"asset {str(asset)[:40]!r} cannot name a file; labels must be text of 1 to "
                f"{LONGEST_NAME} bytes: rename it"
            )
        names.append(f"{name.decode()}_{period}.csv")
        # folded: some systems take a and A for the same name
        if names[-1].casefold() in found:
            raise DataError(
                f"assets {found[names[-1].casefold()]!r} and {asset!r} would be written to one "
                f"file, {names[-1]}; rename one"
            )
        found[names[-1].casefold()] = asset
    return names


def _file_name(label: str) -> bytes:
    """Percent-encode what a file name may not hold; empty where the label is no Unicode text."""
    try:
        label.encode()
    except UnicodeEncodeError:
        return b""
    return _UNSAFE.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), label
    ).encode()


def write_forecasts(
    forecasts: pd.DataFrame,
    score: ForecastScore,
    folder: str | os.PathLike[str],
    days: Sequence[Any],
    *,
    model: str,
    details: Mapping[str, Any] | None = None,
    league: pd.DataFrame | None = None,
) -> Path:
    """Write price forecasts and their scores in the competition's format.

    Parameters
    ----------
    forecasts : DataFrame
        Price forecasts, time x asset; the row at t is the forecast for t.
    score : ForecastScore
        Of the same assets and days, from :func:`~statarb.forecasting.forecast_score`.
    folder : path
        Made where it does not exist. Gets ``<coinID>_<period>.csv`` (one column without a header, a
        row per step, earliest first; shortest digits that give the number back; see
        :func:`price_files` for labels that cannot name a file), ``metrics_MAPE.csv`` and
        ``metrics_DS.csv`` (``coinID``, then a column per period), ``metrics_R.csv``,
        ``metrics.json`` and ``forecast.json`` (version, and the checksum of each of the others).
        They take the place of earlier forecasts all together or not at all.
    days : sequence of time
        Start of each test period; their numbers are 1, 2, ...
    model : str
        Name of the forecaster, for ``metrics.json``.
    details : mapping, optional
        Further entries of ``metrics.json``.
    league : DataFrame, optional
        Scores of all forecasters that were tried, for ``forecast_league.csv``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        A day whose steps the forecasts do not hold, a label that cannot name a file, or a folder
        that cannot be written to.
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
    forecasts = forecasts.set_axis(pd.DatetimeIndex(as_times("forecasts", forecasts.index)[0]))
    parts = [_day(forecasts, day) for day in days]
    numbers = [str(number) for number in range(1, len(days) + 1)]
    names = [price_files(assets, int(number)) for number in numbers]
    with replaced(folder, schema.FORECASTS) as staged:
        place = staged.folder
        for part, files in zip(parts, names, strict=True):
            for asset, name in zip(assets, files, strict=True):
                write_text(place / name, "".join(f"{price!r}\n" for price in part[asset].tolist()))
        write_text(place / schema.MAPE, _table(score.mape, numbers))
        write_text(place / schema.DIRECTION, _table(score.directional_symmetry, numbers))
        write_text(place / schema.DISPERSION, _table(score.dispersion.to_frame(), ["R"]))
        if league is not None:
            write_table(league, place / schema.FORECAST_LEAGUE)
        figures = {key: getattr(score, key) for key in schema.SCORES}
        write_json(
            place / schema.METRICS,
            {**figures, "model": model, "days": [str(day) for day in days], **(details or {})},
        )
        staged.about.update(model=model, statarb=__version__)
    return Path(folder)


def _day(forecasts: pd.DataFrame, day: Any) -> pd.DataFrame:
    steps = pd.date_range(pd.Timestamp(day), periods=STEPS, freq=STEP)
    absent = steps[~steps.isin(forecasts.index)]
    if len(absent):
        raise DataError(
            f"day {day} needs forecasts of {STEPS} steps from {steps[0]} to {steps[-1]}; there is "
            f"none for {absent[0]}"
        )
    return forecasts.loc[steps]


def _table(table: pd.DataFrame, names: Sequence[str]) -> str:
    rows = table.astype("float64").set_axis(list(names), axis=1)
    rows.insert(0, schema.ASSET_ID, [guarded(str(asset)) for asset in table.index])
    return str(rows.to_csv(index=False, lineterminator="\n"))


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
    one positive finite decimal number, no header. The metric files have a row per asset and a
    column per period, within their ranges, and no two equal columns; M, D and R in
    ``metrics.json`` are the means of those files, and Z = D - M - R - U.

    Parameters
    ----------
    folder : path
        Written by :func:`write_forecasts`, or by anyone.
    assets : sequence of labels, optional
        By default the twenty assets of the case's forecasting task.
    periods, steps : int
        Test periods, and steps of each.

    Returns
    -------
    ForecastFiles

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
    asked = list(LEADERS if assets is None else assets)
    labels = [str(asset) for asset in asked]
    problems: list[ForecastProblem] = []
    expected = {name for period in range(1, periods + 1) for name in price_files(asked, period)}
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
                    f"no such asset or period is expected ({len(labels)} assets, "
                    f"{periods} periods)",
                )
            )
        else:
            problems += _price_problems(place / name, steps)
    tables = {}
    for name, low, high in ((schema.MAPE, 0.0, math.inf), (schema.DIRECTION, 0.0, 100.0)):
        tables[name], more = _metric_table(place / name, labels, periods, low, high)
        problems += more
    tables[schema.DISPERSION], more = _metric_table(
        place / schema.DISPERSION, labels, 1, 0.0, math.inf
    )
    problems += more + _summary_problems(place / schema.METRICS, tables)
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
                f"{columns} columns; there must be one"
                if columns > 1
                else f"{line!r} is no decimal number"
            )
            problems.append(
                ForecastProblem(
                    path.name, number, what + ("; there must be no header" if number == 1 else "")
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
            ForecastProblem(path.name, len(lines), f"{len(lines)} lines; there must be {steps}")
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
        [schema.ASSET_ID, "R"]
        if path.name == schema.DISPERSION
        else [schema.ASSET_ID, *map(str, range(1, periods + 1))]
    )
    if lines[0].split(",") != names:
        problems.append(
            ForecastProblem(path.name, 1, f"the header must be {','.join(names)}, got {lines[0]}")
        )
    table = np.full((len(assets), periods), np.nan)
    seen = set()
    for number, row in enumerate(csv.reader(lines[1:]), start=2):
        first, *cells = row or [""]
        asset = unguarded(first)
        if asset not in assets or asset in seen:
            problems.append(
                ForecastProblem(
                    path.name,
                    number,
                    f"asset {asset!r} is {'duplicated' if asset in seen else 'not expected'}",
                )
            )
            continue
        seen.add(asset)
        if len(cells) != periods:
            problems.append(
                ForecastProblem(path.name, number, f"{len(cells)} figures; there must be {periods}")
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
    absent = [
        key
        for key in schema.FORECAST_METRICS
        if not isinstance(content, dict) or key not in content
    ]
    if absent:
        return [ForecastProblem(path.name, 0, f"has no {', '.join(absent)}")]
    figures = {key: content[key] for key in schema.SCORES}
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
    for key, name in (
        ("M", schema.MAPE),
        ("D", schema.DIRECTION),
        ("R", schema.DISPERSION),
    ):
        table = tables[name]
        # 1e-6: figures may have been written with few digits.
        if table is not None and abs(float(table.mean()) - figures[key]) > 1e-6:
            problems.append(
                ForecastProblem(
                    path.name,
                    0,
                    f"{key} is {figures[key]}, the mean of {name} {table.mean()}",
                )
            )
    z = figures["D"] - figures["M"] - figures["R"] - figures["U"]
    if abs(z - figures["Z"]) > 1e-6:
        problems.append(
            ForecastProblem(path.name, 0, f"Z is {figures['Z']}, but D - M - R - U is {z}")
        )
    return problems
