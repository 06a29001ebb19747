"""Timestamps in one unit: naive UTC, microseconds."""

from __future__ import annotations

import datetime
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.typing import TimeLike
from statarb.errors import DataError, ParameterError

__all__ = [
    "Stamps",
    "as_stamp",
    "as_stamps",
    "as_times",
    "as_width",
    "as_zone",
    "step_text",
    "time_order",
    "times_of_numbers",
    "times_of_text",
    "usual_step",
    "with_zone",
]

EPOCH_SECONDS = (315_532_800, 7_258_118_400)
"""1980-01-01 and 2200-01-01: what an epoch stamp may plausibly be."""

Stamps = npt.NDArray[np.datetime64]


def as_stamp(name: str, value: TimeLike) -> np.datetime64:
    """Return one instant as ``datetime64[us]`` in UTC; a naive value is UTC already.

    Raises
    ------
    ParameterError
        Where ``value`` is no time; names the argument.
    """
    if isinstance(value, numbers.Number):  # pandas would read it as nanoseconds since 1970
        raise ParameterError(
            f"{name} must be a time such as '2018-01-25 00:00', got the number {value!r}"
        )
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"{name} must be a time such as '2018-01-25 00:00', got {value!r}"
        ) from error
    if pd.isna(stamp):
        raise ParameterError(f"{name} must be a time such as '2018-01-25 00:00', got {value!r}")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return np.datetime64(int(stamp.as_unit("ns").value) // 1000, "us")


def as_times(name: str, index: Any) -> tuple[Stamps, datetime.tzinfo | None]:
    """Return anything that names instants as ``datetime64[us]`` in UTC, in the order given.

    Parameters
    ----------
    name : str
        What messages call it.
    index : Index, Series or array of times
        Times with or without a zone (without: UTC), ISO 8601 text, dates, periods (a period is
        known when it is over, so it becomes the start of the next one), or numbers: epoch stamps in
        seconds, milliseconds, microseconds or nanoseconds, each by its own size, and dates written
        as 20180125, 201801251330 or 20180125133000.

    Returns
    -------
    stamps : (n,) datetime64[us]
        NaT where a time is missing.
    zone : tzinfo or None
        Zone that all of them came in; ``None`` where they had none.

    Raises
    ------
    DataError
        What is no time; names the first.
    """
    values = index if isinstance(index, pd.Index) else pd.Index(np.asarray(index))
    if isinstance(values, pd.PeriodIndex):
        values = (values + 1).to_timestamp(how="start")
    if isinstance(values, pd.DatetimeIndex):
        zone = values.tz
        naive = values if zone is None else values.tz_convert("UTC").tz_localize(None)
        return naive.to_numpy().astype("datetime64[us]"), zone
    if pd.api.types.is_bool_dtype(values.dtype):
        raise DataError(f"{name} must be indexed by times, got an index of {values.dtype}")
    if pd.api.types.is_numeric_dtype(values.dtype):
        return times_of_numbers(name, values.to_numpy(dtype=np.float64, na_value=np.nan)), None
    stamps = times_of_text(name, values)
    wrong = np.flatnonzero(np.isnat(stamps) & ~np.asarray(values.isna()))
    if len(wrong):
        raise DataError(
            f"{name} must be indexed by times, got {values[int(wrong[0])]!r} in row "
            f"{int(wrong[0])}; understood are a DatetimeIndex, epoch stamps, and text such as "
            "'2018-01-25 13:30', 'Jan 25 2018' or '25/1/2018'"
        )
    return stamps, None


def times_of_numbers(name: str, numbers: npt.NDArray[np.float64], *, strict: bool = True) -> Stamps:
    """Return numbers that stand for times as stamps; the unit is found for each by its size.

    Parameters
    ----------
    name : str
        What messages call them.
    numbers : (n,)
        Epoch stamps of the years 1980 to 2200 in seconds, milliseconds, microseconds or
        nanoseconds, or dates as yyyymmdd, yyyymmddhhmm or yyyymmddhhmmss; NaN where missing.
    strict : bool
        Whether a number that is neither is an error; else it gives NaT.

    Returns
    -------
    (n,) datetime64[us]

    Raises
    ------
    DataError
        A number that is neither; names the first.

    Notes
    -----
    The ranges do not meet: 1980 to 2200 are 3.2e8 to 7.3e9 seconds, a thousand times more in each
    finer unit; dates are 1.6e7 to 2.3e7, 1.6e11 to 2.3e11 and 1.6e13 to 2.3e13.
    """
    stamps = np.full(len(numbers), "NaT", dtype="datetime64[us]")
    missing = np.isnan(numbers)
    left = ~missing
    for scale in (1.0, 1e3, 1e6, 1e9):
        here = left & (numbers >= EPOCH_SECONDS[0] * scale) & (numbers < EPOCH_SECONDS[1] * scale)
        if here.any():
            # whole and broken part apart: nanoseconds since 1970 are beyond float64's integers
            whole = np.floor_divide(numbers[here], scale)
            part = (numbers[here] - whole * scale) * (1e6 / scale)
            micro = whole.astype(np.int64) * 1_000_000 + np.rint(part).astype(np.int64)
            stamps[here] = micro.astype("datetime64[us]")
            left &= ~here
    for digits, form in ((0, "%Y%m%d"), (4, "%Y%m%d%H%M"), (6, "%Y%m%d%H%M%S")):
        scale = 10.0**digits
        here = left & (numbers >= 16_000_000 * scale) & (numbers < 23_000_000 * scale)
        if here.any():
            text = pd.Series(numbers[here]).astype(np.int64).astype(str)
            found = pd.to_datetime(text, format=form, errors="coerce").to_numpy()
            stamps[here] = found.astype("datetime64[us]")
    wrong = np.flatnonzero(np.isnat(stamps) & ~missing)
    if strict and len(wrong):
        raise DataError(
            f"{name} must be indexed by times, got the number {numbers[wrong[0]]:.15g} in row "
            f"{int(wrong[0])}; epoch stamps (s, ms, us or ns, 1980 to 2200) and dates as 20180125 "
            "are understood, other numbers must be converted first"
        )
    return stamps


def times_of_text(name: str, values: pd.Index) -> Stamps:
    """Return text, dates and datetimes as stamps.

    Parameters
    ----------
    name : str
        What messages call them.
    values : Index
        ISO 8601 text; dates with the name of the month (``Jan 25 2018``, ``25-Jan-2018``); dates of
        three numbers whose last is the year (``25/1/2018``), where the column as a whole tells the
        day from the month. A time of the day may follow. Python dates and datetimes.

    Returns
    -------
    (n,) datetime64[us]
        NaT where a value is no time.

    Raises
    ------
    DataError
        Dates of numbers that may be read day first as well as month first.
    """
    parsed = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
    found = pd.DatetimeIndex(parsed).tz_localize(None)
    left = np.asarray(found.isna()) & ~np.asarray(values.isna())
    if left.any():
        text = pd.Series(values[left].map(str)).str.strip()
        parts = text.str.extract(r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?=\D|$)")
        dated = parts.notna().all(axis=1)
        if dated.any():
            first, second = (parts.loc[dated, place].astype(int) for place in (0, 1))
            if (first > 12).any() == (second > 12).any() and not (first == second).all():
                raise DataError(
                    f"{name} has dates such as {text[dated].iloc[0]!r}, which may be read day "
                    "first or month first; write them as 2018-01-25"
                )
            day_first = bool((first > 12).any())
            text = text.where(~dated, text.str.replace(r"[.-]", "/", n=2, regex=True))
        else:
            day_first = False
        more = pd.to_datetime(text, utc=True, format="mixed", dayfirst=day_first, errors="coerce")
        worded = text.str.contains(r"(?:[A-Za-z]{3}.*\d{4}|\d{4}.*[A-Za-z]{3}|/)", regex=True)
        stamps = found.to_numpy().astype("datetime64[us]").copy()
        kept = more.where(worded).dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        stamps[left] = kept
        return stamps
    whole: Stamps = found.to_numpy().astype("datetime64[us]")
    return whole


def time_order(name: str, stamps: Stamps) -> npt.NDArray[np.int64] | None:
    """Return the rows in order of time, or ``None`` where they are in order already.

    Parameters
    ----------
    name : str
        What messages call the table.
    stamps : (n,) datetime64[us]

    Returns
    -------
    (n,) int64 or None

    Raises
    ------
    DataError
        A missing time, or a time that is there twice; names the first.
    """
    if np.isnat(stamps).any():
        row = int(np.flatnonzero(np.isnat(stamps))[0])
        raise DataError(f"{name} has a missing time (NaT) in row {row}; drop the row or date it")
    steps = np.diff(stamps.astype(np.int64))
    if (steps > 0).all():
        return None
    order = np.argsort(stamps, kind="stable").astype(np.int64)
    same = np.flatnonzero(np.diff(stamps[order].astype(np.int64)) == 0)
    if len(same):
        first, second = sorted((int(order[same[0]]), int(order[same[0] + 1])))
        raise DataError(
            f"{name} has a duplicated time: {pd.Timestamp(stamps[first])} is in the rows {first} "
            f"and {second}; keep one row per time"
        )
    return order


def as_stamps(name: str, index: Any) -> Stamps:
    """Return an index of times as ``datetime64[us]`` in UTC, checked to be strictly increasing.

    For callers that cannot put their rows in order; see :func:`time_order`.

    Raises
    ------
    DataError
        Where the index holds no times, a missing time, a time twice, or times out of order; names
        the first such row.
    """
    stamps, _ = as_times(name, index)
    if time_order(name, stamps) is not None:
        row = int(np.flatnonzero(np.diff(stamps.astype(np.int64)) < 0)[0]) + 1
        raise DataError(
            f"{name} is not in order of time: row {row} is {pd.Timestamp(stamps[row])}, the row "
            f"before it {pd.Timestamp(stamps[row - 1])}; sort the index first"
        )
    return stamps


def with_zone(stamps: Stamps, zone: datetime.tzinfo | None) -> pd.DatetimeIndex:
    """Return stamps as an index in the zone that they came in.

    Parameters
    ----------
    stamps : (n,) datetime64[us]
        UTC.
    zone : tzinfo or None
        ``None`` leaves them without a zone.

    Returns
    -------
    DatetimeIndex
    """
    index = pd.DatetimeIndex(stamps)
    return index if zone is None else index.tz_localize("UTC").tz_convert(zone)


def as_zone(name: str) -> datetime.tzinfo:
    """Return a zone by its name: ``Europe/Berlin``, ``UTC``, or an offset as ``UTC+02:00``.

    Raises
    ------
    DataError
        Where there is no such zone.
    """
    try:
        zone = pd.DatetimeIndex([0]).tz_localize(name.removeprefix("UTC") or "UTC").tz
    except (ValueError, KeyError) as error:
        raise DataError(f"there is no time zone {name!r}: {error}") from error
    assert zone is not None
    return zone


def as_width(name: str, value: str | pd.Timedelta) -> int:
    """Return a time span in microseconds.

    Raises
    ------
    ParameterError
        Where ``value`` is no time span, or is not positive; names the argument.
    """
    try:
        width = int(pd.Timedelta(value) // pd.Timedelta(1, unit="us"))
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"{name} must be a positive time span such as '5min', got {value!r}"
        ) from error
    if width <= 0:
        raise ParameterError(f"{name} must be a positive time span such as '5min', got {value!r}")
    return width


def step_text(step: pd.Timedelta) -> str:
    """Return a time span as people say it: ``5 min``, ``1 h``, ``31 d``; in the largest unit that
    divides it.
    """
    microseconds = int(step // pd.Timedelta(1, unit="us"))
    for unit, size in (
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("min", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1_000),
    ):
        if microseconds % size == 0:
            return f"{microseconds // size} {unit}"
    return f"{microseconds} us"


def usual_step(stamps: Stamps) -> np.timedelta64:
    """Return the most common distance between neighbouring stamps (the smaller one of equals)."""
    if len(stamps) < 2:
        return np.timedelta64(300_000_000, "us")
    distances, counts = np.unique(np.diff(stamps.astype(np.int64)), return_counts=True)
    return np.timedelta64(int(distances[np.argmax(counts)]), "us")
