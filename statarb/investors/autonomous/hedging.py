"""Hedging over candidates: weights that follow whoever does well, and a test of whether anybody
beats nothing.
"""

from __future__ import annotations

import math

import numpy as np

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray

__all__ = ["FixedShareHedge", "SequentialTest", "confidence_sequence"]


class FixedShareHedge:
    """Exponential weights with a shared remainder and a learning rate that the losses set
    themselves.

    With weights w_t over N candidates, losses l_t and the rate eta_t, one round is::

        m_t     = -1 / eta_t * ln sum_i w_t,i exp(-eta_t l_t,i)              (mix loss)
        v_t,i   = w_t,i exp(-eta_t (l_t,i - m_t))    (Hedge: Freund, Schapire 1997, figure 1)
        w_t+1,i = (1 - share) v_t,i + share / N    (fixed share: Herbster, Warmuth 1998, section 5)
        d_t     = w_t . l_t - m_t >= 0,   D_t = D_t-1 + d_t                  (mixability gap)
        eta_t+1 = ln(N / share) / (first_gap + D_t)    (AdaHedge: de Rooij et al. 2014, section 3)

    AdaHedge sets ``ln N / D``, the price of finding one candidate over the price paid so far; with
    a share a candidate is never rarer than ``share / N``, so that finding any one, at any time,
    costs ``ln(N / share)``.

    Parameters
    ----------
    count : int
        Candidates, N.
    share : float
        Weight that is spread over all in each round, in (0, 1): about one over the rounds between
        two changes of the best.
    first_gap : float
        D_0, positive, in units of the losses: makes the first rate finite.

    Notes
    -----
    The losses may have any range. Against any sequence of candidates that changes m times, the
    regret of the mixture after T
    rounds is at most ``(m + 1) (first_gap + D_T) + D_T + ln(1 / (1 - share)) / ln(N / share) *
    sum_t (first_gap + D_t)``
    (:meth:`regret_bound`): since ``m_t - l_t,i = ln(v_t,i / w_t,i) / eta_t``, ``v_t,i <= w_t+1,i /
    (1 - share)``, the rates do
    not increase and ``0 <= -ln w_t,i <= ln(N / share)``, the sum over a stretch on one candidate
    telescopes to
    ``ln(N / share) / eta_T`` and the sharing; the rest is D_T, the loss of the mixture over the mix
    loss.
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
        """Take in a round, and return the loss of the mixture.

        Parameters
        ----------
        losses : (count,)
            Finite; smaller is better.
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
        """Return the most by which the mixture can have lost to any sequence of candidates with so
        many changes.

        Parameters
        ----------
        changes : int
            Changes of the sequence, at least 0.
        """
        sharing = math.log(1.0 / (1.0 - self.share)) / math.log(self.count / self.share)
        return self.gap + (changes + 1) * (self.first_gap + self.gap) + sharing * self._paid


def confidence_sequence(spread: FloatArray, level: float) -> FloatArray:
    """Bound that a fair sum crosses with at most the probability ``level``, however often one
    looks.

    ``1.7 sqrt(V (ln ln(2 V) + 0.72 ln(5.2 / level)))`` with ``V = max(spread, 1)``: Howard, Ramdas,
    McAuliffe, Sekhon (2021), Annals of Statistics 49, equation (2).

    Parameters
    ----------
    spread : array
        Sum of the squares of the terms, in the unit in which 1 is small.
    level : float
        Probability, in (0, 1).

    Notes
    -----
    It holds for terms that are symmetric about 0 given their past, at any variance and any tail
    (for these
    ``exp(b x - b^2 x^2 / 2)`` is a supermartingale: de la Pena 1999, Annals of Probability 27,
    lemma 6.1).
    """
    wide = np.maximum(spread, 1.0)
    bound: FloatArray = 1.7 * np.sqrt(
        wide * (np.log(np.log(2.0 * wide)) + 0.72 * math.log(5.2 / level))
    )
    return bound


class SequentialTest:
    """Who has beaten cash by more than chance: sums of log growth against
    :func:`confidence_sequence`.

    Growth is added up over blocks of rows, since neighbouring rows of one position move together. A
    candidate is proven once its sum crosses the bound, at ``level / count`` each (Bonferroni), and
    until its sum falls below half of the bound: a bound with one edge would buy and sell along it.

    Parameters
    ----------
    count : int
        Candidates.
    level : float
        Probability that any candidate without an edge is ever taken for proven.
    block : int
        Rows of a term.
    unit : float
        Log growth of a term that counts as small: one fee.
    """

    def __init__(self, count: int, level: float, block: int, unit: float) -> None:
        self.level, self.block, self.unit = level / count, block, unit
        self.sum = np.zeros(count)
        self.spread = np.zeros(count)
        self.proven: BoolArray = np.zeros(count, dtype=np.bool_)
        self._open = np.zeros(count)
        self._rows = 0

    def update(self, growth: FloatArray) -> None:
        """Take in the log growth of a row, (count,)."""
        self._open += growth
        self._rows += 1
        if self._rows < self.block:
            return
        term = self._open / self.unit
        self.sum += term
        self.spread += term * term
        bound = confidence_sequence(self.spread, self.level)
        self.proven = (self.sum >= bound) | (self.proven & (self.sum >= 0.5 * bound))
        self._open = np.zeros(len(term))
        self._rows = 0

    @property
    def strength(self) -> FloatArray:
        """Sum over bound: at 1 a candidate is proven."""
        strength: FloatArray = self.sum / confidence_sequence(self.spread, self.level)
        return strength
