"""Kernels against their plain references, and derivatives against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from statarb.volatility._engine import kernels, reference
from statarb.volatility.estimation import box_of, prepare
from statarb.volatility.filters import Recursion, filter_rows

FLAG = {True: 1, False: None}
POINTS = [
    np.array([0.1, np.log(0.05), np.log(1.003 - 0.97), 0.1, 0.5, 0.2]),
    np.array([-0.2, np.log(0.3), np.log(1.003 - 0.6), 0.9, 0.5, 0.4]),
    np.array([0.0, np.log(1e-3), np.log(1.003 - 0.9999), 0.02, 0.5, 0.01]),
]


def series(n: int = 203, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_t(4, n)
    x[20:40] = 0.0
    return (x - x.mean()) / x.std()


def run_pass(
    x: np.ndarray, point: np.ndarray, backcast: float, gjr: bool, student: bool, lane: int = 3
):
    """Evaluate one point of one lane; the other lanes hold other series, of other lengths."""
    state = np.zeros(kernels.ROWS * kernels.LANES)
    rows = 4 * ((len(x) + 40) // 4)
    data = np.zeros(rows * kernels.LANES)
    rng = np.random.default_rng(5)
    for other in range(kernels.LANES):
        other_x = x if other == lane else rng.standard_normal(rng.integers(5, rows))
        start = point if other == lane else POINTS[other % 3]
        one = kernels.SeriesArrays(
            other_x, np.array([0]), np.array([len(other_x)]), np.array([backcast])
        )
        kernels._load_series(state, data, other, one, 0, rows)
        kernels._load_point(state, other, start)
    kernels._pass(state, data, rows, FLAG[gjr], FLAG[student])
    gradient, information = np.zeros(6), np.zeros((6, 6))
    loss = kernels._collect(state, lane, point, int(student), gradient, information)
    return loss, gradient, information


@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("gjr", [False, True])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 203])
def test_the_loss_is_that_of_the_numpy_plain(point, gjr, student, n):
    point = point.copy()
    point[4] = 0.3 if gjr else 0.5
    x = series()[:n]
    loss, _, _ = run_pass(x, point, 1.3, gjr, student)
    plain = -reference.loglikelihood(x, reference.native_parameters(point, student), 1.3)
    assert loss == pytest.approx(plain, rel=1e-12, abs=1e-11)


@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("gjr", [False, True])
@pytest.mark.parametrize("point", POINTS)
def test_the_gradient_is_the_slope_of_the_loss(point, gjr, student):
    point = point.copy()
    point[4] = 0.3 if gjr else 0.5
    x = series()
    _, gradient, _ = run_pass(x, point, 0.8, gjr, student)

    def plain(z):
        return -reference.loglikelihood(x, reference.native_parameters(z, student), 0.8)

    for a in range(6):
        if (a == kernels.K and not gjr) or (a == kernels.ETA and not student):
            continue
        step = np.zeros(6)
        step[a] = 1e-6 * max(1e-2, abs(point[a]))
        slope = (
            8 * (plain(point + step) - plain(point - step))
            - (plain(point + 2 * step) - plain(point - 2 * step))
        ) / (12 * step[a])
        # A difference quotient of a loss of some hundreds, with a step of 1e-8, keeps about 6
        # digits.
        assert gradient[a] == pytest.approx(slope, rel=1e-5, abs=2e-3)


@pytest.mark.parametrize("student", [False, True])
def test_the_information_is_the_expected_curvature(student):
    """Averaged over many simulated series, the curvature of the loss is the information (at the
    true parameters).
    """
    point = np.array([0.0, np.log(0.1), np.log(1.003 - 0.8), 0.25, 0.4, 1 / 9])
    parameters = reference.native_parameters(point, True)
    rng = np.random.default_rng(1)
    n, runs = 400, 150
    total, information = np.zeros((6, 6)), np.zeros((6, 6))
    for _ in range(runs):
        z = rng.standard_t(9, n) * np.sqrt(7 / 9) if student else rng.standard_normal(n)
        x, h = (
            np.empty(n),
            parameters[1] + (parameters[2] + parameters[3] / 2 + parameters[4]) * 0.5,
        )
        for t in range(n):
            x[t] = np.sqrt(h) * z[t]
            h = (
                parameters[1]
                + (parameters[2] + parameters[3] * (x[t] < 0)) * x[t] ** 2
                + parameters[4] * h
            )
        information += run_pass(x, point, 0.5, True, student)[2]
        for a in range(6):
            step = np.zeros(6)
            step[a] = 1e-5
            up = run_pass(x, point + step, 0.5, True, student)[1]
            down = run_pass(x, point - step, 0.5, True, student)[1]
            total[a] += (up - down) / 2e-5
    keep = list(range(6 if student else 5))
    scale = np.sqrt(np.diag(information))[keep]
    got, expected = information[np.ix_(keep, keep)], total[np.ix_(keep, keep)]
    # An average over 150 series: Monte Carlo error of a few percent of the scale.
    assert np.abs((got - expected) / np.outer(scale, scale)).max() < 0.12
    assert np.allclose(got, got.T, rtol=0, atol=1e-12 * np.abs(got).max())


def test_digamma_and_trigamma_are_those_of_scipy():
    from scipy.special import digamma, polygamma

    for x in (0.3, 1.0, 1.025, 2.5, 9.99, 10.0, 250.0):
        first, second = kernels._polygamma(x)
        assert first == pytest.approx(digamma(x), abs=1e-11)
        assert second == pytest.approx(polygamma(1, x), rel=1e-11)


def test_a_step_stays_in_the_box_lowers_the_model_and_solves_the_face_it_ends_on():
    rng = np.random.default_rng(2)
    box = box_of("gjr", "t")
    for _ in range(200):
        root = rng.standard_normal((6, 6))
        curvature = root @ root.T + 0.1 * np.eye(6)
        x = box.low + rng.random(6) * (box.high - box.low)
        x = np.where(rng.random(6) < 0.2, box.low, np.where(rng.random(6) < 0.2, box.high, x))
        gradient, step = 3 * rng.standard_normal(6), np.zeros(6)
        fall = kernels._propose(x, gradient, curvature, box, step)
        moved = x + step
        assert (moved >= box.low - 1e-12).all()
        assert (moved <= box.high + 1e-12).all()
        assert fall == pytest.approx(-(gradient @ step) - 0.5 * step @ curvature @ step, abs=1e-9)
        assert fall >= 0.0
        inside = (moved > box.low + 1e-9) & (moved < box.high - 1e-9)
        assert np.abs((gradient + curvature @ step)[inside]).max(initial=0.0) < 1e-8


def test_the_bfgs_update_meets_the_secant_equation_and_stays_positive():
    rng = np.random.default_rng(3)
    for _ in range(50):
        root = rng.standard_normal((6, 6))
        b = root @ root.T + 0.1 * np.eye(6)
        step, change = rng.standard_normal(6), rng.standard_normal(6)
        damped = step @ change < 0.2 * step @ b @ step
        kernels._update(b, step, change)
        assert np.linalg.eigvalsh(b)[0] > 0
        if not damped:
            assert b @ step == pytest.approx(change, abs=1e-9)


def test_a_fit_has_the_same_bits_whoever_its_neighbours_are():
    rng = np.random.default_rng(4)
    values = rng.standard_t(5, (700, 37)) * rng.uniform(0.1, 10, 37)
    values[rng.random(values.shape) < 0.1] = np.nan
    data = prepare(values)
    start = np.array([0.0, np.log(0.05), np.log(1.003 - 0.95), 0.2, 0.5, 0.2])
    box = box_of("gjr", "t")
    every = np.arange(37)
    arrays = data.arrays
    together = kernels.fit_lanes(arrays, every, np.tile(start, (37, 1)), box, 1, 1)
    order = rng.permutation(37)
    shuffled = kernels.fit_lanes(arrays, order, np.tile(start, (37, 1)), box, 1, 1)
    alone = kernels.fit_lanes(arrays, every[5:6], start[None], box, 1, 1)
    for whole, mixed, one in zip(together, shuffled, alone, strict=True):
        assert np.array_equal(whole[order], mixed)
        assert np.array_equal(whole[5:6], one)


def test_the_levels_of_the_variance_are_that_of_the_plain_reference():
    rng = np.random.default_rng(9)
    values = rng.standard_t(4, (300, 5))
    values[rng.random(values.shape) < 0.2] = np.nan
    data = prepare(values)
    box = box_of("gjr", "t", 1e-8)
    points = box.low + rng.random((5, 6)) * (np.minimum(box.high, [1, -3, 0, 1, 1, 0.4]) - box.low)
    got = kernels.variance_levels(data.arrays, np.arange(5), points)
    values, first, count, backcast = data.arrays
    for j, point in enumerate(points):
        x = values[first[j] : first[j] + count[j]]
        path = reference.variance_path(x, reference.native_parameters(point, False), backcast[j])
        assert got.least[j] == pytest.approx(path.min(), rel=1e-12)
        assert got.mean[j] == pytest.approx(path[:-1].mean(), rel=1e-12)


def test_gathering_is_that_of_the_plain_reference():
    rng = np.random.default_rng(6)
    values = rng.standard_normal((120, 4)) * [1e-4, 1.0, 50.0, 1e-9] + [0, 3, -100, 0]
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:30, 3] = np.nan
    data = prepare(values)
    for j in range(4):
        mean, scale, backcast = reference.moments(values[:, j])
        assert (data.mean[j], data.scale[j], data.arrays.backcast[j]) == pytest.approx(
            (mean, scale, backcast), rel=1e-10
        )
        first = data.arrays.first[j]
        x = data.arrays.values[first : first + data.count[j]]
        assert x * scale + mean == pytest.approx(values[~np.isnan(values[:, j]), j], rel=1e-12)


@pytest.mark.parametrize("begun", [np.nan, 0.5])
def test_the_filter_is_that_of_the_plain_reference(begun):
    rng = np.random.default_rng(7)
    returns = rng.standard_normal((50, 6))
    returns[rng.random(returns.shape) < 0.3] = np.nan
    returns[:, 1] = np.nan
    returns[:, 2] = 0.0
    parameters = np.array(
        [[0.1, 0, 0, -0.2, 0, 0], [0.1] * 6, [0.05] * 6, [0.1, 0, 0.1, 0.3, 0, 0], [0.8] * 6]
    )
    after, variance = np.empty_like(returns), np.full(6, begun)
    filter_rows(returns, Recursion(*parameters), variance, after)
    for j in range(6):
        plain = reference.filter_series(returns[:, j], parameters[:, j], begun)
        assert np.allclose(after[:, j], plain, rtol=1e-14, atol=0, equal_nan=True)
    assert np.array_equal(variance, after[-1], equal_nan=True)


def test_the_filter_in_pieces_is_the_filter_of_the_whole():
    rng = np.random.default_rng(8)
    returns = rng.standard_normal((40, 19))
    parameters = np.tile([[0.0], [0.1], [0.1], [0.05], [0.8]], 19)
    whole, first, pieces = np.empty_like(returns), np.ones(19), np.empty_like(returns)
    filter_rows(returns, Recursion(*parameters), np.ones(19), whole)
    for t in range(40):
        filter_rows(returns[t : t + 1], Recursion(*parameters), first, pieces[t : t + 1])
    assert np.array_equal(whole, pieces)
