"""Result folders: replaced as a whole or not at all, one writer at a time, mixtures refused."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import statarb as sa
from statarb._core.spreadsheet import guarded, unguarded
from statarb.pipelines.level1 import ForecastTask, write_forecast_task
from statarb.results import folder as folders
from statarb.results import run_files, schema
from statarb.results.folder import claimed, claimed_file, replaced
from statarb.results.forecast_files import price_files
from statarb.results.league_files import write_league
from statarb.results.read import read_results
from statarb.results.run_files import write_run
from statarb.walk.league import run_league

WALK = {"start": "2018-01-25", "end": "2018-01-25 12:00", "depth": 100}


@pytest.fixture(scope="module")
def panel():
    return sa.simulate_market(assets=4, days=9, seed=0)


def moody(window, holdings):
    """Hold the first asset; fail at six o'clock."""
    if window.now.hour == 6:
        raise ArithmeticError("=no solution")
    return pd.Series({window.assets[0]: 1.0})


@pytest.fixture(scope="module")
def runs(panel):
    """Two runs that differ in every file."""
    free = sa.TradingRules(capital=500.0).without_limits()
    return (
        sa.walk_forward(sa.investors.from_function(moody), panel, **WALK),
        sa.walk_forward("equal_weight_hold", panel, free, decision_lag=0, **WALK),
    )


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_takes_the_place_of_another_as_a_whole(runs, panel, tmp_path):
    old, new = runs
    write_run(old, tmp_path / "a", panel)
    assert (tmp_path / "a" / "limits.parquet").is_file()
    write_run(new, tmp_path / "a", panel)
    write_run(new, tmp_path / "b", panel)
    assert content(tmp_path / "a") == content(tmp_path / "b")  # limits.parquet is gone
    seal = json.loads((tmp_path / "a" / "run.json").read_text())
    assert set(seal["files"]) == set(content(tmp_path / "a")) - {"run.json"}


@pytest.mark.parametrize("function", ["_write_limits", "write_table", "write_json"])
def test_an_error_while_writing_changes_nothing(runs, panel, tmp_path, monkeypatch, function):
    old, new = runs[::-1]
    write_run(old, tmp_path, panel)
    before = content(tmp_path)

    def full(*_):
        raise sa.DataError("cannot write: No space left on device; nothing was changed")

    monkeypatch.setattr(run_files, function, full)
    with pytest.raises(sa.DataError, match="No space left"):
        write_run(new, tmp_path, panel)
    assert content(tmp_path) == before
    assert read_results(tmp_path).records[0].metrics["final_value"] == pytest.approx(
        old.replay.final_value
    )


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("moves", range(0, 14, 3))
def test_an_error_between_two_moves_brings_the_old_files_back(
    runs, panel, tmp_path, monkeypatch, moves, error
):
    old, new = runs
    write_run(old, tmp_path, panel)
    before = content(tmp_path)
    count, replace = [0], Path.replace

    def fail(self, target):
        if ".set-" in str(self) and Path(target).parent == tmp_path and not failed:
            count[0] += 1
            if count[0] > moves // 2:
                failed.append(1)
                raise error
        return replace(self, target)

    failed: list[int] = []
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises((sa.DataError, KeyboardInterrupt)):
        write_run(new, tmp_path, panel)
    assert failed
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", [*schema.RUN.files, schema.RUN.about])
def test_files_of_two_runs_are_refused(runs, panel, tmp_path, name):
    times = runs[0].replay.times
    sources = pd.DataFrame({"time": times, "source": "pairs", "horizon": 1})
    sources = sources.assign(shrinkage=0.5, promised=0.01, delivered=0.0, reason="")
    answers = pd.DataFrame({"time": times, "gap": 0.0, "status": "optimal", "seconds": 0.0})
    write_run(runs[0], tmp_path / "0", panel, sources=sources, certificates=answers)
    write_run(runs[1], tmp_path / "1", panel)
    one, other = tmp_path / "0", tmp_path / "1"
    if (other / name).exists():
        shutil.copy(other / name, one / name)
    else:  # the second has no limits and no sources: its file list does not know the first's
        shutil.copy(one / name, other / name)
        one = other
    with pytest.raises(sa.DataError, match=r"of two runs|changed or is damaged"):
        sa.write_report(one)
    assert not (one / "report.html").exists()


