"""The verbs `check` and `inspect`: a user's own class held to its contract, and a market's quality
on disk.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import typer

import statarb as sa
from statarb.cli.check import check
from statarb.cli.inspect import inspect
from statarb.testing import example_market

OWN = """
import numpy as np
import pandas as pd

class Investor:
    def __init__(self, share=0.5):
        self.share, self.name = share, "mine"

    def decide(self, window, holdings):
        return pd.Series(self.share,
        index=window.assets[np.isfinite(window.array("price")).any(axis=0)]) / len(window.assets)

class Leaky(Investor):
    def decide(self, window, holdings):
        whole = np.nan_to_num(window.array("price").base)
        ahead = whole[min(len(window.times), len(whole) - 1)]
        return pd.Series(ahead / ahead.sum(), index=window.assets)

class Greedy(Investor):
    def decide(self, window, holdings):
        return super().decide(window, holdings) * 3

class Forecaster:
    def fit(self, window):
        return self

    def predict(self, window):
        return pd.Series(0.0, index=window.assets)

class ByPlace(Forecaster):
    def predict(self, window):
        return pd.Series(np.arange(len(window.assets)) * 0.1, index=window.assets)

class Other:
    pass

class Needs:
    def __init__(self, what):
        pass

ready = Forecaster()

def fill(panel):
    return panel.with_arrays({"price": panel.last_known()}, observed=panel.observed_array)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's own in the working folder; its name is new each time, so that none is
    cached.
    """
    name = f"own_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return name


def run(*words: str) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("check")(check)
    app.command("inspect")(inspect)
    app(args=list(words), standalone_mode=False)


@pytest.mark.parametrize("subject", ["Investor", "Forecaster", "ready", "fill"])
def test_the_honest_pass(subject: str, own: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("check", f"{own}:{subject}", "--cuts", "2")
    assert "passed" in capsys.readouterr().out


def test_a_file_a_market_and_settings(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    example_market(times=200, assets=4).save("market.parquet")
    run(
        "check",
        f"{own}.py:Investor",
        "--data",
        "market.parquet",
        "--set",
        "share=0.25",
        "--cuts",
        "1",
        "--depth",
        "50",
    )
    assert "1 cuts" in capsys.readouterr().out
    with pytest.raises(sa.DataError, match="sum to"):
        run("check", f"{own}:Investor", "--set", "share=2.0")


@pytest.mark.parametrize(
    ("subject", "error", "message"),
    [
        ("Leaky", sa.LookAheadError, "looks ahead: the result at"),
        ("Greedy", sa.DataError, "sum to 1"),
        ("ByPlace", sa.DataError, "assets change places"),
        ("Other", sa.ParameterError, "must be an investor"),
        ("Needs", sa.ParameterError, "--set name=value"),
        ("Absent", sa.ParameterError, "has no 'Absent'"),
    ],
)
def test_the_rest_is_told_why(subject: str, error: type[Exception], message: str, own: str) -> None:
    with pytest.raises(error, match=message):
        run("check", f"{own}:{subject}")


def test_order_can_be_left_out(own: str) -> None:
    run("check", f"{own}:ByPlace", "--fixed-order", "--cuts", "1")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere", "MODULE:CLASS"),
        ("no_such_module:A", "cannot be imported"),
        ("a.py:A", "no such file"),
    ],
)
def test_targets_that_do_not_exist(target: str, message: str) -> None:
    with pytest.raises(sa.ParameterError, match=message):
        run("check", target)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "cannot be imported: SyntaxError"),
        ("raise RuntimeError('no')", "cannot be imported: RuntimeError: no"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit: 0"),
        (
            "class A:\n    name = 'a'\n\n    def decide(self, w, h):\n        raise KeyError('b')",
            r"raised KeyError: 'b' \(.*py, line 5\)",
        ),
        (
            "class A:\n    name = 'a'\n\n    def decide(self, w, h):\n        assert False",
            r"raised AssertionError:  \(.*py, line 5\)",
        ),
        ("def A(panel):\n    return {}['c']", r"raised KeyError: 'c' \(.*py, line 2\)"),
        (
            "class A:\n    def __init__(self):\n        raise RuntimeError('no')",
            "cannot be made: RuntimeError: no",
        ),
    ],
)
def test_whatever_the_module_raises_is_shown(text: str, message: str, tmp_path: Path) -> None:
    broken = tmp_path / f"broken_{len(text)}.py"
    broken.write_text(text + "\n")
    with pytest.raises((sa.DataError, sa.ParameterError), match=message):
        run("check", f"{broken}:A")


def test_a_fault_of_the_check_itself_is_not_laid_at_the_subjects_door(
    own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("a fault of the kit")

    monkeypatch.setattr("statarb.testing.contracts.random_cuts", broken)
    with pytest.raises(TypeError, match="a fault of the kit"):
        run("check", f"{own}:Investor")


@pytest.mark.parametrize(
    "text", ["raise MemoryError", "class A:\n    def __init__(self):\n        raise MemoryError"]
)
def test_a_machine_short_of_memory_is_no_bad_input(text: str, tmp_path: Path) -> None:
    (tmp_path / f"large_{len(text)}.py").write_text(text + "\n")
    with pytest.raises(MemoryError):
        run("check", f"{tmp_path / f'large_{len(text)}.py'}:A")


def test_settings_are_for_classes(own: str) -> None:
    with pytest.raises(sa.ParameterError, match="for classes"):
        run("check", f"{own}:ready", "--set", "a=1")


def test_inspect_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    panel = example_market(times=300)
    panel.save(tmp_path / "market.parquet")
    run("inspect", str(tmp_path / "market.parquet"))
    assert "stale snapshots" in capsys.readouterr().out
    run("inspect", str(tmp_path / "market.parquet"), "--out", str(tmp_path / "out"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "quality.csv",
        "quality_gaps.csv",
        "quality_market.json",
        "quality.png",
        "quality.html",
    }
    table = pd.read_csv(tmp_path / "out" / "quality.csv", index_col="coinID")
    assert table["quotes"].tolist() == panel.observed.sum().tolist()
    with pytest.raises(sa.DataError, match="no such file"):
        run("inspect", str(tmp_path / "absent.parquet"))
