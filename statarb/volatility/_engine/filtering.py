"""Compiled variance filter: the GARCH recursion over many series with given parameters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray

__all__ = ["Recursion", "filter_rows"]

WIDTH = 64
ROWS = 6
MU, OMEGA, ALPHA, GAMMA, BETA, H = range(ROWS)


class Recursion(NamedTuple):
    """Parameters ``(assets,)`` of ``h = omega + (alpha + gamma 1(e < 0)) e^2 + beta h`` with
    ``e = r - mu``.
    """

    mu: FloatArray
    omega: FloatArray
    alpha: FloatArray
    gamma: FloatArray
    beta: FloatArray


@kernel()
def filter_rows(
    returns: FloatArray, recursion: Recursion, variance: FloatArray, after: FloatArray
) -> None:
    """Run the recursion down the rows of many series at once.

    A missing return leaves a series as it is. A series without a variance yet starts with its first
    squared residual.

    Parameters
    ----------
    returns : (rows, assets) float64
        NaN where missing.
    recursion : Recursion
        Parameters of every asset.
    variance : (assets,) float64
        Variance of the next return; overwritten with its value after the last row. NaN where not
        begun.
    after : (rows, assets) float64
        Filled with the variance of the next return as known after each row.
    """
    assets = returns.shape[1]
    # Numbers of one block of assets side by side in one array: the compiler then sees that they do
    # not overlap, and can work on several assets at once.
    block = np.empty(ROWS * WIDTH)
    for low in range(0, assets, WIDTH):
        width = min(WIDTH, assets - low)
        for i in range(width):
            block[MU * WIDTH + i] = recursion.mu[low + i]
            block[OMEGA * WIDTH + i] = recursion.omega[low + i]
            block[ALPHA * WIDTH + i] = recursion.alpha[low + i]
            block[GAMMA * WIDTH + i] = recursion.gamma[low + i]
            block[BETA * WIDTH + i] = recursion.beta[low + i]
            block[H * WIDTH + i] = variance[low + i]
        for t in range(returns.shape[0]):
            row, filled = returns[t, low : low + width], after[t, low : low + width]
            for i in range(width):
                value = row[i]
                e = value - block[MU * WIDTH + i]
                alpha, gamma = block[ALPHA * WIDTH + i], block[GAMMA * WIDTH + i]
                h = block[H * WIDTH + i]
                square = e * e
                # Not begun (NaN): the first squared residual takes the place of the variance.
                before = square if h != h else h
                news = alpha + gamma if e < 0.0 else alpha
                new = block[OMEGA * WIDTH + i] + news * square + block[BETA * WIDTH + i] * before
                # A missing return changes nothing.
                new = h if value != value else new
                block[H * WIDTH + i] = new
                filled[i] = new
        for i in range(width):
            variance[low + i] = block[H * WIDTH + i]
