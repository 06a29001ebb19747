"""Gaps in columns of prices: interpolated, tied to both ends, blanked where too long."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray

__all__ = ["blank_long_gaps", "interpolate", "tie_paths"]


@kernel()
def interpolate(values: FloatArray, elapsed: FloatArray) -> None:
    """Draw straight lines over gaps with numbers on both sides, and carry the last number to the
    open end, in place.

    ``elapsed`` (rows,) are the times of the rows, in any unit.
    """
    rows, columns = values.shape
    last = np.full(columns, -1)
    for row in range(rows):
        for column in range(columns):
            value = values[row, column]
            if np.isnan(value):
                continue
            low = last[column]
            if low >= 0 and low < row - 1:
                first = values[low, column]
                slope = (value - first) / (elapsed[row] - elapsed[low])
                for inner in range(low + 1, row):
                    values[inner, column] = first + slope * (elapsed[inner] - elapsed[low])
            last[column] = row
    for column in range(columns):
        if last[column] >= 0:
            for row in range(last[column] + 1, rows):
                values[row, column] = values[last[column], column]


@kernel()
def tie_paths(values: FloatArray, steps: FloatArray, elapsed: FloatArray, tie: bool) -> None:
    """Walk over each gap by the given steps, in place; ``tie`` spreads what is missing at the far
    side evenly over time.

    ``values`` (rows, columns) are logs of prices, ``steps`` (rows, columns) expected changes, of
    which those in gaps and at the first number after a gap are read.
    """
    rows, columns = values.shape
    last = np.full(columns, -1)
    for row in range(rows):
        for column in range(columns):
            value = values[row, column]
            if np.isnan(value):
                continue
            low = last[column]
            if low >= 0 and low < row - 1:
                level = values[low, column]
                for inner in range(low + 1, row):
                    level += steps[inner, column]
                    values[inner, column] = level
                if tie:
                    slope = (value - level - steps[row, column]) / (elapsed[row] - elapsed[low])
                    for inner in range(low + 1, row):
                        values[inner, column] += slope * (elapsed[inner] - elapsed[low])
            last[column] = row
    for column in range(columns):
        if last[column] >= 0:
            level = values[last[column], column]
            for row in range(last[column] + 1, rows):
                level += steps[row, column]
                values[row, column] = level


@kernel()
def blank_long_gaps(
    values: FloatArray, seen: BoolArray, elapsed: FloatArray, max_gap: float, fill_start: bool
) -> None:
    """Put NaN back into gaps longer than ``max_gap`` steps, in place; ``fill_start`` leaves their
    first ``max_gap`` steps.

    ``seen`` (rows, columns) says what was a number before the filling; ``elapsed`` (rows,) are the
    times of the rows in steps. A gap that is open at the end reaches to the last row.
    """
    rows, columns = values.shape
    last = np.full(columns, -1)
    for row in range(rows + 1):
        for column in range(columns):
            if row < rows and not seen[row, column]:
                continue
            low = last[column]
            if low >= 0 and low < row - 1:
                end = elapsed[row] - 1.0 if row < rows else elapsed[rows - 1]
                if end - elapsed[low] > max_gap + 1e-6:
                    for inner in range(low + 1, row):
                        if not fill_start or elapsed[inner] - elapsed[low] > max_gap + 1e-6:
                            values[inner, column] = np.nan
            last[column] = row
