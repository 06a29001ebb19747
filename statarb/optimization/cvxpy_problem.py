"""The specification: the problem as it is written on paper, in cvxpy, for any of its solvers and
with constraints added.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import cvxpy
import numpy as np
import scipy.sparse

from statarb._core.typing import FloatArray
from statarb.errors import InfeasibleError, ParameterError
from statarb.optimization.program import Measure, Objective, Program

__all__ = ["Constraint", "Measure", "Objective", "Statement", "StatementAnswer"]

# cvxpy's functions are exported in a way that type checkers do not follow
cp: Any = cvxpy

Constraint: TypeAlias = cvxpy.Constraint | Callable[[Any], Any]
"""A cvxpy constraint, or a function of the weights that returns one or a list of them."""


@dataclasses.dataclass(frozen=True, eq=False)
class StatementAnswer:
    """What a cvxpy solver returned.

    Parameters
    ----------
    weights : (N,) or None
        ``None`` where the solver found none.
    status : str
        cvxpy's word.
    group_prices : (G,) or None
        Multipliers of the group caps.
    risk_price : float or None
        One over the multiplier of the floor on expected return.
    iterations : int
        As the solver counts them.
    """

    weights: FloatArray | None
    status: str
    group_prices: FloatArray | None
    risk_price: float | None
    iterations: int


class Statement:
    """One problem in cvxpy, with its data as parameters (DPP), so that it is compiled once and
    solved often.

    With weights w, scenario returns r_t of probability p_t, previous weights w0, fee c and minimum
    acceptable return m::

        downside(w) = sum_t p_t max(0, m - r_t'w)^2   second lower partial moment (Bawa 1975)
        net(w)      = mu'w - c ||w - w0||_1

        utility     maximise  net(w) - lambda downside(w)
        ratio       maximise  (net(w) - m) / sqrt(downside(w))   (Sortino & van der Meer 1991)
        min_risk    minimise  downside(w)                 subject to  net(w) >= floor
                    minimise  lambda downside(w) + c ||w - w0||_1       where no floor is given

        subject to  lower <= w <= upper,  sum(w) >= invested,  sum(w) [+ c ||w - w0||_1] <= 1,  sum
        over group g <= cap_g

    The ratio is made convex as Charnes & Cooper (1962) do: with x = k w and k >= 0 free, minimise
    downside(x) - net(x), all homogeneous in (x, k); then w = x / k. For the other measures, which
    are homogeneous of degree 1, net(x) is maximised with measure(x) <= 1.

    The objective is divided by a constant so that a solver's absolute tolerance means something;
    this changes no solution.

    Parameters
    ----------
    program : Program
        Gives scenarios and their weights, which are constants, and which constraints there are.
        Other programs with the same scenarios can be solved too.
    objective, measure : str
        What is optimised and what risk means.
    cvar_level : float
        Confidence of the conditional value at risk.
    variable : cvxpy Variable, optional
        The weights, where constraints have been written with them already.
    """

    def __init__(
        self,
        program: Program,
        objective: Objective,
        measure: Measure = "downside",
        cvar_level: float = 0.95,
        variable: cvxpy.Variable | None = None,
    ) -> None:
        n = program.assets
        self.objective, self.measure, self.cvar_level = objective, measure, cvar_level
        self.weights = cp.Variable(n, name="weights") if variable is None else variable
        self.expected_return = cp.Parameter(n, name="expected_return")
        self.previous = cp.Parameter(n, name="previous")
        self.lower, self.upper = cp.Parameter(n, name="lower"), cp.Parameter(n, name="upper")
        self.risk_aversion = cp.Parameter(nonneg=True, name="risk_aversion")
        self.return_floor = cp.Parameter(name="return_floor")
        self.group_caps = (
            None
            if program.group_caps is None
            else cp.Parameter(len(program.group_caps), name="group_caps")
        )
        histories = (
            program.histories
            if program.scale is None
            else program.histories * program.scale[:, None]
        )
        self._scenarios = histories.T
        self._probability = program.scenario_weights
        self._unit = _typical(program, histories)
        ratio = objective == "ratio"
        # x is the portfolio itself, or k times it in the ratio form
        self._multiple = cp.Variable(nonneg=True, name="multiple") if ratio else None
        x = cp.Variable(n, name="scaled_weights") if ratio else self.weights
        one: Any = self._multiple if ratio else 1.0
        trade = cp.Variable(n, name="trade")
        fees = program.fee * cp.norm1(trade)
        net = self.expected_return @ x - fees
        risk = self._risk(x, one, program)
        self._floor: Any = None
        self._group: Any = None
        constraints = [
            trade == x - (cp.multiply(self.previous, one) if ratio else self.previous),
            x >= (cp.multiply(self.lower, one) if ratio else self.lower),
            x <= (cp.multiply(self.upper, one) if ratio else self.upper),
            cp.sum(x) + (fees if program.fee_in_budget else 0.0) <= one,
        ]
        if program.invested > 0.0:
            constraints.append(cp.sum(x) >= program.invested * one)
        if self.group_caps is not None:
            caps = cp.multiply(self.group_caps, one) if ratio else self.group_caps
            self._group = _membership(program) @ x <= caps
            constraints.append(self._group)
        if objective == "utility":
            goal = cp.Minimize((self.risk_aversion * risk - net) / self._unit)
        elif ratio and measure in ("downside", "variance"):
            goal = cp.Minimize(risk - (net - program.mar * one))
        elif ratio:
            constraints.append(risk <= 1.0)
            goal = cp.Minimize(-(net - program.mar * one))
        elif program.return_floor is not None:
            self._floor = net / self._unit >= self.return_floor / self._unit
            constraints.append(self._floor)
            goal = cp.Minimize(risk / self._unit)
        else:
            goal = cp.Minimize((self.risk_aversion * risk + fees) / self._unit)
        self._x, self._one = x, one
        self._goal, self._constraints = goal, constraints
        self.problem = cp.Problem(goal, constraints)

    def solve(
        self,
        program: Program,
        solver: str = "CLARABEL",
        constraints: Iterable[Constraint] = (),
        **options: Any,
    ) -> StatementAnswer:
        """Solve for the program's data; extra constraints speak of the weights.

        Raises
        ------
        InfeasibleError
            Where the solver proves that no portfolio satisfies the constraints.
        ParameterError
            Solver not installed, or extra constraints with the ratio form that are not convex in
            the scaled weights.
        """
        if solver not in cp.installed_solvers():
            raise ParameterError(
                f"solver must be one of {', '.join(cp.installed_solvers())}, got {solver!r}"
            )
        self._assign(program)
        problem = self.problem
        extra = self._added(constraints)
        if extra:
            problem = cp.Problem(self._goal, [*self._constraints, *extra])
        try:
            problem.solve(solver=solver, **options)
        except cp.SolverError as error:
            return StatementAnswer(None, f"solver failed: {error}", None, None, 0)
        iterations = (
            int(problem.solver_stats.num_iters or 0) if problem.solver_stats is not None else 0
        )
        if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
            raise InfeasibleError(
                f"no portfolio satisfies the constraints ({solver} says {problem.status}); loosen "
                "caps, floor, max_trade or "
                "the constraints that were added"
            )
        if self._x.value is None:
            return StatementAnswer(None, str(problem.status), None, None, iterations)
        multiple = 1.0 if self._multiple is None else float(self._multiple.value)
        if not multiple > 0.0:
            return StatementAnswer(
                None, f"{problem.status}, but the scaled weights vanish", None, None, iterations
            )
        weights = np.asarray(self._x.value, dtype=np.float64) / multiple
        groups = None
        if self._group is not None and self._group.dual_value is not None:
            groups = np.maximum(np.asarray(self._group.dual_value, dtype=np.float64), 0.0)
            # the ratio's objective is not divided by the unit, and its multipliers are those of the
            # weights themselves
            groups = groups if self._multiple is not None else groups * self._unit
        floor = None
        if self._floor is not None and self._floor.dual_value is not None:
            floor = 1.0 / max(float(self._floor.dual_value), 1e-300)
        return StatementAnswer(weights, str(problem.status), groups, floor, iterations)

    def _added(self, constraints: Iterable[Constraint]) -> list[Any]:
        found: list[Any] = []
        for constraint in constraints:
            made = (
                constraint(self.weights)
                if callable(constraint) and not isinstance(constraint, cvxpy.Constraint)
                else constraint
            )
            found.extend(made if isinstance(made, (list, tuple)) else [made])
        if found and self.objective == "ratio":
            raise ParameterError(
                "constraints cannot be added to objective='ratio', whose weights are a quotient of "
                "variables; "
                "use objective='utility' or 'min_risk' with return_floor"
            )
        for constraint in found:
            if not isinstance(constraint, cvxpy.Constraint):
                raise ParameterError(
                    "constraints must be cvxpy constraints or functions of the weights that "
                    f"return them, got {constraint!r}"
                )
            if (
                any(variable.id == self.weights.id for variable in constraint.variables())
                or not constraint.variables()
            ):
                continue
            names = ", ".join(variable.name() for variable in constraint.variables())
            raise ParameterError(
                f"a constraint speaks of the variables {names}, none of which are the weights; "
                "write it with "
                "problem.variable(assets) or give a function of the weights"
            )
        return found

    def _assign(self, program: Program) -> None:
        self.expected_return.value = program.expected_return
        self.previous.value = program.previous
        self.lower.value, self.upper.value = program.lower, program.upper
        self.risk_aversion.value = program.risk_aversion
        self.return_floor.value = 0.0 if program.return_floor is None else program.return_floor
        if self.group_caps is not None:
            self.group_caps.value = program.group_caps

    def _risk(self, x: Any, one: Any, program: Program) -> Any:
        returns, p = self._scenarios @ x, self._probability
        if self.measure == "downside":
            return cp.sum_squares(cp.multiply(np.sqrt(p), cp.pos(program.mar * one - returns)))
        if self.measure == "lpm1":
            return p @ cp.pos(program.mar * one - returns)
        if self.measure == "variance":
            return cp.sum_squares(cp.multiply(np.sqrt(p), returns - p @ returns))
        # Rockafellar & Uryasev (2000), equation 4
        threshold = cp.Variable(name="value_at_risk")
        return threshold + p @ cp.pos(-returns - threshold) / (1.0 - self.cvar_level)


def measure_of(program: Program, weights: FloatArray, measure: Measure, cvar_level: float) -> float:
    """Return the risk of a portfolio as :class:`Statement` means it."""
    returns, p = program.scenario_returns(weights), program.scenario_weights
    if measure == "downside":
        return program.downside(weights)
    if measure == "lpm1":
        return float(p @ np.maximum(program.mar - returns, 0.0))
    if measure == "variance":
        return float(p @ (returns - p @ returns) ** 2)
    order = np.argsort(returns, kind="stable")
    threshold = -returns[order][np.searchsorted(np.cumsum(p[order]), 1.0 - cvar_level)]
    return float(threshold + p @ np.maximum(-returns - threshold, 0.0) / (1.0 - cvar_level))


def _typical(program: Program, histories: FloatArray) -> float:
    """Return the size of the objective: a solver's absolute tolerance should be small beside it."""
    spread = float(np.sqrt(np.mean(histories**2))) if histories.size else 0.0
    size = max(
        float(np.abs(program.expected_return).max(initial=0.0)), program.risk_aversion * spread**2
    )
    if program.return_floor is not None:
        size = spread**2
    return size if size > 0.0 else 1.0


def _membership(program: Program) -> Any:
    assert program.group is not None
    assert program.group_caps is not None
    member = np.flatnonzero(program.group >= 0)
    shape = (len(program.group_caps), program.assets)
    return scipy.sparse.csr_array(
        (np.ones(len(member)), (program.group[member], member)), shape=shape
    )
