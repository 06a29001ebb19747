"""Frontier, sensitivity and batches."""

from __future__ import annotations

import cvxpy as cp
import joblib
import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.optimization import BatchProblem, batch, read_scenarios, sensitivity

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


@pytest.mark.parametrize(
    ("measure", "label"),
    [("downside", "downside deviation"), ("cvar", "conditional value at risk")],
)
def test_a_figure(measure, label):
    found = sa.MeanDownsideRisk(fee=0.0005, measure=measure).frontier(MU, RETURNS, 5)
    axes = found.figure().axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), 100.0 * found.table["deviation"])
    assert label in axes.get_xlabel()


def least_risk_by_hand(measure: str, floor: float) -> float:
    """The least risk with a floor on net return, stated from scratch."""
    w, returns = cp.Variable(8), RETURNS.to_numpy()
    threshold = cp.Variable()
    risk = {
        "variance": cp.sum_squares((returns - returns.mean(axis=0)) @ w) / 60,
        "lpm1": cp.sum(cp.pos(-returns @ w)) / 60,
        "cvar": threshold + cp.sum(cp.pos(-returns @ w - threshold)) / 60 / 0.05,
    }[measure]
    rules = [
        w >= 0,
        cp.sum(w) <= 1,
        1e3 * (MU.to_numpy() @ w - 0.0005 * cp.norm1(w)) >= 1e3 * floor,
    ]
    unit = 1e4 if measure == "variance" else 1e2
    return cp.Problem(cp.Minimize(unit * risk), rules).solve("CLARABEL") / unit


@pytest.mark.parametrize("measure", ["variance", "cvar", "lpm1"])
def test_frontier_and_sensitivity_have_the_risk_that_is_asked_for(measure):
    problem = sa.MeanDownsideRisk(fee=0.0005, measure=measure, risk_aversion=0.3)
    found = problem.frontier(MU, RETURNS, 5)
    assert found.measure == measure
    assert (found.table["gap"].iloc[1:] <= 1e-6).all()
    assert np.all(np.diff(found.table["deviation"]) >= -1e-9)
    program = problem.program(MU, RETURNS)
    for point in (1, 2, 3):
        row, weights = found.table.iloc[point], found.weights.iloc[point].to_numpy()
        assert row["deviation"] == program.deviation(weights)
        # both are Clarabel's, at their tolerances
        best = least_risk_by_hand(measure, float(row["net_return"]))
        assert program.risk(weights) == pytest.approx(best, rel=1e-5)
    table = sensitivity(problem, MU, RETURNS, [0.1, 0.3])
    direct = problem.solve(MU, RETURNS)
    assert table["utility"].iloc[1] == pytest.approx(direct.objective, abs=1e-8)
    assert table["slope"].iloc[1] == pytest.approx(-direct.risk, abs=1e-4)


def test_a_frontier_keeps_the_caps_of_groups_and_what_must_be_invested():
    groups = {asset: "first" if asset < "e" else "second" for asset in ASSETS}
    problem = sa.MeanDownsideRisk(
        fee=0.0005, groups=groups, group_caps={"first": 0.3, "second": 0.4}, min_invested=0.5
    )
    found = problem.frontier(MU, RETURNS, 6)
    for row in found.weights.to_numpy():
        assert row[:4].sum() <= 0.3 + 1e-9
        assert row[4:].sum() <= 0.4 + 1e-9
        assert row.sum() >= 0.5 - 1e-9
    assert (found.table["gap"] <= 1e-6).all()
    top = problem.replace(risk_aversion=0.0).solve(MU, RETURNS)
    assert found.table["net_return"].iloc[-1] == pytest.approx(top.objective, abs=1e-9)


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


def some_problems() -> list[BatchProblem]:
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


def test_a_batch_is_its_problems_one_by_one_for_any_number_of_workers(monkeypatch):
    problems = some_problems()
    alone = sa.batch_solve(problems)
    for problem, solution in zip(problems[:-1], alone, strict=False):
        direct = problem.problem.solve(problem.expected_return, problem.scenarios)
        assert solution.array.tobytes() == direct.array.tobytes()
    assert alone[-1].status == "infeasible"
    assert alone[-1].weights.isna().all()
    assert "invested" in alone[-1].reason
    same(alone, sa.batch_solve(problems, n_jobs=2))
    # and where it is worth while to send them to other processes
    monkeypatch.setattr(batch, "START_SECONDS", -1.0)
    same(alone, sa.batch_solve(problems, n_jobs=2))


def same(first: list[sa.optimization.Solution], second: list[sa.optimization.Solution]) -> None:
    for one, other in zip(first, second, strict=True):
        assert one.array.tobytes() == other.array.tobytes()
        assert one.status == other.status
        assert one.weights.index.equals(other.weights.index)


def test_a_small_batch_starts_no_process(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr(joblib, "Parallel", refuse)
    same(sa.batch_solve(some_problems()), sa.batch_solve(some_problems(), n_jobs=2))


def test_a_batch_runs_where_joblib_says():
    problems = some_problems() * 3
    alone = sa.batch_solve(problems)
    ran = []

    class Watched(joblib.parallel.ThreadingBackend):
        def submit(self, func, callback=None):
            ran.append(func)
            return super().submit(func, callback)

    joblib.register_parallel_backend("watched", Watched)
    for jobs in (None, 2):
        ran.clear()
        with joblib.parallel_config("watched", n_jobs=2):
            same(alone, sa.batch_solve(problems, n_jobs=jobs))
        assert ran


@pytest.mark.slow
def test_a_batch_runs_on_a_dask_cluster():
    distributed = pytest.importorskip("distributed")
    problems = some_problems() * 20
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        with joblib.parallel_config("dask"):
            there = sa.batch_solve(problems)
        seen = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    assert seen > 0
    same(sa.batch_solve(problems), there)


def test_bad_batches():
    with pytest.raises(sa.ParameterError, match="position 0"):
        sa.batch_solve(["x"])
    with pytest.raises(sa.DataError, match="problem 0"):
        sa.batch_solve([BatchProblem(sa.MeanDownsideRisk(), MU, RETURNS.iloc[:1])])
    assert sa.batch_solve([]) == []
