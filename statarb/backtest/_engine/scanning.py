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
    starts: IntArray, index: IntArray, data: FloatArray, found: int,
) -> int:  # fmt: skip
    """Check weights stored row by row, and gather the non-zero ones on the way.

    Writes the sum of each row and whether all its weights are numbers within [0, 1]. ``found``
    non-zero weights have been gathered before; returns their number after these rows, or -1 where
    ``data`` is too short for them (then only the checks are complete).
    """
    tall, width = values.shape
    cells = np.zeros(width, np.int64)
    before = -1
    room = found >= 0
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
def used_columns(values: FloatArray) -> BoolArray:
    """Whether any weight of each column is not zero; ``values`` are (columns, rows)."""
    width, tall = values.shape
    used = np.zeros(width, np.bool_)
    for column in range(width):
        # in pieces: within one there is no branch, and the compiler makes vectors of it
        for low in range(0, tall, 256):
            piece = values[column, low : low + 256]
            some = 0
            for row in range(len(piece)):
                some += piece[row] != 0.0
            if some > 0:
                used[column] = True
                break
    return used


@kernel()
def transpose_block(values: FloatArray, begin: int, out: FloatArray) -> None:
    """Copy the rows from ``begin`` on of weights stored column by column, given as (columns, rows),
    to where each row's lie side by side.
    """
    # Eight columns at a time: what is written then fills whole cache lines.
    for low in range(0, len(values), 8):
        high = min(low + 8, len(values))
        for offset in range(len(out)):
            for column in range(low, high):
                out[offset, column] = values[column, begin + offset]


@kernel()
def transpose_few(values: FloatArray, columns: IntArray, begin: int, out: FloatArray) -> None:
    """Do as :func:`transpose_block` with some of the columns, most of whose weights are 0."""
    out[:] = 0.0
    for place in range(len(columns)):
        piece = values[columns[place], begin : begin + len(out)]
        some = 0
        for offset in range(len(piece)):
            some += piece[offset] != 0.0
        if some > 0:
            for offset in range(len(piece)):
                out[offset, place] = piece[offset]
