"""Program: a portfolio problem in plain, checked arrays, and the figures of a portfolio in it."""

from __future__ import annotations

import dataclasses
import math
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
    """A problem as :class:`~statarb.optimization.MeanDownsideRisk` hands it to its solvers: N
    assets, T scenarios, cash earning 0.

    The set of portfolios is::

        lower <= w <= upper,   min_invested <= sum(w),
        sum(w) + paid * sum|w - previous| <= 1,   sum of each group <= its cap

    where ``paid`` is the fee if it is paid out of the budget, else 0.

    Parameters
    ----------
    expected_return : (N,)
        Expected simple return over the horizon.
    scenarios_by_asset : (N, T)
        Scenario returns, one row per asset, C order; 0 where missing.
    scenario_weights : (T,)
        Probabilities; they sum to 1.
    previous, lower, upper : (N,)
        Weights held before trading, and the box.
    risk_aversion, fee : float
        Lambda, and the cost of one unit of turnover.
    minimum_acceptable_return : float
        Return of one scenario below which it counts as a loss.
    min_invested : float
        Smallest sum of weights.
    fee_in_budget : bool
        Whether fees are paid out of the budget, as an exchange takes them.
    volatility : (N,), optional
        Multiplies each asset's scenarios (filtered historical scenarios); ``None`` is 1.
    group : (N,) int, optional
        Group of each asset, -1 for none.
    group_caps : (G,), optional
        Largest sum of weights of each group.
    return_floor : float, optional
        Smallest expected return net of fees.
    labels : Index, optional
        Names of the assets, for messages and results.
    objective, measure : str
        What is optimised, and what risk means.
    cvar_level : float
        Confidence of the conditional value at risk.
    """

    expected_return: FloatArray
    scenarios_by_asset: FloatArray
    scenario_weights: FloatArray
    previous: FloatArray
    lower: FloatArray
    upper: FloatArray
    risk_aversion: float
    fee: float = 0.0
    minimum_acceptable_return: float = 0.0
    min_invested: float = 0.0
    fee_in_budget: bool = False
    volatility: FloatArray | None = None
    group: IntArray | None = None
    group_caps: FloatArray | None = None
    return_floor: float | None = None
    labels: pd.Index | None = None
    objective: Objective = "utility"
    measure: Measure = "downside"
    cvar_level: float = 0.95

    @property
    def assets(self) -> int:
        """Number of assets N."""
        return len(self.expected_return)

    @property
    def paid(self) -> float:
        """Cost of one unit of turnover that the budget bears."""
        return self.fee if self.fee_in_budget else 0.0

    @property
    def tolerance(self) -> float:
        """Largest relative duality gap that is accepted from the fast path: 1e-8, for the ratio
        1e-7.
        """
        return 1e-7 if self.objective == "ratio" else 1e-8

    def name(self, asset: int) -> str:
        """Return the asset's label for a message.

        Parameters
        ----------
        asset : int
            Its position.

        Returns
        -------
        str
        """
        return f"asset {shown_at(self.labels, asset)}"

    def scenario_returns(self, weights: FloatArray) -> FloatArray:
        """Return the portfolio's return in every scenario, (T,).

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        (T,)
        """
        scaled_weight = weights if self.volatility is None else weights * self.volatility
        return combine(self.scenarios_by_asset, scaled_weight)

    def shortfall(self, weights: FloatArray) -> FloatArray:
        """Return ``max(0, minimum_acceptable_return - return)`` in every scenario, (T,).

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        (T,)
        """
        return np.maximum(self.minimum_acceptable_return - self.scenario_returns(weights), 0.0)

    def downside(self, weights: FloatArray) -> float:
        """Return the second lower partial moment, sum of p_t * shortfall_t squared.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        missed = self.shortfall(weights)
        return float(self.scenario_weights @ (missed * missed))

    def downside_gradient(self, weights: FloatArray) -> FloatArray:
        """Return the gradient of :meth:`downside`, (N,).

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        (N,)
        """
        return self.by_asset(-2.0 * self.scenario_weights * self.shortfall(weights))

    def risk_gradient(self, weights: FloatArray) -> FloatArray:
        """Return the gradient of :meth:`risk` for a measure that has one, (N,).

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        (N,)

        Raises
        ------
        ValueError
            A measure with kinks.
        """
        if self.measure == "downside":
            return self.downside_gradient(weights)
        if self.measure != "variance":
            raise ValueError(f"measure {self.measure!r} has no gradient everywhere")
        returns, p = self.scenario_returns(weights), self.scenario_weights
        return self.by_asset(2.0 * p * (returns - p @ returns))

    def by_asset(self, row: FloatArray) -> FloatArray:
        """Return the product of every asset's scenario returns with one number per scenario.

        Parameters
        ----------
        row : (T,)
            The numbers.

        Returns
        -------
        (N,)
        """
        product = self.scenarios_by_asset @ row
        return product if self.volatility is None else product * self.volatility

    def risk(self, weights: FloatArray) -> float:
        """Return the risk of a portfolio by :attr:`measure`.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
            In squared returns for ``downside`` and ``variance``, else in returns.
        """
        if self.measure == "downside":
            return self.downside(weights)
        returns, p = self.scenario_returns(weights), self.scenario_weights
        if self.measure == "lpm1":
            return float(p @ np.maximum(self.minimum_acceptable_return - returns, 0.0))
        if self.measure == "variance":
            return float(p @ (returns - p @ returns) ** 2)
        order = np.argsort(returns, kind="stable")
        place = np.searchsorted(np.cumsum(p[order]), 1.0 - self.cvar_level)
        threshold = -returns[order][min(int(place), len(p) - 1)]
        excess = np.maximum(-returns - threshold, 0.0)
        return float(threshold + p @ excess / (1.0 - self.cvar_level))

    def deviation(self, weights: FloatArray) -> float:
        """Return the risk in units of returns: the root of a squared measure.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        risk = self.risk(weights)
        return math.sqrt(risk) if self.measure in ("downside", "variance") else risk

    def turnover(self, weights: FloatArray) -> float:
        """Return the sum of absolute trades.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        return float(np.abs(weights - self.previous).sum())

    def net_return(self, weights: FloatArray) -> float:
        """Return the expected return after fees.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        return float(self.expected_return @ weights) - self.fee * self.turnover(weights)

    def utility(self, weights: FloatArray) -> float:
        """Return ``mu'w - fee * turnover - lambda * risk``.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        return self.net_return(weights) - self.risk_aversion * self.risk(weights)

    def ratio(self, weights: FloatArray) -> float:
        """Return ``(mu'w - fee * turnover - minimum_acceptable_return) / deviation``; infinite
        where a gain has no risk, 0 for 0 / 0.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        gain = self.net_return(weights) - self.minimum_acceptable_return
        deviation = self.deviation(weights)
        if deviation > 0.0:
            return gain / deviation
        return 0.0 if gain == 0.0 else float(np.copysign(np.inf, gain))

    def worth(self, weights: FloatArray) -> float:
        """Return the objective of a portfolio: utility, ratio, or risk.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        if self.objective == "utility":
            return self.utility(weights)
        return self.ratio(weights) if self.objective == "ratio" else self.risk(weights)

    def cash(self, weights: FloatArray) -> float:
        """Return what is left of the value before trading: 1 - sum(w), less the fees where they are
        paid out of it.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        return 1.0 - float(weights.sum()) - self.paid * self.turnover(weights)

    def infeasibility(self, weights: FloatArray) -> float:
        """Return the largest violation of any bound, budget or cap by ``weights``; 0 for a feasible
        portfolio.

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        float
        """
        worst = max(
            float(np.max(self.lower - weights, initial=0.0)),
            float(np.max(weights - self.upper, initial=0.0)),
            -self.cash(weights),
            self.min_invested - float(weights.sum()),
        )
        if self.group is not None and self.group_caps is not None:
            worst = max(
                worst, float(np.max(self.group_totals(weights) - self.group_caps, initial=0.0))
            )
        if self.return_floor is not None:
            worst = max(worst, self.return_floor - self.net_return(weights))
        return max(worst, 0.0)

    def group_totals(self, weights: FloatArray) -> FloatArray:
        """Return the sum of weights of every group, (G,).

        Parameters
        ----------
        weights : (N,)
            The portfolio.

        Returns
        -------
        (G,)
        """
        assert self.group is not None
        assert self.group_caps is not None
        member = self.group >= 0
        return np.bincount(
            self.group[member], weights[member], minlength=len(self.group_caps)
        ).astype(np.float64)

    def replace(self, **changes: object) -> Program:
        """Return the same program with the fields in ``changes`` replaced.

        Parameters
        ----------
        **changes
            Fields by name.

        Returns
        -------
        Program
        """
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def without_returns(self) -> Program:
        """Return the program with all expected returns 0: the least risk has no use for them."""
        return self.replace(expected_return=np.zeros(self.assets))

    def zero_return_program(self) -> Program:
        """Return the program of the least risk, without expected returns, fees and floor; its
        lambda is 1.
        """
        return self.without_returns().replace(
            objective="utility", fee=0.0, risk_aversion=1.0, return_floor=None
        )

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
                f"{self.previous[worst]:.6g}, less the largest trade) but may be at most "
                f"{self.upper[worst]:.6g}; raise its cap or max_trade"
            )
        least = self.lower + self.paid * np.abs(self.lower - self.previous)
        if least.sum() > 1.0 + 1e-12:
            worst = int(np.argmax(self.lower))
            raise InfeasibleError(
                f"the weights that must be kept sum to {least.sum():.6g} (with fees), above 1; the "
                f"largest is {self.name(worst)} with {self.lower[worst]:.6g}; raise max_trade so "
                "that more can be sold"
            )
        if self.upper.sum() < self.min_invested - 1e-12:
            raise InfeasibleError(
                f"at least {self.min_invested:.6g} must be invested, but the caps (and max_trade) "
                f"allow a total of {self.upper.sum():.6g}; raise them, or set min_invested=0 to "
                "allow cash"
            )
        if self.group is not None and self.group_caps is not None:
            over = np.flatnonzero(self.group_totals(self.lower) > self.group_caps + 1e-12)
            if len(over):
                member = np.flatnonzero(self.group == over[0])
                worst = int(member[np.argmax(self.lower[member])])
                raise InfeasibleError(
                    f"group {over[0]} must keep {self.group_totals(self.lower)[over[0]]:.6g} but "
                    f"may hold {self.group_caps[over[0]]:.6g}; its largest is {self.name(worst)}; "
                    "raise its cap or max_trade"
                )
