"""Signals of an investor, computed in blocks of rows, in parallel, ahead of the walk."""

from __future__ import annotations

import itertools
import os
import pickle
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import joblib
import numpy as np

from statarb._core.progress import track
from statarb._core.typing import FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.data.shared_memory import SharedPanel, shared
from statarb.errors import ParameterError
from statarb.investors.context import ask_signals
from statarb.rules import Context
from statarb.walk.checkpoint import Checkpoint
from statarb.walk.processes import end_with, one_thread
from statarb.walk.settings import WalkSettings

__all__ = ["Block", "SignalInvestor", "SignalsFailed", "signal_blocks"]

SignalArrays = Mapping[str, FloatArray]


@runtime_checkable
class SignalInvestor(Protocol):
    """An investor whose view of the market does not depend on what it holds.

    What it knows after a row can then be computed for many rows at once, and in parallel. Its
    ``decide(window, holdings)`` must equal ``decide_on(window, holdings, signal)`` with the signal
    of the window's last row. Both, and ``signals``, may take one more argument, ``context``.
    """

    def signals(self, panel: Panel, first: int, last: int, depth: int) -> SignalArrays:
        """Return what is known after each of the rows ``first`` to ``last - 1``.

        Parameters
        ----------
        panel : Panel
            The market; only rows before ``last`` may be used, and for row r only those up to r.
        first, last : int
            Rows, as positions in ``panel.times``.
        depth : int
            Most rows that may be used for one answer.

        Returns
        -------
        mapping of str to array
            First axis: the rows asked for. The same numbers however the rows are cut into blocks.
        """
        ...

    def decide_on(self, window: Panel, holdings: Any, signal: SignalArrays) -> Any:
        """Return target weights, as ``decide`` does, given the signal of the window's last row."""
        ...


class SignalsFailed(Exception):
    """An investor cannot compute its signals in blocks; the text says what it raised, the cause is
    that error.
    """


class Block:
    """Signals of the rows ``first`` to ``last - 1``, and the seconds that they took.

    Parameters
    ----------
    first, last : int
        Rows, as positions in ``panel.times``.
    arrays : mapping of str to array
        First axis: rows.
    seconds : float
        Time for the whole block.
    """

    def __init__(self, first: int, last: int, arrays: SignalArrays, seconds: float) -> None:
        for name, values in arrays.items():
            if len(values) != last - first:
                raise ParameterError(
                    f"signal {name!r} must have one entry per row: {last - first} for the rows "
                    f"{first} to {last - 1}, "
                    f"got {len(values)}"
                )
        self.first, self.last, self.arrays = first, last, dict(arrays)
        self.seconds_per_row = seconds / max(last - first, 1)

    def row(self, position: int) -> dict[str, FloatArray]:
        """Return the signal of one row: the entries of all arrays at ``position``, a position in
        ``panel.times``.
        """
        return {name: values[position - self.first] for name, values in self.arrays.items()}


def signal_blocks(
    investor: SignalInvestor,
    panel: Panel,
    context: Context,
    rows: range,
    settings: WalkSettings,
    *,
    n_jobs: int,
    store: Checkpoint | None,
    show: bool,
) -> Iterator[Block]:
    """Give the blocks of some rows in order; workers are ahead of the reader.

    A worker maps the panel from files, and shows the investor only the rows up to the end of its
    block: what lies after it is not there to be seen. It leaves the block in a file too, so that
    blocks that wait for the reader take no memory.

    Parameters
    ----------
    investor : SignalInvestor
        Whose signals; is not changed.
    panel : Panel
        The market.
    context : Context
        That of the start of the walk.
    rows : range
        Rows, as positions in ``panel.times``.
    settings : WalkSettings
        Depth of the windows, and steps of a block. Blocks are cut at multiples of it on the grid of
        the whole panel, so that they are the same wherever a walk begins, and so that a model that
        is fitted every so many steps (:func:`statarb.data.refits.refit_rows`) is fitted in one of
        them alone.
    n_jobs : int
        Processes.
    store : Checkpoint, optional
        Where blocks are kept, and read from.
    show : bool
        Whether to show a bar on a terminal.

    Raises
    ------
    SignalsFailed
        Whatever the investor raised, when the reader comes to that block; or it cannot be sent to
        workers.
    """
    first, last, block = rows.start, rows.stop, settings.block
    work = _Work(investor, context, last if settings.depth is None else settings.depth)
    edges = _edges(panel.places[first:last], first, block)
    if joblib.effective_n_jobs(n_jobs) == 1:
        for low, high in track(edges, "signals", total=len(edges), show=show):
            yield _compute(work, panel, low, high, store)
        return
    with shared(panel, None if store is None else store.folder) as market:
        parked = Checkpoint(market.folder, "signals") if store is None else store
        tasks = (
            joblib.delayed(_store_block)(work, market, low, high, parked, os.getpid())
            for low, high in edges
        )
        runner = joblib.Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="2*n_jobs")
        done = track(runner(tasks), "signals", total=len(edges), show=show)
        try:
            for (low, high), _ in zip(edges, done, strict=True):
                found = _compute(work, panel, low, high, parked)
                if store is None:
                    parked.remove(_name(low, high))
                yield found
        except pickle.PicklingError as error:
            # joblib hands on the whole traceback as text
            reason = str(error.__cause__ or error).strip('\n"').splitlines()[-1]
            raise SignalsFailed(f"workers cannot be sent it: {reason}") from error


def _edges(places: IntArray, first: int, block: int) -> list[tuple[int, int]]:
    """Rows of the blocks, given the places in the grid of the rows from ``first`` on."""
    cuts = first + 1 + np.flatnonzero(np.diff(places // block))
    return list(itertools.pairwise([first, *cuts.tolist(), first + len(places)]))


def _name(low: int, high: int) -> str:
    return f"signals-{low:07d}-{high:07d}"


class _Work(NamedTuple):
    """Whose signals are computed, in which context, from how many rows."""

    investor: SignalInvestor
    context: Context
    depth: int


def _store_block(
    work: _Work, market: SharedPanel, low: int, high: int, store: Checkpoint, parent: int
) -> None:
    """Compute a block, in a worker, and store it where its reader finds it."""
    end_with(parent)
    with one_thread():
        _compute(work, market.open(), low, high, store)


def _compute(work: _Work, panel: Panel, low: int, high: int, store: Checkpoint | None) -> Block:
    """Read a block from the store, or compute it and leave it there.

    Raises
    ------
    SignalsFailed
        Whatever the investor raised, or signals that do not have one entry a row. What the store or
        the panel raise is theirs.
    """
    name = _name(low, high)
    found = None if store is None else store.read(name)
    if isinstance(found, Block):
        return found
    past = panel.row_slice(0, high)
    started = time.perf_counter()
    try:
        arrays = {
            key: np.asarray(values)
            for key, values in ask_signals(
                work.investor, past, low, high, work.depth, work.context
            ).items()
        }
        made = Block(low, high, arrays, time.perf_counter() - started)
    except MemoryError:  # says something about the machine, nothing about the investor
        raise
    except (
        Exception
    ) as error:  # the boundary to other people's code: the walk warns of it, and asks step by step
        raise SignalsFailed(f"{type(error).__name__}: {error}") from error
    if store is not None:
        store.write(name, made)
    return made
