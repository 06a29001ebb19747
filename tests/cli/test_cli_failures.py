"""The command line when the machine refuses, the user interrupts, or a word is wrong: one line and
an exit code.
"""

from __future__ import annotations

import errno
import json

import pandas as pd
import pytest

import statarb as sa
from statarb.cli import main


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A panel on disk."""
    file = tmp_path_factory.mktemp("market") / "market.parquet"
    sa.simulate_market(assets=21, days=9, seed=3).save(file)
    return file


def complaint(capsys) -> str:
    """The one line on standard error."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("verb", ["invest", "forecast"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(
    verb, market, capsys, monkeypatch
):
    for target in ("statarb.walk.walk_forward", "statarb.pipelines.level1.forecast_days"):
        monkeypatch.setattr(target, lambda *_, **__: pytest.fail("the work was begun"))
    words = {
        "invest": ["--investor", "cash"],
        "forecast": ["--model", "drift", "--days", "2018-01-24"],
    }[verb]
    assert main([verb, str(market), *words, "--out", str(market)]) == 2
    assert "cannot make the folder" in complaint(capsys)


def test_a_folder_without_room_is_refused(market, capsys, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("statarb._core.files.tempfile.TemporaryFile", full)
    assert (
        main(["invest", str(market), "--investor", "cash", "--out", str(market.parent / "runs")])
        == 2
    )
    assert "cannot write to the folder" in complaint(capsys)


def test_ingest_wants_a_file_to_write(market, capsys):
    assert main(["ingest", "quotes.csv", "--out", str(market.parent)]) == 2
    assert "give " + str(market.parent / "market.parquet") in complaint(capsys)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/x"),
            2,
            "No space left on device: runs/x",
        ),
        (
            MemoryError("Unable to allocate 9 TiB"),
            2,
            "not enough memory (Unable to allocate 9 TiB)",
        ),
        (MemoryError(), 2, "not enough memory; give fewer assets"),
    ],
)
def test_what_the_machine_or_the_user_does_is_said_in_one_line(
    error, status, words, market, tmp_path, capsys, monkeypatch
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("statarb.walk.walk_forward", fail)
    assert main(["invest", str(market), "--investor", "cash", "--out", str(tmp_path)]) == status
    assert words in complaint(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["forecast", "--model", "ridge", "--set", "lag=3"], "did you mean 'lags'"),
        (["forecast", "--set", "lags=3"], "'case_default' takes no parameters, got 'lags'"),
        (
            ["invest", "--investor", "cash", "--set", "top=3"],
            "'cash' takes no parameters, got 'top'",
        ),
        (["invest", "--investor", "momentun"], "investor must be one of"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(words, said, market, tmp_path, capsys):
    days = ["--days", "2018-01-24"] if words[0] == "forecast" else []
    assert main([words[0], str(market), *words[1:], *days, "--out", str(tmp_path)]) == 2
    assert said in complaint(capsys)


def test_another_market_is_traded_without_the_limits_of_the_case(tmp_path, capsys):
    days = pd.bdate_range("2010-01-01", periods=30)
    sa.Panel.from_frame(pd.DataFrame({"a": range(1, 31), "b": range(31, 1, -1)}, index=days)).save(
        tmp_path / "stocks.parquet"
    )
    words = [
        "invest",
        str(tmp_path / "stocks.parquet"),
        "--investor",
        "equal_weight_hold",
        "--out",
        str(tmp_path / "run"),
    ]
    # the case's start and limits are not for it, which is said; and may be asked for all the same
    assert main([*words, "--start", "2018-01-25"]) == 2
    assert "start=None" in complaint(capsys)
    assert main([*words, "--numeraire", "1442"]) == 2
    assert "--numeraire none" in complaint(capsys)
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "start: the first possible decision of the panel, which begins 2010-01-01" in shown
    assert "orders: without limits" in shown
    assert "2010-01-04 00:00:00 to 2010-02-11 00:00:00, 29 steps, 2 assets" in shown
    assert (
        json.loads((tmp_path / "run" / "metrics.json").read_text())["orders_by_reason"][
            "cut to maximum"
        ]
        == 0
    )
    assert f"written to {tmp_path / 'run'}" in shown
    assert main([*words, "--start", "none", "--numeraire", "none", "--max-order", "50"]) == 0
    assert "from 0 to 50 in the currency of the prices" in capsys.readouterr().out
    assert (
        json.loads((tmp_path / "run" / "metrics.json").read_text())["orders_by_reason"][
            "cut to maximum"
        ]
        > 0
    )
    capsys.readouterr()
    assert (
        main(
            [
                "forecast",
                str(tmp_path / "stocks.parquet"),
                "--model",
                "drift",
                "--out",
                str(tmp_path / "files"),
            ]
        )
        == 2
    )
    assert (
        "this panel has steps of 1 d; score forecasts of it from Python with sa.forecast_walk"
        in complaint(capsys)
    )


def test_a_numeraire_by_its_symbol_is_answered_with_its_id(market, tmp_path, capsys):
    assert (
        main(
            [
                "invest",
                str(market),
                "--investor",
                "cash",
                "--numeraire",
                "BTC",
                "--out",
                str(tmp_path),
            ]
        )
        == 2
    )
    assert "did you mean 1442?" in complaint(capsys)
