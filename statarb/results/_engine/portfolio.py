"""Kernels of the portfolio file: weights to bytes, and bytes back to whole numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

Bytes = npt.NDArray[np.uint8]

DECIMALS = 8
"""Decimals of a cell as written."""
ONE = 10**DECIMALS
"""The whole portfolio, in units of the last decimal."""
WIDEST = DECIMALS + 3
"""Largest number of bytes of a cell, with the comma or line end behind it."""
EXACT = 18
"""Decimals up to which cells are read as whole numbers; more are left to the slow reader."""

ZERO, NINE, POINT, COMMA, NEWLINE, RETURN = 48, 57, 46, 44, 10, 13


@kernel()
def quantise(weights: FloatArray, order: IntArray, units: IntArray) -> None:
    """Turn weights (rows, assets) into whole units of the last decimal, (rows, assets + 1); cash,
    last, takes the rounding.

    Each is rounded to the nearest unit. Where the rounded ones add up to more than the whole, those
    of that row are rounded down instead, so cash is never negative.
    """
    rows, width = len(weights), len(order)
    for row in range(rows):
        total = 0
        for place in range(width):
            amount = int(np.rint(weights[row, order[place]] * ONE))
            units[row, place] = amount
            total += amount
        if total > ONE:
            total = 0
            for place in range(width):
                amount = int(np.floor(weights[row, order[place]] * ONE))
                units[row, place] = amount
                total += amount
        units[row, width] = ONE - total


@kernel()
def write_cells(units: IntArray, buffer: Bytes) -> int:
    """Write whole units as decimals, comma between cells, newline after a row; return the number of
    bytes.
    """
    at = 0
    rows, width = units.shape
    for row in range(rows):
        for place in range(width):
            amount = units[row, place]
            if amount == 0:
                buffer[at] = ZERO
                at += 1
            elif amount == ONE:
                buffer[at] = ZERO + 1
                at += 1
            else:
                buffer[at] = ZERO
                buffer[at + 1] = POINT
                for digit in range(DECIMALS):
                    buffer[at + 1 + DECIMALS - digit] = ZERO + amount % 10
                    amount //= 10
                at += 2 + DECIMALS
            buffer[at] = COMMA if place + 1 < width else NEWLINE
            at += 1
    return at


@kernel()
def read_cells(buffer: Bytes, size: int, units: IntArray, starts: IntArray, plain: IntArray) -> int:
    """Read the lines of a buffer that ends with a line end; return their number.

    Writes the cells in units of the 18th decimal into ``units`` (lines, width), the byte at which
    each line starts into ``starts``, and into ``plain`` whether the line is plain and valid:
    ``width`` cells, each ``0``, ``1`` or a decimal between them without sign or exponent, that add
    up to exactly 1. What is wrong with any other line is for the slow reader to say.
    """
    width = units.shape[1]
    whole = 10**EXACT
    at, line = 0, 0
    while at < size:
        starts[line] = at
        fine = True
        total = 0
        cells = 0
        amount, digits, decimals, pointed = 0, 0, 0, False
        while True:
            byte = buffer[at]
            at += 1
            if ZERO <= byte <= NINE:
                digits += 1
                if pointed:
                    decimals += 1
                if digits <= EXACT + 1:
                    amount = amount * 10 + (byte - ZERO)
            elif byte == POINT:
                fine = fine and not pointed and digits == 1
                pointed = True
            elif byte in (COMMA, NEWLINE):
                # one digit before the point, and one to eighteen behind it
                fine = (
                    fine
                    and digits - decimals == 1
                    and decimals <= EXACT
                    and (decimals > 0 or not pointed)
                )
                if fine:
                    for _ in range(decimals, EXACT):
                        amount *= 10
                    fine = 0 <= amount <= whole
                if fine and cells < width:
                    units[line, cells] = amount
                    total += amount
                    fine = total <= whole
                cells += 1
                amount, digits, decimals, pointed = 0, 0, 0, False
                if byte == NEWLINE:
                    break
            else:
                fine = fine and byte == RETURN and buffer[at] == NEWLINE
        plain[line] = fine and cells == width and total == whole
        line += 1
    starts[line] = at
    return line
