"""Decisions: target weights, checked once and packed for the replay kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from statarb._core.numeric import sum_slack
from statarb._core.tables import CASH, read_table
from statarb._core.time import Stamps, as_stamps, step_text
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.backtest._engine.scanning import (
    scan_rows,
    transpose_block,
    transpose_few,
    used_columns,
)
from statarb.backtest._engine.state import DECIDED, NOTHING, PARTLY_NAN
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError

__all__ = ["CASH_NAME", "Decisions"]

CASH_NAME = CASH
"""Name of the column of cash."""

DENSE_FROM = 8
"""Weights are kept as non-zero cells alone where fewer than one in this many is non-zero."""

BLOCK = 128
"""Rows of weights stored by columns that are transposed at a time: each column gives 1 KB, read in
one go, and 1678 of them stay in the cache until their rows are checked. Faster than 32 or 64.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
    """Target weights of some times of a panel, as the kernels take them.

    Attributes
    ----------
    step : (decisions,) int64
        Position of each decision in the panel's grid, strictly increasing.
    kind : (decisions,) int64
        Whether the row is a decision, or not computable (a NaN in it).
    index, first, starts, data : arrays
        Columns of the panel and weights, as :class:`~statarb.backtest._engine.state.Targets` has
        them: a full matrix, whose rows share their columns, or the weights above 0 alone.
    owner : DataFrame, optional
        Keeps the arrays of a frame from being written to: pandas copies a frame that someone else
        still holds on to.
    """

    step: IntArray
    kind: IntArray
    index: IntArray
    first: IntArray
    starts: IntArray
    data: FloatArray
    owner: pd.DataFrame | None = None

    @property
    def failures(self) -> int:
        """Number of rows that are no decision because of a NaN."""
        return int(np.count_nonzero(self.kind != DECIDED))

    @classmethod
    def from_frame(cls, panel: Panel, weights: Any) -> Decisions:
        """Check a table of target weights, time x asset, against a panel, and pack it.

        Parameters
        ----------
        panel : Panel
            The market.
        weights : DataFrame
            Of pandas, polars, Arrow or anything else that :func:`read_table` takes.

        Returns
        -------
        Decisions

        Raises
        ------
        DataError
            A table that is not understood, times doubled or not on the panel's grid; a column
            twice; a weight that is negative, above 1 or no number; a row that sums above 1.
        ParameterError
            An asset that the panel does not have.
        """
        if _is_plain(weights):
            # Floats in order of time are taken as they lie: a full matrix is not copied.
            owner = weights.copy(deep=False)
            values = owner.to_numpy()
            packed = cls.from_array(
                panel, values, as_stamps("weights", weights.index), weights.columns
            )
            kept = np.may_share_memory(packed.data, values)
            return dataclasses.replace(packed, owner=owner) if kept else packed
        table = read_table("weights", weights, times="required", cash=True)
        if table.stamps is None:
            raise DataError("weights must have times")
        return cls.from_array(
            panel, table.values, table.stamps, table.labels, precision=table.precision
        )

    @classmethod
    def from_array(
        cls,
        panel: Panel,
        values: FloatArray,
        stamps: Stamps,
        columns: pd.Index,
        *,
        precision: np.dtype | type = np.float64,
    ) -> Decisions:
        """Check target weights and pack them; an array stored by rows is kept as it is.

        Parameters
        ----------
        panel : Panel
            The market.
        values : (times, assets)
            Target weights, float64.
        stamps : (times,)
            Their times.
        columns : Index
            Their assets.
        precision : dtype
            Coarsest type that the weights have been held in. A row that sums above 1 by no more
            than its rounding is divided by its sum.

        Returns
        -------
        Decisions

        Raises
        ------
        DataError, ParameterError
            See :meth:`from_frame`.
        """
        grid = panel.grid_array
        step = np.searchsorted(grid, stamps)
        on_grid = step < len(grid)
        on_grid[on_grid] = grid[step[on_grid]] == stamps[on_grid]
        if not on_grid.all():
            missing = pd.Timestamp(stamps[int(np.argmin(on_grid))])
            raise DataError(
                f"weights has a row for {missing}, which is no time of the panel's grid "
                f"({pd.Timestamp(grid[0])} to "
                f"{pd.Timestamp(grid[-1])}, every {step_text(panel.step)})"
            )
        slack = sum_slack(precision)
        position = panel.assets.get_indexer(columns)
        unknown = position < 0
        if unknown.any():
            names = [
                name
                for name, absent in zip(columns.tolist(), unknown, strict=True)
                if absent and name != CASH_NAME
            ]
            if names:
                raise ParameterError(
                    f"weights has the asset {names[0]!r}, which is not in the panel of "
                    f"{len(panel.assets)} assets; "
                    f"drop the column (cash is the rest, or a column {CASH_NAME!r})"
                )
        stored, order = _usable(values), np.argsort(position, kind="stable").astype(np.int64)
        position = position.astype(np.int64)
        scan = _scanned(stored, position, slack)
        kind = _kinds(stored, scan.total, scan.fine, stamps, columns.tolist(), slack)
        above = scan.fine & (scan.total > 1.0)
        if slack > sum_slack() and above.any():
            divided = np.where(above[:, None], stored / scan.total[:, None], stored)
            return cls.from_array(panel, np.ascontiguousarray(divided), stamps, columns)
        if unknown.any():
            # a column of cash has been checked with the others; it is the rest, and no asset
            kept = order[1:]
            return cls.from_rows(step, kind, position[kept], stored[:, kept])
        if not (np.diff(position) > 0).all():
            return cls.from_rows(step, kind, position[order], stored[:, order])
        if scan.columns is None:
            return cls.from_rows(step, kind, position, scan.data)
        return cls.from_packed(step, kind, scan.columns, scan.starts[:-1], scan.starts, scan.data)

    @classmethod
    def from_sparse(
        cls, step: IntArray, starts: IntArray, index: IntArray, data: FloatArray
    ) -> Decisions:
        """Take checked decisions in compressed rows: weights above 0 alone, columns ascending in
        each row.
        """
        kind = np.full(len(step), DECIDED, dtype=np.int64)
        return cls.from_packed(step, kind, index, starts[:-1], starts, data)

    @classmethod
    def from_rows(
        cls, step: IntArray, kind: IntArray, index: IntArray, rows: FloatArray
    ) -> Decisions:
        """Take a full matrix of checked weights; its columns ``index`` ascend."""
        tall, width = rows.shape
        return cls.from_packed(
            step,
            kind,
            index,
            np.zeros(tall, dtype=np.int64),
            np.arange(tall + 1, dtype=np.int64) * width,
            np.ascontiguousarray(rows),
        )

    @classmethod
    def from_packed(
        cls,
        step: IntArray,
        kind: IntArray,
        index: IntArray,
        first: IntArray,
        starts: IntArray,
        data: FloatArray,
    ) -> Decisions:
        """Wrap arrays that are checked already."""
        return cls(
            step.astype(np.int64),
            kind,
            _read_only(index),
            _read_only(first),
            _read_only(starts),
            _read_only(data.reshape(-1)),
        )


