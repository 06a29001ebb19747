"""The report: what it shows equals the files, it is the same every time, and it says what is
missing, broken or unearned.
"""

from __future__ import annotations

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from scipy import stats

import statarb as sa
from statarb._core.time import step_text
from statarb.pipelines.market import write_market
from statarb.report import formats, read_results, write_report
from statarb.report.headline import missing_counterparts
from statarb.report.sections import league_section
from statarb.report.style import drawing
from statarb.results.league_files import write_league
from statarb.results.run_files import write_run
from statarb.walk.league import run_league

VOID = {"meta", "br", "img", "link"}


class Page(html.parser.HTMLParser):
    """Tables as lists of (shown, in full), headings, paragraphs, list items; complains about tags
    that do not match.
    """

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.words = (
            [],
            {},
            {"h1": [], "h2": [], "p": [], "li": [], "figcaption": []},
        )
        self.tags = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.rows = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append(["", dict(attributes).get("title", "")])
        elif tag == "caption":
            self.caption = ""
        elif tag in self.words:
            self.words[tag].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self.caption] = self.rows

    def handle_data(self, data):
        if "caption" in self.open:
            self.caption += data
        elif self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1][0] += data
        for tag in self.words:
            if tag in self.open:
                self.words[tag][-1] += data

    def column(self, caption, heading):
        """Cells of one column: (shown, in full)."""
        head, *rows = self.tables[caption]
        place = [cell[0] for cell in head].index(heading)
        return [tuple(row[place]) for row in rows]


def page_of(folder):
    return Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run_text(made):
    return write_report(made / "run").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run_page(run_text):
    return Page(run_text)


FIGURES = {
    "total_return": ("return", formats.signed_percent),
    "G": ("G", formats.ratio),
    "downside": ("downside per step", lambda value: formats.percent(value, 3)),
    "maximum_drawdown": ("largest drawdown", lambda value: formats.percent(value, 1)),
    "final_value": ("final value, USD", formats.money),
    "fees_paid": ("fees, USD", formats.money),
    "turnover": ("turnover, USD", formats.money),
    "orders": ("orders", formats.count),
    "orders_dropped": ("dropped", formats.count),
    "orders_cut": ("cut", formats.count),
    "failures": ("failures", formats.count),
    "utilisation_max_percent": ("U max, %", lambda value: formats.decimals(value, 4)),
}


def test_the_headline_is_the_league(made, run_page):
    table = pd.read_csv(made / "run" / "league.csv")
    title = "Results of the league"
    assert [name for name, _ in run_page.column(title, "investor")] == table["investor"].tolist()
    assert [lag for lag, _ in run_page.column(title, "lag")] == table["decision_lag"].astype(
        str
    ).tolist()
    for key, (heading, write) in FIGURES.items():
        cells = run_page.column(title, heading)
        assert [shown for shown, _ in cells] == [write(value) for value in table[key]], key
        assert [float(full) for _, full in cells] == table[key].tolist(), key
    for heading, key in (("rank by G", "rank_G"), ("rank by return", "rank_return")):
        assert [int(shown) for shown, _ in run_page.column(title, heading)] == table[key].tolist()


