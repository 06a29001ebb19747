"""The replay's numpy twin: the same arithmetic, written to be read. The kernels are tested against
it, bit by bit.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import BoolArray, FloatArray
from statarb.backtest._engine.kernels import (
    BELOW_MINIMUM,
    CUT_TO_MAXIMUM,
    EXECUTED,
    NO_CASH,
    NO_QUOTE,
    NOT_FINITE,
)

__all__ = ["TwinAccount"]


@dataclasses.dataclass(eq=False)
class TwinAccount:
    """Cash, units and last known prices; ``unit`` is the last known price of the numeraire (1 where
    there is none).
    """

    cash: float
    units: FloatArray
    last: FloatArray
    unit: float = 1.0
    numeraire: int = -1
    value: float = 0.0
    fees: float = 0.0
    turnover: float = 0.0
    reasons: FloatArray = dataclasses.field(default_factory=lambda: np.zeros(6, dtype=np.int64))

    def mark(self, quotes: FloatArray) -> float:
        """Value the account at the quotes, NaN where there is none."""
        quoted = _quoted(quotes)
        self.last[quoted] = quotes[quoted]
        if self.numeraire >= 0 and quoted[self.numeraire]:
            self.unit = float(quotes[self.numeraire])
        self.value = self.cash + _sum(self.units * self.last)
        self.fees = self.turnover = 0.0
        return self.value

    def trade(
        self, quotes: FloatArray, wanted: FloatArray, fee: float, min_order: float, max_order: float
    ) -> None:
        """Trade towards the wanted weights, by steps 2 to 5 of the case."""
        lower, upper = min_order * self.unit, max_order * self.unit
        quoted = _quoted(quotes)
        price = np.where(quoted, quotes, 1.0)
        target = np.clip(wanted, 0.0, 1.0) * self.value
        order = target - self.units * self.last
        size = np.minimum(np.abs(order), upper)
        cut = np.abs(order) > upper
        reason = np.where(cut, CUT_TO_MAXIMUM, EXECUTED)
        reason[np.abs(order) < lower] = BELOW_MINIMUM
        reason[~np.isfinite(order) | ~np.isfinite(target / price)] = NOT_FINITE
        reason[~quoted] = NO_QUOTE
        traded = (reason == EXECUTED) | (reason == CUT_TO_MAXIMUM)

        sale = traded & (order < 0.0)
        left = np.where(cut, self.units - size / price, target / price)
        self.units[sale] = np.clip(left, 0.0, self.units)[sale]
        sold = _sum(np.where(sale, size, 0.0))
        cash = self.cash + (sold - fee * sold)

        purchase = traded & (order > 0.0)
        need = _sum(np.where(purchase, size, 0.0))
        cost = need + fee * need
        scaled = bool(purchase.any()) and cost > cash
        done = purchase
        if scaled:
            size = np.where(purchase, size * (cash / cost), size)
            done = purchase & (size >= lower) & (size > 0.0)
            reason[purchase] = NO_CASH
        whole = done & (reason == EXECUTED)
        self.units[done & ~whole] += (size / price)[done & ~whole]
        self.units[whole] = (target / price)[whole]
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
