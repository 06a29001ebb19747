"""Kernels of the sliding window: layout by asset, replacement of a row, and a working set cut
down.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray
from statarb.optimization._engine.state import Norms, Reference, ScenarioRows, WorkingSet

__all__ = ["keep_members", "slide_row", "transpose_clean"]


@kernel()
def transpose_clean(
    scenarios: FloatArray, out: FloatArray, missing: IntArray, smallest: FloatArray
) -> int:
    """Write scenarios (T, N) into ``out`` (N, T), NaN as 0; count NaN and find the smallest number
    of each asset; return how many cells are infinite.
    """
    times, assets = scenarios.shape
    bad = 0
    for j in range(assets):
        missing[j], smallest[j] = 0, np.inf
    # in tiles, so that neither table is read or written across the cache
    for j0 in range(0, assets, 32):
        for t0 in range(0, times, 32):
            for j in range(j0, min(assets, j0 + 32)):
                for t in range(t0, min(times, t0 + 32)):
                    value = scenarios[t, j]
                    if np.isnan(value):
                        missing[j] += 1
                        value = 0.0
                    elif np.isinf(value):
                        bad += 1
                    else:
                        smallest[j] = min(smallest[j], value)
                    out[j, t] = value
    return bad


@kernel()
def slide_row(
    scenarios: ScenarioRows, reference: Reference, norms: Norms, working_set: WorkingSet, k: int,
    slot: int, fresh: FloatArray, weight: float,
) -> None:  # fmt: skip
    """Replace the row in ``slot`` by ``fresh`` and take what the old one contributed out of H and
    of the reference products.
    """
    returns, by_row, p = scenarios.by_asset, scenarios.by_row, scenarios.weight
    columns, hess = working_set.returns, working_set.curvature
    squares, max_squares = norms.squares, norms.max_squares
    assets, single = returns.shape[0], by_row.shape[0] == returns.shape[1]
    # H loses the old row; Newton's method finds out whether the new one is active
    if working_set.active[slot] and p[slot] != 0.0:
        for i in range(k):
            factor = p[slot] * columns[slot, i]
            if factor != 0.0:
                for j in range(k):
                    hess[i, j] -= factor * columns[slot, j]
    working_set.active[slot] = False
    # the reference gets a slope of 0 in this row
    old_slope = reference.slope[slot]
    reference.slope[slot] = 0.0
    p[slot] = weight
    for j in range(assets):
        old, new = returns[j, slot], fresh[j]
        reference.product[j] -= old_slope * old
        squares[j] += new * new - old * old
        max_squares[j] = max(max_squares[j], squares[j])
        returns[j, slot] = new
        if single:
            by_row[slot, j] = new
    for i in range(k):
        columns[slot, i] = fresh[working_set.members[i]]


@kernel()
def keep_members(keep: IntArray, working_set: WorkingSet, k: int) -> int:
    """Shrink the working set of k assets to the places ``keep``, which rise; return its size."""
    members, last_used, inside = working_set.members, working_set.last_used, working_set.inside
    columns, hess = working_set.returns, working_set.curvature
    n = len(keep)
    for i in range(k):
        inside[members[i]] = False
    for i in range(n):
        members[i], last_used[i] = members[keep[i]], last_used[keep[i]]
        inside[members[i]] = True
        for j in range(n):
            hess[i, j] = hess[keep[i], keep[j]]
    for t in range(len(columns)):
        for i in range(n):
            columns[t, i] = columns[t, keep[i]]
    return n
