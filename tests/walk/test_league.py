"""The league: who enters, what a broken one does, what the table says, and that its statistics are
those of the runs.
"""

from __future__ import annotations

import math
import threading

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import statarb as sa
from statarb.backtest.uncertainty import (
    bootstrap_scores,
    deflated_sharpe_ratio,
    model_confidence_set,
    probability_of_backtest_overfitting,
)
from statarb.investors import Momentum, from_function, make_investor, parameter_grid
from statarb.pipelines.full import league_text
from statarb.walk.league import run_league
from tests.conftest import make_panel

RULES = sa.TradingRules().without_limits()
START = "2018-01-25"
QUICK = {"start": START, "draws": 40, "depth": 100}
MOVES = {"lookback": 12}
TIMED = ["seconds", "utilisation_max_percent"]
FIGURES = [
    "G", "total_return", "downside", "maximum_drawdown", "turnover", "fees_paid", "exposure",
    "orders", "orders_dropped",
    "failures", "utilisation_max_percent", "rank_G", "rank_return", "G_low", "G_high", "rank_low",
    "rank_high", "p_best",
    "deflated_sharpe", "confidence_set_p",
]  # fmt: skip


class Broken:
    name = "broken"

    def decide(self, window, holdings):
        raise RuntimeError("no idea")


class Sometimes:
    """Fails at every hour, holds the first asset otherwise."""

    name = "sometimes"

    def decide(self, window, holdings):
        if window.now.minute == 0:
            raise RuntimeError("on the hour")
        return {window.assets[0]: 0.5}


class Uncopiable:
    name = "uncopiable"

    def __deepcopy__(self, memo):
        raise RuntimeError("there is only one of me")

    def __reduce__(self):
        raise RuntimeError("there is only one of me")

    def decide(self, window, holdings):
        return None


class Locked:
    """Cannot be pickled, and yet can be copied."""

    name = "locked"

    def __init__(self):
        self.lock = threading.Lock()

    def __deepcopy__(self, memo):
        return Locked()

    def decide(self, window, holdings):
        return {window.assets[1]: 0.4}


@pytest.fixture(scope="module")
def market():
    return make_panel(160, 4, seed=5)


@pytest.fixture(scope="module")
def found(market):
    return run_league(
        ["cash", "buy_and_hold", "rebalanced", Momentum(**MOVES, top=2, every=6)],
        market,
        RULES,
        **QUICK,
    )


def untimed(table):
    return table.drop(columns=TIMED)


def test_every_figure_asked_for_stands_in_the_table(found):
    assert list(found.table.columns[:6]) == [
        "investor",
        "decision_lag",
        "G",
        "total_return",
        "rank_G",
        "rank_return",
    ]
    assert set(FIGURES) <= set(found.table.columns)
    varied = found.table[found.table["investor"] != "cash"]
    assert varied[FIGURES].notna().all(axis=None)
    assert np.isnan(found.table.loc[found.table["investor"] == "cash", "deflated_sharpe"]).all(), (
        "cash has no Sharpe ratio"
    )


def test_every_row_at_lag_0_stands_beside_its_twin(market, found):
    assert found.table["decision_lag"].tolist() == [1, 0] * 4
    assert (
        found.table["investor"].to_numpy()[::2] == found.table["investor"].to_numpy()[1::2]
    ).all()
    assert run_league(["cash"], market, RULES, decision_lags=(0,), **QUICK).table[
        "decision_lag"
    ].tolist() == [1, 0]
    assert run_league(["cash"], market, RULES, decision_lags=(2,), **QUICK).table[
        "decision_lag"
    ].tolist() == [2]


