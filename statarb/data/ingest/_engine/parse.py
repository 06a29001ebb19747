"""Parsing: a block of whole lines becomes quotes.

Two readers: a kernel for lines written in a usual way, and the arbiter, in Python, for the single
lines that are not. Only the arbiter decides what is wrong with a line, and it reads every line that
the kernel reads as the kernel does.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.ingest._engine.cells import Quotes
from statarb.data.ingest._engine.fields import (
    LONE_RETURN,
    parse_coin,
    parse_number,
    parse_stamp,
    split_line,
)
from statarb.data.ingest._engine.lines import (
    COIN,
    LONGEST,
    NO_STAMP,
    PRICE,
    SKIP,
    STAMP,
    Bytes,
    Lines,
    count_lines,
    find_lines,
    gather,
    read_rows,
)
from statarb.data.ingest.layouts import Layout
from statarb.data.ingest.rejects import Reason

__all__ = ["Parsed", "parse_block"]

_FOOTER = re.compile(r"\s*\(\d+ rows? affected\)\s*")
_NUMBERS = ("price", "market_cap", "supply", "volume")


@dataclasses.dataclass(eq=False)
class Parsed:
    """Quotes of a block, and where in the file each of them stands.

    Parameters
    ----------
    quotes : Quotes
        What was read; rows that cannot be read carry the reason.
    lines : (quotes,) int64
        Line of the block, from 0, of each quote.
    malformed : int64 array
        Lines with a wrong number of fields, which are not among the quotes.
    starts : (count + 1,) int64
        Where the lines begin.
    block : buffer
        The text itself.
    """

    quotes: Quotes
    lines: IntArray
    malformed: IntArray
    starts: IntArray
    block: bytes | memoryview

    @property
    def count(self) -> int:
        """Number of lines of the block."""
        return len(self.starts) - 1

    def text(self, line: int) -> str:
        """Return a line as it stands in the file."""
        raw = bytes(self.block[self.starts[line] : self.starts[line + 1]])
        return raw.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")


def parse_block(block: bytes | memoryview, layout: Layout) -> Parsed:
    """Read the lines of a block, which ends with a line end.

    Blank lines and the footer of a database export are no rows. Everything else is either among the
    quotes or malformed.

    Parameters
    ----------
    block : buffer
        Whole lines.
    layout : Layout
        Where their fields stand.

    Returns
    -------
    Parsed
        Quotes in the order of the lines.
    """
    return (_parse_matrix if layout.name == "matrix" else _parse_long)(block, layout)


def _parse_long(block: bytes | memoryview, layout: Layout) -> Parsed:
    """Read lines of one quote each."""
    text: Bytes = np.frombuffer(block, dtype=np.uint8)
    read = _read(text, int(count_lines(text)), layout)
    numbers = dict(zip(_NUMBERS, read.numbers, strict=False))
    quotes = _quotes(
        read.stamp,
        read.coin,
        {name: values for name, values in numbers.items() if _place(layout, name) >= 0},
    )
    lines = np.arange(len(read.regular), dtype=np.int64)
    parsed = Parsed(quotes, lines, np.empty(0, dtype=np.int64), read.starts, block)
    if read.regular.all():
        return parsed
    good = _sift(parsed, np.flatnonzero(~read.regular), layout)
    for line in good.tolist():
        _settle(quotes, line, parsed.text(line), layout)
    kept = read.regular
    kept[good] = True
    if not kept.all():
        parsed.quotes, parsed.lines = _only(quotes, kept), lines[kept]
    return parsed


def _parse_matrix(block: bytes | memoryview, layout: Layout) -> Parsed:
    """Turn every field of a matrix that is not empty into a quote; a line whose stamp cannot be
    read is one reject.
    """
    text: Bytes = np.frombuffer(block, dtype=np.uint8)
    starts = np.append(0, np.flatnonzero(text == 10) + 1)
    parsed = Parsed(_nothing(layout), starts, np.empty(0, dtype=np.int64), starts, block)
    # Lines that are too short are sifted out first: the numbers of the others, one for every
    # comma, take no more than eight times the memory of the block.
    good = _sift(parsed, np.arange(len(starts) - 1), layout)
    read = _read(np.frombuffer(_joined(block, starts, good), dtype=np.uint8), len(good), layout)
    codes = np.zeros(read.numbers.shape, dtype=np.int8)
    for row in np.flatnonzero(~read.regular).tolist():
        fields = _fields(parsed.text(int(good[row])), layout)
        read.stamp[row] = parse_stamp(fields[layout.stamp]) if fields else NO_STAMP
        read.numbers[:, row] = np.nan
        if read.stamp[row] == NO_STAMP:
            # A line without a stamp stands for one quote, that of its first column.
            codes[:1, row] = Reason.STAMP
            continue
        for column, place in enumerate(layout.places):
            number = parse_number(fields[place])
            if number is None:
                codes[column, row] = Reason.NUMBER
            else:
                read.numbers[column, row] = number
    rows, columns = np.nonzero((~np.isnan(read.numbers) | (codes != 0)).T)
    parsed.quotes = _quotes(
        read.stamp[rows],
        np.array(layout.ids, dtype=np.int64)[columns],
        {"price": read.numbers[columns, rows]},
    )
    parsed.quotes.code[:] = codes[columns, rows]
    parsed.lines = good[rows]
    return parsed


def _read(text: Bytes, lines: int, layout: Layout) -> Lines:
    """Read the usual lines, all of their numbers converted."""
    read: Lines = read_rows(text, lines, _roles(layout))
    rest = read.rest
    if len(rest.line):
        # numpy gives the double nearest to a decimal of any length.
        words = np.zeros((len(rest.line), LONGEST), dtype=np.uint8)
        gather(text, rest.begin, rest.end, words)
        with np.errstate(over="ignore"):
            numbers = words.view(f"S{LONGEST}")[:, 0].astype(np.float64)
        read.numbers[rest.number, rest.line] = numbers
    return read


def _sift(parsed: Parsed, lines: IntArray, layout: Layout) -> IntArray:
    """Return those of the lines that have the right number of fields; others that are not blank are
    malformed.
    """
    text: Bytes = np.frombuffer(_joined(parsed.block, parsed.starts, lines), dtype=np.uint8)
    fields, open_quotes = find_lines(text, len(lines))
    good = (fields == layout.width) & ~open_quotes
    wrong = lines[~good & (fields > 0)]
    parsed.malformed = np.array(
        [line for line in wrong.tolist() if not _FOOTER.fullmatch(parsed.text(line))],
        dtype=np.int64,
    )
    right: IntArray = lines[good]
    return right


def _joined(block: bytes | memoryview, starts: IntArray, lines: IntArray) -> bytes | memoryview:
    """Return some lines of a block as one text."""
    if len(lines) == len(starts) - 1:
        return block
    if len(lines) == 0:
        return b""
    cuts = np.flatnonzero(np.diff(lines) > 1)
    lows = starts[lines[np.append(0, cuts + 1)]].tolist()
    highs = starts[lines[np.append(cuts, len(lines) - 1)] + 1].tolist()
    return b"".join([block[low:high] for low, high in zip(lows, highs, strict=True)])


def _fields(line: str, layout: Layout) -> list[str]:
    """Return the fields of a line, none where they are not as many as they should be, or where one
    that is read is cut by a carriage return.
    """
    fields = split_line(line)
    read = (layout.stamp, layout.coin, *layout.places, *(_place(layout, n) for n in _NUMBERS))
    if len(fields) != layout.width:
        return []
    return [] if any(LONE_RETURN in fields[place] for place in read if place >= 0) else fields


def _settle(quotes: Quotes, row: int, line: str, layout: Layout) -> None:
    """Read a single row from its text, in place."""
    numbers = [name for name in _NUMBERS if _place(layout, name) >= 0]
    quotes.stamp[row] = NO_STAMP
    for name in numbers:
        getattr(quotes, name)[row] = np.nan
    fields = _fields(line, layout)
    if not fields:
        quotes.code[row] = Reason.FIELDS
        return
    stamp = parse_stamp(fields[layout.stamp])
    coin = parse_coin(fields[layout.coin])
    found = {name: parse_number(fields[_place(layout, name)]) for name in numbers}
    if stamp == NO_STAMP:
        quotes.code[row] = Reason.STAMP
    elif coin is None or None in found.values():
        quotes.code[row] = Reason.NUMBER
    else:
        quotes.stamp[row], quotes.coin[row] = stamp, coin
        for name, number in found.items():
            getattr(quotes, name)[row] = number


def _place(layout: Layout, name: str) -> int:
    """Return where a number stands in a row, -1 where it does not."""
    place: int = getattr(layout, name)
    return place


def _roles(layout: Layout) -> IntArray:
    roles = np.full(layout.width, SKIP, dtype=np.int64)
    roles[layout.stamp] = STAMP
    if layout.name == "matrix":
        roles[list(layout.places)] = PRICE + np.arange(len(layout.places))
        return roles
    roles[layout.coin] = COIN
    for role, name in enumerate(_NUMBERS, start=PRICE):
        if _place(layout, name) >= 0:
            roles[_place(layout, name)] = role
    return roles


def _only(quotes: Quotes, kept: BoolArray) -> Quotes:
    columns = [getattr(quotes, field.name) for field in dataclasses.fields(Quotes)]
    return Quotes(*(values[kept] if len(values) else values for values in columns))


def _quotes(stamp: IntArray, coin: IntArray, numbers: dict[str, FloatArray]) -> Quotes:
    empty = np.empty(0, dtype=np.float64)
    return Quotes(
        stamp=stamp,
        coin=coin,
        price=numbers["price"],
        market_cap=numbers.get("market_cap", empty),
        supply=numbers.get("supply", empty),
        volume=numbers.get("volume", empty),
        code=np.zeros(len(stamp), dtype=np.int8),
    )


def _nothing(layout: Layout) -> Quotes:
    none = np.empty(0, dtype=np.int64)
    names = ("price", *(name for name in _NUMBERS if _place(layout, name) >= 0))
    return _quotes(none, none, {name: np.empty(0) for name in names})
