"""Log prices as input: conversion and checks that every function of the package shares."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.typing import BoolArray, FloatArray
from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = [
    "FLOOR",
    "LogPrices",
    "Relation",
    "as_levels",
    "as_relation",
    "as_series",
    "collinear_columns",
    "log_prices",
    "varies",
]

LogPrices = pd.DataFrame | npt.NDArray[np.float64] | Panel
"""Log prices, times x assets; of a panel the logs of its prices are taken."""

FLOOR = 1e-12
"""A series whose range is at most this share of its largest magnitude is constant but for rounding.
"""
LARGEST_LOG = 50.0
"""No price has a larger natural logarithm: exp(50) is 5e21."""


def log_prices(prices: pd.DataFrame | Panel) -> pd.DataFrame:
    """Natural logarithms of prices, times x assets.

    Parameters
    ----------
    prices : DataFrame or Panel
        Times x assets; NaN where there is no quote. Of a panel, the rows of its grid.

    Returns
    -------
    DataFrame
        Times x assets, in order of time.

    Raises
    ------
    DataError
        A price that is zero, negative or infinite; names the first one.
    """
    if isinstance(prices, Panel):
        return pd.DataFrame(
            np.log(prices.array("price"), dtype=np.float64),
            index=prices.times,
            columns=prices.assets,
        )
    if not isinstance(prices, pd.DataFrame):
        raise DataError(
            f"prices must be a DataFrame, times x assets, or a Panel, got {type(prices).__name__}"
        )
    prices = _in_order("prices", prices)
    values = _numbers("prices", prices)
    bad = (values <= 0.0) | np.isinf(values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"prices must be positive and finite, or NaN where there is none; {int(bad.sum())} are "
            f"not, the first is {values[row, column]} at {prices.index[row]}, asset "
            f"{prices.columns[column]!r}; set them to NaN with prices.where(prices > 0)"
        )
    return pd.DataFrame(np.log(values), index=prices.index, columns=prices.columns)


def as_levels(data: LogPrices, *, at_least: int = 2) -> tuple[FloatArray, pd.Index, pd.Index]:
    """Check log prices and return them as an array.

    Parameters
    ----------
    data : DataFrame, array or Panel
        Log prices, times x assets.
    at_least : int
        Assets.

    Returns
    -------
    levels : (assets, times)
        C order, in order of time; NaN where missing.
    assets, times : Index
        Labels.

    Raises
    ------
    DataError
        No table of numbers, a duplicated label or time, an infinite value, fewer than ``at_least``
        assets.

    Warns
    -----
    UserWarning
        Levels that cannot be logs of prices.
    """
    if isinstance(data, Panel):
        table = log_prices(data)
    elif isinstance(data, np.ndarray):
        if data.ndim != 2:
            raise DataError(
                f"log_prices must have two dimensions, times x assets, got the shape {data.shape}"
            )
        table = pd.DataFrame(data)
    elif isinstance(data, pd.DataFrame):
        table = data
    else:
        raise DataError(
            "log_prices must be a DataFrame, times x assets, an array or a Panel, got "
            f"{type(data).__name__}"
        )
    if not table.columns.is_unique:
        raise DataError(
            f"log_prices has the column {table.columns[table.columns.duplicated()][0]!r} twice; an "
            "asset has one column"
        )
    if table.shape[1] < at_least:
        raise DataError(f"log_prices must have at least {at_least} assets, got {table.shape[1]}")
    table = _in_order("log_prices", table)
    values = _numbers("log_prices", table)
    bad = np.isinf(values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"log_prices must be finite, or NaN where there is no quote; {int(bad.sum())} are not, "
            f"the first is {values[row, column]} at {table.index[row]}, asset "
            f"{table.columns[column]!r}; the log of a price that is zero is -inf: take logs with "
            "statarb.cointegration.log_prices, which names such prices"
        )
    _warn_of_prices("log_prices", values, table.columns)
    return np.ascontiguousarray(values.T), table.columns, table.index


def as_series(name: str, data: Any, *, logs: bool = False) -> pd.Series:
    """Check one series of numbers.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    data : Series or array
        Numbers; NaN where missing.
    logs : bool
        Whether they are log prices: then levels that cannot be logs are warned of.

    Returns
    -------
    Series
        float64, in order of time.

    Raises
    ------
    DataError
        No numbers, a duplicated time, an infinite value.
    """
    series = data if isinstance(data, pd.Series) else pd.Series(np.asarray(data))
    if series.ndim != 1 or not pd.api.types.is_numeric_dtype(series.dtype):
        raise DataError(f"{name} must be a series of numbers, got {series.dtype}")
    series = _in_order(name, series)
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.isinf(values)
    if bad.any():
        raise DataError(
            f"{name} must be finite, or NaN where missing; it is {values[bad][0]} at "
            f"{series.index[bad][0]}"
        )
    if logs:
        _warn_of_prices(name, values[:, None], pd.Index([name]))
    return pd.Series(values, index=series.index, name=series.name)


def varies(values: FloatArray, scale: FloatArray | float | None = None) -> BoolArray:
    """Say which columns vary by more than rounding.

    Parameters
    ----------
    values : (rows, columns) or (rows,)
        NaN is left out.
    scale : array or float, optional
        Magnitude that rounding is relative to; by default the largest magnitude of each column. For
        a sum of large terms that cancel, give that of the terms.

    Returns
    -------
    (columns,) or scalar bool
        False for a column without numbers.
    """
    if values.size == 0:
        return np.zeros(values.shape[1:], dtype=np.bool_)
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    largest = np.maximum(np.abs(low), np.abs(high)) if scale is None else scale
    return np.asarray(high - low > FLOOR * largest)


def _warn_of_prices(name: str, values: FloatArray, labels: pd.Index) -> None:
    """Warn of levels that cannot be natural logarithms of prices."""
    largest = np.fmax.reduce(values, axis=0, initial=-np.inf)
    if np.any(largest > LARGEST_LOG):
        place = int(np.argmax(largest))
        what = name if name == labels[place] else f"{name}[{labels[place]!r}]"
        warnings.warn(
            f"{what} reaches {largest[place]:.6g}: no price has a natural logarithm above "
            f"{LARGEST_LOG:g}, so these look like prices, not logs of prices; take logs first "
            "(statarb.cointegration.log_prices)",
            UserWarning,
            stacklevel=4,
        )


def _in_order(name: str, data: Any) -> Any:
    """Bring a table or series with an index of times into their order."""
    index = data.index
    if not isinstance(index, pd.DatetimeIndex) or (
        index.is_monotonic_increasing and index.is_unique
    ):
        return data
    if not index.is_unique:
        raise DataError(
            f"{name} has the time {index[index.duplicated()][0]} twice; keep one row per time"
        )
    return data.sort_index()


def _numbers(name: str, frame: pd.DataFrame) -> FloatArray:
    try:
        return np.asarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} must hold numbers: {error}") from error


def collinear_columns(values: FloatArray) -> npt.NDArray[np.intp]:
    """Find columns that are, but for rounding, a combination of the others and a constant.

    Parameters
    ----------
    values : (rows, columns)
        Complete; every column varies.

    Returns
    -------
    (involved,)
        Positions of the columns of one such combination; empty where there is none.

    Notes
    -----
    A combination counts where it leaves less than 1e-10 of the variance that standardised columns
    have.
    """
    centred = values - values.mean(axis=0)
    standard = centred / np.sqrt(np.mean(centred**2, axis=0))
    strength, axes = np.linalg.svd(standard / np.sqrt(len(standard)), full_matrices=False)[1:]
    if len(strength) == values.shape[1] and strength[-1] ** 2 > 1e-10 * strength[0] ** 2:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.abs(axes[-1]) > 0.1)


@dataclasses.dataclass(frozen=True, eq=False)
class Relation:
    """One log price and those that explain it, side by side.

    Parameters
    ----------
    table : (times, 1 + assets of x)
        y first; NaN where missing.
    index : Index
        Of the rows that y or x have, in order.
    y : str
        y in messages.
    names : list
        Of the assets of x.
    """

    table: FloatArray
    index: pd.Index
    y: str
    names: list[Any]

    @functools.cached_property
    def complete(self) -> BoolArray:
        """(times,): which rows have y and all of x."""
        return np.asarray(~np.isnan(self.table).any(axis=1))

    @functools.cached_property
    def values(self) -> FloatArray:
        """(complete rows, 1 + assets of x)."""
        return self.table[self.complete]

    def must_have(self, rows: int, what: str) -> None:
        """Refuse fewer complete rows.

        Raises
        ------
        DataError
            Fewer than ``rows`` rows.
        """
        if len(self.values) < rows:
            raise DataError(
                f"{len(self.values)} rows have {self.y} and all of x; {what} needs at least {rows}"
            )

    def must_vary(self) -> None:
        """Refuse series that are constant, and x that are combinations of each other.

        Raises
        ------
        DataError
            Names the series.
        """
        constant = ~varies(self.values)
        if constant.any():
            raise DataError(
                f"{self._words(int(np.argmax(constant)))} is constant; a relation needs prices "
                "that move"
            )
        dependent = collinear_columns(self.values[:, 1:])
        if len(dependent):
            raise DataError(
                f"{', '.join(self._words(place + 1) for place in dependent)} are collinear: leave "
                "out one of them"
            )

    def must_not_be_exact(self, what: str) -> None:
        """Refuse y that is a combination of x without a remainder.

        Raises
        ------
        DataError
            Names the series.
        """
        dependent = collinear_columns(self.values)
        if len(dependent):
            raise DataError(
                f"{self.y} is a combination of {', '.join(map(repr, self.names))} but for "
                f"rounding: the spread does not move and {what} has no answer"
            )

    def _words(self, place: int) -> str:
        return self.y if place == 0 else f"x[{self.names[place - 1]!r}]"


def as_relation(y: Any, x: Any) -> Relation:
    """Put y and the columns of x side by side, by the labels of their rows.

    Parameters
    ----------
    y : Series or array
        Log price.
    x : Series, array or DataFrame
        Log prices.

    Returns
    -------
    Relation

    Raises
    ------
    DataError
        No numbers, infinite values, duplicated labels or times, indexes that do not go together.

    Warns
    -----
    UserWarning
        Levels that cannot be logs of prices.
    """
    explained = as_series("y", y, logs=True)
    if isinstance(x, pd.DataFrame):
        if not x.columns.is_unique:
            raise DataError(
                f"x has the column {x.columns[x.columns.duplicated()][0]!r} twice; an asset has "
                "one column"
            )
        others = [as_series(f"x[{name!r}]", x[name], logs=True) for name in x.columns]
        names: list[Any] = list(x.columns)
    else:
        others = [as_series("x", x, logs=True)]
        names = ["x" if others[0].name is None else others[0].name]
    for other in others:
        if not other.index.is_unique or not explained.index.is_unique:
            raise DataError("y and x must have an index without duplicates; keep one row per label")
        _must_match(explained.index, other.index)
    frame = pd.concat([explained, *others], axis=1, sort=False)
    if not frame.index.equals(explained.index):
        frame = frame.sort_index()
    label = "y" if explained.name in (None, "y") else f"y ({explained.name!r})"
    return Relation(frame.to_numpy(dtype=np.float64), frame.index, label, names)


def _must_match(one: pd.Index, other: pd.Index) -> None:
    """Refuse indexes of which only one has times, or a time zone."""
    kinds = [
        ("times with a time zone" if index.tz is not None else "times without a time zone")
        if isinstance(index, pd.DatetimeIndex)
        else "labels that are no times"
        for index in (one, other)
    ]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"y has {kinds[0]} and x has {kinds[1]}; give both the same kind, for example with "
            "index.tz_localize('UTC')"
        )