def test_ranks_and_their_agreement_are_those_of_the_figures(found):
    tau = found.agreement()
    for lag, rows in found.table.groupby("decision_lag"):
        for rank, figure in (("rank_G", "G"), ("rank_return", "total_return")):
            expected = [1 + (rows[figure] > value).sum() for value in rows[figure]]
            assert rows[rank].tolist() == expected
        assert tau[lag] == pytest.approx(
            stats.kendalltau(rows["G"], rows["total_return"]).statistic
        )
    first = found.table[found.table["decision_lag"] == 1]
    assert first["rank_G"].is_monotonic_increasing
    assert found.best().investor == first.iloc[0]["investor"]
    assert found.best(0).decision_lag == 0
    assert (
        found.best(0).metrics()["G"] == found.table.loc[found.table["decision_lag"] == 0, "G"].max()
    )


def test_the_best_that_traded_is_the_first_by_rank_with_an_order(found):
    for lag in (1, 0):
        rows = found.table[(found.table["decision_lag"] == lag) & (found.table["orders"] > 0)]
        best = found.best_traded(lag)
        assert best.investor == rows.sort_values("rank_G", kind="stable").iloc[0]["investor"]
        assert best.decision_lag == lag
        assert best.replay.orders_executed > 0
    assert found.best_traded().decision_lag == 1
    with pytest.raises(sa.ParameterError, match="decision_lag must be"):
        found.best_traded(7)


def test_where_nobody_traded_there_is_no_best_that_traded(market):
    result = run_league(["cash", Broken()], market, RULES, **QUICK)
    assert result.best_traded() is None
    assert result.best().investor == "cash"


def test_an_investor_in_hindsight_is_not_the_best_that_traded(market):
    result = run_league(["best_asset", "cash"], market, RULES, **QUICK)
    assert (result.table.loc[result.table["investor"] == "best_asset", "orders"] > 0).all()
    assert result.best_traded() is None


def test_rows_are_those_of_single_walks(market, found):
    for run, (_, row) in zip(found.runs, found.table.iterrows(), strict=True):
        alone = sa.walk_forward(
            Momentum(**MOVES, top=2, every=6)
            if "momentum" in run.investor
            else make_investor(run.investor),
            market,
            RULES,
            start=START,
            depth=100,
            decision_lag=run.decision_lag,
        )
        np.testing.assert_array_equal(alone.replay.value, run.replay.value)
        for figure, value in alone.metrics().items():
            if figure in row and figure not in TIMED:
                assert row[figure] == value or (value is None and pd.isna(row[figure]))


def test_the_statistics_are_those_of_the_paths(found):
    for lag in (1, 0):
        runs = {place: run for place, run in enumerate(found.runs) if run.decision_lag == lag}
        returns = pd.DataFrame(
            {place: np.diff(np.log(run.replay.value.to_numpy())) for place, run in runs.items()}
        )
        rows = found.table.loc[list(runs)]
        drawn = bootstrap_scores(returns, draws=40, seed=0)
        for name, values in drawn.summary().items():
            np.testing.assert_allclose(
                rows[name].astype(float), values.astype(float), rtol=1e-9, atol=1e-12
            )
        np.testing.assert_allclose(
            rows["deflated_sharpe"], deflated_sharpe_ratio(returns), rtol=1e-9
        )
        expected = model_confidence_set(returns, block=drawn.block, draws=40, seed=0)
        np.testing.assert_allclose(rows["confidence_set_p"], expected, rtol=1e-9)
        assert found.overfitting[lag] == probability_of_backtest_overfitting(returns, measure="G")
        assert rows["p_best"].sum() == pytest.approx(1.0)


def test_no_draws_leave_the_uncertainty_out(market):
    bare = run_league(["cash", "buy_and_hold"], market, RULES, start=START, draws=0)
    assert "G_low" not in bare.table
    assert bare.overfitting.isna().all()
    assert "95 % of G" not in league_text(bare)


# -- who enters ------------------------------------------------------------------------------------


