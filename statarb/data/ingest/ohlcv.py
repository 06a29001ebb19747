"""Candles: folders of OHLCV files, as freqtrade and ccxt users have them, become a panel of
closes.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from statarb._core.checks import check_choice
from statarb._core.time import Stamps, usual_step
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError

__all__ = ["read_ohlcv"]

ENDINGS = (".json", ".json.gz", ".csv", ".csv.gz", ".feather", ".parquet")
COLUMNS = ("time", "open", "high", "low", "close", "volume")
TIME_NAMES = ("date", "datetime", "time", "timestamp", "open_time", "opentime", "unix")
FRAMES = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
NAMED = re.compile(r"^(?P<pair>.+)-(?P<frame>\d+[a-zA-Z]+)(?:-(?P<kind>\w+))?$")
LONGEST_GRID = 5_000_000
LATEST = 2.0**62
"""Microseconds since 1970 beyond which a number is no time."""


class _Candles(NamedTuple):
    pair: str
    opened: Stamps
    values: FloatArray
    read: int
    rejected: int
    duplicates: int


def read_ohlcv(
    folder: str | os.PathLike[str],
    *,
    timeframe: str | None = None,
    fields: Iterable[str] = ("volume",),
    pairs: Iterable[str] | None = None,
    drop_last: bool = False,
    numeraire: Hashable | None = None,
) -> Panel:
    """Read a folder of candle files, one a pair, into a panel of closing prices on one grid.

    Files are named ``PAIR-5m.json`` as freqtrade names them (``BTC_USDT-5m.feather``; a further
    part such as ``-futures`` becomes part of the name), or ``PAIR.csv``, whose timeframe is then
    the most common distance of its candles. Formats: JSON (a list of ``[time, open, high, low,
    close, volume]``, as ccxt's ``fetch_ohlcv`` returns it, or of objects), CSV (with or without a
    header), feather and Parquet; JSON and CSV also gzipped. Times are numbers (seconds,
    milliseconds, microseconds or nanoseconds since 1970, told apart by their size) or text; UTC
    unless they say otherwise.

    A candle is stamped by its opening, but its close is known only when it is over: the row of a
    candle is opening + timeframe (the next time of the grid, where openings are off the grid).

    Parameters
    ----------
    folder : path
        Files with other endings are left out.
    timeframe : str, optional
        Which candles, such as ``"5m"``, ``"1h"``, ``"1d"``; needed where the folder holds several.
        Months vary in length and are not supported.
    fields : iterable of str
        What to keep beside the close, of ``open``, ``high``, ``low`` and ``volume``. Volume is kept
        in the quote currency (the candle's volume times its close).
    pairs : iterable of str, optional
        Pairs to keep, such as ``"BTC/USDT"``; by default all.
    drop_last : bool
        Leave out the last candle of each file: exchanges hand out the running one, whose close is
        not final.
    numeraire : label, optional
        Pair in whose units order limits are stated.

    Returns
    -------
    Panel
        Assets are labelled ``BASE/QUOTE``. ``metadata["ingest"]`` counts files, rows read, accepted
        and rejected (a time or close that is missing, not a number or not positive), and duplicates
        (several candles for one time; the last counts).

    Raises
    ------
    DataError
        No such folder, no candle file, a file that cannot be read or has no good candle, two files
        for one pair.
    ParameterError
        Several timeframes and none chosen; an unknown timeframe, field or pair.
    """
    root = Path(folder)
    kept = [check_choice("fields", field, ("open", "high", "low", "volume")) for field in fields]
    files = _files(root)
    candles: list[_Candles] = []
    frames: dict[str, np.timedelta64] = {}
    wanted = None if timeframe is None else _seconds(timeframe)
    only = None if pairs is None else list(pairs)
    for path, pair, frame in files:
        if only is not None and pair not in only:
            continue
        width = None if frame is None else _seconds(frame)
        if width is not None and wanted is not None and width != wanted:
            continue
        read = _read(path, pair, drop_last)
        if width is None:
            width = usual_step(read.opened).astype("timedelta64[us]")
            if wanted is not None and width != wanted:
                continue
        frames[path.name] = width
        candles.append(read)
    _require_one(root, files, candles, frames, only, timeframe)
    step = next(iter(frames.values()))
    return _assemble(candles, step, kept, numeraire, list(frames))


def _files(root: Path) -> list[tuple[Path, str, str | None]]:
    """Return the candle files of a folder with their pair and timeframe, by name."""
    if not root.is_dir():
        raise DataError(
            f"no such folder: {root}; give a folder of candle files such as BTC_USDT-5m.json"
        )
    found: list[tuple[Path, str, str | None]] = []
    for path in sorted(root.iterdir()):
        ending = next(
            (
                ending
                for ending in sorted(ENDINGS, key=len, reverse=True)
                if path.name.lower().endswith(ending)
            ),
            None,
        )
        if ending is None or not path.is_file():
            continue
        stem = path.name[: -len(ending)]
        match = NAMED.match(stem)
        pair, frame, kind = match.group("pair", "frame", "kind") if match else (stem, None, None)
        base, _, quote = pair.partition("_")
        label = f"{base}/{quote.replace('_', ':')}" if quote else pair
        found.append((path, f"{label}-{kind}" if kind else label, frame))
    if not found:
        raise DataError(
            f"{root} holds no candle file; accepted are {', '.join(ENDINGS)}, named such as "
            "BTC_USDT-5m.json"
        )
    return found


def _seconds(frame: str) -> np.timedelta64:
    match = re.fullmatch(r"(\d+)([a-zA-Z]+)", frame.strip())
    unit = match.group(2) if match else ""
    unit = unit if unit == "M" else {"min": "m", "t": "m"}.get(unit.lower(), unit.lower())
    if match is None or unit not in FRAMES or int(match.group(1)) == 0:
        raise ParameterError(
            f"timeframe must be a number of s, m, h, d or w, such as '5m', got {frame!r}"
        )
    return np.timedelta64(int(match.group(1)) * FRAMES[unit] * 1_000_000, "us")


def _frame(width: np.timedelta64) -> str:
    """Return a timeframe as exchanges and the option write it: ``1m``, ``4h``, ``1d``."""
    seconds = int(width // np.timedelta64(1, "s"))
    unit = max((name for name in FRAMES if seconds % FRAMES[name] == 0), key=FRAMES.__getitem__)
    return f"{seconds // FRAMES[unit]}{unit}"


def _require_one(
    root: Path,
    files: list[tuple[Path, str, str | None]],
    candles: list[_Candles],
    frames: dict[str, np.timedelta64],
    only: list[str] | None,
    timeframe: str | None,
) -> None:
    """Raise where pairs are missing or doubled, nothing is left, or more than one timeframe is."""
    there = [pair for _, pair, _ in files]
    for pair in only or ():
        check_choice("pairs", pair, sorted(set(there)))
    if not candles:
        chosen = f" with timeframe {timeframe}" if timeframe else ""
        raise DataError(
            f"{root} holds no candle file{chosen}; it holds "
            f"{', '.join(path.name for path, _, _ in files[:5])}"
        )
    widths = sorted(set(frames.values()))
    if len(widths) > 1:
        names = ", ".join(repr(_frame(width)) for width in widths)
        raise ParameterError(
            f"timeframe must be chosen, one of {names}: {root} holds candles of each"
        )
    labels = [one.pair for one in candles]
    double = next((label for label in labels if labels.count(label) > 1), None)
    if double is not None:
        raise DataError(f"{root} holds two files for {double}; keep one")


def _read(path: Path, pair: str, drop_last: bool) -> _Candles:
    """Return the good candles of a file, by opening time, each time once."""
    try:
        frame = _table(path)
    except (OSError, ValueError, EOFError, zlib.error, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as candles: {error}") from error
    frame = _named(path, frame)
    opened = _stamps(path, frame["time"])
    numbers = [
        pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        for name in COLUMNS[1:]
    ]
    values = np.column_stack(numbers)
    order = np.argsort(opened, kind="stable")
    opened, values = opened[order], values[order]
    close = values[:, 3]
    good = ~np.isnat(opened) & np.isfinite(close) & (close > 0)
    opened, values = opened[good], values[good]
    if drop_last and len(opened):
        before = opened < opened[-1]
        opened, values = opened[before], values[before]
    if len(opened) == 0:
        raise DataError(
            f"{path} has no good candle: {len(good)} rows, {int((~good).sum())} without a time or "
            "a positive close"
        )
    last = np.append(opened[1:] != opened[:-1], True)
    return _Candles(
        pair, opened[last], values[last], len(good), int((~good).sum()), int((~last).sum())
    )


def _table(path: Path) -> pd.DataFrame:
    name = path.name.lower()
    if name.endswith(".feather"):
        return pd.read_feather(path)
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    opener = gzip.open if name.endswith(".gz") else open
    if ".json" in name:
        with opener(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
        if not isinstance(content, list) or not content:
            raise ValueError("it must be a list of candles that is not empty")
        return pd.DataFrame(content)
    with opener(path, "rt", encoding="utf-8-sig") as file:
        first = file.readline()
    named = (
        pd.to_numeric(pd.Series(first.split(",")[1:], dtype=str).str.strip(), errors="coerce")
        .isna()
        .all()
    )
    return pd.read_csv(path) if named else pd.read_csv(path, header=None)


def _named(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the columns of ``COLUMNS``; those without names are taken in that
    order.
    """
    if all(isinstance(column, (int, np.integer)) for column in frame.columns):
        if frame.shape[1] < len(COLUMNS):
            raise DataError(
                f"{path} has {frame.shape[1]} columns; candles are {', '.join(COLUMNS)}"
            )
        return frame.iloc[:, : len(COLUMNS)].set_axis(list(COLUMNS), axis=1)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    lower = {str(column).strip().lower(): column for column in frame.columns}
    time = next((lower[name] for name in TIME_NAMES if name in lower), None)
    if time is None or "close" not in lower:
        raise DataError(
            f"{path} needs a time ({', '.join(TIME_NAMES)}) and a close, its columns are "
            f"{list(frame.columns)}"
        )
    taken: dict[str, Any] = {"time": frame[time]}
    for column in COLUMNS[1:]:
        taken[column] = frame[lower[column]] if column in lower else np.nan
    return pd.DataFrame(taken)


def _stamps(path: Path, times: pd.Series) -> Stamps:
    """Return opening times in UTC; what cannot be read becomes NaT."""
    if isinstance(times.dtype, pd.DatetimeTZDtype) or times.dtype.kind == "M":
        index = pd.DatetimeIndex(times)
    else:
        numbers = pd.to_numeric(times, errors="coerce")
        if numbers.notna().any():
            middle = float(np.nanmedian(np.abs(numbers.to_numpy(np.float64, na_value=np.nan))))
            unit = next(
                (unit for unit, most in (("s", 1e11), ("ms", 1e14), ("us", 1e17)) if middle < most),
                "ns",
            )
            scale = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 1e-3}[unit]
            values = numbers.to_numpy(np.float64, na_value=np.nan)
            micros = np.round(values * scale)
            readable = np.abs(micros) < LATEST  # false for NaN as well
            found: Stamps = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[us]")
            found[readable] = micros[readable].astype(np.int64).view("datetime64[us]")
            return found
        index = pd.DatetimeIndex(pd.to_datetime(times, utc=True, errors="coerce", format="ISO8601"))
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    if index.isna().all():
        raise DataError(f"{path} has no time that can be read; the first is {times.iloc[0]!r}")
    stamps: Stamps = index.to_numpy().astype("datetime64[us]")
    return stamps


