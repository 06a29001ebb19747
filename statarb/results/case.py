"""The competition's calendar and market: start, test days, grid; and whether a panel is its market.

Another market is served by the same calls. What would mean nothing there (a start in 2018, order
limits in bitcoin, amounts in USD) is used for the case alone, and said.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from statarb._core.typing import TimeLike
from statarb.data.panel import Panel
from statarb.rules import TradingRules

__all__ = ["CASE", "DAYS", "DEPTH", "START", "STEP", "STEPS", "case_start", "is_case", "rules_for"]

START: Final = "2018-01-25"
"""First decision of the case, 00:00 UTC."""
DAYS: Final = ("2018-01-30", "2018-02-06", "2018-02-20", "2018-03-09", "2018-03-18")
"""Test days of the forecasting task."""
STEP: Final = pd.Timedelta(5, unit="min")
"""Step of the case's grid."""
STEPS: Final = 288
"""Steps of a test day."""
DEPTH: Final = 2016
"""Most observations that a window of the case holds: seven days."""
CASE: Final = "case"
"""Word for the case's start and numeraire where the panel holds them, else the panel's own."""


def is_case(assets: pd.Index, step: pd.Timedelta) -> bool:
    """Return whether a market is the case's: its numeraire, on its grid.

    Parameters
    ----------
    assets : Index
        Labels of the assets.
    step : Timedelta
        Step of the grid.

    Returns
    -------
    bool
        Prices of such a market are in USD.
    """
    return step == STEP and TradingRules().numeraire in assets


def case_start(panel: Panel, start: TimeLike | None = CASE) -> tuple[TimeLike | None, str]:
    """Return the first decision, and a line that says where it comes from.

    Parameters
    ----------
    panel : Panel
        The market.
    start : time or None
        A time; None for the panel's own first possible decision; ``"case"`` for the case's where
        the panel holds its numeraire and that day, else the panel's own.

    Returns
    -------
    start : time or None
    said : str
        Empty where the start was given.
    """
    if start != CASE:
        return start, ""
    day, numeraire = pd.Timestamp(START), TradingRules().numeraire
    if numeraire in panel.assets and panel.grid[0] <= day <= panel.grid[-1]:
        return START, f"start: {START}, that of the case"
    return None, (
        f"start: {panel.grid[0]}, that of the panel (the case's {START} is for panels that hold "
        f"asset {numeraire} and that day)"
    )


def rules_for(panel: Panel, rules: TradingRules | None = None) -> tuple[TradingRules, str]:
    """Return the rules of a market, and a line that says so where they are not the case's.

    Parameters
    ----------
    panel : Panel
        The market.
    rules : TradingRules, optional
        Taken as they are; by default those of the case where the panel holds its numeraire, else
        the same without order limits.

    Returns
    -------
    rules : TradingRules
    said : str
        Empty where the rules were given or are the case's.
    """
    usual = TradingRules()
    if rules is not None:
        return rules, ""
    if usual.numeraire in panel.assets:
        return usual, ""
    return usual.without_limits(), (
        f"orders: no limits (the case's are in units of asset {usual.numeraire}, which the panel "
        "does not hold)"
    )
