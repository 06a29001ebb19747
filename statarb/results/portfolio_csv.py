"""Portfolio file of the competition: rows that sum to exactly 1 as written, read back, validated.

Written and read by kernels of its own: polars, given the same rounded weights, takes about ten
times as long to write them (1,024 steps x 1,678 assets: .20 s against .015 s), and checks no sums
beyond floating point.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Hashable, Iterator
from decimal import Decimal, InvalidOperation, localcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.files import atomic_path
from statarb._core.numeric import sum_slack
from statarb._core.spreadsheet import guarded, unguarded
from statarb._core.tables import CASH, Table, read_table
from statarb._core.typing import FloatArray, IntArray
from statarb.backtest import Replay
from statarb.data.panel import Panel
from statarb.errors import DataError
from statarb.results._engine.portfolio import EXACT, WIDEST, quantise, read_cells, write_cells

__all__ = [
    "PortfolioFile",
    "PortfolioProblem",
    "portfolio_blocks",
    "read_portfolio",
    "validate_portfolio",
    "write_portfolio",
]

ROWS_AT_A_TIME = 256
BYTES_AT_A_TIME = 1 << 24
SHOWN = 100
"""Problems that a report lists; all are counted."""


def write_portfolio(weights: Any, path: str | os.PathLike[str]) -> None:
    """Write the weights of every step: a header, then one row a step; every asset in ascending
    order, then ``USD``.

    A name that a spreadsheet would run as a formula gets an apostrophe in front, which reading
    takes off again. Cells have 8 decimals (``0`` and ``1`` are written so) and lie in [0, 1]; each
    row sums to exactly 1 as written. Weights are rounded to the nearest unit of the last decimal,
    and cash takes the rounding; in a row whose rounded weights exceed 1, they are rounded down. The
    file appears whole or not at all.

    Parameters
    ----------
    weights : Replay or DataFrame
        A replay, whose realised weights are written, or weights, time x asset, with or without a
        column ``USD``; of pandas, polars or Arrow, in any order of time.
    path : path
        Where to write.

    Raises
    ------
    DataError
        A weight that is no number or outside [0, 1], a row that does not sum to 1, an asset whose
        name cannot head a column (it has a comma, or is that of another asset or of cash), a table
        of another kind or without times.
    """
    if isinstance(weights, Replay):
        assets, blocks = weights.assets, weights.weight_blocks(ROWS_AT_A_TIME)
    else:
        table = read_table("weights", weights, times="required", cash=True)
        assets, blocks = table.labels.drop(CASH, errors="ignore"), _frame_blocks(table)
    order = _ascending(assets)
    names = _heads([str(assets[place]) for place in order])
    units = np.empty((ROWS_AT_A_TIME, len(names) + 1), dtype=np.int64)
    buffer = np.empty(units.size * WIDEST, dtype=np.uint8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write((",".join([*names, CASH]) + "\n").encode())
        for block in blocks:
            quantise(block, order, units[: len(block)])
            size = write_cells(units[: len(block)], buffer)
            file.write(buffer[:size].data)


def _heads(names: list[str]) -> list[str]:
    """Return the names of assets as they head columns, where all of them can."""
    heads = [guarded(name) for name in names]
    for name in names:
        if any(sign in name for sign in ',"\r\n') or name in ("", CASH) or name.strip() != name:
            raise DataError(f"asset {name!r} cannot head a column of a CSV file; rename it")
    if len(set(heads)) < len(heads):
        double = next(name for name in names if names.count(name) > 1)
        raise DataError(f"two assets are written {double!r} (a number and a text?); rename one")
    return heads


def _ascending(assets: pd.Index) -> IntArray:
    try:
        return np.array(assets.argsort(), dtype=np.int64)
    except TypeError as error:
        raise DataError(
            f"the assets cannot be put in ascending order: {error}; use ids of one kind"
        ) from error


def _frame_blocks(table: Table) -> Iterator[FloatArray]:
    """Check weights, and give them block by block, without the column of cash."""
    cash = np.flatnonzero(table.labels == CASH)
    slack = sum_slack(table.precision)
    for low in range(0, len(table.values), ROWS_AT_A_TIME):
        block = np.ascontiguousarray(table.values[low : low + ROWS_AT_A_TIME])
        wrong = ~((block >= -slack) & (block <= 1.0 + slack))
        if wrong.any():
            row, column = (int(place) for place in np.argwhere(wrong)[0])
            raise DataError(
                f"weights must be numbers in [0, 1], got {block[row, column]} "
                f"{table.place(low + row, column)}"
            )
        total = block.sum(axis=1)
        off = np.abs(total - 1.0) > slack if len(cash) else total > 1.0 + slack
        if off.any():
            row = int(np.argmax(off))
            allowed = "exactly 1, cash included" if len(cash) else "at most 1, cash being the rest"
            raise DataError(
                f"weights must sum to {allowed}, got {total[row]:.12g} at {table.index[low + row]}"
            )
        yield np.clip(np.delete(block, cash, axis=1), 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class PortfolioProblem:
    """One thing that is wrong in a portfolio file.

    Parameters
    ----------
    line : int
        Its line; 1 is the header.
    column : int
        Its column, from 1; 0 for the whole line.
    what : str
        What is wrong.
    """

    line: int
    column: int
    what: str

    def __str__(self) -> str:
        """Say where, and what."""
        place = f"line {self.line}" + (f", column {self.column}" if self.column else "")
        return f"{place}: {self.what}"


@dataclasses.dataclass(frozen=True)
class PortfolioFile:
    """What a portfolio file holds, and what is wrong with it.

    Parameters
    ----------
    path : Path
        The file.
    rows : int
        Rows below the header.
    assets : tuple of str
        Assets of the header, without cash.
    problems : tuple of PortfolioProblem
        The first hundred, in the order of the file.
    problem_count : int
        Number of all problems.
    """

    path: Path
    rows: int
    assets: tuple[str, ...]
    problems: tuple[PortfolioProblem, ...]
    problem_count: int

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem_count == 0

    def require_valid(self) -> PortfolioFile:
        """Return the report itself, or raise a DataError with the first problems."""
        if not self.valid:
            shown = "; ".join(str(problem) for problem in self.problems[:3])
            raise DataError(
                f"{self.path} is no valid portfolio file: {self.problem_count} problem(s): {shown}"
            )
        return self


def validate_portfolio(
    path: str | os.PathLike[str], panel: Panel | None = None, *, steps: int | None = None
) -> PortfolioFile:
    """Read a portfolio file back, in whole numbers, and say what is wrong with it, in which line
    and column.

    Checked are the header (assets in ascending order, each once, then ``USD``), the number of cells
    of every row, that every cell is a decimal number in [0, 1], and that every row sums to exactly
    1 as written. Nothing is compared in floating point.

    Parameters
    ----------
    path : path
        The file.
    panel : Panel, optional
        The header must then have exactly its assets, and the file at most as many rows as its grid
        has times.
    steps : int, optional
        Number of rows that the file must have.

    Returns
    -------
    PortfolioFile

    Raises
    ------
    DataError
        The file is missing or cannot be read. What is wrong inside it is reported, not raised.
    """
    source = Path(path)
    report = _Report(source)
    if steps is not None:
        steps = check_integer("steps", steps, at_least=1)
    rows, names = 0, []
    for block in _blocks(source, report):
        names = block.names
        rows += len(block.units)
    assets = tuple(names[:-1])
    if panel is not None and names:
        expected = [str(panel.assets[place]) for place in _ascending(panel.assets)]
        for number, (name, known) in enumerate(zip(assets, expected, strict=False), start=1):
            if name != known:
                report.add(1, number, f"asset {name!r}, where the panel has {known!r}")
                break
        if len(assets) != len(expected):
            report.add(1, 0, f"{len(assets)} assets; the panel has {len(expected)}")
        if rows > panel.grid_shape[0]:
            report.add(
                rows + 1, 0, f"{rows} rows; the panel's grid has {panel.grid_shape[0]} times"
            )
    if steps is not None and rows != steps:
        report.add(rows + 1, 0, f"{rows} rows; there must be {steps}")
    problems = tuple(sorted(report.problems, key=lambda problem: (problem.line, problem.column)))
    return PortfolioFile(source, rows, assets, problems, report.count)


def read_portfolio(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a portfolio file.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    DataFrame
        Weights, step x asset, ``USD`` last; labels are whole numbers where all of them are.

    Raises
    ------
    DataError
        The file is missing, or not valid.
    """
    names: list[str] = []
    parts: list[FloatArray] = []
    for block_names, weights in portfolio_blocks(path):
        names = block_names
        parts.append(weights)
    labels: list[Hashable] = [int(name) if name.isdecimal() else name for name in names]
    return pd.DataFrame(
        np.concatenate(parts), columns=labels if all(n.isdecimal() for n in names[:-1]) else names
    )


