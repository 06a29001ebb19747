"""Tables of users on the way in and out: the one door for pandas, polars, Arrow and numpy.

A table is read once, by :func:`read_table`: numbers become float64 (NaN where missing, whatever the
dtype said missing was), labels are checked, and rows with times are put in order of time.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb._core.time import Stamps, as_times, time_order, with_zone
from statarb._core.typing import AnyFloatArray, FloatArray, IntArray
from statarb.errors import DataError

__all__ = [
    "CASH",
    "CERTIFICATE_COLUMNS",
    "SOURCE_COLUMNS",
    "Table",
    "align",
    "as_numbers",
    "check_labels",
    "read_table",
    "shown",
    "to_pandas",
]

CASH = "USD"
"""Label of cash in tables of weights; no asset may bear it."""
SOURCE_COLUMNS = ("time", "source", "horizon", "shrinkage", "promised", "delivered", "reason")
"""Columns of what an investor's sources promised and delivered, and of why nothing was traded."""
CERTIFICATE_COLUMNS = ("time", "gap", "status", "seconds")
"""Columns of how far each answer of the optimizer can be from the optimum."""

KINDS = (
    "a pandas DataFrame or Series, a polars frame, an Arrow table, a duckdb relation or a numpy "
    "array"
)
TIME_NAMES = ("time", "date", "datetime", "timestamp")
"""Names of a column of text or numbers that is taken for the times, where no column holds times."""

Kind = Literal["frame", "series", "matrix", "vector"]


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """A table of numbers as it was read.

    Parameters
    ----------
    name : str
        What messages call it.
    values : (rows, columns)
        New array, float64, C order; NaN where missing.
    index : Index
        Labels of the rows, in order of time where they are times; the zone is the user's.
    labels : Index
        Labels of the columns, unique.
    stamps : (rows,) datetime64[us] or None
        Times in UTC, strictly increasing; ``None`` where the rows have no times.
    zone : tzinfo or None
        Zone of the times as they came in.
    kind : {"frame", "series", "matrix", "vector"}
        What came in: a table with labels, one labelled series, an array of two dimensions or one.
    precision : dtype
        Coarsest type of floats that came in; float64 where there was none.
    order : (rows,) int64 or None
        Rows of the input in the order of ``values``; ``None`` where they were in order.
    """

    name: str
    values: FloatArray
    index: pd.Index
    labels: pd.Index
    stamps: Stamps | None
    zone: datetime.tzinfo | None
    kind: Kind
    precision: np.dtype[Any]
    order: IntArray | None

    def frame(self, values: AnyFloatArray | None = None) -> pd.DataFrame:
        """Return numbers of the same shape (by default those read) under the table's labels."""
        array = self.values if values is None else values
        return pd.DataFrame(array, index=self.index, columns=self.labels)

    def like(self, values: AnyFloatArray) -> Any:
        """Return numbers of the same shape as what came in: a frame, a series or an array."""
        if self.kind == "frame":
            return self.frame(values)
        if self.kind == "series":
            return pd.Series(values[:, 0], index=self.index, name=self.labels[0])
        return values[:, 0] if self.kind == "vector" else values

    def place(self, row: int, column: int) -> str:
        """Return where a cell is, for a message: its time or row, and its column."""
        at = self.index[row]
        where = f"at {at}" if self.stamps is not None else f"in row {shown(at)}"
        return where if self.kind in ("series", "vector") else f"{where}, {self._column(column)}"

    def _column(self, column: int) -> str:
        return f"asset {shown(self.labels[column])}"


def read_table(
    name: str,
    table: Any,
    *,
    times: Literal["optional", "required"] = "optional",
    infinite: bool = False,
    at_least: int = 1,
    cash: bool = False,
) -> Table:
    """Read a table of numbers, rows x columns.

    Parameters
    ----------
    name : str
        What messages call it.
    table : DataFrame, Series or array
        Of pandas (nullable and Arrow dtypes too), polars, Arrow, duckdb or anything else that
        narwhals reads; numpy arrays and nested lists of numbers. A frame without an index of times
        is indexed by its one column of times, where it has one.
    times : {"optional", "required"}
        Whether the rows must have times.
    infinite : bool
        Whether infinite numbers may come in.
    at_least : int
        Smallest number of columns.
    cash : bool
        Whether a column may be labelled as cash (``"USD"``).

    Returns
    -------
    Table
        Rows in order of time where they have times.

    Raises
    ------
    DataError
        A kind of table that is not understood (says which are), no numbers, a label twice or
        missing, a time twice, missing or unreadable, no times where they are required, an infinite
        number; says where.
    """
    if hasattr(table, "observed_array"):
        raise DataError(
            f"{name} must be {KINDS}, got a Panel; give panel.price, or a table made of it"
        )
    frame, kind = _labelled(name, table)
    stamps: Stamps | None = None
    zone: datetime.tzinfo | None = None
    # an array has neither times nor labels of its own, and comes row by row in a walk
    labelled = kind in ("frame", "series")
    if labelled or times == "required":
        _check_levels(name, frame.columns)
        frame, stamps, zone = _times(name, frame, required=times == "required")
        check_labels(name, frame.columns, cash=cash)
    if frame.shape[1] < at_least:
        raise DataError(
            f"{name} must have at least {at_least} column{'s' if at_least > 1 else ''}, got "
            f"{frame.shape[1]}"
        )
    values = as_numbers(name, frame)
    order = None if stamps is None else time_order(name, stamps)
    index = frame.index
    if order is not None and stamps is not None:
        values, stamps, index = values[order], stamps[order], index[order]
    if stamps is not None:
        index = with_zone(stamps, zone).rename(index.name)
    precision = _precision(frame) if labelled else values.dtype
    found = Table(name, values, index, frame.columns, stamps, zone, kind, precision, order)
    if not infinite and np.isinf(values).any():
        row, column = (int(place[0]) for place in np.nonzero(np.isinf(values)))
        raise DataError(
            f"{name} must be finite, or NaN where missing; {int(np.isinf(values).sum())} values "
            f"are infinite, the first is {values[row, column]} {found.place(row, column)}"
        )
    return found


