"""Fixed-share hedging against its definition and its regret bound; the confidence sequence against
simulated chance.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import statarb as sa
from statarb.investors.autonomous.hedging import (
    FixedShareHedge,
    SequentialTest,
    confidence_sequence,
)


def restated(losses: np.ndarray, share: float, first_gap: float) -> tuple[np.ndarray, list[float]]:
    """The equations of the docstring, one sum at a time."""
    count = losses.shape[1]
    weights, gap, paths, rates = [1.0 / count] * count, 0.0, [[1.0 / count] * count], []
    for line in losses:
        rate = math.log(count / share) / (first_gap + gap)
        total = sum(w * math.exp(-rate * x) for w, x in zip(weights, line, strict=True))
        mix = -math.log(total) / rate
        gap += max(0.0, sum(w * x for w, x in zip(weights, line, strict=True)) - mix)
        grown = [w * math.exp(-rate * (x - mix)) for w, x in zip(weights, line, strict=True)]
        weights = [(1.0 - share) * v + share / count for v in grown]
        paths.append(weights)
        rates.append(rate)
    return np.array(paths), rates


def test_the_weights_are_those_of_the_equations() -> None:
    losses = np.random.default_rng(3).normal(0.0, 0.01, (200, 5))
    hedge, paths = FixedShareHedge(5, 0.02, 0.05), []
    expected, rates = restated(losses, 0.02, 0.05)
    for line, rate in zip(losses, rates, strict=True):
        paths.append(hedge.weights)
        assert hedge.rate == pytest.approx(rate, rel=1e-10)
        hedge.update(line)
    np.testing.assert_allclose([*paths, hedge.weights], expected, rtol=1e-10)


def test_one_round_by_hand() -> None:
    hedge = FixedShareHedge(2, 0.5, math.log(4.0))  # a rate of 1
    assert hedge.update(np.array([0.0, math.log(3.0)])) == pytest.approx(
        0.5 * math.log(3.0), rel=1e-14
    )
    np.testing.assert_allclose(hedge.weights, [0.5 * 0.75 + 0.25, 0.5 * 0.25 + 0.25], rtol=1e-14)


@given(
    losses=arrays(
        np.float64,
        st.tuples(st.integers(1, 60), st.integers(1, 6)),
        elements=st.floats(-50.0, 50.0),
    ),
    share=st.floats(1e-4, 0.5),
    first_gap=st.floats(1e-3, 10.0),
)
def test_the_regret_stays_below_its_bound(
    losses: np.ndarray, share: float, first_gap: float
) -> None:
    hedge = FixedShareHedge(losses.shape[1], share, first_gap)
    paid = sum(hedge.update(line) for line in losses)
    assert hedge.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert hedge.weights.min() >= share / losses.shape[1] * (1.0 - 1e-12)
    slack = 1e-9 * (1.0 + np.abs(losses).sum())
    assert paid - losses.sum(axis=0).min() <= hedge.regret_bound() + slack
    # the best two candidates in hindsight, one after the other
    for cut in range(1, len(losses), 7):
        best = losses[:cut].sum(axis=0).min() + losses[cut:].sum(axis=0).min()
        assert paid - best <= hedge.regret_bound(1) + slack


def test_the_share_lets_a_new_leader_take_over_at_once() -> None:
    losses = np.repeat([[0.0, 1.0], [1.0, 0.0]], 300, axis=0)
    hedge = FixedShareHedge(2, 0.01, 1.0)
    for line in losses[:330]:
        hedge.update(line)
    assert hedge.weights[1] > 0.9
    # its weight without the share, from the sums alone
    assert math.exp(-hedge.rate * (300 - 30)) < 1e-6


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("share", (2, 0.0, 1.0)), ("first_gap", (2, 0.1, 0.0)), ("count", (0, 0.1, 1.0))],
)
def test_what_makes_no_sense_is_refused(name: str, arguments: tuple[int, float, float]) -> None:
    with pytest.raises(sa.ParameterError, match=name):
        FixedShareHedge(*arguments)


def test_the_bound_of_chance_by_hand() -> None:
    level = 5.2 / math.e  # 0.72 ln(5.2 / level) = 0.72
    np.testing.assert_allclose(
        confidence_sequence(np.array([0.0, 50.0]), level)[1],
        1.7 * math.sqrt(50 * (math.log(math.log(100)) + 0.72)),
    )
    assert (
        confidence_sequence(np.array([0.0]), 0.05)[0]
        == confidence_sequence(np.array([1.0]), 0.05)[0]
    )


def test_chance_is_taken_for_skill_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(0)
    # heavy tails, changing sizes
    steps = rng.standard_t(3, (400, 1000)) * rng.lognormal(0.0, 1.0, (1000,))
    total, spread = steps.cumsum(axis=1), (steps**2).cumsum(axis=1)
    ever = (total >= confidence_sequence(spread, 0.05)).any(axis=1).sum()
    assert ever <= 0.05 * 400


def test_the_null_is_rejected_by_blocks_until_half_of_the_bound() -> None:
    test = SequentialTest(2, 0.05, block=3, unit=0.01)
    for _ in range(2):
        test.update(np.array([0.01, 0.0]))
    assert test.sum.tolist() == [0.0, 0.0]
    test.update(np.array([0.01, 0.0]))
    assert test.sum[0] == pytest.approx(3.0)
    assert test.sum_squares[0] == pytest.approx(9.0)
    while not test.significant[0]:
        test.update(np.array([0.01, -0.01]))
    assert test.statistic[0] >= 1.0
    assert not test.significant[1]
    falls = 0
    while test.significant[0]:
        test.update(np.array([-0.01, 0.0]))
        falls += 1
    assert falls > 3
    assert test.statistic[0] < 0.5
