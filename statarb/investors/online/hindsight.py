"""Benchmarks in hindsight: the best constant rebalanced portfolio and the best asset of a known
sample.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, TypeVar

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.investors.base import BaseInvestor, register, weights_of
from statarb.investors.simplex import best_corner, log_optimal
from statarb.investors.universe import carried, check_universe, choose_assets, listed

__all__ = ["BestAsset", "BestConstantRebalanced"]

H = TypeVar("H", bound="_Hindsight")


@dataclasses.dataclass(eq=False, repr=False)
class _Hindsight(BaseInvestor):
    max_assets: int | None = 100
    max_age: int = 12

    hindsight: ClassVar[bool] = True

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_universe(self.max_assets, self.max_age)

    def reset(self) -> None:
        """Discard the sample."""
        self._best: pd.Series | None = None

    def fit_hindsight(self: H, panel: Panel) -> H:
        """Find the best weights of a sample; an asset without a price yet counts as cash.

        Parameters
        ----------
        panel : Panel
            The rows on which it will be judged.

        Returns
        -------
        BaseInvestor
            Itself.
        """
        column = choose_assets(panel, self.max_assets, len(panel.times))
        price = carried(panel, column)
        relatives = price[1:] / price[:-1]
        best = self.best(np.where(np.isnan(relatives), 1.0, relatives))
        self._best = pd.Series(best, index=panel.assets[column])
        return self

    def best(self, relatives: FloatArray) -> FloatArray:
        """Return the best weights, (n,), of price relatives, (rows, n)."""
        raise NotImplementedError

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the best weights; those of assets without a recent price stay in cash. See
        :meth:`Investor.decide`.

        Raises
        ------
        ParameterError
            Before :meth:`fit_hindsight`.
        """
        if self._best is None:
            raise ParameterError(
                f"{self.name} needs its sample in hindsight: call fit_hindsight(panel) first, and "
                "keep it out of anything that is to be causal"
            )
        target = self._best.reindex(window.assets, fill_value=0.0).to_numpy()
        return weights_of(window, np.where(listed(window, self.max_age), target, 0.0))


@register("best_crp")
@dataclasses.dataclass(eq=False, repr=False)
class BestConstantRebalanced(_Hindsight):
    r"""Best constant rebalanced portfolio in hindsight: constant weights with the highest growth
    over the sample.

    .. math:: \arg\max_b \prod_t b \cdot x_t

    Parameters
    ----------
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        An asset gets its weight only while it has had a price in the last ``max_age`` rows.

    Notes
    -----
    Cover (1991), equation 1.2; the target of the universal portfolio.
    """

    def best(self, relatives: FloatArray) -> FloatArray:
        """Return the log-optimal weights.

        Parameters
        ----------
        relatives : (rows, n)
            Price relatives.

        Returns
        -------
        (n,)
            On the simplex.
        """
        return log_optimal(relatives)


@register("best_asset")
@dataclasses.dataclass(eq=False, repr=False)
class BestAsset(_Hindsight):
    """The asset that grew most over the sample, in hindsight.

    Parameters
    ----------
    max_assets : int or None
        Largest number of assets to choose from, see
        :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        The asset is held only while it has had a price in the last ``max_age`` rows.
    """

    def best(self, relatives: FloatArray) -> FloatArray:
        """Return 1 for the best asset.

        Parameters
        ----------
        relatives : (rows, n)
            Price relatives.

        Returns
        -------
        (n,)
            On the simplex.
        """
        return best_corner(relatives)
