"""Log prices on the way in: one conversion, one set of checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = ["LogPrices", "as_levels", "log_prices"]

LogPrices = pd.DataFrame | npt.NDArray[np.float64] | Panel
"""Log prices, times x assets; of a panel the logs of its prices are taken."""


def log_prices(prices: pd.DataFrame | Panel) -> pd.DataFrame:
    """Natural logarithms of prices, times x assets.

    Parameters
    ----------
    prices : DataFrame or Panel
        Times x assets; NaN where there is no quote. A panel gives its rows.

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
    values = _numbers("prices", prices)
    bad = (values <= 0.0) | np.isinf(values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"prices must be positive and finite, or NaN where there is none; {int(bad.sum())} are "
            "not, the first is "
            f"{values[row, column]} at {prices.index[row]}, asset {prices.columns[column]!r}; "
            "set them to NaN with prices.where(prices > 0)"
        )
    return pd.DataFrame(np.log(values), index=prices.index, columns=prices.columns)


def as_levels(data: LogPrices, *, at_least: int = 2) -> tuple[FloatArray, pd.Index, pd.Index]:
    """Return log prices as (assets, times), C order, with the labels of assets and times.

    Raises
    ------
    DataError
        No table of numbers, a label twice, an infinite value, fewer than ``at_least`` assets.
    """
    if isinstance(data, Panel):
        data = log_prices(data)
    if isinstance(data, np.ndarray):
        if data.ndim != 2:
            raise DataError(
                f"log_prices must have two dimensions, times x assets, got the shape {data.shape}"
            )
        data = pd.DataFrame(data)
    if not isinstance(data, pd.DataFrame):
        raise DataError(
            "log_prices must be a DataFrame, times x assets, an array or a Panel, got "
            f"{type(data).__name__}"
        )
    if not data.columns.is_unique:
        raise DataError(
            f"log_prices has the column {data.columns[data.columns.duplicated()][0]!r} twice; an "
            "asset has one column"
        )
    if data.shape[1] < at_least:
        raise DataError(f"log_prices must have at least {at_least} assets, got {data.shape[1]}")
    values = _numbers("log_prices", data)
    bad = np.isinf(values)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        raise DataError(
            f"log_prices must be finite, or NaN where there is no quote; {int(bad.sum())} are not, "
            "the first is "
            f"{values[row, column]} at {data.index[row]}, asset {data.columns[column]!r}; the log "
            "of a price that is zero is "
            "-inf: take logs with statarb.cointegration.log_prices, which names such prices"
        )
    return np.ascontiguousarray(values.T), data.columns, data.index


def as_series(name: str, data: Any) -> pd.Series:
    """Return one series of finite numbers, NaN where missing.

    Raises
    ------
    DataError
        Anything else.
    """
    series = data if isinstance(data, pd.Series) else pd.Series(np.asarray(data))
    if series.ndim != 1 or not pd.api.types.is_numeric_dtype(series.dtype):
        raise DataError(f"{name} must be a series of numbers, got {series.dtype}")
    series = series.astype(np.float64)
    bad = np.isinf(series.to_numpy())
    if bad.any():
        raise DataError(
            f"{name} must be finite, or NaN where missing; it is {series[bad].iloc[0]} at "
            f"{series.index[bad][0]}"
        )
    return series


def _numbers(name: str, frame: pd.DataFrame) -> FloatArray:
    try:
        return np.asarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} must hold numbers: {error}") from error
