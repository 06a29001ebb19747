"""Defaults of the case for a panel: start and order limits, where the panel is its market.

Another market is served by the same calls. What would mean nothing there (a start in 2018, order
limits in bitcoin, amounts in USD) is used for the case alone, and said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pandas as pd

from statarb._core.case import CASE, START, STEP
from statarb._core.typing import TimeLike
from statarb.data.panel import Panel
from statarb.rules import TradingRules

__all__ = ["Rules", "case_start", "is_case", "rules_for"]

Rules: TypeAlias = TradingRules | Callable[[Panel], TradingRules]
"""Rules, or what makes them of a panel."""


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
    return step == pd.Timedelta(STEP) and TradingRules().numeraire in assets


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
    day, numeraire = np.datetime64(START), TradingRules().numeraire
    if numeraire in panel.assets and panel.grid_array[0] <= day <= panel.grid_array[-1]:
        return START, f"start: {START}, that of the case"
    return None, (
        f"start: the first possible decision of the panel, which begins {panel.grid[0]} (the "
        f"case's {START} is for panels that hold asset {numeraire} and that day)"
    )


def rules_for(panel: Panel, rules: Rules | None = None) -> tuple[TradingRules, str]:
    """Return the rules of a market, and a line that says so where the case's limits do not hold.

    Parameters
    ----------
    panel : Panel
        The market.
    rules : TradingRules or callable, optional
        Taken as they are; a callable makes them of the panel. By default those of the case where
        the panel holds its numeraire, else the same without order limits.

    Returns
    -------
    rules : TradingRules
    said : str
        Empty where the rules were given or are the case's.
    """
    usual = TradingRules()
    if isinstance(rules, TradingRules):
        return rules, ""
    held = usual.numeraire in panel.assets
    found = (usual if held else usual.without_limits()) if rules is None else rules(panel)
    if held or found.numeraire is not None:
        return found, ""
    limits = (
        f"from {found.min_order:g} to {found.max_order:g} in the currency of the prices"
        if found.limited
        else "without limits"
    )
    return found, (
        f"orders: {limits} (those of the case are in units of asset {usual.numeraire}, which the "
        "panel does not hold)"
    )
