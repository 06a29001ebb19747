"""The verb `forecast` hands its words on, and prints what the library says."""

from __future__ import annotations

import typer
from typer.testing import CliRunner

from statarb.cli.forecast import forecast
from tests.conftest import make_panel


def test_forecast_writes_the_files_and_prints_the_scores(tmp_path):
    make_panel(760, 3, seed=5).save(tmp_path / "market.parquet")
    app = typer.Typer()
    app.command()(forecast)
    words = [
        str(tmp_path / "market.parquet"),
        "--out",
        str(tmp_path / "out"),
        "--days",
        "2018-01-26",
        "--depth",
        "300",
    ]
    done = CliRunner().invoke(app, [*words, "--model", "ridge", "--set", "lags=1", "--raw"])
    assert done.exit_code == 0, done.output
    assert "last value" in done.output
    assert len(list((tmp_path / "out").glob("144?_1.csv"))) == 3