def portfolio_blocks(path: str | os.PathLike[str]) -> Iterator[tuple[list[str], FloatArray]]:
    """Read a portfolio file a few megabytes at a time.

    Parameters
    ----------
    path : path
        The file.

    Yields
    ------
    names : list of str
        Of the header, ``USD`` last.
    weights : (steps, assets + 1)

    Raises
    ------
    DataError
        The file is missing, or what was read of it so far is not valid.
    """
    source = Path(path)
    report = _Report(source)
    for block in _blocks(source, report):
        PortfolioFile(source, 0, (), tuple(report.problems), report.count).require_valid()
        yield block.names, block.units / 10.0**EXACT
    PortfolioFile(source, 0, (), tuple(report.problems), report.count).require_valid()


@dataclasses.dataclass
class _Report:
    path: Path
    problems: list[PortfolioProblem] = dataclasses.field(default_factory=list)
    count: int = 0

    def add(self, line: int, column: int, what: str) -> None:
        self.count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(PortfolioProblem(line, column, what))


@dataclasses.dataclass(frozen=True)
class _Block:
    names: list[str]
    units: npt.NDArray[np.int64]


def _blocks(source: Path, report: _Report) -> Iterator[_Block]:
    """Read a file a few megabytes at a time; problems go into the report."""
    try:
        file = source.open("rb")
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror}") from error
    with file:
        names = _check_header(file.readline(), report)
        if not names:
            return
        line, rest = 2, b""
        while True:
            chunk = file.read(BYTES_AT_A_TIME)
            text = rest + chunk
            if not chunk and rest:
                text += b"\n"
            end = text.rfind(b"\n") + 1
            text, rest = text[:end], text[end:]
            if text:
                units = _check_lines(text, names, line, report)
                line += len(units)
                yield _Block(names, units)
            if not chunk:
                break
        if line == 2:
            report.add(2, 0, "no row below the header")


