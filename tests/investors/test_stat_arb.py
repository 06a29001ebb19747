"""stat_arb: trades forecasts with a significant track record, within the rules, and no others."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.forecasting.linear import CrossAssetRidge, LastValue
from statarb.investors import LeadLag, StatArb
from statarb.investors.stat_arb.sources import Source
from statarb.optimization import MeanDownsideRisk
from statarb.rules import Context
from tests.conftest import make_panel

# the first asset, in whose units orders are limited, costs about 100 USD here
RULES = sa.TradingRules(max_order=100.0)
WALK = {"start": "2018-01-26 12:00", "depth": 600}


def lagged_market(rows=900, assets=5, seed=0, noise=0.001):
    """Asset 1442 leads by one row; the others follow it exactly, with a little noise of their
    own.
    """
    rng = np.random.default_rng(seed)
    lead = rng.standard_t(5, rows + 1) * 0.004
    returns = np.column_stack(
        [lead[1:], *(lead[:-1] + rng.normal(0.0, noise, rows) for _ in range(assets - 1))]
    )
    prices = 100.0 * np.exp(np.cumsum(returns, axis=0))
    index = pd.date_range("2018-01-24", periods=rows, freq="5min", unit="us")
    return sa.Panel.from_frame(
        pd.DataFrame(prices, index=index, columns=range(1442, 1442 + assets))
    )


@pytest.fixture(scope="module")
def market():
    return lagged_market()


RIDGE = Source("ridge", CrossAssetRidge(lags=1, scale_rows=48))


def small(more=(), **parameters):
    return StatArb(
        **{
            "sources": (RIDGE, *more),
            "scenarios": 288,
            "track_record": 144,
            "volatility": None,
            **parameters,
        }
    )


def learnt(investor, window, context):
    """A copy of an investor that begins with a window, once it has seen it."""
    rows = len(window.times)
    signal = investor.signals(window, rows - 1, rows, rows, context)
    copy = investor.clone()
    copy._learn(window, signal["forecasts"][0], context)
    return copy


def believed(investor, window, context):
    """What an investor that begins with a window expects at its last row."""
    return learnt(investor, window, context)._evidence.belief


def test_it_finds_the_edge_that_is_there_and_none_one_step_later(market):
    early = sa.walk_forward(small(), market, RULES, decision_lag=0, **WALK).metrics()
    late = sa.walk_forward(small(), market, RULES, decision_lag=1, **WALK).metrics()
    assert early["failures"] == late["failures"] == 0
    assert early["total_return"] > 0.04
    assert abs(late["total_return"]) < 0.02
    assert late["exposure"] < 0.05


def test_on_noise_it_stays_in_cash():
    rng = np.random.default_rng(4)
    index = pd.date_range("2018-01-24", periods=900, freq="5min", unit="us")
    noise = np.exp(np.cumsum(rng.normal(0.0, 0.004, (900, 5)), axis=0))
    panel = sa.Panel.from_frame(pd.DataFrame(noise, index=index, columns=range(1442, 1447)))
    for lag in (0, 1):
        figures = sa.walk_forward(small(), panel, RULES, decision_lag=lag, **WALK).metrics()
        assert figures["exposure"] < 0.02
        assert abs(figures["total_return"]) < 0.01


def test_the_weights_are_those_of_the_stated_problem(market):
    investor = small()
    window = market.window("2018-01-26 20:00", 600)
    context = Context(window.now, 20_000.0, RULES, 0)
    held = pd.Series([0.05, 0.1, 0.0, 0.0, 0.02], index=market.assets)
    belief = believed(investor, window, context)
    assert belief.horizon == 1.0
    mu = np.expm1(belief.expected) - RULES.fee / investor.holding
    prices = window.array("price")
    returns = prices[-288:] / prices[-289:-1] - 1.0
    problem = MeanDownsideRisk(
        risk_aversion=investor.risk_aversion,
        fee=RULES.fee,
        max_weight=np.maximum(investor.max_weight, held.to_numpy()),
        rules=RULES.without_limits(),
    )
    stated = problem.solve(
        mu,
        returns,
        held.to_numpy(),
        max_trade=RULES.max_order * prices[-1, 0] / 20_000.0,
        solver="CLARABEL",
    )
    targets = investor.decide(window, held, context)
    got = held if targets is None else targets.reindex(market.assets).fillna(0.0)
    # an interior-point answer is good to about 1e-7 of the objective, its weights to about the root
    # of that
    np.testing.assert_allclose(got, stated.array, atol=1e-4)


def test_orders_are_as_large_as_the_rules_allow(market):
    run = sa.walk_forward(small(), market, RULES.replace(max_order=5.0), decision_lag=0, **WALK)
    orders = run.replay.orders
    assert (orders["traded_value"].abs() > 0.99 * 5.0 * market.price[1442].min()).sum() > 20
    assert run.replay.counts["cut to maximum"] <= 0.02 * run.replay.orders_executed


def test_the_path_depends_on_neither_blocks_nor_workers(market):
    whole = sa.walk_forward(small(), market, RULES, decision_lag=0, **WALK)
    for n_jobs, block in ((1, 37), (2, 150)):
        other = sa.walk_forward(
            small(), market, RULES, decision_lag=0, n_jobs=n_jobs, block=block, **WALK
        )
        pd.testing.assert_frame_equal(whole.targets, other.targets, check_exact=True)


def test_a_checkpoint_in_the_middle_changes_nothing(market, tmp_path):
    whole = sa.walk_forward(small(), market, RULES, decision_lag=0, **WALK)
    kept = sa.walk_forward(
        small(), market, RULES, decision_lag=0, checkpoint=tmp_path, block=50, **WALK
    )
    states = sorted(tmp_path.rglob("state-*"))
    states[-1].unlink()
    again = sa.walk_forward(
        small(), market, RULES, decision_lag=0, checkpoint=tmp_path, block=50, **WALK
    )
    for other in (kept, again):
        pd.testing.assert_frame_equal(whole.targets, other.targets, check_exact=True)


def test_deciding_from_a_window_alone_agrees_with_the_walk(market):
    """Rolling sums and a warm solver against all made anew: the same weights to the tolerance of
    the solver.
    """
    walk = {**WALK, "depth": 900}  # windows that are not cut, as the record's forecasts were made
    run = sa.walk_forward(small(), market, RULES, decision_lag=0, **walk)
    for time in run.targets.index[5:60:10]:
        place = run.replay.value.index.get_loc(time)
        before = run.replay.weights[list(market.assets)].iloc[place - 1]
        growth = market.price.loc[time] / market.price.shift(1).loc[time]
        value = run.replay.value.iloc[place]
        held = before * (run.replay.value - run.replay.fees).iloc[place - 1] * growth / value
        context = Context(time, float(value), RULES, 0)
        alone = small().decide(market.window(time, 900), held, context)
        # weights are as exact as the root of the certificate's 1e-8
        np.testing.assert_allclose(
            alone.reindex(market.assets).fillna(0.0), run.targets.loc[time], atol=1e-4
        )


@pytest.mark.parametrize("volatility", ["garch", "gjr"])
def test_filtered_scenarios_walk_too(market, volatility):
    run = sa.walk_forward(
        small(volatility=volatility), market, RULES, decision_lag=0, start="2018-01-27", depth=600
    )
    assert len(run.failures) == 0
    assert run.metrics()["total_return"] > 0.005


def test_further_forecasters_are_shrunk_by_their_own_track_record(market):
    class Liar:
        """Says the opposite of what the last return was, times ten: never comes true here."""

        min_rows = 2

        def fit(self, window):
            return self

        def predict(self, window):
            price = window.array("price")
            return pd.Series(-10.0 * np.log(price[-1] / price[-2]), index=window.assets)

    investor = small(more=(Liar(),))
    context = Context(market.now, 10_000.0, RULES, 0)
    for row in (700, 730, 759):
        shrinkage = believed(investor, market.row_slice(0, row + 1), context).shrinkage
        assert shrinkage[0] > 0.5
        assert shrinkage[1] < 0.2


@pytest.mark.parametrize("lag", [0, 1])
def test_the_record_is_the_same_by_blocks_by_steps_after_gaps_and_pickled(market, lag):
    """Windows are not cut, so that the forecasts of past rows are what they were: every way to the
    same row leaves the same record, to the bit.
    """
    slow = Source("slow", CrossAssetRidge(lags=1, scale_rows=48), (3, 1), 0.5)
    blocks, steps, seldom = (small(more=(slow,), z_threshold=0.0) for _ in range(3))
    held = pd.Series(0.0, index=market.assets)
    first, last = 700, 730
    context = Context(market.times[last], 10_000.0, RULES, lag)
    signal = blocks.signals(market, first, last, len(market.times), context)
    used = 0
    for row in range(first, last):
        window = market.row_slice(0, row + 1)
        of_row = {name: values[row - first] for name, values in signal.items()}
        targets = [
            blocks.decide_on(window, held, of_row, context),
            steps.decide(window, held, context),
        ]
        if (row - first) % 7 == 0:
            seldom.decide(window, held, context)
            pd.testing.assert_frame_equal(
                seldom.explain().drop(columns="reason"), steps.explain().drop(columns="reason")
            )
            steps = pickle.loads(pickle.dumps(steps))
        assert (targets[0] is None) == (targets[1] is None)
        if targets[0] is not None:
            pd.testing.assert_series_equal(*targets, check_exact=True)
        for one, other in zip(blocks._evidence.belief, steps._evidence.belief, strict=True):
            np.testing.assert_array_equal(one, other)
        used += int((steps._evidence.belief.shrinkage > 0.0).any())
    assert used > 0 or lag == 1, "a record of nothing shows nothing"
    pd.testing.assert_frame_equal(blocks.explain(), steps.explain(), check_exact=True)


def test_a_row_that_is_decided_twice_counts_once(market):
    once, twice = small(), small()
    held = pd.Series(0.0, index=market.assets)
    context = Context(market.now, 10_000.0, RULES, 0)
    for row in range(700, 706):
        window = market.row_slice(0, row + 1)
        for investor in (once, twice, twice):
            investor.decide(window, held, context)
    pd.testing.assert_frame_equal(once.explain(), twice.explain(), check_exact=True)


def test_it_survives_gaps_late_listings_and_a_first_window_of_a_few_rows():
    panel = make_panel(700, 5, seed=2, missing=0.3)
    for lag in (0, 1):
        run = sa.walk_forward(small(), panel, RULES, decision_lag=lag, start=None, depth=600)
        assert len(run.failures) == 0


def test_pickled_it_goes_on_where_it_was(market):
    investor = small()
    held = pd.Series(0.0, index=market.assets)
    context = Context(market.now, 10_000.0, RULES, 0)
    investor.decide(market.window("2018-01-26 12:00", 600), held, context)
    copy = pickle.loads(pickle.dumps(investor))
    decided = 0
    for now in pd.date_range("2018-01-26 12:05", periods=12, freq="5min"):
        later = market.window(now, 600)
        one, other = investor.decide(later, held, context), copy.decide(later, held, context)
        assert (one is None) == (other is None)
        if one is not None:
            pd.testing.assert_series_equal(one, other, check_exact=True)
            decided += 1
    assert decided > 0, "a path on which nothing is traded shows nothing"


def test_it_says_in_numbers_why_it_does_not_trade(market):
    held = pd.Series(0.0, index=market.assets)
    context = Context(market.now, 10_000.0, RULES, 0)
    window = market.window("2018-01-26 12:00", 600)
    assets = len(market.assets)
    for signal, reason in (
        ({"expected_return": np.full(assets, np.nan)}, "no forecast"),
        ({"forecasts": np.zeros((1, assets))}, "no source with a significant track record"),
        ({"expected_return": np.full(assets, 0.001)}, "expected gain below the fee"),
    ):
        investor = small(sources=(LastValue(),)) if "forecasts" in signal else small()
        for _ in range(3):
            assert investor.decide_on(window, held, signal, context) is None
        assert investor.reasons == {reason: 3}
    investor = small()
    signal = {"expected_return": np.full(assets, 0.001)}
    assert investor.decide_on(window, held + 0.1, signal, context) is None
    assert investor.reasons == {"holdings inside the no-trade region": 1}
    assert investor.clone().reasons == {}


def test_the_fee_is_that_of_the_rules(market):
    """Under rules without a fee any expected gain is traded, by both investors that forecast."""
    free = RULES.replace(fee=0.0).without_limits()
    held = pd.Series(0.0, index=market.assets)
    window = market.window("2018-01-26 12:00", 600)
    for investor in (small(), LeadLag()):
        signal = {"expected_return": np.full(len(market.assets), 0.001)}
        for rules, trades in ((RULES, False), (free, True)):
            context = Context(window.now, 10_000.0, rules, 0)
            answer = investor.clone().decide_on(window, held, signal, context)
            assert (answer is not None) == trades
        assert not any("fee" in name or name == "rules" for name in investor.get_params())


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"sources": ()}, "at least one"),
        ({"sources": ("magic",)}, "'cross_asset'"),
        ({"risk_aversion": -1.0}, "risk_aversion"),
        ({"max_weight": 0.0}, "max_weight"),
        ({"volatility": "magic"}, "'garch'"),
        ({"sources": (3,)}, "fit\\(window\\)"),
        ({"sources": 3}, "sequence of at least one"),
        ({"sources": "pairs"}, "sequence of at least one"),
        ({"sources": RIDGE}, "sequence of at least one"),
        ({"sources": CrossAssetRidge()}, "sequence of at least one"),
        ({"holding": 0.5}, "holding"),
        ({"z_threshold": -1.0}, "z_threshold"),
    ],
)
def test_bad_parameters_are_named(parameters, words):
    with pytest.raises(sa.ParameterError, match=words):
        StatArb(**parameters)


@pytest.mark.slow
def test_the_real_rows(real_panel):
    rules, start = sa.TradingRules(), "2018-01-25"
    early = sa.walk_forward(StatArb(), real_panel, rules, start=start, decision_lag=0).metrics()
    late = sa.walk_forward(StatArb(), real_panel, rules, start=start, decision_lag=1).metrics()
    assert early["total_return"] > 18.0
    assert early["G"] > 19_000.0
    assert late["G"] >= 0.0
    assert late["maximum_drawdown"] <= 0.05


def test_what_it_explains_is_what_it_did(market):
    """Promises above the fee before purchases, gains once they are known, reasons where nothing is
    traded.
    """
    investor = small()
    context = Context(market.now, 10_000.0, RULES, 0)
    held = pd.Series(0.0, index=market.assets)
    bought = 0
    for row in range(700, 730):
        window = market.row_slice(0, row + 1)
        bought += investor.decide(window, held, context) is not None
    table = investor.explain()
    asked = table.iloc[-30:]
    assert (table["source"] == "ridge").all()
    assert (asked["reason"] == "").sum() == bought > 0
    assert (asked.loc[asked["reason"] == "", "promised"] > RULES.fee).all()
    assert asked["delivered"].isna().tolist() == [False] * 29 + [True]
    # what is said to be delivered, made anew from the prices
    price = np.log(market.array("price"))
    line = asked[asked["reason"] == ""].iloc[0]
    row = int(np.searchsorted(market.times_array, np.datetime64(line["time"])))
    evidence = learnt(investor, market.row_slice(0, row + 1), context)._evidence
    moved = price[row + 1] - price[row]
    # the market's part of the outcome counts where the source was believed on it
    if not evidence._believed[(evidence._seen - 1) % evidence._rows, 0]:
        moved -= moved.mean()
    gain = (moved - RULES.fee)[evidence.belief.expected > RULES.fee].sum()
    assert line["delivered"] == pytest.approx(gain, abs=1e-9)
    certificates = investor.certificates()
    assert len(certificates) >= bought
    assert (certificates["gap"] <= 1e-7).all()
    assert investor.failures == {}


def test_a_source_that_never_speaks_is_named():
    panel = make_panel(400, 4, seed=3)
    investor = small(more=("pairs",))
    held = pd.Series(0.0, index=panel.assets)
    investor.decide(panel, held, Context(panel.now, 10_000.0, RULES, 1))
    assert list(investor.failures) == ["pairs: left out, it had no forecast"]


@pytest.mark.parametrize("seed", [1, 2])
def test_it_earns_where_pairs_are_planted(seed):
    panel = sa.simulate_market(assets=24, days=14, seed=seed, plant="pairs")
    start = panel.grid[2016]
    rules = sa.TradingRules()
    run = sa.walk_forward(StatArb(sources=("pairs",), volatility=None), panel, rules, start=start)
    known = sa.walk_forward(sa.testing.oracle(panel), panel, rules, start=start)
    gained = run.replay.score().total_return
    assert gained > 0.05
    assert gained > 0.6 * known.replay.score().total_return


def test_it_stays_in_cash_where_nothing_is_planted():
    panel = sa.simulate_market(assets=24, days=14, seed=1, plant="none")
    run = sa.walk_forward(StatArb(), panel, sa.TradingRules(), start=panel.grid[2016])
    assert len(run.replay.orders) == 0
    assert run.reasons.idxmax() == "no source with a significant track record"
