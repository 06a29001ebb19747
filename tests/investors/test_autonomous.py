"""The autonomous investor: learns to trade where there is an edge, holds cash where there is none,
and says why.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.investors import AutonomousInvestor, make_investor
from statarb.investors.autonomous.paper_account import (
    Candidate,
    DecisionContext,
    NoTradeBand,
    PaperAccount,
)
from statarb.investors.autonomous.sources import SOURCES
from statarb.rules import Context
from statarb.testing import check_investor

BEGIN = pd.Timestamp("2018-01-24 00:00")
START = pd.Timestamp("2018-01-25 16:00")
"""480 rows after the first: half of them are the warm-up of the paper accounts."""


def market(
    rows: int, delay: int | None, seed: int = 0, assets: int = 5, sd: float = 0.006
) -> sa.Panel:
    """The first asset moves at random; the others repeat its moves ``delay`` rows later, or have
    moves of their own.
    """
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, sd, (rows, assets))
    if delay is not None:
        moves[delay:, 1:] = moves[:-delay, :1] + 0.1 * moves[delay:, 1:]
    prices = 10_000.0 * np.exp(moves.cumsum(axis=0)) * 0.5 ** np.arange(assets)
    index = pd.date_range(BEGIN, periods=rows, freq="5min", unit="us")
    return sa.Panel.from_frame(
        pd.DataFrame(prices, index=index, columns=range(1442, 1442 + assets))
    )


def ask(
    investor: AutonomousInvestor, panel: sa.Panel, row: int, holdings: pd.Series, lag: int = 0
) -> pd.Series | None:
    """Ask for a decision from a row, as a walk by the rules of the case does."""
    context = Context(panel.times[row] + lag * panel.step, 10_000.0, sa.TradingRules(), lag)
    return investor.decide(panel.window(panel.times[row]), holdings, context)


@pytest.fixture(scope="module")
def planted() -> sa.Panel:
    return market(900, 1)


@pytest.fixture(scope="module")
def planted_run(planted: sa.Panel) -> sa.Run:
    return sa.walk_forward(AutonomousInvestor(), planted, start=START, decision_lag=0)


def with_gaps(panel: sa.Panel) -> sa.Panel:
    """The same quotes with missing cells, a late listing, an asset that dies, and a gap of 62
    hours.
    """
    prices = panel.price.to_numpy().copy()
    prices[np.random.default_rng(1).random(prices.shape) < 0.1] = np.nan
    prices[: len(prices) * 3 // 4, -1] = np.nan
    prices[len(prices) * 2 // 3 :, 2] = np.nan
    half = len(prices) * 5 // 8
    index = panel.grid[:half].append(panel.grid[half:] + pd.Timedelta("62h"))
    return sa.Panel.from_frame(pd.DataFrame(prices, index=index, columns=panel.assets), step="5min")


# -- what it is for --------------------------------------------------------------------------------


def test_it_learns_to_trade_a_planted_lead(planted_run: sa.Run) -> None:
    figures = planted_run.metrics()
    assert figures["total_return"] > 0.5
    assert figures["maximum_drawdown"] < 0.1
    assert figures["failures"] == 0


def test_it_says_why(planted: sa.Panel, planted_run: sa.Run) -> None:
    investor = AutonomousInvestor().watch(planted, START, decision_lag=0)
    log = investor.log_frame()
    assert log["leader"].iloc[0] == "cash"
    assert "no candidate beats cash" in log["reason"].iloc[0]
    assert log["leader"].iloc[-1] != "cash"
    weights = log[[f"weight of {name}" for name in investor.names]]
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    change = int(np.flatnonzero(log["leader"] != "cash")[0])
    leader = log["leader"].iloc[change]
    assert log[f"statistic of {leader}"].iloc[change] >= 1.0
    assert (
        weights[f"weight of {leader}"].iloc[change] > 2.0 * weights["weight of cash"].iloc[change]
    )
    # nothing is bought before the log says that somebody leads
    bought = planted_run.replay.orders["time"].min() if len(planted_run.replay.orders) else None
    assert bought is not None
    assert bought >= log.index[change]
    assert len(log) < 20


@pytest.mark.parametrize("seed", [0, 1])
def test_it_stays_in_cash_where_there_is_nothing_to_gain(seed: int) -> None:
    run = sa.walk_forward(
        AutonomousInvestor(), market(700, None, seed), start=START, decision_lag=0
    )
    assert abs(run.metrics()["total_return"]) < 0.005
    assert run.metrics()["exposure"] < 0.01


def test_it_does_not_chase_a_lead_that_is_over_when_the_trade_is_made(planted: sa.Panel) -> None:
    run = sa.walk_forward(
        AutonomousInvestor(), planted, start=START, end=planted.grid[700], decision_lag=1
    )
    assert run.metrics()["total_return"] > -0.005


def test_an_investor_without_forecasts_may_lead() -> None:
    """All assets rise, a step late as well as at once: nothing but holding pays at lag 1."""
    rng = np.random.default_rng(3)
    moves = 0.002 + rng.normal(0.0, 0.003, (800, 1)) + rng.normal(0.0, 0.001, (800, 5))
    index = pd.date_range(BEGIN, periods=800, freq="5min", unit="us")
    panel = sa.Panel.from_frame(
        pd.DataFrame(
            10_000.0 * np.exp(moves.cumsum(axis=0)), index=index, columns=range(1442, 1447)
        )
    )
    run = sa.walk_forward(AutonomousInvestor(), panel, start=START, decision_lag=1)
    assert run.metrics()["total_return"] > 0.3
    watched = AutonomousInvestor().watch(panel, START)
    assert watched.log[-1]["leader"] in ("buy_and_hold", "equal_weight_hold", "momentum")
    assert not watched.failures


def test_a_lead_that_ends_is_left() -> None:
    live, dead = market(900, 1), market(500, None, seed=5)
    prices = np.vstack(
        [
            live.price.to_numpy(),
            dead.price.to_numpy() / dead.price.to_numpy()[0] * live.price.to_numpy()[-1],
        ]
    )
    index = pd.date_range(BEGIN, periods=len(prices), freq="5min", unit="us")
    panel = sa.Panel.from_frame(pd.DataFrame(prices, index=index, columns=live.assets))
    run = sa.walk_forward(AutonomousInvestor(track_record=288), panel, start=START, decision_lag=0)
    top = run.replay.value.iloc[: 900 - 480].max()
    assert top > 15_000
    assert run.replay.value.iloc[-1] > 0.85 * top
    held = 1.0 - run.replay.cash.iloc[-100:] / run.replay.value.iloc[-100:]
    assert held.max() < 0.05


# -- what holds for every investor -----------------------------------------------------------------


def test_the_contract_holds(planted: sa.Panel) -> None:
    short = AutonomousInvestor(warm_up=30)
    check_investor(short, planted.between(None, planted.grid[400]), cuts=1)
    check_investor(short, with_gaps(planted.between(None, planted.grid[400])), cuts=1, seed=1)


def test_what_it_learns_survives_gaps_late_listings_and_missing_quotes(planted: sa.Panel) -> None:
    run = sa.walk_forward(AutonomousInvestor(), with_gaps(planted), start=START, decision_lag=0)
    assert run.metrics()["failures"] == 0
    assert run.metrics()["total_return"] > 0.05


def test_the_future_changes_no_decision(planted: sa.Panel, planted_run: sa.Run) -> None:
    cut = planted.grid[640]
    for how in ("multiplied", "dropped"):
        changed = sa.testing.changed_future(planted, cut, how, seed=3)
        run = sa.walk_forward(AutonomousInvestor(), changed, start=START, end=cut, decision_lag=0)
        pd.testing.assert_frame_equal(run.targets, planted_run.targets.loc[:cut])


def test_jobs_blocks_and_checkpoints_change_nothing(
    planted: sa.Panel, planted_run: sa.Run, tmp_path: Path
) -> None:
    end = planted.grid[620]
    expected = planted_run.targets.loc[:end]
    assert len(expected)
    kept = {"block": 53, "checkpoint": tmp_path}
    # the last one takes up the last state that was kept
    for options in (
        {"block": 100, "n_jobs": 2},
        kept,
        kept,
    ):
        run = sa.walk_forward(
            AutonomousInvestor(), planted, start=START, end=end, decision_lag=0, **options
        )
        pd.testing.assert_frame_equal(run.targets, expected)
        newest = max(tmp_path.rglob("*state-*"), default=None)
        if newest is not None:
            newest.unlink()


def test_a_pickled_copy_goes_on_the_same_path(planted: sa.Panel) -> None:
    holdings = pd.Series(0.0, index=planted.assets)
    investor = AutonomousInvestor(warm_up=200)
    for row in range(500, 530):
        ask(investor, planted, row, holdings)
    copy = pickle.loads(pickle.dumps(investor))
    for row in range(530, 550):
        one, two = ask(investor, planted, row, holdings), ask(copy, planted, row, holdings)
        assert (one is None and two is None) or one.equals(two)
    assert copy.log == investor.log


def test_windows_that_were_not_shown_are_caught_up(planted: sa.Panel) -> None:
    holdings = pd.Series(0.0, index=planted.assets)
    every, some = (
        AutonomousInvestor(warm_up=150),
        AutonomousInvestor(warm_up=150),
    )
    for row in range(500, 600):
        ask(every, planted, row, holdings)
    for row in (500, 551, 599):
        ask(some, planted, row, holdings)
    # the optimiser starts from its last solution, so that two paths agree to its tolerance and not
    # to the bit
    np.testing.assert_allclose(some._hedge.weights, every._hedge.weights, rtol=1e-3, atol=1e-5)
    assert some.names[some._leader] == every.names[every._leader]


def test_watching_learns_what_a_walk_learns(planted: sa.Panel) -> None:
    end = planted.grid[560]
    watched = AutonomousInvestor(warm_up=100).watch(planted, START, end)
    walked, holdings = AutonomousInvestor(warm_up=100), pd.Series(0.0, index=planted.assets)
    for row in range(479, 560):
        ask(walked, planted, row, holdings, lag=1)
    assert watched._newest == walked._newest
    assert watched.log == walked.log
    np.testing.assert_allclose(watched._hedge.weights, walked._hedge.weights, rtol=1e-6)


# -- its parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("weekdays", [False, True])
def test_a_paper_account_earns_what_a_walk_earns(
    planted: sa.Panel, lag: int, weekdays: bool
) -> None:
    """The paper accounts against the walk itself: the same candidate on the same forecasts,
    decision for decision, whatever the labels of time.
    """
    first, last = 400, 520
    forecasts = np.random.default_rng(2).normal(
        0.0, 0.004, (last - first + lag, len(SOURCES), len(planted.assets))
    )
    panel = planted
    if weekdays:
        index = pd.bdate_range("2015-01-01", periods=len(planted.times))
        panel = sa.Panel.from_frame(
            pd.DataFrame(planted.array("price"), index=index, columns=planted.assets)
        )
    band = NoTradeBand(0, "x", 0.1)

    class Traded:
        name = "traded"

        def decide(
            self, window: sa.Panel, holdings: pd.Series, context: Context
        ) -> np.ndarray | None:
            row = int(window.places[-1])
            known = DecisionContext(
                window, forecasts[row - first + lag], np.ones(len(SOURCES)), context
            )
            return band.decide(known, holdings.to_numpy())

    end = panel.times[last - 1]
    run = sa.walk_forward(Traded(), panel, start=panel.times[first], end=end, decision_lag=lag)
    rules = sa.TradingRules()
    account = PaperAccount(
        band, panel.row_slice(0, first), rules, panel.times_array[first - lag], lag
    )
    value, prices = [], panel.array("price")
    for row in range(first - lag, last):
        known = DecisionContext(
            panel.row_slice(0, row + 1),
            forecasts[row - first + lag],
            np.ones(len(SOURCES)),
            Context(panel.times[row], rules.capital, rules, lag),
        )
        account.advance(known, prices[row], True)
        value.append(account.account.marked_value)
    np.testing.assert_allclose(value[lag:], run.replay.value, rtol=1e-12)
    assert run.replay.fees.sum() > 0.0


class Stuck(Candidate):
    name = "stuck"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def decide(self, known: DecisionContext, held: np.ndarray) -> np.ndarray | None:
        raise self.error


def account_of(candidate: Candidate, panel: sa.Panel) -> tuple[PaperAccount, DecisionContext]:
    rules = sa.TradingRules()
    context = Context(panel.times[0], rules.capital, rules, 1)
    known = DecisionContext(panel.row_slice(0, 1), np.zeros((1, 5)), np.zeros(1), context)
    return PaperAccount(candidate, panel, rules, panel.times_array[0], 1), known


def test_a_candidate_without_an_answer_stops_nobody_warns_once_and_is_counted(
    planted: sa.Panel,
) -> None:
    account, known = account_of(Stuck(sa.InfeasibleError("no point")), planted)
    with pytest.warns(
        RuntimeWarning,
        match="stuck cannot decide at 2018-01-24 00:00:00 .InfeasibleError: no point.",
    ) as warned:
        growth = [account.advance(known, planted.array("price")[0], True) for _ in range(3)]
    assert growth == [0.0, 0.0, 0.0]
    assert len(warned) == 1
    assert account.failures == {"InfeasibleError: no point": 3}


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), KeyError("no"), MemoryError()])
def test_a_fault_of_a_candidate_is_not_hidden(planted: sa.Panel, error: Exception) -> None:
    account, known = account_of(Stuck(error), planted)
    with pytest.raises(type(error)):
        account.advance(known, planted.array("price")[0], True)
    assert not account.failures


@pytest.mark.parametrize(
    ("rows", "assets", "expected"),
    [(2000, 20, 1000), (9000, 20, 1008), (2000, 200, 504), (2000, 1678, 0), (1, 5, 0)],
)
def test_the_warm_up_is_half_of_the_window_and_affordable(
    rows: int, assets: int, expected: int
) -> None:
    assert AutonomousInvestor()._warm_up_rows(rows, assets) == expected


def test_another_market_needs_no_parameter() -> None:
    """Assets without the numeraire of the rules, and one asset alone."""
    panel = market(300, 1)
    frame = panel.price.set_axis(list("abcde"), axis=1)
    rules = sa.TradingRules().without_limits()
    run = sa.walk_forward(
        make_investor("autonomous"), sa.Panel.from_frame(frame), rules, start=panel.grid[200]
    )
    assert run.metrics()["failures"] == 0
    # limits in units of an asset it lacks
    watched = AutonomousInvestor().watch(sa.Panel.from_frame(frame), panel.grid[200])
    assert not watched.failures
    one = sa.Panel.from_frame(frame[["a"]])
    run = sa.walk_forward(
        make_investor("autonomous"), one, rules, start=panel.grid[130], end=panel.grid[170]
    )
    assert run.metrics()["failures"] == 0
    # a walk that never has the rows of a first forecast says so
    short = sa.walk_forward(make_investor("autonomous"), one, rules, end=panel.grid[40])
    needed = AutonomousInvestor().min_rows
    assert f"needs {needed} rows" in " ".join(short.failures["message"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("warm_up", -1),
        ("level", 0.0),
        ("share", 1.0),
        ("track_record", 1),
        ("z_threshold", -1.0),
    ],
)
def test_a_parameter_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(sa.ParameterError, match=name):
        AutonomousInvestor(**{name: value})


def test_a_span_without_rows_cannot_be_watched(planted: sa.Panel) -> None:
    with pytest.raises(sa.DataError, match="no row"):
        AutonomousInvestor().watch(planted, "2018-01-20", "2018-01-21")


# -- the real rows ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_on_the_case_it_loses_nothing_a_step_late(real_panel: sa.Panel) -> None:
    run = sa.walk_forward(AutonomousInvestor(), real_panel, decision_lag=1)
    figures = run.metrics()
    assert figures["G"] >= 0.0
    assert figures["maximum_drawdown"] <= 0.05
    assert figures["failures"] == 0


@pytest.mark.slow
def test_on_the_case_it_finds_the_stale_quotes_by_itself(real_panel: sa.Panel) -> None:
    run = sa.walk_forward(AutonomousInvestor(), real_panel, end="2018-02-01", decision_lag=0)
    assert run.metrics()["total_return"] > 0.3
    assert run.metrics()["maximum_drawdown"] < 0.1


def test_it_says_in_numbers_why_it_holds_cash(planted: sa.Panel) -> None:
    noise = market(560, None, 3)
    for panel, reasons in (
        (noise, {"no source with a significant track record"}),
        (
            planted.between(None, planted.grid[520]),
            {"no candidate beats cash significantly after fees"},
        ),
    ):
        investor, holdings = AutonomousInvestor(warm_up=100), pd.Series(0.0, index=panel.assets)
        rows = range(480, 520)
        for row in rows:
            assert ask(investor, panel, row, holdings) is None or investor._leader > 0
        assert set(investor.reasons) & reasons
        assert sum(investor.reasons.values()) <= len(rows)
    assert AutonomousInvestor().min_rows > 50
