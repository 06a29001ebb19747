"""The walk: what an investor sees, what is traded when, what a failure does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.walk.step import as_weights
from tests.conftest import make_panel

RULES = sa.TradingRules().without_limits()
START = "2018-01-24 21:00"


class Recorder:
    """Wants the same weight of every quoted asset, and keeps what it was shown."""

    name = "recorder"

    def __init__(self, log):
        self.log = log

    def __deepcopy__(self, memo):
        return self

    def decide(self, window, holdings):
        self.log.append((window.now, window.times[-1], len(window.times), holdings.copy()))
        last = window.array("price")[-1]
        target = pd.Series(np.where(np.isnan(last), 0.0, 1.0), index=window.assets)
        return target / (2.0 * max(target.sum(), 1.0))


class Scripted:
    """Answers from a function of the time of the window and the holdings."""

    name = "scripted"

    def __init__(self, answer):
        self.answer = answer

    def __deepcopy__(self, memo):
        return self

    def decide(self, window, holdings):
        return self.answer(window, holdings)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_the_window_ends_lag_steps_before_the_trade(lag):
    panel, log = make_panel(80), []
    run = sa.walk_forward(Recorder(log), panel, RULES, start=START, depth=20, decision_lag=lag)
    first = int(np.searchsorted(panel.grid, pd.Timestamp(START)))
    assert [now for now, *_ in log] == list(panel.grid[first - lag : len(panel.grid) - lag])
    assert all(last <= now for now, last, *_ in log)
    assert max(rows for _, _, rows, _ in log) == 20
    assert list(run.seconds.index) == list(panel.grid[first:])
    assert list(run.replay.value.index) == list(panel.grid[first:])


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_holdings_are_those_at_the_time_of_the_decision(lag):
    panel, log = make_panel(80), []
    run = sa.walk_forward(Recorder(log), panel, RULES, start=START, depth=20, decision_lag=lag)
    first = int(np.searchsorted(panel.grid, pd.Timestamp(START)))
    realised = run.replay.weights[list(panel.assets)].to_numpy()
    for now, _, _, holdings in log:
        place = panel.grid.get_loc(now) - first
        assert list(holdings.index) == list(panel.assets)
        if place < 0 or (lag == 0 and place == 0):
            assert (holdings == 0.0).all()
        elif lag > 0:  # after the trade at that time
            np.testing.assert_array_equal(holdings.to_numpy(), realised[place])
    # before the trade: the units are those after the trade before, at the prices of now
    if lag == 0:
        value, fees = run.replay.value.to_numpy(), run.replay.fees.to_numpy()
        known = panel.price.ffill().to_numpy()
        for now, _, _, holdings in log[1:]:
            place = panel.grid.get_loc(now) - first
            growth = np.nan_to_num(known[first + place] / known[first + place - 1])
            expected = (
                realised[place - 1] * (value[place - 1] - fees[place - 1]) * growth / value[place]
            )
            np.testing.assert_allclose(holdings.to_numpy(), expected, rtol=1e-9, atol=1e-12)


def test_the_replay_of_the_wanted_weights_is_the_run():
    panel = make_panel(120, 5, seed=3)
    log: list = []
    run = sa.walk_forward(Recorder(log), panel, RULES, start=START, decision_lag=1)
    again = sa.replay(panel, run.targets, RULES, start=START)
    pd.testing.assert_series_equal(again.value, run.replay.value, check_exact=True)
    held = log[-1][3]
    before_last = run.replay.weights[list(panel.assets)].iloc[-2].to_numpy()
    np.testing.assert_array_equal(held.to_numpy(), before_last)


def test_none_keeps_the_holdings_and_is_no_failure():
    panel = make_panel(80, missing=0.0, gaps=False)
    calls = iter(range(1000))
    buy_once = Scripted(lambda window, held: pd.Series({1442: 0.5}) if next(calls) == 0 else None)
    run = sa.walk_forward(buy_once, panel, RULES, start=START)
    assert len(run.failures) == 0
    assert len(run.targets) == 1
    assert (run.replay.turnover.to_numpy()[1:] == 0.0).all()


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (lambda w, h: 1 / 0, "exception", "ZeroDivisionError: division by zero"),
        (lambda w, h: pd.Series({1442: np.nan}), "not finite", "asset 1442 is nan"),
        (lambda w, h: pd.Series({1442: np.inf}), "not finite", "asset 1442 is inf"),
        (lambda w, h: pd.Series({1442: -0.1}), "negative", "asset 1442 is -0.1"),
        (lambda w, h: pd.Series({1442: 0.7, 1443: 0.4}), "sum above 1", "sum to 1.1"),
        (lambda w, h: pd.Series({7: 0.5}), "unknown asset", "asset 7 is not in the panel"),
        (
            lambda w, h: pd.Series([0.1, 0.1], index=[1442, 1442]),
            "unknown asset",
            "asset 1442 is duplicated",
        ),
        (lambda w, h: np.zeros(3), "wrong shape", r"\(4\), got the shape \(3,\)"),
        (
            lambda w, h: pd.Series({1442: "much"}),
            "no numbers",
            "could not convert string to float: 'much'",
        ),
        (lambda w, h: {1442: [0.1, 0.2]}, "no numbers", "one number per asset"),
        (lambda w, h: object(), "no numbers", "one number per asset"),
    ],
)
def test_an_unusable_answer_keeps_the_holdings_and_is_counted(answer, reason, words):
    panel = make_panel(60, missing=0.0, gaps=False)
    good = pd.Series({1442: 0.5})
    turn = pd.Timestamp("2018-01-24 22:00")
    run = sa.walk_forward(
        Scripted(lambda w, h: good if w.now < turn else answer(w, h)),
        panel,
        RULES,
        start="2018-01-24 21:55",
        decision_lag=1,
    )
    expected = int((panel.grid > turn).sum())
    assert len(run.failures) == expected
    assert set(run.failures["reason"]) == {reason}
    assert run.failures["message"].str.contains(words).all()
    assert run.failures["time"].iloc[0] == turn + pd.Timedelta("5min")
    assert run.metrics()["failures"] == expected
    assert reason in run.summary()
    assert (run.replay.turnover.to_numpy()[2:] == 0.0).all()


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, SystemExit])
def test_what_says_nothing_about_the_investor_ends_the_walk(error):
    def stop(window, holdings):
        raise error

    with pytest.raises(error):
        sa.walk_forward(Scripted(stop), make_panel(60), RULES, start=START)


def test_a_decision_that_takes_longer_than_the_step_is_not_used(monkeypatch):
    panel = make_panel(50, missing=0.0, gaps=False)
    clock = iter(np.arange(0.0, 1e6, 400.0))
    monkeypatch.setattr("statarb.walk.step.time.perf_counter", lambda: float(next(clock)))
    run = sa.walk_forward(
        Scripted(lambda w, h: pd.Series({1442: 0.5})), panel, RULES, start="2018-01-24 23:50"
    )
    assert set(run.failures["reason"]) == {"too late"}
    assert (run.utilisation > 100.0).all()
    assert (run.replay.value == 10_000.0).all()


def test_rounding_above_one_is_scaled_back_and_never_lent():
    assets = pd.Index([1, 2, 3])
    weights, reason, _ = as_weights(np.array([0.5, 0.5, 1e-12]), assets)
    assert reason == ""
    assert weights.sum() <= 1.0
    assert as_weights({1: 0.5}, assets)[0].tolist() == [0.5, 0.0, 0.0]
    assert as_weights(np.array([-1e-15, 0.1, 0.0]), assets)[0].tolist() == [0.0, 0.1, 0.0]


def test_the_investor_handed_in_is_not_changed():
    class Counting:
        name = "counting"
        calls = 0

        def decide(self, window, holdings):
            self.calls += 1

    one = Counting()
    sa.walk_forward(one, make_panel(40), RULES, start=START)
    assert one.calls == 0


def test_what_an_investor_is_shown_is_read_only():
    def spoil(window, holdings):
        window.array("price")[0, 0] = 1.0

    run = sa.walk_forward(Scripted(spoil), make_panel(40), RULES, start=START)
    assert run.failures["message"].str.contains("read-only").all()
    assert len(run.failures) == len(run.seconds)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"start": "2018-02-01", "end": "2018-01-01"},
            sa.ParameterError,
            "start must not be after end",
        ),
        ({"start": "2019-01-01"}, sa.DataError, "no time of the panel"),
        ({"start": "soon"}, sa.ParameterError, "start must be a time"),
        (
            {"decision_lag": -1},
            sa.ParameterError,
            "decision_lag must be an integer at least 0, got -1",
        ),
        ({"decision_lag": 0.5}, sa.ParameterError, "decision_lag"),
        ({"depth": 0}, sa.ParameterError, "depth must be an integer at least 1"),
        ({"block": 0}, sa.ParameterError, "block"),
        (
            {"start": START, "decision_lag": 1000},
            sa.ParameterError,
            r"decision_lag must be below \d+, the steps",
        ),
        ({"n_jobs": 0}, sa.ParameterError, "n_jobs must be a positive integer, or -1"),
    ],
)
def test_bad_arguments_are_named(options, error, words):
    with pytest.raises(error, match=words):
        sa.walk_forward(Scripted(lambda w, h: None), make_panel(40), RULES, **options)


def test_something_that_is_no_investor_is_refused():
    with pytest.raises(sa.ParameterError, match=r"investor must have a name and decide"):
        sa.walk_forward(object(), make_panel(40), RULES)


def test_a_numeraire_that_is_not_quoted_is_named():
    with pytest.raises((sa.ParameterError, sa.DataError), match="numeraire 99"):
        sa.walk_forward(
            Scripted(lambda w, h: None), make_panel(40), sa.TradingRules(numeraire=99), start=START
        )


def test_a_panel_imputed_with_later_values_is_refused_unless_told_otherwise():
    panel = make_panel(40)
    ahead = panel.with_arrays({}, imputation="lint", looks_ahead=True)
    with pytest.raises(sa.LookAheadError, match="'lint'"):
        sa.walk_forward(Scripted(lambda w, h: None), ahead, RULES, start=START)
    run = sa.walk_forward("cash", ahead, RULES, start=START, allow_look_ahead=True)
    assert len(run.failures) == 0


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_the_default_start_is_the_first_decision_that_is_possible(lag):
    panel, log = make_panel(40), []
    run = sa.walk_forward(Recorder(log), panel, RULES, decision_lag=lag)
    assert run.value.index[0] == panel.grid[lag]
    assert log[0][0] == panel.times[0]
    assert (run.seconds > 0.0).all()


def test_the_default_start_waits_for_a_quote_of_the_numeraire():
    prices = pd.DataFrame(
        {"a": [1.0] * 6, "b": [np.nan, np.nan, np.nan, 5.0, 5.0, 5.0]},
        index=pd.date_range("2010-01-04", periods=6, freq="D"),
    )
    panel = sa.Panel.from_frame(prices)
    rules = sa.TradingRules(capital=100.0, numeraire="b", min_order=0.001, max_order=1.0)
    run = sa.walk_forward("equal_weight_hold", panel, rules)
    assert run.value.index[0] == panel.grid[3]
    assert sa.walk_forward("equal_weight_hold", panel, RULES).value.index[0] == panel.grid[1]


def test_before_the_first_quote_nobody_is_asked():
    prices = make_panel(40).price
    prices.iloc[:5] = np.nan
    prices.iloc[0, 0] = 1.0
    panel, log = sa.Panel.from_frame(prices), []
    run = sa.walk_forward(Recorder(log), panel, RULES, start=panel.grid[0], decision_lag=3)
    assert len(run.seconds) == len(panel.grid)
    assert (run.seconds.iloc[:3] == 0.0).all()
    assert log[0][0] == panel.times[0]


class Telling:
    """Keeps what it is told by the context."""

    name = "telling"
    told: list

    def __init__(self):
        self.told = []

    def __deepcopy__(self, memo):
        return self

    def decide(self, window, holdings, context):
        self.told.append((window.now, context))
        return {window.assets[0]: 0.5}


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_an_investor_that_asks_for_it_is_told_time_value_rules_and_lag(lag):
    panel, one = make_panel(80, missing=0.0, gaps=False), Telling()
    rules = RULES.replace(fee=0.01)
    run = sa.walk_forward(one, panel, rules, start=START, decision_lag=lag)
    assert [context.time for _, context in one.told] == list(run.value.index)
    assert all(now + lag * panel.step == context.time for now, context in one.told)
    assert {(context.rules, context.decision_lag) for _, context in one.told} == {(rules, lag)}
    # the value at the end of the window: before trading at lag 0, after the fees of now elsewhere
    for now, context in one.told:
        if now in run.value.index:
            fees = run.replay.fees[now] if lag else 0.0
            assert context.value == pytest.approx(run.value[now] - fees, rel=1e-12)
        else:
            assert context.value == rules.capital


def test_a_third_parameter_of_its_own_is_left_alone():
    class Own:
        name = "own"

        def decide(self, window, holdings, share=0.25):
            return {window.assets[0]: share}

    run = sa.walk_forward(Own(), make_panel(60), RULES, start=START)
    assert set(run.targets.iloc[:, 0]) == {0.25}
    assert len(run.failures) == 0


class Waiting:
    """Never decides; says how many rows it needs, and why, where it is told to."""

    name = "waiting"

    def __init__(self, min_rows=None, reasons=None):
        if min_rows is not None:
            self.min_rows = min_rows
        if reasons is not None:
            self.reasons = reasons

    def decide(self, window, holdings):
        return None


def test_an_investor_that_never_decided_has_failed_at_every_step():
    panel = make_panel(80)
    run = sa.walk_forward(Waiting(min_rows=288), panel, RULES, start=START)
    asked = int((run.seconds > 0.0).sum())
    assert run.failures["reason"].tolist() == ["never decided"] * asked
    assert run.failures["message"].iloc[0] == f"needs 288 rows, had {len(panel.times) - 1}"
    assert run.failures["time"].tolist() == run.value.index.tolist()
    assert run.metrics()["failures_by_reason"] == {"never decided": asked}
    shallow = sa.walk_forward(Waiting(min_rows=288), panel, RULES, start=START, depth=20)
    assert shallow.failures["message"].iloc[0] == "needs 288 rows, had 20"
    silent = sa.walk_forward(Waiting(), panel, RULES, start=START)
    assert silent.failures["reason"].tolist() == ["never decided"] * asked


def test_an_investor_that_says_why_it_held_cash_has_decided():
    reasons = {"no forecast": 30, "below the fee": 10, "unheard of": 0}
    run = sa.walk_forward(Waiting(reasons=reasons), make_panel(80), RULES, start=START)
    assert len(run.failures) == 0
    assert run.reasons.to_dict() == {"no forecast": 30, "below the fee": 10}
    assert run.metrics()["reasons"] == {"no forecast": 30, "below the fee": 10}
    assert "held cash or kept its holdings 30 times: no forecast" in run.summary()


class Resting:
    """Buys every ``every`` rows; says that it rests in between where it is told to."""

    name = "resting"

    def __init__(self, every, says_so, log):
        self.every, self.says_so, self.log = every, says_so, log
        self.bought = None

    def __deepcopy__(self, memo):
        return self

    def decide(self, window, holdings):
        self.log.append(window.now)
        if self.bought is not None and (window.times_array > self.bought).sum() < self.every:
            return None
        self.bought = window.times_array[-1]
        return {window.assets[0]: 0.3, window.assets[1]: 0.3}

    def rests(self):
        return self.every - 1 if self.says_so else 0


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("every", [1, 2, 7, 1000])
@pytest.mark.parametrize("block", [5, 288])
def test_an_investor_that_rests_is_not_asked_and_the_run_is_the_same(lag, every, block):
    panel = make_panel(150, 4, seed=5, missing=0.2)
    options = {"start": START, "decision_lag": lag, "block": block}
    asked, told = [], []
    plain = sa.walk_forward(Resting(every, False, asked), panel, RULES, **options)
    rested = sa.walk_forward(Resting(every, True, told), panel, RULES, **options)
    pd.testing.assert_frame_equal(rested.targets, plain.targets, check_exact=True)
    pd.testing.assert_series_equal(rested.value, plain.value, check_exact=True)
    assert len(rested.seconds) == len(plain.seconds)
    assert set(told) <= set(asked)
    if every > 1:
        assert len(told) < 0.7 * len(asked)
    assert int((rested.seconds > 0.0).sum()) == len(told)


def test_answers_in_single_precision_may_miss_a_sum_of_one_by_their_rounding():
    rng = np.random.default_rng(2)

    def answer(window, holdings):
        row = rng.dirichlet(np.ones(len(window.assets))).astype(np.float32)
        return pd.Series(row / row.sum(), index=window.assets)

    run = sa.walk_forward(Scripted(answer), make_panel(200, 7, missing=0.0), RULES, start=START)
    assert len(run.failures) == 0
    assert len(run.targets) > 100


def test_an_investor_in_hindsight_is_shown_the_span_and_says_so():
    panel = make_panel(120, 4, missing=0.0, gaps=False)
    run = sa.walk_forward(
        sa.investors.make_investor("best_asset"),
        panel,
        RULES.replace(fee=0.0),
        start=START,
        decision_lag=0,
    )
    first = int(np.searchsorted(panel.grid, pd.Timestamp(START)))
    price = panel.array("price")
    assert run.metrics()["hindsight"] is True
    assert run.replay.value.iloc[-1] / 10_000.0 == pytest.approx(
        (price[-1] / price[first]).max(), rel=1e-9
    )


def test_a_registered_name_will_do_for_an_investor():
    panel = make_panel(80)
    by_name, by_object = (
        sa.walk_forward(one, panel, RULES, start=START)
        for one in ("equal_weight_hold", sa.investors.BuyAndHoldEqualWeight())
    )
    pd.testing.assert_series_equal(by_name.replay.value, by_object.replay.value, check_exact=True)
    assert by_name.investor == "equal_weight_hold"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("equal_wait", "did you mean 'equal_weight'"),
        (sa.investors.Cash, r"got the class Cash; give Cash\(\)"),
        (lambda window: None, "from_function"),
        (5, "got 5"),
    ],
)
def test_what_is_no_investor_is_told_what_to_give(given, words):
    with pytest.raises(sa.ParameterError, match=words):
        sa.walk_forward(given, make_panel(80), RULES, start=START)


def test_a_start_after_the_market_is_told_of_the_default():
    panel = sa.Panel.from_frame(
        pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=pd.date_range("2010-01-01", periods=3))
    )
    with pytest.raises(
        sa.DataError, match=r"lies from 2018-01-25 on: it runs from 2010-01-01 .*start=None"
    ):
        sa.walk_forward("cash", panel, RULES, start="2018-01-25")
    assert len(sa.walk_forward("cash", panel, RULES).value) == 2


def test_a_run_is_shown_in_one_line_and_is_itself_alone():
    panel = make_panel(80)
    run, other = (sa.walk_forward("equal_weight_hold", panel, RULES, start=START) for _ in range(2))
    assert repr(run).startswith("Run(equal_weight_hold, decision lag 1, 2018-01-24 ")
    assert "\n" not in repr(run)
    assert run != other
    assert len({run, other}) == 2
