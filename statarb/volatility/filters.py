"""Variance filters over many series: the GARCH recursion with given parameters, and the
exponentially weighted average.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from statarb._core.checks import check_number
from statarb.volatility._engine.filtering import Recursion, filter_rows
from statarb.volatility.inputs import read_returns

__all__ = ["EWMA_DECAY", "Recursion", "ewma", "ewma_recursion", "filter_rows"]

EWMA_DECAY = 0.94
"""Weight of the past in the average that is used where no model could be fitted (RiskMetrics,
1996).
"""


def ewma_recursion(assets: int, decay: float = EWMA_DECAY) -> Recursion:
    """Return the parameters that make :func:`filter_rows` an exponentially weighted average of
    squared returns.

    Parameters
    ----------
    assets : int
        Number of series.
    decay : float
        Weight of the past.

    Returns
    -------
    Recursion
        ``alpha = 1 - decay``, ``beta = decay``, all else 0.
    """
    zero = np.zeros(assets)
    return Recursion(
        mu=zero,
        omega=zero,
        alpha=np.full(assets, 1.0 - decay),
        gamma=zero,
        beta=np.full(assets, float(decay)),
    )


def ewma(returns: Any, decay: float = EWMA_DECAY) -> Any:
    r"""Forecast volatilities by an exponentially weighted average of squared returns.

    Parameters
    ----------
    returns : DataFrame, Series or array, time x asset
        NaN where missing: the forecast then stays as it was. Rows with times are put in order of
        time.
    decay : float
        Weight of the past, in [0, 1).

    Returns
    -------
    same type and shape as ``returns``
        Standard deviation of the next return, known at its row. NaN before the first return.

    Raises
    ------
    DataError
        An infinite return, no numbers at all, or prices in place of returns.
    ParameterError
        A decay outside [0, 1).

    Notes
    -----
    RiskMetrics (1996), with the decay :math:`\lambda`; the variance of the first return is its
    square:

    .. math:: \sigma_{t+1}^2 = \lambda \sigma_t^2 + (1 - \lambda) r_t^2

    Examples
    --------
    >>> ewma(np.array([0.02, -0.02, 0.02])).round(4)
    array([0.02, 0.02, 0.02])
    """
    decay = check_number("decay", decay, at_least=0.0, below=1.0)
    table = read_returns("returns", returns)
    values = table.values
    after = np.empty_like(values)
    filter_rows(
        values, ewma_recursion(values.shape[1], decay), np.full(values.shape[1], np.nan), after
    )
    return table.like(np.sqrt(after))
