"""The banded normal equations of the most likely path through gaps."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray

__all__ = ["normal_equations"]


@kernel()
def normal_equations(
    level: FloatArray, missing: BoolArray, phi: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the banded system (lower form) whose solution minimises the squared innovations over
    the missing levels.

    ``level`` (cells,) holds 0 where missing. Row t >= 1 of the innovations has the coefficients of
    ``(1 - B) phi(B)`` with returns before the first cell left out. The unknown of a cell that is
    not missing is its level less itself, 0.
    """
    cells, lags = len(level), len(phi)
    width = lags + 2
    band = np.zeros((width, cells))
    right = np.zeros(cells)
    weights = np.zeros(width)
    for t in range(1, cells):
        # the innovation of cell t, as weights of the levels t, t - 1, ...
        used = min(lags, t - 1)
        weights[:] = 0.0
        weights[0] = 1.0
        weights[1] = -1.0
        for k in range(used):
            weights[k + 1] -= phi[k]
            weights[k + 2] += phi[k]
        # what the quotes contribute, and the normal equations of the missing levels
        known = 0.0
        for k in range(used + 2):
            if not missing[t - k]:
                known += weights[k] * level[t - k]
        for k in range(used + 2):
            if missing[t - k]:
                right[t - k] -= weights[k] * known
                for m in range(k, used + 2):
                    if missing[t - m]:
                        band[m - k, t - m] += weights[k] * weights[m]
    for t in range(cells):
        if not missing[t]:
            band[0, t] = 1.0
    return band, right
