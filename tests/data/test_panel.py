"""Panel: grids, rows, windows, parts, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statarb as sa
from statarb.data import fill


def make_panel(times: int = 60, assets: int = 4, *, seed: int = 0) -> sa.Panel:
    rng = np.random.default_rng(seed)
    prices = np.exp(np.cumsum(rng.normal(0.0, 0.01, (times, assets)), axis=0))
    prices[rng.random(prices.shape) < 0.2] = np.nan
    prices[times // 3 : times // 3 + 3] = np.nan
    prices[0, 0] = 1.0
    index = pd.date_range("2018-01-24 20:00", periods=times, freq="5min", unit="us")
    return sa.Panel.from_frame(
        pd.DataFrame(prices, index=index, columns=range(1442, 1442 + assets))
    )


def frame(
    values: dict[object, list[float]], start: str = "2018-01-25", freq: str = "5min"
) -> pd.DataFrame:
    size = len(next(iter(values.values())))
    return pd.DataFrame(values, index=pd.date_range(start, periods=size, freq=freq))


def test_a_frame_comes_back_as_it_went_in() -> None:
    prices = frame({"gold": [10.0, np.nan, np.nan, 11.0], "wood": [np.nan, 2.0, np.nan, 2.5]})
    panel = sa.Panel.from_frame(prices)
    pd.testing.assert_frame_equal(panel.price, prices, check_freq=False, check_index_type=False)
    assert panel.observed.to_numpy().tolist() == prices.notna().to_numpy().tolist()
    assert (panel.shape, panel.grid_shape) == ((3, 2), (4, 2))
    assert panel.array().shape == panel.shape
    assert panel.price.shape == panel.grid_shape
    assert panel.rows.tolist() == [0, 1, 3], (
        "a time without any price is part of the grid, but no row"
    )
    assert list(panel.times) == [prices.index[0], prices.index[1], prices.index[3]]
    assert panel.step == pd.Timedelta("5min")
    assert panel.numeraire is None
    assert panel.fields == ("price",)
    assert panel.unrounded.equals(panel.price)


def test_bitcoin_is_the_numeraire_where_it_is_quoted() -> None:
    assert sa.Panel.from_frame(frame({1442: [1.0, 2.0], 1443: [1.0, 2.0]})).numeraire == 1442
    assert (
        sa.Panel.from_frame(frame({1442: [1.0, 2.0], 1443: [1.0, 2.0]}), numeraire=1443).numeraire
        == 1443
    )


def test_a_step_floors_the_stamps_and_the_last_number_of_a_cell_counts() -> None:
    stamps = pd.to_datetime(["2018-01-25 00:01:03", "2018-01-25 00:04:59", "2018-01-25 00:16:00"])
    prices = pd.DataFrame({1: [1.0, 2.0, 3.0], 2: [5.0, np.nan, 6.0]}, index=stamps)
    panel = sa.Panel.from_frame(prices, step="5min")
    assert list(panel.grid) == list(pd.date_range("2018-01-25", periods=4, freq="5min"))
    assert panel.rows.tolist() == [0, 3]
    np.testing.assert_array_equal(panel.array(), [[2.0, 5.0], [3.0, 6.0]])


def test_the_price_stands_in_for_a_missing_unrounded_one() -> None:
    prices = frame({1: [1.0, 2.0, np.nan]})
    panel = sa.Panel.from_frame(prices, unrounded=frame({1: [1.01, np.nan, 3.0]}))
    np.testing.assert_array_equal(panel.unrounded.to_numpy().ravel(), [1.01, 2.0, np.nan])


def test_times_with_a_zone_are_utc_inside_and_come_back_in_their_zone() -> None:
    prices = frame({1: [1.0, 2.0]}).tz_localize("Europe/Sofia")
    panel = sa.Panel.from_frame(prices)
    assert panel.grid_array[0] == np.datetime64("2018-01-24 22:00", "us")
    pd.testing.assert_frame_equal(panel.price, prices, check_freq=False, check_index_type=False)


def test_a_table_newest_first_is_put_in_order() -> None:
    prices = frame({1: [1.0, 2.0, 4.0]})
    volume = prices * 10.0
    panel = sa.Panel.from_frame(prices[::-1], volume=volume)
    assert panel.equals(sa.Panel.from_frame(prices, volume=volume[::-1]))
    assert panel.price[1].tolist() == [1.0, 2.0, 4.0]


def test_a_label_of_cash_is_refused_where_it_comes_in() -> None:
    with pytest.raises(sa.DataError, match="an asset labelled 'USD', which is the label of cash"):
        sa.Panel.from_frame(frame({"EUR": [1.0], "USD": [1.0]}))


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        (frame({1: [1.0, 0.0]}), "must be positive"),
        (frame({1: [1.0, -2.0]}), r"-2.0 at 2018-01-25 00:05:00, asset 1"),
        (frame({1: [1.0, np.inf]}), "must be positive and finite"),
        (frame({1: [np.nan, np.nan]}), "holds no price"),
        (frame({1: [1.0, 2.0]}).iloc[[0, 0]], "duplicated time"),
        (frame({1: [1.0, 2.0]}).reset_index(drop=True), "indexed by times"),
        (pd.concat([frame({1: [1.0]}), frame({1: [1.0]})], axis=1), "column 1 twice"),
        (frame({1: ["a", "b"]}), "must hold numbers"),  # type: ignore[list-item]
        (frame({1: [1.0]}).iloc[:0], "at least one row"),
    ],
)
def test_frames_that_are_refused(prices: pd.DataFrame, words: str) -> None:
    with pytest.raises(sa.DataError, match=words):
        sa.Panel.from_frame(prices)


def test_other_refusals() -> None:
    prices = frame({1: [1.0, 2.0]})
    with pytest.raises(sa.DataError, match="must be a pandas DataFrame"):
        sa.Panel.from_frame({"a": [1.0]})  # type: ignore[arg-type]
    with pytest.raises(sa.DataError, match="numeraire 7 is not a column"):
        sa.Panel.from_frame(prices, numeraire=7)
    with pytest.raises(sa.DataError, match="index of prices"):
        sa.Panel.from_frame(prices, volume=prices.iloc[:1])
    with pytest.raises(sa.DataError, match="no column 1"):
        sa.Panel.from_frame(prices, volume=prices.rename(columns={1: 2}))
    with pytest.raises(sa.DataError, match="unrounded must be positive"):
        sa.Panel.from_frame(prices, unrounded=-prices)
    for step in ("soon", "-5min", "0min"):
        with pytest.raises(sa.ParameterError, match="step must be"):
            sa.Panel.from_frame(prices, step=step)
    with pytest.raises(sa.DataError, match="columns 'symbol' and 'name'"):
        sa.Panel.from_frame(prices, table=pd.DataFrame({"tag": ["x"]}, index=[1]))
    grid = np.array(["2018-01-25", "2018-01-26"], dtype="datetime64[us]")
    one = {"price": np.ones((1, 1))}
    for rows in ([2], [-1]):
        with pytest.raises(sa.DataError, match="positions in the grid"):
            sa.Panel(grid, np.array(rows), pd.Index([1]), one)
    with pytest.raises(sa.DataError, match="strictly increasing"):
        sa.Panel(grid[::-1], np.array([0]), pd.Index([1]), one)
    with pytest.raises(sa.DataError, match="shape"):
        sa.Panel(grid, np.array([0, 1]), pd.Index([1]), one)
    with pytest.raises(sa.DataError, match="needs the array 'price'"):
        sa.Panel(grid, np.array([0]), pd.Index([1]), {"volume": np.ones((1, 1))})


def test_arrays_and_frames_are_read_only() -> None:
    panel = make_panel()
    for values in (panel.array(), panel.window(panel.times[-1]).array(), panel.rows):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        panel.price.to_numpy()[0, 0] = 1.0


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    with pytest.raises(sa.ParameterError, match=r"field must be one of 'price', got 'open'"):
        make_panel().field("open")


@settings(deadline=None)
@given(end=st.integers(0, 59), depth=st.integers(1, 70))
def test_a_window_is_the_last_rows_up_to_its_end(end: int, depth: int) -> None:
    panel = make_panel()
    t = panel.grid[end]
    window = panel.window(t, depth)
    past = panel.price.loc[:t].dropna(how="all").iloc[-depth:]
    pd.testing.assert_frame_equal(window.price, past, check_freq=False)
    assert window.now == t
    assert window.steps_since_last_row == (t - past.index[-1]) // panel.step
    assert (window.times <= t).all()
    assert np.shares_memory(window.array(), panel.array()), "a window is a view"


def test_a_window_before_the_first_row_and_bad_arguments() -> None:
    panel = make_panel()
    with pytest.raises(sa.DataError, match="the first quote is at"):
        panel.window("2018-01-01")
    with pytest.raises(sa.ParameterError, match="depth must be an integer at least 1"):
        panel.window(panel.times[-1], 0)
    with pytest.raises(sa.ParameterError, match="t must be a time"):
        panel.window("noon-ish")
    assert panel.window(panel.times[-1], None).array().shape == panel.array().shape


def test_a_window_of_a_window_knows_no_more() -> None:
    panel = make_panel()
    window = panel.window(panel.grid[30], 10)
    later = window.window(panel.grid[50])
    assert later.now == window.now
    assert later.equals(window)
    assert window.select([1443]).now == window.now


@settings(deadline=None)
@given(low=st.integers(0, 59), size=st.integers(0, 59))
def test_between_is_the_slice_of_the_grid(low: int, size: int) -> None:
    panel = make_panel()
    high = min(low + size, 59)
    part = panel.price.iloc[low : high + 1]
    if part.isna().all(axis=None):
        with pytest.raises(sa.DataError, match="no quote between"):
            panel.between(panel.grid[low], panel.grid[high])
        return
    chosen = panel.between(panel.grid[low], panel.grid[high])
    pd.testing.assert_frame_equal(chosen.price, part, check_freq=False)
    assert np.shares_memory(chosen.array(), panel.array())


def test_between_refuses_a_start_after_its_end() -> None:
    with pytest.raises(sa.ParameterError, match="start must not be after end"):
        make_panel().between("2018-01-26", "2018-01-25")
    assert make_panel().between().equals(make_panel())


def test_select_keeps_order_and_drops_rows_without_a_price() -> None:
    prices = frame({1: [1.0, np.nan, 3.0], 2: [np.nan, 5.0, 6.0], 3: [7.0, np.nan, np.nan]})
    panel = sa.Panel.from_frame(prices, numeraire=2)
    chosen = panel.select([3, 1])
    assert list(chosen.assets) == [3, 1]
    assert chosen.rows.tolist() == [0, 2]
    assert chosen.numeraire is None
    assert panel.select([2]).numeraire == 2
    pd.testing.assert_frame_equal(
        chosen.price, prices[[3, 1]], check_freq=False, check_index_type=False
    )
    for assets, words in (
        ([9], "asset 9 is not in the panel"),
        ([1, 1], "names 1 twice"),
        ([], "at least one asset"),
    ):
        with pytest.raises(sa.ParameterError, match=words):
            panel.select(assets)
    with pytest.raises(sa.DataError, match="none of the assets"):
        panel.between(panel.grid[1], panel.grid[1]).select([3])


def test_last_known_is_the_forward_fill_of_pandas() -> None:
    panel = make_panel()
    expected = panel.price.dropna(how="all").ffill().to_numpy()
    np.testing.assert_array_equal(panel.last_known(), expected)
    fresh = panel.last_known()
    fresh[:] = 0.0
    np.testing.assert_array_equal(panel.last_known(), expected)


def test_last_known_of_awkward_arrays() -> None:
    for values in (np.full((3, 1), np.nan), np.ones((1, 2)), np.empty((0, 2))):
        np.testing.assert_array_equal(fill.last_known(values), values)


def test_with_arrays_replaces_and_keeps() -> None:
    panel = make_panel()
    filled = panel.with_arrays(
        {"price": np.nan_to_num(panel.array(), nan=1.0)},
        observed=panel.observed_array,
        imputation="one",
    )
    assert filled.imputation == "one"
    np.testing.assert_array_equal(filled.observed_array, panel.observed_array)
    assert not filled.equals(panel)
    assert filled.window(panel.times[5]).imputation == "one"
    every = panel.with_arrays(
        {"price": np.ones(panel.grid_shape)}, rows=np.arange(panel.grid_shape[0])
    )
    assert not every.price.isna().any(axis=None)


def test_equality_and_digest_see_every_part() -> None:
    panel = make_panel()
    assert panel.equals(make_panel())
    assert panel.digest() == make_panel().digest()
    assert panel != 3
    assert not panel.equals(3)
    for other in (
        make_panel(seed=1),
        panel.between(panel.grid[1], None),
        panel.select([1442, 1443, 1444]),
        panel.with_arrays({"volume": np.ones(panel.array().shape)}),
        panel.with_arrays({}, observed=np.zeros(panel.array().shape, dtype=bool)),
    ):
        assert not panel.equals(other)
        assert panel.digest() != other.digest()


def test_repr_says_what_it_is() -> None:
    assert repr(make_panel(assets=3)).startswith(
        "Panel(3 assets x 60 times of 5 min, 2018-01-24 20:00:00 to 2018-01-25 00:55:00"
    )


@pytest.mark.parametrize(
    ("freq", "words"),
    [
        ("D", "1 d"),
        ("36h", "36 h"),
        ("h", "1 h"),
        ("90min", "90 min"),
        ("s", "1 s"),
        ("50ms", "50 ms"),
        ("7us", "7 us"),
    ],
)
def test_the_step_is_said_in_the_unit_that_fits(freq, words):
    index = pd.date_range("2020-01-01", periods=3, freq=freq, unit="us")
    assert f"3 times of {words}, " in repr(
        sa.Panel.from_frame(pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index))
    )
