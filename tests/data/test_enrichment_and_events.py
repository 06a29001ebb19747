"""Further fields join as of their time; events are read from a calendar."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.testing import check_causal, example_market
from tests.conftest import make_panel

PANEL = make_panel(times=120, seed=2)


def test_a_frame_joins_as_of_its_times() -> None:
    rng = np.random.default_rng(0)
    times = pd.DatetimeIndex(
        np.sort(
            rng.choice(pd.date_range(PANEL.grid[0], PANEL.grid[-1], freq="37s"), 60, replace=False)
        )
    )
    frame = pd.DataFrame(rng.normal(size=(60, 3)), index=times, columns=[1442, 1444, 9999])
    frame = frame.mask(rng.random(frame.shape) < 0.3)
    joined = PANEL.with_field("mood", frame)
    assert joined.fields == (*PANEL.fields, "mood")
    for asset in PANEL.assets:
        for t in PANEL.times:
            known = frame[asset].loc[:t].dropna() if asset in frame else []
            value = joined.field("mood").loc[t, asset]
            assert value == known.iloc[-1] if len(known) else np.isnan(value)


def test_a_series_holds_for_every_asset_and_grows_old() -> None:
    index = pd.Series([1.0, 2.0], index=[PANEL.times[3], PANEL.times[50]])
    joined = PANEL.with_field("index", index).array("index")
    assert np.isnan(joined[:3]).all()
    assert (joined[3:50] == 1.0).all()
    assert (joined[50:] == 2.0).all()
    aged = PANEL.with_field("index", index, max_age="10min").field("index")[1442]
    assert aged.loc[PANEL.times[3] : PANEL.times[3] + pd.Timedelta("10min")].notna().any()
    assert aged.loc[PANEL.times[3] + pd.Timedelta("10min1s") : PANEL.times[49]].isna().all()


def test_a_join_never_looks_ahead() -> None:
    market = example_market()

    def join(panel: sa.Panel) -> sa.Panel:
        return panel.with_field("copy", panel.price)

    check_causal(join, market)
    late = market.price.shift(-1)
    with pytest.raises(sa.LookAheadError):
        check_causal(lambda panel: panel.with_field("next", panel.price.shift(-1)), market)
    assert market.with_field("next", late).array("next").shape == market.array().shape


def test_times_of_other_zones_and_a_field_replaced() -> None:
    moved = pd.Series(
        [5.0], index=pd.DatetimeIndex([PANEL.times[10]]).tz_localize("UTC").tz_convert("Asia/Tokyo")
    )
    joined = PANEL.with_field("x", pd.Series([1.0], index=[PANEL.times[0]])).with_field("x", moved)
    assert np.isnan(joined.array("x")[9]).all()
    assert (joined.array("x")[10] == 5.0).all()


def test_windows_and_storage_keep_the_field(tmp_path: Path) -> None:
    joined = PANEL.with_field("x", pd.Series([1.0], index=[PANEL.times[0]]))
    assert (joined.window(PANEL.times[5]).array("x") == 1.0).all()
    joined.save(tmp_path / "joined.parquet")
    assert sa.Panel.load(tmp_path / "joined.parquet").equals(joined)


def test_a_forecaster_takes_the_field_as_a_feature() -> None:
    market = example_market()
    joined = market.with_field("momentum", market.price.pct_change(3, fill_method=None))
    model = sa.forecasting.make_forecaster("ridge", fields=("momentum",))
    window = joined.window(joined.times[400])
    assert np.isfinite(model.fit(window).predict(window).dropna()).all()
    with pytest.raises(sa.ParameterError, match="momentum"):
        model.fit(market.window(market.times[400]))


def test_fields_that_do_not_align() -> None:
    late = PANEL.times[-1] + PANEL.step
    for frame, message in (
        (pd.DataFrame({"x": [1.0]}, index=[PANEL.times[0]]), "none of the panel's assets"),
        (pd.Series([1.0], index=[late]), "no value up to the panel's end"),
        (pd.Series([], index=pd.DatetimeIndex([]), dtype=float), "it is empty"),
        (pd.Series([np.nan], index=[PANEL.times[0]]), "holds no number"),
        (pd.Series([np.inf], index=[PANEL.times[0]]), "infinite"),
        (pd.Series(["high"], index=[PANEL.times[0]]), "must hold numbers"),
        (pd.Series([1.0, 2.0]), "must be indexed by times"),
        (pd.Series([1.0, 2.0], index=[PANEL.times[0], PANEL.times[0]]), "duplicated time"),
        (pd.DataFrame([[1.0, 2.0]], index=[PANEL.times[0]], columns=[1442, 1442]), "twice"),
        ([1.0], "must be indexed by times"),
    ):
        with pytest.raises(sa.DataError, match=message):
            PANEL.with_field("x", frame)
    good = pd.Series([1.0], index=[PANEL.times[0]])
    for name in ("", "price", "observed", "time", "unrounded"):
        with pytest.raises(sa.ParameterError, match="name"):
            PANEL.with_field(name, good)
    for age in ("soon", "-5min"):
        with pytest.raises(sa.ParameterError, match="max_age"):
            PANEL.with_field("x", good, max_age=age)


def calendar(folder: Path, text: str) -> Path:
    path = folder / "events.csv"
    path.write_text(text)
    return path


def test_events_are_read_in_order_of_time(tmp_path: Path) -> None:
    path = calendar(
        tmp_path,
        "time,asset,kind,benefit\n2018-01-25 01:00:00,1443,fork,12.5\n\n2018-01-24T23:00:00+00:00, "
        "1442 ,airdrop,0.5\n"
        "2019-01-01,1442,burn,1\n",
    )
    events = sa.read_events(path)
    assert events.columns.tolist() == ["time", "asset", "kind", "benefit"]
    assert events["asset"].tolist() == [1442, 1443, 1442]
    assert events["benefit"].tolist() == [0.5, 12.5, 1.0]
    assert events["time"].iloc[0] == pd.Timestamp("2018-01-24 23:00")
    inside = sa.read_events(path, PANEL)
    assert inside["kind"].tolist() == ["airdrop", "fork"]
    assert inside.attrs["outside"] == 1


def test_the_holder_is_credited_and_nobody_else(tmp_path: Path) -> None:
    prices = pd.DataFrame(
        {"A": [10.0] * 5, "B": [10.0] * 5},
        index=pd.date_range("2018-01-25", periods=5, freq="5min"),
    )
    panel = sa.Panel.from_frame(prices)
    events = sa.read_events(
        calendar(tmp_path, "time,asset,kind,benefit\n2018-01-25 00:10,A,airdrop,2.0\n"), panel
    )
    rules = sa.TradingRules(capital=1000.0, fee=0.0).without_limits()
    for asset, gain in (("A", 200.0), ("B", 0.0)):
        wanted = pd.DataFrame({asset: 1.0}, index=panel.grid[:1])
        plain = sa.replay(panel, wanted, rules)
        with_events = sa.replay(panel, wanted, rules, events=events)
        assert plain.value.iloc[-1] == pytest.approx(1000.0)
        assert with_events.value.iloc[-1] == pytest.approx(1000.0 + gain)


def test_bad_calendars_name_the_line(tmp_path: Path) -> None:
    head = "time,asset,kind,benefit\n2018-01-25,1442,fork,1\n"
    for text, message in (
        ("", "cannot be read"),
        ("time,asset,kind\n", "no column 'benefit'"),
        (head + "soon,1442,fork,1\n", "line 3: time must be a time"),
        (head + "2018-01-25,,fork,1\n", "line 3: the asset is missing"),
        (head + "2018-01-25,77,fork,1\n", "line 3: asset '77' is not in the panel"),
        (head + "2018-01-25,1442,fork,much\n", "line 3: benefit must be a number"),
        (head + "2018-01-25,1442,fork,-1\n", "line 3: benefit must be a number of at least 0"),
        (head + "2018-01-25,1442,fork,inf\n", "line 3: benefit"),
    ):
        with pytest.raises(sa.DataError, match=message):
            sa.read_events(calendar(tmp_path, text), PANEL)
    with pytest.raises(sa.DataError, match="no such file"):
        sa.read_events(tmp_path / "absent.csv")
    empty = sa.read_events(calendar(tmp_path, "time,asset,benefit\n"), PANEL)
    assert len(empty) == 0
    assert empty.columns.tolist() == ["time", "asset", "kind", "benefit"]


def test_a_damaged_archive_of_events_is_one_clear_error(tmp_path: Path) -> None:
    amounts = np.random.default_rng(0).uniform(size=400)
    lines = [
        "time,asset,kind,benefit",
        *(f"2018-01-25,1442,airdrop,{amount}" for amount in amounts),
    ]
    whole, path = gzip.compress("\n".join(lines).encode()), tmp_path / "events.csv.gz"
    for place in range(10, len(whole) - 8, len(whole) // 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(sa.DataError, match=r"events\.csv\.gz"):
            sa.read_events(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(sa.DataError, match="cannot be read as CSV"):
        sa.read_events(path)
