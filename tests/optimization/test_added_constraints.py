"""Constraints that users add, their certificates, and cvxpy's objects between processes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import cvxpy as cp
import numpy as np
import pytest

import statarb as sa
from statarb.optimization import BatchProblem, CvxpyProblem, batch_solve

RNG = np.random.default_rng(17)
SCENARIOS = RNG.standard_t(4, (80, 7)) * 0.01
MU = np.array([0.004, 0.003, -0.001, 0.002, 0.005, 0.0, 0.001])
BETA = RNG.uniform(0.3, 1.5, 7)
TIGHT = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}

CONSTRAINTS = {
    "linear": lambda w: [BETA @ w <= 0.4, w[1] >= 0.05],
    "equation": lambda w: cp.sum(w[:3]) == 0.25,
    "concentration": lambda w: cp.sum_squares(w) <= 0.2,
    "cone": lambda w: cp.SOC(0.3 + 0.1 * w[0], w[2:]),
    "turnover": lambda w: cp.norm1(w - 0.1) <= 0.5,
    "matrix form": lambda w: cp.NonNeg(0.35 - cp.hstack([w[0] + w[4], w[1] + w[3]])),
}


def solved(name: str, objective: str, measure: str = "downside", **options) -> sa.Solution:
    floor = 0.0012 if objective == "min_risk" else None
    problem = sa.MeanDownsideRisk(
        risk_aversion=20.0, fee=0.001, objective=objective, measure=measure, return_floor=floor
    )
    return problem.solve(MU, SCENARIOS, np.full(7, 0.1), constraints=[CONSTRAINTS[name]], **options)


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
@pytest.mark.parametrize("objective", ["utility", "min_risk"])
@pytest.mark.parametrize("name", list(CONSTRAINTS))
def test_an_answer_with_constraints_of_the_user_is_certified(name, objective):
    curved = name in ("concentration", "cone")
    # Clarabel does not reach its own tolerances on the curved ones, and is asked for 1e-6 then
    solution = solved(name, objective, **({} if curved else TIGHT))
    assert solution.gap <= (1e-5 if curved else 1e-6)
    assert solution.infeasibility <= (1e-6 if curved else 1e-8)
    assert (solution.status == "optimal") == (solution.reason == "")
    assert solution.status == "optimal" or curved
    # the problem written again, from scratch, by hand
    w, held = cp.Variable(7), np.full(7, 0.1)
    risk = cp.sum_squares(cp.pos(-SCENARIOS @ w)) / 80
    net = MU @ w - 0.001 * cp.norm1(w - held)
    made = CONSTRAINTS[name](w)
    rules = [w >= 0, w <= 1, cp.sum(w) <= 1, *(made if isinstance(made, list) else [made])]
    if objective == "utility":
        best = cp.Problem(cp.Maximize(1e4 * (net - 20.0 * risk)), rules).solve("CLARABEL") / 1e4
        size = max(abs(best), 20.0 * solution.risk)
    else:
        rules.append(1e3 * net >= 1.2)
        best = size = cp.Problem(cp.Minimize(1e6 * risk), rules).solve("CLARABEL") / 1e6
    # Clarabel's default tolerances
    assert solution.objective == pytest.approx(best, abs=1e-5 * size)


@pytest.mark.parametrize("name", ["linear", "equation", "concentration"])
def test_the_gap_bounds_the_loss_of_a_worse_portfolio(name):
    """A rough answer loses less than its gap, and the gap says that it is rough."""
    best = solved(name, "utility", **({} if name == "concentration" else TIGHT))
    rough = solved(name, "utility", solver="SCS", eps=1e-3)
    size = max(abs(rough.objective), 20.0 * rough.risk)
    # what the rough answer violates may have bought it a little
    slack = 10.0 * rough.infeasibility
    assert (best.objective - rough.objective) / size <= rough.gap + slack / size
    assert (rough.status == "optimal_inaccurate") == (max(rough.gap, rough.infeasibility) > 1e-6)
    assert ("tighten" in rough.reason) == (rough.status == "optimal_inaccurate")


@pytest.mark.parametrize("objective", ["utility", "min_risk", "ratio"])
@pytest.mark.parametrize("measure", ["variance", "cvar", "lpm1"])
def test_answers_for_other_measures_are_certified(measure, objective):
    problem = sa.MeanDownsideRisk(
        risk_aversion=0.2 if measure != "variance" else 20.0, fee=0.0, objective=objective,
        measure=measure, return_floor=0.0012 if objective == "min_risk" else None,
    )  # fmt: skip
    solution = problem.solve(MU, SCENARIOS, solver="CLARABEL", **TIGHT)
    assert solution.status == "optimal", solution.reason
    assert solution.gap <= 1e-6
    # and the bound holds: no random portfolio is better by more
    program, rng = problem.program(MU, SCENARIOS), np.random.default_rng(3)
    for other in rng.dirichlet(np.full(7, 0.5), 300):
        if objective == "min_risk" and program.net_return(other) < 0.0012:
            continue
        sign = -1.0 if objective == "min_risk" else 1.0
        assert sign * (program.worth(other) - solution.objective) <= 1e-6 * abs(solution.objective)


@pytest.mark.parametrize("measure", ["variance", "cvar", "lpm1"])
def test_other_measures_with_constraints_are_certified(measure):
    solution = solved("linear", "min_risk", measure, **TIGHT)
    assert solution.gap <= 1e-6
    assert solution.status == "optimal"


def test_further_variables_are_part_of_the_certificate():
    slack = cp.Variable(2, nonneg=True)
    problem = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.001)
    w = problem.variable(7)
    free = cp.Variable()
    added = [w[:2] + slack == 0.2, w[3] - free <= 0.1, free + w[4] <= 0.3]
    solution = problem.solve(MU, SCENARIOS, constraints=added, **TIGHT)
    assert solution.gap <= 1e-6
    plain = problem.solve(
        MU, SCENARIOS, constraints=[lambda w: [w[:2] <= 0.2, w[3] + w[4] <= 0.4]], **TIGHT
    )
    assert solution.objective == pytest.approx(plain.objective, rel=1e-7)


def test_what_cannot_be_certified_says_so():
    problem = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.001)
    solution = problem.solve(
        MU, SCENARIOS, constraints=[lambda w: cp.bmat([[1.0, w[0]], [w[0], 0.04]]) >> 0]
    )
    assert solution.weights[0] <= 0.2 + 1e-6
    assert np.isnan(solution.gap)
    assert "not certified: a constraint is of the kind PSD" in solution.reason


def elsewhere() -> bytes:
    """A constraint that was pickled in another process, where numbers of variables start anew."""
    code = (
        "import sys, pickle, numpy, statarb as sa\n"
        "p = sa.MeanDownsideRisk()\n"
        "sys.stdout.buffer.write(pickle.dumps([p.variable(7)[0] <= 0.1]))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout


def test_constraints_from_another_process_are_refused_whatever_their_numbers():
    (foreign,) = pickle.loads(elsewhere())
    problem = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.001)
    with pytest.raises(sa.ParameterError, match="function of the weights"):
        problem.solve(MU, SCENARIOS, constraints=[foreign])
    # with the very number of the problem's own weights, and of another of its variables
    own = problem.variable(7)
    foreign.variables()[0].id = own.id
    with pytest.raises(sa.ParameterError, match="another process"):
        problem.solve(MU, SCENARIOS, constraints=[foreign])
    stated = CvxpyProblem(problem.program(MU, SCENARIOS), own)
    foreign.variables()[0].id = next(v.id for v in stated.problem.variables() if v is not own)
    with pytest.raises(sa.ParameterError, match="another process"):
        stated.added([own[0] + foreign.variables()[0][1] <= 0.1])
    assert problem.solve(MU, SCENARIOS, constraints=[own[4] <= 0.1]).array[4] <= 0.1 + 1e-6


def test_a_solved_problem_can_be_pickled_and_copied():
    problem = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.001)
    program = problem.program(MU, SCENARIOS)
    stated = CvxpyProblem(program)
    weights = stated.solve(program).weights
    for again in (pickle.loads(pickle.dumps(stated)), copy.copy(stated), copy.deepcopy(stated)):
        np.testing.assert_array_equal(again.weights.value, weights)
        assert again.weights.id != stated.weights.id
        np.testing.assert_array_equal(again.solve(program).weights, weights)
        assert np.isfinite(again.solve(program, constraints=[lambda w: w[0] <= 0.1]).weights).all()


def test_a_batch_takes_constraints_as_functions():
    problem = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.001)
    direct = problem.solve(MU, SCENARIOS, constraints=[CONSTRAINTS["linear"]])
    given = {"constraints": [CONSTRAINTS["linear"]]}
    (found,) = batch_solve([BatchProblem(problem, MU, SCENARIOS, options=given)])
    np.testing.assert_array_equal(found.array, direct.array)
    given = {"constraints": [problem.variable(7)[0] <= 0.1]}
    with pytest.raises(sa.ParameterError, match=r"problem 0: .* functions of the weights"):
        batch_solve([BatchProblem(problem, MU, SCENARIOS, options=given)])


def test_importing_the_optimizer_imports_neither_cvxpy_nor_matplotlib():
    code = (
        "import sys, statarb.optimization as o\n"
        "assert callable(o.frontier) and o.MeanDownsideRisk\n"
        "print([m for m in ('cvxpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
