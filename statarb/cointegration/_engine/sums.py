"""Compiled sums over the first values of a buffer."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.numeric import FLOOR
from statarb._core.typing import FloatArray

__all__ = ["centred_squares", "mean", "product", "varies_beyond"]


@kernel(fastmath={"reassoc", "contract"})
def product(one: FloatArray, other: FloatArray, count: int) -> float:
    """Sum of products, in an order that vector instructions allow."""
    total = 0.0
    for t in range(count):
        total += one[t] * other[t]
    return total


@kernel(fastmath={"reassoc", "contract"})
def mean(values: FloatArray, count: int) -> float:
    """Mean, in an order that vector instructions allow."""
    total = 0.0
    for t in range(count):
        total += values[t]
    return total / count


@kernel(fastmath={"reassoc", "contract"})
def centred_squares(values: FloatArray, count: int) -> float:
    """Sum of squares around the mean."""
    centre = 0.0
    for t in range(count):
        centre += values[t]
    centre /= count
    total = 0.0
    for t in range(count):
        total += (values[t] - centre) * (values[t] - centre)
    return total


@kernel()
def varies_beyond(squares: float, count: int, size: float) -> bool:
    """Whether values with a mean of 0 and this sum of squares vary by more than the rounding of
    numbers of magnitude ``size``; the rule of :func:`statarb._core.numeric.varies`.
    """
    moves: bool = count > 1 and np.sqrt(squares / (count - 1.0)) > FLOOR * size
    return moves
