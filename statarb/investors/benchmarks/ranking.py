"""Ranking by past return: the base of momentum and reversal, and the choice of the best assets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.typing import FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.investors.base import PeriodicInvestor, weights_of
from statarb.investors.universe import check_universe, choose_assets, label_ranks, last_prices

__all__ = ["RankingInvestor", "best_of", "past_return"]


class RankingInvestor(PeriodicInvestor):
    """Base of the investors that rank the assets by :func:`past_return`.

    A subclass is a dataclass with the fields below and ``every``, and returns :meth:`hold_best` of
    its ranking.
    """

    lookback: int
    top: int
    skip: int
    max_assets: int | None
    max_age: int

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of the past return."""
        return self.lookback + self.skip + 1

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("lookback", self.lookback, at_least=1)
        check_integer("top", self.top, at_least=1)
        check_integer("skip", self.skip, at_least=0)
        check_universe(self.max_assets, self.max_age)

    def hold_best(self, window: Panel, sign: float, own_sign_only: bool) -> pd.Series | None:
        """Return equal weights of the ``top`` assets by ``sign`` times past return; ``None`` while
        no asset has one.

        Parameters
        ----------
        window : Panel
            What may be seen.
        sign : float
            1 for the assets that rose most, -1 for those that fell most.
        own_sign_only : bool
            Whether the share of an asset whose past return is 0, or has the other sign, stays in
            cash.

        Returns
        -------
        Series or None
            Weights by asset.
        """
        column = choose_assets(window, self.max_assets, self.max_age)
        score = sign * past_return(window, self.lookback, self.skip, self.max_age)
        weights = best_of(window, column, score, self.top)
        if weights is None:
            return None
        if own_sign_only:
            weights[(weights > 0.0) & (score <= 0.0)] = 0.0
        return weights_of(window, weights)


def past_return(window: Panel, lookback: int, skip: int, max_age: int) -> FloatArray:
    r"""Return the past log return of each asset.

    .. math:: \log P_{t - \text{skip}} - \log P_{t - \text{skip} - \text{lookback}}

    Parameters
    ----------
    window : Panel
        What may be seen; its last row is t.
    lookback, skip : int
        Rows.
    max_age : int
        A price counts for so many rows.

    Returns
    -------
    (assets,)
        NaN where a price is missing.
    """
    late, early = last_prices(window, max_age, skip), last_prices(window, max_age, skip + lookback)
    change: FloatArray = np.log(late / early)
    return change


def best_of(window: Panel, column: IntArray, score: FloatArray, top: int) -> FloatArray | None:
    """Return equal weights of the assets with the highest score.

    Parameters
    ----------
    window : Panel
        Gives the ids: the smaller one wins a tie.
    column : (n,)
        Positions of the assets to choose from.
    score : (assets,)
        NaN = not to be chosen.
    top : int
        Number of assets chosen.

    Returns
    -------
    (assets,) or None
        ``None`` where no asset has a score.
    """
    ranked = column[~np.isnan(score[column])]
    if len(ranked) == 0:
        return None
    chosen = ranked[np.lexsort((label_ranks(window)[ranked], -score[ranked]))[:top]]
    weights = np.zeros(len(window.assets))
    weights[chosen] = 1.0 / len(chosen)
    return weights
