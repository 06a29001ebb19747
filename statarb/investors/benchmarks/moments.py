"""Returns of a window, a step each, and their covariance: what the model-free classic portfolios
rest on.
"""

from __future__ import annotations

import numpy as np

from statarb._core.typing import FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.investors.universe import carried, choose_assets

__all__ = ["MOVES", "covariance", "recent_returns"]

MOVES = 0.05
"""Least share of rows in which a price must move. A quote that stands still looks riskless, and is
only stale.
"""


def recent_returns(
    window: Panel, lookback: int, max_assets: int | None, max_age: int
) -> tuple[IntArray, FloatArray]:
    """Return the assets that have a history, as positions, and their log returns a step, (rows, n).

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

    Notes
    -----
    A return over k steps of the grid is divided by the root of k: prices taken as a random walk, a
    hole of days counts as one
    step among many, not as a crash. Assets whose price moves in less than a share ``MOVES`` of the
    rows are left out.
    """
    column = choose_assets(window, max_assets, max_age)
    price = carried(window, column, lookback)
    if len(price) < 2 or len(column) == 0:
        return column[:0], np.empty((0, 0))
    stamps = window.times[-len(price) :].to_numpy()
    steps = np.maximum(np.diff(stamps) / window.step.to_timedelta64(), 1.0)
    returns = np.diff(np.log(price), axis=0) / np.sqrt(steps)[:, None]
    known = ~np.isnan(price[min(max_age, len(price)) - 1])
    returns[np.isnan(returns)] = 0.0
    usable = known & ((returns != 0.0).mean(axis=0) >= MOVES)
    return column[usable], np.ascontiguousarray(returns[:, usable])


def covariance(returns: FloatArray, shrink: bool) -> FloatArray:
    """Return the covariance of returns, (n, n), by default shrunk towards a multiple of the
    identity.

    Parameters
    ----------
    returns : (rows, n)
        At least two rows.
    shrink : bool
        The estimator of Ledoit and Wolf (2004), lemma 3.3: ``(1 - d) S + d m I``, m the mean
        variance and d what minimises the expected squared error. Else the sample covariance.

    Notes
    -----
    With ``|A|^2 = tr(AA') / n``, d is ``min(b2, d2) / d2``, where ``d2 = |S - m I|^2`` and
    b2 is the mean over rows of
    ``|xx' - S|^2 / rows``. As ``|xx'|^2 = (x'x)^2 / n``, b2 needs no matrix but S.
    """
    rows, size = returns.shape
    centred = returns - returns.mean(axis=0)
    sample: FloatArray = centred.T @ centred
    if not shrink:
        sample /= rows - 1
        return sample
    sample /= rows
    mean = float(np.trace(sample)) / size
    square = float(np.vdot(sample, sample)) / size
    spread = square - mean**2
    noise = (float((np.einsum("ij,ij->i", centred, centred) ** 2).mean()) / size - square) / rows
    share = min(max(noise, 0.0), spread) / spread if spread > 0.0 else 0.0
    sample *= 1.0 - share
    sample[np.diag_indices(size)] += share * mean
    return sample