def test_files_that_were_copied_together_or_taken_away_are_no_mixture(runs, panel, tmp_path):
    for number in range(2):
        write_run(runs[0], tmp_path / str(number), panel)
    for name in ("metrics.json", "value.parquet"):
        shutil.copy(tmp_path / "1" / name, tmp_path / "0" / name)
    (tmp_path / "0" / "orders.parquet").unlink()
    assert "there is no 0/orders.parquet" in " ".join(read_results(tmp_path).missing)


def test_a_changed_digit_is_refused_by_name(runs, panel, tmp_path):
    write_run(runs[0], tmp_path, panel)
    metrics = (tmp_path / "metrics.json").read_text()
    (tmp_path / "metrics.json").write_text(re.sub(r'"orders": \d+', '"orders": 77', metrics))
    with pytest.raises(sa.DataError, match=r"metrics\.json is not the file that run\.json lists"):
        read_results(tmp_path)


def test_a_league_of_two_folders_is_refused(panel, tmp_path):
    for name, investors in (("a", ["cash"]), ("b", ["cash", "buy_and_hold"])):
        league = run_league(investors, panel, draws=0, **WALK)
        write_league(league, tmp_path / name, panel)
        assert len(read_results(tmp_path / name).leagues[0].table) == 2 * len(investors)
    shutil.copy(tmp_path / "a" / "league.csv", tmp_path / "b" / "league.csv")
    with pytest.raises(sa.DataError, match=r"league\.csv is not the file"):
        read_results(tmp_path / "b")


