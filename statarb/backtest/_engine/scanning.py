"""Kernels that check target weights, and gather those that are not zero on the way."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray


@kernel(fastmath={"reassoc"})
def _check_row(line: FloatArray, slack: float) -> tuple[float, int, int]:
    """Return the sum of a row, how many cells are not zero, and how many are numbers within [0,
    1].
    """
    amount = 0.0
    some, inside = 0, 0
    for k in range(len(line)):
        value = line[k]
        amount += value
        some += value != 0.0
        inside += (value >= -slack) & (value <= 1.0 + slack)
    return amount, some, inside


@kernel()
def _find_cells(line: FloatArray, some: int, cells: IntArray, before: int) -> None:
    """Write the places of the ``some`` cells that are not zero; ``cells`` holds the ``before``
    places of the row above.
    """
    if some == before:
        same = 0
        for k in range(some):
            same += line[cells[k]] != 0.0
        if same == some:
            return
    chunk = 32
    found = 0
    for low in range(0, len(line), chunk):
        part = line[low : low + chunk]
        filled = 0
        for k in range(len(part)):
            filled += part[k] != 0.0
        if filled > 0:
            for k in range(len(part)):
                if part[k] != 0.0:
                    cells[found] = low + k
                    found += 1


@kernel()
def scan_rows(
    values: FloatArray, columns: IntArray, slack: float, total: FloatArray, fine: BoolArray,
    starts: IntArray, index: IntArray, data: FloatArray,
) -> int:  # fmt: skip
    """Check weights stored row by row, and gather the non-zero ones on the way.

    Writes the sum of each row and whether all its weights are numbers within [0, 1]; returns the
    number of non-zero weights gathered, or -1 where ``data`` is too short for them (then only the
    checks are complete).
    """
    tall, width = values.shape
    cells = np.zeros(width, np.int64)
    before = -1
    found = 0
    room = True
    for row in range(tall):
        line = values[row]
        total[row], some, inside = _check_row(line, slack)
        fine[row] = inside == width
        starts[row] = found
        room = room and found + some <= len(data)
        if room and some > 0:
            _find_cells(line, some, cells, before)
            before = some
            for k in range(some):
                index[found] = columns[cells[k]]
                data[found] = line[cells[k]]
                found += 1
    starts[tall] = found
    return found if room else -1


@kernel()
def scan_columns(
    values: FloatArray, slack: float, total: FloatArray, fine: BoolArray, filled: IntArray
) -> None:
    """Check weights stored column by column, given as (columns, rows); count the non-zero ones of
    each column.
    """
    width, tall = values.shape
    total[:] = 0.0
    fine[:] = True
    for column in range(width):
        some = 0
        line = values[column]
        for row in range(tall):
            value = line[row]
            some += value != 0.0
            fine[row] &= (value >= -slack) & (value <= 1.0 + slack)
            total[row] += value
        filled[column] = some


@kernel()
def gather_columns(
    values: FloatArray,
    columns: IntArray,
    filled: IntArray,
    starts: IntArray,
    index: IntArray,
    data: FloatArray,
) -> None:
    """Gather the non-zero weights of a matrix stored column by column into compressed rows;
    ``starts`` must hold zeros.
    """
    width, tall = values.shape
    for column in range(width):
        if filled[column] > 0:
            for row in range(tall):
                if values[column, row] != 0.0:
                    starts[row + 1] += 1
    for row in range(tall):
        starts[row + 1] += starts[row]
    place = starts[:tall].copy()
    for column in range(width):
        if filled[column] > 0:
            for row in range(tall):
                value = values[column, row]
                if value != 0.0:
                    index[place[row]] = columns[column]
                    data[place[row]] = value
                    place[row] += 1
