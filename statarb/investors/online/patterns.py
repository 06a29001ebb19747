"""Pattern-matching learner: CORN, the best portfolio after rows similar to the latest ones."""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.checks import check_integer, check_number
from statarb._core.numeric import FLOOR
from statarb._core.typing import FloatArray, IntArray
from statarb.investors.base import register
from statarb.investors.online.learner import Market, MarketInvestor
from statarb.investors.simplex import log_optimal

__all__ = ["CORN", "similar_rows"]


@register("corn")
@dataclasses.dataclass(eq=False, repr=False)
class CORN(MarketInvestor):
    r"""Correlation-driven nonparametric learning, CORN(w, rho).

    The rows after which the market looked as it does now, :math:`C_t = \{i : corr(X_{i-w}^{i-1},
    X_{t-w+1}^{t}) \ge \rho\}` (all price relatives of w rows as one vector), give the log-optimal
    portfolio :math:`\arg\max_b \prod_{i \in C_t} b \cdot x_i`; the uniform one where there are
    none.

    Parameters
    ----------
    window : int
        w, rows compared.
    rho : float
        Least correlation, in [-1, 1].
    lookback : int
        Rows of the past that are searched, those of the first window included.
    max_assets : int or None
        Largest number of active assets, see :class:`~statarb.investors.online.learner.Market`.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.

    Notes
    -----
    Li, Hoi, Gopalkrishnan (2011), equations 5 and 6 and algorithm 1; w = 5, rho = 0.1 are theirs.
    """

    window: int = 5
    rho: float = 0.1
    lookback: int = 2015

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("window", self.window, at_least=1)
        check_number("rho", self.rho, at_least=-1.0, at_most=1.0)
        check_integer("lookback", self.lookback, at_least=self.window + 1)

    def look_back(self) -> int:
        """Return the number of rows of price relatives that are needed."""
        return self.lookback

    def portfolio(self, market: Market) -> FloatArray:
        """Return the log-optimal portfolio of the rows that followed similar ones."""
        relatives = market.relatives(self.lookback)
        return log_optimal(relatives[similar_rows(relatives, self.window, self.rho)])


def similar_rows(relatives: FloatArray, window: int, rho: float) -> IntArray:
    """Return the rows i whose ``window`` rows before correlate with the last ``window`` rows by at
    least ``rho``.

    Parameters
    ----------
    relatives : (rows, n)
        Price relatives.
    window : int
        Rows compared.
    rho : float
        Least correlation. One with a vector that does not vary counts as 0.

    Returns
    -------
    (k,) int64
        Positions of the rows, in rising order.
    """
    rows, size = relatives.shape
    count = rows - window
    if count < 1:
        return np.empty(0, dtype=np.int64)
    # correlations do not depend on the offset; without it, sums of squares keep their digits
    change = relatives - 1.0
    cross = np.zeros(count)
    for lag in range(window):
        cross += change[lag : lag + count] @ change[count + lag]
    one_row = np.vstack([change.sum(axis=1), (change**2).sum(axis=1)])
    sums = np.lib.stride_tricks.sliding_window_view(one_row, window, axis=1).sum(axis=2)
    length = window * size
    total, square = sums[0], sums[1]
    spread = square - total**2 / length
    scale = np.sqrt(np.maximum(spread[:count] * spread[count], 0.0))
    varies = scale > FLOOR * np.sqrt(square[:count] * square[count])
    covariance = cross - total[:count] * total[count] / length
    correlation = np.where(varies, covariance / np.where(varies, scale, 1.0), 0.0)
    return np.flatnonzero(correlation >= rho) + window
