"""cvxpy's answers, certified: on request, and where the fast path is not certified, then on the
assets that matter.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.errors import InfeasibleError
from statarb.optimization.certificate import (
    Certificate,
    Charges,
    certify_min_risk,
    certify_ratio,
    certify_utility,
    negligible,
    risk_tangent,
)
from statarb.optimization.cvxpy_problem import Constraint, CvxpyAnswer, CvxpyProblem
from statarb.optimization.linear import CoupledRows, solve_linear
from statarb.optimization.objectives import Answer
from statarb.optimization.program import Program
from statarb.optimization.solution import Status

__all__ = ["solve_fallback", "solve_through_cvxpy"]

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


def solve_through_cvxpy(
    program: Program,
    solver: str,
    constraints: Sequence[Constraint],
    options: dict[str, Any],
    variable: Any = None,
) -> tuple[Answer, Status]:
    """Solve the specification with a cvxpy solver, and certify the answer.

    Parameters
    ----------
    program : Program
        The problem.
    solver : str
        Name of the solver.
    constraints : sequence of cvxpy constraints, or functions of the weights that return them
        Further constraints.
    options : dict
        Passed on to cvxpy.
    variable : cvxpy Variable, optional
        The weights, where constraints have been written with them.

    Returns
    -------
    answer : Answer
        Weights as the solver gave them, put into the box.
    status : str
        ``optimal``; or ``optimal_inaccurate``, where the solver says so, or the certificate is
        worse than :data:`ROUGH`.

    Raises
    ------
    InfeasibleError
        No portfolio, or none found.
    """
    if program.objective == "min_risk" and program.return_floor is None:
        program = program.without_returns()
    stated = CvxpyProblem(program, variable)
    added = stated.added(constraints)
    found = stated.solve(program, solver, added, **options)
    if found.weights is None:
        raise InfeasibleError(f"{solver} found no portfolio: {found.status}")
    weights = np.clip(found.weights, program.lower, program.upper)
    reasons = [] if found.status == "optimal" else [f"{solver} says {found.status}"]
    if added:
        certificate, why = _certify_with(program, stated, added, weights, found.tail)
        if why:
            reasons.append(f"not certified: {why}")
    else:
        certificate = _certify(program, weights, found)
    accurate = found.status == "optimal" and certificate.infeasibility <= ROUGH
    if not math.isnan(certificate.gap):
        accurate &= certificate.gap <= ROUGH
    if found.status == "optimal" and not accurate:
        reasons.append(
            f"{solver} says optimal, but the infeasibility is {certificate.infeasibility:.1e} and "
            f"the gap {certificate.gap:.1e}; tighten its tolerances"
        )
    risk_aversion = _implied(program, weights, found)
    answer = Answer(weights, certificate, found.iterations, risk_aversion, "; ".join(reasons))
    return answer, ("optimal" if accurate else "optimal_inaccurate")


def _certify_with(
    program: Program,
    stated: CvxpyProblem,
    added: list[Any],
    weights: FloatArray,
    tail: FloatArray | None,
) -> tuple[Certificate, str]:
    """Certify a portfolio under constraints that were added.

    They are replaced by linear ones that hold wherever they hold; multipliers of these come from a
    linear program at the tangent of the risk, whatever the solver's own were, and bound the loss as
    those of group caps do.
    """
    broken = max(float(np.max(constraint.violation(), initial=0.0)) for constraint in added)
    infeasibility = max(program.infeasibility(weights), broken)
    none = Certificate(math.nan, infeasibility, 0.0)
    rows = stated.linearised(added, weights)
    if isinstance(rows, str):
        return none, rows
    floor = program.objective == "min_risk" and program.return_floor is not None
    lam = 1.0 if floor else program.risk_aversion
    gradient, _ = risk_tangent(program, weights, tail)
    gain = -gradient if floor else program.expected_return - lam * gradient
    solved = solve_linear(program, gain, 0.0 if floor else program.fee, rows)
    if solved is None:
        return none, "the multipliers of the constraints were not found"
    toll = _charges(rows, solved.rows)
    if toll is None:
        return none, "the multipliers of the constraints' own variables do not vanish"
    if not floor:
        certificate = certify_utility(
            program, weights, None, solved.groups, charges=toll, tail=tail
        )
    elif solved.floor > 1e-100:
        # multipliers per unit of risk become those per unit of return
        theta = solved.floor
        groups = None if solved.groups is None else solved.groups / theta
        scaled = Charges(toll.toll / theta, toll.allowance / theta)
        certificate = certify_min_risk(
            program, weights, 1.0 / theta, None, groups, charges=scaled, tail=tail
        )
    else:
        certificate = certify_utility(
            program.zero_return_program(), weights, None, solved.groups, charges=toll, tail=tail
        )
    return dataclasses.replace(certificate, infeasibility=infeasibility), ""


def _charges(rows: CoupledRows, multipliers: FloatArray) -> Charges | None:
    """Return what the rows' multipliers take from each asset; ``None`` where they leave a further
    variable a gain, which has no bound.
    """
    multipliers = multipliers.copy()
    free = np.isinf(rows.extra_lower) & np.isinf(rows.extra_upper)
    used = np.flatnonzero((multipliers != 0.0) | rows.equality)
    if free.any() and len(used):
        # the simplex method leaves a variable a gain of its tolerance: take that out
        matrix = rows.extra[np.ix_(used, free)].T
        multipliers[used] -= np.linalg.lstsq(matrix, matrix @ multipliers[used], rcond=None)[0]
        multipliers = np.where(rows.equality, multipliers, np.maximum(multipliers, 0.0))
    reduced = rows.extra.T @ multipliers
    size = np.abs(rows.extra).T @ np.abs(multipliers) + 1e-300
    # a variable that may only rise (or fall) may have a cost in that direction
    wrong = np.where(np.isinf(rows.extra_upper), np.maximum(-reduced, 0.0), 0.0)
    wrong += np.where(np.isinf(rows.extra_lower), np.maximum(reduced, 0.0), 0.0)
    if (wrong > 1e-9 * size).any():
        return None
    return Charges(rows.weights.T @ multipliers, float(rows.limit @ multipliers))


def solve_fallback(program: Program, first: Answer) -> tuple[Answer, str]:
    """Solve with Clarabel on the assets that are held or promise most, adding assets until none
    would be bought.

    Parameters
    ----------
    program : Program
        The problem.
    first : Answer
        What the fast path found; its assets are the first to be looked at.

    Returns
    -------
    answer, name of the solver
        The better one of ``first`` and what was found, by feasibility and gap.
    """
    if program.objective == "min_risk" and program.return_floor is None:
        program = program.without_returns()
    best = first
    chosen = (first.weights > 0.0) | (program.previous > 0.0) | (program.lower > 0.0)
    chosen |= _most_promising(program, first.weights, ~chosen, 200)
    for _ in range(12):
        part = np.flatnonzero(chosen)
        small = _restricted(program, part)
        try:
            found = CvxpyProblem(small).solve(small, "CLARABEL", **TIGHT)
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
        certificate = _certify(program, weights, found)
        answer = Answer(
            weights,
            certificate,
            first.iterations + found.iterations,
            _implied(program, weights, found),
        )
        if (max(certificate.infeasibility - 1e-12, 0.0), certificate.gap) < (
            max(best.certificate.infeasibility - 1e-12, 0.0),
            best.certificate.gap,
        ):
            best = answer
        if certificate.gap <= 1e-8 or chosen.all():
            break
        more = _most_promising(program, weights, ~chosen, 100)
        if not more.any():
            break
        chosen |= more
    return best, "CLARABEL"


def _restricted(program: Program, part: IntArray) -> Program:
    """Return the program of some of the assets."""
    return program.replace(
        expected_return=program.expected_return[part],
        scenarios_by_asset=np.ascontiguousarray(program.scenarios_by_asset[part]),
        previous=program.previous[part],
        lower=program.lower[part],
        upper=program.upper[part],
        volatility=None if program.volatility is None else program.volatility[part],
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
        elif total < program.min_invested:
            room = program.upper - weights
            share = np.where(weights > 0.0, room, 0.0)
            share = share if float(share.sum()) > program.min_invested - total else room
            weights = weights + share * (program.min_invested - total) / max(
                float(share.sum()), 1e-300
            )
    return weights


def _certify(program: Program, weights: FloatArray, found: CvxpyAnswer) -> Certificate:
    """Certify cvxpy's answer with the multipliers of groups, floor and scenarios that it gave."""
    groups, tail = found.group_multipliers, found.tail
    if program.objective == "ratio":
        certificate = certify_ratio(program, weights, groups, tail=tail)
        if certificate.gap > 1e-8:
            least = _least_deviation(program)
            certificate = certify_ratio(program, weights, groups, least, tail=tail)
        return certificate
    if program.objective == "min_risk" and program.return_floor is not None:
        lam = found.risk_aversion
        if lam is None or lam > 1e100:
            certificate = certify_utility(
                program.zero_return_program(), weights, None, groups, tail=tail
            )
            return dataclasses.replace(certificate, infeasibility=program.infeasibility(weights))
        scaled = None if groups is None else groups * lam
        return certify_min_risk(program, weights, lam, None, scaled, tail=tail)
    return certify_utility(program, weights, None, groups, tail=tail)


