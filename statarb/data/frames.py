"""Tables of prices into arrays: numbers, labels and times checked, rows put on a regular grid,
holes carried over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.time import Stamps, as_stamps, as_width
from statarb._core.typing import AnyFloatArray, FloatArray, IntArray
from statarb.errors import DataError

__all__ = ["as_floats", "carry_forward", "check_rows", "closed", "coin_table_of", "gridded_arrays"]


def gridded_arrays(
    prices: pd.DataFrame, extra: Mapping[str, pd.DataFrame], step: str | pd.Timedelta | None
) -> tuple[Stamps, IntArray, dict[str, AnyFloatArray]]:
    """Return grid, rows and arrays of a panel made of tables; see :meth:`statarb.Panel.from_frame`.

    Parameters
    ----------
    prices : DataFrame
        Times x assets, as the user gave it.
    extra : mapping of str to DataFrame
        Further fields, by name. ``unrounded`` has the price where it has no number of its own.
    step : str or Timedelta, optional
        Of the grid; by default the times of ``prices`` are the grid.

    Returns
    -------
    (times,) datetime64[us], (rows,) int64, dict of (rows, assets)
        Rows without any price are left out.

    Raises
    ------
    DataError
        What is no table of positive prices by increasing times, or labels that do not agree; names
        the first place.
    ParameterError
        A step that is no positive time span.
    """
    require_frame("prices", prices)
    if prices.shape[0] == 0 or prices.shape[1] == 0:
        raise DataError(f"prices must have at least one row and one column, got {prices.shape}")
    if not prices.columns.is_unique:
        twice = prices.columns[prices.columns.duplicated()].tolist()[0]
        raise DataError(f"prices has the column {twice!r} twice; an asset has one column")
    stamps = as_stamps("prices", prices.index)
    arrays: dict[str, AnyFloatArray] = {"price": as_floats("prices", prices)}
    for name, frame in extra.items():
        arrays[name] = as_floats(name, same_labels(name, frame, prices))
    require_positive("prices", arrays["price"], stamps, prices.columns)
    if "unrounded" in arrays:
        exact = arrays["unrounded"]
        require_positive("unrounded", exact, stamps, prices.columns)
        arrays["unrounded"] = np.where(
            np.isnan(exact) | np.isnan(arrays["price"]), arrays["price"], exact
        )
    grid, rows = gridded(stamps, step)
    if len(rows) != len(np.unique(rows)):
        arrays = {name: last_of_cell(values, rows) for name, values in arrays.items()}
        rows = rows[np.append(np.diff(rows) > 0, True)]
    some = ~np.isnan(arrays["price"]).all(axis=1)
    if not some.any():
        raise DataError(f"prices holds no price: all {prices.size} cells are missing")
    if not some.all():
        arrays, rows = {name: values[some] for name, values in arrays.items()}, rows[some]
    return grid, rows, closed(arrays)


def as_floats(name: str, frame: pd.DataFrame) -> FloatArray:
    """Return a frame's numbers as a new array in C order."""
    try:
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} must hold numbers: {error}") from error
    return np.array(values, dtype=np.float64, order="C", copy=True)


def closed(arrays: dict[str, AnyFloatArray]) -> dict[str, AnyFloatArray]:
    """Close arrays that belong to nobody else to writing, so that no view of them can be opened
    again; return them.
    """
    for values in arrays.values():
        owner: Any = values
        # what numpy gives back may itself be a view of what it has allocated
        while isinstance(owner, np.ndarray):
            owner.flags.writeable = False
            owner = owner.base
    return arrays


