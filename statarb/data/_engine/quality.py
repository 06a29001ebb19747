"""Kernels of the quality report: one pass over an asset's quotes, one over the market's rows."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray

__all__ = ["ASSET_FIGURES", "MAX_DECIMALS", "asset_figures", "market_rows"]

ASSET_FIGURES = (
    "quotes", "first", "last", "longest_gap", "gap_after", "unchanged", "longest_still",
    "decimals", "jumps_by_ten",
    "outliers", "largest_z", "median_price", "usual_decimals", "coarse",
)  # fmt: skip
MAX_DECIMALS = 12


@kernel()
def _quantile(tally: IntArray, share: float) -> int:
    """Return the first place up to which at least a share of the counts lies."""
    place, enough = 0, tally[0]
    while enough < share * tally.sum():
        place += 1
        enough += tally[place]
    return place


@kernel()
def asset_figures(
    price: FloatArray, cells: IntArray, outlier_z: float, lengths: IntArray
) -> FloatArray:
    """Return the figures of one asset, in the order of ``ASSET_FIGURES``.

    ``price`` (rows,) is NaN where not observed, ``cells`` (rows,) the time of each row in whole
    steps; ``first``, ``last`` and ``gap_after`` are rows, -1 for none. ``lengths`` (n,) counts the
    gaps by length, the last place those of n - 1 and more. Outliers are returns whose modified
    z-score (Iglewicz & Hoaglin 1993) is above ``outlier_z``.
    """
    figures = np.full(14, np.nan)
    returns = np.empty(len(price))
    quotes = np.empty(len(price))
    tally = np.zeros(13, dtype=np.int64)
    moved = np.zeros(13, dtype=np.int64)
    count, first, last, still, longest_still, unchanged, jumps = 0, -1, -1, 0, 0, 0, 0
    longest, after, decimals = 0, -1, 0
    for row in range(len(price)):
        value = price[row]
        if np.isnan(value):
            continue
        if count == 0:
            first = row
        else:
            gap = cells[row] - cells[last] - 1
            if gap > 0:
                lengths[min(gap, len(lengths) - 1)] += 1
                if gap > longest:
                    longest, after = gap, last
            before = quotes[count - 1]
            if value == before:
                unchanged += 1
                still += 1
                longest_still = max(longest_still, still)
                returns[count - 1] = 0.0
            else:
                still = 0
                returns[count - 1] = np.log(value / before)
                tens = returns[count - 1] / np.log(10.0)
                whole = np.rint(tens)
                if whole != 0.0 and abs(tens - whole) < 0.02:
                    jumps += 1
        if count == 0 or value != quotes[count - 1]:
            earlier = decimals
            decimals = 0
            scaled = value
            while decimals < 12 and abs(scaled - np.rint(scaled)) > 1e-14 * scaled:
                decimals += 1
                scaled = value * 10.0**decimals
            if count > 0:
                moved[max(earlier, decimals)] += 1
        tally[decimals] += 1
        quotes[count] = value
        last = row
        count += 1
    figures[0], figures[1], figures[2], figures[3], figures[4] = count, first, last, longest, after
    if count == 0:
        return figures
    figures[12] = _quantile(moved if moved.sum() > 0 else tally, 0.5)
    place = _quantile(tally, 0.99)
    figures[13] = tally[: max(place - 2, 0)].sum() / count
    figures[7], figures[8], figures[6], figures[11] = (
        place,
        jumps,
        longest_still,
        np.median(quotes[:count]),
    )
    if count < 2:
        return figures
    figures[5] = unchanged / (count - 1)
    moves = returns[: count - 1]
    centre = np.median(moves)
    apart = np.abs(moves - centre)
    scale = np.median(apart) / 0.6745
    if scale == 0.0:
        scale = np.mean(apart) * 1.253314
    if scale > 0.0:
        scores = apart / scale
        figures[9] = np.sum(scores > outlier_z)
        figures[10] = np.max(scores)
    else:
        figures[9], figures[10] = 0.0, 0.0
    return figures


@kernel()
def market_rows(
    price: FloatArray, observed: BoolArray, bins: IntArray, covered: FloatArray
) -> tuple[IntArray, BoolArray]:
    """Return the number of assets quoted in each row, and whether all of those known before stand
    still.

    ``covered`` (bins, assets) is increased by one for each quote, in the bin of its row.
    """
    rows, assets = price.shape
    counts = np.zeros(rows, dtype=np.int64)
    stale = np.zeros(rows, dtype=np.bool_)
    last = np.full(assets, np.nan)
    for row in range(rows):
        moved, known = 0, 0
        for asset in range(assets):
            if observed[row, asset]:
                value = price[row, asset]
                counts[row] += 1
                covered[bins[row], asset] += 1.0
                if not np.isnan(last[asset]):
                    known += 1
                    if value != last[asset]:
                        moved += 1
                last[asset] = value
        stale[row] = known > 1 and moved == 0
    return counts, stale
