"""Kernel for the share of a portfolio's value that rests on old prices."""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray


@kernel()
def stale_share(
    quotes: FloatArray,
    rows: IntArray,
    columns: IntArray,
    weights: FloatArray,
    last_quoted: IntArray,
    max_age: int,
    out: FloatArray,
) -> None:
    """Add up, step by step, the weights of assets whose last quote is older than ``max_age`` rows.

    ``weights`` (steps, places + 1) are realised weights, cash last; ``columns`` is the column of
    ``quotes`` of each place (-1: none). ``last_quoted`` (places,) holds the row of each one's last
    quote (-1: none), and is carried from one block of steps to the next.
    """
    latest = -1
    for place in range(len(last_quoted)):
        latest = max(latest, last_quoted[place])
    for step in range(len(rows)):
        row = rows[step]
        if row >= 0:
            latest = row
        share = 0.0
        for place in range(len(columns)):
            if columns[place] >= 0:
                if row >= 0 and 0.0 < quotes[row, columns[place]] < np.inf:
                    last_quoted[place] = row
                if weights[step, place] > 0.0 and latest - last_quoted[place] > max_age:
                    share += weights[step, place]
        out[step] = share
