"""Scenarios for the optimizer: past returns, as they were or standardised by their volatility."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.volatility.estimation import fitted_recursion
from statarb.volatility.filters import filter_rows

__all__ = ["daily_sigma", "residuals", "simple_returns"]

LEAST_SIGMA = 1e-6
"""Floor of a volatility, in log return: an asset that stands still has scenarios of zero at any
scale.
"""
MEMORY = 24
"""Missing cells over which a price is carried: two hours of 5-minute rows. It bounds how far back a
return looks, so that it is the same in every window that holds those rows.
"""


def simple_returns(panel: Panel, first: int) -> FloatArray:
    """Return each asset's simple return from its last known price, rows ``first`` to the end; 0
    where it has none.

    Parameters
    ----------
    panel : Panel
        The window.
    first : int
        First row, as a position in ``panel.times``.

    Returns
    -------
    (rows, assets)
        The return at a row is known at that row. A price is known over at most :data:`MEMORY`
        missing cells; the return after a longer hole, and that of an asset's first quote, is 0.
    """
    low = max(0, first - MEMORY - 1)
    price = np.ascontiguousarray(panel.array("price")[low:], dtype=np.float64).view()
    price.flags.writeable = (
        False  # of one type for the compiler, whether mapped from a file or made just now
    )
    found = np.zeros((len(price) - (first - low), price.shape[1]))
    _fill_returns(price, first - low, MEMORY, found)
    return found


@kernel()
def _fill_returns(price: FloatArray, first: int, memory: int, found: FloatArray) -> None:
    assets = price.shape[1]
    last, age = np.zeros(assets), np.full(assets, memory + 1)
    for row in range(len(price)):
        for asset in range(assets):
            now = price[row, asset]
            if np.isnan(now):
                age[asset] += 1
            else:
                if row >= first and age[asset] <= memory:
                    found[row - first, asset] = now / last[asset] - 1.0
                last[asset], age[asset] = now, 0


def residuals(window: Panel, rows: FloatArray, model: str) -> FloatArray:
    """Divide the window's last returns by the volatility that the model had forecast for them, at
    today's parameters.

    Parameters
    ----------
    window : Panel
        The window.
    rows : (rows, assets)
        Its last simple returns.
    model : str
        ``"garch"`` or ``"gjr"``.

    Returns
    -------
    (rows, assets)
        Without a unit. The parameters are those of the whole window; the volatility of a row's
        return is that forecast from the rows before it.
    """
    returns = simple_returns(window, 0)
    sigma = np.empty_like(returns)
    before = np.empty((1, returns.shape[1]))
    filtered(returns, len(returns), model, sigma, before)
    sigma[1:], sigma[0] = sigma[:-1].copy(), before[0]
    standardised: FloatArray = rows / _floored(sigma[len(sigma) - len(rows) :])
    return standardised


def daily_sigma(panel: Panel, first: int, last: int, depth: int, model: str) -> FloatArray:
    """Forecast one-step volatilities from the rows ``first`` to ``last - 1``; fitted at the first
    row of each day.

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
    (rows, assets)
        The value at a row is for the row after it, made from rows up to it: the model is that of
        the last ``depth`` rows up to the day's first one, filtered on over the rows of the day.
    """
    days = panel._stamps.astype("datetime64[D]")
    begins = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    found = np.empty((last - first, len(panel.assets)))
    row = first
    while row < last:
        number = int(np.searchsorted(begins, row, side="right")) - 1
        begin = int(begins[number])
        end = min(last, int(begins[number + 1]) if number + 1 < len(begins) else last)
        low = max(0, begin + 1 - depth)
        returns = simple_returns(panel.row_slice(low, end), 0)
        sigma = np.empty_like(returns)
        filtered(returns, begin + 1 - low, model, sigma)
        found[row - first : end - first] = sigma[row - low :]
        row = end
    return _floored(found)


def filtered(
    returns: FloatArray, train: int, model: str, after: FloatArray, before: FloatArray | None = None
) -> None:
    """Fit the first ``train`` rows of returns, and filter all of them with the parameters found.

    Parameters
    ----------
    returns : (rows, assets)
        Simple returns.
    train : int
        Rows that the model is fitted on.
    model : str
        ``"garch"`` or ``"gjr"``.
    after : (rows, assets)
        Filled with the volatility of the next return, as known after each row.
    before : (1, assets), optional
        Filled with that of the first return.
    """
    parameters, variance = fitted_recursion(returns[:train], model, "normal")
    if before is not None:
        before[0] = np.sqrt(variance)
    filter_rows(returns, parameters, variance, after)
    np.sqrt(after, out=after)


def _floored(sigma: FloatArray) -> FloatArray:
    return np.maximum(np.nan_to_num(sigma, copy=False, nan=LEAST_SIGMA), LEAST_SIGMA)
