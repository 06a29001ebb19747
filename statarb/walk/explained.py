"""Explanation of a walk: what an investor's sources promised and delivered, how its problems were
solved, and what it left out.
"""

from __future__ import annotations

import dataclasses
import datetime
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.tables import CERTIFICATE_COLUMNS, SOURCE_COLUMNS

__all__ = ["Explanation", "explanation_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """What an investor says about its decisions; nothing where it says nothing.

    Parameters
    ----------
    sources : DataFrame or None
        Columns ``time, source, horizon, shrinkage, promised, delivered, reason``.
    certificates : DataFrame or None
        Columns ``time, gap, status, seconds``.
    left_out : tuple of (text, int)
        What it could not use, with counts.
    """

    sources: pd.DataFrame | None = None
    certificates: pd.DataFrame | None = None
    left_out: tuple[tuple[str, int], ...] = ()


def explanation_of(
    investor: Any, first: np.datetime64, zone: datetime.tzinfo | None
) -> Explanation:
    """Return what an investor says about its decisions.

    Parameters
    ----------
    investor : Investor
        Says so by its methods ``explain()`` and ``certificates()``, which return tables, and by its
        attribute ``failures``, a mapping of text to count; each of them may be absent. A table
        without the columns of :class:`Explanation` is one of its own, and is not taken.
    first : datetime64
        Row that the first decision was made from, in UTC: earlier rows, from which an investor only
        learnt, are left out.
    zone : tzinfo or None
        Of the times of the market.

    Returns
    -------
    Explanation
    """
    failures = getattr(investor, "failures", None)
    return Explanation(
        _table(investor, "explain", SOURCE_COLUMNS, first, zone),
        _table(investor, "certificates", CERTIFICATE_COLUMNS, first, zone),
        tuple((str(what), int(count)) for what, count in failures.items() if count)
        if isinstance(failures, Mapping)
        else (),
    )


def _table(
    investor: Any,
    method: str,
    columns: Sequence[str],
    first: np.datetime64,
    zone: datetime.tzinfo | None,
) -> pd.DataFrame | None:
    """Return one table, from the first decision on."""
    say = getattr(investor, method, None)
    if not callable(say):
        return None
    try:
        frame = say()
    except Exception as error:  # noqa: BLE001 - the boundary to other people's code: the walk is done, and its decisions are kept
        warnings.warn(
            f"{getattr(investor, 'name', investor)!s}.{method}() raised {type(error).__name__}: "
            f"{error}; the run is without it",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    if not isinstance(frame, pd.DataFrame) or not set(columns) <= set(frame.columns):
        return None
    table = frame[list(columns)]
    times = pd.DatetimeIndex(table["time"])
    if times.tz is None:
        times = times.tz_localize("UTC")
    stamps = times.tz_convert("UTC").tz_localize(None)
    table = table.assign(time=stamps if zone is None else times.tz_convert(zone))
    kept: pd.DataFrame = table[stamps.to_numpy() >= first].reset_index(drop=True)
    return kept
