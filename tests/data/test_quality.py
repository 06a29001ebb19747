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
    """Ten times, three assets: BTC with gaps, a still asset with a slipped decimal, and one that
    is never quoted.
    """
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
    metadata = {"ingest": {"duplicates_by_asset": {"1443": 2}}}
    panel = sa.Panel.from_frame(prices, unrounded=exact, volume=volume, metadata=metadata)
    return sa.quality_report(panel, outlier_z=5.0, map_columns=5)


def test_figures_of_an_asset(small: QualityReport) -> None:
    asset = small.assets.loc[1442]
    assert asset["quotes"] == 6
    assert asset["coverage"] == 60.0
    assert asset["coverage_listed"] == 60.0
    assert asset["first"] == pd.Timestamp("2018-01-25 00:00")
    assert asset["last"] == pd.Timestamp("2018-01-25 00:45")
    assert asset["longest_gap"] == 3
    assert asset["gap_after"] == pd.Timestamp("2018-01-25 00:20")
    assert asset["unchanged"] == pytest.approx(40.0)
    assert asset["longest_still"] == 1
    assert asset["decimals"] == 2
    assert asset["usual_decimals"] == 2
    assert asset["tick"] == pytest.approx(0.01)
    assert asset["precision_bp"] == pytest.approx(1e2 / 10.5)
    assert asset["unrounded_gap_bp"] == pytest.approx(10.0)
    assert asset["unrounded_off"] == pytest.approx(100 / 6)
    assert asset["zero_volume"] == 0.0
    assert asset["duplicates"] == 0.0
    assert asset["jumps_by_ten"] == 0
    assert not asset["late"]
    assert not asset["ended"]


def test_slipped_decimals_and_still_quotes(small: QualityReport) -> None:
    asset = small.assets.loc[1443]
    assert asset["jumps_by_ten"] == 2
    assert asset["longest_still"] == 3
    assert asset["unchanged"] == pytest.approx(100 * 4 / 6)
    assert asset["duplicates"] == 2.0
    assert asset["zero_volume"] == pytest.approx(100 / 7)
    assert asset["outliers"] == 0
    assert asset["largest_z"] == pytest.approx(
        np.log(10) / (1.253314 * 2 * np.log(10) / 6), rel=1e-6
    )
    assert asset["decimals"] == 0
    assert asset["tick"] == 1.0
    assert "jumps by ten" in asset["flags"]


def test_an_asset_without_a_quote(small: QualityReport) -> None:
    asset = small.assets.loc[1444]
    assert asset["quotes"] == 0
    assert asset["coverage"] == 0.0
    assert pd.isna(asset["first"])
    assert np.isnan(asset["tick"])
    assert asset["flags"] == "no quote"


def test_market(small: QualityReport) -> None:
    assert small.gaps["steps"].tolist() == [2, 1]
    assert small.gaps["hours"].tolist() == pytest.approx([2 / 12, 1 / 12])
    assert small.gaps["after"].iloc[0] == pd.Timestamp("2018-01-25 00:20")
    assert small.steps[["steps", "count"]].to_numpy().tolist() == [[1, 4], [2, 1], [3, 1]]
    assert small.steps["share"].sum() == pytest.approx(100.0)
    assert small.times["assets"].tolist() == [2, 2, 2, 0, 2, 0, 0, 1, 2, 2]
    assert small.times["stale"].tolist() == [
        False,
        True,
        False,
        False,
        True,
        False,
        False,
        False,
        False,
        False,
    ]
    assert small.gap_lengths.to_dict() == {1: 2, 2: 1, 3: 1}
    assert small.market["stale snapshots"] == 2
    assert small.market["duplicates"] == 2.0
    assert small.market["times without a quote, %"] == 30.0
    assert small.coverage.shape == (5, 3)
    assert small.coverage[1442].tolist() == [100.0, 50.0, 50.0, 0.0, 100.0]
    assert small.assets["stale_snapshots"].tolist() == [2, 2, 0]


def test_outliers_are_counted_by_the_modified_z_score() -> None:
    panel = example_market(times=400)
    report = sa.quality_report(panel, outlier_z=4.0)
    for asset in panel.assets:
        returns = np.log(panel.price[asset].dropna()).diff().dropna()
        scores = (
            0.6745
            * (returns - returns.median()).abs()
            / (returns - returns.median()).abs().median()
        )
        assert report.assets.loc[asset, "outliers"] == (scores > 4.0).sum()
        assert report.assets.loc[asset, "largest_z"] == pytest.approx(scores.max(), rel=1e-9)


