"""cvxpy's answers: on request, and where the fast path is not certified, then on the assets that
matter.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import cvxpy
import numpy as np

from statarb._core.typing import FloatArray
from statarb.errors import InfeasibleError
from statarb.optimization.certificate import (
    Certificate,
    certify_min_risk,
    certify_ratio,
    certify_utility,
)
from statarb.optimization.cvxpy_problem import Constraint, Statement, StatementAnswer
from statarb.optimization.objectives import Answer
from statarb.optimization.program import Measure, Objective, Program
from statarb.optimization.solution import Status

__all__ = ["solve_fallback", "solve_statement"]

TIGHT: dict[str, Any] = {
    "tol_gap_abs": 1e-12,
    "tol_gap_rel": 1e-12,
    "tol_feas": 1e-12,
    "max_iter": 200,
}
"""Clarabel's tolerances; its defaults leave relative errors of 1e-6 on objectives of this size."""

ROUGH = 1e-6
"""Gap and infeasibility that pass as optimal from a solver of the caller's choice; what their
defaults aim at, or more.
"""


def solve_statement(
    program: Program,
    objective: Objective,
    measure: Measure,
    cvar_level: float,
    solver: str,
    constraints: list[Constraint],
    options: dict[str, Any],
    variable: cvxpy.Variable,
) -> tuple[Answer, Status, bool]:
    """Solve the specification with a cvxpy solver.

    Returns
    -------
    answer : Answer
        Weights as the solver gave them, put into the box.
    status : str
        ``optimal``; or ``optimal_inaccurate``, where the solver says so or the certificate is worse
        than :data:`ROUGH`.
    certified : bool
        Whether the gap is one: not for other measures, or with constraints that the certificate
        does not know.

    Raises
    ------
    InfeasibleError
        No portfolio, or none found.
    """
    statement = Statement(program, objective, measure, cvar_level, variable)
    found = statement.solve(program, solver, constraints, **options)
    if found.weights is None:
        raise InfeasibleError(f"{solver} found no portfolio: {found.status}")
    weights = np.clip(found.weights, program.lower, program.upper)
    certified = measure == "downside" and not constraints
    certificate = Certificate(math.nan, program.infeasibility(weights), 0.0)
    if certified:
        certificate = _certify(program, objective, weights, found)
    accurate = found.status == cvxpy.OPTIMAL
    reason = "" if accurate else f"{solver} says {found.status}"
    if accurate and not (
        certificate.infeasibility <= ROUGH and (not certified or certificate.gap <= ROUGH)
    ):
        accurate = False
        reason = (
            f"{solver} says {found.status}, but the infeasibility is "
            f"{certificate.infeasibility:.1e}"
        )
        reason += (
            f" and the gap {certificate.gap:.1e}; tighten its tolerances"
            if certified
            else "; tighten its tolerances"
        )
    if constraints:
        reason = "; ".join(filter(None, [reason, "not certified: constraints were added"]))
    risk_aversion = _implied(program, objective, weights, found)
    return (
        Answer(weights, certificate, found.iterations, risk_aversion, reason),
        ("optimal" if accurate else "optimal_inaccurate"),
        certified,
    )


def solve_fallback(program: Program, objective: Objective, first: Answer) -> tuple[Answer, str]:
    """Solve with Clarabel on the assets that are held or priced in, adding assets until none would
    be bought.

    Parameters
    ----------
    program : Program
        The problem.
    objective : str
        The form.
    first : Answer
        What the fast path found; its assets are the first to be looked at.

    Returns
    -------
    answer, name of the solver
        The better one of ``first`` and what was found, by feasibility and gap.
    """
    best = first
    chosen = (first.weights > 0.0) | (program.previous > 0.0) | (program.lower > 0.0)
    chosen |= _most_wanted(program, objective, first.weights, ~chosen, 200)
    for _ in range(12):
        part = np.flatnonzero(chosen)
        small = _restricted(program, part)
        try:
            found = Statement(small, objective).solve(small, "CLARABEL", **TIGHT)
        except InfeasibleError:
            if chosen.all():
                raise
            chosen[:] = True
            continue
        if found.weights is None:
            break
        weights = np.zeros(program.assets)
        weights[part] = found.weights
        weights = _repaired(program, np.clip(weights, program.lower, program.upper))
        certificate = _certify(program, objective, weights, found)
        answer = Answer(
            weights,
            certificate,
            first.iterations + found.iterations,
            _implied(program, objective, weights, found),
        )
        if (max(certificate.infeasibility - 1e-12, 0.0), certificate.gap) < (
            max(best.certificate.infeasibility - 1e-12, 0.0),
            best.certificate.gap,
        ):
            best = answer
        if certificate.gap <= 1e-8 or chosen.all():
            break
        more = _most_wanted(program, objective, weights, ~chosen, 100)
        if not more.any():
            break
        chosen |= more
    return best, "CLARABEL"


