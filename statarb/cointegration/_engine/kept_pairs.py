"""Compiled kernels of the pairs that a scan keeps: how their spreads revert, and what that makes of
their legs' returns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray
from statarb.cointegration._engine.sums import centred_squares, mean

__all__ = [
    "PairLegs",
    "leg_forecasts",
    "leg_forecasts_reference",
    "spread_moves",
    "spread_moves_reference",
]


class PairLegs(NamedTuple):
    """Relations of pairs.

    Parameters
    ----------
    y, x : (pairs,)
        Places of the explained and of the explaining asset.
    hedge_ratio : (pairs,)
        Log x against one of log y.
    """

    y: IntArray
    x: IntArray
    hedge_ratio: FloatArray


@kernel(fastmath={"reassoc", "contract"})
def _product_with_changes(
    spread: FloatArray, centre: float, values: FloatArray, count: int
) -> float:
    """Sum of ``(spread[t] - centre) (values[t + 1] - values[t])``."""
    total = 0.0
    for t in range(count - 1):
        total += (spread[t] - centre) * (values[t + 1] - values[t])
    return total


@kernel()
def spread_moves(levels: FloatArray, legs: PairLegs) -> FloatArray:
    """Mean and standard deviation of each spread, and the slopes of the next change of y and of x
    on it.

    ``levels`` (assets, times), NaN where missing: a pair counts the rows that both assets have.
    Returns (4, pairs).
    """
    times = levels.shape[1]
    y, x, spread = np.empty(times), np.empty(times), np.empty(times)
    found = np.empty((4, len(legs.y)))
    for pair in range(len(legs.y)):
        one, other = levels[legs.y[pair]], levels[legs.x[pair]]
        count = 0
        for t in range(times):
            if not (np.isnan(one[t]) or np.isnan(other[t])):
                y[count], x[count] = one[t], other[t]
                spread[count] = one[t] - legs.hedge_ratio[pair] * other[t]
                count += 1
        found[0, pair] = mean(spread, count)
        found[1, pair] = np.sqrt(centred_squares(spread, count) / (count - 1.0))
        # the last row has no change after it
        centre, squares = mean(spread, count - 1), centred_squares(spread, count - 1)
        found[2, pair] = _product_with_changes(spread, centre, y, count) / squares
        found[3, pair] = _product_with_changes(spread, centre, x, count) / squares
    return found


def spread_moves_reference(levels: FloatArray, legs: PairLegs) -> FloatArray:
    """Return what :func:`spread_moves` returns, pair by pair."""
    found = np.empty((4, len(legs.y)))
    for pair, (one, other, hedge) in enumerate(zip(*legs, strict=True)):
        both = ~np.isnan(levels[one]) & ~np.isnan(levels[other])
        y, x = levels[one, both], levels[other, both]
        spread = y - hedge * x
        before = spread[:-1] - spread[:-1].mean()
        slopes = [before @ np.diff(side) / (before @ before) for side in (y, x)]
        found[:, pair] = spread.mean(), spread.std(ddof=1), *slopes
    return found


@kernel()
def leg_forecasts(
    levels: FloatArray,
    legs: PairLegs,
    mean_spread: FloatArray,
    gain_y: FloatArray,
    gain_x: FloatArray,
    found: FloatArray,
) -> None:
    """Expected returns of assets: each one's mean over its pairs, of the gain on the deviation of
    the spread.

    ``levels`` (rows, assets), ``mean_spread`` (pairs,), gains (horizons, pairs); ``found``
    (horizons, rows, assets) is filled, NaN where an asset has no pair with two known prices. A row
    takes time in proportion to the number of pairs and depends on no other row.
    """
    horizons, rows, assets = found.shape
    number = np.empty(assets, dtype=np.int64)
    for row in range(rows):
        number[:] = 0
        found[:, row] = 0.0
        for pair in range(len(mean_spread)):
            y, x = legs.y[pair], legs.x[pair]
            deviation = levels[row, y] - legs.hedge_ratio[pair] * levels[row, x] - mean_spread[pair]
            if np.isnan(deviation):
                continue
            number[y] += 1
            number[x] += 1
            for horizon in range(horizons):
                found[horizon, row, y] += gain_y[horizon, pair] * deviation
                found[horizon, row, x] += gain_x[horizon, pair] * deviation
        for asset in range(assets):
            for horizon in range(horizons):
                if number[asset] == 0:
                    found[horizon, row, asset] = np.nan
                else:
                    found[horizon, row, asset] /= number[asset]


def leg_forecasts_reference(
    levels: FloatArray,
    legs: PairLegs,
    mean_spread: FloatArray,
    gain_y: FloatArray,
    gain_x: FloatArray,
    found: FloatArray,
) -> None:
    """Fill what :func:`leg_forecasts` fills, by a list of the pairs of each asset."""
    for asset in range(found.shape[2]):
        for horizon in range(found.shape[0]):
            gains = np.array(
                [
                    gain[horizon, pair]
                    * (levels[:, legs.y[pair]] - legs.hedge_ratio[pair] * levels[:, legs.x[pair]]
                       - mean_spread[pair])
                    for pair in range(len(mean_spread))
                    for side, gain in ((legs.y, gain_y), (legs.x, gain_x))
                    if side[pair] == asset
                ]
            ).reshape(-1, len(levels))  # fmt: skip
            known = ~np.isnan(gains)
            with np.errstate(invalid="ignore"):
                found[horizon, :, asset] = np.nansum(gains, axis=0) / known.sum(axis=0)