def test_a_tick_is_seen_in_moves_and_not_in_round_prices() -> None:
    prices = [1.0, 1.0, 1.01, 1.0, 1.0, 1.0, 0.99, 1.0, 1.0, 1.0, 1.0]
    panel = sa.Panel.from_frame(
        pd.DataFrame({"USDT": prices}, index=pd.date_range("2018-01-25", periods=11, freq="5min"))
    )
    assert sa.quality_report(panel).assets.loc["USDT", "tick"] == pytest.approx(0.01)


def test_quotes_that_are_rounded_two_ways() -> None:
    prices = [1.123456, 1.12, 1.14, 1.234567, 1.345678, 1.23, 1.456789, 1.567891, 1.45, 1.0]
    panel = sa.Panel.from_frame(
        pd.DataFrame({"XRP": prices}, index=pd.date_range("2018-01-25", periods=10, freq="5min"))
    )
    asset = sa.quality_report(panel).assets.loc["XRP"]
    assert asset["decimals"] == 6
    assert asset["coarse"] == pytest.approx(50.0)
    assert "rounded two ways" in asset["flags"]


def test_late_listings_and_ends_are_reported() -> None:
    panel = example_market(times=900)
    assets = sa.quality_report(panel).assets
    late, gone = panel.assets[-1], panel.assets[1]
    assert assets.loc[late, "late"]
    assert "listed late" in assets.loc[late, "flags"]
    days = (panel.grid[-1] - assets.loc[gone, "last"]) / pd.Timedelta(days=1)
    assert assets.loc[gone, "ended"] == (days >= 1)


def test_filled_cells_do_not_count() -> None:
    panel = make_panel(times=300)
    before, after = sa.quality_report(panel), sa.quality_report(sa.impute(panel, "lint"))
    columns = [
        "quotes",
        "coverage",
        "first",
        "last",
        "longest_gap",
        "unchanged",
        "outliers",
        "tick",
    ]
    pd.testing.assert_frame_equal(before.assets[columns], after.assets[columns])
    assert before.market["stale snapshots"] == after.market["stale snapshots"]


def test_unknown_duplicates_are_unknown() -> None:
    report = sa.quality_report(make_panel())
    assert report.assets["duplicates"].isna().all()
    assert np.isnan(report.market["duplicates"])
    assert report.assets["zero_volume"].isna().all()
    assert report.assets["unrounded_gap_bp"].isna().all()


def test_saved_files(small: QualityReport, tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder = small.save(tmp_path / "out")
    table = pd.read_csv(folder / "quality.csv", index_col="coinID")
    assert table.index.tolist() == [1442, 1443, 1444]
    assert table["quotes"].tolist() == [6, 7, 0]
    assert pd.read_csv(folder / "quality_gaps.csv")["steps"].tolist() == [2, 1]
    market = json.loads((folder / "quality_market.json").read_text())
    assert market["assets"] == 3
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
    "panel",
    [
        make_panel(times=1, gaps=False, missing=0.0),
        make_panel(times=3, missing=0.0),
        example_market(40),
    ],
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
    assert report.market["longest gap in hours"] == 62.0
    assert report.market["assets"] == 20
    assert 1.5 < report.market["stale snapshots, % of rows"] < 3.5
    assets = report.assets
    assert set(assets.nlargest(4, "unchanged").index) == {1444, 1451, 1474, 1452}
    assert assets["tick"][[1446, 1447, 1450, 1455, 1477]].tolist() == pytest.approx([1e-6] * 5)
    assert (assets["duplicates"] == assets["duplicates"].iloc[0]).all()
    assert assets.index[assets["coarse"] > 10.0].tolist() == [1444, 1447, 1474]
    assert assets.loc[1442, "unrounded_gap_bp"] < 1e-4
    assert assets.loc[1451, "unrounded_gap_bp"] > 5.0


def test_labels_that_spreadsheets_would_run_are_text(tmp_path):
    times = pd.date_range("2018-01-25", periods=60, freq="5min")
    prices = pd.DataFrame(
        np.linspace(1.0, 2.0, 180).reshape(60, 3), index=times, columns=["=1+1", "@b", "-5"]
    )
    sa.quality_report(sa.Panel.from_frame(prices)).save(tmp_path)
    labels = [line.split(",")[0] for line in (tmp_path / "quality.csv").read_text().splitlines()]
    assert sorted(labels[1:]) == ["'=1+1", "'@b", "-5"]


def test_trading_days_have_no_gaps_at_weekends():
    days = pd.bdate_range("2024-01-01", periods=30)
    prices = pd.DataFrame({"a": np.arange(1.0, 31.0), "b": 2.0}, index=days)
    prices.loc[days[7], "b"] = np.nan
    report = sa.quality_report(sa.Panel.from_frame(prices))
    assert report.assets["coverage_listed"].round(6).tolist() == [100.0, round(100 * 29 / 30, 6)]
    assert report.assets["longest_gap"].tolist() == [0, 1]
    assert len(report.gaps) == 0
