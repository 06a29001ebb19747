"""Signals in blocks, and walks that are killed: the result depends on neither."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.investors import LeadLag
from statarb.walk.checkpoint import Checkpoint, content_key, describe
from tests.conftest import make_panel

ROOT = Path(__file__).resolve().parents[2]
RULES = sa.TradingRules()
START = "2018-01-25 10:00"
WALK = {"start": START, "depth": 400, "decision_lag": 1}


@pytest.fixture(scope="module")
def market():
    return make_panel(700, 5, seed=11, missing=0.05)


@pytest.fixture(scope="module")
def whole(market):
    return sa.walk_forward(LeadLag(entry=0.001, exit=0.001), market, RULES, **WALK)


def same(one, other):
    pd.testing.assert_frame_equal(one.targets, other.targets, check_exact=True)
    pd.testing.assert_series_equal(one.replay.value, other.replay.value, check_exact=True)
    assert one.decided.failures == other.decided.failures


class Plain:
    """The same investor with its block signals hidden: it decides from each window alone."""

    def __init__(self, investor):
        self.investor = investor
        self.name = investor.name

    def decide(self, window, holdings):
        return self.investor.decide(window, holdings)


class Counting(LeadLag):
    """Writes a line for every block of signals that it computes."""

    log: str = ""

    def signals(self, panel, first, last, depth):
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{first} {last}\n")
        return super().signals(panel, first, last, depth)


@pytest.mark.parametrize(("n_jobs", "block"), [(1, 7), (1, 100), (2, 64), (2, 288), (1, 10_000)])
def test_the_result_depends_on_neither_workers_nor_blocks(market, whole, n_jobs, block):
    same(
        whole,
        sa.walk_forward(
            LeadLag(entry=0.001, exit=0.001), market, RULES, n_jobs=n_jobs, block=block, **WALK
        ),
    )
    assert len(whole.targets) > 50


def test_an_investor_without_block_signals_decides_the_same(market, whole):
    plain = sa.walk_forward(Plain(LeadLag(entry=0.001, exit=0.001)), market, RULES, **WALK)
    # rolling sums against sums made anew for each window: they differ by rounding, which no
    # decision here turns on
    np.testing.assert_allclose(plain.replay.value, whole.replay.value, rtol=1e-9)
    assert len(plain.failures) == 0


class Failing(LeadLag):
    """Cannot compute blocks that reach beyond row 600."""

    def signals(self, panel, first, last, depth):
        if last > 600:
            raise ZeroDivisionError("no block")
        return super().signals(panel, first, last, depth)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_block_that_fails_is_warned_of_and_decided_step_by_step(market, n_jobs):
    whole = sa.walk_forward(LeadLag(), market, RULES, block=64, **WALK)
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError: no block.*step by step"):
        run = sa.walk_forward(Failing(), market, RULES, block=64, n_jobs=n_jobs, **WALK)
    # rolling sums against sums made anew for each window: they differ by rounding
    np.testing.assert_allclose(run.replay.value, whole.replay.value, rtol=1e-9)


class Unsendable(LeadLag):
    """Holds something that no other process can have."""

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle an open line to the exchange")


def test_an_investor_that_no_worker_can_be_sent_decides_step_by_step(market):
    whole = sa.walk_forward(Unsendable(), market, RULES, n_jobs=1, **WALK)
    with pytest.warns(
        RuntimeWarning,
        match="workers cannot be sent it: TypeError: cannot pickle an open line.*step by step",
    ):
        run = sa.walk_forward(Unsendable(), market, RULES, n_jobs=2, **WALK)
    assert len(run.failures) == 0
    # rolling sums against sums made anew for each window: they differ by rounding
    np.testing.assert_allclose(run.replay.value, whole.replay.value, rtol=1e-9)


class Uneven(LeadLag):
    """Gives one entry too few."""

    def signals(self, panel, first, last, depth):
        return {
            name: values[1:] for name, values in super().signals(panel, first, last, depth).items()
        }


def test_signals_of_the_wrong_length_are_warned_of_by_name_and_rows(market):
    with pytest.warns(
        RuntimeWarning,
        match="'expected_return' must have one entry per row: 25 for the rows 167 to 191, got 24",
    ):
        run = sa.walk_forward(Uneven(), market, RULES, block=64, **WALK)
    assert set(run.failures["message"]) == {
        "IndexError: index 0 is out of bounds for axis 0 with size 0"
    }


def test_a_fault_of_the_store_is_not_taken_for_the_investors(market, tmp_path, monkeypatch):
    def full(self, name, content):
        raise sa.DataError("the disk is full")

    monkeypatch.setattr(Checkpoint, "write", full)
    with pytest.raises(sa.DataError, match="the disk is full"):
        sa.walk_forward(LeadLag(), market, RULES, checkpoint=tmp_path, **WALK)


def test_a_machine_short_of_memory_is_no_fault_of_the_investor(market):
    class Large(LeadLag):
        def signals(self, panel, first, last, depth):
            raise MemoryError

    with pytest.raises(MemoryError):
        sa.walk_forward(Large(), market, RULES, **WALK)


def test_a_finished_walk_is_read_from_its_checkpoint(market, whole, tmp_path):
    investor = Counting(entry=0.001, exit=0.001)
    Counting.log = str(tmp_path / "log")
    try:
        first = sa.walk_forward(
            investor, market, RULES, checkpoint=tmp_path / "c", block=100, **WALK
        )
        computed = Path(Counting.log).read_text()
        again = sa.walk_forward(
            investor, market, RULES, checkpoint=tmp_path / "c", block=100, **WALK
        )
        assert Path(Counting.log).read_text() == computed
    finally:
        Counting.log = ""
    same(first, whole)
    same(again, whole)


def test_other_parameters_never_read_a_stale_block(market, tmp_path):
    for entry in (0.001, 0.002):
        for lag in (0, 1):
            kept = sa.walk_forward(
                LeadLag(entry=entry),
                market,
                RULES,
                checkpoint=tmp_path,
                start=START,
                depth=400,
                decision_lag=lag,
            )
            same(
                kept,
                sa.walk_forward(
                    LeadLag(entry=entry), market, RULES, start=START, depth=400, decision_lag=lag
                ),
            )
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("kind", ["signals", "steps", "state"])
def test_a_damaged_block_is_detected_and_done_again(market, whole, tmp_path, kind):
    options = {"checkpoint": tmp_path, "block": 100, **WALK}
    sa.walk_forward(LeadLag(entry=0.001, exit=0.001), market, RULES, **options)
    files = sorted(tmp_path.rglob(f"{kind}-*"))
    for path in files[len(files) // 2 :]:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(bytes(data))
    for path in tmp_path.rglob("state-*"):
        if kind == "signals":
            path.unlink()
    same(sa.walk_forward(LeadLag(entry=0.001, exit=0.001), market, RULES, **options), whole)


KILLED = """
import sys, pickle
sys.path[:0] = [{root!r}, {tests!r}]
import statarb as sa
from tests.conftest import make_panel
from statarb.investors import LeadLag
import time
class Slow(LeadLag):
    def decide_on(self, window, holdings, signal):
        time.sleep(0.002)
        return super().decide_on(window, holdings, signal)
