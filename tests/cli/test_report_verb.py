"""`statarb report`, and the report at the end of the full pipeline."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pandas as pd
import pytest

from statarb.cli import main
from statarb.pipelines.full import run_full


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    assert (
        main(["simulate", "--assets", "5", "--days", "8.2", "--seed", "3", "--out", str(folder)])
        == 0
    )
    quotes, coins = str(folder / "quotes.csv.gz"), str(folder / "CSVData_coin.csv")
    assert main(["ingest", quotes, "--coins", coins, "--out", str(folder / "market.parquet")]) == 0
    return folder


@pytest.fixture(scope="module")
def job(market, tmp_path_factory):
    """The folder of the full pipeline, and what it printed."""
    out, shown = tmp_path_factory.mktemp("job"), io.StringIO()
    words = [
        "run",
        "--quotes",
        str(market / "quotes.csv.gz"),
        "--coins",
        str(market / "CSVData_coin.csv"),
        "--n-jobs",
        "1",
    ]
    with contextlib.redirect_stdout(shown):
        assert main([*words, "--out", str(out)]) == 0
    return out, shown.getvalue()


def test_the_full_pipeline_ends_with_the_report(job):
    folder, shown = job
    assert shown.rstrip().endswith(f"report: {folder / 'report.html'}")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "league of 6 investors" in page
    assert "quotes.csv.gz" in page
    assert "forecasts of 2018-01-24" in shown
    assert "Forecasts by case_default, shaped" in page
    assert (folder / "forecast" / "metrics_MAPE.csv").is_file()
    kept = {
        "market.parquet",
        "rejects.csv",
        "league.csv",
        "portfolio_sim.csv",
        "value.parquet",
        "orders.parquet",
    }
    kept |= {"utilisation.csv", "failures.csv", "metrics.json"}
    kept |= {"overview.parquet", "volatility.parquet", "pairs.parquet", "quality.csv"}
    assert kept <= {path.name for path in folder.iterdir()}


def test_a_market_too_short_for_a_day_of_forecasts_says_so(tmp_path):
    times = pd.date_range("2018-01-25", periods=40, freq="5min")
    prices = pd.DataFrame(
        {"time": times, 1442: np.linspace(1e4, 1.1e4, 40), 1443: np.linspace(1e3, 0.9e3, 40)}
    )
    prices.to_csv(tmp_path / "price_data.csv", index=False)
    text = run_full(
        tmp_path / "out",
        quotes=tmp_path / "price_data.csv",
        investors=["cash", "buy_and_hold"],
        n_jobs=1,
    )
    assert "forecasts left out: day 2018-01-24 does not lie whole in the data" in text.text
    assert "there are no files of `statarb forecast`" in (
        tmp_path / "out" / "report.html"
    ).read_text(encoding="utf-8")


def test_the_files_are_of_the_best_that_traded(tmp_path):
    times = pd.date_range("2018-01-25", periods=40, freq="5min")
    prices = pd.DataFrame({"time": times, 1442: np.linspace(1e4, 0.9e4, 40)})
    prices.to_csv(tmp_path / "price_data.csv", index=False)
    options = {"quotes": tmp_path / "price_data.csv", "n_jobs": 1}
    found = run_full(tmp_path / "some", investors=["cash", "buy_and_hold"], **options)
    # prices fall: cash is the best by G, but there is nothing to show of it
    assert found.facts["best"]["investor"] == "cash"
    assert found.facts["best_traded"]["investor"] == "buy_and_hold"
    written = json.loads((tmp_path / "some" / "metrics.json").read_text())
    assert written == json.loads(json.dumps(found.facts["best_traded"]))
    assert "best by G at lag 1: cash; of those that traded: buy_and_hold" in found.text
    page = (tmp_path / "some" / "report.html").read_text(encoding="utf-8")
    assert "Run: buy_and_hold, lag 1" in page
    nobody = run_full(tmp_path / "none", investors=["cash"], **options)
    assert nobody.facts["best_traded"] is None
    assert nobody.facts["best"]["investor"] == "cash"
    assert "nobody traded at lag 1: the files are of cash" in nobody.text
    page = (tmp_path / "none" / "report.html").read_text(encoding="utf-8")
    assert "No investor executed an order at decision lag 1, so no run is drawn." in page
    assert 'id="run1' not in page


def test_the_verb_writes_the_same_page_as_the_pipeline(job, tmp_path, capsys):
    folder, _ = job
    assert main(["report", str(folder), "--out", str(tmp_path / "sub" / "page.html")]) == 0
    assert capsys.readouterr().out == f"written to {tmp_path / 'sub' / 'page.html'}\n"
    assert (tmp_path / "sub" / "page.html").read_bytes() == (folder / "report.html").read_bytes()


def test_invest_league_and_forecast_side_by_side_make_one_report(market, tmp_path, capsys):
    parquet = str(market / "market.parquet")
    for lag in ("0", "1"):
        words = [
            "invest",
            parquet,
            "--investor",
            "equal_weight_hold",
            "--decision-lag",
            lag,
            "--out",
            str(tmp_path / f"lag{lag}"),
        ]
        assert main(words) == 0
    assert (
        main(
            [
                "league",
                parquet,
                "--investor",
                "cash",
                "--investor",
                "buy_and_hold",
                "--n-jobs",
                "1",
                "--out",
                str(tmp_path),
            ]
        )
        == 0
    )
    words = [
        "forecast",
        parquet,
        "--model",
        "last_value",
        "--days",
        "2018-01-24",
        "--out",
        str(tmp_path / "forecast"),
    ]
    assert main(words) == 0
    assert main(["report", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in (
        "league of 2 investors",
        "Run: equal_weight_hold, lag 1",
        "Run: equal_weight_hold, lag 0",
        "forecasts by last_value",
    ):
        assert words in page
    assert "Left out" not in page


def test_lag_0_alone_is_warned_of(market, tmp_path, capsys):
    words = [
        "invest",
        str(market / "market.parquet"),
        "--investor",
        "buy_and_hold",
        "--decision-lag",
        "0",
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0
    assert main(["report", str(tmp_path)]) == 0
    assert "the same run at lag 1 is missing" in (tmp_path / "report.html").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: None, "holds nothing to report"),
        (lambda folder: (folder / "metrics.json").write_text("{"), "metrics.json cannot be read"),
        (
            lambda folder: (folder / "league.csv").write_text("a,b\n1,2\n"),
            "league.csv has no column investor",
        ),
        (lambda folder: folder.rmdir(), "is not a folder"),
    ],
)
def test_bad_folders_are_one_line_and_exit_code_2(spoil, says, tmp_path, capsys):
    folder = tmp_path / "results"
    folder.mkdir()
    spoil(folder)
    assert main(["report", str(folder)]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert not (folder / "report.html").exists()


def test_the_verb_needs_a_folder_and_has_help(capsys):
    assert main(["report"]) == 2
    assert "Missing argument 'DIR'" in capsys.readouterr().err
    assert main(["report", "--help"]) == 0
    assert "report.html" in capsys.readouterr().out
