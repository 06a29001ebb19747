"""Features of a forecast: past moves of all assets, each in units of its own recent size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError

__all__ = [
    "CARRY",
    "Moves",
    "carried",
    "check_fields",
    "known_prices",
    "lagged",
    "moves",
    "quote_gap",
    "rolling_mean",
    "standardised_field",
]

CARRY = 24
"""A return is taken over a gap of at most this many rows. It bounds how far back a row's features
look, so that they are the same in every window that holds the row.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Moves:
    """Past moves of a panel, rows x assets; row i depends on rows up to i alone.

    Parameters
    ----------
    returns : (rows, assets)
        Log return of the (unrounded) price from the asset's last quote to this row; 0 where the
        asset is not quoted, or was not quoted in the :data:`CARRY` rows before.
    scale : (rows, assets)
        Size of the asset's recent returns; 1 everywhere where no scaling is wanted, 0 for an asset
        that stands still.
    scaled : (rows, assets)
        Returns over scale, clipped; 0 where the scale is 0.
    fresh : (rows,) bool
        Whether any asset moved. A row in which all stand still is a snapshot served twice: it tells
        nothing new.
    first : int
        First row with a whole history; rows from it on are the same in every window.
    """

    returns: FloatArray
    scale: FloatArray
    scaled: FloatArray
    fresh: BoolArray
    first: int


def moves(
    window: Panel,
    *,
    scale_rows: int | None = 72,
    clip: float | None = 3.0,
    field: str = "unrounded",
    scale_field: str | None = None,
) -> Moves:
    """Return the past moves of a panel.

    Parameters
    ----------
    window : Panel
        Any panel or window.
    scale_rows : int, optional
        Rows over which the size of an asset's moves is measured, as their mean absolute value times
        sqrt(pi / 2) (the standard deviation where they are normal); ``None`` leaves returns as they
        are.
    clip : float, optional
        Largest scaled move, so that one jump does not decide a regression; ``None`` clips nothing.
    field : str
        Price field. ``unrounded`` shows moves that a coarse quote hides; cells without it fall back
        to the quoted price.
    scale_field : str, optional
        Field of the panel that holds the size instead: a volatility of the next return, in log
        return, known at its row.
    """
    returns = _returns(_log_prices(window, field))
    first = CARRY
    scale = np.ones_like(returns)
    scaled = returns
    if scale_field is not None:
        check_fields(window, (scale_field,))
        scale = np.nan_to_num(
            np.asarray(window.array(scale_field), dtype=np.float64), nan=0.0, posinf=0.0
        )
    elif scale_rows is not None:
        scale = np.sqrt(np.pi / 2.0) * rolling_mean(np.abs(returns), scale_rows)
        first += scale_rows - 1
    if scale_field is not None or scale_rows is not None:
        # A move below 1e-12 is rounding of the logarithm, not a move.
        still = ~(scale > 1e-12)
        scaled = np.where(still, 0.0, returns / np.where(still, 1.0, scale))
        scale = np.where(still, 0.0, scale)
    if clip is not None:
        scaled = np.clip(scaled, -clip, clip)
    fresh: BoolArray = np.any(np.abs(returns) > 1e-12, axis=1)
    return Moves(returns, scale, scaled, fresh, first)


def _log_prices(window: Panel, field: str) -> FloatArray:
    price = window.array("price")
    values = window.array(field)
    if values is not price:
        values = np.where(np.isnan(values) | np.isnan(price), price, values)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: FloatArray = np.log(np.asarray(values, dtype=np.float64))
    logs[~np.isfinite(logs)] = np.nan
    return logs


def _returns(logs: FloatArray) -> FloatArray:
    """Log return from the last quote, at most CARRY rows ago; 0 where there is none."""
    returns = np.zeros_like(logs)
    if len(logs) < 2:
        return returns
    _fill_returns(logs, returns, CARRY)
    return returns


@kernel()
def _fill_returns(logs: FloatArray, returns: FloatArray, most: int) -> None:
    columns = logs.shape[1]
    last, at = np.empty(columns), np.full(columns, -1)
    for row in range(len(logs)):
        for column in range(columns):
            value = logs[row, column]
            if not np.isnan(value):
                if at[column] >= 0 and row - at[column] <= most:
                    returns[row, column] = value - last[column]
                last[column], at[column] = value, row


