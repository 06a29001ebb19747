"""Scenarios for the optimizer: past returns, as they were or standardised by their volatility."""

from __future__ import annotations

import numpy as np

from statarb._typing import FloatArray
from statarb.data.panel import Panel, carry_forward
from statarb.volatility import fit_garch

__all__ = ["daily_sigma", "residuals", "simple_returns"]

LEAST_SIGMA = 1e-6
"""Floor of a volatility, in log return: a coin that stands still has scenarios of zero at any scale."""


def simple_returns(panel: Panel, first: int) -> FloatArray:
    """Return each coin's simple return from its last known price, rows ``first`` to the end; 0 where it has none.

    Parameters
    ----------
    panel : Panel
        The window.
    first : int
        First row; a return needs the row before it, so that row 0 has returns of 0.

    Returns
    -------
    (rows, coins)
        The return at a row is known at that row.
    """
    start = max(0, first - 1)
    price = np.array(panel.array("price")[start:], dtype=np.float64)
    before = np.array(panel.array("price")[max(0, start - MEMORY) : start + 1], dtype=np.float64)
    carry_forward(before)
    price[0] = before[-1]
    carry_forward(price)
    found = np.zeros_like(price)
    with np.errstate(invalid="ignore"):
        found[1:] = price[1:] / price[:-1] - 1.0
    return np.nan_to_num(found)[first - start :]


MEMORY = 24
"""Rows that a price is carried over where a coin has missing cells: two hours of 5-minute rows."""


def residuals(window: Panel, rows: FloatArray, model: str) -> FloatArray:
    """Divide the window's last returns by the volatility that the model had forecast for them, at today's parameters.

    Parameters
    ----------
    window : Panel
        The window.
    rows : (rows, coins)
        Its last simple returns.
    model : str
        ``"garch"`` or ``"gjr"``.
    """
    fitted = fit_garch(simple_returns(window, 0), model=model)  # type: ignore[arg-type]
    sigma = np.maximum(np.nan_to_num(fitted.sigma.to_numpy(), nan=LEAST_SIGMA), LEAST_SIGMA)
    standardised: FloatArray = rows / sigma[-len(rows) :]
    return standardised


def daily_sigma(panel: Panel, first: int, last: int, depth: int, model: str) -> FloatArray:
    """Forecast one-step volatilities from the rows ``first`` to ``last - 1``; fitted at the first row of each day.

    Parameters
    ----------
    panel : Panel
        The market.
    first, last : int
        Rows, as positions in ``panel.times``.
    depth : int
        Most rows of a fit.
    model : str
        ``"garch"`` or ``"gjr"``.

    Returns
    -------
    (rows, coins)
        The value at a row is for the row after it, made from rows up to it.
    """
    days = panel.times.floor("D").to_numpy()
    begins = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    found = np.empty((last - first, len(panel.coins)))
    row = first
    while row < last:
        begin = int(begins[np.searchsorted(begins, row, side="right") - 1])
        after = begins[begins > row]
        end = min(last, int(after[0]) if len(after) else last)
        window = panel.row_slice(max(0, begin + 1 - depth), begin + 1)
        fitted = fit_garch(simple_returns(window, 0), model=model)  # type: ignore[arg-type]
        news = simple_returns(panel.row_slice(max(0, begin - MEMORY), end), begin - max(0, begin - MEMORY))
        for step in range(begin, end):
            if step > begin:
                fitted.update(news[step - begin])
            if step >= row:
                found[step - first] = fitted.forecast(1).to_numpy()[0]
        row = end
    return np.maximum(np.nan_to_num(found, nan=LEAST_SIGMA), LEAST_SIGMA)
