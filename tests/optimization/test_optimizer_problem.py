"""MeanDownsideRisk: alignment, edges, bad input, the cvxpy problem, constraints and other
measures.
"""

from __future__ import annotations

import pickle

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.optimization import CvxpyProblem, read_scenarios

RNG = np.random.default_rng(7)
ASSETS = pd.Index([1442, 1443, 1444, 1445, 1446, 1447])
RETURNS = pd.DataFrame(RNG.standard_t(4, (80, 6)) * 0.01, columns=ASSETS)
MU = pd.Series([0.004, 0.003, -0.001, 0.002, 0.005, 0.0], index=ASSETS)


def problem(**changes):
    return sa.MeanDownsideRisk(**{"risk_aversion": 20.0, "fee": 0.001, **changes})


class TestAlignment:
    def test_series_in_series_out_by_label(self):
        plain = problem().solve(MU, RETURNS)
        shuffled = problem().solve(
            MU.sample(frac=1.0, random_state=1), RETURNS, previous=pd.Series({1444: 0.0})
        )
        assert isinstance(plain.weights, pd.Series)
        pd.testing.assert_series_equal(plain.weights, shuffled.weights)
        assert plain.weights.index.equals(ASSETS)

    def test_arrays_in_arrays_out(self):
        solution = problem().solve(MU.to_numpy(), RETURNS.to_numpy())
        assert isinstance(solution.weights, np.ndarray)
        np.testing.assert_array_equal(solution.weights, problem().solve(MU, RETURNS).array)

    def test_labels_from_expected_return(self):
        assert problem().solve(MU, RETURNS.to_numpy()).weights.index.equals(ASSETS)

    def test_mapping_and_scalar_boxes(self):
        solution = problem(max_weight={1446: 0.1}).solve(MU, RETURNS, max_trade=0.3)
        assert solution.weights[1446] == pytest.approx(0.1)
        assert solution.array.max() <= 0.3

    def test_scenarios_read_once_can_be_passed_on(self):
        table = read_scenarios(RETURNS)
        np.testing.assert_array_equal(
            problem().solve(MU, table).array, problem().solve(MU, RETURNS).array
        )

    def test_a_solution_is_consistent(self):
        held = pd.Series({1443: 0.4, 1447: 0.3})
        solution = problem().solve(MU, RETURNS, held)
        weights = solution.array
        previous = held.reindex(ASSETS, fill_value=0.0).to_numpy()
        assert solution.turnover == pytest.approx(np.abs(weights - previous).sum())
        assert solution.fees == pytest.approx(0.001 * solution.turnover)
        assert solution.cash == pytest.approx(1.0 - weights.sum())
        assert solution.risk == pytest.approx(
            np.mean(np.minimum(RETURNS.to_numpy() @ weights, 0.0) ** 2)
        )
        assert solution.objective == pytest.approx(
            MU.to_numpy() @ weights - 20.0 * solution.risk - solution.fees
        )
        assert solution.held().is_monotonic_decreasing
        assert (solution.status, solution.reason, solution.solver) == ("optimal", "", "fast")
        assert solution.seconds > 0.0


