"""Candles: folders of OHLCV files, as exchanges, data sellers and freqtrade hand them out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice
from statarb._core.tables import check_labels
from statarb._core.time import usual_step
from statarb._core.typing import IntArray
from statarb.data.ingest.candle_files import COLUMNS, ENDINGS, Candles, read_candles
from statarb.data.ingest.candle_names import frame_text, read_frame, read_name
from statarb.data.panel import Panel
from statarb.errors import DataError, DataWarning, ParameterError

__all__ = ["read_ohlcv"]

LONGEST_GRID = 5_000_000


class _File(NamedTuple):
    path: Path
    pair: str
    frame: str | None
    part: str | None


class _Asset(NamedTuple):
    """Candles of one asset out of all of its files, and the length of a candle."""

    candles: Candles
    width: np.timedelta64


def read_ohlcv(
    folder: str | os.PathLike[str],
    *,
    timeframe: str | None = None,
    fields: Iterable[str] | None = None,
    pairs: Iterable[str] | None = None,
    drop_last: bool = False,
    drop_without_trades: bool = False,
    grid: Literal["regular", "observed"] | None = None,
    numeraire: Hashable | None = None,
) -> Panel:
    """Read candle files into a panel of closing prices on one grid.

    Files are named ``PAIR-5m.json`` as freqtrade names them (``BTC_USDT-5m.feather``; a further
    part such as ``-futures`` becomes part of the name), ``PAIR-1h-2024-01.csv`` as Binance names
    the months of a pair, which are put together, or by a ticker (``AAPL.csv``), whose timeframe is
    then the most common distance of its candles. A file with a column of assets (``symbol``) may
    hold many. Formats: JSON (a list of ``[time, open, high, low, close, volume]``, as ccxt's
    ``fetch_ohlcv`` returns it, or of objects), CSV (with or without a header, or lines above it;
    commas, semicolons, tabs; decimal points or commas), feather and Parquet; JSON and CSV also
    gzipped. Times are numbers (epoch stamps in seconds to nanoseconds, each told by its size) or
    text, in one column or in two (day and hour); UTC unless they say otherwise.

    A candle is stamped by its opening, but its close is known only when it is over: the row of a
    candle is opening + timeframe (the next time of the grid, where openings are off the grid).

    Parameters
    ----------
    folder : path
        A folder, whose files with other endings are left out, or one file.
    timeframe : str, optional
        Which candles, such as ``"5m"``, ``"1h"``, ``"1d"``; needed where the folder holds several.
        Months vary in length and are not supported.
    fields : iterable of str, optional
        What to keep beside the close, of ``open``, ``high``, ``low`` and ``volume``; by default the
        volume where files have it. Volume is kept in the quote currency (a volume in the asset
        itself is multiplied by the close).
    pairs : iterable of str, optional
        Assets to keep, such as ``"BTC/USDT"``; by default all.
    drop_last : bool
        Leave out the last candle of each asset: exchanges hand out the running one, whose close is
        not final.
    drop_without_trades : bool
        Whether a candle with a volume of 0 is no quote: exchanges carry the last close into it, at
        which nobody traded. They are counted in either case.
    grid : {"regular", "observed"}, optional
        ``"regular"`` has every time between the first and the last, so that a missing candle is a
        gap; ``"observed"`` has the times at which any asset has a candle, so that nights and
        weekends are no gaps. By default observed where no candle of more than a week opens on a
        Saturday or none on a Sunday, or none of three days at some hour, and regular elsewhere.
    numeraire : label, optional
        Asset in whose units order limits are stated.

    Returns
    -------
    Panel
        ``metadata["ingest"]`` counts files, rows read, accepted and rejected (a time or close that
        is missing, not a number or not positive), duplicates (several candles for one time; the
        last counts) and candles without trades, and says which column the prices came from: an
        adjusted close is taken before a close.

    Raises
    ------
    DataError
        No such folder, no candle file, a name that is not understood, a file that cannot be read
        or has no good candle, two files for one asset that are no parts of one history, a volume
        that is asked for and not there.
    ParameterError
        Several timeframes and none chosen; an unknown timeframe, field, asset or grid.

    Warns
    -----
    DataWarning
        Rows that were rejected: how many, and the first.
    """
    root = Path(folder)
    asked = None if fields is None else [fields] if isinstance(fields, str) else list(fields)
    kept = [check_choice("fields", field, ("open", "high", "low", "volume"))
            for field in (asked or [])]  # fmt: skip
    if grid is not None:
        check_choice("grid", grid, ("regular", "observed"))
    files = _files(root)
    only = None if pairs is None else [pairs] if isinstance(pairs, str) else list(pairs)
    assets, names = _read_all(files, timeframe, only, "volume" in kept, drop_last)
    _require_one(root, files, assets, only, timeframe)
    widths = sorted({one.width for one in assets})
    candles = [one.candles for one in assets]
    if asked is None and any(np.isfinite(one.values[:, 4]).any() for one in candles):
        kept = ["volume"]
    idle = [one.values[:, 4] == 0.0 for one in candles]
    without = int(sum(mask.sum() for mask in idle))
    if drop_without_trades:
        candles = [_where(one, ~mask) for one, mask in zip(candles, idle, strict=True)]
    _warn(root, candles)
    return _assemble(candles, widths[0], kept, numeraire, names, without, grid)


def _files(root: Path) -> list[_File]:
    """Return the candle files of a folder with what their names say, by name."""
    endings: tuple[str, ...] = ENDINGS
    if root.is_file():
        paths = [root]
        endings += (".txt",)
    elif root.is_dir():
        paths = [path for path in sorted(root.iterdir()) if path.is_file()]
    else:
        raise DataError(
            f"no such folder: {root}; give a folder of candle files such as BTC_USDT-5m.json"
        )
    found: list[_File] = []
    for path in paths:
        mine = [one for one in endings if path.name.lower().endswith(one)]
        if mine:
            stem = path.name[: -len(max(mine, key=len))]
            found.append(_File(path, *read_name(stem)))
    if not found:
        raise DataError(
            f"{root} holds no candle file; accepted are {', '.join(ENDINGS)}, named such as "
            "BTC_USDT-5m.json"
        )
    return found


def _read_all(
    files: list[_File],
    timeframe: str | None,
    only: list[str] | None,
    needs_volume: bool,
    drop_last: bool,
) -> tuple[list[_Asset], list[str]]:
    """Return candles by asset and timeframe, and the names of the files that they came from."""
    wanted = None if timeframe is None else read_frame(timeframe)
    parts: dict[tuple[str, np.timedelta64], list[tuple[_File, Candles]]] = {}
    names = []
    for file in files:
        width = None if file.frame is None else read_frame(file.frame)
        if width is not None and wanted is not None and width != wanted:
            continue
        several = read_candles(file.path, file.pair, needs_volume=needs_volume, drop_last=drop_last)
        used = False
        for one in several:
            mine = usual_step(one.opened).astype("timedelta64[us]") if width is None else width
            if (only is not None and one.asset not in only) or (
                wanted is not None and mine != wanted
            ):
                continue
            parts.setdefault((one.asset, mine), []).append((file, one))
            used = True
        names += [file.path.name] if used else []
    return [_Asset(_joined(found), width) for (_, width), found in parts.items()], names


def _joined(parts: list[tuple[_File, Candles]]) -> Candles:
    """Return the candles of an asset out of all of its files; a later file counts for a time."""
    if len(parts) == 1:
        return parts[0][1]
    whole = next((file for file, _ in parts if file.part is None), None)
    if whole is not None:
        others = [file.path.name for file, _ in parts if file is not whole]
        raise DataError(
            f"{whole.path.parent} holds two files for {parts[0][1].asset}: {whole.path.name} and "
            f"{others[0]}; keep one, or name parts of a history by their dates (PAIR-1h-2024-01)"
        )
    candles = [one for _, one in parts]
    opened = np.concatenate([one.opened for one in candles])
    order = np.argsort(opened, kind="stable")
    stamps = opened[order]
    last = np.append(stamps[1:] != stamps[:-1], True)
    return Candles(
        candles[0].asset,
        stamps[last],
        np.concatenate([one.values for one in candles])[order][last],
        candles[0].close_name,
        sum(one.read for one in candles),
        sum(one.rejected for one in candles),
        sum(one.duplicates for one in candles) + int((~last).sum()),
        next((one.example for one in candles if one.example), ""),
    )


def _where(one: Candles, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Candles:
    return Candles(
        one.asset, one.opened[keep], one.values[keep], one.close_name, one.read, one.rejected,
        one.duplicates, one.example,
    )  # fmt: skip


def _require_one(
    root: Path,
    files: list[_File],
    assets: list[_Asset],
    only: list[str] | None,
    timeframe: str | None,
) -> None:
    """Raise where assets are missing, nothing is left, or more than one timeframe is."""
    there = {one.candles.asset for one in assets} | {file.pair for file in files}
    for pair in only or ():
        check_choice("pairs", pair, sorted(there))
    if not assets:
        chosen = f" with timeframe {timeframe}" if timeframe else ""
        raise DataError(
            f"{root} holds no candle file{chosen}; it holds "
            f"{', '.join(file.path.name for file in files[:5])}"
        )
    widths = sorted({one.width for one in assets})
    if len(widths) > 1:
        names = ", ".join(repr(frame_text(width)) for width in widths)
        raise ParameterError(
            f"timeframe must be chosen, one of {names}: {root} holds candles of each"
        )


def _warn(root: Path, candles: list[Candles]) -> None:
    rejected, read = sum(one.rejected for one in candles), sum(one.read for one in candles)
    if rejected:
        example = next(one.example for one in candles if one.example)
        warnings.warn(
            f"{rejected} of {read} rows of {root} have no time or no positive close and were left "
            f"out; the first is {example}",
            DataWarning,
            stacklevel=3,
        )


def _closes(cells: IntArray, width: int) -> bool:
    """Whether a market closes for the night or the weekend, by the times of its candles."""
    day = 86_400_000_000
    opened = (cells - 1) * width
    if width >= 7 * day or opened[-1] - opened[0] < 3 * day:
        return False
    if width < day:
        hour = max(width, day // 24)
        if len(np.unique(opened % day // hour)) < -(-day // hour):
            return True
    if opened[-1] - opened[0] < 8 * day:
        return False
    weekdays = (opened // day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    return not ((weekdays == 5).any() and (weekdays == 6).any())


def _assemble(
    candles: list[Candles],
    step: np.timedelta64,
    kept: list[str],
    numeraire: Hashable | None,
    names: list[str],
    without_trades: int,
    grid: str | None,
) -> Panel:
    width = int(step.astype(np.int64))
    pairs = [one.asset for one in candles]
    check_labels("the market", pd.Index(pairs))
    if numeraire is not None:
        check_choice("numeraire", numeraire, pairs)
    known: list[IntArray] = [-(-(one.opened.astype(np.int64) + width) // width) for one in candles]
    used = np.unique(np.concatenate(known))
    if not len(used):
        raise DataError("no candle is left: all have a volume of 0")
    span = int(used[-1] - used[0]) + 1
    regular = grid == "regular" or (grid is None and not _closes(used, width))
    if regular and span > LONGEST_GRID:
        raise DataError(
            f"the candles span {span:,} steps of {frame_text(step)}; remove files with stray "
            "times, or give grid='observed'"
        )
    arrays = {name: np.full((len(used), len(candles)), np.nan) for name in ("price", *kept)}
    duplicates = [one.duplicates for one in candles]
    for column, (one, cells) in enumerate(zip(candles, known, strict=True)):
        rows = np.searchsorted(used, cells)
        duplicates[column] += len(cells) - len(np.unique(cells))
        arrays["price"][rows, column] = one.values[:, 3]
        for name in kept:
            arrays[name][rows, column] = one.values[:, COLUMNS.index(name)]
    rejected, read = sum(one.rejected for one in candles), sum(one.read for one in candles)
    ingest = {
        "files": [{"name": name, "layout": "candles"} for name in names],
        "step": str(pd.Timedelta(step)),
        "grid": "regular" if regular else "observed",
        "price_columns": {one.asset: one.close_name for one in candles},
        "rows_read": read,
        "rows_accepted": read - rejected,
        "rows_rejected": rejected,
        "rejected": {"time or close missing or not positive": rejected},
        "duplicates": sum(duplicates),
        "candles_without_trades": without_trades,
        "rows_by_asset": {one.asset: one.read - one.rejected for one in candles},
        "duplicates_by_asset": {
            pair: count for pair, count in zip(pairs, duplicates, strict=True) if count
        },
    }
    cells = np.arange(used[0], used[-1] + 1) if regular else used
    table = pd.DataFrame(
        {"symbol": [pair.partition("/")[0] for pair in pairs], "name": pairs}, index=pd.Index(pairs)
    )
    return Panel(
        (cells * width).astype("datetime64[us]"),
        used - used[0] if regular else np.arange(len(used)),
        pd.Index(pairs),
        arrays,
        table=table,
        step=step,
        numeraire=numeraire,
        metadata={"ingest": ingest},
    )
