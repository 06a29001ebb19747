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
from statarb.forecasting.linear import FactorRidge
from statarb.investors import LeadLag

RESEARCH = Path(__file__).resolve().parents[2] / "research"
STUDIES = ("g_versus_return", "horizon", "window", "fee_sensitivity", "universe_size", "execution_delay")
NUMBER = re.compile(r"(?<![\w.,])[+-]?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")


@pytest.fixture(scope="module")
def load():
    """Import a script of research/ by name, as if run from there; the modules are forgotten afterwards."""
    sys.path.insert(0, str(RESEARCH))
    yield importlib.import_module
    sys.path.remove(str(RESEARCH))
    for name in ("_studies", *STUDIES):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def outcomes(load, tmp_path_factory):
    """Every study, run once."""
    folder = tmp_path_factory.mktemp("studies")
    settings = ["--market", "synthetic", "--coins", "6", "--days", "8.6", "--quick", "--draws", "60", "--out", str(folder)]
    return folder, {name: load("_studies").run_study(load(name).study, load(name).__doc__, settings) for name in STUDIES}


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
    assert set(said) <= shown | {"0", "1", "95"}, "the lags and the level of the intervals stand in headings"
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
def test_no_figure_at_lag_0_stands_without_its_twin(outcomes, name):
    _, found = outcomes
    first = next(iter(found[name].tables.values()))
    if name == "execution_delay":
        assert first["delay"].tolist() == [0, 1, 4]
        return
    at_0 = {column.removesuffix(", lag 0") for column in first.columns if column.endswith(", lag 0")}
    assert at_0 == {column.removesuffix(", lag 1") for column in first.columns if column.endswith(", lag 1")}
    assert {"return", "G", "95 % of G"} <= at_0
    assert (first != "").all().all()


@pytest.mark.parametrize("name", ["horizon", "window", "fee_sensitivity", "universe_size"])
def test_the_figure_draws_the_numbers_of_the_table(outcomes, name):
    _, found = outcomes
    outcome = found[name]
    table = next(iter(outcome.tables.values()))
    for axes, lag in zip(outcome.figure.axes, (1, 0), strict=True):
        drawn = {line.get_label(): line.get_ydata() for line in axes.lines if not line.get_label().startswith("_")}
        for investor, rows in table.groupby("investor"):
            text = [f"{value + 0.0:,.0f}" if abs(value) >= 0.5 else "0" for value in drawn[investor]]
            assert text == rows[f"G, lag {lag}"].tolist()


def test_recalled_forecasts_trade_like_the_investor_that_makes_them(load):
    shared = load("_studies")
    panel = sa.simulate_market(coins=6, days=8.6, seed=3)
    forecasts = shared.Forecasts(panel)
    for lag in (0, 1):
        fresh = sa.walk_forward(LeadLag(forecaster=FactorRidge()), panel, decision_lag=lag).replay.value
        again = sa.walk_forward(shared.Recalled(forecasts=forecasts.over(1)), panel, decision_lag=lag).replay.value
        np.testing.assert_allclose(again, fresh, rtol=1e-12)
        assert (fresh != fresh.iloc[0]).any()


def test_scores_are_those_of_the_replay(load):
    shared = load("_studies")
    panel = sa.simulate_market(coins=3, days=8.6, seed=3)
    runs = {lag: sa.walk_forward(sa.investors.make_investor("equal_weight"), panel, decision_lag=lag) for lag in (0, 1)}
    scores = shared.scored({(1, "equal", lag): run.replay.value for lag, run in runs.items()}, 50, 0).set_index("lag")
    for lag, run in runs.items():
        assert scores.loc[lag, "G"] == run.replay.score().G
        assert scores.loc[lag, "low"] <= scores.loc[lag, "high"]


def test_absent_quotes_are_named(load, tmp_path, monkeypatch):
    monkeypatch.setenv("STATARB_CASE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="STATARB_CASE_DATA"):
        load("_studies").load("real", 0, 0.0, 0)
