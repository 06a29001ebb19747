"""check_causal: a result up to t must not change when only what comes after t is changed."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.time import as_stamp
from statarb._core.typing import IntArray, TimeLike
from statarb.data.panel import Panel
from statarb.errors import LookAheadError, ParameterError
from statarb.testing.futures import (
    FUTURES,
    changed_future,
    changed_in_place,
    example_market,
    read_only_copy,
)

__all__ = ["CheckReport", "check_causal"]

Frames = dict[str, pd.DataFrame]


@dataclasses.dataclass(frozen=True)
class CheckReport:
    """What a check that passed has run.

    Parameters
    ----------
    subject : str
        What was checked.
    cuts : tuple of Timestamp
        Times after which the market was changed.
    runs : int
        How often the subject was called.
    skipped : tuple of str
        Parts of the check that could not be run, each with its reason.
    """

    subject: str
    cuts: tuple[pd.Timestamp, ...]
    runs: int
    skipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for people."""
        missed = f"; not checked: {'; '.join(self.skipped)}" if self.skipped else ""
        return f"{self.subject}: passed, {self.runs} runs, {len(self.cuts)} cuts{missed}"


def check_causal(
    function: Callable[[Panel], Any],
    panel: Panel | None = None,
    *,
    lag: int = 0,
    cuts: int = 8,
    start: TimeLike | None = None,
    seed: int = 0,
) -> CheckReport:
    """Check that what a function says of time t rests on rows up to t alone.

    The function is run on the panel, then at many random cuts on panels whose rows after the cut
    are dropped, permuted, multiplied, missing and thinned (:func:`changed_future`), and once more
    while the future of the panel's own arrays is changed in place, which finds a peek through a
    global or through ``array.base``. Every answer up to the cut must be bit-identical.

    Parameters
    ----------
    function : callable
        Takes a :class:`Panel` and returns a DataFrame or Series by time, a Panel, or a mapping of
        names to these. A row of the result at t is a statement made at t.
    panel : Panel, optional
        Market to run on; by default :func:`example_market`. It arrives read-only.
    lag : int
        Number of grid steps before t at which the data for t must end: 0 lets a row at t use quotes
        at t, 1 only those before it.
    cuts : int
        Number of random cuts, at rows of the panel; half of them inside gaps, where there are any.
    start : time, optional
        First time of a cut, where the function needs some rows to begin; by default a third into
        the rows.
    seed : int
        Of the cuts and of the changes.

    Returns
    -------
    CheckReport
        What was run.

    Raises
    ------
    LookAheadError
        A result changed: says at which time, for which asset, by how much, and what was done to the
        future.
    AssertionError
        The function writes to its input, or gives two answers to the same question.
    ParameterError
        The result has no times to compare.

    Examples
    --------
    >>> from statarb.testing import check_causal
    >>> print(check_causal(lambda panel: panel.price.rolling(5).mean(), cuts=2))
    <lambda>: passed, 14 runs, 2 cuts
    >>> check_causal(lambda panel: panel.price.shift(-1), cuts=2)
    Traceback (most recent call last):
    ...
    statarb.errors.LookAheadError: <lambda> looks ahead: ...
    """
    panel = example_market() if panel is None else panel
    lag = check_integer("lag", lag, at_least=0)
    check_integer("cuts", cuts, at_least=1)
    name = getattr(function, "__name__", type(function).__name__)
    rng = np.random.default_rng(seed)
    chosen = random_cuts(panel, cuts, start, rng)
    original = read_only_copy(panel)
    expected = called(function, original, name)
    assert_same(
        name,
        expected,
        called(function, original, name),
        None,
        "the same panel was given a second time",
    )
    runs, skipped = 2, []
    for cut in chosen:
        until = cut + lag * panel.step
        for how in FUTURES:
            got = called(
                function, changed_future(panel, cut, how, seed=rng), name, f"rows after {cut} {how}"
            )
            assert_same(
                name,
                expected,
                got,
                cut if how == "dropped" else until,
                f"only rows after {cut} were {how}",
            )
            runs += 1
        with changed_in_place(panel, cut, seed=rng) as changed:
            if changed:
                got = called(function, panel, name, f"rows after {cut} multiplied in place")
                assert_same(
                    name, expected, got, until, f"only rows after {cut} were multiplied in place"
                )
                runs += 1
    if not changed:
        skipped.append("changes in place (the arrays of the panel are mapped from a file)")
    return CheckReport(name, tuple(chosen), runs, tuple(skipped))