def align(*tables: Table) -> tuple[pd.Index, list[FloatArray]]:
    """Return the rows that any of the tables has, and the numbers of each on these rows.

    Parameters
    ----------
    *tables : Table
        All with times, or all without: then they are joined by position and must be equally long,
        or by their labels where all are labelled alike.

    Returns
    -------
    index : Index
        Union of the rows, in order of time.
    values : list of (rows, columns)
        NaN where a table lacks a row.

    Raises
    ------
    DataError
        Tables with and without times, or of other lengths where they are joined by position.
    """
    first = tables[0]
    dated = [one.stamps is not None for one in tables]
    if any(dated) and not all(dated):
        a, b = tables[dated.index(True)].name, tables[dated.index(False)].name
        raise DataError(f"{a} has times and {b} has none; give both with times, or both without")
    if not all(dated):
        if all(one.kind in ("frame", "series") for one in tables):
            index = first.index
            for one in tables[1:]:
                index = index.union(one.index, sort=False)
            return index, [one.frame().reindex(index).to_numpy() for one in tables]
        for one in tables[1:]:
            if len(one.values) != len(first.values):
                raise DataError(
                    f"{first.name} and {one.name} have no times and must be equally long, got "
                    f"{len(first.values)} and {len(one.values)} rows"
                )
        return first.index, [one.values for one in tables]
    known = [one.stamps for one in tables if one.stamps is not None]
    union: Stamps = np.unique(np.concatenate(known))
    parts = []
    for one, stamps in zip(tables, known, strict=True):
        part = np.full((len(union), one.values.shape[1]), np.nan)
        part[np.searchsorted(union, stamps)] = one.values
        parts.append(part)
    zone = next((one.zone for one in tables if one.zone is not None), None)
    return with_zone(union, zone), parts


def to_pandas(name: str, table: Any) -> pd.DataFrame | pd.Series:
    """Return a table of any library as pandas; polars, Arrow, duckdb and their like by narwhals.

    Parameters
    ----------
    name : str
        What messages call it.
    table : object
        A pandas object is returned as it is.

    Returns
    -------
    DataFrame or Series

    Raises
    ------
    DataError
        A kind that is not understood; says which are.
    """
    if isinstance(table, (pd.DataFrame, pd.Series)):
        return table
    import narwhals as nw

    try:
        native = nw.from_native(table, allow_series=True)
    except TypeError as error:
        kind = f"{type(table).__module__.partition('.')[0]}.{type(table).__qualname__}"
        raise DataError(f"{name} must be {KINDS}, got a {kind}") from error
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    made: pd.DataFrame | pd.Series = native.to_pandas()
    return made


def as_numbers(name: str, table: Any) -> FloatArray:
    """Return the numbers of a pandas object or an array as a new float64 array in C order.

    Parameters
    ----------
    name : str
        What messages call it.
    table : DataFrame, Series or array
        Missing values of any kind (None, NA, masked) become NaN.

    Returns
    -------
    array of the same shape

    Raises
    ------
    DataError
        Where something is no number; names the first such cell of a frame.
    """
    try:
        if isinstance(table, (pd.DataFrame, pd.Series)):
            values = table.to_numpy(dtype=np.float64, na_value=np.nan)
        elif isinstance(table, np.ma.MaskedArray):
            values = np.ma.filled(table.astype(np.float64), np.nan)
        else:
            values = np.asarray(table)
            if values.dtype.kind == "c":
                raise TypeError("complex numbers")
            values = values.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} must hold numbers: {_culprit(table) or error}") from error
    return np.array(values, dtype=np.float64, order="C", copy=True)


