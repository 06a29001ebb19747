"""The command line: every verb, from files to files, and one line with exit code 2 on bad input."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

import statarb as sa
from statarb.cli import main
from statarb.data.ingest.embedded import embedded_market

VERBS = ("simulate", "ingest", "inspect", "forecast", "invest", "league", "run")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A small market on disk, made by the command line itself."""
    folder = tmp_path_factory.mktemp("market")
    assert (
        main(["simulate", "--assets", "22", "--days", "8.5", "--seed", "3", "--out", str(folder)])
        == 0
    )
    quotes, coins = str(folder / "quotes.csv.gz"), str(folder / "CSVData_coin.csv")
    assert main(["ingest", quotes, "--coins", coins, "--out", str(folder / "market.parquet")]) == 0
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    assert main([verb, "--help"]) == 0
    assert "--out" in capsys.readouterr().out


def test_no_word_at_all_shows_the_verbs(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)


def test_the_embedded_market_is_found():
    for path in embedded_market():
        assert path.is_file()


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == sa.__version__


def test_ingest_reads_back_what_simulate_wrote(market, capsys):
    panel = sa.Panel.load(market / "market.parquet")
    made = sa.simulate_market(assets=22, days=8.5, seed=3)
    pd.testing.assert_frame_equal(panel.price, made.price, check_exact=True)
    assert (market / "rejects.csv").is_file()


