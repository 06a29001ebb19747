"""Rows at which models are fitted anew, whatever rows are asked for."""

from __future__ import annotations

import numpy as np

from statarb._core.checks import check_integer
from statarb._core.typing import IntArray
from statarb.data.panel import Panel

__all__ = ["refit_rows"]


def refit_rows(panel: Panel, rows: IntArray, every: int, least: int = 1) -> IntArray:
    """Return for each row the one whose window its model is fitted on.

    Parameters
    ----------
    panel : Panel
        The market, or a window of it.
    rows : (steps,) int
        Positions in ``panel.times``, not decreasing.
    every : int
        Most rows from one fit to the next.
    least : int
        Rows that a fit needs.

    Returns
    -------
    (steps,)
        Positions, not decreasing, at most the row itself; -1 where there are fewer than ``least``
        rows.

    Raises
    ------
    ParameterError
        ``every`` or ``least`` below 1.

    Notes
    -----
    The grid of the whole panel, which a window knows (:attr:`Panel.places`), is cut into stretches
    of ``every`` steps; a model is fitted at the first row of each. So a row's model depends neither
    on the row at which a walk begins nor on how its rows are cut into blocks. Where the stretch
    began with fewer than ``least`` rows, the model is fitted when there are as many, and again
    whenever they have doubled, so that a model of few rows does not stay.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2020-01-01", periods=9)
    >>> panel = Panel.from_frame(pd.DataFrame({"a": range(1, 10)}, index=days))
    >>> refit_rows(panel, np.arange(9), every=4, least=2).tolist()
    [-1, 1, 1, 3, 4, 4, 4, 4, 8]
    """
    every = check_integer("every", every, at_least=1)
    least = check_integer("least", least, at_least=1)
    rows = np.asarray(rows, dtype=np.int64)
    places = panel.places
    found = np.searchsorted(places, places[rows] // every * every).astype(np.int64)
    young = found + 1 < least
    doubled = least * 2 ** np.arange(len(panel.times).bit_length())
    size = np.searchsorted(doubled, rows[young] + 1, side="right") - 1
    found[young] = np.where(size < 0, -1, doubled[size] - 1)
    return found
