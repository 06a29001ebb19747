"""Parsing of the files of result folders: well formed, or an error that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from statarb._core.spreadsheet import unguarded
from statarb.errors import DataError
from statarb.results import schema

__all__ = [
    "csv_table",
    "damaged",
    "if_there",
    "json_object",
    "long_table",
    "require_columns",
    "stamped_table",
]


def json_object(path: Path) -> dict[str, Any]:
    """Read an object of JSON; empty where the file is not there.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict

    Raises
    ------
    DataError
        A file that cannot be read, or holds something else.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise DataError(
            f"{path} must hold an object of JSON, got {type(content).__name__}; run the verb that "
            "wrote it again"
        )
    return content


def stamped_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame | None:
    """Read a table of numbers by time; None where the file is not there.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of str
        Columns that it must have beside the time.

    Returns
    -------
    DataFrame or None
        Indexed by time.

    Raises
    ------
    DataError
        A file that cannot be read, no row, times out of order or twice, or cells that are no
        numbers.
    """
    if not path.is_file():
        return None
    try:
        frame = pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, error) from error
    require_columns(path, list(frame.columns), (schema.TIME, *columns))
    times = frame[schema.TIME]
    if not pd.api.types.is_datetime64_any_dtype(times) or len(frame) == 0 or times.isna().any():
        raise DataError(
            f"{path} must hold at least one row, and times in the column time; run the verb that "
            "wrote it again"
        )
    frame = frame.set_index(schema.TIME)
    if not (frame.index.is_monotonic_increasing and frame.index.is_unique):
        raise DataError(
            f"{path} must hold times in order, each once; run the verb that wrote it again"
        )
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes):
        raise DataError(
            f"{path} must hold numbers beside the times; run the verb that wrote it again"
        )
    return frame


def long_table(
    path: Path,
    columns: tuple[str, ...],
    *,
    text: tuple[str, ...] = (),
    times: tuple[str, ...] = (),
    truth: tuple[str, ...] = (),
) -> pd.DataFrame | None:
    """Read a Parquet table of several things by row; None where the file is not there.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of str
        Columns that it must have.
    text, times, truth : tuple of str
        Those of them that hold text, times, and yes or no; the others hold numbers, which alone may
        be missing.

    Returns
    -------
    DataFrame or None
        Those columns, in this order; there may be no row.

    Raises
    ------
    DataError
        A file that cannot be read, or a column that is not there or holds something else.
    """
    if not path.is_file():
        return None
    try:
        frame = pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, error) from error
    require_columns(path, [str(name) for name in frame.columns], columns)
    frame = frame[list(columns)]
    for name in columns:
        column = frame[name]
        if name in text:
            fine, what = bool(column.notna().all()), "text"
        elif name in times:
            fine = pd.api.types.is_datetime64_any_dtype(column) and not column.hasnans
            what = "a time"
        elif name in truth:
            fine, what = pd.api.types.is_bool_dtype(column), "true or false"
        else:
            fine, what = pd.api.types.is_numeric_dtype(column), "a number"
        if not fine:
            raise DataError(
                f"{path}: every row needs {what} in the column {name}; run the verb that wrote it "
                "again"
            )
    return frame.assign(**{name: frame[name].astype(str) for name in text})


def csv_table(path: Path, columns: tuple[str, ...], words: tuple[str, ...]) -> pd.DataFrame | None:
    """Read a table of text; None where the file is not there.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of str
        Columns that it must have.
    words : tuple of str
        Columns that are text; the others are numbers where all of their cells are.

    Returns
    -------
    DataFrame or None

    Raises
    ------
    DataError
        A file that cannot be read, or without one of the columns.
    """
    if not path.is_file():
        return None
    try:
        frame = pd.read_csv(path, dtype=str, na_filter=False)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    if not frame.columns.is_unique or not isinstance(frame.index, pd.RangeIndex):
        raise DataError(f"{path} has more cells in a row than its header, or a column twice")
    for name in frame:
        frame[name] = frame[name].map(unguarded) if name in words else _numbers(frame[name])
    require_columns(path, list(frame.columns), columns)
    return frame


def _numbers(column: pd.Series) -> pd.Series:
    """Read cells as the very numbers that were written; as text where they are none."""
    if len(column) and column.str.fullmatch(r"-?\d{1,18}").all():
        return column.astype("int64")
    try:
        # not by pandas' parser, which may be off in the last digit
        return column.map(lambda cell: float(cell) if cell.strip() else np.nan).astype("float64")
    except ValueError:
        return column


def require_columns(path: Path, found: list[str], needed: tuple[str, ...]) -> None:
    """Raise :class:`DataError` where a file has not the columns that it must have.

    Parameters
    ----------
    path : Path
        The file.
    found, needed : sequence of str
        Columns that it has, and must have.
    """
    absent = [name for name in needed if name not in found]
    if absent:
        raise DataError(
            f"{path} has no column {', '.join(absent)}; it has {', '.join(map(str, found[:8]))}"
        )


def if_there(path: Path) -> Path | None:
    """Return a path, or None where there is no such file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Path or None
    """
    return path if path.is_file() else None


def damaged(path: Path, error: Exception) -> DataError:
    """Return the error that names a file that cannot be read.

    Parameters
    ----------
    path : Path
        The file.
    error : Exception
        What was raised.

    Returns
    -------
    DataError
    """
    return DataError(
        f"{path} cannot be read: {str(error).strip()[:200]}; run the verb that wrote it again"
    )
