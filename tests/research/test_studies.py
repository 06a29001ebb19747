"""The studies of level 2 run on a tiny market; what they say is what their tables show."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.forecasting.linear import ReducedRankRidge
from statarb.investors import LeadLag

RESEARCH = Path(__file__).resolve().parents[2] / "research"
STUDIES = (
    "g_versus_return",
    "horizon",
    "window",
    "fee_sensitivity",
    "universe_size",
    "execution_delay",
    "events",
)
NUMBER = re.compile(r"(?<![\w.,])[+-]?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")


@pytest.fixture(scope="module")
def load():
    """Import a script of research/ by name, as if run from there; the modules are forgotten
    afterwards.
    """
    sys.path.insert(0, str(RESEARCH))
    yield importlib.import_module
    sys.path.remove(str(RESEARCH))
    for name in ("_studies", *STUDIES):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def outcomes(load, tmp_path_factory):
    """Every study, run once."""
    folder = tmp_path_factory.mktemp("studies")
    settings = [
        "--market",
        "synthetic",
        "--assets",
        "6",
        "--days",
        "8.6",
        "--quick",
        "--draws",
        "60",
        "--out",
        str(folder),
    ]
    return folder, {
        name: load("_studies").run_study(load(name).study, load(name).__doc__, settings)
        for name in STUDIES
    }


@pytest.mark.parametrize("name", STUDIES)
def test_the_sentence_says_what_the_tables_show(outcomes, name):
    _, found = outcomes
    outcome = found[name]
    shown = set()
    for table in outcome.tables.values():
        for text in [*table.columns, *table.astype(str).to_numpy().ravel()]:
            shown.update(NUMBER.findall(text))
    said = NUMBER.findall(outcome.finding)
    assert said
    assert set(said) <= shown | {"0", "1", "95"}, (
        "the lags and the level of the intervals stand in headings"
    )
    assert outcome.finding.endswith(".")
    assert "nan" not in outcome.text().lower()


@pytest.mark.parametrize("name", STUDIES)
def test_figure_and_tables_are_kept(outcomes, name):
    folder, found = outcomes
    picture = (folder / f"{name}_synthetic.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    kept = pd.read_csv(folder / f"{name}_synthetic.csv", dtype=str)
    first = next(iter(found[name].tables.values()))
    assert kept.equals(first.astype(str).reset_index(drop=True))


@pytest.mark.parametrize("name", STUDIES)
def test_no_figure_at_lag_0_is_shown_without_that_at_lag_1(outcomes, name):
    _, found = outcomes
    first = next(iter(found[name].tables.values()))
    if name == "execution_delay":
        assert first["delay"].tolist() == [0, 1, 4]
        return
    at_0 = {
        column.removesuffix(", lag 0") for column in first.columns if column.endswith(", lag 0")
    }
    assert at_0 == {
        column.removesuffix(", lag 1") for column in first.columns if column.endswith(", lag 1")
    }
    assert {"return", "G", "95 % of G"} <= at_0
    assert (first != "").all().all()


@pytest.mark.parametrize(
    "name", ["horizon", "window", "fee_sensitivity", "universe_size", "events"]
)
def test_the_figure_draws_the_numbers_of_the_table(outcomes, name):
    _, found = outcomes
    outcome = found[name]
    table = next(iter(outcome.tables.values()))
    for axes, lag in zip(outcome.figure.axes, (1, 0), strict=True):
        drawn = {
            line.get_label(): line.get_ydata()
            for line in axes.lines
            if not line.get_label().startswith("_")
        }
        for investor, rows in table.groupby("investor"):
            text = [
                f"{value + 0.0:,.0f}" if abs(value) >= 0.5 else "0" for value in drawn[investor]
            ]
            assert text == rows[f"G, lag {lag}"].tolist()


def test_recalled_forecasts_trade_like_the_investor_that_makes_them(load):
    shared = load("_studies")
    panel = sa.simulate_market(assets=6, days=8.6, seed=3)
    forecasts = shared.Forecasts(panel)
    for lag in (0, 1):
        fresh = sa.walk_forward(
            LeadLag(forecaster=ReducedRankRidge()), panel, start=shared.START, decision_lag=lag
        ).replay.value
        again = sa.walk_forward(
            shared.Recalled(forecasts=forecasts.over(1)),
            panel,
            start=shared.START,
            decision_lag=lag,
        ).replay.value
        np.testing.assert_allclose(again, fresh, rtol=1e-12)
        assert (fresh != fresh.iloc[0]).any()


def test_scores_are_those_of_the_replay(load):
    shared = load("_studies")
    panel = sa.simulate_market(assets=3, days=8.6, seed=3)
    runs = {
        lag: sa.walk_forward(
            sa.investors.make_investor("equal_weight_hold"), panel, decision_lag=lag
        )
        for lag in (0, 1)
    }
    scores = shared.scored(
        {(1, "equal", lag): run.replay.value for lag, run in runs.items()}, 50, 0
    ).set_index("lag")
    for lag, run in runs.items():
        assert scores.loc[lag, "G"] == run.replay.score().G
        assert scores.loc[lag, "low"] <= scores.loc[lag, "high"]


def test_absent_quotes_are_named(load, tmp_path, monkeypatch):
    monkeypatch.setenv("STATARB_CASE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="STATARB_CASE_DATA"):
        load("_studies").load("real", 0, 0.0, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--market", "nothing.parquet"], "no such file: nothing.parquet"),
        (["--market", "synthetic", "--assets", "0"], "assets must be an integer at least 1"),
        (
            ["--market", "synthetic", "--assets", "3", "--days", "2"],
            "no time of the panel lies from 2018-01-25 on",
        ),
        (["--market", "synthetic", "--draws", "0"], "--draws must be an integer at least 1, got 0"),
        (["--market", "synthetic", "--out", "taken"], "cannot make the folder taken"),
    ],
)
def test_bad_words_are_one_line_and_exit_code_2(load, tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    with pytest.raises(SystemExit) as stopped:
        load("_studies").run_study(load("window").study, "", ["--quick", *words])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_a_calendar_is_collected_just_before_it_pays(load):
    events = load("events")
    panel = sa.simulate_market(assets=4, days=8.6, seed=3)
    calendar = events.planted(panel, 0.05, seed=1)
    assert sorted(calendar["asset"].tolist()) == sorted([*panel.assets, *panel.assets])
    assert calendar["time"].is_monotonic_increasing
    price = panel.price
    for row in calendar.itertuples():
        known = price[row.asset].loc[: row.time - pd.Timedelta(days=1)].ffill()
        assert row.benefit == pytest.approx(0.05 * known.iloc[-1], rel=1e-12)
    run = sa.walk_forward(events.Collector(calendar), panel)
    before, after = (
        run.replay,
        sa.replay(panel, run.targets, events=calendar, start=run.replay.value.index[0]),
    )
    held = before.weights[list(panel.assets)].gt(0.0)
    for row in calendar.itertuples():
        place = held.index.get_loc(row.time)
        assert held[row.asset].iloc[place - 1], "held when it comes"
        others = calendar.loc[calendar["asset"] == row.asset, "time"]
        if not ((others > row.time) & (others <= row.time + 3 * panel.step)).any():
            assert run.targets.at[row.time, row.asset] == 0.0, "and to be sold then"
    assert after.final_value > before.final_value
    small = events.planted(panel, 0.002, seed=1)  # less than the fees of a purchase and a sale
    assert len(sa.walk_forward(events.Collector(small), panel).replay.orders) == 0
