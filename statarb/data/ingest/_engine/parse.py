"""Parsing: a block of whole lines becomes quotes.

Three readers, each for what the one before leaves over: a kernel for plainly written rows, polars
for rows that are written otherwise, and Python for the single rows that are neither. Only the last
one decides what is wrong with a row.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import numpy.typing as npt
import polars as pl

from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.ingest._engine.cells import Quotes
from statarb.data.ingest._engine.fields import parse_coin, parse_number, parse_stamp, split_line
from statarb.data.ingest._engine.lines import (
    COIN,
    NO_STAMP,
    PRICE,
    SKIP,
    STAMP,
    Bytes,
    blank_fields,
    count_lines,
    find_lines,
    read_rows,
    read_stamps,
)
from statarb.data.ingest.layouts import Layout
from statarb.data.ingest.rejects import Reason

__all__ = ["Parsed", "parse_block"]

_FOOTER = re.compile(r"\s*\(\d+ rows? affected\)\s*")
# A stamp beyond ASCII cannot be one; polars refuses such text, so it gets a mark that cannot be
# read either.
_ASCII = bytes(range(128)) + b"?" * 128
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
    """
    if layout.name == "matrix":
        return _parse_carefully(bytes(block), layout)
    text: Bytes = np.frombuffer(block, dtype=np.uint8)
    count = int(count_lines(text))
    starts, stamp, coin, numbers, regular = read_rows(text, count, _roles(layout))
    quotes = _quotes(
        stamp,
        coin,
        {name: numbers[place] for place, name in enumerate(_NUMBERS) if _place(layout, name) >= 0},
    )
    lines = np.arange(count, dtype=np.int64)
    if regular.all():
        return Parsed(quotes, lines, np.empty(0, dtype=np.int64), starts, block)
    odd = np.flatnonzero(~regular)
    rest = _parse_carefully(_joined(block, starts, odd), layout)
    rows = odd[rest.lines]
    for field in dataclasses.fields(Quotes):
        values = getattr(quotes, field.name)
        if len(values):
            values[rows] = getattr(rest.quotes, field.name)
    kept = regular.copy()
    kept[rows] = True
    if not kept.all():
        quotes = _only(quotes, kept)
    return Parsed(quotes, lines[kept], odd[rest.malformed], starts, block)


def _parse_carefully(block: bytes, layout: Layout) -> Parsed:
    """Read lines of which nothing is known."""
    text: Bytes = np.frombuffer(block, dtype=np.uint8)
    starts, ends, fields, open_quotes = find_lines(text, count_lines(text))
    bounds = np.append(starts, len(block))
    good = (fields == layout.width) & ~open_quotes
    kept = np.flatnonzero(good)
    parsed = Parsed(_nothing(layout), kept, np.empty(0, dtype=np.int64), bounds, block)
    wrong = np.flatnonzero(~good & (fields > 0))
    parsed.malformed = np.array(
        [line for line in wrong if not _FOOTER.fullmatch(parsed.text(int(line)))], dtype=np.int64
    )
    if len(kept) == 0:
        return parsed
    frame = _read_frame(_joined(block, bounds, kept).translate(_ASCII), layout, len(kept))
    read = _matrix if layout.name == "matrix" else _long
    read(parsed, frame, layout, text, starts[kept], ends[kept])
    return parsed


def _joined(block: bytes | memoryview, bounds: IntArray, lines: IntArray) -> bytes:
    """Return some lines of a block as one text."""
    cuts = np.flatnonzero(np.diff(lines) > 1)
    lows = bounds[lines[np.append(0, cuts + 1)]].tolist()
    highs = bounds[lines[np.append(cuts, len(lines) - 1)] + 1].tolist()
    return b"".join([block[low:high] for low, high in zip(lows, highs, strict=True)])


def _read_frame(block: bytes, layout: Layout, rows: int) -> pl.DataFrame | None:
    """Read lines that all have the right number of fields; ``None`` where polars does not see the
    same rows.
    """
    schema: dict[str, pl.DataType] = {f"f{place}": pl.String() for place in range(layout.width)}
    numbers = [place for name in _NUMBERS if (place := _place(layout, name)) >= 0]
    for place in [*numbers, *layout.places]:
        schema[f"f{place}"] = pl.Float64()
    if layout.coin >= 0:
        schema[f"f{layout.coin}"] = pl.Int64()
    wanted = sorted(
        {layout.stamp, *numbers, *layout.places} | ({layout.coin} if layout.coin >= 0 else set())
    )
    try:
        frame = pl.read_csv(
            block, has_header=False, schema=schema, columns=wanted, ignore_errors=True
        )
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.height == rows else None


def _stamps(frame: pl.DataFrame, layout: Layout) -> IntArray:
    column = (
        frame.get_column(f"f{layout.stamp}")
        .fill_null("")
        .to_arrow(compat_level=pl.CompatLevel.oldest())
    )
    _, offsets, text = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    content = (
        np.frombuffer(text, dtype=np.uint8)
        if text is not None and text.size
        else np.zeros(0, dtype=np.uint8)
    )
    stamps: IntArray = read_stamps(content, bounds)
    return stamps