def test_a_grid_stands_in_the_place_of_its_investor(market):
    grid = {"momentum": {"lookback": [12], "top": [1, 2], "every": [6, 12]}}
    table = sa.league(["cash", "momentum"], market, RULES, grid=grid, **QUICK)
    points = {
        f"momentum(lookback=12, top={top}, every={every})" for top in (1, 2) for every in (6, 12)
    }
    assert set(table["investor"]) == {"cash"} | points
    assert len(table) == 10
    pd.testing.assert_frame_equal(
        untimed(table), untimed(sa.league(["cash"], market, RULES, grid=grid, **QUICK))
    )
    by_hand = {"cash": "cash", **parameter_grid("momentum", **grid["momentum"])}
    pd.testing.assert_frame_equal(
        untimed(table), untimed(sa.league(by_hand, market, RULES, **QUICK))
    )


def test_a_grid_is_laid_over_an_investor_of_ones_own(market):
    mine = Momentum(**MOVES, top=2)
    table = sa.league([mine], market, RULES, grid={mine.name: {"every": [6, 12]}}, **QUICK)
    assert set(table["investor"]) == {
        f"momentum(lookback=12, top=2, every={every})" for every in (6, 12)
    }


def test_every_point_of_a_grid_counts_as_a_trial(market):
    few = run_league([], market, RULES, grid={"momentum": {"lookback": [6, 12]}}, **QUICK)
    many = run_league(
        [],
        market,
        RULES,
        grid={"momentum": {"lookback": [6, 12], "every": [1, 6, 12, 36]}},
        **QUICK,
    )
    for found, trials in ((few, 2), (many, 8)):
        for lag in (1, 0):
            paths = [run.replay.value for run in found.runs if run.decision_lag == lag]
            assert len(paths) == trials
            ratios = [
                np.diff(np.log(path)).mean() / np.diff(np.log(path)).std(ddof=1) for path in paths
            ]
            normal = stats.norm.ppf
            bar = np.std(ratios, ddof=1) * (
                (1.0 - np.euler_gamma) * normal(1.0 - 1.0 / trials)
                + np.euler_gamma * normal(1.0 - math.exp(-1.0) / trials)
            )
            rows = found.table[found.table["decision_lag"] == lag]
            assert ((rows["deflated_sharpe"] > 0.5).to_numpy() == (np.array(ratios) > bar)).all()


def test_names_of_ones_own(market):
    table = sa.league(
        {
            "fast": Momentum(**MOVES, every=1),
            "slow": Momentum(**MOVES, every=36),
            "still": "buy_and_hold",
        },
        market,
        RULES,
        **QUICK,
    )
    assert set(table["investor"]) == {"fast", "slow", "still"}


def test_the_table_is_the_same_for_every_number_of_processes(market):
    entrants = ["buy_and_hold", Sometimes(), Locked(), Uncopiable()]
    grid = {"momentum": {"lookback": [12], "top": [1, -1]}}
    one = sa.league(entrants, market, RULES, grid=grid, n_jobs=1, **QUICK)
    with pytest.warns(
        UserWarning, match="cannot be sent to workers and runs in this process"
    ) as warned:
        two = sa.league(entrants, market, RULES, grid=grid, n_jobs=2, **QUICK)
    assert [str(one.message).split(" and ")[0] for one in warned] == [
        f"{broken.name} cannot be sent to workers" for broken in entrants[2:]
    ]
    pd.testing.assert_frame_equal(untimed(one), untimed(two), check_exact=True)


def test_a_league_goes_on_from_its_checkpoint(market, tmp_path):
    grid = {"momentum": {"lookback": [12], "top": [1, 2], "every": [6, 12]}}
    first = run_league(["buy_and_hold"], market, RULES, grid=grid, checkpoint=tmp_path, **QUICK)
    assert len(list(tmp_path.iterdir())) == 10, "one folder an investor, parameter and lag"
    again = run_league(["buy_and_hold"], market, RULES, grid=grid, checkpoint=tmp_path, **QUICK)
    # the very seconds: nothing was done again
    pd.testing.assert_frame_equal(first.table, again.table, check_exact=True)
    without = run_league(["buy_and_hold"], market, RULES, grid=grid, **QUICK)
    pd.testing.assert_frame_equal(untimed(first.table), untimed(without.table), check_exact=True)