def check_labels(name: str, labels: pd.Index, *, cash: bool = False) -> None:
    """Raise :class:`DataError` where labels of assets are of many levels, missing, there twice, or
    that of cash.

    Parameters
    ----------
    name : str
        What messages call the table.
    labels : Index
        Labels of its columns.
    cash : bool
        Whether ``"USD"`` may be among them.
    """
    _check_levels(name, labels)
    if labels.hasnans:
        raise DataError(
            f"{name} has a column without a label (NaN) at position "
            f"{int(np.flatnonzero(labels.isna())[0])}; name every asset"
        )
    if not labels.is_unique:
        twice = labels[labels.duplicated()][0]
        raise DataError(f"{name} has the column {shown(twice)} twice; an asset has one column")
    if not cash and CASH in labels:
        raise DataError(
            f"{name} has an asset labelled {CASH!r}, which is the label of cash; rename the column"
        )


def shown(label: Hashable) -> str:
    """Return a label as a user would write it: ``1442``, not ``np.int64(1442)``."""
    return repr(label.item() if isinstance(label, np.generic) else label)


def _check_levels(name: str, labels: pd.Index) -> None:
    if labels.nlevels > 1:
        label = labels.tolist()[0]
        raise DataError(
            f"{name} has columns of {labels.nlevels} levels, the first {label!r}; an asset has one "
            f"label: choose a part, for example {name}[{label[0]!r}] or "
            f"{name}.xs({label[0]!r}, axis=1)"
        )


def _labelled(name: str, table: Any) -> tuple[pd.DataFrame, Kind]:
    """Return a table as a pandas frame, and what it was."""
    if isinstance(table, (np.ndarray, list, tuple)):
        array = np.asarray(table) if not isinstance(table, np.ma.MaskedArray) else table
        if array.ndim not in (1, 2) or array.dtype.names is not None:
            raise DataError(
                f"{name} must have two dimensions, time x asset, or one, got the shape "
                f"{array.shape}"
            )
        numbers = as_numbers(name, array)
        return pd.DataFrame(numbers), "matrix" if array.ndim == 2 else "vector"
    found = to_pandas(name, table)
    if isinstance(found, pd.Series):
        label = 0 if found.name is None else found.name
        return found.to_frame(label), "series"
    return found, "frame"


def _times(
    name: str, frame: pd.DataFrame, *, required: bool
) -> tuple[pd.DataFrame, Stamps | None, datetime.tzinfo | None]:
    """Return a frame whose index are its rows' labels, and their times where they have some."""
    index = frame.index
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)):
        return frame, *as_times(name, index)
    if index.nlevels > 1:
        raise DataError(
            f"{name} has an index of {index.nlevels} levels; give one row per time, for example "
            f"by {name}.unstack()"
        )
    if isinstance(index, pd.RangeIndex) and frame.columns.nlevels == 1:
        column = _time_column(name, frame)
        if column is not None:
            label = frame.columns[column]
            stamps, zone = as_times(f"column {shown(label)} of {name}", pd.Index(frame[label]))
            rest = frame.drop(columns=label)
            return rest.set_axis(pd.Index(frame[label], name=label), axis=0), stamps, zone
    if required or not isinstance(index, pd.RangeIndex):
        try:
            if isinstance(index, pd.RangeIndex):
                raise DataError(
                    f"{name} must be indexed by times, got row numbers; set the column of times as "
                    f"the index, {name}.set_index('time'), or give an array as "
                    f"pd.DataFrame({name}, index=times, columns=assets)"
                )
            return frame, *as_times(name, index)
        except DataError:
            if required:
                raise
    return frame, None, None


def _time_column(name: str, frame: pd.DataFrame) -> int | None:
    """Return the position of the one column of times of a frame without an index of its own."""
    dated = [
        place
        for place, kind in enumerate(frame.dtypes)
        if pd.api.types.is_datetime64_any_dtype(kind)
        or str(kind).startswith(("timestamp", "date32", "date64"))
    ]
    if len(dated) > 1:
        names = ", ".join(shown(frame.columns[place]) for place in dated)
        raise DataError(
            f"{name} has {len(dated)} columns of times ({names}); keep one, or set it as the index"
        )
    if dated:
        return dated[0]
    named = [
        place
        for place, label in enumerate(frame.columns)
        if str(label).strip().lower() in TIME_NAMES
    ]
    return named[0] if len(named) == 1 else None


def _precision(frame: pd.DataFrame) -> np.dtype[Any]:
    """Return the coarsest type of floats among a frame's columns."""
    floats: list[np.dtype[Any]] = [np.dtype(np.float64)]
    for kind in set(frame.dtypes):
        text = str(kind).lower()
        if text.startswith(("float16", "halffloat")):
            floats.append(np.dtype(np.float16))
        elif text.startswith(("float32", "float[pyarrow]")):
            floats.append(np.dtype(np.float32))
    return min(floats, key=lambda dtype: dtype.itemsize)


def _culprit(table: Any) -> str:
    """Return which cell of a frame is no number."""
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    if not isinstance(frame, pd.DataFrame):
        return ""
    for place, label in enumerate(frame.columns):
        column = frame.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column.dtype):
            continue
        for at, value in column.items():
            try:
                if not pd.isna(value):
                    float(value)
            except (ValueError, TypeError):
                return f"it is {value!r} in row {shown(at)}, column {shown(label)}"
    return ""