def _assemble(
    candles: list[_Candles],
    step: np.timedelta64,
    kept: list[str],
    numeraire: Hashable | None,
    names: list[str],
) -> Panel:
    width = int(step.astype(np.int64))
    known = [-(-(one.opened.astype(np.int64) + width) // width) for one in candles]
    first, last = min(int(cells[0]) for cells in known), max(int(cells[-1]) for cells in known)
    if last - first + 1 > LONGEST_GRID:
        raise DataError(
            f"the candles span {last - first + 1:,} steps of {pd.Timedelta(step)}; remove files "
            "with stray times"
        )
    used = np.unique(np.concatenate(known))
    arrays = {name: np.full((len(used), len(candles)), np.nan) for name in ("price", *kept)}
    duplicates = [one.duplicates for one in candles]
    for column, (one, cells) in enumerate(zip(candles, known, strict=True)):
        rows = np.searchsorted(used, cells)
        duplicates[column] += len(cells) - len(np.unique(cells))
        arrays["price"][rows, column] = one.values[:, 3]
        for name in kept:
            values = one.values[:, COLUMNS.index(name) - 1]
            arrays[name][rows, column] = values * one.values[:, 3] if name == "volume" else values
    pairs = [one.pair for one in candles]
    if numeraire is not None:
        check_choice("numeraire", numeraire, pairs)
    rejected = sum(one.rejected for one in candles)
    read = sum(one.read for one in candles)
    ingest = {
        "files": [{"name": name, "layout": "candles"} for name in names],
        "step": str(pd.Timedelta(step)),
        "rows_read": read,
        "rows_accepted": read - rejected,
        "rows_rejected": rejected,
        "rejected": {"time or close missing or not positive": rejected},
        "duplicates": sum(duplicates),
        "rows_by_asset": {one.pair: one.read - one.rejected for one in candles},
        "duplicates_by_asset": {
            pair: count for pair, count in zip(pairs, duplicates, strict=True) if count
        },
    }
    grid = (np.arange(first, last + 1) * width).astype("datetime64[us]")
    table = pd.DataFrame(
        {"symbol": [pair.partition("/")[0] for pair in pairs], "name": pairs}, index=pd.Index(pairs)
    )
    return Panel(
        grid,
        used - first,
        pd.Index(pairs),
        arrays,
        table=table,
        step=step,
        numeraire=numeraire,
        metadata={"ingest": ingest},
    )
