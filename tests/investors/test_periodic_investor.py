"""Decisions every so many rows or at calendar anchors: counted from the first, traded once, ordered
again where an order was not filled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from investor_markets import panel_of, random_prices, walk

import statarb as sa
from statarb.investors import from_function, make_investor
from statarb.rules import Context

FREE = sa.TradingRules(fee=0.0).without_limits()
PLAIN = sa.TradingRules(capital=10_000.0).without_limits()


def halves(window: sa.Panel) -> dict[object, float]:
    """Half in the first asset, half in the second, in turn with all in the third."""
    first, second, third = window.assets[:3]
    return {first: 0.5, second: 0.5} if len(window.times) % 2 else {third: 1.0}


def labelled(prices: np.ndarray, how: str) -> sa.Panel:
    """The same prices as rows of 5 minutes, hours or weekdays."""
    index = pd.date_range("2018-01-01", periods=len(prices), freq=how)
    frame = pd.DataFrame(prices, index=index, columns=range(1442, 1442 + prices.shape[1]))
    return sa.Panel.from_frame(frame)


def decisions(investor: object, panel: sa.Panel, lag: int = 1) -> list[int]:
    """Rows of the panel at which there was an answer, as seen by the investor, in a walk."""
    run = sa.walk_forward(investor, panel, PLAIN, start=None, decision_lag=lag)
    traded = panel.grid.get_indexer(run.targets.index) - lag
    return [int(row) for row in np.searchsorted(panel.rows, traded, side="right") - 1]


@pytest.mark.parametrize("every", [1, 2, 5, 21])
@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("how", ["5min", "B"])
def test_every_counts_rows_from_the_first_decision(every: int, lag: int, how: str) -> None:
    panel = labelled(random_prices(130, 3), how)
    found = decisions(from_function(halves, "halves", every=every), panel, lag)
    last = len(panel.times) - lag
    assert found == list(range(0, last, every))


@pytest.mark.parametrize("name", ["momentum", "minimum_variance", "reversal", "equal_weight"])
@pytest.mark.parametrize("lag", [0, 1, 3])
def test_labels_of_time_change_no_decision(name: str, lag: int) -> None:
    prices = random_prices(150, 4, seed=3)
    options = {"lookback": 20} if name in ("momentum", "reversal", "minimum_variance") else {}
    walks = {
        how: sa.walk_forward(
            make_investor(name, every=7, **options),
            labelled(prices, how),
            PLAIN,
            start=None,
            decision_lag=lag,
        )
        for how in ("5min", "h", "B", "MS")
    }
    first = walks["5min"]
    assert len(first.targets) > 15
    for run in walks.values():
        np.testing.assert_array_equal(run.targets.to_numpy(), first.targets.to_numpy())
        np.testing.assert_array_equal(run.replay.value.to_numpy(), first.replay.value.to_numpy())


def test_a_filled_decision_is_traded_once_at_any_lag_and_fee() -> None:
    panel = panel_of(random_prices(100, 3, scale=0.03))
    for fee in (0.0, 0.0025, 0.02):
        rules = sa.TradingRules(fee=fee).without_limits()
        for lag in (0, 1, 2, 5):
            run = sa.walk_forward(
                from_function(halves, "halves", every=20),
                panel,
                rules,
                start=panel.times[lag],
                decision_lag=lag,
            )
            assert len(run.targets) == (100 - lag + 19) // 20, (fee, lag)


def test_an_order_that_is_cut_is_ordered_again_until_it_is_filled() -> None:
    panel = panel_of(np.ones((60, 3)))
    rules = sa.TradingRules(capital=10_000.0, fee=0.001, min_order=1.0, max_order=1500.0,
                            numeraire=None)  # fmt: skip
    for lag in (0, 1):
        run = sa.walk_forward(
            from_function(lambda window: {1442: 0.6}, "most", every=60),
            panel,
            rules,
            start=panel.times[lag],
            decision_lag=lag,
        )
        orders = run.replay.orders
        np.testing.assert_allclose(orders["traded_value"].sum(), 6000.0, rtol=2e-3)
        assert len(run.targets) == 4
        assert (orders["traded_value"] <= 1500.0 + 1e-9).all()


def test_an_order_without_a_quote_is_ordered_again_and_the_rest_is_left_alone() -> None:
    prices = random_prices(60, 3, scale=0.02)
    prices[1:7, 1] = np.nan
    panel = panel_of(prices)
    run = sa.walk_forward(
        from_function(lambda window: {1442: 0.5, 1443: 0.3}, "rule", every=60),
        panel,
        FREE,
        start=panel.times[1],
        decision_lag=1,
    )
    # beside it, what is held is traded back to its weight of a row before: a drift of a few percent
    orders = run.replay.orders[run.replay.orders["traded_value"] > 1000.0]
    assert orders["asset"].tolist() == [1442, 1443]
    assert orders["time"].tolist() == [panel.times[1], panel.times[7]]
    assert len(run.targets) == 7


def test_an_asset_that_died_is_not_ordered_for_ever() -> None:
    prices = random_prices(300, 3, scale=0.02)
    prices[40:, 1] = np.nan
    panel = panel_of(prices)
    run = sa.walk_forward(
        from_function(
            lambda window: {1443: 0.5} if len(window.times) < 50 else {1442: 0.5},
            "rule",
            every=100,
        ),
        panel,
        FREE,
        start=panel.times[1],
        decision_lag=1,
    )
    # the sale at row 101 meets no quote, and no other is tried
    assert len(run.targets) == 3
    assert run.replay.weights[1443].iloc[-1] > 0.0


def test_an_answer_outlives_a_time_without_quotes() -> None:
    prices = random_prices(40, 2)
    prices[1:8] = np.nan
    panel = panel_of(prices)
    assert len(panel.times) == 33
    run = sa.walk_forward(
        from_function(lambda window: {1442: 1.0}, "rule", every=40),
        panel,
        FREE,
        start=panel.grid[1],
        decision_lag=1,
    )
    orders = run.replay.orders[run.replay.orders["traded_value"] > 0.0]
    # nothing is quoted for 7 steps; the walk decides anew on the row of the first quote
    assert orders["time"].tolist() == [panel.times[1]]


def test_a_rest_is_announced_and_skipping_it_changes_nothing() -> None:
    panel = panel_of(random_prices(100, 3))
    asked = from_function(halves, "halves", every=10)
    skipped, held, rest = asked.clone(), pd.Series(0.0, index=panel.assets), 0
    answers: dict[str, dict[int, dict[int, float]]] = {"all": {}, "some": {}}
    both = {"all": held, "some": held}
    for row in range(100):
        window = panel.window(panel.times[row])
        context = Context(panel.times[row], 1.0, FREE, 1)
        for name, investor in (("all", asked), ("some", skipped)):
            if name == "some" and rest > 0:
                rest -= 1
                continue
            answer = investor.decide(window, both[name], context)
            if answer is not None:
                both[name] = answer.reindex(panel.assets, fill_value=0.0)
                answers[name][row] = answer.to_dict()
            if name == "some":
                rest = investor.rests()
    assert answers["some"] == answers["all"]
    assert list(answers["all"]) == list(range(0, 100, 10))


@pytest.mark.parametrize(
    ("every", "freq", "expected"),
    [
        ("1D", "8h", ["2018-01-01", "2018-01-02", "2018-01-03"]),
        ("12h", "4h", ["2018-01-01 00:00", "2018-01-01 12:00", "2018-01-02 00:00"]),
        ("1W", "D", ["2018-01-01", "2018-01-07", "2018-01-14"]),
        ("W-FRI", "B", ["2018-01-01", "2018-01-05", "2018-01-12"]),
        ("ME", "D", ["2018-01-01", "2018-01-31", "2018-02-28"]),
        ("ME", "B", ["2018-01-01", "2018-01-31", "2018-02-28", "2018-04-02"]),
        ("BME", "B", ["2018-01-01", "2018-01-31", "2018-02-28", "2018-03-30"]),
    ],
)
def test_calendar_anchors(every: str, freq: str, expected: list[str]) -> None:
    index = pd.date_range("2018-01-01", periods=400, freq=freq)
    panel = sa.Panel.from_frame(
        pd.DataFrame(random_prices(400, 3), index=index, columns=[1442, 1443, 1444])
    )
    run = walk(from_function(halves, "halves", every=every), panel)
    decided = run.dropna().index
    assert decided[: len(expected)].equals(pd.DatetimeIndex(expected).as_unit(decided.unit))


@pytest.mark.parametrize("every", ["sometimes", "2ME", "-1D", 0, -3, 1.5, "0D"])
def test_what_is_no_frequency_is_refused(every: object) -> None:
    with pytest.raises(sa.ParameterError, match="every must be"):
        from_function(halves, "halves", every=every)


def test_blocks_and_checkpoints_change_no_decision(tmp_path: Path) -> None:
    panel = panel_of(random_prices(200, 4, scale=0.02))
    investor = make_investor("momentum", lookback=20, every=17)
    rules = sa.TradingRules(max_order=20.0, min_order=0.0, numeraire=1442)
    options = {"start": panel.times[30], "decision_lag": 1}
    whole = sa.walk_forward(investor, panel, rules, **options)
    kept = {"block": 23, "checkpoint": tmp_path}
    sa.walk_forward(investor, panel, rules, **options, **kept)
    max(tmp_path.rglob("*state-*")).unlink()
    again = sa.walk_forward(investor, panel, rules, **options, **kept)
    pd.testing.assert_frame_equal(again.targets, whole.targets)
    assert len(whole.targets) > 10


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("momentum", 289),
        ("reversal", 13),
        ("moving_average_cross", 288),
        ("channel_breakout", 145),
        ("relative_strength", 288),
        ("minimum_variance", 3),
        ("volatility_target", 3),
    ],
)
def test_the_rows_that_a_default_needs_are_said_and_enough(name: str, rows: int) -> None:
    panel = panel_of(random_prices(rows, 3, seed=5, scale=0.02))
    investor = make_investor(name)
    assert investor.min_rows == rows
    held = pd.Series(0.0, index=panel.assets)
    assert investor.decide(panel.row_slice(0, rows - 1), held) is None
    if name != "channel_breakout":  # which may wait for an event
        assert investor.decide(panel, held) is not None