def random_cuts(
    panel: Panel, count: int, start: TimeLike | None, rng: np.random.Generator
) -> list[pd.Timestamp]:
    """Draw rows of the panel, in order, from ``start`` (or a third of the rows on) to the last row
    but one.

    Every second one is drawn from inside a hole of some asset, where there are any: filling across
    t shows nowhere else.
    """
    times = panel.times
    low = (
        len(times) // 3
        if start is None
        else int(np.searchsorted(panel.times_array, as_stamp("start", start), side="left"))
    )
    high = len(times) - 1
    if low >= high:
        raise ParameterError(
            f"no cut fits between row {low} and the last row but one of {len(times)}; give a "
            "longer panel or an earlier start"
        )
    count = min(count, high - low)
    places = rng.permutation(np.arange(low, high))[:count]
    inside = _rows_in_holes(panel, low, high)
    if len(inside):
        spared = np.setdiff1d(rng.permutation(inside)[: (count + 1) // 2], places)
        places[: len(spared)] = spared
    return list(times[np.sort(places)])


def _rows_in_holes(panel: Panel, low: int, high: int) -> IntArray:
    """Return rows in ``[low, high)`` at which an asset stands in a hole that a later quote ends,
    once for each such asset.
    """
    seen = ~np.isnan(panel.array("price"))
    later = np.logical_or.accumulate(seen[::-1], axis=0)[::-1]
    rows, _ = np.nonzero(np.logical_or.accumulate(seen, axis=0) & later & ~seen)
    return np.asarray(rows[(rows >= low) & (rows < high)], dtype=np.int64)


def called(
    function: Callable[[Panel], Any], panel: Panel, name: str, change: str | None = None
) -> Frames:
    """Run the function, and see that it leaves its input alone."""
    before = panel.digest()
    with judged(name, change):
        result = function(panel)
    if panel.digest() != before:
        raise AssertionError(f"{name} writes to the panel that it is given; it must work on a copy")
    return as_frames(name, result)


@contextmanager
def judged(name: str, change: str | None) -> Iterator[None]:
    """Say what an error of the subject means: one that only a changed future brings about is a look
    ahead.

    The boundary to other people's code: nothing is swallowed, and what is no answer of the subject
    (an interruption, a machine short of memory) passes as it is.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and (
            "read-only" in str(error) or "WRITEABLE" in str(error)
        ):
            raise AssertionError(
                f"{name} writes to its input, which is read-only; it must work on a copy"
            ) from error
        if change is None:
            raise
        raise LookAheadError(
            f"{name} looks ahead: with {change} it fails ({type(error).__name__}: {error}), and "
            "without that it does not"
        ) from error


def pickled(subject: Any, name: str) -> Any:
    """Return a copy that went through pickle, as to a worker; what pickling raises is the subject's
    fault.
    """
    try:
        return pickle.loads(pickle.dumps(subject))
    except MemoryError:
        raise
    except Exception as error:
        raise AssertionError(
            f"{name} cannot be pickled ({type(error).__name__}: {error}); workers need that"
        ) from error


def as_frames(name: str, result: Any) -> Frames:
    """Return a result as frames by time, by name."""
    if isinstance(result, Panel):
        frames = {field: result.field(field) for field in result.fields}
        return {**frames, "observed": result.observed}
    if isinstance(result, pd.Series):
        result = result.to_frame()
    if isinstance(result, pd.DataFrame):
        if not isinstance(result.index, pd.DatetimeIndex):
            raise ParameterError(
                f"the result of {name} must be indexed by times, got an index of "
                f"{result.index.dtype}"
            )
        return {"": result}
    if isinstance(result, Mapping):
        parts = {str(key): as_frames(name, value) for key, value in result.items()}
        return {
            f"{key}.{part}".strip("."): frame
            for key, found in parts.items()
            for part, frame in found.items()
        }
    raise ParameterError(
        f"the result of {name} must be a DataFrame or Series by time, a Panel or a mapping of "
        "these, "
        f"got {type(result).__name__}"
    )


def assert_same(
    name: str, expected: Frames, got: Frames, until: pd.Timestamp | None, change: str
) -> None:
    """Compare two results bit for bit up to ``until``; say where, for which asset and by how much
    they differ first.
    """
    complain = _repeated if until is None else _looks_ahead
    if expected.keys() != got.keys():
        complain(name, f"it returns {sorted(got)} instead of {sorted(expected)}", change)
    for key, frame in expected.items():
        before, after = frame.loc[:until], got[key].loc[:until]
        of = f" of {key!r}" if key else ""
        if not before.index.equals(after.index):
            odd = before.index.symmetric_difference(after.index)
            complain(
                name,
                f"the row at {odd[0] if len(odd) else before.index[0]}{of} is in one result alone",
                change,
            )
        if not before.columns.equals(after.columns):
            odd = before.columns.symmetric_difference(after.columns)
            complain(name, f"the columns{of} change ({[*odd[:3]]})", change)
        first = _first_difference(before, after)
        if first is not None:
            complain(name, f"{first}{f', in {key!r}' if key else ''}", change)


def label(labels: pd.Index, place: int) -> str:
    """Return one label as a reader writes it: 1442 rather than np.int64(1442)."""
    return repr(labels[[place]].tolist()[0])


def _first_difference(before: pd.DataFrame, after: pd.DataFrame) -> str | None:
    old, new = before.to_numpy(), after.to_numpy()
    with np.errstate(invalid="ignore"):
        differs = ~((old == new) | (pd.isna(old) & pd.isna(new)))
    if not differs.any():
        return None
    row, column = (int(place[0]) for place in np.nonzero(differs))
    count = int(differs.sum())
    text = f"the result at {before.index[row]} for {label(before.columns, column)} changes "
    text += f"from {old[row, column]} to {new[row, column]}"
    if np.issubdtype(old.dtype, np.number) and np.issubdtype(new.dtype, np.number):
        by = np.abs(new.astype(float) - old.astype(float))[differs]
        text += (
            f" (by {abs(float(new[row, column]) - float(old[row, column])):.3g}; {count} cells "
            "change"
        )
        text += f", the largest by {np.nanmax(by):.3g})" if not np.isnan(by).all() else ")"
    return text


def _looks_ahead(name: str, what: str, change: str) -> None:
    raise LookAheadError(f"{name} looks ahead: {what}, when {change}")


def _repeated(name: str, what: str, change: str) -> None:
    raise AssertionError(
        f"{name} is not repeatable: {what}, when {change}; pass a seed instead of drawing from "
        "global state, and keep what it "
        "is shown in itself alone"
    )
