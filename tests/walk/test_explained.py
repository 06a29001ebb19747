"""What an investor explains, carried by its run."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.results import schema
from statarb.results.league_files import write_league
from statarb.results.read import read_results
from statarb.results.run_files import write_run
from statarb.walk.league import run_league
from tests.conftest import make_panel

RULES = sa.TradingRules().without_limits()
START = "2018-01-24 21:00"


class Diarist:
    """Holds nothing, and keeps a diary of the rows that it was shown, learnt rows first."""

    name = "diarist"

    def __init__(self, *, learnt: int = 3, left_out: dict[str, int] | None = None) -> None:
        self.learnt, self.seen = learnt, []
        self.failures = {} if left_out is None else left_out
        self.reasons: dict[str, int] = {}

    def decide(self, window: sa.Panel, holdings: pd.Series) -> None:
        stamps = window.times_array
        self.seen += list(stamps[-1 - self.learnt :] if not self.seen else stamps[-1:])
        self.reasons["waiting"] = self.reasons.get("waiting", 0) + 1

    def explain(self) -> pd.DataFrame:
        count = len(self.seen)
        return pd.DataFrame(
            {
                "time": np.array(self.seen, dtype="datetime64[us]"),
                "source": "memory",
                "horizon": 2,
                "shrinkage": 0.5,
                "promised": np.arange(count) / 100.0,
                "delivered": np.nan,
                "reason": "waiting",
                "further": "a column of its own",
            }
        )

    def certificates(self) -> pd.DataFrame:
        frame = self.explain()[["time"]]
        return frame.assign(gap=1e-12, status="optimal", seconds=0.001)


class Other(Diarist):
    """Its tables are not those of a run, or it cannot make them."""

    name = "other"

    def explain(self) -> pd.DataFrame:
        return pd.DataFrame({"words": ["something else"]})

    def certificates(self) -> pd.DataFrame:
        raise ValueError("no paper left")


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_run_has_what_was_explained_from_the_first_decision_on(lag: int) -> None:
    panel = make_panel(80, gaps=False)
    run = sa.walk_forward(Diarist(), panel, RULES, start=START, decision_lag=lag)
    first = int(np.searchsorted(panel.grid, pd.Timestamp(START)))
    # a decision for a step was made from the row that the lag had left it
    seen = panel.grid[first - lag : len(panel.grid) - lag]
    assert run.sources is not None
    assert run.certificates is not None
    assert list(run.sources.columns) == list(schema.SOURCE_COLUMNS)
    assert list(run.certificates.columns) == list(schema.CERTIFICATE_COLUMNS)
    assert run.sources["time"].tolist() == run.certificates["time"].tolist() == seen.tolist()
    # the three learnt rows before are gone, and the rest is as it was written
    np.testing.assert_array_equal(run.sources["promised"], np.arange(3, 3 + len(seen)) / 100.0)


def test_times_have_the_zone_of_the_market() -> None:
    panel = make_panel(80, gaps=False)
    index = panel.grid.tz_localize("UTC").tz_convert("Asia/Tokyo")
    zoned = sa.Panel.from_frame(panel.price.set_axis(index))
    plain = sa.walk_forward(Diarist(), panel, RULES, start=START)
    run = sa.walk_forward(Diarist(), zoned, RULES, start=pd.Timestamp(START, tz="UTC"))
    for there, here in ((run.sources, plain.sources), (run.certificates, plain.certificates)):
        assert str(there["time"].dt.tz) == "Asia/Tokyo"
        assert there["time"].dt.tz_convert("UTC").dt.tz_localize(None).equals(here["time"])
        pd.testing.assert_frame_equal(there.drop(columns="time"), here.drop(columns="time"))


def test_who_explains_nothing_has_nothing() -> None:
    panel = make_panel(80)
    run = sa.walk_forward("cash", panel, RULES, start=START)
    assert run.sources is None
    assert run.certificates is None
    assert run.metrics()["left_out"] == {}
    with pytest.warns(RuntimeWarning, match=r"other.certificates\(\) raised ValueError: no paper"):
        run = sa.walk_forward(Other(), panel, RULES, start=START)
    assert run.sources is None
    assert run.certificates is None
    assert not len(run.failures)


def test_what_was_left_out_is_said(tmp_path) -> None:
    panel = make_panel(80)
    investor = Diarist(left_out={"pairs: left out, it had no forecast": 7, "nothing": 0})
    result = run_league(
        [investor, "cash"], panel, RULES, start=START, decision_lags=(1, 0), n_jobs=1
    )
    run = next(run for run in result.runs if run.investor == "diarist" and run.decision_lag == 1)
    assert run.metrics()["left_out"] == {"pairs: left out, it had no forecast": 7}
    assert "pairs: left out, it had no forecast (7 times)" in run.summary()
    assert "left_out" not in result.table
    write_league(result, tmp_path, panel)
    write_run(run, tmp_path, panel)
    page = sa.report.write_report(tmp_path).read_text()
    assert "pairs: left out, it had no forecast (7 times)" in page


def test_the_files_of_a_run_hold_what_it_carries_without_being_told(tmp_path) -> None:
    panel = make_panel(80)
    run = sa.walk_forward(Diarist(), panel, RULES, start=START)
    write_run(run, tmp_path, panel)
    record = read_results(tmp_path).records[0]
    for read, carried in ((record.sources, run.sources), (record.certificates, run.certificates)):
        pd.testing.assert_frame_equal(read, carried, check_dtype=False)


def test_stat_arb_explains_the_same_after_a_checkpoint(tmp_path) -> None:
    panel = sa.simulate_market(assets=8, days=2.0, seed=1, plant=("pairs", {"groups": 2}))
    start = panel.grid[400]
    run = sa.walk_forward("stat_arb", panel, start=start, block=60)
    for _ in range(2):  # the second goes on from the last state that was kept
        again = sa.walk_forward("stat_arb", panel, start=start, block=60, checkpoint=tmp_path)
        pd.testing.assert_frame_equal(again.sources, run.sources)
        same = ["time", "gap", "status"]
        pd.testing.assert_frame_equal(again.certificates[same], run.certificates[same])
        newest = max(tmp_path.rglob("*state-*"), default=None)
        assert newest is not None
        newest.unlink()
    assert len(run.sources) == len(run.value) * run.sources["source"].nunique()
    packed = pickle.loads(pickle.dumps(run.decided))
    pd.testing.assert_frame_equal(packed.explanation.sources, run.sources)
