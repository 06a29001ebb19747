"""RollingMeanDownsideRisk: equal to a cold solve after any number of slides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.optimization import certify_utility


def market(rng: np.random.Generator, rows: int, assets: int) -> np.ndarray:
    """Fat tails, stale columns, a late listing, deletions, scattered holes."""
    returns = rng.standard_t(3, (rows, assets)) * 0.01
    returns[:, rng.random(assets) < 0.3] = 0.0
    returns[: rows // 3, 1] = np.nan
    returns[rows // 2 :, rng.random(assets) < 0.1] = np.nan
    returns[rng.random(returns.shape) < 0.0003] = np.nan
    return np.clip(returns, -0.9, None)


def walk(
    seed: int,
    bars: int,
    objective: str = "utility",
    *,
    window: int = 60,
    assets: int = 24,
    **options,
) -> float:
    """Largest difference of objectives between warm and cold, relative for the ratio, else
    absolute.
    """
    rng = np.random.default_rng(seed)
    problem = sa.MeanDownsideRisk(
        **{
            "risk_aversion": 50.0,
            "fee": 0.0025,
            "objective": objective,
            "missing": "freeze",
            **options,
        }
    )
    returns = market(rng, window + bars, assets)
    rolling = sa.RollingMeanDownsideRisk(problem, returns[:window])
    held, spread, worst = np.zeros(assets), 0.004, 0.0
    for bar in range(bars):
        if bar % 50 == 0:
            spread = 10 ** rng.uniform(-4, -2)
        mu = rng.normal(0.0, spread, assets)
        mu[2] = 0.006
        sigma = rng.uniform(0.5, 2.0, assets) if (bar // 30) % 2 else None
        now = returns[bar + 1 : window + bar + 1]
        try:
            cold = problem.solve(mu, now, held, volatility=sigma)
        except sa.DataError:
            with pytest.raises(sa.DataError):
                rolling.update(now[-1], mu, held, sigma)
            continue
        warm = rolling.update(now[-1], mu, held, sigma)
        assert warm.status in ("optimal", "degenerate", "fallback"), warm.reason
        assert warm.infeasibility <= 1e-12
        if np.isfinite(cold.objective):
            size = abs(cold.objective) if objective == "ratio" else 1.0
            worst = max(worst, abs(warm.objective - cold.objective) / size)
        else:
            assert warm.objective == cold.objective
        drifted = warm.array * np.exp(rng.normal(0.0, 0.005, assets))
        held = drifted / max(1.0, drifted.sum())
    return worst


def test_a_thousand_updates():
    assert walk(0, 1000) <= 1e-9


def test_without_a_fee():
    assert walk(1, 250, fee=0.0) <= 1e-9


def test_exponential_scenario_weights():
    # the oldest weight leaves the range of doubles unless the weights are scaled on the way
    assert walk(2, 300, half_life=0.5, window=20) <= 1e-9
    assert walk(3, 200, half_life=15.0) <= 1e-9


def test_groups_and_caps():
    groups = {asset: asset % 3 for asset in range(24)}
    assert (
        walk(4, 150, groups=groups, group_caps={0: 0.5, 2: 0.4}, max_weight=0.9, missing="sell")
        <= 1e-9
    )


def test_ratio():
    # the square of the ratio's own tolerance would be nearer the truth; what is promised is 1e-7
    assert walk(5, 150, "ratio", fee=0.0) <= 1e-7


def test_least_risk_with_a_floor():
    assert walk(6, 60, "min_risk", return_floor=0.0005) <= 1e-9


def test_a_window_that_grows():
    rng = np.random.default_rng(7)
    returns = rng.normal(0.0, 0.01, (80, 6))
    problem = sa.MeanDownsideRisk(risk_aversion=30.0, fee=0.0005)
    rolling = sa.RollingMeanDownsideRisk(problem, returns[:5], window=40)
    for bar in range(5, 80):
        mu = rng.normal(0.0, 0.003, 6)
        warm = rolling.update(returns[bar], mu)
        cold = problem.solve(mu, returns[max(0, bar - 39) : bar + 1])
        assert warm.objective == pytest.approx(cold.objective, abs=1e-12)
    np.testing.assert_array_equal(rolling.scenarios, returns[40:])


def test_several_rows_at_once_and_none():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(rng.normal(0.0, 0.01, (70, 5)), columns=list("abcde"))
    problem = sa.MeanDownsideRisk(risk_aversion=30.0, fee=0.0005)
    mu = pd.Series(rng.normal(0.001, 0.003, 5), index=frame.columns)
    rolling = sa.RollingMeanDownsideRisk(problem, frame[:50])
    solution = rolling.update(frame[50:63][list("edcba")], mu)
    cold = problem.solve(mu, frame[13:63])
    assert solution.objective == pytest.approx(cold.objective, abs=1e-13)
    assert solution.weights.index.equals(frame.columns)
    again = rolling.solve(mu)
    assert again.objective == pytest.approx(cold.objective, abs=1e-13)
    pd.testing.assert_frame_equal(rolling.scenarios, frame[13:63].reset_index(drop=True))


def test_the_passed_on_gap_is_that_of_the_window():
    rng = np.random.default_rng(9)
    returns = market(rng, 200, 30)
    returns[np.isnan(returns)] = 0.0
    problem = sa.MeanDownsideRisk(risk_aversion=80.0, fee=0.001)
    rolling = sa.RollingMeanDownsideRisk(problem, returns[:100])
    held = np.zeros(30)
    for bar in range(100):
        mu = rng.normal(0.0, 0.003, 30)
        solution = rolling.update(returns[100 + bar], mu, held)
        checked = certify_utility(
            problem.program(mu, returns[bar + 1 : bar + 101], held), solution.array
        )
        assert checked.gap <= 1e-8
        held = solution.array


def test_bad_input():
    problem = sa.MeanDownsideRisk()
    with pytest.raises(sa.DataError, match="two rows"):
        sa.RollingMeanDownsideRisk(problem, np.zeros((1, 3)))
    with pytest.raises(sa.ParameterError, match="measure"):
        sa.RollingMeanDownsideRisk(problem.replace(measure="cvar"), np.zeros((5, 3)))
    rolling = sa.RollingMeanDownsideRisk(problem, pd.DataFrame(np.zeros((5, 2)), columns=[7, 8]))
    with pytest.raises(sa.DataError, match="no value for the asset 8"):
        rolling.slide(pd.Series({7: 0.1}))
    with pytest.raises(sa.DataError, match="finite"):
        rolling.slide(np.array([0.1, np.inf]))
    with pytest.raises(sa.DataError, match="column 8"):
        rolling.slide(pd.DataFrame({7: [0.1]}))
