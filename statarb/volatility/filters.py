"""Variance filters over many series: the GARCH recursion with given parameters, and the
exponentially weighted average.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from statarb._core.checks import check_number
from statarb._core.numba import kernel
from statarb._core.typing import FloatArray
from statarb.volatility.inputs import as_returns, like_input

__all__ = ["EWMA_DECAY", "ewma", "filter_rows"]

WIDTH = 64
EWMA_DECAY = 0.94
"""Weight of the past in the average that stands in where no model could be fitted (RiskMetrics,
1996).
"""


@kernel()
def filter_rows(
    returns: FloatArray, parameters: FloatArray, variance: FloatArray, after: FloatArray
) -> None:
    """Run ``h = omega + (alpha + gamma 1(e < 0)) e^2 + beta h`` down the rows of many series at
    once.

    A missing return leaves a series as it is. A series without a variance yet starts with its first
    squared residual.

    Parameters
    ----------
    returns : (rows, assets) float64
        NaN where missing.
    parameters : (5, assets) float64
        Rows ``mu, omega, alpha, gamma, beta``.
    variance : (assets,) float64
        Variance of the next return; overwritten with its value after the last row. NaN where not
        begun.
    after : (rows, assets) float64
        Filled with the variance of the next return as known after each row.
    """
    assets = returns.shape[1]
    # Numbers of one block of assets side by side in one array: the compiler then sees that they do
    # not overlap, and can work on several assets at once.
    block = np.empty(6 * WIDTH)
    for low in range(0, assets, WIDTH):
        width = min(WIDTH, assets - low)
        for i in range(width):
            for k in range(5):
                block[k * WIDTH + i] = parameters[k, low + i]
            block[5 * WIDTH + i] = variance[low + i]
        for t in range(returns.shape[0]):
            row, filled = returns[t, low : low + width], after[t, low : low + width]
            for i in range(width):
                value = row[i]
                e = value - block[i]
                alpha, gamma = block[2 * WIDTH + i], block[3 * WIDTH + i]
                h = block[5 * WIDTH + i]
                square = e * e
                before = square if h != h else h
                news = alpha + gamma if e < 0.0 else alpha
                new = block[WIDTH + i] + news * square + block[4 * WIDTH + i] * before
                new = h if value != value else new
                block[5 * WIDTH + i] = new
                filled[i] = new
        for i in range(width):
            variance[low + i] = block[5 * WIDTH + i]


def ewma_parameters(assets: int, decay: float = EWMA_DECAY) -> FloatArray:
    """Return the parameters that make :func:`filter_rows` an exponentially weighted average of
    squared returns.
    """
    parameters = np.zeros((5, assets))
    parameters[2] = 1.0 - decay
    parameters[4] = decay
    return parameters


def ewma(returns: Any, decay: float = EWMA_DECAY) -> Any:
    """Forecast volatilities by an exponentially weighted average of squared returns.

    Parameters
    ----------
    returns : DataFrame, Series or array, time x asset
        NaN where missing: the forecast then stays as it was.
    decay : float
        Weight of the past, in [0, 1).

    Returns
    -------
    same type and shape as ``returns``
        Standard deviation of the next return, known at the row where it stands: ``sqrt(h_t)`` with
        ``h_t = decay h_{t-1} + (1 - decay) r_t^2`` and ``h`` of the first return its square
        (RiskMetrics, 1996). NaN before the first return.

    Raises
    ------
    DataError
        An infinite return, or no numbers at all.
    ParameterError
        A decay outside [0, 1).

    Examples
    --------
    >>> ewma(np.array([0.02, -0.02, 0.02])).round(4)
    array([0.02, 0.02, 0.02])
    """
    decay = check_number("decay", decay, at_least=0.0, below=1.0)
    values = as_returns("returns", returns)
    after = np.empty_like(values)
    filter_rows(
        values, ewma_parameters(values.shape[1], decay), np.full(values.shape[1], np.nan), after
    )
    return like_input(np.sqrt(after), returns)
