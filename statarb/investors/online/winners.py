"""Follow-the-winner learners: exponentiated gradient, online Newton step, universal portfolio,
follow the leader.
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.investors.base import register
from statarb.investors.online.learner import Market, MarketInvestor, OnlineLearner, remap
from statarb.investors.simplex import best_corner, log_optimal, minimise_quadratic

__all__ = ["ExponentiatedGradient", "FollowTheLeader", "OnlineNewtonStep", "UniversalPortfolio"]


@register("eg")
@dataclasses.dataclass(eq=False, repr=False)
class ExponentiatedGradient(OnlineLearner):
    r"""Exponentiated gradient, EG(eta): multiplicative updates towards what did well.

    .. math:: b_{t+1,i} \propto b_{t,i} \exp(\eta\, x_{t,i} / (b_t \cdot x_t))

    Parameters
    ----------
    eta : float
        Learning rate.
    max_assets : int or None
        Largest number of active assets, see :class:`~statarb.investors.online.learner.Market`.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.
    pretrain : bool
        Whether to learn from the rows of the first window.

    Notes
    -----
    Helmbold, Schapire, Singer, Warmuth (1998), equation 3.3; eta = 0.05 is theirs.
    """

    eta: float = 0.05

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_number("eta", self.eta, at_least=0.0)

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row; see :meth:`OnlineLearner.update`."""
        exponent = self.eta * relative / float(portfolio @ relative)
        learnt: FloatArray = portfolio * np.exp(exponent - exponent.max())
        return learnt


