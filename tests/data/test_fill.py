"""Last known values and returns between quotes: against references, and nothing from later rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statarb as sa
from statarb.data import fill
from statarb.data._engine import fill as kernels
from statarb.testing import check_causal


def case(seed: int, rows: int = 30, columns: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0.0, 0.1, (rows, columns)))
    values[rng.random(values.shape) < 0.4] = np.nan
    places = np.cumsum(rng.integers(1, 5, rows))
    return values, places


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 12), st.sampled_from([-1, 0, 1, 3, 50]))
def test_kernels_equal_their_references(seed: int, rows: int, limit: int) -> None:
    values, places = case(seed, rows)
    one, other = values.copy(), values.copy()
    kernels.carry_forward(one, places, limit)
    kernels.carry_forward_reference(other, places, limit)
    np.testing.assert_array_equal(one, other)
    for per_step in (False, True):
        np.testing.assert_allclose(
            kernels.gap_returns(values, places, limit, per_step),
            kernels.gap_returns_reference(values, places, limit, per_step),
            rtol=1e-14,
            atol=1e-16,
        )


def test_last_known_is_pandas_ffill_with_a_limit() -> None:
    values, _ = case(1)
    frame = pd.DataFrame(values)
    np.testing.assert_array_equal(fill.last_known(values), frame.ffill())
    np.testing.assert_array_equal(fill.last_known(values, max_age=2), frame.ffill(limit=2))
    np.testing.assert_array_equal(fill.last_known(values, max_age=0), values)


def test_a_gap_is_no_return_of_zero() -> None:
    values = np.array([[1.0, 1.0], [np.nan, 2.0], [4.0, 4.0]])
    returns = fill.log_returns(values)
    np.testing.assert_allclose(returns[:, 0], [np.nan, np.nan, np.log(4.0)])
    np.testing.assert_allclose(returns[:, 1], [np.nan, np.log(2.0), np.log(2.0)])
    per_step = fill.log_returns(values, per_step=True)
    np.testing.assert_allclose(per_step[2], [np.log(4.0) / np.sqrt(2.0), np.log(2.0)])
    assert np.isnan(fill.log_returns(values, max_gap=1)[:, 0]).all()


def test_returns_add_up_to_the_whole_move() -> None:
    values, places = case(3)
    total = np.nansum(fill.log_returns(values, places), axis=0)
    for column in range(values.shape[1]):
        seen = values[~np.isnan(values[:, column]), column]
        assert total[column] == pytest.approx(np.log(seen[-1] / seen[0]), abs=1e-12)


def test_a_window_keeps_the_distance_of_its_rows() -> None:
    index = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-05", "2020-01-06"])
    panel = sa.Panel.from_frame(pd.DataFrame({"a": [1.0, 2.0, 4.0, 8.0]}, index=index), step="1D")
    assert panel.places.tolist() == [0, 1, 4, 5]
    window = panel.window("2020-01-06", depth=3)
    assert window.places.tolist() == [1, 4, 5]
    whole = panel.log_returns(per_step=True)[:, 0]
    part = window.log_returns(per_step=True)[:, 0]
    np.testing.assert_array_equal(part[1:], whole[2:])
    assert part[1] == pytest.approx(np.log(2.0) / np.sqrt(3.0))
    # without a step the given times are the grid: weekends of trading days are no gaps
    bare = sa.Panel.from_frame(pd.DataFrame({"a": [1.0, 2.0, 4.0, 8.0]}, index=index))
    np.testing.assert_allclose(bare.log_returns(per_step=True)[1:, 0], np.log(2.0))


def test_neither_looks_ahead() -> None:
    for function in (
        lambda panel: pd.DataFrame(panel.last_known(max_age=5), index=panel.times),
        lambda panel: pd.DataFrame(panel.log_returns(per_step=True), index=panel.times),
    ):
        check_causal(function, cuts=3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda values: fill.last_known(values, max_age=-1), "max_age must be an integer at least"),
        (lambda values: fill.log_returns(values, max_gap=0), "max_gap must be an integer at least"),
        (lambda values: fill.log_returns(values, max_gap="1D"), "max_gap must be an integer"),
    ],
)
def test_bad_limits_are_named(call, words) -> None:
    with pytest.raises(sa.ParameterError, match=words):
        call(np.ones((3, 1)))
