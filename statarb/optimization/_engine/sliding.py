"""Kernels of the window: scenarios laid out by asset, a row replaced by another, a working set cut
down.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, Float32Array, FloatArray, IntArray

__all__ = ["keep_only", "slide", "transpose_clean"]


@kernel()
def transpose_clean(scenarios: FloatArray, out: FloatArray, holes: IntArray) -> int:
    """Write scenarios (T, N) into ``out`` (N, T), NaN as 0; count NaN by asset; return how many
    cells are infinite.
    """
    times, assets = scenarios.shape
    bad = 0
    for j0 in range(0, assets, 32):
        for t0 in range(0, times, 32):
            for j in range(j0, min(assets, j0 + 32)):
                for t in range(t0, min(times, t0 + 32)):
                    value = scenarios[t, j]
                    if np.isnan(value):
                        holes[j] += 1
                        value = 0.0
                    elif np.isinf(value):
                        bad += 1
                    out[j, t] = value
    return bad


@kernel()
def slide(
    a64: FloatArray, b32: Float32Array, p: FloatArray, g0: FloatArray, u0: FloatArray,
    squares: FloatArray, peak: FloatArray,
    members: IntArray, panel: FloatArray, active: BoolArray, hess: FloatArray, k: int, slot: int,
    fresh: FloatArray,
    weight: float,
) -> None:  # fmt: skip
    """Replace the row in ``slot`` by ``fresh`` and take what hung on the old one out of H and of
    the reference products.
    """
    assets, single = a64.shape[0], b32.shape[0] == a64.shape[1]
    if active[slot] and p[slot] != 0.0:
        for i in range(k):
            factor = p[slot] * panel[slot, i]
            if factor != 0.0:
                for j in range(k):
                    hess[i, j] -= factor * panel[slot, j]
    active[slot] = False
    old_u = u0[slot]
    u0[slot] = 0.0
    p[slot] = weight
    for j in range(assets):
        old, new = a64[j, slot], fresh[j]
        g0[j] -= old_u * old
        squares[j] += new * new - old * old
        peak[j] = max(peak[j], squares[j])
        a64[j, slot] = new
        if single:
            b32[slot, j] = new
    for i in range(k):
        panel[slot, i] = fresh[members[i]]


@kernel()
def keep_only(
    keep: IntArray,
    members: IntArray,
    used: IntArray,
    inside: BoolArray,
    panel: FloatArray,
    hess: FloatArray,
    k: int,
) -> int:
    """Shrink the working set of k assets to the places ``keep``, which rise; return its size."""
    n = len(keep)
    for i in range(k):
        inside[members[i]] = False
    for i in range(n):
        members[i], used[i] = members[keep[i]], used[keep[i]]
        inside[members[i]] = True
        for j in range(n):
            hess[i, j] = hess[keep[i], keep[j]]
    for t in range(len(panel)):
        for i in range(n):
            panel[t, i] = panel[t, keep[i]]
    return n