def _long(
    parsed: Parsed,
    frame: pl.DataFrame | None,
    layout: Layout,
    text: Bytes,
    starts: IntArray,
    ends: IntArray,
) -> None:
    """Read rows of one quote each."""
    places = {name: place for name in _NUMBERS if (place := _place(layout, name)) >= 0}
    count = len(starts)
    if frame is None:
        stamp, coin = np.full(count, NO_STAMP), np.zeros(count, dtype=np.int64)
        parsed.quotes = _quotes(stamp, coin, {name: np.full(count, np.nan) for name in places})
        doubtful = np.ones(count, dtype=np.bool_)
    else:
        numbers = {name: _floats(frame, place) for name, place in places.items()}
        coin = np.array(frame.get_column(f"f{layout.coin}").fill_null(0).to_numpy(), dtype=np.int64)
        parsed.quotes = _quotes(_stamps(frame, layout), coin, numbers)
        doubtful = (parsed.quotes.stamp == NO_STAMP) | (coin == 0)
        absent = np.column_stack([np.isnan(values) for values in numbers.values()])
        rows = np.flatnonzero(absent.any(axis=1))
        if len(rows):
            # No number, although the field is not empty.
            blank = blank_fields(text, starts[rows], ends[rows], layout.width)[
                :, list(places.values())
            ]
            doubtful[rows] |= (absent[rows] & ~blank).any(axis=1)
    for row in np.flatnonzero(doubtful):
        _settle(parsed.quotes, int(row), parsed.text(int(parsed.lines[row])), layout)


def _settle(quotes: Quotes, row: int, line: str, layout: Layout) -> None:
    """Read a single row from its text, in place."""
    fields = split_line(line)
    if len(fields) != layout.width:
        quotes.code[row] = Reason.FIELDS
        return
    stamp = parse_stamp(fields[layout.stamp])
    coin = parse_coin(fields[layout.coin])
    numbers = {
        name: parse_number(fields[place])
        for name in _NUMBERS
        if (place := _place(layout, name)) >= 0
    }
    if stamp == NO_STAMP:
        quotes.code[row] = Reason.STAMP
    elif coin is None or None in numbers.values():
        quotes.code[row] = Reason.NUMBER
    else:
        quotes.stamp[row], quotes.coin[row] = stamp, coin
        for name, number in numbers.items():
            getattr(quotes, name)[row] = number


def _matrix(
    parsed: Parsed,
    frame: pl.DataFrame | None,
    layout: Layout,
    text: Bytes,
    starts: IntArray,
    ends: IntArray,
) -> None:
    """Turn every field of a matrix that is not empty into a quote; a line whose stamp cannot be
    read is one reject.
    """
    count = len(starts)
    ids = np.array(layout.ids, dtype=np.int64)
    codes = np.zeros((count, len(ids)), dtype=np.int8)
    if frame is None:
        stamp = np.full(count, NO_STAMP)
        prices = np.full((count, len(ids)), np.nan)
        doubtful = np.ones((count, len(ids)), dtype=np.bool_)
    else:
        stamp = _stamps(frame, layout)
        prices = np.column_stack([_floats(frame, place) for place in layout.places])
        doubtful = (
            np.isnan(prices)
            & ~blank_fields(text, starts, ends, layout.width)[:, list(layout.places)]
        )
    for row in np.flatnonzero(doubtful.any(axis=1) | (stamp == NO_STAMP)):
        fields = split_line(parsed.text(int(parsed.lines[row])))
        stamp[row] = parse_stamp(fields[layout.stamp]) if len(fields) == layout.width else NO_STAMP
        if stamp[row] == NO_STAMP:
            prices[row] = np.nan
            continue
        for column in np.flatnonzero(doubtful[row]):
            number = parse_number(fields[layout.places[column]])
            prices[row, column] = np.nan if number is None else number
            codes[row, column] = Reason.NONE if number is not None else Reason.NUMBER
    bad = stamp == NO_STAMP
    shown = ~np.isnan(prices) | (codes != 0)
    # A line without a stamp stands for one quote, that of its first column.
    shown[bad, 0] = True
    codes[bad, 0] = Reason.STAMP
    rows, columns = np.nonzero(shown)
    parsed.quotes = _quotes(stamp[rows], ids[columns], {"price": prices[rows, columns]})
    parsed.quotes.code[:] = codes[rows, columns]
    parsed.lines = parsed.lines[rows]


def _floats(frame: pl.DataFrame, place: int) -> FloatArray:
    return np.array(frame.get_column(f"f{place}").to_numpy(), dtype=np.float64)


def _place(layout: Layout, name: str) -> int:
    """Return where a number stands in a row, -1 where it does not."""
    place: int = getattr(layout, name)
    return place


def _roles(layout: Layout) -> npt.NDArray[np.int8]:
    roles: npt.NDArray[np.int8] = np.full(layout.width, SKIP, dtype=np.int8)
    for role, name in enumerate(_NUMBERS, start=PRICE):
        if _place(layout, name) >= 0:
            roles[_place(layout, name)] = role
    roles[layout.stamp], roles[layout.coin] = STAMP, COIN
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