class TestEdges:
    def test_no_gain_and_nothing_held_is_cash(self):
        solution = problem().solve(-MU.abs(), RETURNS)
        assert not solution.array.any()
        assert (solution.cash, solution.gap, solution.objective) == (1.0, 0.0, 0.0)

    def test_a_fee_above_the_gain_keeps_what_is_held(self):
        held = pd.Series(0.1, index=ASSETS)
        solution = problem(fee=0.2).solve(MU, RETURNS, held)
        np.testing.assert_array_equal(solution.array, held)

    def test_without_risk_aversion_the_best_is_filled_first(self):
        solution = problem(risk_aversion=0.0, max_weight=0.3).solve(MU, RETURNS)
        assert solution.weights.round(12).to_dict() == {
            1442: 0.3,
            1443: 0.3,
            1444: 0,
            1445: 0.1,
            1446: 0.3,
            1447: 0,
        }
        assert solution.gap <= 1e-12

    def test_without_risk_aversion_nothing_is_sold_for_less_than_the_fees(self):
        held = pd.Series({1443: 1.0})
        assert problem(risk_aversion=0.0).solve(MU, RETURNS, held).weights[1443] == 1.0
        assert problem(risk_aversion=0.0, fee=0.0005).solve(MU, RETURNS, held).weights[1446] == 1.0

    def test_more_held_than_there_is(self):
        with pytest.raises(sa.DataError, match=r"previous sums to 1\.8, above 1.*divide"):
            problem().solve(MU, RETURNS, pd.Series(0.3, index=ASSETS))
        for total in (1.0 + 1e-10, 1.0):
            held = pd.Series(total / 6.0, index=ASSETS)
            solution = problem(missing="freeze").solve(MU * np.nan, RETURNS, held)
            assert solution.infeasibility <= 1e-12
            np.testing.assert_allclose(solution.array, 1.0 / 6.0, rtol=1e-9)

    def test_held_above_its_cap_is_sold_to_the_cap(self):
        solution = problem(max_weight=0.2).solve(MU, RETURNS, pd.Series({1442: 0.9}))
        assert solution.weights[1442] <= 0.2

    def test_cash_is_dearer_with_a_higher_fee(self):
        values = [
            problem(fee=fee).solve(MU, RETURNS).objective for fee in (0.0, 0.0005, 0.001, 0.003)
        ]
        assert values == sorted(values, reverse=True)

    def test_ratio_is_infinite_without_downside(self):
        sure = RETURNS.assign(x=0.001).rename(columns={"x": 1500})
        solution = problem(objective="ratio").solve(pd.concat([MU, pd.Series({1500: 0.002})]), sure)
        assert (solution.objective, solution.status) == (np.inf, "degenerate")
        assert "infinite" in solution.reason
        # up to the rounding of a sum of products
        assert (sure.to_numpy() @ solution.array).min() >= -1e-16

    def test_ratio_of_one_asset(self):
        solution = problem(objective="ratio", fee=0.0).solve(MU[[1442]], RETURNS[[1442]])
        expected = 0.004 / np.sqrt(np.mean(np.minimum(RETURNS[1442], 0.0) ** 2))
        assert solution.objective == pytest.approx(expected, rel=1e-12)

    def test_ratio_fills_up_and_invested_0_allows_cash(self):
        held = pd.Series({1443: 0.5})
        full = problem(objective="ratio").solve(MU, RETURNS, held)
        free = problem(objective="ratio", min_invested=0.0).solve(MU, RETURNS, held)
        assert full.array.sum() == pytest.approx(1.0, abs=1e-12)
        assert free.objective >= full.objective

    def test_scaling_expected_returns_scales_the_ratio_alone(self):
        small = problem(objective="ratio", fee=0.0).solve(MU, RETURNS)
        large = problem(objective="ratio", fee=0.0).solve(1000.0 * MU, RETURNS)
        assert large.objective == pytest.approx(1000.0 * small.objective, rel=1e-9)
        np.testing.assert_allclose(large.array, small.array, atol=1e-7)

    def test_the_floor_is_reached_and_no_more(self):
        solution = problem(objective="min_risk", return_floor=0.0025).solve(MU, RETURNS)
        assert solution.expected_return - solution.fees == pytest.approx(0.0025, abs=1e-12)

    def test_volatility_is_a_scale_of_the_scenarios(self):
        sigma = pd.Series(RNG.uniform(0.5, 2.0, 6), index=ASSETS)
        scaled = problem().solve(MU, RETURNS, volatility=sigma)
        plain = problem().solve(MU, RETURNS * sigma)
        assert scaled.objective == pytest.approx(plain.objective, rel=1e-10)
        np.testing.assert_allclose(scaled.array, plain.array, atol=1e-9)

    def test_scenario_weights_are_repeated_rows(self):
        counts = RNG.integers(0, 4, len(RETURNS))
        weighted = problem().solve(MU, RETURNS, scenario_weights=counts.astype(float))
        repeated = problem().solve(MU, RETURNS.loc[np.repeat(np.arange(len(RETURNS)), counts)])
        assert weighted.objective == pytest.approx(repeated.objective, rel=1e-10)

    def test_half_life(self):
        weights = 0.5 ** (np.arange(len(RETURNS))[::-1] / 10.0)
        given, named = (
            problem().solve(MU, RETURNS, scenario_weights=weights),
            problem(half_life=10.0).solve(MU, RETURNS),
        )
        np.testing.assert_allclose(named.array, given.array, atol=1e-12)

    def test_groups_and_exclusions(self):
        groups = {1442: "a", 1443: "a", 1446: "b"}
        solution = problem(groups=groups, group_caps={"a": 0.15, "b": 0.25}, exclude=[1445]).solve(
            MU, RETURNS
        )
        weights = solution.weights
        assert weights[[1442, 1443]].sum() <= 0.15 + 1e-12
        assert weights[1446] == pytest.approx(0.25, abs=1e-12)
        assert weights[1445] == 0.0
        assert (solution.status, solution.solver) == ("optimal", "fast")
        assert solution.gap <= 1e-8

    def test_a_looser_cap_never_costs(self):
        values = [
            problem(max_weight=cap).solve(MU, RETURNS).objective for cap in (0.1, 0.2, 0.4, 1.0)
        ]
        assert values == sorted(values)