def same_labels(name: str, frame: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the columns of ``prices``, whose index it must have."""
    if not frame.index.equals(prices.index):
        raise DataError(
            f"{name} must have the index of prices; align it first with "
            f"{name}.reindex(prices.index)"
        )
    absent = prices.columns.difference(frame.columns)
    if len(absent):
        raise DataError(
            f"{name} has no column {absent.tolist()[0]!r}; it must have the columns of prices"
        )
    return frame[list(prices.columns)]


def check_rows(grid: Stamps, rows: IntArray) -> None:
    """Raise :class:`DataError` where a grid does not increase, or rows are no increasing positions
    in it.
    """
    if len(rows) == 0:
        raise DataError("a panel has at least one row, got none")
    if (np.diff(grid.astype(np.int64)) <= 0).any():
        raise DataError("the times of the grid must be strictly increasing")
    if (np.diff(rows) <= 0).any() or rows[0] < 0 or rows[-1] >= len(grid):
        raise DataError(
            f"rows must be strictly increasing positions in the grid of {len(grid)} times"
        )


def require_frame(name: str, table: Any) -> None:
    """Raise :class:`DataError` where a table is no DataFrame of one level of columns; says how to
    make it one.
    """
    if isinstance(table, pd.DataFrame):
        if table.columns.nlevels > 1:
            label = table.columns.tolist()[0]
            raise DataError(
                f"{name} has columns of {table.columns.nlevels} levels, the first {label!r}; an "
                "asset has one label: "
                f"choose a part, for example {name}[{label[0]!r}] or {name}.xs({label[0]!r}, "
                "axis=1)"
            )
        return
    kind = f"{type(table).__module__.partition('.')[0]}.{type(table).__qualname__}"
    hint = ""
    if isinstance(table, pd.Series):
        hint = f"; give {name}.to_frame('asset')"
    elif isinstance(table, np.ndarray):
        hint = f"; give pd.DataFrame({name}, index=times, columns=assets)"
    elif callable(getattr(table, "to_pandas", None)):
        hint = f"; give {name}.to_pandas().set_index('time'), where 'time' is its column of times"
    raise DataError(f"{name} must be a pandas DataFrame, times x assets, got a {kind}{hint}")


def require_positive(name: str, values: AnyFloatArray, stamps: Stamps, labels: pd.Index) -> None:
    """Raise :class:`DataError` where a price is zero, negative or infinite; names the first."""
    with np.errstate(invalid="ignore"):
        bad = (values <= 0.0) | np.isinf(values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"{name} must be positive and finite, or NaN where there is none; {int(bad.sum())} are "
            "not, the first is "
            f"{values[row, column]} at {pd.Timestamp(stamps[row])}, asset "
            f"{labels.tolist()[column]!r}; "
            f"set them to NaN with {name}.where({name} > 0)"
        )


def gridded(stamps: Stamps, step: str | pd.Timedelta | None) -> tuple[Stamps, IntArray]:
    """Return a regular grid over the stamps, and the place of each in it; without a step the stamps
    themselves.
    """
    if step is None:
        return stamps, np.arange(len(stamps), dtype=np.int64)
    width = as_width("step", step)
    cell = stamps.astype(np.int64) // width
    grid = (np.arange(cell[0], cell[-1] + 1) * width).astype("datetime64[us]")
    return grid, cell - cell[0]


def last_of_cell(values: AnyFloatArray, position: IntArray) -> AnyFloatArray:
    """Merge the rows of one cell: for every asset the last number counts."""
    starts = np.flatnonzero(np.append(True, np.diff(position) > 0))
    merged = np.array(values[starts])
    ends = np.append(starts[1:], len(position))
    for cell in np.flatnonzero(ends - starts > 1):
        for row in range(starts[cell] + 1, ends[cell]):
            fresh = ~np.isnan(values[row])
            merged[cell, fresh] = values[row, fresh]
    return merged


def carry_forward(values: AnyFloatArray) -> None:
    """Replace each NaN by the last number above it in its column, in place."""
    for row in range(1, len(values)):
        hole = np.isnan(values[row])
        if hole.any():
            values[row, hole] = values[row - 1, hole]


def coin_table_of(table: pd.DataFrame | None, assets: pd.Index) -> pd.DataFrame:
    """Return symbol and name of each asset; the id stands in where a table has none."""
    blank = pd.DataFrame(
        {"symbol": [str(asset) for asset in assets], "name": [str(asset) for asset in assets]},
        index=assets,
    )
    if table is None:
        return blank
    missing = {"symbol", "name"} - set(table.columns)
    if missing:
        raise DataError(
            f"the coin table must have the columns 'symbol' and 'name', got {list(table.columns)}"
        )
    if table.index is assets:
        return table
    known = table[["symbol", "name"]].reindex(assets)
    return known.where(known.notna(), blank)
