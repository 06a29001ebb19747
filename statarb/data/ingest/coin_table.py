"""Coin table: which coin an id stands for."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

import pandas as pd

from statarb.data.ingest._engine.blocks import QuoteFile
from statarb.data.ingest._engine.fields import parse_coin
from statarb.errors import DataError

__all__ = ["read_coins"]

_ACCEPTED = (
    "accepted are the headers 'ID, coinName, descirption, rowCreation, Symbol' and 'Id, name, "
    "Name, Date, Tag' "
    "(in any order, further columns allowed)"
)
_FOOTER = re.compile(r"\(\d+ rows? affected\)")


def read_coins(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the coin table.

    Parameters
    ----------
    path : path
        CSV, plain or gzipped, with one of the headers ``ID, coinName, descirption, rowCreation,
        Symbol`` or ``Id, name, Name, Date, Tag``, with or without an unnamed index column, a blank
        line and the footer ``(1687 rows affected)``.

    Returns
    -------
    DataFrame
        Columns ``symbol`` and ``name``, indexed by coin id in ascending order. A missing symbol or
        name is the other one.

    Raises
    ------
    DataError
        The file is missing, empty or damaged, has an unknown header, a row that is no coin, an id
        twice, or no coin.
    """
    source = Path(path)
    if not source.is_file():
        what = "a folder, not a file" if source.is_dir() else "no such file"
        raise DataError(f"{what}: {source}; give the coin table (CSVData_coin.csv)")
    with QuoteFile(source) as file:
        header = [name.strip() for name in next(csv.reader([file.header]), [])]
        columns = _columns(header)
        if columns is None:
            raise DataError(
                f"{source} has an unknown header {file.header.strip()[:120]!r}; {_ACCEPTED}"
            )
        text = b"".join(file.blocks()).decode("utf-8", errors="replace")
    found: dict[int, tuple[str, str]] = {}
    rows = csv.reader(io.StringIO(text, newline=""))
    for row in rows:
        if not any(field.strip() for field in row) or _FOOTER.fullmatch(",".join(row).strip()):
            continue
        line = rows.line_num + 1
        coin = parse_coin(row[columns[0]]) if len(row) == len(header) else None
        if coin is None or coin <= 0:
            raise DataError(
                f"{source}, line {line}: not a coin: {','.join(row)[:120]!r}; a row has "
                f"{len(header)} fields, and its id is a "
                "positive whole number"
            )
        if coin in found:
            raise DataError(
                f"{source}, line {line}: coin id {coin} stands twice; keep one row a coin"
            )
        symbol, name = row[columns[1]].strip(), row[columns[2]].strip()
        found[coin] = (symbol or name or str(coin), name or symbol or str(coin))
    if not found:
        raise DataError(
            f"{source} holds a header and no coin; give the coin table (CSVData_coin.csv)"
        )
    ids = sorted(found)
    return pd.DataFrame(
        {"symbol": [found[coin][0] for coin in ids], "name": [found[coin][1] for coin in ids]},
        index=pd.Index(ids, dtype="int64"),
    )


def _columns(header: list[str]) -> tuple[int, int, int] | None:
    """Return where id, symbol and full name stand; ``name`` and ``coinName`` are short forms beside
    the full one.
    """
    lower = [name.lower() for name in header]
    if {"id", "coinname", "symbol"} <= set(lower):
        full = next((name for name in ("descirption", "description") if name in lower), "coinname")
        return lower.index("id"), lower.index("symbol"), lower.index(full)
    if {"id", "tag"} <= set(lower) and "name" in lower:
        full_name = header.index("Name") if "Name" in header else lower.index("name")
        return lower.index("id"), lower.index("tag"), full_name
    return None
