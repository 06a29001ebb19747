"""Tables of prices onto a grid: positive prices by time, merged cells, and the asset table."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from statarb._core.tables import Table, read_table, shown
from statarb._core.time import Stamps, as_width
from statarb._core.typing import AnyFloatArray, FloatArray, IntArray
from statarb.errors import DataError

__all__ = ["Gridded", "asset_table", "check_rows", "closed", "gridded_tables"]


class Gridded(NamedTuple):
    """Tables on a grid: its times, the rows with a price, the assets, and the arrays."""

    grid: Stamps
    rows: IntArray
    assets: pd.Index
    arrays: dict[str, AnyFloatArray]
    zone: datetime.tzinfo | None


def gridded_tables(
    prices: Any, extra: Mapping[str, Any], step: str | pd.Timedelta | None
) -> Gridded:
    """Return grid, rows and arrays of a panel made of tables; see :meth:`statarb.Panel.from_frame`.

    Parameters
    ----------
    prices : table
        Times x assets, as the user gave it.
    extra : mapping of str to table
        Further fields, by name. ``unrounded`` has the price where it has no number of its own.
    step : str or Timedelta, optional
        Of the grid; by default the times of ``prices`` are the grid.

    Returns
    -------
    Gridded
        Rows without any price are left out.

    Raises
    ------
    DataError
        What is no table of positive prices by time, or labels that do not agree; names the first
        place.
    ParameterError
        A step that is no positive time span.
    """
    read = read_table("prices", prices, times="required", infinite=True)
    assert read.stamps is not None
    if read.values.size == 0:
        raise DataError(
            f"prices must have at least one row and one column, got {read.values.shape}"
        )
    arrays: dict[str, AnyFloatArray] = {"price": read.values}
    for name, table in extra.items():
        arrays[name] = _same_labels(name, table, read)
    require_positive(read, read.values)
    if "unrounded" in arrays:
        exact = arrays["unrounded"]
        require_positive(read, exact, "unrounded")
        arrays["unrounded"] = np.where(
            np.isnan(exact) | np.isnan(arrays["price"]), arrays["price"], exact
        )
    grid, rows = gridded(read.stamps, step)
    if len(rows) != len(np.unique(rows)):
        arrays = {name: last_of_cell(values, rows) for name, values in arrays.items()}
        rows = rows[np.append(np.diff(rows) > 0, True)]
    some = ~np.isnan(arrays["price"]).all(axis=1)
    if not some.any():
        raise DataError(f"prices holds no price: all {read.values.size} cells are missing")
    if not some.all():
        arrays, rows = {name: values[some] for name, values in arrays.items()}, rows[some]
    return Gridded(grid, rows, read.labels.rename(None), closed(arrays), read.zone)


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


def _same_labels(name: str, table: Any, prices: Table) -> FloatArray:
    """Return a field's numbers under the columns of ``prices``, whose times it must have."""
    read = read_table(name, table, times="required", infinite=True)
    if not np.array_equal(read.stamps, prices.stamps):  # type: ignore[arg-type]
        raise DataError(
            f"{name} must have the index of prices; align it first with "
            f"{name}.reindex(prices.index)"
        )
    column = read.labels.get_indexer(prices.labels)
    if (column < 0).any():
        absent = prices.labels[int(np.flatnonzero(column < 0)[0])]
        raise DataError(f"{name} has no column {shown(absent)}; it must have the columns of prices")
    return np.ascontiguousarray(read.values[:, column])


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


def require_positive(read: Table, values: AnyFloatArray, name: str = "prices") -> None:
    """Raise :class:`DataError` where a price is zero, negative or infinite; names the first."""
    with np.errstate(invalid="ignore"):
        bad = (values <= 0.0) | np.isinf(values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"{name} must be positive and finite, or NaN where there is none; {int(bad.sum())} are "
            f"not, the first is {values[row, column]} {read.place(row, column)}; "
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


def asset_table(table: pd.DataFrame | None, assets: pd.Index) -> pd.DataFrame:
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
            f"the asset table must have the columns 'symbol' and 'name', got {list(table.columns)}"
        )
    if table.index is assets:
        return table
    known = table[["symbol", "name"]].reindex(assets)
    return known.where(known.notna(), blank)
