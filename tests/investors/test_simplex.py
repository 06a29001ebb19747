"""Problems on the simplex against second implementations and their conditions of optimality."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize, nnls

from statarb import DataError
from statarb.investors.simplex import (
    best_corner,
    log_optimal,
    minimise_quadratic,
    project_simplex,
    risk_parity,
)


def projected_by_root(values: np.ndarray) -> np.ndarray:
    """The same projection by the root of its multiplier, without sorting."""

    def excess(theta: float) -> float:
        return float(np.maximum(values - theta, 0.0).sum()) - 1.0

    theta = brentq(excess, float(values.min()) - 2.0, float(values.max()), xtol=1e-15, rtol=1e-15)
    return np.maximum(values - theta, 0.0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=12))
def test_projection_is_that_of_the_root(values: list[float]) -> None:
    array = np.array(values)
    found = project_simplex(array)
    assert found.min() >= 0.0
    assert abs(found.sum() - 1.0) < 1e-12
    np.testing.assert_allclose(found, projected_by_root(array), atol=1e-11)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-5.0, 5.0), min_size=2, max_size=8), st.integers(0, 2**31))
def test_no_point_of_the_simplex_is_nearer(values: list[float], seed: int) -> None:
    array = np.array(values)
    found = project_simplex(array)
    others = np.random.default_rng(seed).dirichlet(np.ones(len(array)), size=50)
    assert ((others - array) ** 2).sum(axis=1).min() >= ((found - array) ** 2).sum() - 1e-12


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]),
        ([1.0, 1.0], [0.5, 0.5]),
        ([2.0, 0.0], [1.0, 0.0]),
        ([0.5, 0.8], [0.35, 0.65]),
        ([-3.0], [1.0]),
        ([1e9, 1e9 - 0.5], [0.75, 0.25]),
    ],
)
def test_projection_by_hand(values: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(project_simplex(np.array(values)), expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 5, 30])
@pytest.mark.parametrize("seed", range(3))
def test_quadratic_agrees_with_clarabel(size: int, seed: int) -> None:
    rng = np.random.default_rng([size, seed])
    factor = rng.normal(size=(size + 3, size))
    matrix, linear = factor.T @ factor + 0.01 * np.eye(size), rng.normal(size=size)
    cold = minimise_quadratic(matrix, linear)
    warm = minimise_quadratic(matrix, linear, rng.dirichlet(np.ones(size)))
    wanted = cp.Variable(size)
    problem = cp.Problem(
        cp.Minimize(0.5 * cp.quad_form(wanted, cp.psd_wrap(matrix)) - linear @ wanted),
        [wanted >= 0, cp.sum(wanted) == 1],
    )
    problem.solve(solver="CLARABEL")
    value = 0.5 * cold @ matrix @ cold - linear @ cold
    # Clarabel stops at about 1e-8.
    assert value <= problem.value + 1e-7
    slope = matrix @ cold - linear
    assert np.abs((slope - slope @ cold)[cold > 0]).max() < 1e-10
    assert (slope - slope @ cold).min() > -1e-10
    np.testing.assert_allclose(cold, warm, atol=1e-10)


@pytest.mark.parametrize("size", [50, 150])
@pytest.mark.parametrize("seed", range(2))
def test_quadratic_of_many_held_assets_agrees_with_nonnegative_least_squares(
    size: int, seed: int
) -> None:
    rng = np.random.default_rng([size, seed])
    returns = rng.normal(size=(2016, size)) / np.sqrt(2016.0)
    found = minimise_quadratic(returns.T @ returns, np.zeros(size))
    # The smallest b'Qb with sum(b) = 1 is, but for its scale, the b >= 0 that makes
    # |Rb|^2 + (1'b - 1)^2 smallest.
    other, _ = nnls(np.vstack([returns, np.ones(size)]), np.append(np.zeros(2016), 1.0))
    assert (found > 0.0).sum() > 0.9 * size
    np.testing.assert_allclose(found, other / other.sum(), atol=1e-10)
    corner = np.eye(size)[0]
    np.testing.assert_allclose(
        found, minimise_quadratic(returns.T @ returns, np.zeros(size), corner), atol=1e-10
    )


@pytest.mark.parametrize("size", [40, 120])
def test_quadratic_of_half_rank_and_a_linear_part_is_as_low_as_from_a_corner(size: int) -> None:
    rng = np.random.default_rng(size)
    returns = rng.normal(size=(size // 2, size)) / np.sqrt(size)
    matrix, linear = returns.T @ returns, 0.1 * rng.normal(size=size)
    corner = np.eye(size)[int(np.argmax(linear))]
    values = [
        0.5 * found @ matrix @ found - linear @ found
        for found in (
            minimise_quadratic(matrix, linear),
            minimise_quadratic(matrix, linear, corner),
        )
    ]
    np.testing.assert_allclose(values[0], values[1], atol=1e-10)


def test_quadratic_with_twins_still_finds_the_minimum() -> None:
    matrix = np.array([[1.0, 1.0, 0.2], [1.0, 1.0, 0.2], [0.2, 0.2, 2.0]])
    found = minimise_quadratic(matrix, np.zeros(3))
    best = minimise_quadratic(matrix[1:, 1:], np.zeros(2))
    np.testing.assert_allclose([found[0] + found[1], found[2]], best, atol=1e-10)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 20), st.floats(-10.0, 10.0), st.booleans())
def test_quadratic_is_certified_where_it_is_singular(
    seed: int, size: int, power: float, warm: bool
) -> None:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(int(rng.integers(1, size + 2)), size))
    factor[:, rng.integers(size)] = factor[:, rng.integers(size)]
    factor[:, rng.integers(size)] *= rng.integers(2)
    matrix = factor.T @ factor * 10.0**power
    linear = rng.normal(size=size) * 10.0 ** (power + rng.uniform(-3.0, 3.0)) * rng.integers(2)
    found = minimise_quadratic(matrix, linear, rng.dirichlet(np.ones(size)) if warm else None)
    assert found.min() >= 0.0
    assert abs(found.sum() - 1.0) < 1e-12
    slope = matrix @ found - linear
    # No point of a convex problem is better by more than this.
    assert found @ slope - slope.min() <= 1e-10 * max(np.abs(matrix).max(), np.abs(linear).max())


def test_a_quadratic_of_zeros_has_any_answer() -> None:
    assert minimise_quadratic(np.zeros((3, 3)), np.ones(3)).sum() == 1.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 40), st.floats(-6.0, 0.5))
def test_log_optimal_is_certified_on_any_market(
    seed: int, size: int, rows: int, power: float
) -> None:
    rng = np.random.default_rng(seed)
    relatives = np.exp(
        np.clip(rng.standard_t(3, (rows, size)) * rng.uniform(0.0, 10.0**power, size), -27.0, 27.0)
    )
    relatives[:, rng.integers(size)] = relatives[:, rng.integers(size)]
    best = log_optimal(relatives)
    assert best.min() >= 0.0
    assert abs(best.sum() - 1.0) < 1e-12
    assert (relatives / (relatives @ best)[:, None]).mean(axis=0).max() - 1.0 <= 1.001e-10


def test_quadratic_refuses_what_is_not_finite() -> None:
    with pytest.raises(DataError, match="finite"):
        minimise_quadratic(np.array([[np.nan]]), np.zeros(1))


def test_log_optimal_of_cover_and_gluss() -> None:
    # Cover (1991): stock and cash that doubles or halves: half and half grows by 9/8 every two
    # days.
    relatives = np.array([[1.0, 2.0], [1.0, 0.5]] * 10)
    best = log_optimal(relatives)
    np.testing.assert_allclose(best, [0.5, 0.5], atol=1e-9)
    np.testing.assert_allclose(np.prod(relatives @ best), (9.0 / 8.0) ** 10, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 4, 25])
def test_log_optimal_is_certified_and_beats_a_general_solver(size: int) -> None:
    rng = np.random.default_rng(size)
    relatives = np.exp(rng.normal(0.001, 0.2, (60, size)))
    best = log_optimal(relatives, 1e-12)
    assert best.min() >= 0.0
    assert abs(best.sum() - 1.0) < 1e-12
    assert (relatives / (relatives @ best)[:, None]).mean(axis=0).max() - 1.0 <= 1e-12
    other = minimize(
        lambda b: -float(np.log(np.maximum(relatives @ b, 1e-12)).mean()),
        np.full(size, 1.0 / size),
        bounds=[(0.0, 1.0)] * size,
        constraints={"type": "eq", "fun": lambda b: b.sum() - 1.0},
        method="SLSQP",
    )
    assert np.log(relatives @ best).mean() >= -other.fun - 1e-12


def test_without_rows_all_portfolios_are_alike() -> None:
    np.testing.assert_array_equal(log_optimal(np.empty((0, 4))), np.full(4, 0.25))


def test_the_best_corner_is_the_asset_that_grew_most_the_first_of_equals() -> None:
    np.testing.assert_array_equal(
        best_corner(np.array([[1.0, 2.0, 0.5], [1.0, 0.9, 3.6]])), [0.0, 1.0, 0.0]
    )


def test_log_optimal_with_equal_columns_and_one_row() -> None:
    relatives = np.array([[1.1, 1.1, 1.05]])
    best = log_optimal(relatives)
    np.testing.assert_allclose(relatives @ best, [1.1])
    with pytest.raises(DataError, match="positive and finite"):
        log_optimal(np.array([[1.0, 0.0]]))


@pytest.mark.parametrize("size", [1, 2, 10, 60])
def test_equal_risk_shares_are_equal(size: int) -> None:
    rng = np.random.default_rng(size)
    returns = rng.normal(size=(200, size)) * rng.uniform(0.1, 5.0, size) + rng.normal(size=(200, 1))
    covariance = np.atleast_2d(np.cov(returns, rowvar=False)) * 1e-6
    weights = risk_parity(covariance)
    share = weights * (covariance @ weights)
    assert weights.min() > 0.0
    np.testing.assert_allclose(share / share.sum(), 1.0 / size, rtol=1e-10)


def test_equal_risk_of_uncorrelated_assets_is_inverse_volatility() -> None:
    weights = risk_parity(np.diag([1.0, 4.0, 16.0]))
    np.testing.assert_allclose(weights, np.array([4.0, 2.0, 1.0]) / 7.0, rtol=1e-12)


def test_equal_risk_of_two_assets_does_not_depend_on_their_correlation() -> None:
    # Maillard, Roncalli, Teiletche (2010), section 2.3.1: with two assets the weights are those of
    # inverse volatility.
    for correlation in (-0.9, 0.0, 0.5, 0.99):
        covariance = np.array([[1.0, 2.0 * correlation], [2.0 * correlation, 4.0]])
        np.testing.assert_allclose(risk_parity(covariance), [2.0 / 3.0, 1.0 / 3.0], rtol=1e-10)


def test_equal_risk_refuses_an_asset_without_variance() -> None:
    with pytest.raises(DataError, match="stands still"):
        risk_parity(np.diag([1.0, 0.0]))
