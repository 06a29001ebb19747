"""Parsing: a block of whole lines becomes quotes; polars reads the regular rows, single rows are read one by one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np
import polars as pl

from statarb._typing import BoolArray, FloatArray, IntArray
from statarb.data._cells import Codes, Quotes
from statarb.data._fields import parse_coin, parse_number, parse_stamp, split_line
from statarb.data._lines import NO_STAMP, Bytes, blank_fields, count_marks, find_lines, read_stamps
from statarb.data.layouts import Layout
from statarb.data.rejects import Reason

__all__ = ["Parsed", "parse_block"]

_FOOTER = re.compile(r"\s*\(\d+ rows? affected\)\s*")
# A stamp beyond ASCII cannot be one; polars refuses such text, so it gets a mark that cannot be read either.
_ASCII = bytes(range(128)) + b"?" * 128
_FIELDS = ("price", "market_cap", "supply", "volume")


@dataclasses.dataclass
class Parsed:
    """Quotes of a block, and where in the file each of them stands.

    Parameters
    ----------
    quotes : Quotes
        What was read; rows that cannot be read carry the reason.
    lines : (quotes,) int64
        Line of the block, from 0, of each quote.
    text : callable
        Gives the text of a line of the block.
    malformed : int64 array
        Lines with a wrong number of fields, which are not among the quotes.
    count : int
        Number of lines of the block.
    """

    quotes: Quotes
    lines: IntArray
    text: Callable[[int], str]
    malformed: IntArray
    count: int


class _Lines:
    """The lines of a block; their places are looked up when they are first needed."""

    def __init__(self, block: bytes) -> None:
        self.block = block
        self.bytes: Bytes = np.frombuffer(block, dtype=np.uint8)
        self.count, self.commas, self.special = (int(number) for number in count_marks(self.bytes))
        self._found: tuple[IntArray, IntArray, IntArray, BoolArray] | None = None

    @property
    def found(self) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
        if self._found is None:
            self._found = find_lines(self.bytes, self.count)
        return self._found

    def text(self, line: int) -> str:
        starts, ends, _, _ = self.found
        return self.block[starts[line] : ends[line]].decode("utf-8", errors="backslashreplace")

    def only(self, kept: IntArray) -> bytes:
        """Return the block with these lines alone."""
        starts = np.append(self.found[0], len(self.block))
        runs = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
        return b"".join([self.block[starts[run[0]] : starts[run[-1] + 1]] for run in runs])


def parse_block(block: bytes, layout: Layout) -> Parsed:
    """Read the lines of a block.

    Blank lines and the footer of a database export are no rows. Everything else is either among the quotes or malformed.
    """
    lines = _Lines(block)
    malformed = np.empty(0, dtype=np.int64)
    frame: pl.DataFrame | None = None
    kept: IntArray = np.arange(lines.count, dtype=np.int64)
    # Sums can hide a short row beside a long one: polars finds the long one, which leads to the careful way below.
    if lines.special == 0 and lines.commas == lines.count * (layout.width - 1):
        frame = _read_frame(block, layout, lines.count)
    if frame is None:
        _, _, fields, open_quotes = lines.found
        good = (fields == layout.width) & ~open_quotes
        kept = np.flatnonzero(good)
        wrong = np.flatnonzero(~good & (fields > 0))
        malformed = np.array([line for line in wrong if not _FOOTER.fullmatch(lines.text(int(line)))], dtype=np.int64)
        if len(kept):
            frame = _read_frame(lines.only(kept).translate(_ASCII), layout, len(kept), quotes=True)
    if len(kept) == 0:
        quotes = _nothing(layout)
        rows = kept
    elif layout.name == "matrix":
        quotes, rows = _matrix(frame, layout, lines, kept)
    else:
        quotes, rows = _long(frame, layout, lines, kept)
    return Parsed(quotes, rows, lines.text, malformed, lines.count)


def _read_frame(block: bytes, layout: Layout, rows: int, *, quotes: bool = False) -> pl.DataFrame | None:
    """Read lines that all have the right number of fields; ``None`` where polars does not see the same rows."""
    schema: dict[str, pl.DataType] = {f"f{place}": pl.String() for place in range(layout.width)}
    numbers = [place for place in (layout.price, layout.market_cap, layout.supply, layout.volume) if place >= 0]
    for place in [*numbers, *layout.places]:
        schema[f"f{place}"] = pl.Float64()
    if layout.coin >= 0:
        schema[f"f{layout.coin}"] = pl.Int64()
    wanted = sorted({layout.stamp, *numbers, *layout.places} | ({layout.coin} if layout.coin >= 0 else set()))
    try:
        frame = pl.read_csv(
            block,
            has_header=False,
            schema=schema,
            columns=wanted,
            ignore_errors=True,
            quote_char='"' if quotes else None,
        )
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.height == rows else None


def _stamps(frame: pl.DataFrame, layout: Layout) -> IntArray:
    column = frame.get_column(f"f{layout.stamp}").fill_null("").to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, text = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    content = np.frombuffer(text, dtype=np.uint8) if text is not None and text.size else np.zeros(0, dtype=np.uint8)
    stamps: IntArray = read_stamps(content, bounds)
    return stamps


def _long(frame: pl.DataFrame | None, layout: Layout, lines: _Lines, kept: IntArray) -> tuple[Quotes, IntArray]:
    places = {name: getattr(layout, name) for name in _FIELDS if getattr(layout, name) >= 0}
    count = len(kept)
    if frame is None:
        numbers = {name: np.full(count, np.nan) for name in places}
        quotes = _quotes(np.full(count, NO_STAMP), np.zeros(count, dtype=np.int64), numbers, np.zeros(count, dtype=np.int8))
        _settle(quotes, np.arange(count), layout, lines, kept)
        return quotes, kept
    numbers = {name: _numbers(frame, place) for name, place in places.items()}
    coin = frame.get_column(f"f{layout.coin}").fill_null(0).to_numpy()
    quotes = _quotes(_stamps(frame, layout), coin, numbers, np.zeros(count, dtype=np.int8))
    doubtful = (quotes.stamp == NO_STAMP) | (quotes.coin == 0)
    for name, values in numbers.items():
        absent = np.isnan(values)
        if absent.any():
            starts, ends, _, _ = lines.found
            rows = np.flatnonzero(absent)
            blank = blank_fields(lines.bytes, starts[kept[rows]], ends[kept[rows]], places[name])
            doubtful[rows[~blank]] = True
    _settle(quotes, np.flatnonzero(doubtful), layout, lines, kept)
    return quotes, kept


def _settle(quotes: Quotes, rows: IntArray, layout: Layout, lines: _Lines, kept: IntArray) -> None:
    """Read single rows from their text, in place."""
    for row in rows:
        fields = split_line(lines.text(int(kept[row])))
        if len(fields) != layout.width:
            quotes.code[row] = Reason.FIELDS
            continue
        stamp = parse_stamp(fields[layout.stamp])
        coin = parse_coin(fields[layout.coin])
        numbers = {name: parse_number(fields[place]) for name in _FIELDS if (place := getattr(layout, name)) >= 0}
        if stamp == NO_STAMP:
            quotes.code[row] = Reason.STAMP
        elif coin is None or None in numbers.values():
            quotes.code[row] = Reason.NUMBER
        else:
            quotes.stamp[row], quotes.coin[row] = stamp, coin
            for name, number in numbers.items():
                getattr(quotes, name)[row] = number


def _matrix(frame: pl.DataFrame | None, layout: Layout, lines: _Lines, kept: IntArray) -> tuple[Quotes, IntArray]:
    """Turn every field of a matrix that is not empty into a quote; a line whose stamp cannot be read is one reject."""
    starts, ends, _, _ = lines.found
    count = len(kept)
    ids = np.array(layout.ids, dtype=np.int64)
    codes = np.zeros((count, len(ids)), dtype=np.int8)
    if frame is None:
        stamp = np.full(count, NO_STAMP)
        prices = np.full((count, len(ids)), np.nan)
        doubtful = np.ones((count, len(ids)), dtype=np.bool_)
    else:
        stamp = _stamps(frame, layout)
        prices = np.column_stack([_numbers(frame, place) for place in layout.places])
        doubtful = np.isnan(prices)
        for column, place in enumerate(layout.places):
            open_rows = np.flatnonzero(doubtful[:, column])
            if len(open_rows):
                blank = blank_fields(lines.bytes, starts[kept[open_rows]], ends[kept[open_rows]], place)
                doubtful[open_rows[blank], column] = False
    for row in np.flatnonzero(doubtful.any(axis=1) | (stamp == NO_STAMP)):
        fields = split_line(lines.text(int(kept[row])))
        stamp[row] = parse_stamp(fields[layout.stamp]) if len(fields) == layout.width else NO_STAMP
        if stamp[row] == NO_STAMP:
            prices[row] = np.nan
            continue
        for cell in np.flatnonzero(doubtful[row]):
            number = parse_number(fields[layout.places[cell]])
            prices[row, cell] = np.nan if number is None else number
            codes[row, cell] = Reason.NONE if number is not None else Reason.NUMBER
    bad = stamp == NO_STAMP
    shown = ~np.isnan(prices) | (codes != 0)
    # A line without a stamp stands for one quote, that of its first column.
    shown[bad, 0] = True
    codes[bad, 0] = Reason.STAMP
    rows, columns = np.nonzero(shown)
    quotes = _quotes(stamp[rows], ids[columns], {"price": prices[rows, columns]}, codes[rows, columns])
    return quotes, kept[rows]


def _numbers(frame: pl.DataFrame, place: int) -> FloatArray:
    return np.array(frame.get_column(f"f{place}").to_numpy(), dtype=np.float64)


def _quotes(stamp: IntArray, coin: IntArray, numbers: dict[str, FloatArray], code: Codes) -> Quotes:
    empty = np.empty(0, dtype=np.float64)
    return Quotes(
        stamp=stamp,
        coin=np.array(coin, dtype=np.int64),
        price=numbers["price"],
        market_cap=numbers.get("market_cap", empty),
        supply=numbers.get("supply", empty),
        volume=numbers.get("volume", empty),
        code=code,
    )


def _nothing(layout: Layout) -> Quotes:
    none = np.empty(0, dtype=np.int64)
    names = ("price", *(name for name in _FIELDS if getattr(layout, name) >= 0))
    return _quotes(none, none, {name: np.empty(0) for name in names}, np.empty(0, dtype=np.int8))
