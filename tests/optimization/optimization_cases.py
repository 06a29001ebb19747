"""Random small problems of every kind, and an oracle: tightened Clarabel on the written
statement.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb.optimization import MeanDownsideRisk
from statarb.optimization.cvxpy_problem import CvxpyProblem
from statarb.optimization.linear import best_linear
from statarb.optimization.program import Program

TIGHT = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13, "max_iter": 500}


@dataclasses.dataclass(frozen=True)
class Case:
    problem: MeanDownsideRisk
    arguments: dict

    @property
    def program(self) -> Program:
        return self.problem.program(**self.arguments)


def random_case(seed: int, objective: str = "utility") -> Case:
    """T below and above N, stale and duplicate columns, fees, boxes, caps, holdings, volatilities,
    weighted scenarios.
    """
    rng = np.random.default_rng(seed)
    assets, times = int(rng.integers(2, 14)), int(rng.integers(2, 60))
    if rng.random() < 0.3:
        assets = int(rng.integers(15, 40))
    common = rng.standard_t(4, times) * 0.01
    scenarios = (
        common[:, None] * rng.uniform(0, 1.5, assets) + rng.standard_t(3, (times, assets)) * 0.01
    )
    scenarios = np.clip(scenarios, -0.9, 2.0)
    if rng.random() < 0.4:
        scenarios[:, rng.random(assets) < 0.4] = 0.0
    if rng.random() < 0.3 and assets > 3:
        scenarios[:, 1] = scenarios[:, 0]
    if rng.random() < 0.3:
        scenarios[rng.random(times) < 0.3] = 0.0
    mu = rng.normal(0.001, 0.004, assets)
    if rng.random() < 0.2 and assets > 3:
        mu[1] = mu[0]
    mu[0] = max(mu[0], 0.004)
    if objective == "ratio":
        # a stale column with a gain has an infinite ratio; that edge has a test of its own
        mu = np.where(~scenarios.any(axis=0) & (mu > 0), -mu, mu)
        if not (mu > 0.0).any():
            scenarios[:, 0] = rng.normal(0.0, 0.01, times)
            mu[0] = 0.004
        scenarios[0] = -np.abs(scenarios[0]) - 1e-3 * (scenarios.any(axis=0))
    fee = float(rng.choice([0.0, 0.0005, 0.0025]))
    previous = None
    if rng.random() < 0.6:
        previous = rng.dirichlet(np.full(assets + 1, 0.3))[:-1] * rng.uniform(0.2, 1.0)
        previous[rng.random(assets) < 0.3] = 0.0
    options: dict = {
        "objective": objective,
        "fee": fee,
        "risk_aversion": float(10 ** rng.uniform(-1, 3)),
        "minimum_acceptable_return": float(rng.choice([0.0, 0.0, 0.001, -0.002]))
        if objective != "ratio"
        else float(rng.choice([0.0, 0.0, -0.001])),
    }
    arguments: dict = {"expected_return": mu, "scenarios": scenarios, "previous": previous}
    if rng.random() < 0.4:
        options["max_weight"] = float(rng.uniform(2.2 / assets if assets > 4 else 0.6, 1.0))
        if previous is not None:
            previous *= min(1.0, options["max_weight"] / max(previous.max(), 1e-9))
    if rng.random() < 0.3 and objective == "utility":
        arguments["max_trade"] = float(rng.uniform(0.02, 0.5))
    if rng.random() < 0.3:
        arguments["volatility"] = rng.uniform(0.3, 3.0, assets)
    if rng.random() < 0.3:
        options["half_life"] = float(rng.uniform(3, 30))
    if rng.random() < 0.25 and assets > 4:
        options["groups"] = {asset: asset % 3 for asset in range(assets)}
        options["group_caps"] = {0: 0.5, 2: float(rng.uniform(0.2, 0.5))}
        if previous is not None:
            previous *= 0.2 if "max_trade" in arguments else 1.0
    return Case(MeanDownsideRisk(**options), arguments)


def oracle(program: Program, objective: str) -> np.ndarray:
    """Weights by tightened Clarabel."""
    found = CvxpyProblem(program).solve(program, "CLARABEL", **TIGHT)
    if found.weights is None:
        raise ValueError(found.status)
    return np.clip(found.weights, program.lower, program.upper)


def with_floor(seed: int) -> Case:
    """Least risk with a floor somewhere below the largest net expected return."""
    case, rng = random_case(seed, "min_risk"), np.random.default_rng(seed + 1)
    mu = case.arguments["expected_return"]
    program = (
        case.problem.replace(groups=None, group_caps=None)
        .program(**case.arguments)
        .replace(expected_return=mu)
    )
    largest = program.net_return(best_linear(program, mu)[0])
    floor = largest * rng.uniform(0.1, 1.0) if largest > 0.0 else 1.5 * largest
    return Case(
        case.problem.replace(groups=None, group_caps=None, return_floor=floor, min_invested=None),
        case.arguments,
    )


def kkt_violation(case: Case, weights: np.ndarray, tolerance: float) -> float:
    """Smallest amount by which no multiplier of the budget satisfies the conditions of optimality;
    written from scratch.

    Utility form without groups. In units of expected return.
    """
    problem, arguments = case.problem, case.arguments
    scenarios = arguments["scenarios"] * arguments.get("volatility", np.ones(len(weights)))
    held = np.zeros(len(weights)) if arguments["previous"] is None else arguments["previous"]
    trade = arguments.get("max_trade", np.inf)
    low = np.maximum(held - trade, 0.0)
    high = np.minimum(min(1.0, problem.max_weight or 1.0), held + trade)
    age = np.arange(len(scenarios))[::-1]
    p = np.ones(len(scenarios)) if problem.half_life is None else 0.5 ** (age / problem.half_life)
    p = p / p.sum()
    marginal = arguments["expected_return"].copy()
    for row, share in zip(scenarios, p, strict=True):
        miss = max(0.0, problem.minimum_acceptable_return - float(row @ weights))
        marginal += problem.risk_aversion * share * 2.0 * miss * row
    # the price must be at least what any purchase is worth, and at most what any sale gives up
    buy = np.where(weights >= held - tolerance, marginal - problem.fee, marginal + problem.fee)
    sell = np.where(weights > held + tolerance, marginal - problem.fee, marginal + problem.fee)
    need = max([0.0, *buy[weights < high - tolerance]])
    allowed = min(
        [np.inf if weights.sum() > 1.0 - tolerance else 0.0, *sell[weights > low + tolerance]]
    )
    return max(0.0, need - allowed)