def test_every_lag_0_is_below_its_delayed_counterpart(run_page):
    lags = [lag for lag, _ in run_page.column("Results of the league", "lag")]
    names = [name for name, _ in run_page.column("Results of the league", "investor")]
    assert lags == ["1", "0"] * (len(lags) // 2)
    assert names[::2] == names[1::2]
    assert not any("Warning" in words for words in run_page.words["p"])


def test_the_best_run_of_a_league_is_not_listed_twice(run_page):
    assert not any(title.startswith("Results of single runs") for title in run_page.tables)


def test_tau_and_overfitting_are_those_of_the_league(made, run_page):
    table = pd.read_csv(made / "run" / "league.csv")
    about = json.loads((made / "run" / "league.json").read_text())
    title = "Agreement of the two rankings"
    for place, lag in enumerate((1, 0)):
        rows = table[table["decision_lag"] == lag]
        tau = stats.kendalltau(rows["rank_G"], rows["rank_return"]).statistic
        shown, full = run_page.column(title, "Kendall's tau, rank by G and by return")[place]
        assert float(full) == tau == about["kendall_tau"][str(lag)]
        assert shown == formats.decimals(tau)
        chance = about["overfitting"][str(lag)]
        assert run_page.column(title, "probability of backtest overfitting")[place][
            0
        ] == formats.decimals(chance)


def test_what_was_run_is_said(made, run_page, panel):
    facts = {row[0][0]: row[1][0] for row in run_page.tables[""][1:]}
    assert facts["Decision lag"] == "1, 0"
    assert facts["Investor"] == "5 investors"
    assert facts["Decided"] == "2018-01-25 00:00 to 2018-01-26 06:00, 361 steps"
    assert (
        facts["Market"]
        == f"6 assets, {formats.date(panel.grid[0])} to {formats.date(panel.grid[-1])}, every 5 min"
    )
    assert facts["Fee"] == "0.25 % of the turnover"
    assert facts["Start capital"] == "10,000.00 USD"
    assert facts["Order size"] == "0.001 to 0.5 BTC"
    assert facts["Written by"] == f"statarb {sa.__version__}"


def test_a_single_run_is_the_metrics_file(copy):
    folder = copy("lag1", "lag0", "forecast")
    page = page_of(folder)
    metrics = [
        json.loads((folder / name / "metrics.json").read_text()) for name in ("lag1", "lag0")
    ]
    for key, (heading, write) in FIGURES.items():
        cells = page.column("Results", heading)
        assert [shown for shown, _ in cells] == [write(one[key]) for one in metrics], key
        assert [float(full) for _, full in cells] == [one[key] for one in metrics], key
    assert not any("Warning" in words for words in page.words["p"])
    reasons = {
        row[0][0]: int(row[1][0].replace(",", ""))
        for row in page.tables["Orders by what became of them"][1:]
    }
    assert reasons in [one["orders_by_reason"] for one in metrics]
    name = metrics[0]["investor"]
    assert page.words["h2"][2:4] == [f"Run: {name}, lag 1", f"Run: {name}, lag 0"]


def test_captions_and_failures_are_those_of_the_files(copy):
    folder = copy("lag1")
    page = page_of(folder)
    captions = page.words["figcaption"]
    slowest = pd.read_csv(folder / "utilisation.csv")["utilisation_percent"].max()
    assert any(f"the slowest took {slowest:.4f} %" in caption for caption in captions)
    weights = pd.read_csv(folder / "portfolio_sim.csv")
    held = (weights.drop(columns="USD") > 0).sum(axis=1).mean()
    assert any(f"On average {held:,.1f} assets" in caption for caption in captions)
    failures = pd.read_csv(folder / "failures.csv")
    assert len(failures) > 5
    title = next(title for title in page.tables if title.startswith("Failures of"))
    assert f": {len(failures)}" in title
    assert [shown for shown, _ in page.column(title, "what it said")] == failures["message"].head(
        20
    ).tolist()
    assert "<b>no</b>" in failures["message"].iloc[0]
    assert not any(
        words.startswith("Warning.") for words in page.words["p"]
    )  # lag 1 needs no counterpart


def test_failures_of_a_league_are_shown_with_their_reasons(made, run_page):
    counted = pd.read_csv(made / "run" / "league_failures.csv")
    assert len(counted) == 2
    assert [
        int(shown) for shown, _ in run_page.column("Failures in the league", "decisions")
    ] == counted["count"].tolist()
    said = run_page.column("Failures in the league", "what it said then")
    assert [shown for shown, _ in said] == counted["first_message"].tolist()


def test_forecasts_are_the_metric_files(made, copy):
    page = page_of(copy("forecast"))
    metrics = json.loads((made / "forecast" / "metrics.json").read_text())
    names = {
        "in the files": metrics,
        "raw": metrics["raw"],
        "shaped": metrics["shaped"],
        "last value": metrics["last_value"],
    }
    rows = {row[0][0]: row[1:] for row in page.tables["Scores"][1:]}
    assert rows.keys() == names.keys()
    for name, part in names.items():
        assert [float(full) for _, full in rows[name]] == [
            part[key] for key in ("Z", "M", "D", "R", "U")
        ]
    by_asset = page.tables["Scores by asset and day"]
    assert [cell[0] for cell in by_asset[0]] == [
        "asset", "M, % 2018-01-24", "M, % 2018-01-25", "D, % 2018-01-24", "D, % 2018-01-25", "R",
    ]  # fmt: skip
    parts = [
        pd.read_csv(made / "forecast" / f"metrics_{name}.csv", index_col=0)
        for name in ("MAPE", "DS", "R")
    ]
    shown = np.array([[float(full) for _, full in row[1:]] for row in by_asset[1:]])
    np.testing.assert_array_equal(shown, np.hstack([part.to_numpy() for part in parts]))


@pytest.mark.parametrize("name", ["run", "forecast", "market"])
def test_the_same_results_give_the_same_bytes(made, tmp_path, name):
    first = write_report(made / name, tmp_path / "first.html").read_bytes()
    shutil.copytree(made / name, tmp_path / "another place" / name)
    pyplot.rcParams["font.size"] = 23  # what a user has set does not matter
    try:
        assert (
            write_report(tmp_path / "another place" / name, tmp_path / "second.html").read_bytes()
            == first
        )
    finally:
        pyplot.rcdefaults()


def test_the_bytes_do_not_depend_on_the_process(made, tmp_path, run_text):
    code = "import sys, statarb as sa; sa.write_report(sys.argv[1], sys.argv[2])"
    out = tmp_path / "page.html"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run(
        [sys.executable, "-c", code, str(made / "run"), str(out)], check=True, env=environment
    )
    assert out.read_text(encoding="utf-8") == run_text


def test_the_page_is_self_contained(run_text):
    text = run_text
    assert not Page(text).tags & {"script", "link", "img", "iframe"}
    assert not re.search(r"(?:src|href)=\"(?!#)", text)
    assert "@import" not in text
    assert "url(" not in text.replace("url(#", "")
    drawn = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(drawn) == 15
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    for one in drawn:
        ET.fromstring(one)
        assert 'aria-label="' in one
    assert 'name="viewport"' in text


def test_names_reach_the_page_as_text(run_text):
    text = run_text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#39;$1$&#39;)&lt;/script&gt; &amp; &#34;mine&#34;" in text
    assert "<b>no</b>" not in text


# -- lag 0 -----------------------------------------------------------------------------------------


def test_lag_0_without_its_counterpart_is_a_plain_warning(copy):
    page = page_of(copy("lag0"))
    warnings = [words for words in page.words["p"] if words.startswith("Warning.")]
    assert len(warnings) == 1
    assert (
        "at decision lag 0 has no delayed counterpart: the same run at lag 1 is missing"
        in warnings[0]
    )
    rows = page.tables["Results"]
    assert rows[2][1][0] == "1"
    assert rows[2][2][0] == "not run: the delayed counterpart of the row above"


@pytest.mark.parametrize(
    ("file", "change"),
    [("metrics.json", {"end": "2018-01-26"}), ("run.json", {"rules": {"fee": 0.0}})],
)
def test_a_run_under_other_conditions_is_no_counterpart(unsealed, file, change):
    folder = unsealed("lag0", "lag1")
    assert missing_counterparts(read_results(folder)) == []
    path = folder / "lag1" / file
    content = json.loads(path.read_text())
    if "rules" in change:
        change = {"rules": {**content["rules"], **change["rules"]}}
    path.write_text(json.dumps({**content, **change}))
    assert len(missing_counterparts(read_results(folder))) == 1


def test_a_league_at_lag_0_alone_warns_for_each_investor(copy):
    folder = copy("run")
    table = pd.read_csv(folder / "league.csv")
    for path in folder.iterdir():
        path.unlink()
    table[table["decision_lag"] == 0].to_csv(folder / "league.csv", index=False)
    page = page_of(folder)
    assert sum(words.startswith("Warning.") for words in page.words["p"]) == 5
    assert sum(row[1][0] == "1" for row in page.tables["Results of the league"][1:]) == 5


# -- what is missing -------------------------------------------------------------------------------

GONE = {
    "portfolio_sim.csv": "weights: there is no portfolio_sim.csv",
    "value.parquet": "value, drawdown, turnover and fees: there is no value.parquet",
    "orders.parquet": "orders against their limits: there is no orders.parquet",
    "limits.parquet": "the limits of the orders: there is no limits.parquet",
    "utilisation.csv": "the time that each decision took: there is no utilisation.csv",
    "failures.csv": "failures with their reasons: there is no failures.csv",
    "run.json": "rules and market of the run: there is no run.json",
    "metrics.json": "orders, failures and decision lag of the run: there is no metrics.json; the "
    "other figures were computed from value.parquet",
}


@pytest.mark.parametrize("name", GONE)
def test_a_missing_file_is_noted(copy, name):
    folder = copy("lag1")
    assert not set(read_results(folder).missing) & set(GONE.values())
    (folder / name).unlink()
    assert set(read_results(folder).missing) & set(GONE.values()) == {GONE[name]}


def test_what_is_missing_is_left_out_of_the_page_and_said_so(copy):
    folder = copy("lag1")
    for name in ("value.parquet", "orders.parquet", "utilisation.csv"):
        (folder / name).unlink()
    page = page_of(folder)
    assert {GONE[name] for name in ("value.parquet", "orders.parquet", "utilisation.csv")} <= set(
        page.words["li"]
    )
    assert "the league of investors: there is no league.csv" in page.words["li"]
    assert [words.split(":")[0] for words in page.words["figcaption"]] == [
        "Realised weights after trading"
    ]
    assert "Results" in page.tables


@pytest.mark.parametrize(
    "name",
    [
        "portfolio_sim.csv",
        "value.parquet",
        "orders.parquet",
        "utilisation.csv",
        "run.json",
        "metrics.json",
        "league.csv",
        "metrics_DS.csv",
    ],
)
def test_one_file_alone_is_enough_for_a_report(made, tmp_path, name):
    source = {"league.csv": "run", "metrics_DS.csv": "forecast"}.get(name, "lag1")
    shutil.copy(made / source / name, tmp_path / name)
    page = page_of(tmp_path)
    assert page.words["li"]
    assert page.words["h1"][0].startswith("Report: ")


@pytest.mark.parametrize("name", ["league_values.parquet", "league_failures.csv", "league.json"])
def test_a_league_without_one_of_its_further_files(copy, name):
    folder = copy("run")
    (folder / name).unlink()
    results = read_results(folder)
    assert any(line.endswith(f"there is no {name}") for line in results.missing)
    with drawing():
        section = league_section(results.leagues[0], 1)
    assert len(section.figures) == (4 if name == "league_values.parquet" else 8)


def test_figures_that_are_not_there_are_computed_from_the_value(copy):
    folder = copy("lag1")
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").unlink()
    computed = read_results(folder).records[0].metrics
    for key in (
        "total_return",
        "G",
        "downside",
        "maximum_drawdown",
        "final_value",
        "fees_paid",
        "turnover",
        "exposure",
    ):
        assert computed[key] == pytest.approx(metrics[key], rel=1e-12)
    assert "decision_lag" not in computed


def test_many_runs_are_listed_and_a_few_are_drawn(made, tmp_path):
    for number in range(7):
        (tmp_path / f"run{number}").mkdir()
        for name in ("metrics.json", "portfolio_sim.csv"):
            shutil.copy(made / "lag1" / name, tmp_path / f"run{number}" / name)
        path = tmp_path / f"run{number}" / "metrics.json"
        path.write_text(
            json.dumps(
                {**json.loads(path.read_text()), "investor": f"number {number}", "G": number}
            )
        )
    page = page_of(tmp_path)
    assert len(page.tables["Results"]) == 8
    assert [words for words in page.words["h2"] if words.startswith("Run:")] == [
        f"Run: number {number}, lag 1" for number in (6, 5, 4, 3)
    ]
    assert any(
        line.startswith("the figures of 3 further runs") and "number 0, lag 1" in line
        for line in page.words["li"]
    )


def test_runs_of_the_same_name_are_told_apart_by_their_folders(made, tmp_path):
    for name in ("first", "second"):
        shutil.copytree(made / "lag1", tmp_path / name)
    labels = [record.label for record in read_results(tmp_path).records]
    assert labels[0].endswith("lag 1 (first/)")
    assert labels[1].endswith("lag 1 (second/)")


# -- what is broken --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", b"{"),
        ("metrics.json", b"[1]"),
        ("metrics.json", b'{"x": 1}'),
        ("metrics.json", b'{"G": 1, "decision_lag": "one"}'),
        ("metrics.json", b'{"G": 1, "orders_by_reason": 3}'),
        ("run.json", b'{"rules": {"fee": 1}}'),
        ("run.json", b'{"market": {}}'),
        ("run.json", b'{"symbols": 1}'),
        ("run.json", b'{"rules": 1}'),
        ("run.json", b"\xff\xfe"),
        ("value.parquet", b"PAR1 not really"),
        ("orders.parquet", b"PAR1 not really"),
        ("limits.parquet", b""),
        ("portfolio_sim.csv", b"1,USD\n0.4,0.5\n"),
        ("portfolio_sim.csv", b""),
        ("portfolio_sim.csv", b"1,USD\n0.5,0.5\n"),
        ("utilisation.csv", b"time,utilisation_percent\nsoon,0.1\n"),
        ("utilisation.csv", b"time\n2018-01-25\n"),
        ("failures.csv", b"time,reason\n"),
        ("failures.csv", b""),
    ],
)
def test_a_broken_file_of_a_run_is_named(unsealed, name, content):
    folder = unsealed("lag1")
    (folder / name).write_bytes(content)
    with pytest.raises(sa.DataError, match=re.escape(name)):
        write_report(folder)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("league.csv", b"investor,G\ncash,0\n"),
        ("league.csv", b"investor,decision_lag,G,total_return,rank_G,rank_return\n"),
        (
            "league.csv",
            b"investor,decision_lag,G,total_return,rank_G,rank_return\ncash,one,0,0,1,1\n",
        ),
        ("league_values.parquet", b"?"),
        ("league_failures.csv", b"a,b\n1,2\n"),
        ("league.json", b"null"),
    ],
)
def test_a_broken_file_of_a_league_is_named(unsealed, name, content):
    folder = unsealed("run")
    (folder / name).write_bytes(content)
    with pytest.raises(sa.DataError, match=re.escape(name)):
        write_report(folder)