class _Scan(NamedTuple):
    """Weights after a look at every cell: sum of each row, whether all its weights are numbers
    within [0, 1], and the weights row by row: those that are not zero with their columns, or, where
    these are not few, all of them (``columns`` is ``None``).
    """

    total: FloatArray
    fine: BoolArray
    starts: IntArray
    columns: IntArray | None
    data: FloatArray


def _scanned(values: FloatArray, position: IntArray, slack: float) -> _Scan:
    """Check weights of the columns ``position``; those stored by columns are transposed as they are
    checked, a block of rows at a time.
    """
    tall = len(values)
    total, fine = np.empty(tall), np.empty(tall, dtype=np.bool_)
    starts = np.zeros(tall + 1, dtype=np.int64)
    room = values.size // DENSE_FROM
    index, data = np.empty(room, dtype=np.int64), np.empty(room)
    whole, found = _read_only(values), 0
    if values.flags.c_contiguous:
        found = scan_rows(whole, position, slack, total, fine, starts, index, data, 0)
    else:
        lines = whole.T
        # Columns of zeros, of assets never held, are read once and no more.
        used = np.flatnonzero(used_columns(lines))
        few, whole = np.empty((BLOCK, len(used))), np.empty(values.shape)
        for low in range(0, tall, BLOCK):
            part = slice(low, min(low + BLOCK, tall))
            checked = total[part], fine[part], starts[low : part.stop + 1], index, data
            if found >= 0:
                block = few[: part.stop - low]
                transpose_few(lines, used, low, block)
                found = scan_rows(block, position[used], slack, *checked, found)
                if found >= 0:
                    continue
                # Full rows are needed from here on, and so are those that were passed.
                for start in range(0, low, BLOCK):
                    transpose_block(lines, start, whole[start : start + BLOCK])
            transpose_block(lines, low, whole[part])
            scan_rows(whole[part], position, slack, *checked, found)
    if found < 0:
        return _Scan(total, fine, starts, None, whole)
    return _Scan(total, fine, starts, index[:found], data[:found])


def _usable(values: FloatArray) -> FloatArray:
    """Return the array itself where it is stored by rows or by columns without gaps, else a copy by
    rows.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.flags.c_contiguous or values.flags.f_contiguous:
        return values
    return np.ascontiguousarray(values)


def _kinds(
    values: FloatArray,
    total: FloatArray,
    fine: np.ndarray,
    stamps: Stamps,
    columns: list[Hashable],
    slack: float,
) -> IntArray:
    """Tell decisions from rows that are not computable; raise for rows that are neither."""
    kind = np.full(len(total), DECIDED, dtype=np.int64)
    for row in np.flatnonzero(~fine):
        line = values[row]
        missing = np.isnan(line)
        wrong = ~missing & ~((line >= -slack) & (line <= 1.0 + slack))
        if wrong.any():
            place = int(np.argmax(wrong))
            raise DataError(
                f"weights must lie in [0, 1] (long only, no margin), got {line[place]:g} at "
                f"{pd.Timestamp(stamps[row])}, "
                f"asset {columns[place]!r}"
            )
        kind[row] = NOTHING if missing.all() else PARTLY_NAN
    over = fine & (total > 1.0 + slack)
    if over.any():
        row = np.flatnonzero(over)[0]
        place = int(np.argmax(values[row]))
        raise DataError(
            f"weights must sum to at most 1, the rest being cash, got a sum of {total[row]:.12g} "
            "at "
            f"{pd.Timestamp(stamps[row])} (the largest: {values[row, place]:g} of asset "
            f"{columns[place]!r}); "
            "divide the row by its sum"
        )
    return kind


def _is_plain(weights: Any) -> bool:
    """Whether a table is a pandas frame of float64 in order of time, without doubled labels."""
    return (
        isinstance(weights, pd.DataFrame)
        and isinstance(weights.index, pd.DatetimeIndex)
        and weights.index.is_monotonic_increasing
        and weights.index.is_unique
        and not weights.index.hasnans
        and weights.columns.is_unique
        and bool((weights.dtypes == np.float64).all())
    )


def _read_only(values: np.ndarray) -> np.ndarray:
    view = values.view()
    view.flags.writeable = False
    return view
