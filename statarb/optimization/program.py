"""Program: one mean-downside-risk problem in plain arrays, checked, and the figures of a portfolio
in it.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray, IntArray
from statarb.errors import InfeasibleError
from statarb.optimization._engine.pricing import combine
from statarb.optimization.labels import shown_at

__all__ = ["Measure", "Objective", "Program"]

Objective = Literal["utility", "ratio", "min_risk"]
Measure = Literal["downside", "variance", "cvar", "lpm1"]


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """What :class:`~statarb.optimization.MeanDownsideRisk` hands to its solvers: N assets, T
    scenarios, cash earning 0.

    The set of portfolios is

        lower <= w <= upper,   invested <= sum(w),   sum(w) + paid * sum|w - previous| <= 1,   sum
        of each group <= its cap

    where ``paid`` is the fee if it is paid out of the budget, else 0.

    Parameters
    ----------
    expected_return : (N,)
        Expected simple return over the horizon.
    histories : (N, T)
        Scenario returns, one row an asset, C order; 0 where missing.
    scenario_weights : (T,)
        Probabilities; they sum to 1.
    previous, lower, upper : (N,)
        Weights held before trading, and the box.
    risk_aversion, fee, mar : float
        Lambda, cost of one unit of turnover, minimum acceptable return of one scenario.
    invested : float
        Smallest sum of weights.
    fee_in_budget : bool
        Whether fees are paid out of the budget, as an exchange takes them.
    scale : (N,), optional
        Multiplies each asset's history (volatility of filtered historical scenarios); ``None`` is
        1.
    group : (N,) int, optional
        Group of each asset, -1 for none.
    group_caps : (G,), optional
        Largest sum of weights of each group.
    return_floor : float, optional
        Smallest expected return net of fees.
    labels : Index, optional
        Names of the assets, for messages and results.
    """

    expected_return: FloatArray
    histories: FloatArray
    scenario_weights: FloatArray
    previous: FloatArray
    lower: FloatArray
    upper: FloatArray
    risk_aversion: float
    fee: float = 0.0
    mar: float = 0.0
    invested: float = 0.0
    fee_in_budget: bool = False
    scale: FloatArray | None = None
    group: IntArray | None = None
    group_caps: FloatArray | None = None
    return_floor: float | None = None
    labels: pd.Index | None = None

    @property
    def assets(self) -> int:
        """Number of assets N."""
        return len(self.expected_return)

    @property
    def paid(self) -> float:
        """Cost of one unit of turnover that the budget bears."""
        return self.fee if self.fee_in_budget else 0.0

    def name(self, asset: int) -> str:
        """Return the asset's label for a message."""
        return f"asset {shown_at(self.labels, asset)}"

    def scenario_returns(self, weights: FloatArray) -> FloatArray:
        """Return the portfolio's return in every scenario, (T,)."""
        exposure = weights if self.scale is None else weights * self.scale
        return combine(self.histories, exposure)

    def shortfall(self, weights: FloatArray) -> FloatArray:
        """Return ``max(0, mar - return)`` in every scenario, (T,)."""
        return np.maximum(self.mar - self.scenario_returns(weights), 0.0)

    def downside(self, weights: FloatArray) -> float:
        """Return the second lower partial moment, sum of p_t * shortfall_t squared."""
        missed = self.shortfall(weights)
        return float(self.scenario_weights @ (missed * missed))

    def downside_gradient(self, weights: FloatArray) -> FloatArray:
        """Return the gradient of :meth:`downside`, (N,)."""
        pull = self.histories @ (-2.0 * self.scenario_weights * self.shortfall(weights))
        return pull if self.scale is None else pull * self.scale

    def turnover(self, weights: FloatArray) -> float:
        """Return the sum of absolute trades."""
        return float(np.abs(weights - self.previous).sum())

    def net_return(self, weights: FloatArray) -> float:
        """Return the expected return after fees."""
        return float(self.expected_return @ weights) - self.fee * self.turnover(weights)

    def utility(self, weights: FloatArray) -> float:
        """Return ``mu'w - lambda * downside - fee * turnover``."""
        return self.net_return(weights) - self.risk_aversion * self.downside(weights)

    def ratio(self, weights: FloatArray) -> float:
        """Return ``(mu'w - fee * turnover - mar) / sqrt(downside)``; infinite where a gain has no
        downside, 0 for 0 / 0.
        """
        gain, deviation = (
            self.net_return(weights) - self.mar,
            float(np.sqrt(self.downside(weights))),
        )
        if deviation > 0.0:
            return gain / deviation
        return 0.0 if gain == 0.0 else float(np.copysign(np.inf, gain))

    def cash(self, weights: FloatArray) -> float:
        """Return what is left of the value before trading: 1 - sum(w), less the fees where they are
        paid out of it.
        """
        return 1.0 - float(weights.sum()) - self.paid * self.turnover(weights)

    def infeasibility(self, weights: FloatArray) -> float:
        """Return the largest violation of any bound, budget or cap by ``weights``; 0 for a feasible
        portfolio.
        """
        worst = max(
            float(np.max(self.lower - weights, initial=0.0)),
            float(np.max(weights - self.upper, initial=0.0)),
            -self.cash(weights),
            self.invested - float(weights.sum()),
        )
        if self.group is not None and self.group_caps is not None:
            worst = max(
                worst, float(np.max(self.group_totals(weights) - self.group_caps, initial=0.0))
            )
        if self.return_floor is not None:
            worst = max(worst, self.return_floor - self.net_return(weights))
        return max(worst, 0.0)

    def group_totals(self, weights: FloatArray) -> FloatArray:
        """Return the sum of weights of every group, (G,)."""
        assert self.group is not None
        assert self.group_caps is not None
        member = self.group >= 0
        return np.bincount(
            self.group[member], weights[member], minlength=len(self.group_caps)
        ).astype(np.float64)

    def replace(self, **changes: object) -> Program:
        """Return the same program with the fields in ``changes`` replaced."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def require_feasible(self) -> None:
        """Raise where no portfolio satisfies the bounds, naming the asset or the budget in
        conflict.

        Raises
        ------
        InfeasibleError
            A lower bound above its upper bound, lower bounds that do not fit into the budget or
            into a group's cap, or upper bounds that cannot reach what must be invested.
        """
        crossed = np.flatnonzero(self.lower > self.upper)
        if len(crossed):
            worst = int(crossed[np.argmax((self.lower - self.upper)[crossed])])
            raise InfeasibleError(
                f"{self.name(worst)} must keep at least {self.lower[worst]:.6g} (held "
                f"{self.previous[worst]:.6g}, less the "
                f"largest trade) but may be at most {self.upper[worst]:.6g}; raise its cap or "
                "max_trade"
            )
        least = self.lower + self.paid * np.abs(self.lower - self.previous)
        if least.sum() > 1.0 + 1e-12:
            worst = int(np.argmax(self.lower))
            raise InfeasibleError(
                f"the weights that must be kept sum to {least.sum():.6g} (with fees), above 1; the "
                "largest is "
                f"{self.name(worst)} with {self.lower[worst]:.6g}; raise max_trade so that more "
                "can be sold"
            )
        if self.upper.sum() < self.invested - 1e-12:
            raise InfeasibleError(
                f"at least {self.invested:.6g} must be invested, but the caps (and max_trade) "
                "allow a total of "
                f"{self.upper.sum():.6g}; raise them, or set invested=0 to allow cash"
            )
        if self.group is not None and self.group_caps is not None:
            over = np.flatnonzero(self.group_totals(self.lower) > self.group_caps + 1e-12)
            if len(over):
                member = np.flatnonzero(self.group == over[0])
                worst = int(member[np.argmax(self.lower[member])])
                raise InfeasibleError(
                    f"group {over[0]} must keep {self.group_totals(self.lower)[over[0]]:.6g} but "
                    "may hold "
                    f"{self.group_caps[over[0]]:.6g}; its largest is {self.name(worst)}; raise its "
                    "cap or max_trade"
                )
