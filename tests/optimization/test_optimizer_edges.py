"""Edges of the optimizer that a user meets: no risk aversion, words of other solvers, what is
printed, bounds of the ratio.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.optimization import BatchProblem, batch_solve, frontier, portfolio_risk
from statarb.optimization.certificate import _best_multiplier, _linear_loss
from statarb.optimization.objectives import _Ratio
from statarb.optimization.program import Program
from statarb.optimization.solve import fast_solver


def market(seed: int = 0, assets: int = 8, times: int = 60) -> tuple[pd.Series, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    names = [f"c{j}" for j in range(assets)]
    mu = pd.Series(rng.normal(0.001, 0.003, assets), names)
    return mu, pd.DataFrame(rng.normal(0.0, 0.01, (times, assets)), columns=names)


def test_without_risk_aversion_the_price_of_the_filling_certifies():
    for seed in range(20):
        mu, scenarios = market(seed)
        problem = sa.MeanDownsideRisk(risk_aversion=0.0, fee=0.0025, max_weight=0.3)
        held = np.full(8, 0.1)
        solution = problem.solve(mu, scenarios, held)
        assert solution.status == "optimal"
        assert solution.gap <= 1e-12
        assert solution.infeasibility <= 1e-12
        theirs = problem.solve(
            mu, scenarios, held, solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11
        )
        assert solution.objective == pytest.approx(theirs.objective, abs=1e-9)


def test_the_best_multiplier_of_the_budget_against_a_fine_grid():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 9))
        held = rng.dirichlet(np.ones(n + 1))[:-1]
        paid = bool(rng.random() < 0.5)
        program = Program(
            rng.normal(0.0, 0.003, n), rng.normal(0.0, 0.01, (n, 9)), np.full(9, 1.0 / 9.0), held,
            0.2 * held,
            np.minimum(1.0, 2.0 * held + 0.1), 30.0, float(rng.choice([0.0, 0.002])),
            fee_in_budget=paid,
            min_invested=0.0 if paid or rng.random() < 0.5 else float(held.sum()),
        )  # fmt: skip
        slope = rng.normal(0.0, 0.003, n)
        weights = np.clip(held * rng.uniform(0.5, 1.0, n), program.lower, program.upper)
        loss = _linear_loss(program, weights, slope, _best_multiplier(program, weights, slope))
        grid = np.linspace(-0.02 if program.min_invested > 0.0 else 0.0, 0.02, 4001)
        assert loss <= min(_linear_loss(program, weights, slope, float(nu)) for nu in grid) + 1e-18


def test_an_earlier_portfolio_of_least_risk_bounds_every_deviation():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mu, scenarios = market(seed)
        # an asset that never moves and gains nothing is cash, and no bound of a ratio
        scenarios["c3"], mu["c3"], mu["c0"] = 0.0, -0.001, 0.004
        problem = sa.MeanDownsideRisk(objective="ratio", fee=0.0)
        program = problem.program(mu, scenarios)
        form = _Ratio(program, fast_solver(program))
        assert form._least_known() == 0.0
        least = form._least_deviation()
        known = form._least_known()
        assert known == pytest.approx(least, rel=1e-9)
        others = np.insert(rng.dirichlet(np.full(7, 0.5), 400), 3, 0.0, axis=1)
        assert min(program.downside(other) for other in others) ** 0.5 >= known
        # after another row it is a bound still, if not as good a one
        form.solver.slide(5, rng.normal(0.0, 0.01, 8), 1.0)
        assert min(program.downside(other) for other in others) ** 0.5 >= form._least_known()


def test_what_a_rough_solver_calls_optimal_is_not():
    mu, scenarios = market()
    problem = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.0025)
    rough = problem.solve(mu, scenarios, np.full(8, 0.1), solver="SCS", eps=1e-2)
    assert rough.status == "optimal_inaccurate"
    assert "tighten" in rough.reason
    good = problem.solve(mu, scenarios, np.full(8, 0.1), solver="CLARABEL")
    assert good.status == "optimal"
    assert good.reason == ""
    assert good.gap <= 1e-6


def test_what_is_printed_fits_a_line():
    mu, scenarios = market()
    problem = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.0005)
    solution = problem.solve(mu, scenarios)
    assert "\n" not in repr(solution)
    assert f"{int((solution.array > 0).sum())} of 8 held" in repr(solution)
    assert repr(solution).startswith("Solution(optimal, objective=")
    risk = portfolio_risk(solution.weights, scenarios)
    assert "\n" not in repr(risk)
    assert "8 assets and cash" in repr(risk)
    drawn = repr(frontier(problem, mu, scenarios, 3))
    assert drawn.startswith("Frontier of 3 portfolios of 8 assets")
    assert "downside_deviation" in drawn


def test_words_for_what_is_wrong():
    mu, scenarios = market()
    with pytest.raises(
        sa.ParameterError, match=r"exclude must be a collection of assets, got 'c1'; give \['c1'\]"
    ):
        sa.MeanDownsideRisk(exclude="c1")
    mu["c4"] = np.nan
    with pytest.raises(
        sa.DataError, match=r"first nan of asset 'c4'; where it is missing.*missing='freeze'"
    ):
        sa.MeanDownsideRisk().solve(mu, scenarios)
    mu["c4"] = np.inf
    with pytest.raises(sa.DataError, match=r"first inf of asset 'c4'$"):
        sa.MeanDownsideRisk().solve(mu, scenarios)


def test_a_batch_goes_on_where_a_ratio_gains_nothing():
    mu, scenarios = market()
    problem = sa.MeanDownsideRisk(objective="ratio", fee=0.001)
    nothing, something = batch_solve(
        [BatchProblem(problem, -mu.abs(), scenarios), BatchProblem(problem, mu.abs(), scenarios)]
    )
    assert nothing.status == "infeasible"
    assert "positive expected return" in nothing.reason
    assert np.isnan(nothing.array).all()
    assert something.status == "optimal"


def test_group_caps_with_volatilities_on_a_window_that_slides():
    rng = np.random.default_rng(3)
    returns = rng.normal(0.0, 1.0, (140, 300))
    problem = sa.MeanDownsideRisk(
        risk_aversion=40.0,
        fee=0.0005,
        groups={j: j % 4 for j in range(300)},
        group_caps={0: 0.2, 1: 0.15},
    )
    rolling = sa.RollingMeanDownsideRisk(problem, returns[:120])
    held = np.zeros(300)
    for bar in range(20):
        mu, sigma = rng.normal(0.0, 0.004, 300), rng.uniform(0.005, 0.03, 300)
        warm = rolling.update(returns[120 + bar], mu, held, sigma)
        cold = problem.solve(mu, returns[bar + 1 : bar + 121], held, volatility=sigma)
        assert warm.status == cold.status == "optimal"
        assert warm.objective == pytest.approx(cold.objective, abs=1e-10)
        assert warm.infeasibility <= 1e-12
        held = warm.array
