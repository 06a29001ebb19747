"""Candle files: one file of JSON, CSV, feather or Parquet becomes candles by asset."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from statarb._core.time import Stamps, times_of_numbers, times_of_text
from statarb._core.typing import BoolArray, FloatArray
from statarb.data.ingest.text_tables import numbers_of, read_text_table
from statarb.errors import DataError

__all__ = ["COLUMNS", "ENDINGS", "Candles", "read_candles"]

ENDINGS = (".json", ".json.gz", ".csv", ".csv.gz", ".feather", ".parquet")
COLUMNS = ("open", "high", "low", "close", "volume")
TIME_NAMES = (
    "date", "datetime", "time", "timestamp", "open_time", "opentime", "open time", "unix", "day",
    "trade_date",
)  # fmt: skip
HOUR_NAMES = ("time", "hour", "time of day")
ASSET_NAMES = ("symbol", "ticker", "asset", "pair", "instrument", "coin", "code", "market")
ADJUSTED = ("adj close", "adj_close", "adjclose", "adjusted close", "adjusted_close", "close adj")
CLOSES = (*ADJUSTED, "close", "close*", "last", "close/last", "price")
BASE_VOLUMES = ("volume", "vol", "vol.", "base_volume", "volume base", "volume_base")
QUOTE_VOLUMES = (
    "quote_volume", "quote volume", "volume quote", "volume_quote", "quote asset volume",
    "quote_asset_volume", "volume_notional", "turnover",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Candles:
    """Good candles of one asset out of one file, by opening time, each time once.

    Parameters
    ----------
    asset : str
        Label of the asset.
    opened : (n,) datetime64[us]
        Opening times, UTC, strictly increasing.
    values : (n, 5)
        Open, high, low, close and volume; NaN where the file has none. The volume is in the quote
        currency.
    close_name : str
        Column that the close was taken from.
    read, rejected, duplicates : int
        Rows of the file that are this asset's, those without a time or a positive close, and those
        whose time comes again later in the file.
    example : str
        The first rejected row, for people; empty where there is none.
    """

    asset: str
    opened: Stamps
    values: FloatArray
    close_name: str
    read: int
    rejected: int
    duplicates: int
    example: str


def read_candles(path: Path, asset: str, *, needs_volume: bool, drop_last: bool) -> list[Candles]:
    """Read the candles of a file.

    Parameters
    ----------
    path : path
        With one of ``ENDINGS``.
    asset : str
        Label where the file does not name its assets in a column, or names one alone.
    needs_volume : bool
        Whether a file without a column of volume is an error.
    drop_last : bool
        Leave out the last candle of each asset.

    Returns
    -------
    list of Candles
        One entry per asset, in the order of the file.

    Raises
    ------
    DataError
        A file that cannot be read, lacks a time, a close or a volume that is asked for (names the
        columns there are), or has no good candle.
    """
    try:
        frame = _table(path)
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zlib.error, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as candles: {error}") from error
    if all(isinstance(column, (int, np.integer)) for column in frame.columns):
        if frame.shape[1] < 6:
            raise DataError(
                f"{path} has {frame.shape[1]} columns; candles are time, {', '.join(COLUMNS)}"
            )
        names = ["time", *COLUMNS, *(str(place) for place in range(6, frame.shape[1]))]
        frame = frame.set_axis(names, axis=1)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    lower = {str(column).strip().lower(): column for column in frame.columns}
    opened = _opened(path, frame, lower)
    close_name = next((name for name in CLOSES if name in lower), None)
    if close_name is None:
        raise DataError(f"{path} has no column of closes, its columns are {list(frame.columns)}")
    labels = _labels(frame, lower, asset)
    found = []
    for label in dict.fromkeys(labels.tolist()):
        mine = np.asarray(labels == label)
        values = _values(path, frame.loc[mine], lower, close_name, str(label), needs_volume)
        found.append(
            _good(path, str(label), opened[mine], values, close_name, drop_last, frame, mine)
        )
    if not sum(len(one.opened) for one in found):
        raise DataError(
            f"{path} has no good candle: {len(frame)} rows, {sum(one.rejected for one in found)} "
            "without a time or a positive close"
        )
    return [one for one in found if len(one.opened)]


def _good(
    path: Path,
    label: str,
    opened: Stamps,
    values: FloatArray,
    close_name: str,
    drop_last: bool,
    frame: pd.DataFrame,
    mine: BoolArray,
) -> Candles:
    close = values[:, 3]
    with np.errstate(invalid="ignore"):
        good = ~np.isnat(opened) & np.isfinite(close) & (close > 0.0)
    example = ""
    if not good.all():
        row = int(np.flatnonzero(mine)[np.flatnonzero(~good)[0]])
        shown = ", ".join(str(value) for value in frame.iloc[row].tolist())
        example = f"row {row + 1} of {path.name}: {shown[:120]}"
    order = np.argsort(opened[good], kind="stable")
    stamps, kept = opened[good][order], values[good][order]
    if drop_last and len(stamps):
        before = stamps < stamps[-1]
        stamps, kept = stamps[before], kept[before]
    last = np.append(stamps[1:] != stamps[:-1], True)[: len(stamps)]
    return Candles(
        label,
        stamps[last],
        kept[last],
        close_name,
        len(good),
        int((~good).sum()),
        int((~last).sum()),
        example,
    )


def _table(path: Path) -> pd.DataFrame:
    name = path.name.lower()
    if name.endswith(".feather"):
        return pd.read_feather(path)
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    if ".json" in name:
        opener = gzip.open if name.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
        if not isinstance(content, list) or not content:
            raise ValueError("it must be a list of candles that is not empty")
        return pd.DataFrame(content)
    return read_text_table(path, _is_header)


def _is_header(fields: Sequence[str]) -> bool:
    names = set(fields)
    return bool(names & set(TIME_NAMES)) and bool(names & set(CLOSES))


def _labels(frame: pd.DataFrame, lower: dict[str, Any], asset: str) -> pd.Series:
    """Return the asset of each row: of a column that names several, else that of the file."""
    column = next((lower[name] for name in ASSET_NAMES if name in lower), None)
    if column is not None and frame[column].nunique() > 1:
        named: pd.Series = frame[column].astype(str).str.strip()
        return named
    return pd.Series([asset] * len(frame), index=frame.index)


def _opened(path: Path, frame: pd.DataFrame, lower: dict[str, Any]) -> Stamps:
    """Return opening times in UTC; what cannot be read becomes NaT."""
    there = [name for name in TIME_NAMES if name in lower]
    if not there:
        raise DataError(
            f"{path} needs a time ({', '.join(TIME_NAMES)}) and a close, its columns are "
            f"{list(frame.columns)}"
        )
    days = frame[lower[there[0]]]
    hours = next((lower[name] for name in HOUR_NAMES if name in lower and name != there[0]), None)
    if hours is not None and not pd.api.types.is_numeric_dtype(days.dtype):
        clock = frame[hours].astype(str).str.strip()
        if clock.str.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?").all():
            days = days.astype(str).str.strip() + " " + clock.str.zfill(5)
    found = _stamps(f"column {there[0]!r} of {path}", days)
    if len(found) and np.isnat(found).all():
        raise DataError(f"{path} has no time that can be read; the first is {days.iloc[0]!r}")
    return found


def _stamps(name: str, times: pd.Series) -> Stamps:
    if isinstance(times.dtype, pd.DatetimeTZDtype) or times.dtype.kind == "M":
        index = pd.DatetimeIndex(times)
        naive = index if index.tz is None else index.tz_convert("UTC").tz_localize(None)
        stamps: Stamps = naive.to_numpy().astype("datetime64[us]")
        return stamps
    numbers = pd.to_numeric(times, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    found = times_of_numbers(name, numbers, strict=False)
    text = np.flatnonzero(np.isnan(numbers))
    if len(text):
        found[text] = times_of_text(name, pd.Index(times.iloc[text], dtype=object))
    return found


def _values(
    path: Path,
    frame: pd.DataFrame,
    lower: dict[str, Any],
    close_name: str,
    label: str,
    needs_volume: bool,
) -> FloatArray:
    """Return open, high, low, close and volume of rows, (rows, 5)."""
    found = np.full((len(frame), len(COLUMNS)), np.nan)
    for place, name in enumerate(("open", "high", "low", close_name)):
        if name in lower:
            found[:, place] = numbers_of(f"column {name!r} of {path}", frame[lower[name]])
    volume_name, in_quote = _volume_name(lower, label)
    if volume_name is not None:
        volume = numbers_of(f"column {volume_name!r} of {path}", frame[lower[volume_name]])
        found[:, 4] = volume if in_quote else volume * found[:, 3]
    elif needs_volume:
        raise DataError(
            f"{path} has no column of volume that is understood; its columns are "
            f"{list(frame.columns)}; leave 'volume' out of fields, or name the column 'volume'"
        )
    return found


def _volume_name(lower: dict[str, Any], label: str) -> tuple[str | None, bool]:
    """Return the column of volume, and whether it is in the quote currency already."""
    for name in BASE_VOLUMES:
        if name in lower:
            return name, False
    for name in QUOTE_VOLUMES:
        if name in lower:
            return name, True
    named = {match[1]: name for name in lower if (match := re.fullmatch(r"volume[ _](\w+)", name))}
    pair = re.sub(r"[^a-z0-9]", "", label.lower())
    for currency, name in named.items():  # "Volume BTC" of BTC/USDT, or of BTCUSDT
        if pair.startswith(currency):
            return name, False
    for currency, name in named.items():
        if pair.endswith(currency):
            return name, True
    return None, False
