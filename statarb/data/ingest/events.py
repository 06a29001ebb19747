"""Calendar of fundamental events: what an asset's holders were given, and when."""

from __future__ import annotations

import os
import zlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.time import as_stamp
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError

__all__ = ["read_events"]

COLUMNS = ("time", "asset", "kind", "benefit")


def read_events(path: str | os.PathLike[str], panel: Panel | None = None) -> pd.DataFrame:
    """Read a calendar of airdrops, forks, burns and the like. By default nothing in the library
    uses one.

    Parameters
    ----------
    path : path
        A CSV file, plain or gzipped, with the columns ``time, asset, kind, benefit``: UTC unless
        the time says otherwise, an asset id, a word, and the benefit in USD per unit held at that
        time. ``kind`` may be absent. Blank lines are left out.
    panel : Panel, optional
        Whose assets the events must be of; coin ids then take the panel's type.

    Returns
    -------
    DataFrame
        Columns ``time`` (UTC, naive), ``asset``, ``kind``, ``benefit``, by time, then as in the
        file: what ``replay(..., events=...)`` takes. It credits the benefit to whoever holds the
        asset at that time. ``attrs["outside"]`` counts the events outside the panel's span, which
        are left out.

    Raises
    ------
    DataError
        The file is missing or empty, lacks a column, or a line of it has a time, asset or benefit
        that cannot be used; names the line. An asset that the panel does not have is such a line.

    Examples
    --------
    >>> events = read_events("events.csv", panel)  # doctest: +SKIP
    >>> sa.replay(panel, weights, rules, events=events)  # doctest: +SKIP
    """
    source = Path(path)
    if not source.is_file():
        raise DataError(
            f"no such file: {source}; give a CSV file with the columns {', '.join(COLUMNS)}"
        )
    try:
        raw = pd.read_csv(
            source, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding="utf-8-sig"
        )
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(
            f"{source} cannot be read as CSV: {error}; the columns are {', '.join(COLUMNS)}"
        ) from error
    raw.columns = raw.columns.str.strip()
    absent = [name for name in ("time", "asset", "benefit") if name not in raw.columns]
    if absent:
        raise DataError(
            f"{source} has no column {absent[0]!r}; the columns are {', '.join(COLUMNS)}, got "
            f"{list(raw.columns)}"
        )
    if "kind" not in raw.columns:
        raw["kind"] = ""
    labels = None if panel is None else {str(asset): asset for asset in panel.assets}
    span = None if panel is None else (panel._grid[0], panel._grid[-1])
    rows: list[tuple[np.datetime64, Hashable, str, float]] = []
    outside = 0
    columns = [raw[name].str.strip().tolist() for name in COLUMNS]
    for number, fields in enumerate(zip(*columns, strict=True), start=2):
        if not any(fields):
            continue
        row = _event(f"{source}, line {number}", *fields, labels=labels)
        if span is not None and not span[0] <= row[0] <= span[1]:
            outside += 1
            continue
        rows.append(row)
    frame = pd.DataFrame(
        {
            "time": pd.DatetimeIndex(np.array([row[0] for row in rows], dtype="datetime64[us]")),
            "asset": pd.Series([row[1] for row in rows], dtype=None if rows else object),
            "kind": pd.Series([row[2] for row in rows], dtype=str),
            "benefit": np.array([row[3] for row in rows], dtype=np.float64),
        }
    )
    frame = frame.sort_values("time", kind="stable", ignore_index=True)
    frame.attrs["outside"] = outside
    return frame


def _event(
    where: str, time: str, asset: str, kind: str, benefit: str, *, labels: dict[str, Any] | None
) -> tuple[np.datetime64, Hashable, str, float]:
    try:
        stamp = as_stamp("time", time)
    except ParameterError as error:
        raise DataError(f"{where}: {error}") from error
    if not asset:
        raise DataError(f"{where}: the asset is missing; give a coin id")
    if labels is not None and asset not in labels:
        raise DataError(
            f"{where}: asset {asset!r} is not in the panel ({len(labels)} assets); remove the line "
            "or correct the id"
        )
    label: Hashable = (
        labels[asset] if labels is not None else int(asset) if asset.isdigit() else asset
    )
    try:
        value = float(benefit)
    except ValueError as error:
        raise DataError(
            f"{where}: benefit must be a number (USD per unit), got {benefit!r}"
        ) from error
    if not (np.isfinite(value) and value >= 0.0):
        raise DataError(
            f"{where}: benefit must be a number of at least 0 (USD per unit), got {benefit!r}"
        )
    return stamp, label, kind, value
