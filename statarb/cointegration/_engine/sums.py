"""Compiled sums over the first values of a buffer."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.numeric import FLOOR
from statarb._core.typing import FloatArray

__all__ = ["largest", "mean", "product", "varies_beyond"]


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


@kernel()
def largest(values: FloatArray, count: int) -> float:
    """Largest magnitude."""
    found = 0.0
    for t in range(count):
        found = max(found, abs(values[t]))
    return found


@kernel()
def varies_beyond(values: FloatArray, count: int, size: float) -> bool:
    """Whether values vary by more than the rounding of numbers of magnitude ``size``; the rule of
    :func:`statarb._core.numeric.varies`.
    """
    if count < 2:
        return False
    centre = mean(values, count)
    squares = 0.0
    for t in range(count):
        squares += (values[t] - centre) * (values[t] - centre)
    moves: bool = np.sqrt(squares / (count - 1.0)) > FLOOR * size
    return moves