def _restricted(program: Program, part: np.ndarray[Any, Any]) -> Program:
    return program.replace(
        expected_return=program.expected_return[part],
        histories=np.ascontiguousarray(program.histories[part]),
        previous=program.previous[part],
        lower=program.lower[part],
        upper=program.upper[part],
        scale=None if program.scale is None else program.scale[part],
        group=None if program.group is None else program.group[part],
        labels=None if program.labels is None else program.labels[part],
    )


def _repaired(program: Program, weights: FloatArray) -> FloatArray:
    """Bring an interior-point answer, feasible to its tolerance only, inside budget and caps."""
    if program.group is not None and program.group_caps is not None:
        for group in np.flatnonzero(program.group_totals(weights) > program.group_caps):
            member = program.group == group
            room = weights[member] - program.lower[member]
            over = float(program.group_totals(weights)[group] - program.group_caps[group])
            weights[member] -= room * min(1.0, over / max(float(room.sum()), 1e-300))
    for _ in range(3):
        cash = program.cash(weights)
        total = float(weights.sum())
        if cash < 0.0:
            room = weights - program.lower
            weights = weights - room * min(
                1.0, -cash / max(float(room.sum()) * (1.0 - program.paid), 1e-300)
            )
        elif total < program.invested:
            room = program.upper - weights
            share = np.where(weights > 0.0, room, 0.0)
            share = share if float(share.sum()) > program.invested - total else room
            weights = weights + share * (program.invested - total) / max(float(share.sum()), 1e-300)
    return weights


def _certify(
    program: Program, objective: Objective, weights: FloatArray, found: StatementAnswer
) -> Certificate:
    if objective == "ratio":
        return certify_ratio(program, weights, found.group_prices)
    if objective == "min_risk" and program.return_floor is not None:
        if found.risk_price is None or found.risk_price > 1e100:
            still = program.replace(
                expected_return=np.zeros(program.assets),
                fee=0.0,
                risk_aversion=1.0,
                return_floor=None,
            )
            certificate = certify_utility(still, weights, None, found.group_prices)
            return dataclasses.replace(certificate, infeasibility=program.infeasibility(weights))
        prices = None if found.group_prices is None else found.group_prices * found.risk_price
        return certify_min_risk(program, weights, found.risk_price, None, prices)
    return certify_utility(program, weights, None, found.group_prices)


def _implied(
    program: Program, objective: Objective, weights: FloatArray, found: StatementAnswer
) -> float:
    if objective == "ratio":
        downside = program.downside(weights)
        return (
            (program.net_return(weights) - program.mar) / (2.0 * downside)
            if downside > 0.0
            else math.inf
        )
    return program.risk_aversion if found.risk_price is None else found.risk_price


def _most_wanted(
    program: Program,
    objective: Objective,
    weights: FloatArray,
    among: np.ndarray[Any, Any],
    count: int,
) -> Any:
    """Return the assets that gain most, at first order, for one unit of the budget."""
    downside = program.downside(weights)
    risk_aversion = program.risk_aversion
    if objective == "ratio" and downside > 0.0:
        risk_aversion = (program.net_return(weights) - program.mar) / (2.0 * downside)
    worth = (
        program.expected_return - program.fee - risk_aversion * program.downside_gradient(weights)
    )
    worth = np.where(among & (program.upper > 0.0), worth, -np.inf)
    wanted = np.zeros(program.assets, np.bool_)
    order = np.argsort(-worth, kind="stable")[:count]
    wanted[order[np.isfinite(worth[order])]] = True
    return wanted
