"""Solution: a portfolio, what it costs, and its certificate."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from statarb._core.numeric import sum_slack
from statarb._core.typing import FloatArray
from statarb.optimization.program import Program

__all__ = ["Solution", "Status"]

HELD = sum_slack()
"""Weight below which an asset counts as not held: what another solver leaves of zero."""

Status = Literal["optimal", "optimal_inaccurate", "fallback", "degenerate", "infeasible"]
Weights: TypeAlias = "pd.Series[Any] | FloatArray"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """What :meth:`statarb.MeanDownsideRisk.solve` returns.

    Parameters
    ----------
    weights : (N,) Series or array
        Share of the value before trading in each asset; a Series where the assets have labels.
    cash : float
        What is left of the value before trading: ``1 - sum(weights)``, less the fees where rules
        are given.
    objective : float
        Utility, ratio, or (``min_risk``) the risk itself.
    gap : float
        Upper bound of the relative distance to the optimal objective, computed from the problem and
        the weights alone; NaN where none could be computed, and ``reason`` says why (constraints
        with integer variables or of a kind without a gradient).
    status : str
        ``optimal``: certified (through cvxpy: gap and infeasibility at most 1e-6, where known).
        ``optimal_inaccurate``: the gap is above what is asked for, or the chosen solver says so.
        ``fallback``: the fast path was not certified and cvxpy's answer is given. ``degenerate``:
        optimal, but not as one would think (an infinite ratio). ``infeasible``: only in batches,
        where it is not raised; the weights are NaN.
    reason : str
        What the status rests on; empty for a plain ``optimal``.
    iterations : int
        Newton steps, or the chosen solver's iterations.
    seconds : float
        Wall time, with all checks.
    expected_return, risk, fees, turnover : float
        Expected return before fees; risk (second lower partial moment, or the measure chosen); fees
        as a share of the value; sum of absolute changes of weights.
    risk_aversion : float
        The lambda whose utility problem has this solution (of interest for the ratio and the
        floor).
    infeasibility : float
        Largest violation of a constraint.
    solver : str
        ``fast`` or the name of a cvxpy solver.
    dropped : tuple of labels
        Assets whose order would have been below the smallest allowed and is left out.
    objective_lost : float
        What leaving them out costs, in units of the objective.
    """

    weights: Weights
    cash: float
    objective: float
    gap: float
    status: Status
    reason: str
    iterations: int
    seconds: float
    expected_return: float
    risk: float
    fees: float
    turnover: float
    risk_aversion: float
    infeasibility: float
    solver: str = "fast"
    dropped: tuple[Hashable, ...] = ()
    objective_lost: float = 0.0

    def __repr__(self) -> str:
        """Return the figures on one line and the largest weights; ``held()`` has them all."""
        held = self.array[self.array > HELD]
        text = (
            f"Solution({self.status}, objective={self.objective:.6g}, gap={self.gap:.1e}, "
            f"{len(held)} of {len(self.array)} held, "
            f"cash={self.cash:.4g}, expected_return={self.expected_return:.4g}, "
            f"risk={self.risk:.4g}, fees={self.fees:.4g}, "
            f"turnover={self.turnover:.4g}, {self.solver} in {1e3 * self.seconds:.3g} ms)"
        )
        return f"{text[:-1]}: {self.reason})" if self.reason else text

    @property
    def array(self) -> FloatArray:
        """Weights as an array, (N,)."""
        return np.asarray(self.weights, dtype=np.float64)

    def held(self) -> Weights:
        """Return the weights that are more than rounding, largest first."""
        if isinstance(self.weights, pd.Series):
            return self.weights[self.weights.abs() > HELD].sort_values(ascending=False)
        return np.sort(self.array[np.abs(self.array) > HELD])[::-1]


def made_solution(program: Program, weights: FloatArray, **known: Any) -> Solution:
    """Return the solution with the figures that follow from the weights.

    Parameters
    ----------
    program : Program
        The problem.
    weights : (N,)
        The portfolio.
    **known
        The other fields of :class:`Solution`.

    Returns
    -------
    Solution
    """
    turnover = program.turnover(weights)
    return Solution(
        weights=weights
        if program.labels is None
        else pd.Series(weights, index=program.labels, name="weight"),
        cash=program.cash(weights),
        expected_return=float(program.expected_return @ weights),
        fees=program.fee * turnover,
        turnover=turnover,
        **known,
    )


def infeasible_solution(assets: int, labels: pd.Index | None, reason: str) -> Solution:
    """Return a solution without a portfolio, for batches.

    Parameters
    ----------
    assets : int
        N.
    labels : Index or None
        The assets.
    reason : str
        Why there is none.

    Returns
    -------
    Solution
        With the status ``infeasible`` and weights of NaN.
    """
    weights = np.full(assets, np.nan)
    nan = float("nan")
    return Solution(
        weights=weights if labels is None else pd.Series(weights, index=labels, name="weight"),
        cash=nan, objective=nan, gap=nan, status="infeasible", reason=reason, iterations=0,
        seconds=0.0, expected_return=nan,
        risk=nan, fees=nan, turnover=nan, risk_aversion=nan, infeasibility=nan,
    )  # fmt: skip
