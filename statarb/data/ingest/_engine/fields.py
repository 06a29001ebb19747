"""Single fields of a quote file, read the slow and thorough way; the arbiter of everything that the
fast way leaves open.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import math
import re

from statarb.data.ingest._engine.lines import NO_STAMP

__all__ = ["LONE_RETURN", "parse_coin", "parse_number", "parse_stamp", "split_line"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"([+-]?)inf(inity)?", re.ASCII | re.IGNORECASE)
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}:?\d{2}))?)?", re.ASCII
)
_ABSENT = frozenset({"", "nan", "null", "none", "na", "n/a"})
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


LONE_RETURN = "\N{SYMBOL FOR CARRIAGE RETURN}"
"""What a carriage return inside a line becomes, unless it is between quotes."""


def split_line(text: str) -> list[str]:
    """Return the fields of one line, quotes removed; none where it cannot be split."""
    # csv takes a bare carriage return for the end of the line, and refuses what comes after it.
    for shown in (text, text.replace("\r", LONE_RETURN)):
        with contextlib.suppress(csv.Error):
            return next(csv.reader([shown]), [])
    return []


def parse_number(text: str) -> float | None:
    """Return a number; NaN where the field is empty or says that there is none, ``None`` where it
    cannot be read.
    """
    word = text.strip()
    if word.lower().lstrip("+-") in _ABSENT:
        return math.nan
    if _NUMBER.fullmatch(word):
        return float(word)
    infinite = _INFINITE.fullmatch(word)
    if infinite:
        return -math.inf if infinite[1] == "-" else math.inf
    return None


def parse_coin(text: str) -> int | None:
    """Return a coin id, also where it is written as a whole number with decimals; ``None`` where it
    cannot be read.
    """
    number = parse_number(text)
    if number is None or not math.isfinite(number) or number != int(number) or abs(number) >= 2**53:
        return None
    return int(number)


def parse_stamp(text: str) -> int:
    """Return an ISO 8601 time in microseconds since 1970, UTC where no offset is given;
    ``NO_STAMP`` if it is none.
    """
    word = text.strip()
    if not _DATE.fullmatch(word):
        return NO_STAMP
    fraction = re.search(r"\.(\d+)", word)
    if fraction:
        # datetime takes up to 6 digits in Python 3.11: what lies below a microsecond is cut off.
        word = word.replace(fraction[0], "." + fraction[1][:6].ljust(6, "0"))
    try:
        stamp = datetime.datetime.fromisoformat(
            word.replace(" Z", "Z").replace(" +", "+").replace(" -", "-")
        )
    except ValueError:
        return NO_STAMP
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=datetime.UTC)
    return (stamp - _EPOCH) // datetime.timedelta(microseconds=1)
