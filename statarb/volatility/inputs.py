"""Input of returns: read through the one door for tables, and checked to be returns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.numeric import varies
from statarb._core.tables import Table, as_numbers, read_table, shown
from statarb._core.time import as_stamp
from statarb._core.typing import FloatArray
from statarb.errors import DataError

__all__ = ["aligned_row", "read_pair", "read_returns", "read_values", "refuse_prices", "row_label"]

PRICE_ROWS = 50
"""Rows from which on a column without a zero or a negative value cannot be one of returns."""


def read_values(name: str, table: Any) -> Table:
    """Read a table time x asset of at least one row; one series becomes one column.

    Parameters
    ----------
    name : str
        What messages call it.
    table : DataFrame, Series or array
        Of any library; rows with times are put in order of time.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        No row or column, no numbers, a column or a time twice, or an infinite value; says where.
    """
    found = read_table(name, table, at_least=0)
    if found.values.size == 0:
        raise DataError(
            f"{name} must be time x asset with at least one row and one column, got the shape "
            f"{found.values.shape}"
        )
    return found


def read_pair(first: tuple[str, Any], second: tuple[str, Any]) -> tuple[Table, Table]:
    """Read two tables of the same shape, and of the same times and assets where they have labels.

    Parameters
    ----------
    first, second : (name, table)
        What messages call it, and the table, as for :func:`read_values`.

    Returns
    -------
    Table, Table

    Raises
    ------
    DataError
        As for :func:`read_values`; tables that do not belong together.
    """
    names = f"{first[0]} and {second[0]}"
    one, other = read_values(*first), read_values(*second)
    if one.values.shape != other.values.shape:
        raise DataError(
            f"{names} must have the same shape, got {one.values.shape} and {other.values.shape}"
        )
    if one.kind == other.kind and one.kind in ("frame", "series"):
        same = one.index.equals(other.index)
        if one.stamps is not None and other.stamps is not None:
            same = bool(np.array_equal(one.stamps, other.stamps))
        if not same:
            raise DataError(f"{names} must have the same index; align them first")
        if one.kind == "frame" and not one.labels.equals(other.labels):
            raise DataError(f"{names} must have the same columns; align them first")
    return one, other


def read_returns(name: str, table: Any) -> Table:
    """Read a table of returns, as :func:`read_values` does, and refuse one of prices.

    Parameters
    ----------
    name : str
        What messages call it.
    table : DataFrame, Series or array
        Of any library; rows with times are put in order of time.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        As for :func:`read_values`; a column that looks like prices.
    """
    found = read_values(name, table)
    refuse_prices(found)
    return found


def refuse_prices(table: Table) -> None:
    """Raise :class:`DataError` where a column of a table of returns looks like prices: it varies,
    and in 50 rows or more no value is zero or negative.

    Parameters
    ----------
    table : Table
        Returns.
    """
    seen = ~np.isnan(table.values)
    positive = (seen.sum(axis=0) >= PRICE_ROWS) & ~(table.values <= 0.0).any(axis=0)
    prices = np.flatnonzero(positive & varies(table.values))
    if len(prices):
        column = table.values[:, prices[0]]
        raise DataError(
            f"{table.name} of asset {shown(table.labels[prices[0]])} are never zero or negative "
            f"(from {np.nanmin(column):g} to {np.nanmax(column):g}), which returns are; of prices, "
            "take np.log(prices).diff()"
        )


def aligned_row(
    new_row: Any, assets: pd.Index, label: Hashable | None
) -> tuple[FloatArray, Hashable | None]:
    """Return one row of returns as ``(1, assets)``, and its label; NaN for an asset that it does
    not name.

    Parameters
    ----------
    new_row : Series, mapping or (assets,) array
        Returns by asset.
    assets : Index
        Assets that were fitted.
    label : optional
        Label of the row; by default the Series' name.

    Returns
    -------
    row, label

    Raises
    ------
    DataError
        An asset that is not among ``assets`` or is named twice, an infinite return, or a wrong
        number of values.
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
        if not new_row.index.is_unique:
            raise DataError(
                f"new_row names the asset {new_row.index[new_row.index.duplicated()][0]!r} twice"
            )
        label = new_row.name if label is None else label
        new_row = new_row.reindex(assets)
    row = as_numbers("new_row", new_row).reshape(1, -1)
    if row.shape[1] != len(assets):
        raise DataError(
            f"new_row must have one return for each of the {len(assets)} assets, got {row.shape[1]}"
        )
    if np.isinf(row).any():
        raise DataError(
            "new_row must be finite, or NaN where missing; the return of asset "
            f"{shown(assets[int(np.flatnonzero(np.isinf(row[0]))[0])])} is infinite"
        )
    return row, label


def row_label(index: pd.Index, label: Hashable | None) -> Hashable:
    """Return the label of a row that is added after the rows of ``index``.

    Parameters
    ----------
    index : Index
        Labels of the rows so far.
    label : optional
        By default one step after the last one: of a time, or of a count.

    Returns
    -------
    label

    Raises
    ------
    DataError
        A time that is not after the last row's.
    """
    last: Any = index[-1]
    before: Any = index[-2] if len(index) > 1 else None
    if isinstance(last, pd.Timestamp):
        if label is None:
            known = isinstance(before, pd.Timestamp)
            return last + (last - before if known else pd.Timedelta(5, unit="min"))
        given: Any = label
        if not as_stamp("label", given) > as_stamp("label", last):
            raise DataError(
                f"new_row must come after the last row, at {last}, got one of {label}; give rows "
                "in order of time"
            )
        return label
    if label is not None:
        return label
    following: Hashable = last + 1 if isinstance(last, int | np.integer) else len(index)
    return following
