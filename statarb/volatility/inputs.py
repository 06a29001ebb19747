"""Tables in and out: checked once on the way in, labelled again on the way out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray
from statarb.errors import DataError

__all__ = ["aligned_row", "as_returns", "labels_of", "like_input", "next_label"]


def labels_of(table: Any, rows: int, assets: int) -> tuple[pd.Index, pd.Index]:
    """Return the index and the columns of a table; counts where it has none."""
    if isinstance(table, pd.DataFrame):
        return table.index, table.columns
    if isinstance(table, pd.Series):
        return table.index, pd.Index([0 if table.name is None else table.name])
    return pd.RangeIndex(rows), pd.RangeIndex(assets)


def as_returns(name: str, table: Any) -> FloatArray:
    """Return a table time x asset as a C-ordered float64 array; one series becomes one column.

    Raises
    ------
    DataError
        Not one- or two-dimensional, no numbers, empty, a column twice, or an infinite value; says
        where.
    """
    if isinstance(table, pd.DataFrame) and not table.columns.is_unique:
        raise DataError(
            f"{name} has the column {table.columns[table.columns.duplicated()][0]!r} twice; an "
            "asset has one column"
        )
    if hasattr(table, "observed_array"):
        raise DataError(
            f"{name} must be returns, got a Panel; give np.log(panel.price.ffill()).diff()"
        )
    try:
        if isinstance(table, pd.DataFrame | pd.Series):
            values = table.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = np.asarray(table, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} must hold numbers, time x asset: {error}") from error
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.size == 0:
        raise DataError(
            f"{name} must be time x asset with at least one row and one column, got the shape "
            f"{values.shape}"
        )
    values = np.ascontiguousarray(values)
    if np.isinf(values).any():
        row, column = (int(place[0]) for place in np.nonzero(np.isinf(values)))
        index, columns = labels_of(table, *values.shape)
        raise DataError(
            f"{name} must be finite, or NaN where missing; {int(np.isinf(values).sum())} values "
            "are infinite, the first is "
            f"{values[row, column]} at {index[row]}, asset {columns[column]!r}; look for a price "
            "of zero"
        )
    return values


def like_input(values: FloatArray, table: Any) -> Any:
    """Return an array with the labels, and in the shape, of the table that it was made of."""
    if isinstance(table, pd.DataFrame):
        return pd.DataFrame(values, index=table.index, columns=table.columns)
    if isinstance(table, pd.Series):
        return pd.Series(values[:, 0], index=table.index, name=table.name)
    return values[:, 0] if np.ndim(table) == 1 else values


def aligned_row(
    new_row: Any, assets: pd.Index, label: Hashable | None
) -> tuple[FloatArray, Hashable | None]:
    """Return one row of returns as ``(1, assets)``, and its label; NaN for an asset that it does
    not name.

    Raises
    ------
    DataError
        An asset that is not among ``assets``, an infinite return, or a wrong number of values.
    """
    if isinstance(new_row, Mapping):
        new_row = pd.Series(dict(new_row), dtype=np.float64)
    if isinstance(new_row, pd.Series):
        unknown = new_row.index.difference(assets)
        if len(unknown):
            raise DataError(
                f"new_row names the asset {unknown[0]!r}, which is not among the {len(assets)} "
                "fitted"
            )
        label = new_row.name if label is None else label
        new_row = new_row.reindex(assets)
    row = as_returns("new_row", new_row).reshape(1, -1)
    if row.shape[1] != len(assets):
        raise DataError(
            f"new_row must have one return for each of the {len(assets)} assets, got {row.shape[1]}"
        )
    return row, label


def next_label(index: pd.Index) -> Any:
    """Return the label one step after the last one: of a time, or of a count."""
    last, before = index[-1], index[-2] if len(index) > 1 else None
    if isinstance(last, pd.Timestamp):
        return last + (last - before if isinstance(before, pd.Timestamp) else pd.Timedelta("5min"))
    return last + 1 if isinstance(last, int | np.integer) else len(index)