@pytest.mark.parametrize(
    "content", [b"coinID,1\n1442,much\n", b"asset,1\n1442,3\n", b"coinID\n1442\n"]
)
def test_a_broken_file_of_forecasts_is_named(unsealed, content):
    folder = unsealed("forecast")
    (folder / "metrics_MAPE.csv").write_bytes(content)
    with pytest.raises(sa.DataError, match=r"metrics_MAPE\.csv"):
        write_report(folder)


DAMAGE = {
    "cut": lambda raw: raw[: len(raw) // 2],
    "empty": lambda raw: b"",
    "blank": lambda raw: b"\n\n\n",
    "zeros": lambda raw: b"\0" * len(raw),
    "another kind": lambda raw: b"PK\x03\x04 not this",
    "header alone": lambda raw: raw.split(b"\n")[0] + b"\n",
    "empty rows": lambda raw: raw + b"," * raw.split(b"\n")[0].count(b",") + b"\n",
    "twice": lambda raw: raw + raw,
    "words": lambda raw: re.sub(rb"\d+\.\d+", b"much", raw),
    "nothing": lambda raw: re.sub(rb"\d+\.\d+", b"", raw),
    "nulls": lambda raw: re.sub(rb"\d+\.\d+", b"null", raw),
    "list": lambda raw: b"[1, 2]",
    "nested": lambda raw: re.sub(rb": (\d|\")", rb": {}, \"x\": \1", raw),
    "minus": lambda raw: re.sub(rb"(?<=[,\n ])(?=\d)", b"-", raw),
}
SETS = {
    "lag1": (*GONE,),
    "run": ("league.csv", "league_values.parquet", "league_failures.csv", "league.json"),
    "forecast": ("metrics_MAPE.csv", "metrics_DS.csv", "metrics_R.csv", "metrics.json"),
    "market": (
        *("overview.parquet", "correlation.parquet", "volatility.parquet"),
        *("value_at_risk.parquet", "pairs.parquet", "pair_persistence.parquet"),
        *("spreads.parquet", "market_study.json"),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    ("place", "name"), [(place, name) for place, names in SETS.items() for name in names]
)
def test_whatever_is_damaged_is_named_or_harmless(unsealed, monkeypatch, place, name, damage):
    """No traceback from inside: a line that names the file, or a page without it."""
    monkeypatch.setattr("statarb.report.section.svg_text", lambda *_: "<svg></svg>")
    folder = unsealed(place)
    path = folder / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    said = ""
    try:
        Page(write_report(folder).read_text(encoding="utf-8"))
    except sa.DataError as error:
        said = str(error)
    assert said == "" or name in said or "portfolio_sim.csv has" in said


def test_a_value_that_is_no_number_is_named(unsealed):
    folder = unsealed("lag1")
    frame = pd.read_parquet(folder / "value.parquet")
    frame.loc[3, "value"] = np.nan
    frame.to_parquet(folder / "value.parquet")
    with pytest.raises(sa.DataError, match=r"value\.parquet: amounts must be numbers"):
        write_report(folder)


def test_nothing_to_report(tmp_path):
    with pytest.raises(sa.DataError, match=r"holds nothing to report: none of .*metrics\.json"):
        write_report(tmp_path)
    with pytest.raises(sa.DataError, match="is not a folder"):
        write_report(tmp_path / "nowhere")


def test_the_page_appears_whole_or_not_at_all(copy, monkeypatch):
    folder = copy("lag1")
    before = write_report(folder).read_bytes()
    monkeypatch.setattr(
        "os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(sa.DataError, match="No space left on device"):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == before
    assert not [path for path in folder.iterdir() if ".tmp-" in path.name]


# -- the house -------------------------------------------------------------------------------------


def test_importing_draws_in_no_plotting_library():
    code = (
        "import sys, statarb as sa; sa.write_report; print([m for m in ('matplotlib', 'jinja2') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_writing_a_report_opens_no_window(made, tmp_path):
    write_report(made / "lag1", tmp_path / "page.html")
    assert pyplot.get_fignums() == []


def test_an_insolvent_run_is_reported(unsealed):
    folder = unsealed("lag1")
    paths = pd.read_parquet(folder / "value.parquet")
    paths.loc[300:, ["value", "cash", "fees", "turnover"]] = 0.0
    paths.to_parquet(folder / "value.parquet")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics |= {"insolvent_at": str(paths["time"].iloc[300]), "total_return": -1.0, "G": "-inf"}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = page_of(folder)
    assert page.column("Results", "investor")[0][0].endswith("(insolvent at 2018-01-26 01:00:00)")
    assert page.column("Results", "G")[0][0] == "\N{MINUS SIGN}\N{INFINITY}"


@pytest.mark.slow
def test_the_page_stays_small_at_full_size(tmp_path):
    panel = sa.simulate_market(assets=1678, days=65.0, seed=0)
    for lag in (1, 0):
        run = sa.walk_forward(sa.investors.make_investor("momentum"), panel, decision_lag=lag)
        write_run(run, tmp_path / f"lag{lag}", panel)
    assert len(run.replay.value) > 15_000
    assert write_report(tmp_path).stat().st_size < 3_000_000


def test_another_market_is_reported_in_its_own_words(tmp_path):
    """Monthly stocks: no USD, no minutes, no U."""
    months = pd.date_range("2015-01-31", periods=48, freq="ME")
    steps = np.random.default_rng(0).normal(0.01, 0.05, (48, 3))
    prices = pd.DataFrame(np.exp(steps.cumsum(axis=0)), index=months, columns=["A", "B", "C"])
    panel = sa.Panel.from_frame(prices)
    free = sa.TradingRules(capital=1_000.0).without_limits()
    league = run_league(["cash", "equal_weight_hold"], panel, free, draws=50, start=None)
    write_league(league, tmp_path, panel)
    write_run(league.best_traded(1), tmp_path, panel)
    write_market(panel, tmp_path)
    text = write_report(tmp_path).read_text(encoding="utf-8")
    page = Page(text)
    assert "USD" not in re.sub(r"\.csv", "", text)
    assert "44640" not in text
    facts = {row[0][0]: row[1][0] for row in page.tables[""][1:]}
    assert facts["Market"].endswith(f"every {step_text(panel.step)}")
    assert facts["Start capital"] == "1,000.00"
    headings = [cell[0] for cell in page.tables["Results of the league"][0]]
    assert {"final value", "fees", "turnover", "deciding, s"} <= set(headings)
    assert "U max, %" not in headings
    assert not any("U is the time" in words for words in page.words["p"])
