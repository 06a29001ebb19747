"""Markets whose past is the same and whose future is another: the interventions that find a look
ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer
from statarb._core.time import as_stamp
from statarb._core.typing import AnyFloatArray, BoolArray, IntArray, TimeLike
from statarb.data.panel import Panel
from statarb.errors import ParameterError

__all__ = ["FUTURES", "changed_future", "changed_in_place", "example_market", "read_only_copy"]

FUTURES = ("dropped", "permuted", "multiplied", "missing", "thinned")
"""What can be done to the rows after a cut, see :func:`changed_future`."""


def changed_future(
    panel: Panel, cut: TimeLike, how: str, *, seed: int | np.random.Generator = 0
) -> Panel:
    """Return a panel that is bit for bit the same up to ``cut`` and another one after it.

    Parameters
    ----------
    panel : Panel
        Left as it is.
    cut : time
        Last time whose rows stay.
    how : {"dropped", "permuted", "multiplied", "missing", "thinned"}
        ``dropped`` ends the grid at ``cut``; ``permuted`` shuffles the later rows, ``multiplied``
        multiplies each later number by a random factor (log-normal, sigma 0.5), ``missing`` keeps
        the later grid without a quote, ``thinned`` takes a random half of the later quotes away.
    seed : int or Generator
        Of the shuffles, factors and losses.

    Returns
    -------
    Panel
        New arrays, which nothing can write to by accident, and no metadata, which tells of the
        whole panel.

    Raises
    ------
    ParameterError
        ``how`` is none of these, or ``cut`` lies before the first row.
    """
    check_choice("how", how, FUTURES)
    rng = np.random.default_rng(seed)
    stamp = as_stamp("cut", cut)
    kept = int(np.searchsorted(panel.times_array, stamp, side="right"))
    if kept == 0:
        raise ParameterError(
            f"cut must not lie before the first row, {panel.times[0]}, got {pd.Timestamp(stamp)}"
        )
    arrays = {name: np.array(panel.array(name)) for name in panel.fields}
    observed = np.array(panel.observed_array) if panel.is_imputed else None
    rows, grid = panel.rows, panel.grid_array
    if how in ("dropped", "missing"):
        arrays = {name: np.array(values[:kept]) for name, values in arrays.items()}
        observed = None if observed is None else np.array(observed[:kept])
        rows = rows[:kept]
        if how == "dropped":
            grid = grid[: int(np.searchsorted(grid, stamp, side="right"))]
    elif how == "permuted":
        order = kept + rng.permutation(len(rows) - kept)
        for values in [*arrays.values(), *([] if observed is None else [observed])]:
            values[kept:] = values[order]
    elif how == "multiplied":
        for values in arrays.values():
            values[kept:] *= _factors(rng, values[kept:].shape)
    else:
        rows, arrays, observed = _thinned(rows, arrays, observed, kept, rng)
    now = min(panel.now_stamp, grid[-1]) if panel.is_window else None
    return panel.replaced(grid, rows, arrays, observed=observed, now=now)


def read_only_copy(panel: Panel, *, days: int = 0) -> Panel:
    """Return a copy that nothing can write to by accident, its times moved by whole days."""
    arrays = {name: np.array(panel.array(name)) for name in panel.fields}
    observed = np.array(panel.observed_array) if panel.is_imputed else None
    shift = np.timedelta64(days, "D")
    return panel.replaced(
        panel.grid_array + shift,
        panel.rows,
        arrays,
        observed=observed,
        now=panel.now_stamp + shift if panel.is_window else None,
        metadata=panel.metadata,
    )


@contextmanager
def changed_in_place(
    panel: Panel, cut: TimeLike, *, seed: int | np.random.Generator = 0
) -> Iterator[bool]:
    """Change the future of the very arrays that ``panel`` holds, and put every bit back at the end.

    Whoever keeps the panel, or a view of it, somewhere else (a global, a closure, the ``base`` of a
    window's array) sees the changed future for as long as this lasts. Memory-mapped arrays are left
    alone.

    Yields
    ------
    bool
        Whether anything could be changed.
    """
    rng = np.random.default_rng(seed)
    kept = int(np.searchsorted(panel.times_array, as_stamp("cut", cut), side="right"))
    saved: list[tuple[AnyFloatArray, bool, AnyFloatArray, AnyFloatArray]] = []
    try:
        for name in panel.fields:
            values = owner = panel.array(name)
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            if isinstance(owner, np.memmap) or not owner.flags.owndata or kept == len(values):
                continue
            writable = bool(owner.flags.writeable)
            owner.flags.writeable = True
            future = values[kept:]
            future.flags.writeable = True
            saved.append((owner, writable, future, np.array(future)))
            future *= _factors(rng, future.shape)
        yield bool(saved)
    finally:
        for owner, writable, future, before in reversed(saved):
            future[...] = before
            owner.flags.writeable = writable


def example_market(times: int = 600, assets: int = 6, *, seed: int = 0) -> Panel:
    """Return a small market to run checks on: one factor, lags, missing cells, gaps, a late asset
    and one that ends.

    Parameters
    ----------
    times : int
        Length of the 5-minute grid.
    assets : int
        Number of assets, at least 3; ids from 1442 on.
    seed : int
        Of all that is random.

    Returns
    -------
    Panel
    """
    times = check_integer("times", times, at_least=40)
    assets = check_integer("assets", assets, at_least=3)
    rng = np.random.default_rng(seed)
    factor = rng.standard_t(5, times) * 0.003
    delay = np.linspace(0.0, 0.8, assets)
    lagged = np.append(0.0, factor[:-1])
    returns = (
        (1.0 - delay) * factor[:, None]
        + delay * lagged[:, None]
        + rng.normal(0.0, 0.001, (times, assets))
    )
    prices = np.exp(np.cumsum(returns, axis=0)) * 10.0 ** rng.uniform(-2.0, 4.0, assets)
    unrounded = np.array(prices)
    prices = np.round(prices, 6)
    volume = rng.lognormal(12.0, 1.0, (times, assets))
    gone = rng.random(prices.shape) < 0.03
    for _ in range(max(times // 100, 1)):
        low = int(rng.integers(1, times - 12))
        gone[low : low + int(rng.integers(1, 12))] = True
    gone[: times // 3, -1] = True
    gone[times - times // 8 :, 1] = True
    for values in (prices, unrounded, volume):
        values[gone] = np.nan
    index = pd.date_range("2018-01-22", periods=times, freq="5min", unit="us")
    labels = pd.RangeIndex(1442, 1442 + assets)
    frames = [
        pd.DataFrame(values, index=index, columns=labels) for values in (prices, unrounded, volume)
    ]
    return Panel.from_frame(frames[0], unrounded=frames[1], volume=frames[2])


def _factors(rng: np.random.Generator, shape: tuple[int, ...]) -> AnyFloatArray:
    return np.exp(0.5 * rng.standard_normal(shape))


def _thinned(
    rows: IntArray,
    arrays: dict[str, Any],
    observed: BoolArray | None,
    kept: int,
    rng: np.random.Generator,
) -> tuple[IntArray, dict[str, Any], BoolArray | None]:
    lost = rng.random(arrays["price"].shape) < 0.5
    lost[:kept] = False
    for values in arrays.values():
        values[lost] = np.nan
    some = ~np.isnan(arrays["price"]).all(axis=1)
    some[:kept] = True
    arrays = {name: values[some] for name, values in arrays.items()}
    return rows[some], arrays, None if observed is None else (observed & ~lost)[some]