def test_invest_writes_the_files_of_a_run(market, tmp_path, capsys):
    words = [
        "invest",
        str(market / "market.parquet"),
        "--investor",
        "momentum",
        "--set",
        "top=2",
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    keys = {
        "G", "total_return", "downside", "final_value", "fees_paid", "turnover", "orders",
        "orders_dropped", "orders_cut",
        "failures", "decision_lag", "steps", "assets", "utilisation_max_percent", "seconds",
    }  # fmt: skip
    assert keys <= metrics.keys()
    assert metrics["decision_lag"] == 1
    assert metrics["investor"] == "momentum(top=2)"
    run = sa.walk_forward(
        sa.investors.make_investor("momentum", top=2),
        sa.Panel.load(market / "market.parquet"),
        start="2018-01-25",
    )
    assert metrics["G"] == run.metrics()["G"]
    assert metrics["final_value"] == run.replay.value.iloc[-1]
    utilisation = pd.read_csv(tmp_path / "utilisation.csv")
    assert len(utilisation) == metrics["steps"]
    assert utilisation["utilisation_percent"].max() == pytest.approx(
        metrics["utilisation_max_percent"]
    )
    for name in ("portfolio_sim.csv", "value.parquet", "orders.parquet", "failures.csv"):
        assert (tmp_path / name).is_file()
    assert sa.results.validate_portfolio(tmp_path / "portfolio_sim.csv").valid
    assert "momentum(top=2), decision lag 1" in capsys.readouterr().out


def test_run_ranks_every_investor_with_and_without_the_delay(market, tmp_path, capsys):
    words = [
        "run",
        "--quotes",
        str(market / "quotes.csv.gz"),
        "--coins",
        str(market / "CSVData_coin.csv"),
        "--n-jobs",
        "1",
    ]
    assert main([*words, "--out", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "league.csv")
    assert list(table.columns[:6]) == [
        "investor",
        "decision_lag",
        "G",
        "total_return",
        "rank_G",
        "rank_return",
    ]
    assert len(table) == 12
    assert set(table["decision_lag"]) == {0, 1}
    assert (table.groupby("investor")["decision_lag"].apply(list).map(tuple) == (1, 0)).all()
    for _, rows in table.groupby("decision_lag"):
        assert rows.sort_values("G", ascending=False)["rank_G"].is_monotonic_increasing
        assert rows.sort_values("total_return", ascending=False)[
            "rank_return"
        ].is_monotonic_increasing
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    best = table[table["decision_lag"] == 1].sort_values("rank_G").iloc[0]
    assert metrics["investor"] == best["investor"]
    assert metrics["G"] == best["G"]
    shown = capsys.readouterr().out
    assert "Kendall's tau" in shown
    assert "cannot be earned" in shown


def test_a_grid_enters_the_league_point_by_point_and_can_be_resumed(market, tmp_path, capsys):
    grid = [
        "--grid",
        "moving_average_cross.fast=6,48",
        "--grid",
        "moving_average_cross.slow=24",
        "--grid",
        "buy_and_hold.asset=1443",
    ]
    words = [
        "league",
        str(market / "market.parquet"),
        *grid,
        "--n-jobs",
        "1",
        "--resume",
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0
    first = pd.read_csv(tmp_path / "league.csv", keep_default_na=False)
    good, bad = (f"moving_average_cross(fast={fast}, slow=24)" for fast in (6, 48))
    assert set(first["investor"]) == {good, bad, "buy_and_hold(asset=1443)"}
    assert (first.loc[first["investor"] == bad, "rank_G"] == "").all()
    shown = capsys.readouterr().out
    assert f"{bad} at lag 1 could not decide at every step" in shown
    assert "95 % of rank" in shown
    assert main([*words, "--investor", "cash"]) == 0
    again = pd.read_csv(tmp_path / "league.csv", keep_default_na=False)
    assert set(again["investor"]) == {good, bad, "buy_and_hold(asset=1443)", "cash"}
    taken = [frame.loc[frame["investor"] == good, "seconds"].tolist() for frame in (first, again)]
    assert taken[0] == taken[1], "walked once"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fly"], "fly"),
        (["invest"], "Missing"),
        (
            ["invest", "nothing.parquet", "--investor", "cash", "--out", "x"],
            "no such file: nothing.parquet",
        ),
        (["invest", "MARKET", "--investor", "cahs", "--out", "x"], "did you mean 'cash'?"),
        (
            ["invest", "MARKET", "--investor", "cash", "--out", "x", "--fee", "-0.1"],
            "fee must be a finite number at least 0",
        ),
        (
            ["invest", "MARKET", "--investor", "cash", "--out", "x", "--min-order", "1"],
            "min_order must be at most max_order",
        ),
        (
            [
                "invest",
                "MARKET",
                "--investor",
                "cash",
                "--out",
                "x",
                "--start",
                "2018-02-01",
                "--end",
                "2018-01-25",
            ],
            "start must not",
        ),
        (
            ["invest", "MARKET", "--investor", "cash", "--out", "x", "--numeraire", "5"],
            "numeraire 5",
        ),
        (
            ["invest", "MARKET", "--investor", "momentum", "--out", "x", "--set", "top"],
            "--set must be given as name=value",
        ),
        (
            ["invest", "MARKET", "--investor", "momentum", "--out", "x", "--set", "height=2"],
            "height",
        ),
        (
            ["invest", "MARKET", "--investor", "cash", "--out", "x", "--decision-lag", "two"],
            "--decision-lag",
        ),
        (
            ["invest", "MARKET", "--investor", "cash", "--out", "x", "--decision-lag", "100000"],
            "decision_lag must be below",
        ),
        (
            ["invest", "MARKET", "--investor", "cash", "--out", "x", "--n-jobs", "0"],
            "n_jobs must be a positive integer",
        ),
        (
            ["invest", "MARKET", "--investor", "rebalanced", "--out", "x", "--set", "weights=5"],
            "weights must be a mapping",
        ),
        (
            ["league", "MARKET", "--out", "x", "--investor", "cash", "--n-jobs", "0"],
            "n_jobs must be a positive integer",
        ),
        (
            ["league", "MARKET", "--out", "x", "--grid", "momentum"],
            "--grid must be given as investor.parameter=value,value",
        ),
        (["league", "MARKET", "--out", "x", "--grid", "momentum.top="], "--grid must be given as"),
        (["league", "MARKET", "--out", "x", "--grid", "momntum.top=1"], "did you mean 'momentum'?"),
        (
            ["league", "MARKET", "--out", "x", "--grid", "momentum.height=1"],
            "must be one of 'every'",
        ),
        (
            ["league", "MARKET", "--out", "x", *["--grid", "momentum.top=1"] * 2],
            "momentum.top twice",
        ),
        (
            ["forecast", "MARKET", "--out", "x", "--days", "2018-01-19", "--n-jobs", "0"],
            "n_jobs must be a positive integer",
        ),
        (["inspect", "MARKET", "--out", "MARKET"], "cannot make the folder"),
        (["ingest", "nowhere/*.csv", "--out", "x/market.parquet"], "nowhere"),
        (["run", "--quotes", "nowhere.csv", "--out", "x"], "nowhere.csv"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, says, market, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [str(market / "market.parquet") if word == "MARKET" else word for word in words]
    assert main(words) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert "Traceback" not in captured.err + captured.out


def test_the_installed_command_ends_with_the_exit_code():
    done = subprocess.run(
        [sys.executable, "-m", "statarb", "fly"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("statarb: error:")
