"""Readers: quote files of any of the three layouts become a panel, and the coin table a frame."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from statarb._core.time import Stamps, as_width, step_text
from statarb.data.gridding import closed
from statarb.data.ingest._engine.blocks import QuoteFile
from statarb.data.ingest._engine.cells import LARGEST_GRID, Cells
from statarb.data.ingest._engine.fields import split_line
from statarb.data.ingest._engine.parse import Parsed, parse_block
from statarb.data.ingest.coin_table import read_coins
from statarb.data.ingest.layouts import ACCEPTED, Layout, is_coin_table, recognise
from statarb.data.ingest.rejects import Reason, RejectLog, open_rejects
from statarb.data.panel import BITCOIN, Panel
from statarb.errors import DataError, DataWarning

__all__ = ["Progress", "ingest_summary", "read_coins", "read_quotes"]

Source = str | os.PathLike[str]
Progress = Callable[[float], None]


def read_quotes(
    source: Source | Iterable[Source],
    coins: Source | pd.DataFrame | None = None,
    *,
    step: str | pd.Timedelta = "5min",
    rejects: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Panel:
    """Read quotes in any of the three layouts into a panel, in one pass and within bounded memory.

    The layout is found out by the header, field by field: the transcript (with or without its
    unnamed index column), the distributed layout, and the matrix (``time`` and one column a coin
    id). Files are plain or gzipped, rows in any order.

    Parameters
    ----------
    source : path, glob pattern, folder, or a list of them
        A folder means all ``*.csv`` and ``*.csv.gz`` in it; coin tables among them, or among the
        files of a pattern, are left out.
    coins : path or DataFrame, optional
        The coin table (:func:`read_coins`). Ids that it lacks are rejected; without a table every
        id is accepted.
    step : str or Timedelta
        Step of the grid, counted from 1970: stamps are floored to it.
    rejects : path, optional
        File that gets every rejected row: columns ``file, line, reason, text``; line 1 is the
        header. Rejects are counted in any case.
    progress : callable, optional
        Is told the share of the input that has been read, in [0, 1].

    Returns
    -------
    Panel
        The grid runs from the first floored stamp to the last. ``price`` and ``unrounded`` (market
        capitalisation over circulating supply where both are given and positive, else the price)
        are float64, ``volume`` and ``market_cap`` float32; the last three are there where a file
        has their columns. Coins are those with at least one good quote, in ascending order.
        ``metadata["ingest"]`` holds what was read and what was not (see Notes).

    Raises
    ------
    DataError
        A file that is missing, empty, of an unknown layout, damaged, or without a good row; a
        pattern that matches nothing.
    ParameterError
        A step that is no positive time span.

    Warns
    -----
    DataWarning
        Rows with a stray stamp were left out: how many, and the first.

    Notes
    -----
    A row is rejected for the first of these that applies: wrong number of fields, unparseable
    stamp, unparseable number, a stamp far from all others, coin id not in the table (or, without a
    table, none from 1 to 9,999,999), price missing, infinite, negative or zero. A stamp is far from
    the others where at most three times at an end of the market are farther from at least fifty
    others than a week and half their span; such a file is read twice, and warned of. Fields that
    the panel does not keep (movements, record ids) are not looked at. Where several rows fall into
    a cell, the last one counts, files in the order of their names; the others are *duplicates*.
    Hence

    ``rows_read = rows_accepted + rows_rejected`` and ``cells = rows_accepted - duplicates``.

    In a matrix each field that is not empty is a row; a line that cannot be read counts as one.
    Blank lines and the footer ``(n rows affected)`` are no rows.

    Keys of ``metadata["ingest"]``: ``files`` (name and layout), ``rows_read``, ``rows_accepted``,
    ``rows_rejected``, ``rejected`` (by reason), ``duplicates``, ``rows_by_asset``,
    ``duplicates_by_asset``, ``step``.

    Examples
    --------
    >>> panel = read_quotes("data/quotes.csv.gz", coins="data/CSVData_coin.csv")  # doctest: +SKIP
    >>> print(ingest_summary(panel))  # doctest: +SKIP
    """
    width = as_width("step", step)
    table = coins if isinstance(coins, pd.DataFrame) or coins is None else read_coins(coins)
    if table is not None and not pd.api.types.is_integer_dtype(table.index.dtype):
        raise DataError(
            "the coin table must be indexed by integer coin ids, got an index of "
            f"{table.index.dtype}"
        )
    paths, layouts = _recognise(list_files(source))
    found = _read_all(paths, layouts, width, table, rejects, progress)
    bounds = found.cells.bounds()
    if bounds is not None:
        # a second pass, so that the stray rows are rejected with their file and line
        found = _read_all(paths, layouts, width, table, rejects, progress, bounds)
        file, line = found.log.first_stray or ("", 0)
        warnings.warn(
            f"{found.log.by_reason()[Reason.STRAY_STAMP.label]} rows are stamped far from all "
            f"others and were left out; the first is in {file}, line {line}",
            DataWarning,
            stacklevel=2,
        )
    cells, log = found.cells, found.log
    ingest = {
        "files": [
            {"name": path.name, "layout": layout.name}
            for path, layout in zip(paths, layouts, strict=True)
        ],
        "step": str(pd.Timedelta(width, unit="us")),
        "rows_read": found.rows,
        "rows_accepted": found.accepted,
        "rows_rejected": log.total,
        "rejected": log.by_reason(),
    }
    return _assemble(cells, width, table, ingest)


class _Found(NamedTuple):
    """What a pass over all files has found."""

    cells: Cells
    log: RejectLog
    rows: int
    accepted: int


def _read_all(
    paths: list[Path],
    layouts: list[Layout],
    width: int,
    table: pd.DataFrame | None,
    rejects: str | os.PathLike[str] | None,
    progress: Progress | None,
    bounds: tuple[int, int] | None = None,
) -> _Found:
    """Read all files once; rows outside the bounds are rejected."""
    cells = Cells(
        width,
        None if table is None else table.index.to_numpy(dtype=np.int64),
        unrounded=any(layout.market_cap >= 0 and layout.supply >= 0 for layout in layouts),
        volume=any(layout.volume >= 0 for layout in layouts),
        market_cap=any(layout.market_cap >= 0 for layout in layouts),
    )
    total = max(sum(path.stat().st_size for path in paths), 1)
    without: Path | None = None
    rows = accepted = done = 0
    with open_rejects(rejects) as log:
        for path, layout in zip(paths, layouts, strict=True):
            read, good = _read_file(path, layout, cells, log, done, total, progress, bounds)
            rows, accepted, done = rows + read, accepted + good, done + path.stat().st_size
            if good == 0 and without is None:
                without = path
                found = (
                    f"all of its {read} rows are rejected"
                    if read
                    else "it holds a header and no row"
                )
    if without is not None:
        raise DataError(f"{without} has no good row: {found}{_reasons(log)}; {ACCEPTED}")
    return _Found(cells, log, rows, accepted)


def list_files(source: Source | Iterable[Source]) -> list[tuple[Path, bool]]:
    """Return the files that a source names, in the order of their names, each once, and whether it
    was named itself.

    Raises
    ------
    DataError
        A file that does not exist; a folder or a pattern without a file.
    """
    if isinstance(source, (str, os.PathLike)):
        source = [source]
    found: dict[Path, bool] = {}
    for item in source:
        path = Path(item)
        if path.is_dir():
            inside = [
                file
                for ending in ("*.csv", "*.csv.gz")
                for file in path.glob(ending)
                if file.is_file()
            ]
            if not inside:
                raise DataError(
                    f"the folder {path} holds no file *.csv or *.csv.gz; give a folder of quote "
                    "files"
                )
        elif path.is_file():
            found[path] = True
            continue
        elif glob.has_magic(str(item)):
            inside = [
                Path(name) for name in glob.glob(str(item), recursive=True) if Path(name).is_file()
            ]
            if not inside:
                raise DataError(
                    f"no file matches the pattern {str(item)!r}; give a file, a folder, or a "
                    "pattern that matches"
                )
        else:
            raise DataError(
                f"no such file or folder: {path}; give a file of quotes, a folder of them, or a "
                "pattern"
            )
        for file in inside:
            found.setdefault(file, False)
    if not found:
        raise DataError("no source given; give a file of quotes, a folder of them, or a pattern")
    return sorted(found.items(), key=lambda pair: (pair[0].name, str(pair[0])))


def ingest_summary(panel: Panel) -> str:
    """Return a few lines on what was read, what was rejected and why, and how much of the grid is
    covered.

    Raises
    ------
    DataError
        Where the panel was not made by :func:`read_quotes`.
    """
    ingest = panel.metadata.get("ingest")
    if ingest is None:
        raise DataError("the panel was not read from quote files: its metadata has no 'ingest'")
    times, assets = panel.grid_shape
    cells = int(panel.observed_array.sum())
    rows: list[tuple[str, int, str]] = [
        (
            "rows read",
            ingest["rows_read"],
            f"from {len(ingest['files'])} file{'s' if len(ingest['files']) > 1 else ''}",
        ),
        (
            "rows accepted",
            ingest["rows_accepted"],
            _share(ingest["rows_accepted"], ingest["rows_read"]),
        ),
        (
            "rows rejected",
            ingest["rows_rejected"],
            _share(ingest["rows_rejected"], ingest["rows_read"]),
        ),
    ]
    rows += [(f"  {label}", count, "") for label, count in ingest["rejected"].items() if count]
    rows += [
        ("duplicates", ingest["duplicates"], "the last row of a cell counts"),
        ("assets", assets, ""),
        (
            "times of the grid",
            times,
            f"{panel.grid[0]} to {panel.grid[-1]}, every {step_text(panel.step)}",
        ),
        ("times with a quote", len(panel.times), _share(len(panel.times), times)),
        ("cells with a quote", cells, _share(cells, times * assets)),
    ]
    wide = max(len(label) for label, _, _ in rows)
    return "\n".join(
        f"{label:<{wide}}  {count:>14,}  {note}".rstrip() for label, count, note in rows
    )


def _share(part: int, whole: int) -> str:
    return f"{100.0 * part / whole:.2f} %" if whole else ""


def _recognise(files: list[tuple[Path, bool]]) -> tuple[list[Path], list[Layout]]:
    paths: list[Path] = []
    layouts: list[Layout] = []
    for path, named in files:
        with QuoteFile(path) as file:
            if not named and is_coin_table(file.header):
                continue
            layouts.append(recognise(file.header, str(path)))
            paths.append(path)
    if not paths:
        raise DataError(
            f"there are coin tables, but no quotes, among {files[0][0]} and its like; {ACCEPTED}"
        )
    return paths, layouts


def _read_file(
    path: Path,
    layout: Layout,
    cells: Cells,
    log: RejectLog,
    done: int,
    total: int,
    progress: Progress | None,
    bounds: tuple[int, int] | None,
) -> tuple[int, int]:
    """Read one file; return the number of its rows, and of those accepted."""
    rows = accepted = 0
    line = 2
    with QuoteFile(path) as file:
        for block in file.blocks():
            parsed = parse_block(block, layout)
            cells.judge(parsed.quotes, bounds)
            accepted += cells.add(parsed.quotes)
            rows += len(parsed.quotes.code) + len(parsed.malformed)
            _report(parsed, layout, log, str(path), line)
            line += parsed.count
            if progress is not None:
                progress(min((done + file.done) / total, 1.0))
    return rows, accepted


def _report(parsed: Parsed, layout: Layout, log: RejectLog, file: str, first: int) -> None:
    """Hand the rejects of a block to the log, in the order of the file."""
    codes = parsed.quotes.code
    bad = np.flatnonzero(codes)
    if len(bad) == 0 and len(parsed.malformed) == 0:
        return
    if not log.wants_lines(codes):
        log.count(codes)
        log.count(np.full(len(parsed.malformed), Reason.FIELDS, dtype=np.int8))
        return
    found: list[tuple[int, Reason, str | None]] = [
        (int(line), Reason.FIELDS, None) for line in parsed.malformed
    ]
    places = dict(zip(layout.ids, layout.places, strict=False))
    split_at, fields = -1, [""]
    for row in bad:
        reason = Reason(int(codes[row]))
        line = int(parsed.lines[row])
        # A line of a matrix holds a quote of every coin: only the one in question is shown.
        if layout.name == "matrix" and reason not in (Reason.STAMP, Reason.STRAY_STAMP):
            if line != split_at:
                split_at, fields = line, split_line(parsed.text(line))
            coin = int(parsed.quotes.coin[row])
            found.append((line, reason, f"{coin}: {fields[places[coin]]}"))
        else:
            found.append((line, reason, None))
    found.sort(key=lambda reject: reject[0])
    for line, reason, field in found:
        log.add(file, first + line, reason, parsed.text(line) if field is None else field)


def _reasons(log: RejectLog) -> str:
    shown = [f"{count} {label}" for label, count in log.by_reason().items() if count]
    first = f", the first in {log.first[0]}, line {log.first[1]}" if log.first else ""
    return f" ({', '.join(shown)}{first})" if shown else ""


def _assemble(cells: Cells, step: int, table: pd.DataFrame | None, ingest: dict[str, Any]) -> Panel:
    first, last = cells.span()
    size = last - first + 1
    if size > LARGEST_GRID:
        raise DataError(
            f"the stamps run from {_time(first, step)} to {_time(last, step)}, which is {size:,} "
            "steps (at most "
            f"{LARGEST_GRID:,} are allowed); remove the rows with a stray stamp, or give a longer "
            "step"
        )
    accepted, duplicates = cells.accepted, cells.duplicates
    used, ids, arrays = cells.assemble()
    coins = pd.Index(ids)
    ingest["duplicates"] = sum(duplicates.values())
    ingest["rows_by_asset"] = {str(coin): accepted[coin] for coin in ids.tolist()}
    ingest["duplicates_by_asset"] = {
        str(coin): duplicates[coin] for coin in ids.tolist() if duplicates[coin]
    }
    grid: Stamps = ((first + np.arange(size)) * step).astype("datetime64[us]")
    return Panel(
        grid,
        used - first,
        coins,
        closed(arrays),
        table=table,
        step=np.timedelta64(step, "us"),
        numeraire=BITCOIN if BITCOIN in coins else None,
        metadata={"ingest": ingest},
    )


def _time(cell: int, step: int) -> str:
    return str(np.datetime64(cell * step, "us").astype("datetime64[s]")).replace("T", " ")
