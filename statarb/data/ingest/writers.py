"""Writers: a panel becomes quote files in the distributed layout, which read back as the same
panel.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import polars as pl

from statarb._core.files import atomic_path, output_folder
from statarb._core.typing import AnyFloatArray, FloatArray, IntArray
from statarb.data.ingest.readers import Progress
from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = ["write_coins", "write_quotes"]

_CELLS_A_BLOCK = 250_000
_HEADER = ",time,refID_coin,price,marketCap,CirculatingSupply,Volume24h,Movement1h,Movement24h\n"


def write_quotes(
    panel: Panel,
    folder: str | os.PathLike[str],
    *,
    compress: bool = True,
    progress: Progress | None = None,
) -> tuple[Path, Path]:
    """Write a panel as raw quotes: the distributed layout, and the coin table beside it.

    Parameters
    ----------
    panel : Panel
        Keyed by integer coin ids. Cells that an imputation filled are no quotes, and are left out.
    folder : path
        Gets ``quotes.csv.gz`` (or ``quotes.csv``) and ``CSVData_coin.csv``; is made where it does
        not exist.
    compress : bool
        Whether the quotes are gzipped. The file holds no time stamp of its own: the same panel
        gives the same bytes.
    progress : callable, optional
        Is told the share written, in [0, 1].

    Returns
    -------
    (Path, Path)
        The files of the quotes and of the coin table.

    Raises
    ------
    DataError
        A coin id that is no positive integer, a time below the second, or a folder that cannot be
        written to.

    Notes
    -----
    ``read_quotes(quotes, coins=table)`` gives a panel that equals this one, bit for bit, where its
    grid is regular from the
    first row to the last, every coin has a quote, and fields other than ``price``, ``unrounded``,
    ``volume`` and
    ``market_cap`` are absent. An unrounded price needs a market capitalisation to stand in the
    file: where the panel has none,
    one is made up, and is read back. Movements are those of the unrounded price over 1 h and 24 h,
    in percent.
    """
    ids = _ids(panel)
    stamps = panel.times
    if len(stamps) and ((stamps - stamps.floor("s")) != pd.Timedelta(0)).any():
        raise DataError("quotes are written to the second, but the panel has times below it")
    target = output_folder(folder)
    quotes, table = (
        target / ("quotes.csv.gz" if compress else "quotes.csv"),
        target / "CSVData_coin.csv",
    )
    write_coins(panel, table)
    labels = stamps.strftime("%Y-%m-%d %H:%M:%S").to_numpy(dtype=str)
    hour, day = (_rows_before(panel, span) for span in ("1h", "24h"))
    high_step = max(1, _CELLS_A_BLOCK // len(ids))
    number = 0
    with atomic_path(quotes) as temporary, _sink(temporary, compress) as sink:
        sink.write(_HEADER.encode())
        for low in range(0, len(labels), high_step):
            rows = np.arange(low, min(low + high_step, len(labels)))
            number += _write_rows(panel, ids, labels, rows, hour, day, number, sink)
            if progress is not None:
                progress(int(rows[-1] + 1) / len(labels))
    return quotes, table


def write_coins(panel: Panel, path: str | os.PathLike[str]) -> None:
    """Write the coin table of a panel, with the header ``Id,name,Name,Date,Tag``.

    Raises
    ------
    DataError
        A coin id that is no positive integer, or a path that cannot be written to.
    """
    ids = _ids(panel)
    since = panel.grid[0].strftime("%Y-%m-%d %H:%M:%S.000")
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("Id", "name", "Name", "Date", "Tag"))
        for coin, symbol, name in zip(ids, panel.table["symbol"], panel.table["name"], strict=True):
            writer.writerow((int(coin), str(name).lower().replace(" ", "-"), name, since, symbol))


def _ids(panel: Panel) -> IntArray:
    if not pd.api.types.is_integer_dtype(panel.assets.dtype) or (
        len(panel.assets) and int(panel.assets.min()) <= 0
    ):
        raise DataError(
            "quotes are written by coin ids that are positive integers, got "
            f"{list(panel.assets[:3])}, ..."
        )
    return panel.assets.to_numpy(dtype=np.int64)


@contextmanager
def _sink(path: Path, compress: bool) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if not compress:
            yield raw
            return
        # Neither name nor time go into the file: the same rows give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as zipped:
            yield zipped  # type: ignore[misc]


def _rows_before(panel: Panel, span: str) -> IntArray:
    """Return, for each row, the last row at least ``span`` earlier; -1 where there is none."""
    stamps = panel.times.to_numpy()
    return np.asarray(
        np.searchsorted(stamps, stamps - pd.Timedelta(span).to_timedelta64(), side="right") - 1,
        dtype=np.int64,
    )


def _write_rows(
    panel: Panel,
    ids: IntArray,
    labels: np.ndarray,
    rows: IntArray,
    hour: IntArray,
    day: IntArray,
    number: int,
    sink: BinaryIO,
) -> int:
    """Write some rows of the panel; return how many lines that made."""
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    price = panel.array("price")[part]
    exact = panel.array("unrounded")
    row, column = np.nonzero(panel.observed_array[part] & ~np.isnan(price))
    chosen = (row, column)
    capital, supply = _capital(panel, ids, part, chosen)
    frame = pl.DataFrame(
        {
            "": np.arange(number, number + len(row)),
            "time": pl.Series(labels[part].tolist(), dtype=pl.String).gather(row),
            "refID_coin": ids[column],
            "price": price[chosen].astype(np.float64),
            "marketCap": _shortest(capital),
            "CirculatingSupply": _shortest(supply),
            "Volume24h": _shortest(_few_digits(_kept(panel, "volume", part, chosen))),
            "Movement1h": _movement(exact, part, hour, chosen),
            "Movement24h": _movement(exact, part, day, chosen),
        },
        nan_to_null=True,
    )
    text = io.BytesIO()
    frame.write_csv(text, include_header=False)
    sink.write(text.getvalue())
    return len(row)


def _shortest(values: AnyFloatArray) -> pl.Series:
    """Return numbers as text, NaN as nothing: whole numbers without decimals, others in the fewest
    digits that keep them.
    """
    series = pl.Series("n", values, nan_to_null=True)
    some = values[np.isfinite(values)]
    if (some == np.rint(some)).all() and (np.abs(some) < 2.0**53).all():
        return series.cast(pl.Int64)
    return series.cast(pl.String)


def _few_digits(values: AnyFloatArray) -> FloatArray:
    """Return single-precision numbers with as few digits as tell them apart from their
    neighbours.
    """
    exact = values.astype(np.float64)
    short = exact.copy()
    left = np.isfinite(exact) & (exact != 0.0)
    for digits in (4, 6, 7, 8):
        rows = np.flatnonzero(left)
        power = np.floor(np.log10(np.abs(exact[rows]))) + 1.0 - digits
        up, down = 10.0 ** np.maximum(power, 0.0), 10.0 ** np.maximum(-power, 0.0)
        trial = np.rint(exact[rows] / up * down) / down * up
        same = trial.astype(np.float32) == values[rows]
        short[rows[same]] = trial[same]
        left[rows[same]] = False
    return short


def _kept(panel: Panel, name: str, part: slice, chosen: tuple[IntArray, IntArray]) -> AnyFloatArray:
    """Return a field that is kept in single precision, NaN where the panel has none."""
    if name not in panel.fields:
        return np.full(len(chosen[0]), np.nan, dtype=np.float32)
    return np.asarray(panel.array(name)[part][chosen], dtype=np.float32)


def _movement(
    exact: AnyFloatArray, part: slice, before: IntArray, chosen: tuple[IntArray, IntArray]
) -> pl.Series:
    row, column = chosen
    earlier = before[part][row]
    past = np.where(earlier >= 0, exact[np.maximum(earlier, 0), column], np.nan)
    return pl.Series(np.round(100.0 * (exact[part][row, column] / past - 1.0), 2), nan_to_null=True)


def _capital(
    panel: Panel, ids: IntArray, part: slice, chosen: tuple[IntArray, IntArray]
) -> tuple[FloatArray, FloatArray]:
    """Return market capitalisation and circulating supply whose ratio is the unrounded price, bit
    for bit; NaN where not given.

    The supply that a simulated panel names is used where it fits. Elsewhere the capitalisation has
    room, since it is kept in single precision: it is moved within it until the division comes out
    exactly.
    """
    exact = panel.array("unrounded")[part][chosen].astype(np.float64)
    quoted = panel.array("price")[part][chosen].astype(np.float64)
    kept = _kept(panel, "market_cap", part, chosen)
    known = panel.metadata.get("supply", {})
    supply = np.array([float(known.get(str(coin), np.nan)) for coin in ids])[chosen[1]]
    capital = np.rint(exact * supply)
    fits = (capital / supply == exact) & ((capital.astype(np.float32) == kept) | np.isnan(kept))
    capital[~fits] = kept[~fits]
    supply[~fits] = np.nan
    # A price without a finer one needs no supply.
    open_ = ~fits & (exact != quoted)
    without = open_ & ~(capital > 0.0)
    capital[without] = exact[without]
    supply[without] = 1.0
    open_ &= ~without
    for shift in range(64):
        rows = np.flatnonzero(open_)
        if len(rows) == 0:
            break
        # Squares, since equal steps can come back to the same rounding error again and again.
        trial = kept[rows].astype(np.float64) * (1.0 + shift**2 * 2.0**-43 * np.sqrt(2.0))
        base = trial / exact[rows]
        for candidate in (base, np.nextafter(base, 0.0), np.nextafter(base, np.inf)):
            good = (trial / candidate == exact[rows]) & (trial.astype(np.float32) == kept[rows])
            capital[rows[good]] = trial[good]
            supply[rows[good]] = candidate[good]
            open_[rows[good]] = False
    return capital, supply
