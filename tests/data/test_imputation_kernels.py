"""Kernels of the imputation against short numpy references, on awkward columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from statarb.data._engine.fill import carry_forward
from statarb.data.imputation._engine.gap_fill import blank_long_gaps, interpolate, tie_paths

tables = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 3)),
    elements=st.one_of(st.just(np.nan), st.floats(0.001, 1e6)),
)


def gaps_of(column: np.ndarray) -> list[tuple[int, int, int]]:
    """Twin of the walk over gaps: (last number before, first cell, end) with end == len where the
    gap is open.
    """
    found, low = [], None
    for row in range(len(column) + 1):
        if row == len(column) or not np.isnan(column[row]):
            if low is not None and row - low > 1:
                found.append((low, low + 1, row))
            low = row
    return found


def elapsed_of(rows: int, seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).integers(1, 4, rows)).astype(float)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_carry_is_a_forward_fill(table: np.ndarray) -> None:
    filled = table.copy()
    carry_forward(filled, np.arange(len(filled)), -1)
    np.testing.assert_array_equal(filled, pd.DataFrame(table).ffill().to_numpy())


@given(tables, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_interpolate_is_interp(table: np.ndarray, seed: int) -> None:
    elapsed = elapsed_of(len(table), seed)
    filled = table.copy()
    interpolate(filled, elapsed)
    for column in range(table.shape[1]):
        seen = np.flatnonzero(~np.isnan(table[:, column]))
        expected = np.full(len(table), np.nan)
        if len(seen):
            expected[seen[0] :] = np.interp(elapsed[seen[0] :], elapsed[seen], table[seen, column])
        np.testing.assert_allclose(filled[:, column], expected, rtol=1e-9)
        np.testing.assert_array_equal(filled[seen, column], table[seen, column])


@given(tables, st.integers(0, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_tied_paths(table: np.ndarray, seed: int, tie: bool) -> None:
    elapsed = elapsed_of(len(table), seed)
    steps = np.random.default_rng(seed).normal(size=table.shape)
    filled = table.copy()
    tie_paths(filled, steps, elapsed, tie)
    expected = table.copy()
    for column in range(table.shape[1]):
        for low, first, end in gaps_of(table[:, column]):
            path = table[low, column] + np.cumsum(steps[first:end, column])
            if tie and end < len(table):
                miss = table[end, column] - path[-1] - steps[end, column]
                path += miss * (elapsed[first:end] - elapsed[low]) / (elapsed[end] - elapsed[low])
            expected[first:end, column] = path
    np.testing.assert_allclose(filled, expected, rtol=1e-9, atol=1e-9)


@given(tables, st.integers(0, 5), st.integers(0, 6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_long_gaps_are_blanked(
    table: np.ndarray, seed: int, max_gap: int, fill_start: bool
) -> None:
    elapsed = elapsed_of(len(table), seed)
    filled = table.copy()
    carry_forward(filled, np.arange(len(filled)), -1)
    expected = filled.copy()
    for column in range(table.shape[1]):
        for low, first, end in gaps_of(table[:, column]):
            length = (
                elapsed[end] - elapsed[low] - 1 if end < len(table) else elapsed[-1] - elapsed[low]
            )
            if length > max_gap:
                late = (
                    elapsed[first:end] - elapsed[low] > max_gap
                    if fill_start
                    else np.ones(end - first, dtype=bool)
                )
                expected[first:end, column][late] = np.nan
    blank_long_gaps(filled, ~np.isnan(table), elapsed, float(max_gap), fill_start)
    np.testing.assert_array_equal(filled, expected)


@pytest.mark.parametrize(
    "kernel",
    [
        lambda table: carry_forward(table, np.arange(len(table)), -1),
        lambda table: interpolate(table, np.arange(float(len(table)))),
    ],
)
def test_columns_without_a_number_stay_empty(kernel) -> None:  # type: ignore[no-untyped-def]
    table = np.full((4, 2), np.nan)
    kernel(table)
    assert np.isnan(table).all()
