"""Kernels that carry values over gaps: last known values, and returns from them."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import AnyFloatArray, FloatArray, IntArray

__all__ = [
    "carry_forward",
    "carry_forward_reference",
    "gap_returns",
    "gap_returns_reference",
]


@kernel()
def carry_forward(values: AnyFloatArray, places: IntArray, max_age: int) -> None:
    """Replace each NaN by the last number above it in its column, in place.

    ``values`` (rows, columns), ``places`` (rows,) the position of each row in the grid. A number
    older than ``max_age`` steps of the grid is not carried; -1 carries it without end.
    """
    rows, columns = values.shape
    # row of the last number of each column; -1 before the first
    source = np.full(columns, -1)
    for row in range(rows):
        for column in range(columns):
            if not np.isnan(values[row, column]):
                source[column] = row
            elif source[column] >= 0:
                age = places[row] - places[source[column]]
                if max_age < 0 or age <= max_age:
                    values[row, column] = values[source[column], column]


def carry_forward_reference(values: AnyFloatArray, places: IntArray, max_age: int) -> None:
    """Do what :func:`carry_forward` does, column by column."""
    for column in values.T:
        last = None
        for row, value in enumerate(column.copy()):
            if not np.isnan(value):
                last = row
            elif last is not None and (max_age < 0 or places[row] - places[last] <= max_age):
                column[row] = column[last]


@kernel()
def gap_returns(
    values: AnyFloatArray, places: IntArray, max_gap: int, per_step: bool
) -> FloatArray:
    """Return log returns from each number to the next of its column, (rows, columns).

    NaN where a column has no number in the row, none before it, or where its last one lies more
    than ``max_gap`` steps of the grid before (-1: any gap counts). With ``per_step`` a return over
    k steps is divided by the root of k.
    """
    rows, columns = values.shape
    returns = np.full((rows, columns), np.nan)
    source = np.full(columns, -1)
    for row in range(rows):
        for column in range(columns):
            value = values[row, column]
            if np.isnan(value):
                continue
            last = source[column]
            source[column] = row
            if last < 0:
                continue
            gap = places[row] - places[last]
            if max_gap >= 0 and gap > max_gap:
                continue
            # the difference of logs, not the log of the ratio: as every table of returns is made
            move = np.log(np.float64(value)) - np.log(np.float64(values[last, column]))
            returns[row, column] = move / np.sqrt(gap) if per_step else move
    return returns


def gap_returns_reference(
    values: AnyFloatArray, places: IntArray, max_gap: int, per_step: bool
) -> FloatArray:
    """Return what :func:`gap_returns` returns, from each column's numbers alone."""
    returns = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        seen = np.flatnonzero(~np.isnan(values[:, column]))
        moves = np.diff(np.log(values[seen, column].astype(np.float64)))
        gaps = np.diff(places[seen])
        if per_step:
            moves = moves / np.sqrt(gaps)
        moves[(max_gap >= 0) & (gaps > max_gap)] = np.nan
        returns[seen[1:], column] = moves
    return returns
