"""Lines of a block of CSV bytes: where they are, how many fields they have, and the stamps in them.

Kernels; the short Python twins that the tests compare them with stand in
:mod:`statarb.data.ingest._engine.fields`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "COIN",
    "NO_STAMP",
    "PRICE",
    "SKIP",
    "STAMP",
    "Bytes",
    "blank_fields",
    "count_lines",
    "find_lines",
    "read_rows",
    "read_stamps",
]

Bytes = npt.NDArray[np.uint8]
NO_STAMP = -(2**63)
"""What stands for a stamp that could not be read."""
SKIP, STAMP, COIN, PRICE = 0, 1, 2, 3
"""Roles of a field; the numbers beside the price follow it: market capitalisation, supply,
volume.
"""
TENS = 10.0 ** np.arange(23)


@kernel()
def count_lines(text: Bytes) -> int:
    """Return the number of line ends."""
    lines = 0
    for place in range(text.shape[0]):
        lines += text[place] == 10
    return lines


@kernel()
def read_rows(
    text: Bytes, lines: int, roles: npt.NDArray[np.int8]
) -> tuple[IntArray, IntArray, IntArray, FloatArray, BoolArray]:
    """Read the lines that are written in the plainest way; the others are left to a more careful
    reader.

    Plain is a line of as many fields as ``roles`` has, none quoted; a stamp such as ``2018-01-17
    11:25:18`` with or without a fraction; a coin id of digits; and numbers without a sign that a
    double holds exactly up to one multiplication or division by a power of ten (Clinger 1990): the
    result is then the one nearest to the decimal.

    Returns starts (lines + 1), stamps in microseconds since 1970, coin ids, numbers (4 x lines, by
    role, NaN where a field is empty), and whether a line is plain; of one that is not, nothing but
    its start is meant.
    """
    width = roles.shape[0]
    starts = np.empty(lines + 1, dtype=np.int64)
    stamp = np.zeros(lines, dtype=np.int64)
    coin = np.zeros(lines, dtype=np.int64)
    numbers = np.full((4, lines), np.nan)
    regular = np.zeros(lines, dtype=np.bool_)
    one = np.uint64(1)
    at = np.uint64(0)
    previous = np.uint64(0)
    known = False
    for line in range(lines):
        starts[line] = np.int64(at)
        good = True
        for place in range(width):
            role = roles[place]
            begin = at
            if role == SKIP:
                while text[at] != 44 and text[at] != 10:
                    good &= text[at] != 34
                    at += one
            elif role == STAMP:
                while text[at] != 44 and text[at] != 10:
                    at += one
                size = np.int64(at - begin)
                if size > 0 and text[at] == 10 and text[at - one] == 13:
                    size -= 1
                # Neighbouring rows mostly share their stamp.
                if known and size == 19 and _same(text, begin, previous):
                    stamp[line] = stamp[line - 1]
                else:
                    stamp[line] = _stamp(text, np.int64(begin), size)
                    good &= stamp[line] != NO_STAMP
                previous = begin
                known = good and size == 19
            elif role == COIN:
                label = np.int64(0)
                while 48 <= text[at] <= 57 and at - begin < np.uint64(10):
                    label = 10 * label + np.int64(text[at]) - 48
                    at += one
                coin[line] = label
                good = good and bool(at > begin)
            else:
                mantissa = np.int64(0)
                while 48 <= text[at] <= 57:
                    mantissa = 10 * mantissa + np.int64(text[at]) - 48
                    at += one
                count = np.int64(at - begin)
                power = np.int64(0)
                if text[at] == 46:
                    at += one
                    first = at
                    while 48 <= text[at] <= 57:
                        mantissa = 10 * mantissa + np.int64(text[at]) - 48
                        at += one
                    power = -np.int64(at - first)
                    count -= power
                if count > 0 and (text[at] | 32) == 101:
                    exponent, after = _exponent(text, at + one)
                    power += exponent
                    good = good and bool(after > at)
                    at = max(after, at)
                # Eighteen digits fit in 64 bits; a double holds whole numbers up to 2^53, and
                # powers of ten up to 10^22.
                if count > 0 and count <= 18 and mantissa <= 2**53 and -22 <= power <= 22:
                    numbers[role - PRICE, line] = (
                        mantissa * TENS[power] if power >= 0 else mantissa / TENS[-power]
                    )
                else:
                    good = good and count == 0 and bool(at == begin)
            if text[at] == 13 and text[at + one] == 10:
                at += one
            if place == width - 1:
                good &= text[at] == 10
            elif text[at] == 44:
                at += one
            else:
                good = False
            if not good:
                break
        regular[line] = good
        if not good:
            known = False
            while text[at] != 10:
                at += one
        at += one
    starts[lines] = np.int64(at)
    return starts, stamp, coin, numbers, regular


@kernel()
def _exponent(text: Bytes, at: np.uint64) -> tuple[np.int64, np.uint64]:
    """Return an exponent of up to three digits and the place after it; place 0 where there is
    none.
    """
    one = np.uint64(1)
    down = text[at] == 45
    if down or text[at] == 43:
        at += one
    first = at
    exponent = np.int64(0)
    while 48 <= text[at] <= 57 and at - first < np.uint64(3):
        exponent = 10 * exponent + np.int64(text[at]) - 48
        at += one
    return (-exponent if down else exponent), (at if at > first else np.uint64(0))


@kernel()
def _same(text: Bytes, one: np.uint64, two: np.uint64) -> bool:
    """Whether two stamps of 19 bytes are the same; their ends differ most often."""
    for shift in range(19):
        back = np.uint64(18 - shift)
        if text[one + back] != text[two + back]:
            return False
    return True


@kernel()
def find_lines(text: Bytes, lines: int) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    """Return start and end (without the line end) of each line, its fields, and whether its quotes
    are open at its end.

    A comma between quotes is no separator. A blank line has 0 fields. The text ends with a line
    end.
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
def blank_fields(text: Bytes, starts: IntArray, ends: IntArray, width: int) -> BoolArray:
    """Whether each field of each line (lines x width; no quotes) is empty, or one of the words NaN
    and NULL in any case.
    """
    blank = np.ones((starts.shape[0], width), dtype=np.bool_)
    for line in range(starts.shape[0]):
        at = starts[line]
        for place in range(width):
            stop = at
            while stop < ends[line] and text[stop] != 44:
                stop += 1
            size = stop - at
            if size == 3:
                blank[line, place] = (
                    (text[at] | 32) == 110
                    and (text[at + 1] | 32) == 97
                    and (text[at + 2] | 32) == 110
                )
            elif size == 4:
                blank[line, place] = (
                    (text[at] | 32) == 110
                    and (text[at + 1] | 32) == 117
                    and (text[at + 2] | 32) == 108
                    and (text[at + 3] | 32) == 108
                )
            else:
                blank[line, place] = size <= 0
            at = stop + 1
    return blank


