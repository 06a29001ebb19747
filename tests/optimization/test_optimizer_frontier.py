"""Frontier, sensitivity and batches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.optimization import BatchProblem, read_scenarios, sensitivity

RNG = np.random.default_rng(11)
ASSETS = list("abcdefgh")
RETURNS = pd.DataFrame(RNG.standard_t(4, (60, 8)) * 0.01, columns=ASSETS)
MU = pd.Series(RNG.normal(0.001, 0.002, 8), index=ASSETS)


def test_the_frontier_is_convex_and_its_ends_are_known():
    problem = sa.MeanDownsideRisk(fee=0.0005, max_weight=0.6)
    found = problem.frontier(MU, RETURNS, 15)
    table = found.table
    assert len(table) == 15
    assert (table["gap"] <= 1e-8).all()
    assert np.all(np.diff(table["net_return"]) > 0.0)
    risk = table["downside_deviation"].to_numpy() ** 2
    assert np.all(np.diff(risk) >= -1e-15)
    # evenly spaced in net return, so convexity is in the second differences
    assert np.all(np.diff(risk, 2) >= -1e-12)
    assert table["downside_deviation"].iloc[0] == pytest.approx(0.0, abs=1e-12)
    top = problem.replace(risk_aversion=0.0).solve(MU, RETURNS)
    assert table["net_return"].iloc[-1] == pytest.approx(top.objective, abs=1e-14)


def test_a_point_of_the_frontier_solves_its_utility_problem():
    problem = sa.MeanDownsideRisk(fee=0.0005)
    found = problem.frontier(MU, RETURNS, 6)
    for point in (2, 3, 4):
        row = found.table.iloc[point]
        solution = problem.replace(risk_aversion=row["risk_aversion"]).solve(MU, RETURNS)
        value = row["net_return"] - row["risk_aversion"] * row["downside_deviation"] ** 2
        assert value == pytest.approx(solution.objective, rel=1e-8)


def test_the_largest_ratio_is_on_the_frontier():
    problem = sa.MeanDownsideRisk(fee=0.0, objective="ratio")
    best = problem.solve(MU, RETURNS)
    table = problem.frontier(MU, RETURNS, 40).table
    assert table["ratio"].max() <= best.objective * (1 + 1e-9)
    assert table["ratio"].max() >= best.objective * 0.999


def test_a_figure():
    figure = sa.MeanDownsideRisk(fee=0.0005).frontier(MU, RETURNS, 5).figure()
    axes = figure.axes[0]
    assert len(axes.lines[0].get_xdata()) == 5
    assert "downside deviation" in axes.get_xlabel()


def test_sensitivity_to_lambda():
    problem = sa.MeanDownsideRisk(fee=0.0005)
    lambdas = np.geomspace(1.0, 1000.0, 25)
    table = sensitivity(problem, MU, RETURNS, lambdas)
    assert (table["gap"] <= 1e-8).all()
    assert np.all(np.diff(table["downside_deviation"]) <= 1e-12)
    assert np.all(np.diff(table["net_return"]) <= 1e-12)
    # the envelope theorem: the slope of the utility is minus the downside
    step = 1e-4
    near = sensitivity(problem, MU, RETURNS, [50.0 - step, 50.0, 50.0 + step])
    slope = (near["utility"].iloc[2] - near["utility"].iloc[0]) / (2 * step)
    assert slope == pytest.approx(near["slope"].iloc[1], rel=1e-6)
    with pytest.raises(sa.ParameterError, match="utility"):
        sensitivity(problem.replace(objective="ratio"), MU, RETURNS, lambdas)


def batch() -> list[BatchProblem]:
    table = read_scenarios(RETURNS)
    problems = [
        BatchProblem(sa.MeanDownsideRisk(risk_aversion=lam, objective=objective), MU, table)
        for lam in (1.0, 30.0)
        for objective in ("utility", "ratio", "min_risk")
    ]
    return [
        *problems,
        BatchProblem(sa.MeanDownsideRisk(max_weight=0.01, min_invested=1.0), MU, RETURNS),
    ]


def test_a_batch_is_its_problems_one_by_one_for_any_number_of_workers():
    problems = batch()
    alone = sa.batch_solve(problems)
    for problem, solution in zip(problems[:-1], alone, strict=False):
        direct = problem.problem.solve(problem.expected_return, problem.scenarios)
        assert solution.array.tobytes() == direct.array.tobytes()
    assert alone[-1].status == "infeasible"
    assert alone[-1].weights.isna().all()
    assert "invested" in alone[-1].reason
    together = sa.batch_solve(problems, n_jobs=2)
    for first, second in zip(alone, together, strict=True):
        assert first.array.tobytes() == second.array.tobytes()
        assert first.status == second.status
        assert first.weights.index.equals(second.weights.index)


def test_bad_batches():
    with pytest.raises(sa.ParameterError, match="position 0"):
        sa.batch_solve(["x"])
    with pytest.raises(sa.DataError, match="problem 0"):
        sa.batch_solve([BatchProblem(sa.MeanDownsideRisk(), MU, RETURNS.iloc[:1])])
    assert sa.batch_solve([]) == []
