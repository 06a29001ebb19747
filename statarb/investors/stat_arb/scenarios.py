"""Scenarios for the optimizer: past returns, as they were or standardised by their volatility."""

from __future__ import annotations

import numpy as np

from statarb._core.typing import FloatArray
from statarb.data.fill import log_returns
from statarb.data.panel import Panel
from statarb.volatility.estimation import fitted_recursion
from statarb.volatility.filters import filter_rows

__all__ = ["daily_sigma", "residuals", "simple_returns"]

LEAST_SIGMA = 1e-6
"""Floor of a volatility, in log return: an asset that does not move has scenarios of zero at any
scale.
"""
MEMORY = 24
"""Rows without a quote that a return may span: two hours of 5-minute rows. It bounds how far back a
return looks, so that it is the same in every window that holds those rows.
"""


def simple_returns(panel: Panel, first: int) -> FloatArray:
    """Return the change of each asset's last known price, rows ``first`` to the end.

    Parameters
    ----------
    panel : Panel
        The window.
    first : int
        First row, as a position in ``panel.times``.

    Returns
    -------
    (rows, assets)
        Simple return of a holding at its last known price, known at the row: 0 where the asset has
        no quote, and the whole change in the row of the next one. After more than :data:`MEMORY`
        rows without a quote, and at an asset's first quote, it is 0.
    """
    low = max(0, first - MEMORY - 1)
    returns = log_returns(panel.array("price")[low:], max_gap=MEMORY + 1)[first - low :]
    returns[np.isnan(returns)] = 0.0  # a tenth of the time of nan_to_num, once a step
    return np.expm1(returns, out=returns)


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
    days = panel.times_array.astype("datetime64[D]")
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