@kernel()
def read_stamps(text: Bytes, offsets: IntArray) -> IntArray:
    """Return stamps such as ``2018-01-17 11:25:18`` or ``2018-01-17T11:25:18.123`` in microseconds
    since 1970.

    ``offsets`` (rows + 1) bound the stamps in ``text``. Anything written otherwise gives
    ``NO_STAMP``.
    """
    rows = offsets.shape[0] - 1
    stamps = np.empty(rows, dtype=np.int64)
    for row in range(rows):
        stamps[row] = _stamp(text, offsets[row], offsets[row + 1] - offsets[row])
    return stamps


@kernel()
def _stamp(text: Bytes, at: np.int64, size: np.int64) -> int:
    if size < 19 or size == 20 or size > 26:
        return NO_STAMP
    if text[at + 4] != 45 or text[at + 7] != 45 or text[at + 13] != 58 or text[at + 16] != 58:
        return NO_STAMP
    if (text[at + 10] != 32 and text[at + 10] != 84) or (size > 19 and text[at + 19] != 46):
        return NO_STAMP
    for place in range(size):
        if place == 4 or place == 7 or place == 10 or place == 13 or place == 16 or place == 19:
            continue
        if text[at + place] < 48 or text[at + place] > 57:
            return NO_STAMP
    year = (
        1000 * np.int64(text[at])
        + 100 * np.int64(text[at + 1])
        + 10 * np.int64(text[at + 2])
        + np.int64(text[at + 3])
        - 53328
    )
    month = 10 * np.int64(text[at + 5]) + np.int64(text[at + 6]) - 528
    day = 10 * np.int64(text[at + 8]) + np.int64(text[at + 9]) - 528
    hour = 10 * np.int64(text[at + 11]) + np.int64(text[at + 12]) - 528
    minute = 10 * np.int64(text[at + 14]) + np.int64(text[at + 15]) - 528
    second = 10 * np.int64(text[at + 17]) + np.int64(text[at + 18]) - 528
    longest = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        longest = 30
    elif month == 2:
        longest = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if (
        year < 1
        or month < 1
        or month > 12
        or day < 1
        or day > longest
        or hour > 23
        or minute > 59
        or second > 59
    ):
        return NO_STAMP
    fraction = np.int64(0)
    for place in range(20, 26):
        fraction = 10 * fraction + (np.int64(text[at + place]) - 48 if place < size else 0)
    # Days since 1970 in the proleptic Gregorian calendar, counted in years that begin in March.
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return int((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + fraction)
