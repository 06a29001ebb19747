"""The command line with a user's own classes and markets, its JSON, and its end by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

import statarb as sa
from statarb.cli import VERBS, main

OWN = """
import pandas as pd

class Favourite:
    name = "favourite"

    def __init__(self, place=0):
        self.place = place

    def decide(self, window, holdings):
        return pd.Series({window.assets[self.place]: 0.5})

class Nameless:
    def decide(self, window, holdings):
        return None
"""
WALK = ["--start", "2018-01-25", "--end", "2018-01-25 06:00", "--depth", "50"]


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    file = tmp_path_factory.mktemp("market") / "market.parquet"
    sa.simulate_market(assets=21, days=9, seed=3).save(file)
    return str(file)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A file of the user's own, under the name of a module that is loaded already."""
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "json.py").write_text(OWN)
    return str(tmp_path / "json.py")


def said(capsys) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_class_of_ones_own_is_invested_by(market, own, tmp_path, capsys):
    words = ["invest", market, "--investor", f"{own}:Favourite", "--set", "place=2", *WALK]
    assert main([*words, "--json", "--out", str(tmp_path / "run")]) == 0
    shown = json.loads(capsys.readouterr().out)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {key: shown[key] for key in metrics} == metrics
    assert shown["folder"] == str(tmp_path / "run")
    assert metrics["investor"] == "favourite"
    panel = sa.Panel.load(market)
    weights = pd.read_csv(tmp_path / "run" / "portfolio_sim.csv")
    held = weights.columns[(weights > 0.0).any()]
    assert list(held) == [str(panel.assets[2]), "USD"]


def test_a_class_of_ones_own_enters_a_league_in_two_processes(market, own, tmp_path, capsys):
    investors = ["--investor", f"{own}:Favourite", "--investor", "cash", "--investor", "momentum"]
    tables = []
    for jobs in ("1", "2"):
        words = ["league", market, *investors, "--decision-lag", "1", "--n-jobs", jobs, *WALK]
        assert main([*words, "--json", "--out", str(tmp_path / jobs)]) == 0
        rows = json.loads(capsys.readouterr().out)["league"]
        assert {row["investor"] for row in rows} == {"favourite", "cash", "momentum"}
        tables.append(pd.DataFrame(rows).drop(columns=["seconds", "utilisation_max_percent"]))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Nameless", "must be an investor: an attribute name"),
        ("Absent", "has no 'Absent'"),
        ("", "MODULE:CLASS"),
    ],
)
@pytest.mark.parametrize("verb", ["invest", "league"])
def test_a_class_that_is_no_investor_is_one_line(verb, name, says, market, own, tmp_path, capsys):
    words = [verb, market, "--investor", f"{own}:{name}", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert says in said(capsys)
    assert not (tmp_path / "out").exists()


def test_a_daily_table_is_not_put_on_a_grid_of_five_minutes(tmp_path, capsys):
    days = pd.bdate_range("2017-01-02", periods=60)
    prices = np.exp(np.random.default_rng(0).normal(0, 0.01, (60, 2)).cumsum(axis=0))
    table = pd.DataFrame(prices, index=days.rename("time"), columns=[1, 2])
    table.to_csv(tmp_path / "price_data.csv")
    words = ["ingest", str(tmp_path / "price_data.csv"), "--out", str(tmp_path / "m.parquet")]
    assert main(words) == 2
    assert "the rows are usually 1 d apart" in (line := said(capsys))
    assert "--step 1d" in line
    assert not (tmp_path / "m.parquet").exists()
    assert main([*words, "--step", "1d", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["assets"], facts["rows_accepted"]) == (2, 120)
    panel = sa.Panel.load(tmp_path / "m.parquet")
    assert panel.step == pd.Timedelta(1, unit="D")
    assert panel.array("price").tolist() == table.to_numpy().tolist()
    assert main([*words, "--step", "5min"]) == 0  # asked for, it is done
    assert sa.Panel.load(tmp_path / "m.parquet").step == pd.Timedelta(5, unit="min")


def test_labels_that_are_no_file_names_stay_in_the_folder(tmp_path, capsys):
    prices = sa.simulate_market(assets=20, days=9, seed=2).price.ffill().bfill()
    prices.columns = ["../marker", "BTC/USDT", *[f"c{k}" for k in range(18)]]
    sa.Panel.from_frame(prices).save(tmp_path / "market.parquet")
    out = tmp_path / "deep" / "out"
    words = ["forecast", str(tmp_path / "market.parquet"), "--days", "2018-01-24"]
    assert main([*words, "--model", "last_value", "--out", str(out)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"market.parquet", "deep"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"}
    assert (out / "BTC%2FUSDT_1.csv").is_file()
    found = sa.results.validate_forecasts(out, list(prices.columns), periods=1)
    assert found.files == 20
    # a single day has no dispersion between days
    assert {problem.file for problem in found.problems} == {"metrics_R.csv", "metrics.json"}


@pytest.mark.parametrize("verb", ["simulate", "inspect", "forecast", "report", "check"])
def test_every_verb_prints_json(verb, market, own, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    if verb == "report":
        run = sa.walk_forward("cash", sa.Panel.load(market), end="2018-01-25 02:00")
        sa.results.write_run(run, tmp_path / "run")
    words = {
        "simulate": ["--assets", "3", "--days", "1", "--out", str(tmp_path / "out")],
        "inspect": [market],
        "forecast": [market, "--model", "drift", "--days", "2018-01-24", "--out", str(tmp_path)],
        "report": [str(tmp_path / "run")],
        "check": [f"{own}:Favourite", "--cuts", "1", "--fixed-order"],
    }[verb]
    assert main([verb, *words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    expected = {
        "simulate": "quotes", "inspect": "market", "forecast": "M", "report": "page",
        "check": "passed",
    }  # fmt: skip
    assert facts[expected[verb]]


def test_every_help_has_an_example_and_names_json(capsys):
    for verb, example in VERBS.items():
        assert main([verb.__name__, "--help"]) == 0
        shown = capsys.readouterr().out
        assert example in " ".join(shown.split())
        assert "--json" in shown


def test_a_worker_that_died_is_one_line(market, tmp_path, capsys, monkeypatch):
    def die(*_, **__):
        raise TerminatedWorkerError("A worker process managed by the executor was terminated")

    monkeypatch.setattr("statarb.pipelines.full.run_league", die)
    assert main(["league", market, "--out", str(tmp_path)]) == 2
    assert "--resume" in said(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_as_cleanly_as_the_keyboard(number, market, tmp_path):
    """A half-written market, staged files and the lock are taken away; one line is said."""
    code = (
        "import os, sys, time\n"
        "from statarb.cli import main\n"
        "import statarb.walk\n"
        "def walk(*_, **__):\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
        "statarb.walk.walk_forward = walk\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["invest", market, "--investor", "cash", "--out", str(tmp_path / "out")]
    running = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline() == "begun\n"
    assert os.listdir(tmp_path / "out") == [".statarb.lock"]
    time.sleep(0.2)
    running.send_signal(number)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert error.startswith("statarb: terminated")
    assert len(error.splitlines()) == 1
    assert os.listdir(tmp_path / "out") == []


def test_handlers_are_put_back(market):
    before = signal.getsignal(signal.SIGTERM)
    assert main(["--version"]) == 0
    assert signal.getsignal(signal.SIGTERM) == before
