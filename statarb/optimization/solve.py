"""Solving a checked program: the fast path with its certificate, or cvxpy."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from statarb._core.typing import FloatArray
from statarb.optimization._engine.fast_solver import FastSolver
from statarb.optimization.fallback import solve_fallback, solve_through_cvxpy
from statarb.optimization.objectives import Answer, solve_objective
from statarb.optimization.program import Program
from statarb.optimization.solution import Solution, Status, made_solution

if TYPE_CHECKING:
    from statarb.optimization.cvxpy_problem import Constraint

__all__ = ["fast_solver", "solve_fast", "solve_with_cvxpy"]


def fast_solver(program: Program, *, single: bool = False) -> FastSolver:
    """Return a solver that holds the program's scenarios, for :func:`solve_fast` again and again.

    Parameters
    ----------
    program : Program
        Any with these scenarios and groups.
    single : bool
        Keep a float32 copy of the scenarios, which pays where many problems share them.

    Returns
    -------
    FastSolver
    """
    return FastSolver(
        program.scenarios_by_asset,
        program.scenario_weights,
        single=single,
        group=program.group,
        groups=0 if program.group_caps is None else len(program.group_caps),
    )


def solve_fast(
    program: Program,
    fast: FastSolver,
    *,
    start: FloatArray | None = None,
    risk_aversion: float | None = None,
    verify: bool = True,
) -> Solution:
    """Solve a program on the fast path; an answer that is not certified is replaced by cvxpy's.

    Parameters
    ----------
    program : Program
        A feasible one, with ``measure="downside"``.
    fast : FastSolver
        Of the program's scenarios.
    start : (N,), optional
        Weights to start from.
    risk_aversion : float, optional
        For the ratio and the floor: where to look first.
    verify : bool
        Compute the certificate anew from the problem alone, in one pass over all scenarios of all
        assets.

    Returns
    -------
    Solution
    """
    began = time.perf_counter()
    answer = solve_objective(program, fast, start=start, risk_aversion=risk_aversion, verify=verify)
    certificate = answer.certificate
    if certificate.gap <= program.tolerance and certificate.infeasibility <= 1e-12:
        status: Status = "degenerate" if answer.reason else "optimal"
        return _solution(program, answer, status, answer.reason, began, "fast")
    why = (
        f"the fast path ended with a gap of {certificate.gap:.1e} and an infeasibility of "
        f"{certificate.infeasibility:.1e}"
    )
    better, name = solve_fallback(program, answer)
    if (
        better.certificate.gap <= 10.0 * program.tolerance
        and better.certificate.infeasibility <= 1e-12
    ):
        return _solution(program, better, "fallback", f"{why}; {name} was asked", began, name)
    return _solution(
        program, better, "optimal_inaccurate", f"{why}; {name} did no better", began, name
    )


def solve_with_cvxpy(
    program: Program,
    solver: str,
    constraints: Sequence[Constraint] = (),
    options: dict[str, Any] | None = None,
    variable: Any = None,
) -> Solution:
    """Solve a program with a solver of cvxpy, for any measure and with further constraints.

    Parameters
    ----------
    program : Program
        A feasible one.
    solver : str
        Its name, in capitals.
    constraints : sequence of cvxpy constraints, or functions of the weights that return them
        Further constraints.
    options : dict, optional
        Passed on to cvxpy.
    variable : cvxpy Variable, optional
        The weights, where constraints have been written with them.

    Returns
    -------
    Solution

    Raises
    ------
    InfeasibleError, ParameterError
        As :meth:`.CvxpyProblem.solve`.
    """
    began = time.perf_counter()
    answer, status = solve_through_cvxpy(program, solver, constraints, options or {}, variable)
    return _solution(program, answer, status, answer.reason, began, solver)


def _solution(
    program: Program, answer: Answer, status: Status, reason: str, began: float, solver: str
) -> Solution:
    risk = program.risk(answer.weights) if answer.downside is None else answer.downside
    net = program.net_return(answer.weights)
    if program.objective == "utility":
        worth = net - program.risk_aversion * risk
    elif program.objective == "min_risk":
        worth = risk
    else:
        worth = math.inf if status == "degenerate" else program.ratio(answer.weights)
    return made_solution(
        program,
        answer.weights,
        objective=worth,
        risk=risk,
        gap=answer.certificate.gap,
        status=status,
        reason=reason,
        iterations=answer.iterations,
        seconds=time.perf_counter() - began,
        risk_aversion=answer.risk_aversion,
        infeasibility=answer.certificate.infeasibility,
        solver=solver,
    )