run = sa.walk_forward(Slow(entry=0.001, exit=0.001), make_panel(700, 5, seed=11, missing=0.05),
sa.TradingRules(),
    start={start!r}, depth=400, decision_lag=1, checkpoint={folder!r}, block=50)
run.targets.to_pickle({out!r}); run.replay.value.to_pickle({out!r} + "v")
"""


def test_killed_at_ten_random_moments_it_ends_with_the_same_bytes(whole, tmp_path):
    out = tmp_path / "targets.pkl"
    script = tmp_path / "walk.py"
    script.write_text(
        KILLED.format(
            root=str(ROOT),
            tests=str(ROOT / "tests"),
            start=START,
            folder=str(tmp_path / "c"),
            out=str(out),
        )
    )
    moments = random.Random(5)
    kills, blocks = 0, 0
    while not out.exists():
        worker = subprocess.Popen(
            [sys.executable, str(script)], env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        if kills < 10:
            # wait until it has come further than the last time, then a random moment more
            patience = time.monotonic() + 60.0
            while worker.poll() is None and time.monotonic() < patience:
                if (
                    len(
                        list((tmp_path / "c").rglob("state-*"))
                        + list((tmp_path / "c").rglob("steps-*"))
                    )
                    > 0
                ):
                    break
                time.sleep(0.01)
            time.sleep(moments.uniform(0.0, 0.25))
            if worker.poll() is None:
                os.kill(worker.pid, signal.SIGKILL)
                kills += 1
            worker.wait()
            done = len(list((tmp_path / "c").rglob("steps-*")))
            assert done >= blocks, "finished blocks were lost"
            blocks = done
        else:
            assert worker.wait() == 0
    assert kills >= 3, "the walk ended before it could be killed"
    pd.testing.assert_frame_equal(pd.read_pickle(out), whole.targets, check_exact=True)
    pd.testing.assert_series_equal(pd.read_pickle(f"{out}v"), whole.replay.value, check_exact=True)


def test_an_unwritable_checkpoint_is_a_clear_error(market, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(sa.DataError, match="cannot make the folder"):
        sa.walk_forward(LeadLag(), market, RULES, checkpoint=tmp_path / "file" / "c", **WALK)


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    store = Checkpoint(tmp_path, content_key({"a": 1}))

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(sa.DataError, match="No space left on device"):
        store.write("block", [1, 2, 3])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_investor_that_cannot_be_pickled_is_told_so(market, tmp_path):
    class Local:
        name = "local"

        def __init__(self):
            self.handle = lambda: None

        def decide(self, window, holdings):
            return None

    with pytest.raises(sa.ParameterError, match="can be pickled"):
        sa.walk_forward(Local(), market, RULES, checkpoint=tmp_path, **WALK)


def test_a_key_tells_parameters_code_and_data_apart():
    things = [
        1,
        1.0,
        "1",
        True,
        None,
        [1],
        (1, 2),
        {"a": 1},
        {1},
        len,
        np.array([1]),
        np.array([1.0]),
    ]
    things += [
        LeadLag(),
        LeadLag(cap=0.2),
        LeadLag,
        lambda x: x,
        lambda x: x + 1,
        pd.Series([1]),
        pd.Series([2]),
    ]
    keys = {content_key({"x": thing}) for thing in things}
    assert len(keys) == len(things)
    assert describe(LeadLag()) == describe(pickle.loads(pickle.dumps(LeadLag())))


def test_a_block_under_the_name_of_another_is_computed_anew(market, whole, tmp_path):
    options = {**WALK, "block": 64, "checkpoint": tmp_path}
    sa.walk_forward(LeadLag(entry=0.001, exit=0.001), market, RULES, **options)
    for kind in ("steps", "signals"):
        first, second = sorted(tmp_path.glob(f"*/{kind}-*"))[:2]
        second.write_bytes(first.read_bytes())
        same(sa.walk_forward(LeadLag(entry=0.001, exit=0.001), market, RULES, **options), whole)
