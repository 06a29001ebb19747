"""Returns of a window and their covariance, for the portfolios that rest on nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from statarb._core.numeric import FLOOR
from statarb._core.typing import FloatArray, IntArray
from statarb.data.fill import log_returns
from statarb.data.panel import Panel
from statarb.investors.universe import choose_assets, quotes

__all__ = ["MOVES", "RecentReturns", "covariance", "recent_returns"]

MOVES = 0.05
"""Least share of rows in which a price must move. A quote that does not move looks riskless, and is
only stale.
"""


class RecentReturns(NamedTuple):
    """Log returns per step of the assets that have a history.

    Parameters
    ----------
    column : (n,)
        Positions of the assets.
    returns : (rows, n)
        Return from an asset's last quote to its quote in this row, divided by the root of the steps
        between; NaN where the asset has no quote. Its variance is that of a step.
    synchronous : (m, n)
        The same between refresh times, the rows by which every asset has been quoted again: equal
        to ``returns`` where all assets are quoted in every row. Its correlations are those of a
        step.
    row : (m,)
        Refresh times, as rows of ``returns``.
    """

    column: IntArray
    returns: FloatArray
    synchronous: FloatArray
    row: IntArray


def recent_returns(
    window: Panel,
    lookback: int,
    max_assets: int | None,
    max_age: int,
    *,
    count_rows: bool = False,
    least_moves: float = MOVES,
) -> RecentReturns:
    """Return the log returns per step of the assets that have a history.

    Parameters
    ----------
    window : Panel
        What may be seen.
    lookback : int
        Rows of prices; fewer where the window has fewer.
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        An asset needs a price in the last ``max_age`` rows, and one by the first ``max_age`` rows
        of the lookback.
    count_rows : bool
        Whether a step is a row of the window, whatever lies between two of them. By default steps
        are those of the grid.
    least_moves : float
        Share of the rows in which the price of an asset must move, lest it is left out.

    Returns
    -------
    RecentReturns
        Without any asset where none has a history.

    Notes
    -----
    A return over k steps is divided by the root of k, as for a random walk: a gap, of one asset or
    of all, is neither a return of zero nor a crash. Refresh times: O. E. Barndorff-Nielsen, P. R.
    Hansen, A. Lunde, N. Shephard (2011), Multivariate realised kernels, Journal of Econometrics
    162, 149-169, section 2.
    """
    column = choose_assets(window, max_assets, max_age)
    price = quotes(window, column)[-lookback:]
    rows = len(price)
    places = np.arange(rows) if count_rows else window.places[-rows:]
    returns = log_returns(price, places, per_step=True)[1:]
    moves = (np.abs(np.nan_to_num(returns)) > FLOOR).sum(axis=0)
    usable = ~np.isnan(price[:max_age]).all(axis=0) & (moves >= least_moves * len(returns))
    column, price, returns = column[usable], price[:, usable], returns[:, usable]
    # row of the last quote up to each row; -1 before the first
    quoted_row = np.where(np.isnan(price), -1, np.arange(rows)[:, None])
    last = np.maximum.accumulate(quoted_row, axis=0)
    refresh = _refresh_times(last)
    known = np.log(np.take_along_axis(price, last[refresh], axis=0))
    synchronous = np.diff(known, axis=0) / np.sqrt(np.diff(places[refresh]))[:, None]
    return RecentReturns(
        column, np.ascontiguousarray(returns), np.ascontiguousarray(synchronous), refresh[1:] - 1
    )


def _refresh_times(last: IntArray) -> IntArray:
    """Return the rows by which every asset has been quoted since the refresh time before."""
    if last.shape[1] == 0:
        return np.empty(0, dtype=np.int64)
    found, newest = [], -1
    for row, oldest in enumerate(last.min(axis=1).tolist()):
        if oldest > newest:
            found.append(row)
            newest = row
    return np.array(found, dtype=np.int64)


def covariance(recent: RecentReturns, shrink: bool) -> FloatArray:
    """Estimate the covariance of returns per step, by default shrunk towards a multiple of the
    identity.

    Correlations come from the synchronous returns, variances from each asset's own.

    Parameters
    ----------
    recent : RecentReturns
        At least two synchronous returns.
    shrink : bool
        Whether to shrink (Ledoit and Wolf 2004, lemma 3.3; scikit-learn's estimator). Else the
        sample covariance.

    Returns
    -------
    (n, n)
        In squared log return per step.
    """
    returns = recent.synchronous
    if len(returns) < len(recent.returns):
        own = np.nanvar(recent.returns, axis=0)
        spread = returns.var(axis=0)
        returns = returns * np.sqrt(own / np.where(spread > 0.0, spread, own))
    if not shrink:
        return np.asarray(np.cov(returns, rowvar=False), dtype=np.float64).reshape(
            returns.shape[1], returns.shape[1]
        )
    from sklearn.covariance import ledoit_wolf

    estimate: FloatArray = ledoit_wolf(returns)[0]
    return estimate