def _least_deviation(program: Program) -> float:
    """Return a certified lower bound of the deviation of every portfolio; 0 where none is known."""
    quiet = program.zero_return_program()
    found = CvxpyProblem(quiet).solve(quiet, "CLARABEL")
    if found.weights is None:
        return 0.0
    weights = np.clip(found.weights, quiet.lower, quiet.upper)
    gap = certify_utility(quiet, weights, None, found.group_multipliers, tail=found.tail).gap
    least = quiet.risk(weights) - gap * max(quiet.risk(weights), negligible(quiet))
    if not least > 0.0:
        return 0.0
    return math.sqrt(least) if program.measure in ("downside", "variance") else least


def _implied(program: Program, weights: FloatArray, found: CvxpyAnswer) -> float:
    """Return the lambda whose utility problem has these weights as its solution."""
    if program.objective != "ratio":
        return program.risk_aversion if found.risk_aversion is None else found.risk_aversion
    gain, risk = (
        program.net_return(weights) - program.minimum_acceptable_return,
        program.risk(weights),
    )
    if not risk > 0.0:
        return math.inf
    return gain / (2.0 * risk if program.measure in ("downside", "variance") else risk)


def _most_promising(
    program: Program, weights: FloatArray, among: BoolArray, count: int
) -> BoolArray:
    """Return the assets that gain most, at first order, for one unit of the budget."""
    downside = program.downside(weights)
    risk_aversion = program.risk_aversion
    if program.objective == "ratio" and downside > 0.0:
        gain = program.net_return(weights) - program.minimum_acceptable_return
        risk_aversion = gain / (2.0 * downside)
    worth = (
        program.expected_return - program.fee - risk_aversion * program.downside_gradient(weights)
    )
    worth = np.where(among & (program.upper > 0.0), worth, -np.inf)
    promising: BoolArray = np.zeros(program.assets, np.bool_)
    order = np.argsort(-worth, kind="stable")[:count]
    promising[order[np.isfinite(worth[order])]] = True
    return promising