def _check_header(text: bytes, report: _Report) -> list[str]:
    names = [
        unguarded(name.strip().strip('"'))
        for name in text.decode("utf-8", errors="replace").rstrip("\r\n").split(",")
    ]
    if names == [""]:
        report.add(1, 0, "the file is empty; the first line must name the assets and USD")
        return []
    if names[-1] != CASH:
        report.add(1, len(names), f"the last column must be {CASH!r}, got {names[-1]!r}")
    assets = names[:-1]
    whole = all(name.isdecimal() for name in assets)
    known: set[str] = set()
    for number, name in enumerate(assets, start=1):
        if name in known:
            report.add(1, number, f"asset {name!r} is duplicated")
        elif number > 1 and whole and int(name) <= int(assets[number - 2]):
            report.add(
                1, number, f"asset {name} comes after {assets[number - 2]}; assets must ascend"
            )
        known.add(name)
    return names


def _check_lines(
    text: bytes, names: list[str], first: int, report: _Report
) -> npt.NDArray[np.int64]:
    """Read whole lines fast, and those that are not plain again, slowly, to say what is wrong."""
    buffer = np.frombuffer(text, dtype=np.uint8)
    lines = text.count(b"\n")
    units = np.zeros((lines, len(names)), dtype=np.int64)
    starts, plain = np.empty(lines + 1, dtype=np.int64), np.empty(lines, dtype=np.int64)
    read_cells(buffer, len(buffer), units, starts, plain)
    for row in np.flatnonzero(plain == 0):
        raw = text[starts[row] : starts[row + 1]].decode("utf-8", errors="replace").rstrip("\r\n")
        with localcontext(prec=len(raw) + 20):  # so that no sum is rounded
            cells = _check_line(raw, names, first + int(row), report)
            units[row] = [int(cell.scaleb(EXACT).to_integral_value()) for cell in cells] or 0
    return units


def _check_line(raw: str, names: list[str], line: int, report: _Report) -> list[Decimal]:
    """Check one line with decimal numbers of any length; return its cells, none where one of them
    is wrong.
    """
    if not raw.strip():
        report.add(line, 0, "the line is empty")
        return []
    cells = raw.split(",")
    if len(cells) != len(names):
        report.add(line, 0, f"{len(cells)} cells; the header has {len(names)}")
        return []
    values: list[Decimal] = []
    for number, (cell, name) in enumerate(zip(cells, names, strict=True), start=1):
        try:
            value = Decimal(cell.strip())
        except InvalidOperation:
            value = Decimal("nan")
        if not value.is_finite():
            report.add(line, number, f"{cell!r} is no number ({name})")
        elif not 0 <= value <= 1:
            report.add(line, number, f"{cell} lies outside [0, 1] ({name})")
        else:
            values.append(value)
    if len(values) < len(names):
        return []
    total = sum(values, Decimal(0))
    if total != 1:
        report.add(line, 0, f"the row sums to {total}, not to 1")
    return values
