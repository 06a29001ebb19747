"""Compiled preparation of returns for the likelihood: observed returns of every series one after
the other, centred and of unit variance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = ["Gathered", "gather"]

BACKCAST_LENGTH, BACKCAST_DECAY = 75, 0.94


class Gathered(NamedTuple):
    """Observed returns of all series, and what was measured of each ``(assets,)``.

    Attributes
    ----------
    values : (observations,)
        Returns, one series after the other, less ``mean`` and over ``scale``.
    first, length : int
        Position in ``values`` at which a series begins, and its length.
    mean, scale : float
        Mean and standard deviation of the returns.
    backcast, raw_backcast : float
        Weighted average of the first squares: of the standardised returns, and of the returns.
    nonzero : int
        Number of returns that are not zero.
    largest : float
        Largest absolute return.
    """

    values: FloatArray
    first: IntArray
    length: IntArray
    mean: FloatArray
    scale: FloatArray
    backcast: FloatArray
    raw_backcast: FloatArray
    nonzero: IntArray
    largest: FloatArray


@kernel(fastmath={"reassoc", "contract", "nsz"})
def _moments(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation; sums may be taken in any order, but always in the same
    one.
    """
    total = 0.0
    for value in values:
        total += value
    mean = total / len(values)
    total = 0.0
    for value in values:
        total += (value - mean) * (value - mean)
    return mean, math.sqrt(total / len(values))


@kernel()
def gather(columns: FloatArray) -> Gathered:
    """Gather and measure the observed returns of each series.

    Parameters
    ----------
    columns : (assets, rows)
        Returns, NaN where missing.

    Returns
    -------
    Gathered
    """
    assets = columns.shape[0]
    found = Gathered(
        np.zeros(columns.size),
        np.zeros(assets, np.int64),
        np.zeros(assets, np.int64),
        np.zeros(assets),
        np.zeros(assets),
        np.zeros(assets),
        np.zeros(assets),
        np.zeros(assets, np.int64),
        np.zeros(assets),
    )
    values, place = found.values, 0
    for j in range(assets):
        first = place
        for t in range(columns.shape[1]):
            x = columns[j, t]
            if not np.isnan(x):
                values[place] = x
                place += 1
                found.nonzero[j] += x != 0.0
                found.largest[j] = max(found.largest[j], abs(x))
        found.first[j], found.length[j] = first, place - first
        mean, scale = _moments(values[first:place])
        found.mean[j], found.scale[j] = mean, scale
        # Backcast as in arch: the first squares, with weights that fall by the factor 0.94.
        weight, weights, raw, centred = 1.0, 0.0, 0.0, 0.0
        for k in range(first, min(place, first + BACKCAST_LENGTH)):
            weights += weight
            raw += weight * values[k] ** 2
            centred += weight * ((values[k] - mean) / scale) ** 2
            weight *= BACKCAST_DECAY
        found.backcast[j] = centred / weights
        found.raw_backcast[j] = raw / weights
        one = 1.0 / scale
        for k in range(first, place):
            values[k] = (values[k] - mean) * one
    return found
