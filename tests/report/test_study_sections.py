"""Sections of market studies, sources, certificates and runs: with their files and without."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.pipelines.market import write_market
from statarb.report import formats, read_results, write_report
from statarb.results.league_files import write_league
from statarb.results.run_files import write_run
from statarb.walk.league import run_league
from tests.report.conftest import ODD, WALK
from tests.report.test_page import Page, page_of

STUDY = ["Market", "Volatility", "Pairs"]


@pytest.fixture(scope="module")
def market_page(made):
    return page_of(made / "market")


def test_the_market_is_that_of_the_files(made, market_page):
    assert market_page.words["h2"][:3] == STUDY
    assert market_page.words["h1"] == ["Report: the market"]
    times = pd.read_parquet(made / "market" / "overview.parquet")
    rows = {row[0][0]: row[1] for row in market_page.tables["The market"][1:]}
    assert float(rows["assets quoted, mean"][1]) == times["quoted"].mean()
    total = times["index"].iloc[-1] / times["index"].iloc[0] - 1.0
    assert rows["equal-weight index"][0] == formats.signed_percent(total)
    matrix = pd.read_parquet(made / "market" / "correlation.parquet").set_index("asset")
    pairs = matrix.to_numpy()[np.triu_indices(5, 1)]
    assert float(rows["mean correlation"][1]) == pytest.approx(pairs.mean(), rel=1e-12)
    assert any("all 5 assets" in words for words in market_page.words["p"])


def test_coverage_is_that_of_the_file(made, market_page):
    table = pd.read_parquet(made / "market" / "value_at_risk.parquet")
    title = "Coverage of the values at risk"
    for heading, key in (("share", "rate"), ("p, conditional", "conditional")):
        full = [float(full) for _, full in market_page.column(title, heading)]
        assert full == table[key].tolist()
    assert len(table) == 10


def test_pairs_are_those_that_survive(made, market_page):
    scan = pd.read_parquet(made / "market" / "pairs.parquet")
    found = scan[(scan["pvalue_adjusted"] <= 0.05) & (scan["half_life"] >= 6.0)]
    shown = [name for name, _ in market_page.column("Pairs of the last sample", "pair (y / x)")]
    assert len(shown) == len({frozenset(p) for p in zip(found["y"], found["x"], strict=True)})
    assert set(shown[0].split(" / ")) == {"A", "B"}
    half_life = market_page.column("Pairs of the last sample", "half-life, steps")[0]
    assert float(half_life[1]) == found["half_life"].iloc[0]
    persistence = pd.read_parquet(made / "market" / "pair_persistence.parquet")
    counts = market_page.column("Persistence of the pairs", "found")
    assert [int(cell) for cell, _ in counts] == persistence["found"].tolist()
    assert any(words.startswith("Spread of ") for words in market_page.words["figcaption"])


@pytest.mark.parametrize(
    ("gone", "figures"),
    [
        (["overview.parquet", "correlation.parquet"], 2),
        (["correlation.parquet"], 1),
        (["volatility.parquet", "value_at_risk.parquet"], 2),
        (["pairs.parquet", "pair_persistence.parquet", "spreads.parquet"], 4),
    ],
)
def test_a_part_without_its_files_has_no_figures(made, copy, gone, figures):
    whole = (made / "market" / "pairs.parquet").exists()
    assert whole
    folder = copy("market")
    before = len(page_of(folder).words["figcaption"])
    for name in gone:
        (folder / name).unlink()
    page = page_of(folder)
    assert before - len(page.words["figcaption"]) == figures
    if gone == ["correlation.parquet"]:
        assert "Fewer than two assets move, so there is no correlation." in page.words["p"]


def test_a_run_without_a_study_has_no_sections_of_a_market(made):
    page = page_of(made / "lag1")
    assert not set(STUDY) & set(page.words["h2"])
    assert not any("promised" in caption for caption in page.words["figcaption"])


def test_one_asset_is_said_in_sentences(tmp_path):
    times = pd.date_range("2020-01-01", periods=200, freq="h")
    moves = np.random.default_rng(0).normal(0.0, 0.01, 200)
    prices = pd.DataFrame({"only": np.exp(moves.cumsum())}, index=times)
    page = page_of(write_market(sa.Panel.from_frame(prices), tmp_path))
    said = page.words["p"]
    assert "Fewer than two assets move, so there is no correlation." in said
    assert "Left out: a pair needs two assets, the market has 1." in said
    assert len(page.words["figcaption"]) == 3  # overview, volatility, coverage
    about = json.loads((tmp_path / "market_study.json").read_text())
    assert about["left_out"] == {"pairs": "a pair needs two assets, the market has 1"}


def test_where_no_pair_survives_a_sentence_says_so(tmp_path):
    times = pd.date_range("2020-01-01", periods=400, freq="h")
    moves = np.random.default_rng(5).normal(0.0, 0.01, (400, 4))
    prices = pd.DataFrame(np.exp(moves.cumsum(axis=0)), index=times, columns=list("abcd"))
    page = page_of(write_market(sa.Panel.from_frame(prices), tmp_path))
    assert any(
        words.startswith("No pair of the last sample has a p up to 0.05 after the adjustment")
        for words in page.words["p"]
    )
    assert "No sample shows a pair that could be found again." in page.words["p"]


def test_a_study_replaces_the_one_before(paired, tmp_path):
    write_market(paired, tmp_path)
    assert (tmp_path / "spreads.parquet").is_file()
    write_market(paired.select(["C"]), tmp_path)
    assert not (tmp_path / "spreads.parquet").exists()
    assert read_results(tmp_path).markets[0].pairs is None


def test_a_study_is_the_same_whatever_the_number_of_threads(paired, tmp_path):
    one, two = (write_market(paired, tmp_path / str(jobs), n_jobs=jobs) for jobs in (1, 2))
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_a_file_of_another_study_is_named(copy):
    folder = copy("market")
    table = pd.read_parquet(folder / "pairs.parquet")
    table.head(3).to_parquet(folder / "pairs.parquet", index=False)
    with pytest.raises(sa.DataError, match=re.escape("pairs.parquet is not the file")):
        write_report(folder)


# -- sources and certificates ----------------------------------------------------------------------


def frames(times):
    count = len(times)
    sources = pd.DataFrame(
        {
            "time": times,
            "source": "pairs",
            "horizon": 12,
            "shrinkage": np.where(np.arange(count) % 4, 0.0, 0.5),
            "promised": 0.01,
            "delivered": np.where(np.arange(count) < count - 12, 0.002, np.nan),
            "reason": np.where(np.arange(count) < 5, "no forecast", ""),
        }
    )
    certificates = pd.DataFrame(
        {"time": times, "gap": 1e-11, "status": "optimal", "seconds": 0.002}
    )
    certificates.loc[3, ["gap", "status"]] = [1e-5, "fallback"]
    return sources, certificates


def test_sources_and_certificates_are_sections_where_their_files_are(runs, panel, tmp_path):
    sources, certificates = frames(runs[1].replay.times)
    write_run(runs[1], tmp_path, panel, sources=sources, certificates=certificates)
    record = read_results(tmp_path).records[0]
    for read, written in ((record.sources, sources), (record.certificates, certificates)):
        pd.testing.assert_frame_equal(
            read.drop(columns="time"), written.drop(columns="time"), check_dtype=False
        )
        np.testing.assert_array_equal(
            read["time"].to_numpy("M8[us]"), written["time"].to_numpy("M8[us]")
        )
    page = page_of(tmp_path)
    name = f"{ODD}, lag 1"
    assert page.words["h2"][2:5] == [f"Run: {name}", f"Sources of {name}", f"Optimizer of {name}"]
    row = page.tables["Promised and delivered"][1]
    assert [cell for cell, _ in row] == [
        *("pairs", "12", str(len(sources)), "+1.000 %", "+0.200 %", "25.2 %")
    ]
    idle = page.tables[f"Why nothing was traded, of {len(sources)} decisions"]
    assert [[cell for cell, _ in row] for row in idle[1:]] == [["no forecast", "5"]]
    title = "Certificates by status"
    assert [cell for cell, _ in page.column(title, "answers")] == ["1", str(len(sources) - 1)]
    assert [cell for cell, _ in page.column(title, "largest gap")] == ["1.0e-05", "1.0e-11"]


def test_sources_that_delivered_nothing_yet_are_a_sentence(runs, panel, tmp_path):
    sources, certificates = frames(runs[1].replay.times)
    sources["delivered"] = np.nan
    write_run(runs[1], tmp_path, panel, sources=sources, certificates=certificates.head(0))
    page = page_of(tmp_path)
    assert "What the sources delivered is not known yet." in page.words["p"]
    assert "The optimizer was never asked." in page.words["p"]
    assert "Promised and delivered" in page.tables
    # and are gone with the run that had them
    write_run(runs[1], tmp_path, panel)
    assert read_results(tmp_path).records[0].sources is None
    assert not any(words.startswith("Sources of") for words in page_of(tmp_path).words["h2"])


def test_tables_without_a_column_are_refused(runs, panel, tmp_path):
    sources, certificates = frames(runs[1].replay.times)
    with pytest.raises(sa.DataError, match="sources has no column promised; it must have time"):
        write_run(runs[1], tmp_path, panel, sources=sources.drop(columns="promised"))
    with pytest.raises(sa.DataError, match="certificates has no column gap"):
        write_run(runs[1], tmp_path, panel, certificates=certificates.drop(columns="gap"))
    assert list(tmp_path.iterdir()) == []


# -- the run ---------------------------------------------------------------------------------------


def test_the_run_stands_beside_cash_and_its_counterpart(made, league):
    page = page_of(made / "run")
    best = league.best_traded(1)
    assert f"Run: {best.investor}, lag 1" in page.words["h2"]
    assert "The best investor by G of those that traded at decision lag 1." in page.words["p"]
    title = "Beside cash and another lag"
    runs = [cell for cell, _ in page.column(title, "run")]
    assert sorted(runs[1:]) == sorted([f"{best.investor}, lag 0", "cash, lag 1"])
    table = league.table.set_index(["investor", "decision_lag"])
    for heading, key in (
        *(("return", "total_return"), ("G", "G"), ("largest drawdown", "maximum_drawdown")),
        *(("orders", "orders"), ("fees, USD", "fees_paid")),
    ):
        full = [float(full) for _, full in page.column(title, heading)]
        keys = [tuple(run.rsplit(", lag ", 1)) for run in runs]
        assert full == [table.loc[(name, int(lag)), key] for name, lag in keys]
    caption = next(words for words in page.words["figcaption"] if words.startswith("Value before"))
    assert "beside cash and the same investor at another lag" in caption


class Shy:
    """Never trades, and says why."""

    name = "shy"

    def __init__(self):
        self.reasons = {}

    def decide(self, window, holdings):
        why = "no forecast covers its costs"
        self.reasons[why] = self.reasons.get(why, 0) + 1


@pytest.fixture(scope="module")
def idle(panel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("idle")
    result = run_league(["cash", Shy()], panel, draws=0, **WALK)
    assert result.best_traded(1) is None
    write_league(result, folder, panel)
    write_run(result.best(1), folder, panel)
    return folder


def test_where_nobody_traded_a_sentence_gives_the_reasons(idle):
    page = page_of(idle)
    steps = formats.count(json.loads((idle / "metrics.json").read_text())["steps"])
    said = (
        "No investor executed an order at decision lag 1, so no run is drawn. Why, by investor: "
        f"shy: no forecast covers its costs ({steps} decisions)."
    )
    assert said in page.words["p"]
    assert [words for words in page.words["h2"] if words.startswith("Run")] == ["Run"]
    text = (idle / "report.html").read_text(encoding="utf-8")
    assert 'id="run1' not in text


def test_a_single_run_that_never_traded_is_a_sentence(panel, tmp_path):
    run = sa.walk_forward(Shy(), panel, **WALK)
    page = Page(write_report(write_run(run, tmp_path, panel)).read_text(encoding="utf-8"))
    text = next(words for words in page.words["p"] if words.startswith("shy, lag 1 executed no"))
    assert "no forecast covers its costs (" in text
    assert page.words["figcaption"] == []
