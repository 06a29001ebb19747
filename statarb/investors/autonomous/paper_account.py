"""Paper accounts: candidates that trade on paper, each with its own account under the real rules
and the real delay.
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
from statarb.investors.stat_arb.lead_lag import EXIT_SHARE, band_weights
from statarb.rules import Context, TradingRules

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
"""Floor of a row's growth factor, for a paper account that has lost everything."""


@dataclasses.dataclass(frozen=True, eq=False)
class DecisionContext:
    """What a candidate decides on: one row, and all that is known then.

    Parameters
    ----------
    window : Panel
        Ends at the row.
    forecasts : (sources, assets)
        Expected log returns as forecast; NaN = none.
    shrinkage : (sources,)
        Of each source's forecasts, in [0, 1].
    context : Context
        Value of the portfolio, rules, decision lag.
    """

    window: Panel
    forecasts: FloatArray
    shrinkage: FloatArray
    context: Context


class Candidate:
    """One way to invest. ``decide`` gives target weights from held ones, or ``None`` to keep them.

    Attributes
    ----------
    name : str
        Its name in the log.
    from_holdings : bool
        Whether it can decide from anybody's holdings. Where not, its paper account's weights are
        copied.
    """

    name: str
    from_holdings: bool = True

    def decide(self, known: DecisionContext, held: FloatArray) -> FloatArray | None:
        """Return target weights.

        Parameters
        ----------
        known : DecisionContext
            What is known.
        held : (assets,)
            Held weights; the rest is cash.

        Returns
        -------
        (assets,) or None
            Target weights; ``None`` keeps the holdings.
        """
        raise NotImplementedError


class _Forecasting(Candidate):
    """Base of the candidates that trade on one source; without a significant track record they hold
    cash.
    """

    source: int

    def decide(self, known: DecisionContext, held: FloatArray) -> FloatArray | None:
        """Return target weights; see :meth:`Candidate.decide`."""
        factor = known.shrinkage[self.source]
        if factor <= 0.0:
            return np.zeros(len(held)) if held.any() else None
        return self.trade(known, factor * known.forecasts[self.source], held)

    def trade(
        self, known: DecisionContext, expected: FloatArray, held: FloatArray
    ) -> FloatArray | None:
        """Return target weights given the shrunk forecasts: expected log returns, (assets,), NaN =
        none.
        """
        raise NotImplementedError


class NoTradeBand(_Forecasting):
    """Purchase of assets whose expected return is above the fee, sale of those expected to fall, up
    to a cap per asset.

    Entry band: the fee of the rules; exit band: 0.6 times the fee, as in
    :class:`~statarb.investors.stat_arb.lead_lag.LeadLag`. Without a significant track record of its
    source it holds cash.

    Parameters
    ----------
    source : int
        Position of the source.
    name : str
        Name of the source.
    cap : float
        Largest weight that a purchase aims at.
    """

    def __init__(self, source: int, name: str, cap: float) -> None:
        self.source, self.cap = source, cap
        self.name = f"no-trade band, cap {cap:g}, {name}"

    def trade(
        self, known: DecisionContext, expected: FloatArray, held: FloatArray
    ) -> FloatArray | None:
        """Move the held weights by the band; see :meth:`Candidate.decide`."""
        fee = known.context.rules.fee
        return band_weights(held, expected, fee, EXIT_SHARE * fee, self.cap, fee)


class Optimised(_Forecasting):
    """The mean-downside-risk problem of :class:`~statarb.investors.stat_arb.investor.StatArb`, at
    one risk aversion.

    Without a significant track record of its source it holds cash.

    Parameters
    ----------
    source : int
        Position of the source.
    name : str
        Name of the source.
    risk_aversion, cap : float
        Of the problem, and the largest weight of an asset.
    """

    def __init__(self, source: int, name: str, risk_aversion: float, cap: float) -> None:
        self.source = source
        self.name = f"optimiser, risk aversion {risk_aversion:g}, cap {cap:g}, {name}"
        self.investor = StatArb(risk_aversion=risk_aversion, max_weight=cap, volatility=None)

    def trade(
        self, known: DecisionContext, expected: FloatArray, held: FloatArray
    ) -> FloatArray | None:
        """Solve the problem; see :meth:`Candidate.decide`."""
        # the account cuts orders to their limit; what is left of one is ordered at the next row
        rules = known.context.rules.without_limits()
        context = dataclasses.replace(known.context, rules=rules)
        return _ask(
            self.investor.decide_on, known.window, held, context, {"expected_return": expected}
        )


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

    def decide(self, known: DecisionContext, held: FloatArray) -> FloatArray | None:
        """Return target weights; see :meth:`Candidate.decide`."""
        return _ask(self.investor.decide, known.window, held, known.context)


