"""Lines of a block of CSV bytes: where they are, how many fields they have, and the stamps in them.

Kernels; the short Python twins that the tests compare them with stand in :mod:`statarb.data._fields`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from statarb._numba import kernel
from statarb._typing import BoolArray, IntArray

__all__ = ["NO_STAMP", "Bytes", "blank_fields", "count_marks", "find_lines", "read_stamps"]

Bytes = npt.NDArray[np.uint8]
NO_STAMP = -(2**63)
"""What stands for a stamp that could not be read."""


@kernel()
def count_marks(text: Bytes) -> tuple[int, int, int]:
    """Return the number of line ends, commas, and bytes that need care (quotes, and what is not ASCII)."""
    lines = 0
    commas = 0
    special = 0
    # Chunks whose counts fit in a byte each: the compiler then compares 32 bytes at a time.
    size = text.shape[0]
    low = 0
    while low < size:
        high = min(low + 255, size)
        line_part = np.uint8(0)
        comma_part = np.uint8(0)
        special_part = np.uint8(0)
        for place in range(low, high):
            byte = text[place]
            line_part += np.uint8(byte == 10)
            comma_part += np.uint8(byte == 44)
            special_part += np.uint8((byte == 34) | (byte >= 128))
        lines += int(line_part)
        commas += int(comma_part)
        special += int(special_part)
        low = high
    return lines, commas, special


@kernel()
def find_lines(text: Bytes, lines: int) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    """Return start and end (without the line end) of each line, its fields, and whether its quotes are open at its end.

    A comma between quotes is no separator. A blank line has 0 fields. The text ends with a line end.
    """
    starts = np.empty(lines, dtype=np.int64)
    ends = np.empty(lines, dtype=np.int64)
    fields = np.zeros(lines, dtype=np.int64)
    open_quotes = np.zeros(lines, dtype=np.bool_)
    start = 0
    line = 0
    commas = 0
    quoted = False
    blank = True
    for place in range(text.shape[0]):
        byte = text[place]
        if byte == 10:
            end = place
            if end > start and text[end - 1] == 13:
                end -= 1
            starts[line] = start
            ends[line] = end
            fields[line] = 0 if blank else commas + 1
            open_quotes[line] = quoted
            line += 1
            start = place + 1
            commas = 0
            quoted = False
            blank = True
            continue
        if byte == 34:
            quoted = not quoted
        elif byte == 44 and not quoted:
            commas += 1
        if byte != 32 and byte != 13 and byte != 9:
            blank = False
    return starts, ends, fields, open_quotes


@kernel()
def blank_fields(text: Bytes, starts: IntArray, ends: IntArray, place: int) -> BoolArray:
    """Whether field ``place`` of each line (without quotes) is empty, or one of the words NaN and NULL in any case."""
    blank = np.zeros(starts.shape[0], dtype=np.bool_)
    for line in range(starts.shape[0]):
        at = starts[line]
        end = ends[line]
        for _ in range(place):
            while at < end and text[at] != 44:
                at += 1
            at += 1
        stop = at
        while stop < end and text[stop] != 44:
            stop += 1
        size = stop - at
        if size <= 0:
            blank[line] = True
        elif size == 3:
            blank[line] = (text[at] | 32) == 110 and (text[at + 1] | 32) == 97 and (text[at + 2] | 32) == 110
        elif size == 4:
            blank[line] = (
                (text[at] | 32) == 110
                and (text[at + 1] | 32) == 117
                and (text[at + 2] | 32) == 108
                and (text[at + 3] | 32) == 108
            )
    return blank


@kernel()
def read_stamps(text: Bytes, offsets: IntArray) -> IntArray:
    """Return stamps such as ``2018-01-17 11:25:18`` or ``2018-01-17T11:25:18.123`` in microseconds since 1970.

    ``offsets`` (rows + 1) bound the stamps in ``text``. Anything written otherwise gives ``NO_STAMP``.
    """
    rows = offsets.shape[0] - 1
    stamps = np.empty(rows, dtype=np.int64)
    for row in range(rows):
        stamps[row] = -(2**63)
        at = offsets[row]
        size = offsets[row + 1] - at
        if size < 19 or size == 20 or size > 26:
            continue
        if text[at + 4] != 45 or text[at + 7] != 45 or text[at + 13] != 58 or text[at + 16] != 58:
            continue
        if text[at + 10] != 32 and text[at + 10] != 84:
            continue
        if size > 19 and text[at + 19] != 46:
            continue
        good = True
        for place in range(size):
            if place == 4 or place == 7 or place == 10 or place == 13 or place == 16 or place == 19:
                continue
            if text[at + place] < 48 or text[at + place] > 57:
                good = False
        if not good:
            continue
        year = 1000 * int(text[at]) + 100 * int(text[at + 1]) + 10 * int(text[at + 2]) + int(text[at + 3]) - 53328
        month = 10 * int(text[at + 5]) + int(text[at + 6]) - 528
        day = 10 * int(text[at + 8]) + int(text[at + 9]) - 528
        hour = 10 * int(text[at + 11]) + int(text[at + 12]) - 528
        minute = 10 * int(text[at + 14]) + int(text[at + 15]) - 528
        second = 10 * int(text[at + 17]) + int(text[at + 18]) - 528
        if year < 1 or month < 1 or month > 12 or day < 1 or hour > 23 or minute > 59 or second > 59:
            continue
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        longest = 31
        if month == 4 or month == 6 or month == 9 or month == 11:
            longest = 30
        elif month == 2:
            longest = 29 if leap else 28
        if day > longest:
            continue
        fraction = 0
        for place in range(20, 26):
            digit = int(text[at + place]) - 48 if place < size else 0
            fraction = 10 * fraction + digit
        # Days since 1970 in the proleptic Gregorian calendar, counted in years that begin in March.
        shifted = year - 1 if month <= 2 else year
        era = shifted // 400
        of_era = shifted - era * 400
        of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
        days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
        stamps[row] = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + fraction
    return stamps