# -- what is broken --------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [Broken(), Uncopiable()], ids=lambda one: one.name)
def test_one_broken_investor_is_counted_shown_and_not_ranked(market, found, broken):
    result = run_league(
        ["cash", "buy_and_hold", broken, "rebalanced", Momentum(**MOVES, top=2, every=6)],
        market,
        RULES,
        **QUICK,
    )
    rows = result.table[result.table["investor"] == broken.name]
    assert rows.index.tolist() == [8, 9], "below all others"
    assert (rows["failures"] == rows["steps"]).all()
    assert (
        rows["failure_reasons"]
        .str.contains("RuntimeError: (?:no idea|there is only one of me)")
        .all()
    )
    assert rows[["rank_G", "rank_return", "p_best", "confidence_set_p"]].isna().all(axis=None)
    rest = untimed(result.table.drop(index=rows.index)).astype({"rank_G": int, "rank_return": int})
    pd.testing.assert_frame_equal(rest, untimed(found.table))
    pd.testing.assert_series_equal(result.agreement(), found.agreement())
    text = league_text(result)
    assert f"{broken.name} at lag 1 could not decide at every step" in text
    assert result.best().investor == found.best().investor


def test_a_refused_point_of_a_grid_does_not_stop_the_rest(market):
    result = run_league(
        [], market, RULES, grid={"moving_average_cross": {"fast": [6, 48], "slow": [24]}}, **QUICK
    )
    good, bad = (f"moving_average_cross(fast={fast}, slow=24)" for fast in (6, 48))
    rows = result.table.set_index(["investor", "decision_lag"])
    assert rows.loc[(good, 1), "rank_G"] == 1
    assert pd.isna(rows.loc[(bad, 1), "rank_G"])
    assert "slow must be" in rows.loc[(bad, 1), "failure_reasons"]


def test_who_fails_now_and_then_is_ranked_and_counted(market):
    table = sa.league(["buy_and_hold", Sometimes()], market, RULES, **QUICK)
    rows = table[table["investor"] == "sometimes"]
    assert rows["rank_G"].notna().all()
    assert (rows["failures"] > 0).all()
    assert (
        rows["failure_reasons"]
        .str.fullmatch(r"\d+ x exception, the first: RuntimeError: on the hour")
        .all()
    )
    assert (table.loc[table["investor"] == "buy_and_hold", "failure_reasons"] == "").all()


def test_when_nobody_can_decide_there_is_no_best(market):
    result = run_league([Broken()], market, RULES, **QUICK)
    assert len(result.table) == 2
    assert result.agreement().isna().all()
    with pytest.raises(sa.ParameterError, match=r"no investor of the league could decide.*no idea"):
        result.best()
    assert "broken" in league_text(result)


def test_hindsight_is_marked_and_takes_no_rank(market):
    plain = run_league(["cash", "buy_and_hold"], market, RULES, **QUICK).table
    result = run_league(["cash", "buy_and_hold", "best_asset"], market, RULES, **QUICK)
    rows = result.table[result.table["investor"] == "best_asset"]
    assert rows["hindsight"].all()
    assert rows[["rank_G", "rank_return", "p_best"]].isna().all(axis=None)
    assert rows["G"].notna().all()
    rest = (
        untimed(result.table.drop(index=rows.index))
        .reset_index(drop=True)
        .astype({"rank_G": int, "rank_return": int})
    )
    pd.testing.assert_frame_equal(rest, untimed(plain))
    assert result.best().investor != "best_asset"
    assert "best_asset (hindsight)" in league_text(result)


