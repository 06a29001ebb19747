"""What the model imputations share: returns out of prices with gaps, and prices out of expected
returns.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import BoolArray, FloatArray
from statarb.data._engine.fill import carry_forward
from statarb.data.imputation._engine.gap_fill import interpolate, tie_paths

__all__ = ["MIN_RETURNS", "Returns", "fill_by_steps", "standardised_returns"]

MIN_RETURNS = 30
"""Fewest returns of an asset that a model is fitted on."""


@dataclasses.dataclass(frozen=True, eq=False)
class Returns:
    """Standardised log returns from cell to cell.

    Parameters
    ----------
    scaled : (cells, assets)
        ``(r - mean) / scale``, gaps bridged by straight lines (or carried over); 0 in the first
        row, before an asset's first quote and for assets with too few returns.
    genuine : (cells, assets) bool
        Whether the asset was quoted both at the cell and at the one before it.
    mean, scale : (assets,)
        Of the genuine returns; scale is 0 for assets with fewer than :data:`MIN_RETURNS` of them,
        or none that differ.
    largest : (assets,)
        Largest genuine absolute return.
    """

    scaled: FloatArray
    genuine: BoolArray
    mean: FloatArray
    scale: FloatArray
    largest: FloatArray


def standardised_returns(logs: FloatArray, elapsed: FloatArray) -> Returns:
    """Return the log returns of (cells, assets) log prices with gaps; gaps bridged by straight
    lines.
    """
    genuine = np.zeros(logs.shape, dtype=np.bool_)
    np.logical_and(~np.isnan(logs[1:]), ~np.isnan(logs[:-1]), out=genuine[1:])
    bridged = np.array(logs)
    interpolate(bridged, elapsed)
    scaled = np.zeros_like(logs)
    np.subtract(bridged[1:], bridged[:-1], out=scaled[1:])
    np.nan_to_num(scaled, copy=False)
    count = genuine.sum(axis=0)
    mean = np.divide(
        (scaled * genuine).sum(axis=0), count, out=np.zeros(len(count)), where=count > 0
    )
    spread = (
        np.divide(
            (scaled**2 * genuine).sum(axis=0), count, out=np.zeros(len(count)), where=count > 0
        )
        - mean**2
    )
    scale = np.where(
        (count >= MIN_RETURNS) & (spread > 1e-20), np.sqrt(np.maximum(spread, 0.0)), 0.0
    )
    largest = np.abs(np.where(genuine, scaled, 0.0)).max(axis=0)
    scaled -= mean
    scaled *= np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    before_first = ~np.logical_or.accumulate(~np.isnan(logs), axis=0)
    scaled[before_first] = 0.0
    scaled[0] = 0.0
    return Returns(scaled, genuine, mean, scale, largest)


def fill_by_steps(
    prices: FloatArray, logs: FloatArray, steps: FloatArray, elapsed: FloatArray, tie: bool
) -> None:
    """Fill prices in place by walking over each gap with expected log returns, tied to the quote
    at its far side.

    ``x(t) = x(a) + sum of steps over (a, t]``, and with ``tie`` that plus ``(x(b) - x(a) - sum of
    steps over (a, b]) (t - a) / (b - a)``: what the steps miss at b is spread evenly over the gap,
    as a random walk's error would be (Brownian bridge).
    """
    missing = np.isnan(prices)
    tie_paths(logs, steps, elapsed, tie)
    missing &= ~np.isnan(logs)
    prices[missing] = np.exp(logs[missing])


def carried_returns(logs: FloatArray) -> FloatArray:
    """Return log returns with gaps carried over: 0 inside a gap, the whole move at its end."""
    carried = np.array(logs)
    carry_forward(carried, np.arange(len(carried)), -1)
    returns = np.zeros_like(logs)
    np.subtract(carried[1:], carried[:-1], out=returns[1:])
    return np.nan_to_num(returns, copy=False)