class TestMissing:
    holed = RETURNS.copy()
    holed.iloc[:10, 4] = np.nan

    def test_error_names_the_asset(self):
        with pytest.raises(sa.DataError, match=r"1446.*10 scenarios missing"):
            problem().solve(MU, self.holed)

    def test_freeze_keeps_and_sell_sells(self):
        held = pd.Series({1446: 0.2, 1442: 0.3})
        assert problem(missing="freeze").solve(MU, self.holed, held).weights[1446] == 0.2
        assert problem(missing="sell").solve(MU, self.holed, held).weights[1446] == 0.0
        assert problem(missing="sell").solve(MU, self.holed, held, max_trade=0.05).weights[
            1446
        ] == pytest.approx(0.15)
        assert problem(missing="freeze").solve(MU, self.holed).weights[1446] == 0.0

    def test_no_forecast_is_missing_too(self):
        mu = MU.copy()
        mu[1442] = np.nan
        held = pd.Series({1442: 0.3})
        assert problem(missing="freeze").solve(mu, RETURNS, held).weights[1442] == 0.3
        with pytest.raises(sa.DataError, match="1442"):
            problem().solve(mu, RETURNS, held)


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"risk_aversion": -1.0}, "risk_aversion must be .* at least 0"),
            ({"fee": 1.0}, "fee must be"),
            ({"objective": "utilty"}, "did you mean 'utility'"),
            ({"measure": "var"}, "measure must be one of"),
            ({"missing": "drop"}, "missing must be one of"),
            ({"max_weight": 1.5}, "max_weight"),
            ({"return_floor": 0.1}, "belongs to objective='min_risk'"),
            ({"half_life": 0.0}, "half_life"),
            ({"groups": {1: "a"}}, "together"),
            ({"minimum_acceptable_return": np.nan}, "minimum_acceptable_return must be"),
        ],
    )
    def test_parameters(self, changes, message):
        with pytest.raises(sa.ParameterError, match=message):
            problem(**changes)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"expected_return": MU.where(MU != 0.004, np.inf)},
                "expected_return must be a finite number.*1442",
            ),
            ({"expected_return": MU.where(MU != 0.004)}, "expected_return must be.*1442"),
            ({"expected_return": MU.drop(1444)}, "no value for the asset 1444"),
            ({"expected_return": MU.rename({1444: 9})}, "names the asset 9"),
            ({"expected_return": MU.to_numpy()[:3]}, "one number for each of the 6 assets"),
            ({"scenarios": RETURNS.iloc[:1]}, "at least two rows"),
            (
                {
                    "scenarios": RETURNS.mask(
                        RETURNS.index.isin([3])[:, None] & np.ones(6, bool), np.inf
                    )
                },
                "finite.*row 3, asset 1442",
            ),
            ({"scenarios": RETURNS.to_numpy().ravel()}, "must be a table"),
            ({"previous": pd.Series({99: 0.1})}, "previous names the asset 99"),
            ({"previous": pd.Series({1442: -0.1})}, "previous must be .*at least 0"),
            ({"max_trade": -0.1}, "max_trade must be"),
            ({"volatility": MU * 0.0}, "volatility must be .*above 0"),
            ({"scenario_weights": np.zeros(80)}, "not all zero"),
            ({"scenario_weights": np.ones(3)}, "each of the 80 scenarios"),
        ],
    )
    def test_data(self, arguments, message):
        with pytest.raises(sa.DataError, match=message):
            problem().solve(**{"expected_return": MU, "scenarios": RETURNS, **arguments})

    def test_duplicated_column(self):
        with pytest.raises(sa.DataError, match="1442 twice"):
            problem().solve(MU, RETURNS.rename(columns={1443: 1442}))

    def test_a_cap_that_a_box_forbids_to_reach_names_the_asset(self):
        with pytest.raises(sa.InfeasibleError, match=r"asset 1444 must keep at least 0\.5"):
            problem(max_weight=0.2).solve(
                MU, RETURNS, pd.Series({1444: 0.6, 1442: 0.1}), max_trade=0.1
            )

    def test_too_much_to_keep(self):
        # with the fees of the sales, which the budget bears where rules are given
        rules = sa.TradingRules(fee=0.1, numeraire=None).without_limits()
        program = problem(rules=rules).program(MU, RETURNS, pd.Series({1442: 0.5, 1443: 0.5}))
        with pytest.raises(sa.InfeasibleError, match=r"sum to 1\..*1442"):
            program.replace(lower=np.array([0.7, 0.5, 0, 0, 0, 0])).require_feasible()

    def test_caps_too_small_to_fill_up(self):
        with pytest.raises(sa.InfeasibleError, match="min_invested=0"):
            problem(objective="ratio", max_weight=0.1).solve(MU, RETURNS)

    def test_an_excluded_asset_that_cannot_be_sold(self):
        with pytest.raises(sa.InfeasibleError, match="1443"):
            problem(exclude=[1443]).solve(MU, RETURNS, pd.Series({1443: 0.6}), max_trade=0.1)

    def test_ratio_without_a_gain(self):
        with pytest.raises(sa.DataError, match="positive expected return"):
            problem(objective="ratio").solve(-MU.abs(), RETURNS)

    def test_a_floor_too_high(self):
        with pytest.raises(sa.InfeasibleError, match=r"largest possible is 0\.004"):
            problem(objective="min_risk", return_floor=0.01).solve(MU, RETURNS)

    def test_unknown_groups_and_exclusions(self):
        with pytest.raises(sa.DataError, match="asset 5"):
            problem(groups={5: "a"}, group_caps={"a": 0.1}).solve(MU, RETURNS)
        with pytest.raises(sa.DataError, match="exclude names the asset 5"):
            problem(exclude=[5]).solve(MU, RETURNS)

    def test_options_without_a_solver(self):
        with pytest.raises(sa.ParameterError, match="needs solver="):
            problem().solve(MU, RETURNS, max_iter=3)


