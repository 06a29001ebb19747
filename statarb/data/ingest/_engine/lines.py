"""Lines of a block of CSV bytes: where they are, how many fields they have, and what is in them.

Kernels; the arbiter that the tests compare them with is
:mod:`statarb.data.ingest._engine.fields`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "COIN",
    "LONGEST",
    "NO_STAMP",
    "PRICE",
    "SKIP",
    "STAMP",
    "Bytes",
    "Lines",
    "Texts",
    "count_lines",
    "find_lines",
    "gather",
    "read_rows",
    "read_stamp",
]

Bytes = npt.NDArray[np.uint8]
NO_STAMP = -(2**63)
"""What stands for a stamp that could not be read."""
SKIP, STAMP, COIN, PRICE = 0, 1, 2, 3
"""Roles of a field. Further numbers follow the price: market capitalisation, supply, volume; in a
matrix the prices of the other assets.
"""
TENS = 10.0 ** np.arange(23)
LONGEST = 32
"""Bytes of the longest number that the kernel hands on; ``repr`` of a double has at most 24."""


class Texts(NamedTuple):
    """Numbers that are still to be converted from their text, one entry each.

    Parameters
    ----------
    number, line : (count,) int64
        Where they belong in ``Lines.numbers``.
    begin, end : (count,) int64
        Where their text is.
    """

    number: IntArray
    line: IntArray
    begin: IntArray
    end: IntArray


class Lines(NamedTuple):
    """What :func:`read_rows` has read of each line.

    Parameters
    ----------
    starts : (lines + 1,) int64
        Where the lines begin, and where the last one ends.
    stamp : (lines,) int64
        Microseconds since 1970.
    coin : (lines,) int64
        Coin id.
    numbers : (numbers, lines) float64
        By role, NaN where a field is empty or says NaN or NULL.
    regular : (lines,) bool
        Whether the line was read; of one that was not, nothing but its start is meant.
    rest : Texts
        Numbers of these lines that are not in ``numbers`` yet.
    """

    starts: IntArray
    stamp: IntArray
    coin: IntArray
    numbers: FloatArray
    regular: BoolArray
    rest: Texts


@kernel()
def count_lines(text: Bytes) -> int:
    """Return the number of line ends."""
    lines = 0
    for place in range(text.shape[0]):
        lines += text[place] == 10
    return lines


@kernel()
def read_rows(text: Bytes, lines: int, roles: IntArray) -> Lines:
    """Read the lines that are written in a usual way; the others are left to the arbiter.

    Usual is a line of as many fields as ``roles`` has, each bare or between two quotes; a stamp
    such as ``2018-01-17 11:25:18`` with or without a fraction; a coin id of digits; and numbers
    with or without a sign, NaN, NULL or nothing. A number of which a double holds the digits and
    the power of ten exactly takes one multiplication or division, which gives the double nearest
    to the decimal (Clinger 1990); where the others are, of at most ``LONGEST`` bytes, is returned.
    """
    width = roles.shape[0]
    starts = np.empty(lines + 1, dtype=np.int64)
    stamp = np.full(lines, NO_STAMP)
    coin = np.zeros(lines, dtype=np.int64)
    numbers = np.full((max(roles.max() - PRICE + 1, 0), lines), np.nan)
    regular = np.zeros(lines, dtype=np.bool_)
    # The shortest number that goes there is one digit and an exponent of two, with its comma.
    room = min(numbers.size, text.shape[0] // 5)
    rest = Texts(
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
    )
    many = 0
    one = np.uint64(1)
    at = np.uint64(0)
    previous = np.uint64(0)
    known = False
    for line in range(lines):
        starts[line] = np.int64(at)
        good = True
        before = many
        for place in range(width):
            role = roles[place]
            quoted = text[at] == 34
            if quoted:
                at += one
            begin = at
            if role == SKIP:
                # Between quotes a comma is text. Two quotes in a row are the arbiter's: after the
                # first of them there is no comma.
                if quoted:
                    while text[at] != 34 and text[at] != 10:
                        at += one
                else:
                    while text[at] != 44 and text[at] != 10:
                        good &= text[at] != 34
                        at += one
            elif role == STAMP:
                while text[at] != 44 and text[at] != 10 and text[at] != 34:
                    at += one
                size = np.int64(at - begin)
                if size > 0 and text[at] == 10 and text[at - one] == 13:
                    size -= 1
                # Neighbouring rows mostly share their stamp.
                if known and size == 19 and _same(text, begin, previous):
                    stamp[line] = stamp[line - 1]
                else:
                    stamp[line] = read_stamp(text, np.int64(begin), size)
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
                minus = text[at] == 45
                if minus or text[at] == 43:
                    at += one
                digits = at
                mantissa = np.int64(0)
                while 48 <= text[at] <= 57:
                    mantissa = 10 * mantissa + np.int64(text[at]) - 48
                    at += one
                count = np.int64(at - digits)
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
                if 0 < count <= 18 and mantissa <= 2**53 and -22 <= power <= 22:
                    value = mantissa * TENS[power] if power >= 0 else mantissa / TENS[-power]
                    numbers[role - PRICE, line] = -value if minus else value
                elif count > 0:
                    # The text of all such numbers of a block is converted at once, by numpy.
                    good = good and bool(at - begin <= np.uint64(LONGEST))
                    if good:
                        rest.number[many] = role - PRICE
                        rest.line[many] = line
                        rest.begin[many] = np.int64(begin)
                        rest.end[many] = np.int64(at)
                        many += 1
                else:
                    good = good and bool(at == begin)
                    at = _after_word(text, at)
            if quoted:
                good &= text[at] == 34
                if text[at] != 10:
                    at += one
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
            many = before
            known = False
            while text[at] != 10:
                at += one
        at += one
    starts[lines] = np.int64(at)
    found = Texts(
        rest.number[:many].copy(),
        rest.line[:many].copy(),
        rest.begin[:many].copy(),
        rest.end[:many].copy(),
    )
    return Lines(starts, stamp, coin, numbers, regular, found)


@kernel()
def _after_word(text: Bytes, at: np.uint64) -> np.uint64:
    """Return the place after NaN or NULL, in any case; the same place where neither is there."""
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    # No letter of either is a line end, so that nothing is read beyond the line.
    if (text[at] | 32) == 110:
        if (text[at + one] | 32) == 97 and (text[at + two] | 32) == 110:
            return at + three
        if (
            (text[at + one] | 32) == 117
            and (text[at + two] | 32) == 108
            and (text[at + three] | 32) == 108
        ):
            return at + three + one
    return at


@kernel()
def gather(text: Bytes, begins: IntArray, ends: IntArray, out: npt.NDArray[np.uint8]) -> None:
    """Copy pieces of the text into the rows of ``out`` (pieces x longest, zeros before)."""
    for piece in range(begins.shape[0]):
        for place in range(begins[piece], ends[piece]):
            out[piece, place - begins[piece]] = text[place]


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
def find_lines(text: Bytes, lines: int) -> tuple[IntArray, BoolArray]:
    """Return the number of fields of each line, and whether its quotes are open at its end.

    A comma between quotes is no separator. A blank line has 0 fields. The text ends with a line
    end.
    """
    fields = np.zeros(lines, dtype=np.int64)
    open_quotes = np.zeros(lines, dtype=np.bool_)
    line = 0
    commas = 0
    quoted = False
    blank = True
    for place in range(text.shape[0]):
        byte = text[place]
        if byte == 10:
            fields[line] = 0 if blank else commas + 1
            open_quotes[line] = quoted
            line += 1
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
    return fields, open_quotes


@kernel()
def read_stamp(text: Bytes, at: np.int64, size: np.int64) -> int:
    """Return a stamp such as ``2018-01-17 11:25:18`` or ``2018-01-17T11:25:18.123``, ``size`` bytes
    from ``at``, in microseconds since 1970; ``NO_STAMP`` where it is written otherwise.
    """
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
