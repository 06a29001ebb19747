"""Follow-the-loser learners: OLMAR, PAMR, CWMR and Anticor, which rely on mean reversion."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import FLOOR, varies
from statarb._core.typing import FloatArray, IntArray
from statarb.investors.base import register
from statarb.investors.online.learner import Market, OnlineLearner, remap
from statarb.investors.simplex import project_simplex

__all__ = ["CWMR", "OLMAR", "PAMR", "Anticor"]


@register("olmar")
@dataclasses.dataclass(eq=False, repr=False)
class OLMAR(OnlineLearner):
    r"""Online moving average reversion: prices are expected to return to their moving average.

    .. math::
        \tilde x = \mathrm{MA}_t(w) / p_t, \quad \lambda = \max\Big(0, \frac{\epsilon - b_t \cdot
        \tilde x}{\lVert \tilde x - \bar x 1 \rVert^2}\Big), \quad b_{t+1} = \Pi\big(b_t + \lambda
        (\tilde x - \bar x 1)\big)

    Parameters
    ----------
    window : int
        w, rows of the simple moving average, the newest included; at least 2.
    epsilon : float
        Expected price relative to reach.
    average : {"simple", "exponential"}
        OLMAR-1 or OLMAR-2; the latter expects ``alpha + (1 - alpha) x_expected / x``.
    alpha : float
        Weight of the newest price in the exponential average, in (0, 1).
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
    Li and Hoi (2012), equations 1 and 2 and algorithm 2; w = 5, epsilon = 10, alpha = 0.5 are
    theirs. The simple average is over the rows that an asset has, where these are fewer than w.
    """

    window: int = 5
    epsilon: float = 10.0
    average: str = "simple"
    alpha: float = 0.5

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("window", self.window, at_least=2)
        check_number("epsilon", self.epsilon, at_least=0.0)
        check_choice("average", self.average, ("simple", "exponential"))
        check_number("alpha", self.alpha, above=0.0, below=1.0)

    def reset(self) -> None:
        """Discard all rows and what was learnt from them."""
        super().reset()
        self._expected: FloatArray = np.empty(0)

    def look_back(self) -> int:
        """Return the number of rows of price relatives that are needed."""
        return self.window - 1

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row; see :meth:`OnlineLearner.update`."""
        if self.average == "simple":
            price = market.prices(self.window)
            expected = np.nanmean(price, axis=0) / price[-1]
        else:
            expected = self._expected = self.alpha + (1.0 - self.alpha) * self._expected / relative
        if not varies(expected, scale=1.0):
            return portfolio
        excess = expected - expected.mean()
        spread = float(excess @ excess)
        step = max(0.0, self.epsilon - float(portfolio @ expected)) / spread
        return project_simplex(portfolio + step * excess)

    def change_assets(self, before: IntArray, after: IntArray) -> None:
        """Expect a price relative of 1 of a new asset."""
        self._expected = remap(self._expected, before, after, 1.0)


