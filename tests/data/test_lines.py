"""Kernels on bytes against short Python twins."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from statarb.data.ingest._engine.fields import parse_coin, parse_number, parse_stamp, split_line
from statarb.data.ingest._engine.lines import (
    COIN,
    NO_STAMP,
    PRICE,
    SKIP,
    STAMP,
    blank_fields,
    count_lines,
    find_lines,
    read_rows,
    read_stamps,
)


def as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("latin-1"), dtype=np.uint8)


@settings(deadline=None)
@given(st.text(alphabet='a1.,"\r \t', max_size=60).map(lambda text: text.replace(" ", "\n") + "\n"))
def test_lines_are_those_of_split(text: str) -> None:
    content = as_bytes(text)
    lines = text.split("\n")[:-1]
    assert count_lines(content) == len(lines)
    starts, ends, fields, open_quotes = find_lines(content, len(lines))
    for place, line in enumerate(lines):
        shown = line.removesuffix("\r")
        assert text[starts[place] : ends[place]] == shown
        outside = "".join(part for number, part in enumerate(line.split('"')) if number % 2 == 0)
        assert fields[place] == (outside.count(",") + 1 if line.strip(" \r\t") else 0)
        assert open_quotes[place] == (line.count('"') % 2 == 1)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "1", "nan", "NaN", "NULL", "null", "nul", "x"]),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_blank_fields_are_those_without_a_number(rows: list[list[str]]) -> None:
    lines = [",".join(fields) for fields in rows]
    starts = np.cumsum([0] + [len(line) + 1 for line in lines[:-1]])
    ends = starts + np.array([len(line) for line in lines])
    found = blank_fields(as_bytes("\n".join(lines) + "\n"), starts, ends, 3)
    assert found.tolist() == [
        [field.lower() in ("", "nan", "null") for field in fields] for fields in rows
    ]


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
    found = read_stamps(as_bytes(text), np.array([0, len(text)]))[0]
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


@settings(deadline=None)
@given(numbers.filter(lambda text: "," not in text))
def test_numbers_of_the_kernel_are_the_nearest_doubles(text: str) -> None:
    content = as_bytes(f"2018-01-17 11:25:00,1442,{text}\n")
    _, _, _, found, regular = read_rows(content, 1, np.array([STAMP, COIN, PRICE], dtype=np.int8))
    if regular[0]:
        expected = float(text) if text else math.nan
        assert struct.pack("d", found[0, 0]) == struct.pack("d", expected) or (
            math.isnan(expected) and math.isnan(found[0, 0])
        )
    if text.replace(".", "", 1).isdigit() and len(text) <= 15:
        assert regular[0], "plain numbers are the kernel's"


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2018-01-17 11:25:00", "2018-01-17 11:30:00.120", "2018-01-17", "x"]),
            st.sampled_from(["1442", "0", "99999999999", "-1", "1442.0", ""]),
            st.sampled_from(["1.5", "", "nan", "1e-5", '"2"', "a"]),
            st.sampled_from(["", "text", '"a,b"', "é"]),
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
    starts, stamp, coin, number, regular = read_rows(
        content, len(lines), np.array([SKIP, STAMP, COIN, PRICE], dtype=np.int8)
    )
    assert starts.tolist() == np.cumsum([0] + [len(line) + 1 for line in lines]).tolist()
    for place, line in enumerate(lines):
        fields = split_line(line.removesuffix(b"\r").decode())
        if regular[place]:
            assert len(fields) == 4
            assert stamp[place] == parse_stamp(fields[1]) != NO_STAMP
            assert coin[place] == parse_coin(fields[2])
            np.testing.assert_equal(number[0, place], parse_number(fields[3]))
        elif len(fields) == 4 and b'"' not in line:
            plain = fields[1] in ("2018-01-17 11:25:00", "2018-01-17 11:30:00.120") and fields[
                2
            ] in ("1442", "0")
            assert not (plain and fields[3] in ("1.5", "", "1e-5")), f"line {line!r} is plain"


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
