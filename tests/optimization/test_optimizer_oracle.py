"""The fast path against tightened Clarabel, against conditions of optimality written from scratch,
and its certificate.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from optimization_cases import Case, kkt_violation, oracle, random_case, with_floor

from statarb.errors import DataError, InfeasibleError
from statarb.optimization import certify_ratio, certify_utility

BLOCK = 20


def compare(case: Case, objective: str) -> bool:
    """Solve both ways; False where the case has no finite solution (which both must say)."""
    with warnings.catch_warnings():
        # tightened tolerances are sometimes not reached, and cvxpy warns
        warnings.simplefilter("ignore")
        try:
            solution = case.problem.solve(**case.arguments)
        except DataError:
            assert objective == "ratio"
            return False
        except InfeasibleError:
            assert objective == "min_risk"
            return False
        program = case.program
        assert program.infeasibility(solution.array) <= 1e-12
        if solution.status == "degenerate":
            assert objective == "ratio"
            assert solution.objective == np.inf
            return False
        assert solution.status in ("optimal", "fallback"), solution.reason
        assert solution.gap <= (1e-7 if objective == "ratio" else 1e-8)
        theirs = oracle(program, objective)
    size = max(abs(solution.objective), 1e-5 * float(np.mean(program.scenarios_by_asset**2)))
    if objective == "utility":
        size = max(size, program.risk_aversion * solution.risk)
    sign = -1.0 if objective == "min_risk" else 1.0
    loss = sign * (program.worth(theirs) - solution.objective) / size
    # Clarabel's weights may be infeasible by 1e-9 or so, which can buy it a little objective
    assert loss <= 1e-8 + 1e-3 * program.infeasibility(theirs) / size
    return True


@pytest.mark.parametrize("block", range(13))
def test_utility(block):
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        compare(random_case(seed), "utility")


@pytest.mark.parametrize("block", range(7))
def test_ratio(block):
    solved = sum(
        compare(random_case(seed, "ratio"), "ratio")
        for seed in range(block * BLOCK, (block + 1) * BLOCK)
    )
    assert solved >= 12


@pytest.mark.parametrize("block", range(7))
def test_least_risk(block):
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        compare(random_case(seed, "min_risk"), "min_risk")


@pytest.mark.parametrize("block", range(7))
def test_least_risk_with_a_floor(block):
    solved = sum(
        compare(with_floor(seed), "min_risk") for seed in range(block * BLOCK, (block + 1) * BLOCK)
    )
    assert solved >= 15


def test_nearly_all_are_solved_without_help():
    statuses = [
        random_case(seed).problem.solve(**random_case(seed).arguments).status
        for seed in range(1000, 1300)
    ]
    assert statuses.count("optimal") >= 299


def test_conditions_of_optimality():
    checked = 0
    for seed in range(400):
        case = random_case(seed)
        if case.problem.groups is not None:
            continue
        solution = case.problem.solve(**case.arguments)
        size = max(abs(solution.objective), solution.risk * case.problem.risk_aversion, 1e-9)
        assert kkt_violation(case, solution.array, 1e-11) <= 1e-7 * size
        checked += 1
    assert checked > 250


def test_the_check_of_conditions_sees_a_worse_portfolio():
    case = random_case(3)
    solution = case.problem.solve(**case.arguments)
    worse = solution.array * 0.97
    assert kkt_violation(case, worse, 1e-11) > 1e-6 * abs(solution.objective)


def test_the_gap_bounds_the_loss_of_any_portfolio():
    for seed in range(60):
        case = random_case(seed)
        if case.problem.groups is not None:
            continue
        program, rng = case.program, np.random.default_rng(seed)
        best = case.problem.solve(**case.arguments)
        other = best.array + rng.uniform(0.0, 1.0) * (
            np.clip(program.previous, program.lower, program.upper) - best.array
        )
        size = max(abs(program.utility(other)), program.risk_aversion * program.downside(other))
        loss = (best.objective - program.utility(other)) / size
        assert certify_utility(program, other).gap >= loss - 1e-9


def test_the_gap_of_a_ratio_bounds_its_loss():
    seen = 0
    for seed in range(60):
        case = random_case(seed, "ratio")
        if case.problem.groups is not None:
            continue
        try:
            best = case.problem.solve(**case.arguments)
        except DataError:
            continue
        if best.status == "degenerate":
            continue
        program, rng = case.program, np.random.default_rng(seed)
        other = best.array * rng.uniform(0.5, 1.5, program.assets)
        other = np.minimum(other / other.sum(), program.upper)
        ratio = program.ratio(other)
        if ratio <= 0.0:
            continue
        assert certify_ratio(program, other).gap >= (best.objective - ratio) / ratio - 1e-9
        seen += 1
    assert seen > 25


def test_permuting_assets_permutes_weights():
    case = random_case(11)
    order = np.random.default_rng(0).permutation(case.program.assets)
    plain = case.problem.replace(groups=None, group_caps=None)
    arguments = {key: case.arguments[key] for key in ("expected_return", "scenarios")}
    first = plain.solve(**arguments)
    second = plain.solve(arguments["expected_return"][order], arguments["scenarios"][:, order])
    assert second.objective == pytest.approx(first.objective, rel=1e-10)
    np.testing.assert_allclose(second.array, first.array[order], atol=1e-8)


def test_the_same_input_gives_the_same_bytes():
    case = random_case(5)
    first, second = (case.problem.solve(**case.arguments).array for _ in range(2))
    assert first.tobytes() == second.tobytes()
