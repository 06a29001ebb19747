"""Quality report: every figure by hand on a small market, and the known facts of the real one."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.data.quality import QualityReport
from statarb.report.quality_page import draw_quality, write_quality_page
from statarb.testing import example_market
from tests.conftest import make_panel

NAN = np.nan


@pytest.fixture(scope="module")
def small() -> QualityReport:
    """Ten times, three coins: BTC with holes, a still coin with a slipped decimal, and one that is never quoted."""
    prices = pd.DataFrame(
        {
            1442: [10.12, 10.12, 10.5, NAN, 10.5, NAN, NAN, NAN, 11.25, 11.0],
            1443: [2.0, 2.0, 2.0, NAN, 2.0, NAN, NAN, 20.0, 2.0, 2.0],
            1444: [NAN] * 10,
        },
        index=pd.date_range("2018-01-25", periods=10, freq="5min"),
    )
    exact = prices.copy()
    exact[1442] *= 1.001
    volume = pd.DataFrame(100.0, index=prices.index, columns=prices.columns).where(prices.notna())
    volume.iloc[0, 1] = 0.0
    metadata = {"ingest": {"duplicates_by_coin": {"1443": 2}}}
    panel = sa.Panel.from_frame(prices, unrounded=exact, volume=volume, metadata=metadata)
    return sa.quality_report(panel, outlier_z=5.0, map_columns=5)


def test_figures_of_a_coin(small: QualityReport) -> None:
    coin = small.coins.loc[1442]
    assert coin["quotes"] == 6
    assert coin["coverage"] == 60.0
    assert coin["coverage_listed"] == 60.0
    assert coin["first"] == pd.Timestamp("2018-01-25 00:00")
    assert coin["last"] == pd.Timestamp("2018-01-25 00:45")
    assert coin["longest_hole"] == 3
    assert coin["hole_after"] == pd.Timestamp("2018-01-25 00:20")
    assert coin["unchanged"] == pytest.approx(40.0)
    assert coin["longest_still"] == 1
    assert coin["decimals"] == 2
    assert coin["usual_decimals"] == 2
    assert coin["tick"] == pytest.approx(0.01)
    assert coin["precision_bp"] == pytest.approx(1e2 / 10.5)
    assert coin["unrounded_gap_bp"] == pytest.approx(10.0)
    assert coin["unrounded_off"] == pytest.approx(100 / 6)
    assert coin["zero_volume"] == 0.0
    assert coin["duplicates"] == 0.0
    assert coin["jumps_by_ten"] == 0
    assert not coin["late"]
    assert not coin["ended"]


def test_slipped_decimals_and_still_quotes(small: QualityReport) -> None:
    coin = small.coins.loc[1443]
    assert coin["jumps_by_ten"] == 2
    assert coin["longest_still"] == 3
    assert coin["unchanged"] == pytest.approx(100 * 4 / 6)
    assert coin["duplicates"] == 2.0
    assert coin["zero_volume"] == pytest.approx(100 / 7)
    assert coin["outliers"] == 0
    assert coin["largest_z"] == pytest.approx(np.log(10) / (1.253314 * 2 * np.log(10) / 6), rel=1e-6)
    assert coin["decimals"] == 0
    assert coin["tick"] == 1.0
    assert "jumps by ten" in coin["flags"]


def test_a_coin_without_a_quote(small: QualityReport) -> None:
    coin = small.coins.loc[1444]
    assert coin["quotes"] == 0
    assert coin["coverage"] == 0.0
    assert pd.isna(coin["first"])
    assert np.isnan(coin["tick"])
    assert coin["flags"] == "no quote"


def test_market(small: QualityReport) -> None:
    assert small.holes["steps"].tolist() == [2, 1]
    assert small.holes["hours"].tolist() == pytest.approx([2 / 12, 1 / 12])
    assert small.holes["after"].iloc[0] == pd.Timestamp("2018-01-25 00:20")
    assert small.steps[["steps", "count"]].to_numpy().tolist() == [[1, 4], [2, 1], [3, 1]]
    assert small.steps["share"].sum() == pytest.approx(100.0)
    assert small.times["coins"].tolist() == [2, 2, 2, 0, 2, 0, 0, 1, 2, 2]
    assert small.times["stale"].tolist() == [False, True, False, False, True, False, False, False, False, False]
    assert small.hole_lengths.to_dict() == {1: 2, 2: 1, 3: 1}
    assert small.market["stale snapshots"] == 2
    assert small.market["duplicates"] == 2.0
    assert small.market["times without a quote, %"] == 30.0
    assert small.coverage.shape == (5, 3)
    assert small.coverage[1442].tolist() == [100.0, 50.0, 50.0, 0.0, 100.0]
    assert small.coins["stale_snapshots"].tolist() == [2, 2, 0]


def test_outliers_are_counted_by_the_modified_z_score() -> None:
    panel = example_market(times=400)
    report = sa.quality_report(panel, outlier_z=4.0)
    for coin in panel.coins:
        returns = np.log(panel.price[coin].dropna()).diff().dropna()
        scores = 0.6745 * (returns - returns.median()).abs() / (returns - returns.median()).abs().median()
        assert report.coins.loc[coin, "outliers"] == (scores > 4.0).sum()
        assert report.coins.loc[coin, "largest_z"] == pytest.approx(scores.max(), rel=1e-9)


def test_a_tick_is_seen_in_moves_and_not_in_round_prices() -> None:
    prices = [1.0, 1.0, 1.01, 1.0, 1.0, 1.0, 0.99, 1.0, 1.0, 1.0, 1.0]
    panel = sa.Panel.from_frame(pd.DataFrame({"USDT": prices}, index=pd.date_range("2018-01-25", periods=11, freq="5min")))
    assert sa.quality_report(panel).coins.loc["USDT", "tick"] == pytest.approx(0.01)


def test_quotes_that_are_rounded_two_ways() -> None:
    prices = [1.123456, 1.12, 1.14, 1.234567, 1.345678, 1.23, 1.456789, 1.567891, 1.45, 1.0]
    panel = sa.Panel.from_frame(pd.DataFrame({"XRP": prices}, index=pd.date_range("2018-01-25", periods=10, freq="5min")))
    coin = sa.quality_report(panel).coins.loc["XRP"]
    assert coin["decimals"] == 6
    assert coin["coarse"] == pytest.approx(50.0)
    assert "rounded two ways" in coin["flags"]


def test_late_listings_and_ends_are_reported() -> None:
    panel = example_market(times=900)
    coins = sa.quality_report(panel).coins
    late, gone = panel.coins[-1], panel.coins[1]
    assert coins.loc[late, "late"]
    assert "listed late" in coins.loc[late, "flags"]
    days = (panel.grid[-1] - coins.loc[gone, "last"]) / pd.Timedelta(days=1)
    assert coins.loc[gone, "ended"] == (days >= 1)


def test_filled_cells_do_not_count() -> None:
    panel = make_panel(times=300)
    before, after = sa.quality_report(panel), sa.quality_report(sa.impute(panel, "lint"))
    columns = ["quotes", "coverage", "first", "last", "longest_hole", "unchanged", "outliers", "tick"]
    pd.testing.assert_frame_equal(before.coins[columns], after.coins[columns])
    assert before.market["stale snapshots"] == after.market["stale snapshots"]


def test_unknown_duplicates_are_unknown() -> None:
    report = sa.quality_report(make_panel())
    assert report.coins["duplicates"].isna().all()
    assert np.isnan(report.market["duplicates"])
    assert report.coins["zero_volume"].isna().all()
    assert report.coins["unrounded_gap_bp"].isna().all()


def test_saved_files(small: QualityReport, tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder = small.save(tmp_path / "out")
    table = pd.read_csv(folder / "quality.csv", index_col="coinID")
    assert table.index.tolist() == [1442, 1443, 1444]
    assert table["quotes"].tolist() == [6, 7, 0]
    assert pd.read_csv(folder / "quality_holes.csv")["steps"].tolist() == [2, 1]
    market = json.loads((folder / "quality_market.json").read_text())
    assert market["coins"] == 3
    assert market["step_pattern"][0]["steps"] == 1
    assert "stale snapshots" in str(small)


def test_the_figure_page(small: QualityReport, tmp_path) -> None:  # type: ignore[no-untyped-def]
    picture, page = write_quality_page(small, tmp_path, title="A <test>")
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = page.read_text()
    assert "A &lt;test&gt;" in text
    assert "data:image/png;base64," in text
    assert "jumps by ten" in text
    assert "http" not in text
    first = (picture.read_bytes(), page.read_bytes())
    write_quality_page(small, tmp_path, title="A <test>")
    assert (picture.read_bytes(), page.read_bytes()) == first


@pytest.mark.parametrize(
    "panel", [make_panel(times=1, holes=False, missing=0.0), make_panel(times=3, missing=0.0), example_market(40)]
)
def test_small_panels_can_be_drawn(panel: sa.Panel) -> None:
    figure = draw_quality(sa.quality_report(panel))
    assert len(figure.axes) == 6
    figure.canvas.draw()


def test_bad_arguments() -> None:
    with pytest.raises(sa.ParameterError, match="outlier_z"):
        sa.quality_report(make_panel(), outlier_z=0.0)
    with pytest.raises(sa.ParameterError, match="map_columns"):
        sa.quality_report(make_panel(), map_columns=0)


def test_known_facts_of_the_real_quotes(real_panel: sa.Panel) -> None:
    report = sa.quality_report(real_panel)
    assert report.market["longest hole in hours"] == 62.0
    assert report.market["coins"] == 20
    assert 1.5 < report.market["stale snapshots, % of rows"] < 3.5
    coins = report.coins
    assert set(coins.nlargest(4, "unchanged").index) == {1444, 1451, 1474, 1452}
    assert coins["tick"][[1446, 1447, 1450, 1455, 1477]].tolist() == pytest.approx([1e-6] * 5)
    assert (coins["duplicates"] == coins["duplicates"].iloc[0]).all()
    assert coins.index[coins["coarse"] > 10.0].tolist() == [1444, 1447, 1474]
    assert coins.loc[1442, "unrounded_gap_bp"] < 1e-4
    assert coins.loc[1451, "unrounded_gap_bp"] > 5.0