class TestCvxpyProblem:
    @pytest.mark.parametrize("objective", ["utility", "ratio", "min_risk"])
    def test_it_is_dpp(self, objective):
        program = problem(objective=objective).program(MU, RETURNS)
        assert CvxpyProblem(program).problem.is_dcp(dpp=True)

    def test_one_statement_solves_many_programs(self):
        first = problem().program(MU, RETURNS)
        statement = CvxpyProblem(first)
        for mu in (MU, MU[::-1].set_axis(ASSETS)):
            program = problem().program(mu, RETURNS)
            found = statement.solve(program, "CLARABEL").weights
            assert program.utility(found) == pytest.approx(
                problem().solve(mu, RETURNS).objective, abs=1e-8
            )

    def test_solvers_are_known_in_small_letters_too(self):
        assert problem().solve(MU, RETURNS, solver="clarabel").solver == "CLARABEL"

    @pytest.mark.parametrize("solver", ["CLARABEL", "SCS"])
    def test_any_solver(self, solver):
        options = {"eps": 1e-8} if solver == "SCS" else {}
        theirs = problem().solve(MU, RETURNS, solver=solver, **options)
        # default tolerances of interior-point and splitting solvers
        assert theirs.objective == pytest.approx(problem().solve(MU, RETURNS).objective, rel=1e-4)
        assert theirs.solver == solver

    def test_unknown_solver(self):
        with pytest.raises(sa.ParameterError, match="solver must be one of"):
            problem().solve(MU, RETURNS, solver="NOSUCH")

    def test_constraints_as_functions_and_with_the_variable(self):
        stated = problem()
        weights = stated.variable(6)
        first = stated.solve(MU, RETURNS, constraints=[weights[0] + weights[4] <= 0.3])
        second = stated.solve(
            MU, RETURNS, solver="CLARABEL", constraints=[lambda w: [w[0] + w[4] <= 0.3]]
        )
        assert first.array[[0, 4]].sum() == pytest.approx(0.3, abs=1e-6)
        np.testing.assert_allclose(first.array, second.array, atol=1e-6)
        assert first.gap <= 1e-6
        assert (first.status, first.reason) == ("optimal", "")

    def test_constraints_of_another_variable(self):
        with pytest.raises(sa.ParameterError, match="none of which are the weights"):
            problem().solve(MU, RETURNS, constraints=[cp.Variable(6, name="x")[0] <= 1.0])

    def test_constraints_that_cannot_hold(self):
        with pytest.raises(sa.InfeasibleError, match="no portfolio"):
            problem().solve(MU, RETURNS, constraints=[lambda w: cp.sum(w) >= 2.0])

    def test_constraints_with_the_ratio(self):
        with pytest.raises(sa.ParameterError, match="quotient"):
            problem(objective="ratio").solve(MU, RETURNS, constraints=[lambda w: w[0] <= 0.1])

    @pytest.mark.parametrize("measure", ["variance", "cvar", "lpm1"])
    def test_other_measures(self, measure):
        solution = problem(measure=measure, objective="min_risk").solve(MU, RETURNS)
        returns = RETURNS.to_numpy() @ solution.array
        ordered = np.sort(returns)
        expected = {
            "variance": np.var(returns),
            "cvar": -ordered[:4].mean(),
            "lpm1": np.mean(np.maximum(-returns, 0.0)),
        }[measure]
        # Clarabel's default tolerance on the variable threshold
        assert solution.risk == pytest.approx(expected, rel=1e-6)
        for other in (np.full(6, 1 / 6), *np.eye(6)):
            program = problem(measure=measure).program(MU, RETURNS)
            assert solution.risk <= program.risk(other) * (1 + 1e-6)
        assert solution.gap <= 1e-6

    def test_a_problem_can_be_sent_to_a_worker(self):
        stated = problem(max_weight=0.5)
        stated.variable(6)
        again = pickle.loads(pickle.dumps(stated))
        np.testing.assert_array_equal(
            again.solve(MU, RETURNS).array, stated.solve(MU, RETURNS).array
        )


def test_a_failing_fast_path_falls_back_and_says_so(monkeypatch):
    from statarb.optimization import objectives as forms
    from statarb.optimization._engine import fast_solver as solver

    right = solver.FastSolver.solve

    def wrong(self, program, **options):
        point = right(self, program, **options)
        return solver.UtilityPoint(
            point.weights * 0.9, point.multiplier, point.gap, point.iterations, None
        )

    honest = problem().solve(MU, RETURNS)
    monkeypatch.setattr(forms.FastSolver, "solve", wrong)
    solution = problem().solve(MU, RETURNS)
    assert solution.status == "fallback"
    assert "CLARABEL was asked" in solution.reason
    assert solution.objective == pytest.approx(honest.objective, rel=1e-8)
    assert solution.infeasibility <= 1e-12