def rolling_mean(values: FloatArray, count: int) -> FloatArray:
    """Mean of the last ``count`` rows (of all rows there are, before that).

    Sums of blocks are combined, and none is ever subtracted: a large value leaves no rounding error
    behind when it drops out.
    """
    rows, columns = values.shape
    blocks = -(-rows // count)
    padded = np.zeros((blocks * count, columns))
    padded[:rows] = values
    cube = padded.reshape(blocks, count, columns)
    within = np.cumsum(cube, axis=1).reshape(-1, columns)[:rows]
    rest = np.zeros_like(cube)
    rest[:, 1:] = np.cumsum(cube[:, :0:-1], axis=1)[:, ::-1]
    # rest holds the sum from a row to the end of its block; 0 at a block's start, where the box is
    # the block itself.
    totals = within
    if blocks > 1:
        totals[count:] += rest.reshape(-1, columns)[1 : rows - count + 1]
    used = np.minimum(np.arange(1, rows + 1), count)[:, None]
    return totals / used


def lagged(values: FloatArray, lags: int, fresh: BoolArray | None = None) -> FloatArray:
    """Return lags 1 to ``lags`` side by side, (rows, lags * columns).

    Parameters
    ----------
    values : (rows, columns)
        What is lagged; lag 1 is the row itself. Before the first row it is 0.
    lags : int
        How many.
    fresh : (rows,) bool, optional
        Rows that count: lag k is the k-th last of them, where that is less than :data:`CARRY` rows
        ago, else 0.
    """
    rows, columns = values.shape
    out = np.zeros((rows, lags * columns))
    if fresh is None:
        for lag in range(lags):
            out[lag:, lag * columns : (lag + 1) * columns] = values[: rows - lag]
        return out
    which = np.flatnonzero(fresh)
    seen = np.cumsum(fresh)
    for lag in range(min(lags, len(which))):
        place = seen - 1 - lag
        row = which[np.maximum(place, 0)]
        known = (place >= 0) & (np.arange(rows) - row < CARRY)
        out[known, lag * columns : (lag + 1) * columns] = values[row[known]]
    return out


def standardised_field(window: Panel, name: str, rows: int, clip: float = 3.0) -> FloatArray:
    """Return a field of the panel as a feature: its distance from its recent mean in recent
    standard deviations, clipped.

    Missing cells and fields that stand still give 0.
    """
    values = np.asarray(window.array(name), dtype=np.float64)
    known = np.isfinite(values)
    share = np.maximum(rolling_mean(known.astype(np.float64), rows), 1e-12)
    filled = np.where(known, values, 0.0)
    mean = rolling_mean(filled, rows) / share
    spread = np.sqrt(np.maximum(rolling_mean(filled * filled, rows) / share - mean * mean, 0.0))
    moving = known & (spread > 1e-9 * np.abs(mean)) & (spread > 0.0)
    feature: FloatArray = np.clip(
        np.where(moving, (filled - mean) / np.where(moving, spread, 1.0), 0.0), -clip, clip
    )
    return feature


def known_prices(window: Panel, *, depth: int | None = None) -> FloatArray:
    """Last known price at each row, rows x assets; NaN where the asset has no quote in the last
    ``depth`` rows.
    """
    return carried(np.asarray(window.array("price"), dtype=np.float64), depth)


def carried(values: FloatArray, depth: int | None = None) -> FloatArray:
    """Carry the last number forward over NaN, for less than ``depth`` rows; rows x columns."""
    filled = np.array(values, dtype=np.float64)
    _fill_forward(filled, len(filled) if depth is None else depth)
    return filled


@kernel()
def _fill_forward(values: FloatArray, depth: int) -> None:
    columns = values.shape[1]
    last, at = np.full(columns, np.nan), np.zeros(columns, np.int64)
    for row in range(len(values)):
        for column in range(columns):
            value = values[row, column]
            if not np.isnan(value):
                last[column], at[column] = value, row
            elif row - at[column] < depth:
                values[row, column] = last[column]


def quote_gap(window: Panel, field: str, depth: int | None = None) -> FloatArray:
    """Log distance of the price that returns are taken of from the quoted one, rows x assets, at
    each asset's last quote.

    0 where ``field`` is the quoted price; NaN where the asset has no quote in the last ``depth``
    rows.
    """
    price, fine = window.array("price"), window.array(field)
    if fine is price:
        return np.where(np.isnan(known_prices(window, depth=depth)), np.nan, 0.0)
    with np.errstate(invalid="ignore"):
        gap = np.log(np.asarray(fine / price, dtype=np.float64))
    gap[~np.isfinite(gap)] = 0.0
    gap[np.isnan(price)] = np.nan
    return carried(gap, depth)


def check_fields(window: Panel, names: Sequence[str]) -> None:
    """Raise :class:`ParameterError` where the panel lacks one of these fields."""
    for name in names:
        if name not in window.fields:
            raise ParameterError(
                f"fields names {name!r}, which the panel does not have; it has "
                f"{', '.join(window.fields)}"
            )