def _ask(
    decide: Any, window: Panel, held: FloatArray, context: Context, *signal: Any
) -> FloatArray | None:
    answer = context.call(decide, window, pd.Series(held, index=window.assets), *signal)
    if answer is None:
        return None
    target = np.zeros(len(held))
    target[window.assets.get_indexer(answer.index)] = answer.to_numpy()
    return target


def candidates(names: list[str]) -> list[Candidate]:
    """Return the candidates besides cash: bands on every source, two risk aversions, three fixed
    rules.

    Parameters
    ----------
    names : list of str
        Names of the sources, by position; the first serves the optimiser, and the band with the
        largest cap.

    Returns
    -------
    list of Candidate
        Each with a name of its own.
    """
    return [
        *(NoTradeBand(place, name, 0.1) for place, name in enumerate(names)),
        NoTradeBand(0, names[0], 0.25),
        Optimised(0, names[0], 50.0, 0.1),
        Optimised(0, names[0], 3.0, 0.15),
        FixedRule(BuyAndHold()),
        FixedRule(BuyAndHoldEqualWeight()),
        FixedRule(Momentum()),
    ]


class PaperAccount:
    """A candidate with an account on paper.

    It decides once per row, from the row, and trades that on the first row at which the delay
    allows it: as a walk does where every step has a row. Where the next row comes late, the last
    decision is still traded.

    Parameters
    ----------
    candidate : Candidate
        Decides.
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
        self._lag = lag
        self._pending: deque[tuple[int, FloatArray | None]] = deque()
        self._due: FloatArray | None = None
        self._value = self.account.value

    @property
    def weights(self) -> FloatArray:
        """Held weights, (assets,)."""
        return self.account.weights

    def advance(self, known: DecisionContext, quotes: FloatArray, tradable: bool) -> float:
        """Mark, trade and decide at one row.

        Parameters
        ----------
        known : DecisionContext
            What is known at the row.
        quotes : (assets,)
            Observed quotes of the row, NaN where there is none.
        tradable : bool
            Whether orders can be measured: the numeraire has had a quote.

        Returns
        -------
        float
            Log growth since the row before.
        """
        value = self.account.mark(quotes)
        growth = float(np.log(max(value / self._value, LEAST_GROWTH))) if self._value > 0.0 else 0.0
        self._value = value
        if self._lag == 0:
            self._trade(self._decision(known), tradable)
            return growth
        place = int(known.window.places[-1])
        while self._pending and self._pending[0][0] <= place - self._lag:
            self._due = self._pending.popleft()[1]
        self._trade(self._due, tradable)
        self._pending.append((place, self._decision(known)))
        return growth

    def _trade(self, target: FloatArray | None, tradable: bool) -> None:
        if target is not None and tradable:
            self.account.trade(target)

    def _decision(self, known: DecisionContext) -> FloatArray | None:
        context = dataclasses.replace(known.context, value=self.account.value)
        try:
            target = self.candidate.decide(
                dataclasses.replace(known, context=context), self.account.weights
            )
        # what a problem without an answer raises
        except (DataError, InfeasibleError, np.linalg.LinAlgError) as error:
            message = f"{type(error).__name__}: {error}"
            if not self.failures:
                warnings.warn(
                    f"{self.candidate.name} cannot decide at {known.window.now} ({message}): its "
                    "paper holdings are kept; further cases are counted in "
                    "AutonomousInvestor.failures",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self.failures[message] += 1
            return None
        if target is None:
            return None
        target = np.maximum(target, 0.0)
        return target / max(1.0, float(target.sum()))
