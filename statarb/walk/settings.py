"""Settings of a walk: span, depth of the windows, decision lag, size of a block."""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer
from statarb._core.time import as_stamp
from statarb._core.typing import TimeLike
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError

__all__ = ["BLOCK", "DEPTH", "WalkSettings"]

BLOCK = 288
"""Steps of a block: a day of 5-minute steps."""


@dataclasses.dataclass(frozen=True)
class WalkSettings:
    """What a walk over a panel runs on.

    Parameters
    ----------
    start, end : time, optional
        The first decision is for the first time of the grid at or after ``start``, the last one for
        the last time at or before ``end``. By default the panel's own: the first time that has a
        row ``decision_lag`` steps before it, and its last time.
    depth : int or None
        Most observed rows of a window; ``None`` for all.
    decision_lag : int
        Steps between the last row that a decision may use and the price at which it trades.
    block : int
        Steps of a block of work; no result depends on it.

    Raises
    ------
    ParameterError
        A number out of range, or ``start`` after ``end``.
    """

    start: TimeLike | None = None
    end: TimeLike | None = None
    depth: int | None = DEPTH
    decision_lag: int = 1
    block: int = BLOCK

    def __post_init__(self) -> None:
        """Check every value once; settings that exist are valid."""
        lag = check_integer("decision_lag", self.decision_lag, at_least=0)
        object.__setattr__(self, "decision_lag", lag)
        object.__setattr__(self, "block", check_integer("block", self.block, at_least=1))
        if self.depth is not None:
            object.__setattr__(self, "depth", check_integer("depth", self.depth, at_least=1))
        if (
            self.start is not None
            and self.end is not None
            and as_stamp("start", self.start) > as_stamp("end", self.end)
        ):
            raise ParameterError(
                f"start must not be after end, got start={self.start} and end={self.end}"
            )

    def span(self, panel: Panel) -> range:
        """Positions in the grid of the steps that are decided on.

        Parameters
        ----------
        panel : Panel
            The market.

        Returns
        -------
        range
            Not empty.

        Raises
        ------
        DataError
            No time of the grid lies in the span.
        ParameterError
            The decision lag reaches beyond the panel.
        """
        grid, lag = panel.grid_array, self.decision_lag
        stop = len(grid)
        if self.end is not None:
            stop = int(np.searchsorted(grid, as_stamp("end", self.end), side="right"))
        if self.start is None:
            first = min(int(panel.rows[0]) + lag, len(grid) - 1)
        else:
            first = int(np.searchsorted(grid, as_stamp("start", self.start), side="left"))
        if first >= stop:
            where = (
                f"from {self.start} on"
                if self.end is None
                else f"up to {self.end}"
                if self.start is None
                else f"between {self.start} and {self.end}"
            )
            raise DataError(
                f"no time of the panel lies {where}: it runs from {panel.grid[0]} to "
                f"{panel.grid[-1]}; give another start (start=None: the panel's first possible "
                "decision)"
            )
        if lag >= stop:
            raise ParameterError(
                f"decision_lag must be below {stop}, the steps of the panel up to the last "
                f"decision, got {lag}"
            )
        return range(first, stop)
