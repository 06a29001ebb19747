r"""The problem as it is written on paper, in cvxpy: the specification, for any of its solvers and
with constraints added.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.linalg
import scipy.sparse

from statarb._core.typing import FloatArray
from statarb.errors import InfeasibleError, ParameterError
from statarb.optimization.linear import CoupledRows
from statarb.optimization.program import Program

if TYPE_CHECKING:
    import cvxpy

__all__ = ["Constraint", "CvxpyAnswer", "CvxpyProblem"]

EARLIER: dict[str, float] = {"tol_gap_abs": 1e-6, "tol_gap_rel": 1e-6, "tol_feas": 1e-7}
"""Tolerances with which Clarabel ends earlier, where its defaults (1e-8) are not reached."""

Constraint: TypeAlias = "cvxpy.Constraint | Callable[[Any], Any]"
"""A cvxpy constraint, or a function of the weights that returns one or a list of them."""


def _load_cvxpy() -> Any:
    """Import cvxpy, where it is first needed; its functions are exported in a way that type
    checkers do not follow.
    """
    import cvxpy

    return cvxpy


@dataclasses.dataclass(frozen=True, eq=False)
class CvxpyAnswer:
    """What a cvxpy solver returned.

    Parameters
    ----------
    weights : (N,) or None
        ``None`` where the solver found none.
    status : str
        cvxpy's word.
    group_multipliers : (G,) or None
        Multipliers of the group caps, in the units of the objective.
    risk_aversion : float or None
        One over the multiplier of the floor on expected return.
    tail : (T,) or None
        For ``cvar`` and ``lpm1``: multipliers of the scenarios, per unit of risk.
    iterations : int
        As the solver counts them.
    """

    weights: FloatArray | None
    status: str
    group_multipliers: FloatArray | None = None
    risk_aversion: float | None = None
    tail: FloatArray | None = None
    iterations: int = 0


class CvxpyProblem:
    r"""One problem in cvxpy, with its data as parameters (DPP), so that it is compiled once and
    solved often.

    With weights w, scenario returns r_t of probability p_t, previous weights w0, fee c and minimum
    acceptable return m, where the second lower partial moment (Bawa 1975) is

    .. math:: D(w) = \sum_t p_t \max(0, m - r_t'w)^2

    and the net expected return :math:`n(w) = \mu'w - c \lVert w - w_0 \rVert_1`, the objectives are

    .. math::

        \text{utility:} \quad & \max\; n(w) - \lambda D(w) \\
        \text{ratio:} \quad & \max\; (n(w) - m) / \sqrt{D(w)} \\
        \text{min\_risk:} \quad & \min\; D(w) \;\text{subject to}\; n(w) \ge \text{floor} \\
        & \min\; \lambda D(w) + c \lVert w - w_0 \rVert_1 \;\text{where no floor is given}

    subject to ``lower <= w <= upper``, ``sum(w) >= min_invested``, ``sum(w) [+ c ||w - w0||_1] <=
    1`` and the caps of groups. The ratio is that of Sortino & van der Meer (1991); it is made
    convex as Charnes & Cooper (1962) do: with x = k w and k >= 0 free, minimise D(x) - n(x), all
    homogeneous in (x, k); then w = x / k. For the other measures, which are homogeneous of degree
    1, n(x) is maximised with measure(x) <= 1. The conditional value at risk is stated as in
    Rockafellar & Uryasev (2000), equation 4.

    The objective is divided by a constant so that a solver's absolute tolerance means something;
    this changes no solution.

    A problem can be pickled and copied, solved or not: the copy is stated anew, with variables of
    its own, and has the weights, not the solver's state.

    Parameters
    ----------
    program : Program
        Gives objective, measure, scenarios and their weights, which are constants, and which
        constraints there are. Other programs with the same scenarios can be solved too.
    variable : cvxpy Variable, optional
        The weights, where constraints have been written with them already.
    """

    def __init__(self, program: Program, variable: cvxpy.Variable | None = None) -> None:
        cp = _load_cvxpy()
        n, objective = program.assets, program.objective
        self._program = program
        self.objective, self.measure = objective, program.measure
        self.cvar_level = program.cvar_level
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
        by_asset = program.scenarios_by_asset
        if program.volatility is not None:
            by_asset = by_asset * program.volatility[:, None]
        self._objective_size = _typical_size(program, by_asset)
        ratio = objective == "ratio"
        # x is the portfolio itself, or k times it in the ratio form
        self._multiple = cp.Variable(nonneg=True, name="multiple") if ratio else None
        x = cp.Variable(n, name="scaled_weights") if ratio else self.weights
        one: Any = self._multiple if ratio else 1.0
        trade = cp.Variable(n, name="trade")
        fees = program.fee * cp.norm1(trade)
        net = self.expected_return @ x - fees
        self._tail: Any = None
        self._floor: Any = None
        self._group: Any = None
        constraints: list[Any] = []
        risk = self._risk(by_asset.T @ x, one, program, constraints)
        constraints += [
            trade == x - (cp.multiply(self.previous, one) if ratio else self.previous),
            x >= (cp.multiply(self.lower, one) if ratio else self.lower),
            x <= (cp.multiply(self.upper, one) if ratio else self.upper),
            cp.sum(x) + (fees if program.fee_in_budget else 0.0) <= one,
        ]
        if program.min_invested > 0.0:
            constraints.append(cp.sum(x) >= program.min_invested * one)
        if self.group_caps is not None:
            caps = cp.multiply(self.group_caps, one) if ratio else self.group_caps
            self._group = _membership(program) @ x <= caps
            constraints.append(self._group)
        size, gain = self._objective_size, net - program.minimum_acceptable_return * one
        # what one unit of risk costs in the objective that the solver sees
        self._risk_cost: Any = 1.0
        if objective == "utility":
            goal = cp.Minimize((self.risk_aversion * risk - net) / size)
        elif ratio and self.measure in ("downside", "variance"):
            goal = cp.Minimize(risk - gain)
        elif ratio:
            self._risk_cost = risk <= 1.0
            constraints.append(self._risk_cost)
            goal = cp.Minimize(-gain)
        elif program.return_floor is not None:
            self._floor = net / size >= self.return_floor / size
            constraints.append(self._floor)
            goal = cp.Minimize(risk / size)
        else:
            goal = cp.Minimize((self.risk_aversion * risk + fees) / size)
        self._x, self._goal, self._constraints = x, goal, constraints
        self.problem = cp.Problem(goal, constraints)

    def __getstate__(self) -> dict[str, Any]:
        """Return what the problem is stated from, and the weights; variables of cvxpy are numbered
        by process, and a solver's objects cannot be pickled.
        """
        return {"program": self._program, "weights": self.weights.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """State the problem anew."""
        self.__init__(state["program"])  # type: ignore[misc]
        if state["weights"] is not None:
            self.weights.value = state["weights"]

    def solve(
        self,
        program: Program,
        solver: str = "CLARABEL",
        constraints: Iterable[Constraint] = (),
        **options: Any,
    ) -> CvxpyAnswer:
        """Solve for the program's data; extra constraints involve the weights.

        Parameters
        ----------
        program : Program
            With the scenarios, fees and groups of the one that the problem was made of.
        solver : str
            An installed solver of cvxpy.
        constraints : iterable of cvxpy constraints, or functions of the weights that return them
            Further constraints.
        **options
            Passed on to cvxpy.

        Returns
        -------
        CvxpyAnswer

        Raises
        ------
        InfeasibleError
            Where the solver proves that no portfolio satisfies the constraints.
        ParameterError
            Solver not installed; extra constraints with the ratio, that do not involve the weights,
            or that were made in another process.
        """
        cp = _load_cvxpy()
        if solver not in cp.installed_solvers():
            raise ParameterError(
                f"solver must be one of {', '.join(cp.installed_solvers())}, got {solver!r}"
            )
        self._assign(program)
        problem = self.problem
        extra = self.added(constraints)
        if extra:
            problem = cp.Problem(self._goal, [*self._constraints, *extra])
        try:
            _run_solver(problem, solver, options)
        except cp.SolverError as error:
            return CvxpyAnswer(None, f"solver failed: {error}")
        iterations = (
            int(problem.solver_stats.num_iters or 0) if problem.solver_stats is not None else 0
        )
        if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
            raise InfeasibleError(
                f"no portfolio satisfies the constraints ({solver} says {problem.status}); loosen "
                "caps, floor, max_trade or the constraints that were added"
            )
        if self._x.value is None:
            return CvxpyAnswer(None, str(problem.status), iterations=iterations)
        multiple = 1.0 if self._multiple is None else float(self._multiple.value)
        if not multiple > 0.0:
            return CvxpyAnswer(
                None, f"{problem.status}, but the scaled weights vanish", iterations=iterations
            )
        return CvxpyAnswer(
            np.asarray(self._x.value, dtype=np.float64) / multiple,
            str(problem.status),
            self._group_multipliers(),
            None
            if self._floor is None or self._floor.dual_value is None
            else 1.0 / max(float(self._floor.dual_value), 1e-300),
            self._tail_multipliers(program),
            iterations,
        )

    def added(self, constraints: Iterable[Constraint]) -> list[Any]:
        """Return the constraints that are added, checked; functions are called with the weights.

        Parameters
        ----------
        constraints : iterable of cvxpy constraints, or functions of the weights that return them
            Further constraints.

        Returns
        -------
        list of cvxpy constraints

        Raises
        ------
        ParameterError
            As in :meth:`solve`.
        """
        cp = _load_cvxpy()
        found: list[Any] = []
        for constraint in constraints:
            made: Any = constraint
            if callable(constraint) and not isinstance(constraint, cp.Constraint):
                made = constraint(self.weights)
            found.extend(made if isinstance(made, (list, tuple)) else [made])
        if found and self.objective == "ratio":
            raise ParameterError(
                "constraints cannot be added to objective='ratio', whose weights are a quotient of "
                "variables; use objective='utility' or 'min_risk' with return_floor"
            )
        # leaves of cvxpy are numbered by process: one from elsewhere may bear the number of another
        known = {leaf.id: leaf for leaf in (*self.problem.variables(), *self.problem.parameters())}
        for constraint in found:
            if not isinstance(constraint, cp.Constraint):
                raise ParameterError(
                    "constraints must be cvxpy constraints or functions of the weights that "
                    f"return them, got {constraint!r}"
                )
            for leaf in (*constraint.variables(), *constraint.parameters()):
                if known.setdefault(leaf.id, leaf) is not leaf:
                    raise ParameterError(
                        f"a constraint involves {leaf.name()!r}, which was made in another process "
                        "or copied, and is not the variable of this problem; give a function of "
                        "the weights instead, such as lambda w: w[0] <= 0.1"
                    )
            variables = constraint.variables()
            if variables and not any(each is self.weights for each in variables):
                names = ", ".join(each.name() for each in variables)
                raise ParameterError(
                    f"a constraint involves the variables {names}, none of which are the weights; "
                    "write it with problem.variable(assets) or give a function of the weights"
                )
        return found

    def linearised(self, constraints: list[Any], weights: FloatArray) -> CoupledRows | str:
        """Return linear rows that every portfolio satisfies that satisfies the constraints.

        Constraints that are polyhedral (linear, or with absolute values, maxima and the like) give
        themselves, as cvxpy rewrites them. Another one, ``g(w) <= 0`` of a convex g, gives ``g(u) +
        g'(u)(w - u) <= 0`` for any u, here the solution.

        Parameters
        ----------
        constraints : list of cvxpy constraints
            As :meth:`added` returns them, after a solve.
        weights : (N,)
            The solution u.

        Returns
        -------
        CoupledRows, or a text
            The text says why there are none: integer variables, or a kind of constraint that has no
            gradient.
        """
        for constraint in constraints:
            for variable in constraint.variables():
                if variable.attributes["integer"] or variable.attributes["boolean"]:
                    return "a constraint has integer variables"
        self.weights.value = weights
        curved = [each for each in constraints if _polyhedron([each], self.weights) is None]
        if any(v is not self.weights for each in curved for v in each.variables()):
            # what a curved constraint shares with others has to stay one variable
            return _tangents(constraints, self.weights)
        flat = [each for each in constraints if all(each is not other for other in curved)]
        parts: list[CoupledRows] = []
        if curved:
            tangents = _tangents(curved, self.weights)
            if isinstance(tangents, str):
                return tangents
            parts.append(tangents)
        polyhedron = _polyhedron(flat, self.weights) if flat else None
        if polyhedron is not None:
            parts.append(polyhedron)
        return CoupledRows(
            np.vstack([part.weights for part in parts]),
            scipy.linalg.block_diag(*(part.extra for part in parts)),
            np.concatenate([part.limit for part in parts]),
            np.concatenate([part.equality for part in parts]),
            np.concatenate([part.extra_lower for part in parts]),
            np.concatenate([part.extra_upper for part in parts]),
        )

    def _group_multipliers(self) -> FloatArray | None:
        if self._group is None or self._group.dual_value is None:
            return None
        groups = np.maximum(np.asarray(self._group.dual_value, dtype=np.float64), 0.0)
        # the ratio's objective is not divided by its size, and its multipliers are those of the
        # weights themselves
        return groups if self._multiple is not None else groups * self._objective_size

    def _tail_multipliers(self, program: Program) -> FloatArray | None:
        """Return the multipliers of the scenarios per unit of risk."""
        if self._tail is None or self._tail.dual_value is None:
            return None
        cost = 1.0 / self._objective_size
        if self.objective == "utility" or (
            self.objective == "min_risk" and program.return_floor is None
        ):
            cost *= program.risk_aversion
        elif self.objective == "ratio":
            cost = float(self._risk_cost.dual_value)
        tail = np.maximum(np.asarray(self._tail.dual_value, dtype=np.float64), 0.0)
        return tail / cost if cost > 0.0 else None

    def _assign(self, program: Program) -> None:
        self.expected_return.value = program.expected_return
        self.previous.value = program.previous
        self.lower.value, self.upper.value = program.lower, program.upper
        self.risk_aversion.value = program.risk_aversion
        self.return_floor.value = 0.0 if program.return_floor is None else program.return_floor
        if self.group_caps is not None:
            self.group_caps.value = program.group_caps

    def _risk(self, returns: Any, one: Any, program: Program, constraints: list[Any]) -> Any:
        cp = _load_cvxpy()
        p, minimum = program.scenario_weights, program.minimum_acceptable_return
        if self.measure == "downside":
            return cp.sum_squares(cp.multiply(np.sqrt(p), cp.pos(minimum * one - returns)))
        if self.measure == "variance":
            return cp.sum_squares(cp.multiply(np.sqrt(p), returns - p @ returns))
        excess = cp.Variable(len(p), nonneg=True, name="excess")
        if self.measure == "lpm1":
            self._tail = minimum * one - returns <= excess
            constraints.append(self._tail)
            return p @ excess
        threshold = cp.Variable(name="value_at_risk")
        self._tail = -returns - threshold <= excess
        constraints.append(self._tail)
        return threshold + p @ excess / (1.0 - self.cvar_level)


def _run_solver(problem: Any, solver: str, options: dict[str, Any]) -> None:
    """Solve a problem of cvxpy; what it warns of is in its status."""
    cp = _load_cvxpy()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
        try:
            problem.solve(solver=solver, **options)
        except cp.SolverError:
            if solver != "CLARABEL" or options:
                raise
            # on degenerate problems its feasibility worsens again before the gap is closed
            problem.solve(solver=solver, **EARLIER)


def _polyhedron(constraints: list[Any], weights: Any) -> CoupledRows | None:
    """Return constraints as linear rows in the weights and further variables; ``None`` where they
    are curved.
    """
    cp = _load_cvxpy()
    try:
        data, _, _ = cp.Problem(cp.Minimize(0.0), constraints).get_problem_data(cp.CLARABEL)
    except cp.SolverError:
        return None
    cones = data["dims"]
    rows = cones.zero + cones.nonneg
    matrix = data["A"]
    if matrix is None or rows != matrix.shape[0]:
        return None
    columns = data[cp.settings.PARAM_PROB].var_id_to_col
    if weights.id not in columns:
        return None
    dense = np.asarray(matrix.todense(), dtype=np.float64)
    own = np.zeros(dense.shape[1], np.bool_)
    own[columns[weights.id] : columns[weights.id] + weights.size] = True
    free = np.full(int((~own).sum()), np.inf)
    return CoupledRows(
        dense[:, own],
        dense[:, ~own],
        np.asarray(data["b"], dtype=np.float64),
        np.arange(rows) < cones.zero,
        -free,
        free,
    )


def _tangents(constraints: list[Any], weights: Any) -> CoupledRows | str:
    """Return the tangents of constraints at the present values of their variables."""
    cp = _load_cvxpy()
    extra = {v.id: v for each in constraints for v in each.variables() if v is not weights}
    places = np.cumsum([0, *(variable.size for variable in extra.values())])
    on_weights, on_extra, limits, equations = [], [], [], []
    for constraint in constraints:
        equal = False
        if isinstance(constraint, (cp.constraints.Equality, cp.constraints.Zero)):
            expression, equal = constraint.expr, True
        elif isinstance(constraint, (cp.constraints.Inequality, cp.constraints.NonPos)):
            expression = constraint.expr
        elif isinstance(constraint, cp.constraints.NonNeg):
            expression = -constraint.expr
        elif isinstance(constraint, cp.SOC):
            bound, vector = constraint.args
            expression = cp.pnorm(vector, 2, axis=constraint.axis) - bound
        else:
            return f"a constraint is of the kind {type(constraint).__name__}"
        gradient, value = expression.grad, expression.value
        if value is None or any(part is None for part in gradient.values()):
            return "a constraint has no gradient at the solution"
        count = expression.size
        own, others = np.zeros((count, weights.size)), np.zeros((count, int(places[-1])))
        for variable, jacobian in gradient.items():
            part: Any = jacobian
            dense = np.asarray(part.toarray() if hasattr(part, "toarray") else part)
            dense = np.reshape(dense, (variable.size, count))
            if variable is weights:
                own = dense.T
            else:
                at = list(extra).index(variable.id)
                others[:, places[at] : places[at + 1]] = dense.T
        values = np.ravel(np.asarray(value, dtype=np.float64), order="F")
        if not equal:
            # what the solution violates by its tolerance would cut portfolios off
            values = np.minimum(values, 0.0)
        now = own @ weights.value + others @ _flat_values(extra)
        on_weights.append(own)
        on_extra.append(others)
        limits.append(now - values)
        equations.append(np.full(count, equal))
    lower, upper = _extra_bounds(extra)
    return CoupledRows(
        np.vstack(on_weights),
        np.vstack(on_extra),
        np.concatenate(limits),
        np.concatenate(equations),
        lower,
        upper,
    )


def _flat_values(extra: dict[int, Any]) -> FloatArray:
    values = [
        np.ravel(np.asarray(variable.value, dtype=np.float64), order="F")
        for variable in extra.values()
    ]
    return np.concatenate(values) if values else np.zeros(0)


def _extra_bounds(extra: dict[int, Any]) -> tuple[FloatArray, FloatArray]:
    """Return bounds of further variables; a sign is all that is used of what is known of them."""
    lower = [np.full(v.size, 0.0 if v.is_nonneg() else -np.inf) for v in extra.values()]
    upper = [np.full(v.size, 0.0 if v.is_nonpos() else np.inf) for v in extra.values()]
    empty = [np.zeros(0)]
    return np.concatenate(lower or empty), np.concatenate(upper or empty)


def _typical_size(program: Program, by_asset: FloatArray) -> float:
    """Return the size of the objective: a solver's absolute tolerance should be small beside it."""
    spread = float(np.sqrt(np.mean(by_asset**2))) if by_asset.size else 0.0
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
