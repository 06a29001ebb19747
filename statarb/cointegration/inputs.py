"""Log prices as input: conversion and checks that every function of the package shares."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.numeric import varies
from statarb._core.tables import align, read_table, shown
from statarb._core.typing import BoolArray, FloatArray
from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = [
    "LogPrices",
    "Relation",
    "as_levels",
    "as_relation",
    "as_series",
    "collinear_columns",
    "log_prices",
]

LogPrices = pd.DataFrame | npt.NDArray[np.float64] | Panel
"""Log prices, times x assets: a frame of any library, an array, or a panel, of which the logs of
its prices are taken.
"""

LARGEST_LOG = 50.0
"""No price has a larger natural logarithm: exp(50) is 5e21."""


def log_prices(prices: pd.DataFrame | Panel) -> pd.DataFrame:
    """Natural logarithms of prices, times x assets.

    Parameters
    ----------
    prices : DataFrame or Panel
        Times x assets, of pandas, polars or Arrow; NaN where there is no quote. Of a panel, the
        rows at which something was quoted.

    Returns
    -------
    DataFrame
        Times x assets, in order of time.

    Raises
    ------
    DataError
        A price that is zero, negative or infinite (names the first one), no numbers, duplicated
        labels or times.
    """
    if isinstance(prices, Panel):
        values = np.log(prices.array("price"), dtype=np.float64)
        return pd.DataFrame(values, index=prices.times, columns=prices.assets)
    table = read_table("prices", prices, infinite=True)
    bad = (table.values <= 0.0) | np.isinf(table.values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"prices must be positive and finite, or NaN where there is none; {int(bad.sum())} are "
            f"not, the first is {table.values[row, column]} {table.place(row, column)}; set them "
            "to NaN with prices.where(prices > 0)"
        )
    return table.frame(np.log(table.values))


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
        Levels that look like prices (above 50, and never negative), not like their logs.
    """
    source = log_prices(data) if isinstance(data, Panel) else data
    table = read_table("log_prices", source, at_least=at_least, infinite=True)
    values = table.values
    bad = np.isinf(values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"log_prices must be finite, or NaN where there is no quote; {int(bad.sum())} are not, "
            f"the first is {values[row, column]} {table.place(row, column)}; the log of a price "
            "that is zero is -inf: take logs with statarb.cointegration.log_prices, which names "
            "such prices"
        )
    _warn_of_prices("log_prices", values, table.labels)
    return np.ascontiguousarray(values.T), table.labels, table.index


def as_series(name: str, data: Any) -> pd.Series:
    """Check one series of numbers.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    data : Series or array
        Numbers; NaN where missing.

    Returns
    -------
    Series
        float64, in order of time.

    Raises
    ------
    DataError
        No single series of numbers, a duplicated time, an infinite value.
    """
    table = read_table(name, data)
    if table.values.shape[1] != 1:
        raise DataError(f"{name} must be one series, got {table.values.shape[1]} columns")
    return pd.Series(table.values[:, 0], index=table.index)


def _warn_of_prices(name: str, values: FloatArray, labels: pd.Index) -> None:
    """Warn of levels that look like prices: never negative, and too large for logarithms."""
    largest = np.fmax.reduce(values, axis=0, initial=-np.inf)
    smallest = np.fmin.reduce(values, axis=0, initial=np.inf)
    suspect = np.where(smallest >= 0.0, largest, -np.inf)
    if np.any(suspect > LARGEST_LOG):
        place = int(np.argmax(suspect))
        warnings.warn(
            f"{name} reaches {largest[place]:.6g} for asset {shown(labels[place])}: no price has a "
            f"natural logarithm above {LARGEST_LOG:g}, so these look like prices, not logs of "
            "prices; take logs first (statarb.cointegration.log_prices)",
            UserWarning,
            stacklevel=4,
        )


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
                f"{self.y} is a combination of {', '.join(map(shown, self.names))} but for "
                f"rounding: the spread does not move and {what} has no answer"
            )

    def _words(self, place: int) -> str:
        return self.y if place == 0 else f"x[{shown(self.names[place - 1])}]"


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
        Levels that look like prices (above 50, and never negative), not like their logs.
    """
    explained, explaining = read_table("y", y), read_table("x", x)
    if explained.values.shape[1] != 1:
        raise DataError(f"y must be one series, got {explained.values.shape[1]} columns")
    names = list(explaining.labels)
    if explaining.kind == "vector" or (explaining.kind == "series" and x.name is None):
        names = ["x"]
    for table, labels in ((explained, pd.Index(["y"])), (explaining, pd.Index(names))):
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()][0]
            raise DataError(
                f"{table.name} has the row {shown(twice)} twice; give one row per label"
            )
        _warn_of_prices(table.name, table.values, labels)
    index, parts = align(explained, explaining)
    name = getattr(y, "name", None)
    label = "y" if name is None or name == "y" else f"y ({shown(name)})"
    return Relation(np.hstack(parts), index, label, names)