@register("pamr")
@dataclasses.dataclass(eq=False, repr=False)
class PAMR(OnlineLearner):
    r"""Passive aggressive mean reversion: away from what has just risen, whenever the portfolio has
    gained.

    .. math::
        b_{t+1} = \Pi\big(b_t - \tau (x_t - \bar x_t 1)\big), \quad
        \tau = \frac{\max(0, b_t \cdot x_t - \epsilon)}{\lVert x_t - \bar x_t 1 \rVert^2}

    Parameters
    ----------
    epsilon : float
        Price relative of the portfolio up to which it stays as it is.
    variant : {0, 1, 2}
        PAMR; PAMR-1, tau at most C; PAMR-2, with ``1 / (2 C)`` added below the line.
    aggressiveness : float
        C.
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
    Li, Zhao, Hoi, Gopalkrishnan (2012), propositions 1 to 3; epsilon = 0.5, C = 500 are theirs.
    """

    epsilon: float = 0.5
    variant: int = 0
    aggressiveness: float = 500.0

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_number("epsilon", self.epsilon, at_least=0.0)
        check_choice("variant", self.variant, (0, 1, 2))
        check_number("aggressiveness", self.aggressiveness, above=0.0)

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row; see :meth:`OnlineLearner.update`."""
        if not varies(relative, scale=1.0):
            return portfolio
        excess = relative - relative.mean()
        spread = float(excess @ excess)
        loss = max(0.0, float(portfolio @ relative) - self.epsilon)
        step = loss / (spread + (0.5 / self.aggressiveness if self.variant == 2 else 0.0))
        if self.variant == 1:
            step = min(step, self.aggressiveness)
        return project_simplex(portfolio - step * excess)


@register("cwmr")
@dataclasses.dataclass(eq=False, repr=False)
class CWMR(OnlineLearner):
    r"""Confidence weighted mean reversion: a normal distribution of portfolios, N(mu, Sigma), moved
    as little as needed.

    With :math:`M = \mu \cdot x`, :math:`V = x' \Sigma x` and :math:`\bar x = 1' \Sigma x / 1'
    \Sigma 1`, lambda is the larger root, at least 0, at which the new distribution just keeps
    :math:`\epsilon - M \ge \phi \sqrt V` (deviation) or :math:`\epsilon - M \ge \phi V`, V to first
    order (variance), and

    .. math:: \mu_{t+1} = \Pi(\mu_t - \lambda \Sigma_t (x_t - \bar x 1)), \quad
        \Sigma_{t+1}^{-1} = \Sigma_t^{-1} + c\, \mathrm{diag}(x_t)^2

    with c = ``lambda phi / sqrt(V_new)`` or ``2 lambda phi``; Sigma is then scaled to the trace
    1/n.

    Parameters
    ----------
    phi : float
        Quantile of the confidence asked for: 2 is 97.7 %.
    epsilon : float
        Price relative that the portfolio is to stay below.
    variant : {"deviation", "variance"}
        CWMR-Stdev or CWMR-Var.
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
    Li, Hoi, Zhao, Gopalkrishnan (2013), propositions 4.1 and 4.2 and algorithm 1, in the
    deterministic version: mu is the portfolio. Sigma is diagonal from the start and stays so.
    phi = 2, epsilon = 0.5 are theirs.
    """

    phi: float = 2.0
    epsilon: float = 0.5
    variant: str = "deviation"

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_number("phi", self.phi, at_least=0.0)
        check_number("epsilon", self.epsilon, at_least=0.0)
        check_choice("variant", self.variant, ("deviation", "variance"))

    def reset(self) -> None:
        """Discard all rows and what was learnt from them."""
        super().reset()
        self._variance: FloatArray = np.empty(0)

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row; see :meth:`OnlineLearner.update`."""
        variance, phi = self._variance, self.phi
        middle = float(variance @ relative) / float(variance.sum())
        v = float(variance @ relative**2)
        # V - xbar W, without the cancellation.
        spread = float(variance @ (relative - middle) ** 2)
        missing = self.epsilon - float(portfolio @ relative)
        if self.variant == "deviation":
            bend = spread + 0.5 * phi**2 * v
            multiplier = _larger_root(
                bend**2 - 0.25 * phi**4 * v**2, 2.0 * missing * bend, missing**2 - phi**2 * v
            )
            deviation = 0.5 * (
                -multiplier * phi * v + math.sqrt((multiplier * phi * v) ** 2 + 4.0 * v)
            )
            gained = multiplier * phi / deviation if deviation > 0.0 else 0.0
        else:
            multiplier = _larger_root(
                2.0 * phi * v * spread, 2.0 * phi * v * missing + spread, missing - phi * v
            )
            gained = 2.0 * multiplier * phi
        learnt = project_simplex(portfolio - multiplier * variance * (relative - middle))
        variance = variance / (1.0 + variance * gained * relative**2)
        self._variance = variance / (variance.sum() * len(variance))
        return learnt

    def change_assets(self, before: IntArray, after: IntArray) -> None:
        """Give a new asset the variance of the start, and scale to the trace 1/n."""
        if len(after):
            variance = remap(self._variance, before, after, 1.0 / len(after) ** 2)
            self._variance = variance / (variance.sum() * len(after))


@register("anticor")
@dataclasses.dataclass(eq=False, repr=False)
class Anticor(OnlineLearner):
    r"""Anticor(w): wealth moves from assets that did well to assets that tend to follow them.

    With the log relatives of the last two windows of w rows, M_ij the correlation of asset i in the
    earlier with asset j in the later one, and mu the mean of the later one, the claims of j on i
    are

    .. math::
        c_{ij} = M_{ij} + \max(0, -M_{ii}) + \max(0, -M_{jj}) \quad \text{where} \quad
        \mu_i \ge \mu_j \text{ and } M_{ij} > 0

    and 0 elsewhere. Each asset's share, after the newest price relatives, moves in proportion to
    the claims on it.

    Parameters
    ----------
    window : int
        w, rows; at least 2.
    max_assets : int or None
        Largest number of active assets: a decision takes about their square in time.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.
    pretrain : bool
        Whether to learn from the rows of the first window.

    Notes
    -----
    Borodin, El-Yaniv, Gogan (2004), figure 1 (algorithm Anticor). Their headline results buy and
    hold Anticor(2) to Anticor(30); this is one of them.
    """

    window: int = 15

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("window", self.window, at_least=2)

    def look_back(self) -> int:
        """Return the number of rows of price relatives that are needed."""
        return 2 * self.window

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row; see :meth:`OnlineLearner.update`."""
        drifted = portfolio * relative
        drifted /= drifted.sum()
        growth = np.log(market.relatives(2 * self.window))
        if len(growth) < 2 * self.window:
            return drifted
        earlier, later = growth[: self.window], growth[self.window :]
        mean = later.mean(axis=0)
        correlation = _standardised(earlier).T @ _standardised(later)
        reverting = np.maximum(-np.diag(correlation), 0.0)
        claim = np.where(
            (mean[:, None] >= mean) & (correlation > 0.0),
            correlation + reverting[:, None] + reverting,
            0.0,
        )
        np.fill_diagonal(claim, 0.0)
        total = claim.sum(axis=1)
        giving = total > 0.0
        share = np.where(giving, drifted / np.where(giving, total, 1.0), 0.0)
        learnt: FloatArray = np.where(giving, 0.0, drifted) + share @ claim
        return learnt


def _standardised(values: FloatArray) -> FloatArray:
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    # a column that varies by rounding alone does not vary
    standardised: FloatArray = centred / np.where(length > FLOOR, length, np.inf)
    return standardised


def _larger_root(a: float, b: float, c: float) -> float:
    """Return the larger real root of ``a z^2 + b z + c``, or 0 where there is none above 0."""
    if a == 0.0:
        return max(0.0, -c / b) if b != 0.0 else 0.0
    inside = b * b - 4.0 * a * c
    if inside < 0.0:
        return 0.0
    q = -0.5 * (b + math.copysign(math.sqrt(inside), b))
    return max(0.0, q / a, c / q if q != 0.0 else 0.0)
