"""Compiled shaping of forecasts: the path of directions, and the ticks of quotes."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "TICK_ROWS",
    "shape_directions",
    "shape_directions_plain",
    "tick_sizes",
    "tick_sizes_plain",
]

TICK_ROWS = 48
"""Rows in which a tick is looked for."""
LEAST_QUOTES = 8
"""Quotes that must agree on it."""
FINEST = 1e7
"""Quotes of more ticks than this count as continuous."""
WHOLE = 1e-6
"""Distance from a whole number of ticks that is rounding."""


@kernel()
def shape_directions(
    forecast: FloatArray, direction: FloatArray, observed: BoolArray, nudge: float
) -> FloatArray:
    """Shape a path of price forecasts; see :class:`~statarb.forecasting.DirectionShaped`.

    Parameters
    ----------
    forecast : (steps, assets)
        Price forecast for each step; NaN = none.
    direction : (steps, assets)
        Its sign is the expected sign of the price's move; 0 and NaN leave the forecast as it is.
    observed : (steps, assets) bool
        Whether the step was quoted (known from the next step on).
    nudge : float
        Relative step off the forecast before.

    Returns
    -------
    (steps, assets)
    """
    shaped = forecast.copy()
    steps, assets = forecast.shape
    for asset in range(assets):
        before = np.nan
        for step in range(steps):
            raw = forecast[step, asset]
            way = np.sign(direction[step, asset])
            if (
                not np.isnan(before)
                and (way > 0.0 or way < 0.0)
                and not way * (raw - before) > 0.0
                and not np.isnan(raw)
            ):
                shaped[step, asset] = before * (1.0 + way * nudge)
            if observed[step, asset] and not np.isnan(raw):
                before = shaped[step, asset]
    return shaped


def shape_directions_plain(
    forecast: FloatArray, direction: FloatArray, observed: BoolArray, nudge: float
) -> FloatArray:
    """Plain reference of :func:`shape_directions`.

    Parameters
    ----------
    forecast, direction, observed, nudge
        As for :func:`shape_directions`.

    Returns
    -------
    (steps, assets)
    """
    shaped = forecast.copy()
    before = np.full(forecast.shape[1], np.nan)
    for step in range(len(forecast)):
        way = np.nan_to_num(np.sign(direction[step]))
        wrong = (way != 0.0) & (np.sign(forecast[step] - before) == -way) | (
            forecast[step] == before
        ) & (way != 0.0)
        shaped[step] = np.where(wrong, before * (1.0 + way * nudge), forecast[step])
        before = np.where(observed[step] & ~np.isnan(forecast[step]), shaped[step], before)
    return shaped


@kernel()
def tick_sizes(price: FloatArray, rows: IntArray) -> FloatArray:
    """Step of the quotes at some rows; 0 where it is not known or too fine to matter.

    Parameters
    ----------
    price : (rows, assets)
        Quoted prices; NaN = none.
    rows : (asked,)
        Each looks at the :data:`TICK_ROWS` rows up to and with it.

    Returns
    -------
    (asked, assets)
    """
    ticks = np.zeros((len(rows), price.shape[1]))
    for place in range(len(rows)):
        for asset in range(price.shape[1]):
            order = np.nan
            most = 0
            count = 0
            fine = False
            for row in range(rows[place], max(rows[place] - TICK_ROWS, -1), -1):
                value = price[row, asset]
                if np.isnan(value) or value <= 0.0:
                    continue
                # Sources round to significant digits: only quotes of the order of magnitude of the
                # last one share its tick.
                magnitude = np.floor(np.log10(value))
                if np.isnan(order):
                    order = magnitude
                if magnitude != order:
                    continue
                count += 1
                # Decimals that this quote needs.
                decimals = 0
                scaled = value
                while abs(scaled - np.rint(scaled)) > WHOLE and not fine:
                    decimals += 1
                    scaled = value * 10.0**decimals
                    fine = scaled > FINEST
                most = max(most, decimals)
            if count >= LEAST_QUOTES and not fine:
                ticks[place, asset] = 10.0**-most
    return ticks


def tick_sizes_plain(price: FloatArray, rows: IntArray) -> FloatArray:
    """Plain reference of :func:`tick_sizes`.

    Parameters
    ----------
    price, rows
        As for :func:`tick_sizes`.

    Returns
    -------
    (asked, assets)
    """
    ticks = np.zeros((len(rows), price.shape[1]))
    for place, row in enumerate(rows):
        for asset in range(price.shape[1]):
            quotes = price[max(row - TICK_ROWS + 1, 0) : row + 1, asset]
            quotes = quotes[~np.isnan(quotes)]
            quotes = quotes[np.floor(np.log10(quotes)) == np.floor(np.log10(quotes[-1:]))]
            for decimals in range(20):
                scaled = quotes * 10.0**decimals
                if len(quotes) < LEAST_QUOTES or (decimals and scaled.max() > FINEST):
                    break
                if (np.abs(scaled - np.rint(scaled)) <= WHOLE).all():
                    ticks[place, asset] = 10.0**-decimals
                    break
    return ticks