@register("ons")
@dataclasses.dataclass(eq=False, repr=False)
class OnlineNewtonStep(OnlineLearner):
    r"""Online Newton step, ONS(eta, beta, delta).

    .. math::
        g_t = x_t / (b_t \cdot x_t), \quad A_t = I + \sum_{s \le t} g_s g_s', \quad
        p_t = (1 + 1/\beta) \sum_{s \le t} g_s

    .. math:: b_{t+1} = (1 - \eta) \arg\min_b (b - \delta A_t^{-1} p_t)' A_t (b - \delta A_t^{-1}
    p_t) + \eta / n

    Parameters
    ----------
    eta : float
        Share of the uniform portfolio, in [0, 1].
    beta, delta : float
        Weight of the gradients, and length of the step.
    max_assets : int or None
        Largest number of active assets: a decision takes about their cube in time.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.
    pretrain : bool
        Whether to learn from the rows of the first window.

    Notes
    -----
    Agarwal, Hazan, Kale, Schapire (2006), figure 1; eta = 0, beta = 1, delta = 1/8 are theirs. The
    gradients enter as ``d = g - 1``: since weights sum to 1, the ones in ``A`` and ``p`` cancel,
    and with them what makes A nearly singular. An asset that becomes active is taken to have grown
    as the portfolio did (d = 0).
    """

    eta: float = 0.0
    beta: float = 1.0
    delta: float = 0.125
    max_assets: int | None = dataclasses.field(default=50, kw_only=True)

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_number("eta", self.eta, at_least=0.0, at_most=1.0)
        check_number("beta", self.beta, above=0.0)
        check_number("delta", self.delta, above=0.0)

    def reset(self) -> None:
        """Discard all rows and what was learnt from them."""
        super().reset()
        self._second: FloatArray = np.empty((0, 0))
        self._first: FloatArray = np.empty(0)

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row; see :meth:`OnlineLearner.update`."""
        size = len(relative)
        slope = relative / float(portfolio @ relative) - 1.0
        self._second += np.outer(slope, slope)
        self._first += slope
        pull = self.delta * (1.0 + 1.0 / self.beta) - 1.0
        nearest = minimise_quadratic(self._second + np.eye(size), pull * self._first, portfolio)
        return (1.0 - self.eta) * nearest + self.eta / size

    def change_assets(self, before: IntArray, after: IntArray) -> None:
        """Keep the sums of the assets that stay; those of others are 0."""
        second = np.zeros((len(after), len(after)))
        _, old, fresh = np.intersect1d(before, after, assume_unique=True, return_indices=True)
        second[np.ix_(fresh, fresh)] = self._second[np.ix_(old, old)]
        self._second, self._first = second, remap(self._first, before, after, 0.0)


@register("universal")
@dataclasses.dataclass(eq=False, repr=False)
class UniversalPortfolio(OnlineLearner):
    r"""Universal portfolio: the average of all constant rebalanced portfolios, weighted by what
    each has grown to.

    .. math:: b_{t+1} = \int b\, S_t(b)\, d\mu(b) \Big/ \int S_t(b)\, d\mu(b), \quad S_t(b) =
    \prod_{s \le t} b \cdot x_s

    Parameters
    ----------
    samples : int
        Portfolios drawn for the integrals.
    concentration : float
        Parameter of the symmetric Dirichlet distribution mu: 1 is uniform, 1/2 that of Cover and
        Ordentlich (1996).
    seed : int
        Of the draws. Every asset has draws of its own, so that they do not depend on the other
        assets or their order.
    max_assets : int or None
        Largest number of active assets, see :class:`~statarb.investors.online.learner.Market`.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.
    pretrain : bool
        Whether to learn from the rows of the first window.

    Notes
    -----
    Cover (1991), equations 1.3 and 1.4. The draws are gamma variables, divided by their sum over
    the active assets; when assets come or go, the portfolios change and keep their wealth.
    """

    samples: int = 1000
    concentration: float = 1.0
    seed: int = 0

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("samples", self.samples, at_least=1)
        check_number("concentration", self.concentration, above=0.0)
        check_integer("seed", self.seed, at_least=0)

    def reset(self) -> None:
        """Discard all rows and what was learnt from them."""
        super().reset()
        self._log_wealth: FloatArray = np.zeros(self.samples)
        self._draws: dict[int, FloatArray] = {}
        self._sampled: FloatArray = np.empty((self.samples, 0))

    def start(self, market: Market, window: Panel) -> int:
        """Add the rows of the first window; see :meth:`MarketInvestor.start`."""
        taken = super().start(market, window)
        self._portfolio = self._sampled.mean(axis=0)
        return taken

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row; see :meth:`OnlineLearner.update`."""
        self._log_wealth += np.log(self._sampled @ relative)
        wealth = np.exp(self._log_wealth - self._log_wealth.max())
        learnt: FloatArray = wealth @ self._sampled
        return learnt

    def change_assets(self, before: IntArray, after: IntArray) -> None:
        """Draw for the assets that are new, and divide by the sum over the active ones."""
        gammas = np.empty((self.samples, len(after)))
        for place, column in enumerate(after):
            if int(column) not in self._draws:
                self._draws[int(column)] = self._draw(int(column))
            gammas[:, place] = self._draws[int(column)]
        self._sampled = gammas / gammas.sum(axis=1, keepdims=True) if len(after) else gammas

    def _draw(self, column: int) -> FloatArray:
        assets = self._assets
        label = "cash" if assets is None or column == len(assets) else str(assets[column])
        name = int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little")
        generator = np.random.default_rng([self.seed, name])
        return generator.gamma(self.concentration, size=self.samples)


@register("follow_the_leader")
@dataclasses.dataclass(eq=False, repr=False)
class FollowTheLeader(MarketInvestor):
    r"""Follow the leader: the best constant rebalanced portfolio, or the best asset, of the past.

    .. math:: b_{t+1} = \arg\max_b \sum_{s = t - \mathrm{lookback} + 1}^{t} \log(b \cdot x_s)

    Parameters
    ----------
    leader : {"portfolio", "asset"}
        Whether the maximum is over all portfolios or over the single assets.
    lookback : int
        Rows of the past, those of the first window included.
    max_assets : int or None
        Largest number of active assets, see :class:`~statarb.investors.online.learner.Market`.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.

    Notes
    -----
    The successive constant rebalanced portfolio of Gaivoronski and Stella (2000), equation 7, on a
    sliding window.
    """

    leader: str = "portfolio"
    lookback: int = 2015

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_choice("leader", self.leader, ("portfolio", "asset"))
        check_integer("lookback", self.lookback, at_least=1)

    def look_back(self) -> int:
        """Return the number of rows of price relatives that are needed."""
        return self.lookback

    def portfolio(self, market: Market) -> FloatArray:
        """Return the leader; the uniform portfolio before a second row."""
        relatives = market.relatives(self.lookback)
        return (
            best_corner(relatives)
            if self.leader == "asset" and len(relatives)
            else log_optimal(relatives)
        )
