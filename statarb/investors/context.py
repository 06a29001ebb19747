"""Questions to an investor: its answer in a context, its need of rows, its rests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.rules import Context

__all__ = ["Context", "ask", "ask_signals", "reasons_of", "rows_needed", "rows_to_rest"]


def ask(
    investor: Any,
    window: Panel,
    holdings: pd.Series,
    context: Context,
    signal: Mapping[str, FloatArray] | None = None,
) -> Any:
    """Ask an investor for its target weights, telling it the context where it takes one.

    Parameters
    ----------
    investor : Investor
        With ``decide(window, holdings[, context])``, and ``decide_on(window, holdings, signal[,
        context])`` where signals are given.
    window : Panel
        What may be known.
    holdings : Series
        Held share of the value by asset.
    context : Context
        Time, value, rules and decision lag.
    signal : mapping of str to array, optional
        Signal of the window's last row, computed beforehand.

    Returns
    -------
    object
        What the investor answers, unchecked.
    """
    if signal is None:
        return context.call(investor.decide, window, holdings)
    return context.call(investor.decide_on, window, holdings, signal)


def ask_signals(
    investor: Any, panel: Panel, first: int, last: int, depth: int, context: Context
) -> Mapping[str, FloatArray]:
    """Ask an investor for the signals of the rows ``first`` to ``last - 1``.

    Parameters
    ----------
    investor : SignalInvestor
        With ``signals(panel, first, last, depth[, context])``.
    panel : Panel
        The market up to row ``last - 1``.
    first, last : int
        Rows, as positions in ``panel.times``.
    depth : int
        Most rows that may be used for one answer.
    context : Context
        That of the start of the walk: its time is the first decision's, its value the start
        capital.

    Returns
    -------
    mapping of str to array
        First axis: the rows asked for.
    """
    found: Mapping[str, FloatArray] = context.call(investor.signals, panel, first, last, depth)
    return found


def rows_needed(investor: Any) -> int:
    """Rows that a window must have before an investor can decide.

    Parameters
    ----------
    investor : Investor
        Says so by its attribute ``min_rows``; without one it is asked from the first row on.

    Returns
    -------
    int
        At least 1.
    """
    return max(1, int(getattr(investor, "min_rows", 1)))


def rows_to_rest(investor: Any) -> float:
    """Number of further rows at which an investor surely keeps its holdings, whatever they show.

    A walk does not ask it there, and so costs nothing at those rows.

    Parameters
    ----------
    investor : Investor
        Says so by its method ``rests()``; without one it is asked at every row.

    Returns
    -------
    float
        0 where it wants to be asked at the next row; infinity where it never decides again.
    """
    rests = getattr(investor, "rests", None)
    return (
        0.0
        if rests is None
        else max(0.0, math.floor(found) if math.isfinite(found := float(rests())) else found)
    )


def reasons_of(investor: Any) -> dict[str, int]:
    """Count of the decisions by the reason for which an investor held cash or kept its holdings.

    Parameters
    ----------
    investor : Investor
        Says so by its attribute ``reasons``, a mapping of text to count; without one it gives none.

    Returns
    -------
    dict of str to int
        Such as ``{"no forecast": 80, "below the fee": 39}``.
    """
    found = getattr(investor, "reasons", None)
    if not isinstance(found, Mapping):
        return {}
    return {str(reason): int(count) for reason, count in found.items() if count}
