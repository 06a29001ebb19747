"""Rounding: what varies, how far a sum may be off, and what is equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from statarb._core.numeric import kendall_tau, ranks, sum_slack, varies


def test_rounding_is_no_variation() -> None:
    rate = np.diff(np.log(10_000.0 * np.exp(1e-4 * np.arange(300))))
    assert rate.std() > 0.0
    assert not varies(rate, scale=1.0)
    rng = np.random.default_rng(0)
    price = 40_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 500)))
    noise = np.log(price) - (np.log(price * 10.0) - np.log(10.0))
    assert noise.std() > 0.0
    assert varies(noise)
    assert not varies(noise, scale=np.log(price).max())


def test_small_moves_are_variation() -> None:
    rng = np.random.default_rng(1)
    # the returns of a currency peg, and a price with one tick of movement in 10^9
    assert varies(rng.normal(0.0, 1e-8, 100), scale=1.0)
    assert varies(1e9 + rng.integers(0, 2, 100))


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e300])
def test_units_do_not_matter(scale: float) -> None:
    x = np.array([1.0, 1.0 + 1e-9, 1.0, 1.0 - 1e-9])
    assert varies(x * scale)
    assert not varies(np.full(5, scale / 3.0))


def test_columns_missing_values_and_short_columns() -> None:
    table = np.array([[1.0, np.nan, 2.0, 0.0], [2.0, np.nan, np.nan, 0.0], [np.nan, 5.0, 2.0, 0.0]])
    assert varies(table).tolist() == [True, False, False, False]
    assert varies(np.empty((0, 2))).tolist() == [False, False]


def test_slack_follows_the_precision() -> None:
    assert sum_slack() == sum_slack(np.int64) == 1e-9
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        off = []
        for size in (2, 7, 100, 1678):
            row = rng.dirichlet(np.ones(size)).astype(dtype)
            row /= row.sum()
            off.append(abs(row.astype(np.float64).sum() - 1.0))
        assert max(off) < sum_slack(dtype), dtype


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=12), st.sampled_from(["min", "average"]))
def test_ranks_are_those_of_scipy_where_ties_are_exact(values, method) -> None:
    numbers = np.array(values, dtype=np.float64)
    np.testing.assert_array_equal(ranks(numbers, best="smallest", method=method),
                                  rankdata(numbers, method))  # fmt: skip
    np.testing.assert_array_equal(ranks(numbers, method=method), rankdata(-numbers, method))


def test_equal_but_for_rounding_shares_a_rank() -> None:
    value = 0.1 + 0.2
    assert ranks([0.3, value, 0.2]).tolist() == [1.0, 1.0, 3.0]
    assert ranks([0.3, value, 0.2], method="average").tolist() == [1.5, 1.5, 3.0]
    assert ranks([np.inf, np.nan, -np.inf, np.inf]).tolist()[::2] == [1.0, 3.0]
    assert np.isnan(ranks([np.inf, np.nan])[1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=12))
def test_kendalls_tau_is_that_of_scipy(pairs) -> None:
    first, second = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    expected = kendalltau(first, second).statistic if len(pairs) > 1 else np.nan
    np.testing.assert_equal(kendall_tau(first, second), expected)
    # and so is it with pairs of which one side is not known
    gaps = np.concatenate([first, [np.nan, 9.0]]), np.concatenate([second, [-9.0, np.nan]])
    np.testing.assert_equal(kendall_tau(*gaps), expected)


def test_kendalls_tau_counts_the_pairs_in_the_same_order() -> None:
    assert kendall_tau([1, 2, 3], [10, 20, 30]) == 1.0
    assert kendall_tau([1, 2, 3], [3, 2, 1]) == -1.0
    # of 6 pairs 4 are in the same order, 1 is reversed and 1 tied on the right:
    # (4 - 1) / sqrt(6 * 5)
    assert kendall_tau([1, 2, 3, 4], [1, 3, 2, 3]) == pytest.approx(3 / np.sqrt(30), rel=1e-14)
    assert np.isnan(kendall_tau([1, 1, 1], [1, 2, 3]))
