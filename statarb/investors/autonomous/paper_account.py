"""Shadows: candidates that trade on paper, each with an account of its own under the real rules and
the real delay.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter, deque
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray
from statarb.backtest.account import Account
from statarb.data.panel import Panel
from statarb.errors import DataError, InfeasibleError
from statarb.investors.benchmarks.baselines import BuyAndHold, BuyAndHoldEqualWeight, Momentum
from statarb.investors.stat_arb.investor import StatArb
from statarb.investors.stat_arb.lead_lag import band_weights
from statarb.rules import TradingRules

__all__ = [
    "Candidate",
    "DecisionContext",
    "FixedRule",
    "NoTradeBand",
    "Optimised",
    "PaperAccount",
    "candidates",
]

LEAST_GROWTH = 1e-6
"""Least factor of a row's growth: what is left of a shadow that has lost everything."""


@dataclasses.dataclass(frozen=True, eq=False)
class DecisionContext:
    """What a candidate decides on: one row, and all that is known then.

    Parameters
    ----------
    window : Panel
        Ends at the row.
    forecasts : (sources, assets)
        Expected log returns as forecast; NaN = none.
    shares : (sources,)
        How far each source is believed, in [0, 1].
    """

    window: Panel
    forecasts: FloatArray
    shares: FloatArray


class Candidate:
    """One way to invest. ``decide`` gives wanted weights from held ones, or ``None`` to keep them.

    Attributes
    ----------
    name : str
        What the log calls it.
    from_holdings : bool
        Whether it can decide from anybody's holdings. Where not, its shadow's weights are taken
        over.
    """

    name: str
    from_holdings: bool = True

    def decide(self, scene: DecisionContext, held: FloatArray, value: float) -> FloatArray | None:
        """Return wanted weights.

        Parameters
        ----------
        scene : DecisionContext
            What is known.
        held : (assets,)
            Held weights; the rest is cash.
        value : float
            Of the portfolio, in USD.
        """
        raise NotImplementedError


class _Forecasting(Candidate):
    """Base of the candidates that trade on one source; where it is not believed at all they hold
    nothing.
    """

    source: int

    def decide(self, scene: DecisionContext, held: FloatArray, value: float) -> FloatArray | None:
        """Return wanted weights; see :meth:`Candidate.decide`."""
        share = scene.shares[self.source]
        if share <= 0.0:
            return np.zeros(len(held)) if held.any() else None
        return self.trade(scene.window, share * scene.forecasts[self.source], held, value)

    def trade(
        self, window: Panel, expected: FloatArray, held: FloatArray, value: float
    ) -> FloatArray | None:
        """Return wanted weights given what is believed of the forecasts: expected log returns,
        (assets,), NaN = none.
        """
        raise NotImplementedError


class NoTradeBand(_Forecasting):
    """Buys what is expected to rise by more than a fee, sells what is expected to fall, up to a cap
    an asset.

    Where its source is not believed at all it holds nothing.

    Parameters
    ----------
    source : int
        Position of the source.
    name : str
        What the log calls it.
    cap : float
        Largest weight that a purchase aims at.
    fee : float
        Entry band, and what purchases leave room for; the exit band is 0.6 of it, as in
        :class:`~statarb.investors.stat_arb.lead_lag.LeadLag`.
    """

    def __init__(self, source: int, name: str, cap: float, fee: float) -> None:
        self.source, self.cap, self.fee = source, cap, fee
        self.name = f"band {cap:g} on {name}"

    def trade(
        self, window: Panel, expected: FloatArray, held: FloatArray, value: float
    ) -> FloatArray | None:
        """Move the held weights by the band."""
        return band_weights(held, expected, self.fee, 0.6 * self.fee, self.cap, self.fee)


class Optimised(_Forecasting):
    """The mean-downside-risk problem of :class:`~statarb.investors.stat_arb.investor.StatArb`, at
    one risk aversion.

    Where its source is not believed at all it holds nothing.

    Parameters
    ----------
    source : int
        Position of the source.
    name : str
        What the log calls it.
    risk_aversion, cap : float
        Of the problem, and the largest weight of an asset.
    rules : TradingRules
        What a trade costs and how large it may be.
    """

    def __init__(
        self, source: int, name: str, risk_aversion: float, cap: float, rules: TradingRules
    ) -> None:
        self.source = source
        self.name = f"optimiser {risk_aversion:g}/{cap:g} on {name}"
        # the account cuts orders to their limit; what is left of one is wanted again at the next
        # row
        self.investor = StatArb(
            risk_aversion=risk_aversion, max_weight=cap, rules=rules.without_limits()
        )

    def trade(
        self, window: Panel, expected: FloatArray, held: FloatArray, value: float
    ) -> FloatArray | None:
        """Solve the problem."""
        return _asked(self.investor.decide_on, window, held, value, {"expected_return": expected})