def test_a_folder_has_one_writer(tmp_path):
    code = "import sys; from statarb.results.folder import claimed\nwith claimed(sys.argv[1]): pass"
    words = [sys.executable, "-c", code, str(tmp_path)]
    found = []

    def elsewhere():
        try:
            with claimed(tmp_path):
                found.append("entered")
        except sa.DataError as error:
            found.append(str(error))

    with claimed(tmp_path), claimed(tmp_path, schema.RUN):  # the same task may go further down
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        refused = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "another run is writing to" in found[0]
    assert "another run is writing to" in refused.stderr
    elsewhere()
    assert found[1] == "entered"
    assert subprocess.run(words, check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_writer_does_not_hold(tmp_path):
    code = (
        "import os, signal, sys; from statarb.results.folder import replaced\n"
        "from statarb.results.schema import RUN\n"
        "with replaced(sys.argv[1], RUN) as staged:\n"
        "    (staged.folder / 'value.parquet').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert any(path.name.startswith(".set-") for path in tmp_path.iterdir())
    with claimed(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [folders.LOCK]
    assert list(tmp_path.iterdir()) == []


def test_a_single_file_has_one_writer_and_no_leftovers(tmp_path):
    (tmp_path / ".market.parquet.tmp-abc").write_text("of a killed writer")
    (tmp_path / ".other.parquet.tmp-abc").write_text("of somebody else")
    with claimed_file(tmp_path / "market.parquet"):
        assert not (tmp_path / ".market.parquet.tmp-abc").exists()
    assert [path.name for path in tmp_path.iterdir()] == [".other.parquet.tmp-abc"]


def test_forecasts_do_not_take_the_figures_of_a_run(runs, panel, tmp_path):
    write_run(runs[0], tmp_path, panel)
    with (
        pytest.raises(
            sa.DataError, match=r"holds the run of `statarb invest`, whose metrics\.json"
        ),
        replaced(tmp_path, schema.FORECASTS),
    ):
        pytest.fail("begun")


def test_times_of_files_are_utc(runs, panel, tmp_path):
    write_run(runs[0], tmp_path, panel)
    expected = pd.date_range("2018-01-25", "2018-01-25 12:00", freq="5min")
    taken = pd.read_csv(tmp_path / "utilisation.csv", parse_dates=["time"])
    assert taken["time"].tolist() == expected.tolist()
    assert pd.read_parquet(tmp_path / "value.parquet")["time"].tolist() == expected.tolist()


# -- names -----------------------------------------------------------------------------------------


def test_every_label_stays_in_its_folder_under_a_name_of_its_own(tmp_path):
    labels = [
        1442, "BTC/USDT", "../marker", "..", ".", "a\\b", "/etc/x", "CON:", "100%", "a%2Fb",
        "metrics", "-x", "~", "é", "a\nb", "nul\0", " ", "x*?<>|\"",
    ]  # fmt: skip
    names = price_files(labels, 3)
    assert names[:3] == ["1442_3.csv", "BTC%2FUSDT_3.csv", "%2E./marker_3.csv".replace("/", "%2F")]
    assert len(set(names)) == len(labels)
    for name in names:
        (tmp_path / name).write_text("1.0\n")
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
        assert not re.search(r'[\\/:*?"<>|\x00-\x1f]', name)
    assert sorted(os.listdir(tmp_path)) == sorted(names)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([""], "cannot name a file"),
        (["x" * 400], "cannot name a file"),
        (["\ud800"], "cannot name a file"),
        ([1, "1"], "would be written to one file"),
        (["btc", "BTC"], "would be written to one file"),
    ],
)
def test_labels_that_cannot_name_a_file_are_refused(labels, says):
    with pytest.raises(sa.DataError, match=says):
        price_files(labels, 1)


def cells_of(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


def test_no_cell_of_any_csv_is_a_formula_and_all_are_read_back(panel, tmp_path):
    """Identifiers, names and messages (CWE-1236); numbers stay numbers."""

    def stern(window, holdings):
        raise ValueError("@SUM(1+1)*cmd|' /C calc'!A0")

    prices = panel.price.set_axis(["=a", "+b", "@c", "d"], axis=1)
    odd = sa.Panel.from_frame(prices)
    name = "=HYPERLINK(1)"
    free = sa.TradingRules().without_limits()
    investors = {name: sa.investors.from_function(stern), "-minus": "buy_and_hold", "cash": "cash"}
    league = run_league(investors, odd, free, draws=20, **WALK)
    write_league(league, tmp_path / "league", odd)
    for number, run in enumerate(league.runs):
        write_run(run, tmp_path / f"run{number}", odd)
    task = ForecastTask(model="last_value", days=["2018-01-24", "2018-01-25"], depth=50)
    write_forecast_task(odd, tmp_path / "forecast", task)
    files = list(tmp_path.rglob("*.csv"))
    assert {path.name for path in files} >= {
        "league.csv", "league_failures.csv", "failures.csv", "portfolio_sim.csv", "metrics_DS.csv"
    }  # fmt: skip
    for path in files:
        for cell in cells_of(path):
            if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
                float(cell)
    results = read_results(tmp_path)
    table = results.leagues[0].table
    assert set(table["investor"]) == set(investors)
    assert table["G"].tolist() == league.table["G"].tolist()
    assert "ValueError: @SUM" in table.loc[table["investor"] == name, "failure_reasons"].iloc[0]
    assert set(results.leagues[0].failures["first_message"]) == {
        "ValueError: @SUM(1+1)*cmd|' /C calc'!A0"
    }
    assert list(results.forecasts[0].mape.index) == ["=a", "+b", "@c", "d"]
    assert results.records[0].weight_source()[0] == ["+b", "=a", "@c", "d"]


@given(st.text(max_size=20))
def test_what_is_guarded_is_given_back(text):
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in ("=", "@", "\t", "\r")


@given(st.floats(allow_nan=False) | st.integers())
def test_numbers_are_not_guarded(value):
    assert guarded(repr(value)) == repr(value)
