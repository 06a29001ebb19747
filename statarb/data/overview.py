"""Overview of a market: assets quoted over time, equal-weight index, correlations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from statarb._core.checks import check_integer, check_panel
from statarb._core.typing import FloatArray
from statarb.data.fill import log_returns
from statarb.data.panel import Panel

__all__ = ["MarketOverview", "best_covered", "market_overview"]

ASSETS_PER_BLOCK = 64
FEWEST_RETURNS = 30
"""Common returns that a correlation takes."""


@dataclasses.dataclass(frozen=True, eq=False)
class MarketOverview:
    """A market at a glance; :func:`market_overview` makes it.

    Parameters
    ----------
    times : DataFrame
        By time of the grid: ``quoted``, the share of all assets that have a quote, in [0, 1], and
        ``index``, the equal-weight index, 1 at the first row.
    correlation : (assets, assets) DataFrame
        Correlations of the log returns of one step of the assets with the most quotes; assets that
        move alike are neighbours. NaN for a pair with fewer than 30 common returns.
    """

    times: pd.DataFrame
    correlation: pd.DataFrame

    @property
    def mean_correlation(self) -> float:
        """Mean correlation of the pairs; NaN where there is none."""
        pairs = self.correlation.to_numpy()[np.triu_indices(len(self.correlation), 1)]
        known = pairs[~np.isnan(pairs)]
        return float(known.mean()) if len(known) else float("nan")


def market_overview(panel: Panel, *, assets: int = 30) -> MarketOverview:
    r"""Measure how many assets are quoted, how they move together, and how alike.

    Parameters
    ----------
    panel : Panel
        Any panel. What is filled by an imputation does not count as a quote.
    assets : int
        Assets of the correlations: those with the most quotes.

    Returns
    -------
    MarketOverview

    Notes
    -----
    The index is the chained geometric mean of the assets' price relatives,

    .. math:: I_t = I_{t-1} \exp\Big(\frac{1}{n_t} \sum_i r_{i,t}\Big) ,

    over the :math:`n_t` assets that are quoted at t and before, r their log returns since their
    last quote. An arithmetic mean would gain from every bounce between bid and ask (Blume and
    Stambaugh, 1983, J. Financ. Econ. 12, 387-404). Neighbours are found by average linkage on the
    distance :math:`\sqrt{(1 - \rho) / 2}`.
    """
    check_panel(panel)
    assets = check_integer("assets", assets, at_least=1)
    price, observed = panel.array("price"), panel.observed_array
    total, count = np.zeros(len(price)), np.zeros(len(price))
    for first in range(0, len(panel.assets), ASSETS_PER_BLOCK):
        block = slice(first, first + ASSETS_PER_BLOCK)
        quotes = np.where(observed[:, block], price[:, block], np.nan)
        returns = log_returns(quotes, panel.places)
        known = ~np.isnan(returns)
        total += np.where(known, returns, 0.0).sum(axis=1)
        count += known.sum(axis=1)
    step = np.divide(total, count, out=np.zeros(len(total)), where=count > 0.0)
    rows = panel.rows
    quoted = np.zeros(len(panel.grid))
    quoted[rows] = observed.mean(axis=1)
    place = np.searchsorted(rows, np.arange(len(panel.grid)), side="right") - 1
    index = np.where(place >= 0, np.exp(np.cumsum(step))[np.maximum(place, 0)], np.nan)
    times = pd.DataFrame({"quoted": quoted, "index": index}, index=panel.grid)
    return MarketOverview(times, _correlation(panel, assets))


def best_covered(panel: Panel, count: int) -> pd.Index:
    """Return the assets with the most quotes, in the order of the panel.

    Parameters
    ----------
    panel : Panel
        Any panel. What is filled by an imputation does not count as a quote.
    count : int
        Number of assets; assets with as many quotes are taken in the order of the panel.

    Returns
    -------
    Index
        Assets with at least one quote.
    """
    count = check_integer("count", count, at_least=1)
    quotes = panel.observed_array.sum(axis=0)
    most = np.argsort(-quotes, kind="stable")[:count]
    return panel.assets.take(np.sort(most[quotes[most] > 0]))


def _correlation(panel: Panel, assets: int) -> pd.DataFrame:
    """Return the correlations of the best covered assets that move, neighbours alike."""
    labels = best_covered(panel, assets)
    columns = panel.columns_of(labels)
    quotes = np.where(panel.observed_array[:, columns], panel.array("price")[:, columns], np.nan)
    returns = pd.DataFrame(log_returns(quotes, panel.places, max_gap=1), columns=labels)
    matrix = returns.corr(min_periods=FEWEST_RETURNS)
    moving = matrix.index[matrix.notna().sum(axis=1) > 1]
    if len(moving) < 2:
        return pd.DataFrame(index=labels[:0], columns=labels[:0], dtype=np.float64)
    matrix = matrix.loc[moving, moving]
    order = moving.take(_neighbours(matrix.to_numpy(dtype=np.float64)))
    return matrix.loc[order, order]


def _neighbours(correlation: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Order assets so that those that move alike are neighbours."""
    if len(correlation) == 2:
        return np.arange(2)
    known = np.clip(np.where(np.isnan(correlation), 0.0, correlation), -1.0, 1.0)
    distance = np.sqrt((1.0 - known) / 2.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.int64)
