"""Worker processes of a walk: one thread of BLAS each, gone with their main process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from joblib.externals.loky.process_executor import BrokenProcessPool
from threadpoolctl import threadpool_limits

from statarb.errors import DataError

__all__ = ["end_with", "named_failures", "one_thread", "terminable"]

POLL = 1.0
"""Seconds between two looks at whether the main process still lives."""

_followed: set[int] = set()


@contextmanager
def one_thread() -> Iterator[None]:
    """Give BLAS one thread: with several it rounds otherwise, and results would depend on how many
    processes there are.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def end_with(parent: int) -> None:
    """Let this worker end when its main process does, however that one ends.

    Parameters
    ----------
    parent : int
        Process id of the main process. Nothing happens in a process that it did not start, as on a
        cluster, or in the main process itself.
    """
    if os.getppid() != parent or parent in _followed:
        return
    _followed.add(parent)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL)
    os._exit(1)  # nobody is left to hear of it


@contextmanager
def terminable() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C: what ``timeout``, systemd and Slurm send ends a walk as cleanly.

    Only where the program has no handler of its own, and in the main thread.
    """
    outside = threading.current_thread() is not threading.main_thread()
    if outside or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def named_failures(kept: bool) -> Iterator[None]:
    """Say in one sentence that a worker process died.

    Parameters
    ----------
    kept : bool
        Whether finished blocks are kept in a checkpoint.

    Raises
    ------
    DataError
        A worker was killed, most often by the system for want of memory.
    """
    try:
        yield
    except BrokenProcessPool as error:
        what = (
            "run it again to go on from the blocks that are finished"
            if kept
            else "with a checkpoint (checkpoint=, --resume) finished blocks are kept"
        )
        raise DataError(
            "a worker process was killed, most often for want of memory; give fewer processes "
            f"(n_jobs, --n-jobs), and {what}"
        ) from error
