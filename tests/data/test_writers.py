"""Writers: quotes that are written read back as the same panel, bit for bit."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import statarb as sa
from statarb.data.ingest.writers import write_quotes


def back(panel: sa.Panel, folder: Path, *, compress: bool = True) -> sa.Panel:
    quotes, coins = write_quotes(panel, folder, compress=compress)
    return sa.read_quotes(quotes, coins=coins)


@pytest.mark.parametrize("compress", [True, False])
def test_a_simulated_market_comes_back(compress: bool, tmp_path: Path) -> None:
    panel = sa.simulate_market(assets=40, days=2, seed=5)
    found = back(panel, tmp_path / "out", compress=compress)
    assert found.equals(panel)
    assert found.fields == panel.fields
    assert found.table.equals(panel.table)
    assert found.metadata["ingest"]["rows_rejected"] == found.metadata["ingest"]["duplicates"] == 0


def test_the_real_quotes_come_back(real_panel: sa.Panel, tmp_path: Path) -> None:
    part = real_panel.between("2018-01-17 11:25", "2018-01-20")
    found = back(part, tmp_path)
    assert found.equals(part), (
        "capitalisations are kept in single precision: supplies are found whose ratio is exact"
    )


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 30),
    exact=st.booleans(),
    capital=st.booleans(),
    volume=st.booleans(),
)
def test_any_prices_come_back(
    seed: int, size: int, exact: bool, capital: bool, volume: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    index = pd.date_range("2018-01-17 11:25", periods=size, freq="5min")
    prices = pd.DataFrame(
        10.0 ** rng.uniform(-9, 6, (size, 3)), index=index, columns=[7, 1442, 9_999_999]
    )
    prices = prices.where(rng.random(prices.shape) < 0.8)
    prices.iloc[[0, -1]] = 1.5
    frames: dict[str, pd.DataFrame] = {}
    if exact and capital:
        frames["unrounded"] = prices * rng.uniform(0.99, 1.01, prices.shape)
    if capital:
        frames["market_cap"] = (prices * 10.0 ** rng.uniform(0, 9, prices.shape)).astype(np.float32)
    if volume:
        frames["volume"] = prices * 0.0 + rng.integers(0, 10**9, prices.shape).astype(np.float32)
    panel = sa.Panel.from_frame(prices, **frames)  # type: ignore[arg-type]
    found = back(panel, tmp_path)
    for name in panel.fields:
        np.testing.assert_array_equal(
            found.array(name), panel.array(name).astype(found.array(name).dtype), err_msg=name
        )
    assert found.grid.equals(panel.grid)


def test_an_unrounded_price_without_a_capitalisation_gets_one(tmp_path: Path) -> None:
    prices = pd.DataFrame(
        {1442: [1.0, 2.0]}, index=pd.date_range("2018-01-17", periods=2, freq="5min")
    )
    panel = sa.Panel.from_frame(prices, unrounded=prices * 1.001)
    found = back(panel, tmp_path)
    np.testing.assert_array_equal(found.array("unrounded"), panel.array("unrounded"))
    assert "market_cap" in found.fields


def test_the_same_panel_gives_the_same_bytes(tmp_path: Path) -> None:
    panel = sa.simulate_market(assets=5, days=0.5, seed=1)
    hashes = {
        hashlib.sha256(write_quotes(panel, tmp_path / name)[0].read_bytes()).hexdigest()
        for name in ("a", "b")
    }
    assert len(hashes) == 1
    assert (tmp_path / "a" / "quotes.csv.gz").read_bytes()[3:8] == b"\0\0\0\0\0", (
        "neither a name nor a time in the gzip header"
    )


def test_the_layout_is_the_distributed_one(tmp_path: Path) -> None:
    times = pd.date_range("2018-01-17 11:25", periods=14, freq="5min")
    prices = pd.DataFrame({1442: np.linspace(100.0, 113.0, 14)}, index=times)
    table = pd.DataFrame({"symbol": ["BTC"], "name": ["Bitcoin"]}, index=[1442])
    quotes, coins = write_quotes(sa.Panel.from_frame(prices, table=table), tmp_path)
    lines = gzip.decompress(quotes.read_bytes()).decode().splitlines()
    assert (
        lines[0]
        == ",time,refID_coin,price,marketCap,CirculatingSupply,Volume24h,Movement1h,Movement24h"
    )
    assert lines[1] == "0,2018-01-17 11:25:00,1442,100.0,,,,,"
    assert lines[13] == "12,2018-01-17 12:25:00,1442,112.0,,,,12.0,", (
        "12 % above the price of an hour before"
    )
    assert coins.read_text().splitlines() == [
        "Id,name,Name,Date,Tag",
        "1442,bitcoin,Bitcoin,2018-01-17 11:25:00.000,BTC",
    ]


def test_filled_cells_are_no_quotes(tmp_path: Path) -> None:
    panel = sa.simulate_market(assets=4, days=0.5, seed=1)
    filled = panel.with_arrays(
        {"price": np.nan_to_num(panel.array(), nan=1.0)},
        observed=panel.observed_array,
        imputation="one",
    )
    assert back(filled, tmp_path).metadata["ingest"]["rows_read"] == panel.observed_array.sum()


def test_what_cannot_be_written(tmp_path: Path) -> None:
    index = pd.date_range("2018-01-17", periods=2, freq="5min")
    with pytest.raises(sa.DataError, match="positive integers"):
        write_quotes(sa.Panel.from_frame(pd.DataFrame({"gold": [1.0, 2.0]}, index=index)), tmp_path)
    with pytest.raises(sa.DataError, match="to the second"):
        write_quotes(
            sa.Panel.from_frame(pd.DataFrame({1: [1.0, 2.0]}, index=index + pd.Timedelta("1ms"))),
            tmp_path,
        )
    (tmp_path / "file").write_text("")
    with pytest.raises(sa.DataError, match="cannot make the folder"):
        write_quotes(sa.simulate_market(assets=2, days=0.1), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_progress_of_writing(tmp_path: Path) -> None:
    told: list[float] = []
    write_quotes(sa.simulate_market(assets=2, days=0.1), tmp_path, progress=told.append)
    assert told[-1] == 1.0