def test_a_bankrupt_investor_keeps_its_run_ranks_last_and_counts_as_a_trial():
    # a price that falls by 320 orders of magnitude is the only way to lose everything; it
    # underflows to a value of 0
    panel = make_panel(160, 3, seed=2, missing=0.0, gaps=False)
    price = panel.array("price").copy()
    price[:, 0] = np.where(np.arange(160) < 120, 1e10, 1e-20)
    panel = sa.Panel.from_frame(pd.DataFrame(price, index=panel.times, columns=panel.assets))
    rules = sa.TradingRules(capital=1e-300, fee=0.0, numeraire=None).without_limits()
    assets = list(panel.assets)
    entrants = {
        "all in": from_function(lambda window: {assets[0]: 1.0}),
        "others": from_function(lambda window: {assets[1]: 0.5, assets[2]: 0.5}),
        "one": from_function(lambda window: {assets[1]: 1.0}),
    }
    result = run_league(entrants, panel, rules, **QUICK)
    ruined = result.table[result.table["investor"] == "all in"]
    assert (ruined["final_value"] == 0.0).all()
    assert ruined["G"].abs().tolist() == [0.0, 0.0]
    assert ruined["rank_G"].tolist() == ruined["rank_return"].tolist() == [3, 3]
    assert ruined["p_best"].isna().all()
    runs = {
        place: run
        for place, run in enumerate(result.runs)
        if run.decision_lag == 1 and run.investor != "all in"
    }
    returns = pd.DataFrame(
        {place: np.diff(np.log(run.replay.value.to_numpy())) for place, run in runs.items()}
    )
    found = result.table.loc[list(runs), "deflated_sharpe"]
    np.testing.assert_allclose(found, deflated_sharpe_ratio(returns, others=1), rtol=1e-9)
    assert "all in" in league_text(result)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda market: sa.league([], market),
            sa.ParameterError,
            "at least one investor, got none",
        ),
        (
            lambda market: sa.league(make_investor("cash"), market),
            sa.ParameterError,
            "got one Cash; give it in brackets",
        ),
        (
            lambda market: sa.league("cash", market),
            sa.ParameterError,
            r"must be a list, got 'cash'; give \['cash'\]",
        ),
        (
            lambda market: sa.league(["cash", "cash"], market),
            sa.ParameterError,
            "must differ, got 'cash' twice",
        ),
        (lambda market: sa.league(["cahs"], market), sa.ParameterError, "did you mean 'cash'"),
        (
            lambda market: sa.league([Momentum], market),
            sa.ParameterError,
            "must have a name and decide",
        ),
        (
            lambda market: sa.league([object()], market),
            sa.ParameterError,
            "must have a name and decide",
        ),
        (
            lambda market: sa.league(["cash"], market, decision_lags=()),
            sa.ParameterError,
            "at least one lag",
        ),
        (
            lambda market: sa.league(["cash"], market, grid={"momntum": {}}),
            sa.ParameterError,
            "did you mean 'momentum'",
        ),
        (
            lambda market: sa.league([], market, grid={"momentum": {"height": [1]}}),
            sa.ParameterError,
            "'top'.* got 'height'",
        ),
        (
            lambda market: sa.league([], market, grid={"momentum": [1]}),
            sa.ParameterError,
            "map 'momentum' to its parameters",
        ),
        # what is wrong with the market stops the league: it is no investor's fault
        (
            lambda market: sa.league(["cash", Broken()], market, start="2019-01-01"),
            sa.DataError,
            "no time of the panel",
        ),
        (
            lambda market: sa.league(
                ["cash", "buy_and_hold"], market, sa.TradingRules(numeraire=99), start=START
            ),
            (sa.ParameterError, sa.DataError),
            "numeraire 99",
        ),
    ],
)
def test_bad_input_is_named(market, call, error, words):
    with pytest.raises(error, match=words):
        call(market)


def test_a_checkpoint_that_cannot_be_written_stops_the_league(market, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(sa.DataError, match="file"):
        run_league(["cash"], market, RULES, checkpoint=tmp_path / "file", **QUICK)
