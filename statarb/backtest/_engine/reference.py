"""Plain reference of the replay kernels: the same arithmetic, written to be read.

The kernels are tested against it, bit by bit.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.backtest._engine.kernels import SLACK
from statarb.backtest._engine.state import (
    BELOW_MINIMUM,
    CUT_TO_MAXIMUM,
    EXECUTED,
    NO_CASH,
    NO_QUOTE,
    NOT_FINITE,
)
from statarb.rules import TradingRules

__all__ = ["ReferenceAccount"]


@dataclasses.dataclass(eq=False)
class ReferenceAccount:
    """Cash, units and last known prices by asset; value, fees and turnover of the last step.

    ``numeraire`` is the column of the asset in which order limits are stated (-1: none), and
    ``numeraire_price`` its last known price (1 where there is none).
    """

    cash: float
    units: FloatArray
    last: FloatArray
    numeraire_price: float = 1.0
    numeraire: int = -1
    value: float = 0.0
    fees: float = 0.0
    turnover: float = 0.0
    reasons: IntArray = dataclasses.field(default_factory=lambda: np.zeros(6, dtype=np.int64))

    def mark(self, quotes: FloatArray) -> float:
        """Value the account at the quotes, NaN where there is none."""
        quoted = _quoted(quotes)
        self.last[quoted] = quotes[quoted]
        if self.numeraire >= 0 and quoted[self.numeraire]:
            self.numeraire_price = float(quotes[self.numeraire])
        self.value = self.cash + _sum(self.units * self.last)
        self.fees = self.turnover = 0.0
        return self.value

    def trade(self, quotes: FloatArray, target: FloatArray, rules: TradingRules) -> None:
        """Trade towards target weights, by steps 2 to 5 of the case."""
        fee = rules.fee
        lower, upper = rules.order_limits(self.numeraire_price)
        quoted = _quoted(quotes)
        price = np.where(quoted, quotes, 1.0)
        goal = np.clip(target, 0.0, 1.0) * self.value
        order = goal - self.units * self.last
        size = np.minimum(np.abs(order), upper)
        cut = np.abs(order) > upper
        reason = np.where(cut, CUT_TO_MAXIMUM, EXECUTED)
        reason[np.abs(order) < lower] = BELOW_MINIMUM
        reason[~np.isfinite(order) | ~np.isfinite(goal / price)] = NOT_FINITE
        reason[~quoted] = NO_QUOTE
        traded = (reason == EXECUTED) | (reason == CUT_TO_MAXIMUM)

        sale = traded & (order < 0.0)
        left = np.where(cut, self.units - size / price, goal / price)
        self.units[sale] = np.clip(left, 0.0, self.units)[sale]
        sold = _sum(np.where(sale, size, 0.0))
        before_fees = self.cash + sold
        cash = self.cash + (sold - fee * sold)

        purchase = traded & (order > 0.0)
        need = _sum(np.where(purchase, size, 0.0))
        cost = need + fee * need
        scaled = bool(purchase.any()) and cost > cash
        lacking = scaled and need > before_fees + SLACK * self.value
        done, in_full = purchase, purchase & ~cut
        if scaled:
            size = np.where(purchase, size * (cash / cost), size)
            done = purchase & (size >= lower) & (size > 0.0)
            in_full = np.zeros_like(purchase)
            reason[purchase if lacking else purchase & ~done] = NO_CASH
        partly = done & ~in_full
        self.units[partly] += (size / price)[partly]
        self.units[in_full] = (goal / price)[in_full]
        spent = _sum(np.where(done, size, 0.0))
        if purchase.any():
            cash -= spent + fee * spent
            if cash < 0.0 or (scaled and done.sum() == purchase.sum()):
                cash = 0.0
        self.cash = cash
        self.turnover = sold + spent
        self.fees = fee * (sold + spent)
        self.reasons += np.bincount(reason[order != 0.0], minlength=6)

    @property
    def weights(self) -> FloatArray:
        """Weights now, at the last known prices."""
        held = self.units * self.last
        return held / (self.cash + _sum(held))


def _quoted(quotes: FloatArray) -> BoolArray:
    """Whether a quote can be traded: a positive finite number."""
    return (quotes > 0.0) & (quotes < np.inf)


def _sum(values: FloatArray) -> float:
    """Add up in four lanes, each from first to last, as the kernels do; ``numpy.sum`` has an order
    of its own.
    """
    a, b, c, d = (
        float(np.cumsum(values[lane::4])[-1]) if len(values) > lane else 0.0 for lane in range(4)
    )
    return (a + b) + (c + d)
