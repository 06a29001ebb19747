"""Selection of assets: as many as possible stay, and each that does not has its reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.testing import example_market
from tests.conftest import make_panel


def panel_of(**columns: list[float | None]) -> sa.Panel:
    length = len(next(iter(columns.values())))
    return sa.Panel.from_frame(
        pd.DataFrame(
            columns, index=pd.date_range("2018-01-25", periods=length, freq="12h"), dtype=float
        )
    )


MIXED = panel_of(
    full=[1, 2, 3, 4, 5, 6, 7, 8],
    late=[None, None, None, 4, 5, 6, 7, 8],
    ended=[1, 2, 3, None, None, None, None, None],
    once=[None, None, 3, None, None, None, None, None],
    still=[1, 1, 1, 1, 1, 1, 1, 2],
    never=[None] * 8,
)


def test_the_defaults_drop_only_what_cannot_be_used() -> None:
    kept, reasons = sa.select_assets(MIXED)
    assert list(kept.assets) == ["full", "late", "ended", "still"]
    assert reasons.loc["once", "reason"] == "1 quote, at least 2 are wanted"
    assert reasons.loc["never", "reason"] == "0 quotes, at least 2 are wanted"
    assert (reasons["reason"] == "").tolist() == reasons["kept"].tolist()
    assert kept.grid.equals(MIXED.grid)


def test_late_and_ended_are_reported() -> None:
    reasons = sa.select_assets(MIXED).reasons
    assert reasons.index[reasons["late"]].tolist() == ["late", "once"]
    assert reasons.index[reasons["ended"]].tolist() == ["ended", "once"]
    assert reasons.loc["late", "history"] == 5
    assert reasons.loc["late", "coverage"] == 100.0
    assert reasons.loc["ended", "coverage"] == pytest.approx(37.5)
    assert reasons.loc["never", "coverage"] == 0.0
    assert pd.isna(reasons.loc["never", "first"])


def test_each_limit_has_its_words() -> None:
    selection = sa.select_assets(MIXED, min_coverage=0.9, min_history=5, max_stale=0.5)
    assert list(selection.panel.assets) == ["full", "late"]
    left = selection.left_out["reason"]
    assert left["ended"] == (
        "3 quotes, at least 5 are wanted; quoted in 37.50 % of the rows since its listing, at "
        "least 90 % is wanted"
    )
    assert left["still"] == "85.71 % of its quotes are unchanged, at most 50 % is wanted"


def test_first_quotes_after_a_listing_are_dropped() -> None:
    kept, reasons = sa.select_assets(MIXED, drop_first=2)
    assert kept.price["late"].tolist()[5:] == [6.0, 7.0, 8.0]
    assert kept.price["late"].iloc[:5].isna().all()
    assert kept.price["full"].tolist() == MIXED.price["full"].tolist()
    assert reasons["dropped"].to_dict() == {
        "full": 0,
        "late": 2,
        "ended": 0,
        "once": 1,
        "still": 0,
        "never": 0,
    }
    assert reasons.loc["once", "reason"].startswith("0 quotes")
    assert reasons.loc["late", "first"] == MIXED.grid[5]


def test_a_listing_of_the_first_hour_is_a_listing() -> None:
    panel = sa.Panel.from_frame(
        pd.DataFrame(
            {"a": range(1, 9), "b": [None, None, *range(3, 9)]},
            index=pd.date_range("2018", periods=8, freq="5min"),
        )
    )
    kept, reasons = sa.select_assets(panel, drop_first=3)
    assert kept.price["b"].dropna().tolist() == [6.0, 7.0, 8.0]
    assert kept.price["a"].notna().all()
    assert not reasons.loc["b", "late"]


def test_dropping_takes_all_fields_and_rows_that_become_empty() -> None:
    index = pd.date_range("2018-01-25", periods=5, freq="D")
    prices = pd.DataFrame(
        {"a": [1.0, None, 3.0, 4.0, 5.0], "b": [None, 2.0, 3.0, 4.0, 5.0]}, index=index
    )
    panel = sa.Panel.from_frame(prices, volume=prices * 10)
    kept, _ = sa.select_assets(panel, drop_first=1)
    assert kept.grid.equals(index)
    assert kept.times.tolist() == index[[0, 2, 3, 4]].tolist()
    assert kept.field("volume")["b"].iloc[1:3].isna().tolist() == [True, False]
    filled, _ = sa.select_assets(sa.impute(panel, "lvcf"), drop_first=1)
    assert not filled.observed["b"].iloc[1]


def test_nothing_asked_nothing_changed() -> None:
    panel = make_panel(times=600)
    assert sa.select_assets(panel).panel is panel
    assert sa.select_assets(panel, drop_first=3).reasons["dropped"].sum() in (0, 3)


def test_staleness_matches_pandas() -> None:
    panel = example_market(times=300)
    rounded = sa.Panel.from_frame(panel.price.round(1).where(panel.price > 0.1))
    reasons = sa.select_assets(rounded).reasons
    for asset in rounded.assets:
        quotes = rounded.price[asset].dropna()
        expected = 100 * (quotes.diff().iloc[1:] == 0).mean() if len(quotes) > 1 else 0.0
        assert reasons.loc[asset, "stale"] == pytest.approx(expected)


def test_an_asset_that_is_not_listed_yet_cannot_be_bought_and_one_that_ended_keeps_its_price() -> (
    None
):
    rules = sa.TradingRules(fee=0.0).without_limits()
    wanted = pd.DataFrame(0.5, index=MIXED.grid, columns=["late", "ended"])
    replay = sa.replay(MIXED, wanted, rules)
    assert (replay.weights["late"].iloc[:3] == 0.0).all()
    assert replay.weights["late"].iloc[3] > 0.0
    assert (replay.weights["ended"].iloc[3:] > 0.0).all()


def test_bad_arguments() -> None:
    for name, value in (
        ("min_coverage", 1.5),
        ("min_history", 0),
        ("max_stale", -0.1),
        ("drop_first", -1),
    ):
        with pytest.raises(sa.ParameterError, match=name):
            sa.select_assets(MIXED, **{name: value})
    with pytest.raises(sa.DataError, match="no asset is left of 6"):
        sa.select_assets(MIXED, min_history=100)
    alone = panel_of(a=[1, None, None, None, None, 2.0])
    with pytest.raises(sa.DataError, match="no asset is left"):
        sa.select_assets(alone.between(alone.grid[1]), min_history=1, drop_first=5)


def test_the_real_coins_all_stay(real_panel: sa.Panel) -> None:
    kept, reasons = sa.select_assets(real_panel, min_coverage=0.9, drop_first=12)
    assert len(kept.assets) == 20
    assert not reasons[["late", "ended"]].any(axis=None)
    assert np.isfinite(reasons["stale"]).all()


def test_a_table_of_prices_is_no_panel() -> None:
    prices = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.date_range("2020", periods=2))
    calls = (
        lambda: sa.select_assets(prices),  # type: ignore[arg-type]
        lambda: sa.quality_report(prices),  # type: ignore[arg-type]
        lambda: sa.impute(prices, "lvcf"),  # type: ignore[arg-type]
        lambda: sa.walk_forward(sa.investors.Cash(), prices),  # type: ignore[arg-type]
        lambda: sa.league(["cash"], prices),  # type: ignore[arg-type]
    )
    for call in calls:
        with pytest.raises(
            sa.ParameterError,
            match=r"panel must be a Panel, got DataFrame; make one with Panel.from_frame",
        ):
            call()
