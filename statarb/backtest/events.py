"""Events: benefits per unit that are credited to whoever holds an asset."""

from __future__ import annotations

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.time import as_stamp
from statarb._core.typing import FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError

__all__ = ["pack_events"]


def pack_events(panel: Panel, events: pd.DataFrame | None) -> tuple[IntArray, IntArray, FloatArray]:
    """Return position in the grid, column and benefit of each event, in order of time.

    An event between two times of the grid counts at the later one.

    Parameters
    ----------
    panel : Panel
        The market.
    events : DataFrame or None
        Columns ``time``, ``asset``, ``benefit`` (currency per unit).

    Returns
    -------
    step, column : (events,) int64
        Position in the grid, ascending, and column of the asset.
    benefit : (events,)
        Currency per unit.

    Raises
    ------
    DataError
        A column is absent, a benefit is negative or no number, a time lies outside the panel's
        grid.
    ParameterError
        An asset that the panel does not have.
    """
    if events is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    if not isinstance(events, pd.DataFrame):
        raise ParameterError(f"events must be a DataFrame or None, got {type(events).__name__}")
    absent = [name for name in ("time", "asset", "benefit") if name not in events.columns]
    if absent:
        raise DataError(
            "events must have the columns 'time', 'asset' and 'benefit' ('kind' is optional); "
            f"{absent[0]!r} is absent, "
            f"got {list(events.columns)}"
        )
    grid = panel.grid_array
    steps, columns, benefits = [], [], []
    rows = zip(
        events["time"].tolist(), events["asset"].tolist(), events["benefit"].tolist(), strict=True
    )
    for number, (time, asset, benefit) in enumerate(rows):
        stamp = as_stamp(f"events time of row {number}", time)
        column = int(panel.assets.get_indexer(pd.Index([asset]))[0])
        if column < 0:
            raise ParameterError(
                f"events row {number} ({stamp}): asset {asset!r} is not in the panel"
            )
        if not grid[0] <= stamp <= grid[-1]:
            raise DataError(
                f"events row {number} (asset {asset!r}): {pd.Timestamp(stamp)} is off the panel's "
                "span, "
                f"{pd.Timestamp(grid[0])} to {pd.Timestamp(grid[-1])}; leave out events that "
                "cannot count"
            )
        try:
            benefits.append(check_number("benefit", benefit, at_least=0.0))
        except ParameterError as error:
            raise DataError(
                f"events row {number} (asset {asset!r}, {pd.Timestamp(stamp)}): {error}"
            ) from error
        steps.append(int(np.searchsorted(grid, stamp)))
        columns.append(column)
    order = np.argsort(np.array(steps, dtype=np.int64), kind="stable")
    return (
        np.array(steps, dtype=np.int64)[order],
        np.array(columns, dtype=np.int64)[order],
        np.array(benefits, dtype=np.float64)[order],
    )
