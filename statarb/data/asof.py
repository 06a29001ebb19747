"""Enrichment: further series join a panel as of their time, never looking ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd

from statarb._core.tables import Table, read_table
from statarb._core.time import Stamps
from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import DataError, ParameterError

__all__ = ["joined_field"]

RESERVED = ("price", "unrounded", "observed", "time")


def joined_field(
    rows: Stamps,
    assets: pd.Index,
    name: str,
    frame: pd.DataFrame | pd.Series,
    max_age: str | pd.Timedelta | None = None,
) -> FloatArray:
    """Return a further field for the rows of a panel; see :meth:`statarb.Panel.with_field`.

    Parameters
    ----------
    rows : (rows,) datetime64[us]
        Times of the panel's rows.
    assets : Index
        Its assets.
    name : str
        Name of the field.
    frame : DataFrame or Series
        Times x assets, or a Series by time that holds for all assets.
    max_age : str or Timedelta, optional
        Oldest value that still counts.

    Returns
    -------
    (rows, assets)
        The last number stamped at or before each row; NaN where there is none, or it is too old.

    Raises
    ------
    ParameterError
        A name that is taken, or an age that is no time span.
    DataError
        A frame whose times or assets do not meet those of the panel, or that holds anything but
        numbers.
    """
    if not name or name in RESERVED:
        raise ParameterError(
            f"name must be text other than {', '.join(map(repr, RESERVED))}, got {name!r}"
        )
    oldest = _age(max_age)
    read = read_table(f"field {name!r}", frame, times="required", cash=True)
    stamps, values = read.stamps, _values(assets, name, read)
    assert stamps is not None
    if len(stamps) == 0 or stamps[0] > rows[-1]:
        first = f"its first time is {pd.Timestamp(stamps[0])}" if len(stamps) else "it is empty"
        raise DataError(
            f"field {name!r} has no value up to the panel's end, {pd.Timestamp(rows[-1])}: "
            f"{first}; align the times"
        )
    numbers = ~np.isnan(values)
    if not numbers.any():
        raise DataError(f"field {name!r} holds no number")
    latest = np.where(numbers, np.arange(len(values))[:, None], -1)
    np.maximum.accumulate(latest, axis=0, out=latest)
    place = np.searchsorted(stamps, rows, side="right") - 1
    source = np.where(place[:, None] >= 0, latest[place], -1)
    joined = np.where(
        source >= 0, np.take_along_axis(values, np.maximum(source, 0), axis=0), np.nan
    )
    if oldest is not None:
        too_old: BoolArray = rows[:, None] - stamps[np.maximum(source, 0)] > oldest
        joined[too_old] = np.nan
    return np.ascontiguousarray(np.broadcast_to(joined, (len(rows), len(assets))))


def _values(assets: pd.Index, name: str, read: Table) -> FloatArray:
    """Return a table's numbers as (times, assets), or (times, 1) for a series."""
    if read.kind in ("series", "vector"):
        return read.values
    column = read.labels.get_indexer(assets)
    if (column < 0).all():
        raise DataError(
            f"field {name!r} has none of the panel's assets: its columns are "
            f"{read.labels[:3].tolist()}, the assets "
            f"{assets[:3].tolist()}; name the columns by asset, or give a Series that holds "
            "for all assets"
        )
    values = read.values[:, column]
    values[:, column < 0] = np.nan
    return values


def _age(max_age: str | pd.Timedelta | None) -> np.timedelta64 | None:
    if max_age is None:
        return None
    try:
        age = pd.Timedelta(max_age)
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"max_age must be a time span such as '1h', got {max_age!r}"
        ) from error
    if not age >= pd.Timedelta(0):
        raise ParameterError(f"max_age must be a time span of at least 0, got {max_age!r}")
    return np.timedelta64(int(age // pd.Timedelta(1, unit="us")), "us")
