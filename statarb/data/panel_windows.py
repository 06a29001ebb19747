"""Windows of a panel: spans of its rows, as read-only views."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer
from statarb._core.time import Stamps, as_stamp
from statarb._core.typing import IntArray, TimeLike
from statarb.data.panel_fields import PanelFields
from statarb.errors import DataError, ParameterError

__all__ = ["PanelWindows"]


class PanelWindows(PanelFields):
    """Spans and windows of a panel; see :class:`statarb.Panel`."""

    def between(self, start: TimeLike | None = None, end: TimeLike | None = None) -> Self:
        """Return the panel from ``start`` to ``end``, both included, as views.

        Parameters
        ----------
        start, end : time, optional
            By default the first and the last time of the grid; naive times are UTC.

        Returns
        -------
        Panel

        Raises
        ------
        ParameterError
            ``start`` after ``end``, or either is no time.
        DataError
            No time of the grid, or no row, lies between them.
        """
        first = self._grid[0] if start is None else as_stamp("start", start)
        last = self._grid[-1] if end is None else as_stamp("end", end)
        if first > last:
            raise ParameterError(
                f"start must not be after end, got start={pd.Timestamp(first)} and "
                f"end={pd.Timestamp(last)}"
            )
        low = int(np.searchsorted(self._grid, first, side="left"))
        high = int(np.searchsorted(self._grid, last, side="right"))
        low_row = int(np.searchsorted(self._rows, low, side="left"))
        high_row = int(np.searchsorted(self._rows, high, side="left"))
        if low_row >= high_row:
            raise DataError(
                f"no quote between {pd.Timestamp(first)} and {pd.Timestamp(last)}; the panel runs "
                "from "
                f"{pd.Timestamp(self._grid[0])} to {pd.Timestamp(self._grid[-1])}"
            )
        return self._part(
            self._grid[low:high], self._rows[low_row:high_row] - low, low_row, high_row, None
        )

    def window(self, t: TimeLike, depth: int | None = DEPTH) -> Self:
        """Return what is known at ``t``: the last ``depth`` rows up to and with ``t``, as read-only
        views.

        Parameters
        ----------
        t : time
            End of the window. A row at ``t`` is part of it; nothing after ``t`` is. A window of a
            window ends no later than it.
        depth : int or None
            Largest number of rows (times at which something was quoted); ``None`` gives all of the
            past.

        Returns
        -------
        Panel
            A window: it knows nothing after ``t``.

        Raises
        ------
        DataError
            No row at or before ``t``.
        ParameterError
            ``t`` is no time, or ``depth`` is below 1.
        """
        stamp = as_stamp("t", t)
        if self._now is not None:
            stamp = min(stamp, self._now)
        if depth is not None:
            depth = check_integer("depth", depth, at_least=1)
        return self._window(stamp, depth)

    def row_slice(self, first: int, last: int) -> Self:
        """Return some rows as a window that ends at the last of them.

        Parameters
        ----------
        first, last : int
            Positions in :attr:`times`: the rows ``first`` to ``last - 1``.

        Returns
        -------
        Panel
        """
        return self._part(self._stamps[first:last], None, first, last, self._stamps[last - 1])

    def _window(self, stamp: np.datetime64, depth: int | None) -> Self:
        """Return the window that ends at ``stamp``; no checks of types, for the walk."""
        high = int(np.searchsorted(self._stamps, stamp, side="right"))
        if high == 0:
            raise DataError(
                f"the window up to {pd.Timestamp(stamp)} is empty: the first quote is at "
                f"{pd.Timestamp(self._stamps[0])}"
            )
        low = 0 if depth is None else max(0, high - depth)
        return self._part(self._stamps[low:high], None, low, high, stamp)

    def _part(
        self, grid: Stamps, rows: IntArray | None, low: int, high: int, now: np.datetime64 | None
    ) -> Self:
        part = type(self).__new__(type(self))
        part._grid = grid
        part._stamps = self._stamps[low:high]
        part._rows = np.arange(high - low, dtype=np.int64) if rows is None else rows
        part._places = self._places[low:high]
        part._zone = self._zone
        part._assets = self._assets
        part._arrays = {name: values[low:high] for name, values in self._arrays.items()}
        part._observed = None if self._observed is None else self._observed[low:high]
        part._table = self._table
        part._step = self._step
        part._now = now
        part.numeraire = self.numeraire
        part.imputation = self.imputation
        part.looks_ahead = self.looks_ahead
        # it tells of the whole panel, and so of what comes later
        part.metadata = self.metadata if now is None else {}
        return part
