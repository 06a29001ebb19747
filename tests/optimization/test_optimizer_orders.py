"""Order sizes against enumeration and mixed-integer programming, and the replay's own account."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.optimize

import statarb as sa
from statarb.backtest.account import Account
from statarb.optimization import order_limits
from statarb.optimization.orders import limit_orders
from statarb.optimization.program import Program
from statarb.optimization.solve import fast_solver, solve_fast


def random_problem(seed: int, assets: int = 5):
    rng = np.random.default_rng(seed)
    scenarios = rng.standard_t(4, (40, assets)) * 0.01
    mu = rng.normal(0.003, 0.003, assets)
    held = rng.dirichlet(np.full(assets + 1, 0.7))[:-1] * 0.9
    rules = sa.TradingRules(
        fee=0.001, min_order=float(rng.uniform(20.0, 150.0)), max_order=400.0, numeraire=None
    )
    return mu, scenarios, held, rules


def best_of_all_ways(problem: sa.MeanDownsideRisk, program: Program, smallest: float) -> float:
    """Largest utility with orders that are nothing or at least so large, by trying every
    combination for every asset.
    """
    best = -np.inf
    for ways in itertools.product((-1, 0, 1), repeat=program.assets):
        way = np.array(ways)
        lower = np.where(
            way > 0,
            program.previous + smallest,
            np.where(way == 0, program.previous, program.lower),
        )
        upper = np.where(
            way < 0,
            program.previous - smallest,
            np.where(way == 0, program.previous, program.upper),
        )
        if (
            (lower > upper).any()
            or (lower < program.lower - 1e-15).any()
            or (upper > program.upper + 1e-15).any()
        ):
            continue
        one = program.replace(lower=lower, upper=upper)
        try:
            one.require_feasible()
        except sa.InfeasibleError:
            continue
        best = max(best, solve_fast(one, fast_solver(one)).objective)
    return best


def test_dropping_is_near_the_best_of_all_ways():
    losses = []
    for seed in range(25):
        mu, scenarios, held, rules = random_problem(seed, 4)
        problem = sa.MeanDownsideRisk(risk_aversion=30.0, rules=rules)
        solution = problem.solve(mu, scenarios, held, value=1000.0)
        program, smallest = limit_orders(problem.program(mu, scenarios, held), rules, 1000.0, None)
        best = best_of_all_ways(problem, program, smallest)
        order = np.abs(solution.array - held)
        assert ((order == 0.0) | (order >= smallest * (1.0 - 1e-12))).all()
        assert (order <= 0.4 + 1e-12).all()
        assert best >= solution.objective - 1e-10
        # what is reported as lost, against the problem without a smallest order, covers what
        # enumeration would have won
        assert best - solution.objective <= solution.objective_lost + 1e-10
        losses.append((best - solution.objective) / max(abs(best), 1e-6))
    assert np.median(losses) <= 1e-8
    assert np.mean(losses) <= 0.05


def test_dropping_against_a_mixed_integer_programme():
    """Without risk the problem with a smallest order is a mixed-integer linear one, which HiGHS
    solves exactly.
    """
    exact = 0
    for seed in range(30):
        mu, scenarios, held, rules = random_problem(seed, 6)
        problem = sa.MeanDownsideRisk(risk_aversion=0.0, rules=rules)
        solution = problem.solve(mu, scenarios, held, value=1000.0)
        n, smallest, largest, fee = 6, rules.min_order / 1000.0, 0.4, rules.fee
        # variables: bought, sold, whether bought, whether sold
        cost = np.concatenate([-(mu - fee), mu + fee, np.zeros(2 * n)])
        eye, none = np.eye(n), np.zeros((n, n))
        rows = np.block([[eye, none, -largest * eye, none], [none, eye, none, -largest * eye],
                         [-eye, none, smallest * eye, none], [none, -eye, none, smallest * eye],
                         [none, none, eye, eye]])  # fmt: skip
        limits = np.concatenate([np.zeros(4 * n), np.ones(n)])
        budget = np.concatenate([np.full(n, 1.0 + fee), np.full(n, -(1.0 - fee)), np.zeros(2 * n)])
        found = scipy.optimize.milp(
            cost,
            constraints=[
                scipy.optimize.LinearConstraint(rows, -np.inf, limits),
                scipy.optimize.LinearConstraint(budget[None], -np.inf, 1.0 - held.sum()),
            ],
            bounds=scipy.optimize.Bounds(0.0, np.concatenate([np.ones(n), held, np.ones(2 * n)])),
            integrality=np.concatenate([np.zeros(2 * n), np.ones(2 * n)]),
        )
        best = float(mu @ held) - found.fun
        # HiGHS stops at a relative gap of 1e-4
        assert best >= solution.objective - 1e-7
        assert best - solution.objective <= solution.objective_lost + 1e-6
        exact += best - solution.objective <= 1e-6
    assert exact >= 20


def test_what_was_dropped_is_named():
    mu = pd.Series({"a": 0.004, "b": 0.0012}, dtype=float)
    scenarios = pd.DataFrame(
        np.random.default_rng(0).normal(0.0, 0.01, (50, 2)), columns=["a", "b"]
    )
    rules = sa.TradingRules(fee=0.001, min_order=300.0, max_order=np.inf, numeraire=None)
    free = sa.MeanDownsideRisk(risk_aversion=60.0, rules=rules.replace(min_order=0.0)).solve(
        mu, scenarios
    )
    assert 0.0 < free.weights["b"] < 0.3
    solution = sa.MeanDownsideRisk(risk_aversion=60.0, rules=rules).solve(
        mu, scenarios, value=1000.0
    )
    assert solution.dropped == ("b",)
    assert solution.objective_lost == pytest.approx(free.objective - solution.objective, abs=1e-15)
    assert solution.objective_lost > 0.0


def test_limits_in_units_of_the_numeraire():
    rules = sa.TradingRules()
    assert order_limits(rules, 10_000.0, 11_000.0) == pytest.approx((0.0011, 0.55))
    assert order_limits(rules.without_limits(), None, None) == (0.0, np.inf)
    with pytest.raises(sa.ParameterError, match="value="):
        order_limits(rules, None, 11_000.0)
    with pytest.raises(sa.ParameterError, match="numeraire_price"):
        order_limits(rules, 10_000.0, None)


@pytest.mark.parametrize("objective", ["utility", "min_risk"])
def test_the_replay_is_left_with_the_same_cash(objective):
    """Random markets and holdings: cash, fees and turnover after trading as the optimizer says, for
    the same rules.
    """
    traded = dropped = full = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 9))
        assets = pd.Index([1442, *range(1500, 1500 + n - 1)])
        prices = 10.0 ** rng.uniform(-4, 4, n)
        prices[0] = 11_000.0
        panel = sa.Panel.from_frame(
            pd.DataFrame(
                np.tile(prices, (3, 1)),
                index=pd.date_range("2018-01-25", periods=3, freq="5min"),
                columns=assets,
            )
        )
        smallest = float(rng.choice([0.001, 0.05]))
        rules = sa.TradingRules(fee=float(rng.choice([0.0, 0.0025, 0.01])), min_order=smallest)
        account = Account(panel, rules)
        account.mark(prices)
        account.trade(rng.dirichlet(np.full(n + 1, 0.5))[:-1] * 0.98)
        moved = prices * np.exp(rng.normal(0.0, 0.2, n))
        value = account.mark(moved)
        scenarios = pd.DataFrame(rng.standard_t(4, (30, n)) * 0.01, columns=assets)
        problem = sa.MeanDownsideRisk(
            risk_aversion=float(10 ** rng.uniform(0, 2.5)), rules=rules, objective=objective,
            return_floor=0.0 if objective == "min_risk" else None,
        )  # fmt: skip
        mu = pd.Series(rng.normal(0.004, 0.006, n), index=assets)
        try:
            solution = problem.solve(
                mu, scenarios, account.holdings, value=value, numeraire_price=float(moved[0])
            )
        except sa.InfeasibleError:
            assert objective == "min_risk"
            continue
        cash = account.cash
        assert account.trade(solution.array)
        assert account.cash / value == pytest.approx(solution.cash, abs=1e-12)
        assert account.fees / value == pytest.approx(solution.fees, abs=1e-12)
        assert account.turnover / value == pytest.approx(solution.turnover, abs=1e-12)
        np.testing.assert_allclose(account.units * moved / value, solution.array, atol=1e-12)
        traded += cash != account.cash
        dropped += bool(solution.dropped)
        full += solution.cash < 1e-9
    assert traded > 40
    if objective == "utility":
        assert dropped > 3
        assert full > 20
