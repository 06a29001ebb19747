"""Processes of a walk: threads of BLAS, killed workers, what a killed run leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import statarb as sa
from statarb.data.shared_memory import PREFIX, _machine, shared
from statarb.walk.league import run_league
from statarb.walk.processes import end_with, one_thread, terminable
from tests.conftest import make_panel

START = "2018-01-24 21:00"
RULES = sa.TradingRules().without_limits()


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


class Counting:
    """Fails with the number of threads of BLAS where there are several."""

    name = "counting"

    def decide(self, window, holdings):
        if blas_threads() != {1}:
            raise RuntimeError(f"{blas_threads()} threads")
        return {window.assets[0]: 0.5}


class Dying:
    """Ends its process at once, as the system does where memory runs out."""

    name = "dying"

    def __init__(self):
        self.main = os.getpid()

    def decide(self, window, holdings):
        if os.getpid() != self.main:
            os.kill(os.getpid(), signal.SIGKILL)
        return


def test_an_investor_decides_with_one_thread_of_blas_and_the_others_come_back():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        run = sa.walk_forward(Counting(), make_panel(60), RULES, start=START)
        assert blas_threads() == before
        with one_thread():
            assert blas_threads() == {1}
    assert len(run.failures) == 0


def test_a_killed_worker_is_one_sentence_with_what_to_do():
    with pytest.raises(sa.DataError, match=r"a worker process was killed.*checkpoint="):
        run_league([Dying(), "cash"], make_panel(60), RULES, start=START, n_jobs=2, draws=0)
    table = sa.league(["cash", "equal_weight"], make_panel(60), RULES, start=START, n_jobs=2)
    assert len(table) == 4


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"{PREFIX}{_machine()}-{gone.pid}-abc"
    alive = tmp_path / f"{PREFIX}{_machine()}-{os.getpid()}-abc"
    elsewhere = tmp_path / f"{PREFIX}elsewhere-{gone.pid}-abc"
    for folder in (left, alive, elsewhere):
        folder.mkdir()
    with shared(make_panel(20), tmp_path) as place:
        assert Path(place.folder).exists()
        assert not left.exists()
        assert alive.exists()
        assert elsewhere.exists()
    assert not Path(place.folder).exists()


def test_sigterm_is_an_interruption_while_a_walk_runs():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_handler_of_ones_own_stays():
    def own(number, frame):
        raise AssertionError("not called")

    before = signal.signal(signal.SIGTERM, own)
    try:
        with terminable():
            assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


SCRIPT = """
import os, sys, time
import statarb as sa
from tests.conftest import make_panel

class Slow:
    name = "slow"
    def __init__(self, number):
        self.name = f"slow {number}"
    def decide(self, window, holdings):
        open(os.path.join(%r, str(os.getpid())), "w").close()
        time.sleep(0.2)
        return None

if __name__ == "__main__":
    sa.league([Slow(1), Slow(2)], make_panel(2000), sa.TradingRules().without_limits(), n_jobs=2)
"""


def running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_main_process_and_leave_nothing(tmp_path, how):
    seen, temporary = tmp_path / "seen", tmp_path / "tmp"
    seen.mkdir()
    temporary.mkdir()
    root = str(Path(__file__).parents[2])
    main = subprocess.Popen(
        [sys.executable, "-c", SCRIPT % str(seen)],
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": root},
        cwd=root,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60.0
        while len(list(seen.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        workers = [int(path.name) for path in seen.iterdir()]
        assert len(workers) == 2
        main.send_signal(how)
        main.wait(timeout=30)
        until = time.monotonic() + 20.0
        while any(running(worker) for worker in workers) and time.monotonic() < until:
            time.sleep(0.1)
        assert not any(running(worker) for worker in workers)
        left = [path for path in temporary.iterdir() if path.name.startswith(PREFIX)]
        if how == signal.SIGTERM:
            assert left == []
        else:  # nobody could: the next one does
            assert len(left) == 1
            with shared(make_panel(20), temporary):
                assert not left[0].exists()
    finally:
        main.kill()
        main.wait()


def test_following_a_process_that_is_not_the_parent_does_nothing():
    import threading

    before = threading.active_count()
    end_with(-1)
    end_with(os.getpid())
    assert threading.active_count() == before


def test_a_league_has_the_same_table_for_every_number_of_processes():
    panel = make_panel(120, 8, seed=4)
    tables = [
        sa.league(["minimum_variance", "cash"], panel, RULES, start=START, n_jobs=n, draws=50)
        for n in (1, 2)
    ]
    times = ["seconds", "utilisation_max_percent"]
    pd.testing.assert_frame_equal(
        tables[0].drop(columns=times), tables[1].drop(columns=times), check_exact=True
    )
