"""Kernels on bytes against the arbiter of single fields, and against short Python references."""

from __future__ import annotations

import dataclasses
import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from statarb.data.ingest._engine import parse
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
    Lines,
    Texts,
    count_lines,
    find_lines,
    read_rows,
    read_stamp,
)
from statarb.data.ingest.layouts import Layout, recognise
from statarb.data.ingest.rejects import Reason


def as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("latin-1"), dtype=np.uint8)


@settings(deadline=None)
@given(st.text(alphabet='a1.,"\r \t', max_size=60).map(lambda text: text.replace(" ", "\n") + "\n"))
def test_lines_are_those_of_split(text: str) -> None:
    content = as_bytes(text)
    lines = text.split("\n")[:-1]
    assert count_lines(content) == len(lines)
    fields, open_quotes = find_lines(content, len(lines))
    for place, line in enumerate(lines):
        outside = "".join(part for number, part in enumerate(line.split('"')) if number % 2 == 0)
        assert fields[place] == (outside.count(",") + 1 if line.strip(" \r\t") else 0)
        assert open_quotes[place] == (line.count('"') % 2 == 1)


stamps = st.one_of(
    st.datetimes().map(lambda time: time.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0")),
    st.datetimes().map(lambda time: time.isoformat()),
    st.datetimes().map(lambda time: time.isoformat(" ", "milliseconds")),
    st.text(alphabet="0123456789-: T.Z+", max_size=27),
)


@settings(deadline=None)
@given(stamps)
@example("2018-02-29 00:00:00")
@example("2016-02-29 00:00:00.5")
@example("1900-02-29 00:00:00")
@example("2018-01-17 24:00:00")
@example("2018-01-17 23:60:00")
@example("0000-01-17 23:00:00")
@example("2018-01-17 11:25:18.1234567")
@example("2018-01-17 11:25")
@example("2018-01-17")
@example("2018-01-17T11:25:18Z")
@example("2018-01-17 11:25:18+02:00")
@example("")
def test_stamps_of_the_kernel_are_those_of_datetime(text: str) -> None:
    found = read_stamp(as_bytes(text), 0, len(text))
    assert found in (NO_STAMP, parse_stamp(text)), (
        "the kernel may leave a stamp to the careful reader, but never misread one"
    )
    if len(text) in (19, *range(21, 27)) and "Z" not in text and "+" not in text:
        assert found == parse_stamp(text)


def test_stamps_known_by_heart() -> None:
    assert parse_stamp("1970-01-01 00:00:00") == 0
    assert parse_stamp("2018-01-25 00:00:00.250") == 1_516_838_400_250_000
    assert parse_stamp("2018-01-25T02:00:00+02:00") == 1_516_838_400_000_000
    assert parse_stamp("2018-01-25 00:00:00 Z") == 1_516_838_400_000_000
    assert parse_stamp("2018-01-25") == 1_516_838_400_000_000
    for text in (
        "",
        "noon",
        "25.01.2018",
        "01/25/2018 00:00",
        "2018-1-5",
        "2018-01-25 00:00:00+99:00",
        "2018-13-01",
    ):
        assert parse_stamp(text) == NO_STAMP


numbers = st.one_of(
    st.floats(min_value=0.0, allow_nan=False, allow_infinity=False).map(repr),
    st.integers(0, 10**21).map(str),
    st.from_regex(r"\A[0-9]{0,12}\.?[0-9]{0,12}([eE][+-]?[0-9]{1,3})?\Z"),
    st.text(alphabet="0123456789.eE+-", max_size=12),
    st.sampled_from(
        [
            "",
            "nan",
            "inf",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "1,0",
            "9007199254740993",
            "1e23",
            "1e-23",
            ".",
        ]
    ),
)


def read_number(text: str) -> tuple[float, bool]:
    """A number by the kernel, from its digits or from its text, and whether it was read."""
    content = as_bytes(f"2018-01-17 11:25:00,1442,{text}\n")
    read = read_rows(content, 1, np.array([STAMP, COIN, PRICE]))
    if len(read.rest.line):
        assert read.regular[0]
        assert (read.rest.number[0], read.rest.line[0]) == (0, 0)
        inside = content[read.rest.begin[0] : read.rest.end[0]].tobytes()
        return float(np.array([inside]).astype(np.float64)[0]), True
    return float(read.numbers[0, 0]), bool(read.regular[0])


@settings(deadline=None)
@given(numbers.filter(lambda text: "," not in text), st.booleans())
def test_numbers_of_the_kernel_are_the_nearest_doubles(text: str, quoted: bool) -> None:
    with np.errstate(over="ignore"):
        found, regular = read_number(f'"{text}"' if quoted else text)
    if regular:
        expected = math.nan if text.lower() in ("", "nan", "null") else float(text)
        assert struct.pack("d", found) == struct.pack("d", expected) or (
            math.isnan(expected) and math.isnan(found)
        )
    if text.lstrip("+-").replace(".", "", 1).isdigit() and len(text) <= LONGEST:
        assert regular == (parse_number(text) is not None), "plain numbers are the kernel's"


@pytest.mark.parametrize("text", ["NaN", "nan", "NULL", "null", '"NaN"', "", '""'])
def test_the_kernel_reads_words_for_a_missing_number(text: str) -> None:
    found, regular = read_number(text)
    assert regular
    assert math.isnan(found)


@pytest.mark.parametrize(
    "text",
    ["na", "nul", "nulls", "nano", "-nan", '"1', '1"', '""1', "1" * (LONGEST + 1), "1\r2", "n"],
)
def test_the_kernel_leaves_other_words_to_the_arbiter(text: str) -> None:
    assert not read_number(text)[1]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2018-01-17 11:25:00", "2018-01-17 11:30:00.120", "2018-01-17", "x"]),
            st.sampled_from(["1442", "0", "99999999999", "-1", "1442.0", "", '"1442"']),
            st.sampled_from(["1.5", "", "nan", "1e-5", '"2"', "a"]),
            st.sampled_from(["", "text", '"a,b"', '"a""b"', "é"]),
            st.sampled_from(["", ",", ",1"]),
            st.sampled_from(["\n", "\r\n", "\n\n"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_rows_of_the_kernel_are_those_of_the_csv_module(rows: list[tuple[str, ...]]) -> None:
    text = "".join(
        f"{note},{stamp},{coin},{price}{more}{end}" for stamp, coin, price, note, more, end in rows
    )
    content = np.frombuffer(text.encode(), dtype=np.uint8)
    lines = text.encode().split(b"\n")[:-1]
    read = read_rows(content, len(lines), np.array([SKIP, STAMP, COIN, PRICE]))
    assert read.starts.tolist() == np.cumsum([0] + [len(line) + 1 for line in lines]).tolist()
    for place, line in enumerate(lines):
        fields = split_line(line.removesuffix(b"\r").decode())
        if read.regular[place]:
            assert len(fields) == 4
            assert read.stamp[place] == parse_stamp(fields[1]) != NO_STAMP
            assert read.coin[place] == parse_coin(fields[2])
            np.testing.assert_equal(read.numbers[0, place], parse_number(fields[3]))
        elif len(fields) == 4 and b'""' not in line:
            usual = fields[1] in ("2018-01-17 11:25:00", "2018-01-17 11:30:00.120") and fields[
                2
            ] in ("1442", "0")
            assert not (usual and fields[3] != "a"), f"line {line!r} is the kernel's"


HEADERS = {
    "distributed": "ID,time,refID_coin,price,marketCap,CirculatingSupply,Volume24h,note",
    "few numbers": "note,price,time,Volume24h,refID_coin",
    "matrix": ",time,1442,1443,1444",
}
PIECES = [
    b",",
    b'"',
    b'""',
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"-",
    b"+",
    b".",
    b"e",
    b"9",
    b"\xe9",
    b"nan",
]
PIECES += [b"NULL", b"null", b"inf", b"1e999", b"12345678901234567890", b"\xef\xbb\xbf", b"\x00"]


def mutants(layout: Layout, seed: int, rows: int = 300) -> bytes:
    """Rows of many ways of writing, of which bytes are then replaced, put in and taken out."""
    rng = np.random.default_rng([seed, layout.width])
    ways: dict[int, list[str]] = {}
    for place in [layout.price, layout.market_cap, layout.supply, layout.volume, *layout.places]:
        ways[place] = ["{:.4f}", "{!r}", '"{:.4f}"', "-{:.3f}", "", "{:.20f}", "{:.3e}", "NaN"]
    ways[layout.coin] = ["1442", "1443", '"1442"', "1442.0", "-7", ""]
    ways[layout.stamp] = ["2018-01-17 11:25:00", "2018-01-17T11:30:00.5", '"2018-01-17 11:25:00"']
    ways[layout.stamp] += ["2018-01-17", "2018-01-17 11:25:00Z", "2018-02-30 11:25:00"]
    lines = []
    for _ in range(rows):
        fields = []
        for place in range(layout.width):
            some = ways.get(place, ["note", '"a,b"', 'a"b', '"a""b"', "a\rb", '"a\rb"', ""])
            pick = int(rng.integers(len(some))) if rng.random() < 0.3 else 0
            fields.append(some[pick].format(float(rng.lognormal(0.0, 5.0))))
        line = ",".join(fields).encode()
        while rng.random() < 0.4:
            at = int(rng.integers(len(line) + 1))
            piece = PIECES[rng.integers(len(PIECES))] if rng.random() < 0.8 else b""
            line = line[:at] + piece + line[at + int(rng.integers(2)) :]
        lines.append(line + (b"\r\n" if rng.random() < 0.2 else b"\n"))
    return b"".join([*lines, b"  \t\n", b"(3 rows affected)\n", b'"\n'])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("header", HEADERS)
def test_what_the_kernel_reads_is_what_the_arbiter_reads(
    header: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = recognise(HEADERS[header], header)
    block = mutants(layout, seed)
    both = parse.parse_block(block, layout)
    by_kernel = 0

    def nothing_regular(text: np.ndarray, lines: int, roles: np.ndarray) -> Lines:
        nonlocal by_kernel
        read = read_rows(text, lines, roles)
        by_kernel = int(read.regular.sum())
        none = np.empty(0, dtype=np.int64)
        return read._replace(
            regular=np.zeros(lines, dtype=np.bool_), rest=Texts(none, none, none, none)
        )

    monkeypatch.setattr(parse, "read_rows", nothing_regular)
    arbiter = parse.parse_block(block, layout)
    assert 30 < by_kernel < 270, "each reader has something to read"
    assert both.malformed.tolist() == arbiter.malformed.tolist() != []
    assert both.lines.tolist() == arbiter.lines.tolist()
    assert both.starts.tolist() == arbiter.starts.tolist()
    assert both.quotes.code.tolist() == arbiter.quotes.code.tolist()
    assert set(both.quotes.code.tolist()) >= {0, Reason.STAMP, Reason.NUMBER}
    good = both.quotes.code == 0
    for field in dataclasses.fields(both.quotes):
        found, expected = getattr(both.quotes, field.name), getattr(arbiter.quotes, field.name)
        if len(expected):
            # Bit for bit, but for the payload of NaN.
            assert ((found == expected) | ((found != found) & (expected != expected)))[good].all()
            assert np.array_equal(np.signbit(found[good]), np.signbit(expected[good]))


def test_short_lines_under_a_wide_header_take_no_memory() -> None:
    layout = recognise("time," + ",".join(map(str, range(1, 2001))), "wide")
    block = b"x\n\n" * 200_000 + b"2018-01-17 11:25:00," + b"," * 1999 + b"5\n"
    # One number for each of these lines and columns would be 6.4 GB.
    tracemalloc.start()
    parsed = parse.parse_block(block, layout)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(parsed.malformed) == 200_000
    assert parsed.quotes.price.tolist() == [5.0]
    assert peak < 500e6


def test_a_carriage_return_in_a_field_that_is_not_read_is_text() -> None:
    assert split_line("a\rb,1") == ["a" + LONE_RETURN + "b", "1"]
    assert split_line('"a\rb",1') == ["a\rb", "1"]
    layout = recognise("note,time,refID_coin,price", "returns")
    lines = [
        b"a\rb,2018-01-17 11:25:00,1442,1",
        b"a\rb,2018-01-17 11:25:00,1442.0,1",
        b"a,2018-01-17 11:25:00,1442,1\r2",
    ]
    parsed = parse.parse_block(b"\n".join([*lines, b""]), layout)
    assert parsed.quotes.code.tolist() == [0, 0, Reason.FIELDS]
    assert parsed.quotes.coin.tolist()[:2] == [1442, 1442]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        ("+1.", 1.0),
        (".5", 0.5),
        ("-1e3", -1000.0),
        (" 2 ", 2.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_numbers_that_can_be_read(text: str, number: float) -> None:
    assert parse_number(text) == number


def test_numbers_that_are_missing_or_cannot_be_read() -> None:
    for text in ("", " ", "nan", "-nan", "NULL", "None", "n/a", "NA"):
        assert math.isnan(parse_number(text) or 0.0)
    for text in ("abc", "1_0", "0x10", "1e", "1.2.3", "1,5", "٣", "infin", "$1"):
        assert parse_number(text) is None
    assert parse_coin("1442.0") == 1442
    for text in ("", "1442.5", "x", "inf", "1e300"):
        assert parse_coin(text) is None
