"""Timestamps in one unit: naive UTC, microseconds."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.typing import TimeLike
from statarb.errors import DataError, ParameterError

__all__ = ["Stamps", "as_stamp", "as_stamps", "as_width", "step_text", "usual_step"]

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


def as_stamps(name: str, index: Any) -> Stamps:
    """Return an index of times as ``datetime64[us]`` in UTC, checked to be strictly increasing.

    Raises
    ------
    DataError
        Where the index holds no times, a missing time, a time twice, or times out of order; names
        the first such row.
    """
    if not isinstance(index, pd.DatetimeIndex):
        if isinstance(index, pd.Index) and pd.api.types.is_numeric_dtype(index.dtype):
            raise DataError(
                f"{name} must be indexed by times, got an index of {index.dtype}; "
                "convert it first, for example with pd.to_datetime(frame.index, unit='s')"
            )
        try:
            index = pd.DatetimeIndex(pd.to_datetime(index, utc=True, format="ISO8601"))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{name} must be indexed by times (a DatetimeIndex): {error}"
            ) from error
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    stamps: Stamps = index.to_numpy().astype("datetime64[us]")
    if np.isnat(stamps).any():
        raise DataError(
            f"{name} has a missing time (NaT) in row {int(np.flatnonzero(np.isnat(stamps))[0])}"
        )
    steps = np.diff(stamps.astype(np.int64))
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0]) + 1
        what = "has a duplicated time" if steps[row - 1] == 0 else "is not in order of time"
        raise DataError(
            f"{name} {what}: row {row} is {pd.Timestamp(stamps[row])}, the row before it "
            f"{pd.Timestamp(stamps[row - 1])}; "
            "sort the index and keep one row a time"
        )
    return stamps


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
