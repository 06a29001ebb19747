"""Compiled filling: last values carried forward, and returns over gaps."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray

__all__ = ["fill_forward", "fill_returns"]


@kernel()
def fill_returns(logs: FloatArray, returns: FloatArray, most: int) -> None:
    """Fill ``returns`` with the log return from the last quote, at most ``most`` rows ago; what has
    none keeps its value.

    Parameters
    ----------
    logs : (rows, columns)
        Log prices, NaN where there is no quote.
    returns : (rows, columns)
        Filled where there is a return.
    most : int
        Largest age of the last quote, in rows.
    """
    columns = logs.shape[1]
    last, at = np.empty(columns), np.full(columns, -1)
    for row in range(len(logs)):
        for column in range(columns):
            value = logs[row, column]
            if not np.isnan(value):
                if at[column] >= 0 and row - at[column] <= most:
                    returns[row, column] = value - last[column]
                last[column], at[column] = value, row


@kernel()
def fill_forward(values: FloatArray, depth: int) -> None:
    """Carry the last number forward over NaN, in place, for less than ``depth`` rows.

    Parameters
    ----------
    values : (rows, columns)
        NaN where missing.
    depth : int
        Rows.
    """
    columns = values.shape[1]
    last, at = np.full(columns, np.nan), np.zeros(columns, np.int64)
    for row in range(len(values)):
        for column in range(columns):
            value = values[row, column]
            if not np.isnan(value):
                last[column], at[column] = value, row
            elif row - at[column] < depth:
                values[row, column] = last[column]
