"""check_imputer: only missing cells are filled, and what claims not to look ahead does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import LookAheadError
from statarb.testing.causality import (
    CheckReport,
    as_frames,
    assert_same,
    called,
    check_causal,
    label,
    pickled,
    random_cuts,
)
from statarb.testing.futures import (
    FUTURES,
    changed_future,
    changed_in_place,
    example_market,
    read_only_copy,
)

__all__ = ["check_imputer"]


def check_imputer(
    imputer: Callable[[Panel], Panel],
    panel: Panel | None = None,
    *,
    depth: int = DEPTH,
    cuts: int = 4,
    seed: int = 0,
    max_gap: int | None = None,
    tolerance: float | None = 1e-6,
) -> CheckReport:
    """Check an imputer: a function of a panel that returns it with missing prices filled.

    Observed cells stay bit-identical and the mask of what was observed stays as it is; filled
    prices are positive and finite; grid and assets stay. Nothing before an asset's first quote is
    filled, and no hole longer than ``max_gap``. Inside a window nothing after its end is used. The
    answer says by ``looks_ahead`` whether it looks ahead on a whole panel; one that says it does
    not is held to it by :func:`check_causal`. Input read-only, repeatable, picklable, order of the
    assets: as in :func:`check_investor`.

    Parameters
    ----------
    imputer : callable
        Takes a :class:`Panel`, returns a :class:`Panel`; for example an
        :class:`~statarb.data.imputation.Imputer`.
    panel : Panel, optional
        Market to fill; by default :func:`example_market`.
    depth : int
        Number of rows of a window.
    cuts : int
        Number of random times.
    seed : int
        Of cuts, changes and the order of assets.
    max_gap : int, optional
        Longest hole in grid steps that the imputer was asked to fill; by default its attribute
        ``max_gap``, where it has one. An attribute ``fill_start`` that is true allows the first
        ``max_gap`` cells of a longer hole.
    tolerance : float or None
        Largest relative change of a filled price when assets change places; ``None`` leaves that
        out.

    Returns
    -------
    CheckReport
        What was run.

    Raises
    ------
    LookAheadError
        A window was filled with what came after it, or a panel that says it does not look ahead
        does.
    AssertionError
        Any other promise is broken.
    """
    panel = example_market() if panel is None else panel
    check_integer("cuts", cuts, at_least=1)
    name = str(getattr(imputer, "name", getattr(imputer, "__name__", type(imputer).__name__)))
    longest = getattr(imputer, "max_gap", None) if max_gap is None else max_gap
    rng = np.random.default_rng(seed)
    original = read_only_copy(panel)
    filled = _filled(imputer, original, name)
    _assert_only_missing_filled(
        name, original, filled, longest, bool(getattr(imputer, "fill_start", False))
    )
    expected = as_frames(name, filled)
    for copied, what in (
        (imputer, "it was asked again"),
        (pickled(imputer, name), "a pickled copy was asked"),
    ):
        assert_same(name, expected, called(copied, original, name), None, what)
    runs = 3
    if tolerance is not None:
        _assert_order_free(name, imputer, original, filled, rng, tolerance)
        runs += 1
    chosen = random_cuts(panel, cuts, None, rng)
    for cut in chosen:
        window = _filled(imputer, original.window(cut, depth), name)
        _assert_only_missing_filled(name, original.window(cut, depth), window, None)
        known = as_frames(name, window)
        for how in FUTURES:
            market = changed_future(panel, cut, how, seed=rng)
            got = called(imputer, market.window(cut, depth), name, f"rows after {cut} {how}")
            assert_same(
                name, known, got, cut, f"the window ends at {cut} and only later rows were {how}"
            )
        with changed_in_place(panel, cut, seed=rng) as changed:
            got = called(
                imputer, panel.window(cut, depth), name, f"rows after {cut} multiplied in place"
            )
            assert_same(
                name,
                known,
                got,
                cut,
                f"the window ends at {cut} and only later rows were multiplied in place",
            )
        runs += 2 + len(FUTURES)
    skipped = (
        [] if changed else ["changes in place (the arrays of the panel are mapped from a file)"]
    )
    if tolerance is None:
        skipped.append("order of the assets")
    if filled.looks_ahead and not panel.looks_ahead:
        skipped.append("causality on a whole panel (it says that it looks ahead)")
    else:
        runs += _held_to_its_word(imputer, panel, name, cuts, seed).runs
    return CheckReport(name, tuple(chosen), runs, tuple(skipped))


def _held_to_its_word(
    imputer: Callable[[Panel], Panel], panel: Panel, name: str, cuts: int, seed: int
) -> CheckReport:
    def fill(market: Panel) -> Panel:
        return imputer(market)

    fill.__name__ = name
    try:
        return check_causal(fill, panel, cuts=cuts, seed=seed)
    except LookAheadError as error:
        raise LookAheadError(
            f"{error}; an imputer that looks ahead must return a panel with looks_ahead=True"
        ) from error


def _filled(imputer: Callable[[Panel], Panel], panel: Panel, name: str) -> Panel:
    filled = imputer(panel)
    if not isinstance(filled, Panel):
        raise AssertionError(f"{name} must return a Panel, got {type(filled).__name__}")
    return filled


def _assert_only_missing_filled(
    name: str, panel: Panel, filled: Panel, max_gap: int | None, begins: bool = False
) -> None:
    if not (panel.grid.equals(filled.grid) and panel.assets.equals(filled.assets)):
        raise AssertionError(
            f"{name} changes the grid or the assets of the panel from {panel.grid_shape} to "
            f"{filled.grid_shape}; they must stay"
        )
    before, after = panel.price, filled.price
    old, new = before.to_numpy(), after.to_numpy()
    was, now = ~np.isnan(old), filled.observed.to_numpy()
    wrong = was & (old != new)
    if wrong.any():
        raise AssertionError(
            f"{name} changes observed prices: {_where(before, wrong)} from {old[wrong][0]} to "
            f"{new[wrong][0]}"
        )
    if (now != panel.observed.to_numpy()).any():
        wrong = now != panel.observed.to_numpy()
        raise AssertionError(
            f"{name} changes the mask of what was observed: {_where(before, wrong)}"
        )
    bad = ~was & ~np.isnan(new) & ~((new > 0) & np.isfinite(new))
    if bad.any():
        raise AssertionError(
            f"{name} fills in a price that is none: {new[bad][0]}, {_where(before, bad)}"
        )
    early = ~np.maximum.accumulate(was, axis=0) & ~np.isnan(new)
    if early.any():
        raise AssertionError(
            f"{name} fills cells before the asset's first quote: {_where(before, early)}"
        )
    if max_gap is not None:
        beyond = (_hole_lengths(was, whole=not begins) > max_gap) & ~np.isnan(new)
        if beyond.any():
            raise AssertionError(
                f"{name} fills gaps longer than max_gap={max_gap}: {_where(before, beyond)}"
            )


def _hole_lengths(seen: np.ndarray[Any, Any], *, whole: bool) -> FloatArray:
    """Return for each missing cell the length of its hole, or of the hole up to it; 0 where
    observed.
    """
    lengths = np.zeros(seen.shape)
    for column in range(seen.shape[1]):
        edges = np.flatnonzero(
            np.diff(np.concatenate([[True], seen[:, column], [True]]).astype(np.int8))
        )
        for low, high in zip(edges[::2], edges[1::2], strict=True):
            lengths[low:high, column] = high - low if whole else np.arange(1, high - low + 1)
    return lengths


def _assert_order_free(
    name: str,
    imputer: Callable[[Panel], Panel],
    panel: Panel,
    filled: Panel,
    rng: np.random.Generator,
    tolerance: float,
) -> None:
    order = panel.assets[rng.permutation(len(panel.assets))]
    swapped = _filled(imputer, panel.select(order), name).price[list(panel.assets)]
    straight = filled.price
    wrong = ~np.isclose(straight, swapped, rtol=tolerance, atol=0.0, equal_nan=True)
    if wrong.any():
        raise AssertionError(
            f"{name} fills otherwise when the assets change places: {_where(straight, wrong)}"
        )


def _where(frame: pd.DataFrame, cells: np.ndarray[Any, Any]) -> str:
    row, column = (int(place[0]) for place in np.nonzero(cells))
    return (
        f"{int(cells.sum())} cells, the first at {frame.index[row]} for "
        f"{label(frame.columns, column)}"
    )