class FixedRule(Candidate):
    """An investor of the library that needs no forecast, with a path of its own.

    Parameters
    ----------
    investor : Investor
        Is asked at every row.
    """

    from_holdings = False

    def __init__(self, investor: Any) -> None:
        self.investor = investor
        self.name = investor.name

    def decide(self, scene: DecisionContext, held: FloatArray, value: float) -> FloatArray | None:
        """Return wanted weights; see :meth:`Candidate.decide`."""
        return _asked(self.investor.decide, scene.window, held, value)


def _asked(
    decide: Any, window: Panel, held: FloatArray, value: float, *signal: Any
) -> FloatArray | None:
    holdings = pd.Series(held, index=window.assets)
    holdings.attrs["value"] = value
    answer = decide(window, holdings, *signal)
    if answer is None:
        return None
    wanted = np.zeros(len(held))
    wanted[window.assets.get_indexer(answer.index)] = answer.to_numpy()
    return wanted


def candidates(names: list[str], rules: TradingRules) -> list[Candidate]:
    """Return what competes, besides cash: rules on every source, two risk aversions, three plain
    investors.

    Parameters
    ----------
    names : list of str
        Names of the sources, by position; the first serves the optimiser, and the band with the
        widest cap.
    rules : TradingRules
        What a trade costs and how large it may be.
    """
    banded: list[Candidate] = [
        NoTradeBand(place, name, 0.1, rules.fee) for place, name in enumerate(names)
    ]
    return [
        *banded,
        NoTradeBand(0, names[0], 0.25, rules.fee),
        Optimised(0, names[0], 50.0, 0.1, rules),
        Optimised(0, names[0], 3.0, 0.15, rules),
        FixedRule(BuyAndHold()),
        FixedRule(BuyAndHoldEqualWeight()),
        FixedRule(Momentum()),
    ]


class PaperAccount:
    """A candidate with an account.

    A shadow decides once a row, from the row, and trades that on the first row at which the delay
    allows it: as a walk does where every step has a row. Where the next row comes late, the last
    decision stands, as in a walk.

    Parameters
    ----------
    candidate : Candidate
        Who decides.
    window : Panel
        Its assets, and the quotes before ``start``.
    rules : TradingRules
        Fee and order limits.
    start : datetime64
        First row that is marked.
    lag : int
        Steps between the row of a decision and its trade.

    Attributes
    ----------
    failures : Counter
        Decisions that could not be made, since the data or the bounds left no answer, by message:
        the paper holdings were kept. The first one warns. Any other error is a fault of the
        candidate, and is not caught.
    """

    def __init__(
        self,
        candidate: Candidate,
        window: Panel,
        rules: TradingRules,
        start: np.datetime64,
        lag: int,
    ) -> None:
        self.candidate = candidate
        self.account = Account(window, rules, start=pd.Timestamp(start))
        self.failures: Counter[str] = Counter()
        self._delay = lag * window.step.to_timedelta64()
        self._pending: deque[tuple[np.datetime64, FloatArray | None]] = deque()
        self._due: FloatArray | None = None
        self._value = self.account.value

    def advance(self, scene: DecisionContext, quotes: FloatArray, tradable: bool) -> float:
        """Live through a row, and return the log growth since the one before.

        Parameters
        ----------
        scene : DecisionContext
            What is known at the row.
        quotes : (assets,)
            Observed quotes of the row, NaN where there is none.
        tradable : bool
            Whether orders can be measured: the numeraire has had a quote.
        """
        stamp = scene.window._stamps[-1]
        value = self.account.mark(quotes)
        growth = float(np.log(max(value / self._value, LEAST_GROWTH))) if self._value > 0.0 else 0.0
        self._value = value
        if self._delay == np.timedelta64(0):
            self._trade(self._decided(scene), tradable)
            return growth
        while self._pending and self._pending[0][0] <= stamp - self._delay:
            self._due = self._pending.popleft()[1]
        self._trade(self._due, tradable)
        self._pending.append((stamp, self._decided(scene)))
        return growth

    def _trade(self, wanted: FloatArray | None, tradable: bool) -> None:
        if wanted is not None and tradable:
            self.account.trade(wanted)

    def _decided(self, scene: DecisionContext) -> FloatArray | None:
        try:
            wanted = self.candidate.decide(scene, self.account.weights, self.account.value)
        except (
            DataError,
            InfeasibleError,
            np.linalg.LinAlgError,
        ) as error:  # what a problem without an answer raises
            message = f"{type(error).__name__}: {error}"
            if not self.failures:
                warnings.warn(
                    f"{self.candidate.name} cannot decide at {scene.window.now} ({message}): its "
                    "paper holdings are kept; "
                    "further cases are counted in AutonomousInvestor.failures",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self.failures[message] += 1
            return None
        if wanted is None:
            return None
        wanted = np.maximum(wanted, 0.0)
        return wanted / max(1.0, float(wanted.sum()))
