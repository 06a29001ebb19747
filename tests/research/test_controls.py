"""The study of control markets: a small run, resumed from its file, and the arithmetic of its
table.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa

RESEARCH = Path(__file__).resolve().parents[2] / "research"
SMALL = [
    "--families", "pairs", "none", "--investors", "stat_arb", "--lags", "1", "--seeds", "1",
    "--assets", "10", "--days", "7.1", "--draws", "50", "--n-jobs", "1",
]  # fmt: skip
"""29 decisions in two markets."""


@pytest.fixture(scope="module")
def controls():
    """The script, imported as if run from its folder, and forgotten afterwards."""
    sys.path.insert(0, str(RESEARCH))
    yield importlib.import_module("controls")
    sys.path.remove(str(RESEARCH))
    for name in ("_studies", "controls"):
        sys.modules.pop(name, None)


def test_a_small_run_is_kept_line_by_line_and_resumed(controls, tmp_path, monkeypatch, capsys):
    file = tmp_path / "walks.jsonl"
    whole = controls.main([*SMALL, "--out", str(file)])
    lines = file.read_text().splitlines()
    assert len(lines) == 4
    walks = [json.loads(line) for line in lines]
    assert {(one["family"], one["investor"]) for one in walks} == {
        (family, investor) for family in ("pairs", "none") for investor in ("oracle", "stat_arb")
    }
    for one in walks:
        assert one["low"] <= one["G"] <= one["high"] or one["orders"] == 0
        assert one["failures"] == 0
        if one["family"] == "none" and one["investor"] == "oracle":
            assert one["orders"] == 0 == one["return"]
    assert (tmp_path / "walks.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    kept = pd.read_csv(tmp_path / "walks.csv", dtype=str)
    assert kept.equals(next(iter(whole.tables.values())))
    assert "nan" not in whole.text()

    # what a run that was stopped has left behind is not done again
    file.write_text("".join(line + "\n" for line in lines[:2]))
    done = []
    walk = controls.walk
    monkeypatch.setattr(controls, "walk", lambda job: done.append(job) or walk(job))
    again = controls.main([*SMALL, "--out", str(file)])
    assert len(done) == 2
    assert again.text() == whole.text()
    resumed = [json.loads(line) for line in file.read_text().splitlines()]
    for old, new in zip(walks, resumed, strict=True):
        assert {**old, "seconds": 0} == {**new, "seconds": 0}
    # another size is another walk
    assert len(controls.read_walks(file)) == 4
    given = [*SMALL, "--draws", "20", "--families", "none", "--out", str(file)]
    controls.main(given)
    assert len(done) == 4
    assert len(controls.read_walks(file)) == 6
    assert "of the markets walked, stat_arb trades in 0 % of 1 of none." in capsys.readouterr().out


def test_a_walk_is_that_of_the_library(controls):
    job = {
        "family": "pairs", "seed": 4, "lag": 0, "investor": "oracle",
        "assets": 8, "days": 7.2, "draws": 30,
    }  # fmt: skip
    found = controls.walk(job)
    panel = sa.simulate_market(8, 7.2, 4, plant="pairs")
    run = sa.walk_forward(sa.testing.oracle(panel), panel, start=panel.grid[2016], decision_lag=0)
    assert found["return"] == run.metrics()["total_return"]
    assert found["G"] == run.metrics()["G"]
    assert found["orders"] == run.metrics()["orders"] > 0


def test_the_table_is_made_of_shares_and_medians(controls):
    returns = {
        "oracle": [0.10, 0.20, -0.05, 0.40],
        "stat_arb": [0.05, 0.20, 0.30, -0.02],
    }
    walks = pd.DataFrame(
        [
            {
                "family": "pairs", "seed": seed, "lag": 1, "investor": name, "return": value,
                "G": 100.0 * value, "low": 100.0 * value - 10.0, "orders": int(seed > 0),
            }
            for name, values in returns.items()
            for seed, value in enumerate(values)
        ]
    )  # fmt: skip
    oracle, found = controls.summary(walks.sample(frac=1.0, random_state=0)).itertuples()
    assert (oracle.investor, found.investor) == ("oracle", "stat_arb")
    assert found.seeds == 4
    assert found.trades == 0.75
    np.testing.assert_allclose([found[6], found.G], [0.125, 12.5], rtol=1e-12)
    # .5, 1 and -.05 of the oracle's gain; where it loses there is none to have a share of
    assert found.of_oracle == pytest.approx(0.5, rel=1e-12)
    assert (found.gains, found.loses, found.sure) == (0.75, 0.25, 0.5)
    walks["return"] = walks["return"].where(walks["investor"] != "oracle", 0.0)
    nothing = controls.summary(walks).iloc[1]
    assert np.isnan(nothing["of_oracle"])
    shown = controls.written(controls.summary(walks))
    assert shown["of the oracle's gain"].tolist() == ["-", "-"]


def test_walks_are_done_family_by_family_within_a_seed_and_what_is_slow_last(controls, tmp_path):
    seen = []

    class Stop(Exception):
        pass

    def record(jobs, file, n_jobs):
        seen.extend(jobs)
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controls, "do_walks", record)
        with pytest.raises(Stop):
            controls.main(["--quick", "--out", str(tmp_path / "x.jsonl")])
    assert len(seen) == 7 * 3 * 2 * 3
    slow = [job["investor"] == "autonomous" for job in seen]
    assert slow == sorted(slow)
    assert [job["seed"] for job in seen[:15]] == [100] * 14 + [101]
    assert {job["lag"] for job in seen[:42]} == {1}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--seeds", "0"], "--seeds must be an integer at least 1"),
        (["--lags", "-1"], "--lags must be an integer at least 0"),
        (["--days", "7"], "--days must be more than 7, got 7"),
        (["--families", "pears"], "invalid choice: 'pears'"),
        (["--assets", "5"], "8 assets for pairs, got assets=5"),
        ([], "line 1: not a walk of this study"),
    ],
)
def test_bad_words_are_one_line_and_exit_code_2(controls, tmp_path, capsys, words, says):
    file = tmp_path / "walks.jsonl"
    if not words:
        file.write_text('{"family": "pairs"}\n')
    with pytest.raises(SystemExit) as stopped:
        controls.main([*SMALL, *words, "--out", str(file)])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
