"""Hedging over candidates: fixed-share weights with an adaptive learning rate, and a sequential
test against cash.
"""

from __future__ import annotations

import math

import numpy as np

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray

__all__ = ["FixedShareHedge", "SequentialTest", "confidence_sequence"]


class FixedShareHedge:
    r"""Exponential weights with a fixed share and a learning rate set by the losses.

    With weights :math:`w_t` over N candidates, losses :math:`\ell_t` and the rate :math:`\eta_t`,
    one round is

    .. math::
        m_t &= -\tfrac{1}{\eta_t} \ln \sum_i w_{t,i} e^{-\eta_t \ell_{t,i}}, \quad
        v_{t,i} = w_{t,i}\, e^{-\eta_t (\ell_{t,i} - m_t)} \\
        w_{t+1,i} &= (1 - \text{share})\, v_{t,i} + \text{share} / N \\
        D_t &= D_{t-1} + w_t \cdot \ell_t - m_t, \quad
        \eta_{t+1} = \ln(N / \text{share}) \,/\, (\text{first\_gap} + D_t)

    The first line is Hedge with its mix loss (Freund, Schapire 1997, figure 1), the second the
    fixed share (Herbster, Warmuth 1998, section 5), the third the mixability gap and the rate of
    AdaHedge (de Rooij, van Erven, Gruenwald, Koolen 2014, section 3). AdaHedge sets ``ln N / D``,
    the cost of finding one candidate over the cost paid so far; with a share no weight falls below
    ``share / N``, so that finding any candidate, at any time, costs ``ln(N / share)``.

    Parameters
    ----------
    count : int
        Candidates, N.
    share : float
        Weight that is spread over all in each round, in (0, 1): about one over the rounds between
        two changes of the best.
    first_gap : float
        D_0, positive, in units of the losses: makes the first rate finite.

    Attributes
    ----------
    weights : (count,)
        Of the next round.
    gap : float
        D, in units of the losses.

    Notes
    -----
    The losses may have any range. Against any sequence of candidates that changes m times, the
    regret of the mixture after T rounds is at most

    .. math::
        (m + 1)(\text{first\_gap} + D_T) + D_T
        + \frac{\ln(1 / (1 - \text{share}))}{\ln(N / \text{share})} \sum_t (\text{first\_gap} + D_t)

    (:meth:`regret_bound`). Since :math:`m_t - \ell_{t,i} = \ln(v_{t,i} / w_{t,i}) / \eta_t` and
    :math:`v_{t,i} \le w_{t+1,i} / (1 - \text{share})`, the rates do not increase and
    :math:`0 \le -\ln w_{t,i} \le \ln(N / \text{share})`, the sum over a stretch on one candidate
    telescopes to :math:`\ln(N / \text{share}) / \eta_T` and the sharing; the rest is D_T, the loss
    of the mixture over the mix loss.
    """

    def __init__(self, count: int, share: float, first_gap: float) -> None:
        self.count = check_integer("count", count, at_least=1)
        self.share = check_number("share", share, above=0.0, below=1.0)
        self.first_gap = check_number("first_gap", first_gap, above=0.0)
        self.weights: FloatArray = np.full(self.count, 1.0 / self.count)
        self.gap = 0.0
        self._paid = 0.0

    @property
    def rate(self) -> float:
        """Learning rate of the next round, per unit of loss."""
        return math.log(self.count / self.share) / (self.first_gap + self.gap)

    def update(self, losses: FloatArray) -> float:
        """Update the weights by the losses of a round.

        Parameters
        ----------
        losses : (count,)
            Finite; smaller is better.

        Returns
        -------
        float
            Loss of the mixture.
        """
        rate, least = self.rate, float(losses.min())
        grown = self.weights * np.exp(-rate * (losses - least))
        total = float(grown.sum())
        mixture = float(self.weights @ losses)
        self._paid += self.first_gap + self.gap
        self.gap += max(0.0, mixture - (least - math.log(total) / rate))
        self.weights = (1.0 - self.share) * grown / total + self.share / self.count
        return mixture

    def regret_bound(self, changes: int = 0) -> float:
        """Return the bound on the regret against any sequence of candidates.

        Parameters
        ----------
        changes : int
            Changes of the sequence, at least 0.

        Returns
        -------
        float
            In units of the losses.
        """
        sharing = math.log(1.0 / (1.0 - self.share)) / math.log(self.count / self.share)
        return self.gap + (changes + 1) * (self.first_gap + self.gap) + sharing * self._paid


def confidence_sequence(sum_squares: FloatArray, level: float) -> FloatArray:
    r"""Bound on a sum of terms without drift, valid at all times at once.

    .. math::
        1.7 \sqrt{V \left(\ln \ln (2 V) + 0.72 \ln(5.2 / \text{level})\right)}, \quad
        V = \max(\text{sum\_squares}, 1)

    Parameters
    ----------
    sum_squares : array
        Sum of the squares of the terms, in the unit in which 1 is small.
    level : float
        Probability, in (0, 1), that the sum ever crosses the bound.

    Returns
    -------
    array
        In units of the terms.

    Notes
    -----
    S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon (2021), Annals of Statistics 49, equation (2).
    It holds for terms that are symmetric about 0 given their past, at any variance and any tail
    (for these :math:`\exp(b x - b^2 x^2 / 2)` is a supermartingale: de la Pena 1999, Annals of
    Probability 27, lemma 6.1).
    """
    variance = np.maximum(sum_squares, 1.0)
    bound: FloatArray = 1.7 * np.sqrt(
        variance * (np.log(np.log(2.0 * variance)) + 0.72 * math.log(5.2 / level))
    )
    return bound


class SequentialTest:
    """Sequential test of several candidates against cash, by their sums of log growth.

    Growth is added up over blocks of rows, since neighbouring rows of one position move together.
    The null hypothesis "no better than cash" is rejected for a candidate once its sum crosses the
    bound of :func:`confidence_sequence` at ``level / count`` (Bonferroni), until its sum falls
    below half of the bound: with a single threshold it would be bought and sold along it.

    Parameters
    ----------
    count : int
        Candidates.
    level : float
        Probability that any true null hypothesis is ever rejected.
    block : int
        Rows of a term.
    unit : float
        Log growth of a term that counts as small: one fee.

    Attributes
    ----------
    significant : (count,) bool
        Whether a candidate beats cash significantly.
    """

    def __init__(self, count: int, level: float, block: int, unit: float) -> None:
        self.level, self.block, self.unit = level / count, block, unit
        self.sum = np.zeros(count)
        self.sum_squares = np.zeros(count)
        self.significant: BoolArray = np.zeros(count, dtype=np.bool_)
        self._open = np.zeros(count)
        self._rows = 0

    def update(self, growth: FloatArray) -> None:
        """Add the growth of a row.

        Parameters
        ----------
        growth : (count,)
            Log growth.
        """
        self._open += growth
        self._rows += 1
        if self._rows < self.block:
            return
        term = self._open / self.unit
        self.sum += term
        self.sum_squares += term * term
        bound = confidence_sequence(self.sum_squares, self.level)
        self.significant = (self.sum >= bound) | (self.significant & (self.sum >= 0.5 * bound))
        self._open = np.zeros(len(term))
        self._rows = 0

    @property
    def statistic(self) -> FloatArray:
        """Sum over bound, (count,): from 1 on the null hypothesis is rejected."""
        statistic: FloatArray = self.sum / confidence_sequence(self.sum_squares, self.level)
        return statistic
