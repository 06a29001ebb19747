"""What goes into a replay and what comes out: many at once, files, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.backtest import Account
from tests.conftest import make_panel

RULES = sa.TradingRules(capital=1_000.0, min_order=0.01, max_order=2.0)


def weights(panel: sa.Panel, seed: int = 0, share: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.random(panel.grid_shape) * (rng.random(panel.grid_shape) < share)
    return pd.DataFrame(
        values / np.maximum(values.sum(axis=1, keepdims=True), 1.0),
        index=panel.grid,
        columns=panel.assets,
    )


def put(frame: pd.DataFrame, value: float) -> pd.DataFrame:
    changed = frame.copy()
    changed.iloc[3] = value
    return changed


def same(a: sa.Replay, b: sa.Replay) -> bool:
    return (
        all(
            getattr(a, name).equals(getattr(b, name))
            for name in ("value", "cash", "fees", "turnover", "weights", "counts")
        )
        and a.orders.equals(b.orders)
        and a.failures == b.failures
    )


def test_many_at_once_equal_one_by_one():
    panel = make_panel(gaps=False, missing=0.0)
    frames = [weights(panel, seed) for seed in range(3)]
    single = [sa.replay(panel, frame, RULES) for frame in frames]
    listed = sa.replay(panel, frames, RULES)
    named = sa.replay(panel, {f"s{n}": frame for n, frame in enumerate(frames)}, RULES)
    stacked = sa.replay(panel, np.stack([frame.to_numpy() for frame in frames]), RULES)
    assert isinstance(listed, list)
    assert list(named) == ["s0", "s1", "s2"]
    for one, two, three, four in zip(single, listed, named.values(), stacked, strict=True):
        assert same(one, two)
        assert same(one, three)
        assert same(one, four)


def test_labels_of_an_array():
    panel = make_panel(gaps=False, missing=0.0)
    frame = weights(panel).iloc[10:20, [2, 0]]
    array = frame.to_numpy()
    got = sa.replay(panel, array, RULES, times=frame.index, assets=frame.columns)
    assert same(got, sa.replay(panel, frame, RULES))
    tail = sa.replay(panel, weights(panel).to_numpy()[5:], RULES, start=panel.grid[5])
    assert same(tail, sa.replay(panel, weights(panel).iloc[5:], RULES))
    with pytest.raises(sa.DataError, match=r"shape \(\[strategies,\] times, assets\)"):
        sa.replay(panel, array, RULES)


def test_changes_of_the_input_afterwards_do_not_reach_the_result():
    panel = make_panel(gaps=False, missing=0.0)
    frame, array = weights(panel), weights(panel).to_numpy().copy()
    kept = sa.replay(panel, weights(panel), RULES)
    one, two = sa.replay(panel, frame, RULES), sa.replay(panel, array, RULES)
    frame.iloc[:, :] = 0.0
    array[:] = 0.0
    assert same(one, kept)
    assert same(two, kept)


@pytest.mark.parametrize("filled_from", [0, 100, 128, 300, 320, 400])
def test_weights_that_fill_up_late_give_the_same_bits_by_rows_and_by_columns(filled_from):
    """Few weights at first, then all: full rows are needed only from some block of rows on."""
    rng = np.random.default_rng(4)
    panel = make_panel(400, 24, missing=0.2)
    values = np.zeros(panel.grid_shape)
    values[:, 5] = 0.3
    values[filled_from:] = rng.dirichlet(np.ones(25), size=400 - filled_from)[:, :-1]
    values[:, [3, 11]] = 0.0  # never held
    by_rows, by_columns = (
        pd.DataFrame(
            np.array(values, order=order), index=panel.grid, columns=panel.assets, copy=False
        )
        for order in "CF"
    )
    rules = RULES.without_limits()
    one, two = sa.replay(panel, by_rows, rules), sa.replay(panel, by_columns, rules)
    for name in ("columns", "first", "starts", "data"):
        np.testing.assert_array_equal(
            getattr(one._plan.targets, name), getattr(two._plan.targets, name)
        )
    assert (len(one._plan.targets.data) == values.size) == (filled_from < 350)
    assert same(one, two)
    by_columns.iloc[399, 7] = 1.5
    with pytest.raises(sa.DataError, match=r"got 1.5 at .*"):
        sa.replay(panel, by_columns, rules)


@pytest.mark.parametrize("pattern", ["fixed", "rotating", "growing", "empty rows"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_sparse_weights_give_the_same_bits_in_every_layout(pattern, order):
    rng = np.random.default_rng(3)
    panel = make_panel(80, 150, missing=0.2)
    values = np.zeros(panel.grid_shape)
    fixed = rng.choice(150, 9, replace=False)
    for row in range(len(values)):
        cells = {
            "fixed": fixed,
            "rotating": rng.choice(150, 9, replace=False),
            "growing": rng.choice(150, row % 14 + 1, replace=False),
            "empty rows": fixed[: 9 * (row % 3 > 0)],
        }[pattern]
        values[row, cells] = rng.dirichlet(np.ones(len(cells) + 1))[:-1] if len(cells) else []
    values[17, 3] = np.nan
    wide = pd.DataFrame(
        np.array(values, order=order), index=panel.grid, columns=panel.assets, copy=False
    )
    dense = wide + 1e-300  # no cell is zero, and no sum changes: rows that share their columns
    free = RULES.without_limits()
    a, b = sa.replay(panel, wide, free), sa.replay(panel, dense, free)
    assert a._plan.compact == (pattern in ("fixed", "empty rows"))
    cells = np.count_nonzero(values[~np.isnan(values).any(axis=1)])
    assert cells < len(a._plan.targets.data) < values.size / 8
    assert len(b._plan.targets.data) == values.size
    assert len(b._plan.targets.columns) == values.shape[1]
    assert a.failures == b.failures == 1
    np.testing.assert_allclose(a.value, b.value, rtol=1e-12)
    narrow = sa.replay(panel, wide.loc[:, (wide != 0).any()], free)
    assert narrow.value.equals(a.value)
    account = Account(panel, free)
    for t, quotes in enumerate(panel.price.to_numpy()):
        assert account.mark(quotes) == a.value.iloc[t]
        account.trade(values[t])


def test_blocks_join_to_the_whole():
    panel = make_panel(200, 5)
    replay = sa.replay(panel, weights(panel), RULES, start=panel.grid[0])
    assert np.array_equal(np.concatenate(list(replay.weight_blocks(7))), replay.weights.to_numpy())
    assert replay.weights.columns.tolist() == [*panel.assets, "USD"]


def test_orders_that_overflow_one_block_of_the_log(monkeypatch):
    import sys

    module = sys.modules["statarb.backtest.replay"]
    panel = make_panel(200, 5)
    whole = sa.replay(panel, weights(panel), RULES, start=panel.grid[0])
    orders = whole.orders
    monkeypatch.setattr(module, "LOG_ROOM", 1)
    assert len(list(whole.order_blocks())) > 10
    assert whole.orders.equals(orders)
    assert len(orders) == whole.counts.sum()


def test_saved_files(tmp_path):
    panel = make_panel()
    replay = sa.replay(panel, weights(panel), RULES, start=panel.grid[0])
    replay.save(tmp_path / "run")
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "orders.parquet",
        "value.parquet",
    ]
    value = pd.read_parquet(tmp_path / "run" / "value.parquet")
    assert value.columns.tolist() == ["time", "value", "cash", "fees", "turnover"]
    assert value["value"].tolist() == replay.value.tolist()
    assert value["time"].tolist() == replay.times.tolist()
    orders = pd.read_parquet(tmp_path / "run" / "orders.parquet")
    pd.testing.assert_frame_equal(orders, replay.orders, check_dtype=False, check_categorical=False)
    first = (tmp_path / "run" / "orders.parquet").read_bytes()
    replay.save(tmp_path / "run")
    assert (tmp_path / "run" / "orders.parquet").read_bytes() == first


def test_a_replay_without_orders(tmp_path):
    panel = make_panel()
    cash = sa.replay(panel, pd.DataFrame(index=panel.grid[:0]), RULES, start=panel.grid[0])
    assert (cash.value == 1_000.0).all()
    assert len(cash.orders) == 0
    cash.save(tmp_path)
    assert len(pd.read_parquet(tmp_path / "orders.parquet")) == 0
    assert cash.score().G == 0.0
    with pytest.raises(sa.DataError, match="no first decision"):
        sa.replay(panel, pd.DataFrame(index=panel.grid[:0]), RULES)


@pytest.mark.parametrize(
    ("change", "error", "what"),
    [
        (lambda w: put(w, -0.1), sa.DataError, r"\[0, 1\].*got -0.1 at .*asset 1442"),
        (lambda w: put(w, 1.1), sa.DataError, r"got 1.1 at .*asset 1442"),
        (lambda w: put(w, np.inf), sa.DataError, r"got inf at"),
        (lambda w: put(w, 0.3), sa.DataError, r"sum to at most 1.*1.2 at .*asset 1442"),
        (lambda w: w.rename(columns={1443: 7}), sa.ParameterError, r"asset 7.*not in the panel"),
        (
            lambda w: w.set_axis(w.index + pd.Timedelta("1s")),
            sa.DataError,
            "no time of the panel's grid",
        ),
        (lambda w: w.iloc[[0, 0]], sa.DataError, "duplicated time"),
        (lambda w: w[[1442, 1442]], sa.DataError, "column 1442 twice"),
        (lambda w: w.astype(str) + "x", sa.DataError, "must hold numbers"),
        (lambda w: w.reset_index(drop=True), sa.DataError, "indexed by times"),
        (lambda w: w.to_numpy().tolist(), sa.DataError, "weights must be indexed by times"),
        (lambda w: 3, sa.ParameterError, "weights must be a table"),
    ],
)
def test_bad_weights(change, error, what):
    panel = make_panel(gaps=False)
    with pytest.raises(error, match=what):
        sa.replay(panel, change(weights(panel)), RULES)


def test_weights_off_by_rounding_are_fine():
    panel = make_panel(gaps=False, missing=0.0)
    frame = weights(panel) * 0.0
    frame[1442] = 1.0 + 5e-10
    frame[1443] = -5e-10
    replay = sa.replay(panel, frame, RULES.without_limits())
    assert (replay.weights >= 0.0).all(axis=None)
    assert (replay.cash >= 0.0).all()


def test_bad_arguments():
    panel = make_panel(gaps=False)
    frame = weights(panel)
    for options, error, what in (
        (
            {"start": "2018-02-01", "end": "2018-01-30"},
            sa.ParameterError,
            "start must not be after end",
        ),
        ({"start": "2019-02-01"}, sa.ParameterError, "start must leave a time"),
        ({"end": "2017-02-01"}, sa.ParameterError, "end must leave a time"),
        ({"start": panel.grid[3]}, sa.ParameterError, "before start"),
        ({"end": panel.grid[3]}, sa.ParameterError, "after end"),
        ({"start": "soon"}, sa.ParameterError, "start must be a time"),
    ):
        with pytest.raises(error, match=what):
            sa.replay(panel, frame, RULES, **options)
    with pytest.raises(sa.ParameterError, match="numeraire 99 is not an asset of the panel"):
        sa.replay(panel, frame, RULES.replace(numeraire=99))
    sa.replay(panel, frame, RULES.replace(numeraire=99).without_limits())
    sa.replay(panel, frame, RULES.replace(numeraire=None))
    with pytest.raises(sa.ParameterError, match="rules must be a TradingRules"):
        sa.replay(panel, frame, 0.0025)  # type: ignore[arg-type]
    with pytest.raises(sa.ParameterError, match="panel must be a Panel"):
        sa.replay(panel.price, frame, RULES)  # type: ignore[arg-type]


def test_the_numeraire_must_have_a_price_at_the_first_decision():
    index = pd.date_range("2018-01-25", periods=3, freq="5min")
    panel = sa.Panel.from_frame(
        pd.DataFrame({1: [1.0, 1.0, 1.0], 1442: [np.nan, np.nan, 2.0]}, index=index)
    )
    with pytest.raises(
        sa.DataError,
        match="numeraire 1442 has no price at or before the first decision, 2018-01-25 00:05",
    ):
        sa.replay(panel, pd.DataFrame({1: [0.5]}, index=index[1:2]), RULES)
    sa.replay(panel, pd.DataFrame({1: [np.nan, 0.5]}, index=index[1:]), RULES)
    account = Account(panel, RULES)
    account.mark(np.array([1.0, np.nan]))
    with pytest.raises(sa.DataError, match="numeraire 1442 has had no quote yet"):
        account.trade(np.array([0.5, 0.0]))


def test_bad_events():
    panel = make_panel(gaps=False)
    frame = weights(panel)
    good = pd.DataFrame(
        {"time": [panel.grid[5]], "asset": [1443], "kind": ["fork"], "benefit": [0.5]}
    )
    assert (
        sa.replay(panel, frame, RULES, events=good).final_value
        > sa.replay(panel, frame, RULES).final_value
    )
    nothing = sa.replay(panel, frame, RULES, events=good.iloc[:0])
    assert same(nothing, sa.replay(panel, frame, RULES))
    for change, error, what in (
        ({"asset": 7}, sa.ParameterError, "asset 7 is not in the panel"),
        ({"time": "2019-01-01"}, sa.DataError, "asset 1443.*2019-01-01.*off the panel's span"),
        ({"benefit": -1.0}, sa.DataError, "benefit must be a finite number at least 0, got -1.0"),
        ({"benefit": np.nan}, sa.DataError, "benefit must be"),
    ):
        with pytest.raises(error, match=what):
            sa.replay(panel, frame, RULES, events=good.assign(**change))
    with pytest.raises(sa.DataError, match="'benefit' is absent"):
        sa.replay(panel, frame, RULES, events=good.drop(columns="benefit"))


def test_an_account_says_what_is_wrong():
    panel = make_panel(gaps=False, missing=0.0)
    account = Account(panel, RULES)
    account.mark(panel.price.to_numpy()[0])
    for target, what in (
        ([0.5, -0.1, 0, 0], "asset 1443"),
        ([0.5, 0.6, 0, 0], "a sum of 1.1"),
        ([2.0, 0, 0, 0], "got 2"),
    ):
        with pytest.raises(sa.DataError, match=what):
            account.trade(np.array(target))
    assert account.trade(np.array([0.5, np.nan, 0, 0])) is False
    assert account.failures == 1
    assert account.value == 1_000.0
    with pytest.raises(sa.ParameterError, match="asset 7"):
        account.credit(7, 1.0)


def test_an_account_credits_events_like_the_replay():
    panel = make_panel(gaps=False)
    frame = weights(panel)
    events = pd.DataFrame(
        {"time": panel.grid[[30, 5]], "asset": [1444, 1443], "benefit": [0.3, 0.5]}
    )
    replay = sa.replay(panel, frame, RULES, events=events)
    account = Account(panel, RULES)
    for t, quotes in enumerate(panel.price.to_numpy()):
        if t in (5, 30):
            account.credit(1443 if t == 5 else 1444, 0.5 if t == 5 else 0.3)
        assert account.mark(quotes) == replay.value.iloc[t]
        account.trade(frame.to_numpy()[t])


def test_fees_are_monotone():
    panel = make_panel(120, 4, seed=5, gaps=False)
    frame = weights(panel, 2) * 0.8
    final = [
        sa.replay(panel, frame, RULES.without_limits().replace(fee=fee)).final_value
        for fee in (0.0, 0.001, 0.0025, 0.01, 0.1)
    ]
    assert final == sorted(final, reverse=True)
    assert len(set(final)) == len(final)


def test_constant_weights_without_limits_and_fees_equal_the_closed_form():
    panel = make_panel(120, 4, seed=6, missing=0.0, gaps=False)
    share = np.array([0.2, 0.1, 0.3, 0.25])
    frame = pd.DataFrame(np.tile(share, (120, 1)), index=panel.grid, columns=panel.assets)
    replay = sa.replay(panel, frame, RULES.without_limits().replace(fee=0.0))
    gross = panel.price.pct_change().to_numpy()[1:] @ share
    np.testing.assert_allclose(
        replay.value, 1_000.0 * np.cumprod(np.append(1.0, 1.0 + gross)), rtol=1e-12
    )
    held = sa.replay(panel, frame.iloc[:1], RULES.without_limits().replace(fee=0.0))
    ratio = (panel.price / panel.price.iloc[0]).to_numpy()
    np.testing.assert_allclose(held.value, 1_000.0 * (0.15 + ratio @ share), rtol=1e-12)


def test_another_step_and_numeraire():
    index = pd.date_range("2020", periods=4, freq="1D")
    panel = sa.Panel.from_frame(
        pd.DataFrame({"gold": [10.0, 11.0, 12.0, 13.0], "wood": [1.0, 1.0, 2.0, 2.0]}, index=index)
    )
    rules = sa.TradingRules(capital=100.0, fee=0.0, min_order=1.0, max_order=2.0, numeraire="gold")
    replay = sa.replay(panel, pd.DataFrame({"wood": [0.5, 0.5]}, index=index[:2]), rules)
    # at most two gold, 20 USD, then 22 USD
    assert replay.orders["traded_value"].tolist() == [20.0, 22.0]
    assert replay.value.index.equals(panel.grid)


def test_tables_of_every_kind_and_order_give_the_same_replay():
    polars = pytest.importorskip("polars")
    panel = make_panel(40, 6)
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        rng.dirichlet(np.ones(7), 40)[:, :6], index=panel.grid, columns=list(map(str, panel.assets))
    )
    named = sa.Panel.from_frame(panel.price.set_axis(frame.columns, axis=1))
    free = RULES.without_limits()
    expected = sa.replay(named, frame, free)
    stamped = polars.from_pandas(frame.rename_axis("time").reset_index())
    for other in (
        frame.iloc[::-1],
        frame.sample(frac=1.0, random_state=1),
        frame.astype("Float64"),
        frame.astype("float64[pyarrow]"),
        frame.tz_localize("UTC").tz_convert("America/New_York"),
        stamped,
        stamped.to_arrow(),
    ):
        found = sa.replay(named, other, free)
        pd.testing.assert_series_equal(found.value, expected.value, check_exact=True)
        assert found.counts.equals(expected.counts)
