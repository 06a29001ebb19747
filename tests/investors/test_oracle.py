"""Oracle: its expected returns against brute force, what it earns where something is planted, and
that it earns by knowing, not by seeing ahead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.data.synthetic.planted import FAMILIES, PlantedTrend
from statarb.investors.benchmarks.oracle import Oracle
from statarb.investors.benchmarks.planted_returns import Seen, risk_multiple
from statarb.rules import Context, TradingRules


def control(plant: Any, seed: int = 0, **changes: Any) -> sa.Panel:
    return sa.simulate_market(**{"assets": 24, "days": 14, "seed": seed, **changes}, plant=plant)


def context(panel: sa.Panel, lag: int = 1) -> Context:
    return Context(panel.now + panel.step, 10_000.0, TradingRules(), lag)


def growth(panel: sa.Panel, lag: int = 1, **params: Any) -> tuple[np.ndarray, int]:
    """Expected returns at every row, and their horizon."""
    oracle = sa.testing.oracle(panel, **params)
    found = oracle.signals(panel, 0, len(panel.times), 2016, context(panel, lag))
    return found["expected_return"], oracle._rows_ahead


def realised(panel: sa.Panel, lag: int, horizon: int) -> np.ndarray:
    """Log returns from the trade on, NaN where the market ends before."""
    logs = np.log(panel.last_known("unrounded"))
    found = np.full(logs.shape, np.nan)
    found[: len(logs) - lag - horizon] = logs[lag + horizon :] - logs[lag : len(logs) - horizon]
    return found


# -- expected returns ------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_pairs_are_expected_to_revert(lag: int) -> None:
    panel = control(("pairs", {"hedge_ratio": 1.2, "half_life": 30.0}), days=2)
    found, horizon = growth(panel, lag, horizon=10)
    logs = pd.DataFrame(np.log(panel.last_known("unrounded")), columns=panel.assets)
    expected = pd.DataFrame(0.0, index=logs.index, columns=panel.assets)
    for record in panel.metadata["planted"]:
        leader, follower = record["assets"]
        spread = logs[follower] - 1.2 * logs[leader] - record["mean"]
        half = 0.5 ** (1 / 30)
        # the variance of a sum of shocks, one by one: those between trade and end in full, those
        # before the trade by what they lose in between
        shocks = 0.02**2 * (1 - half**2)
        ages = np.arange(lag + horizon)
        at_end = half**ages
        at_trade = np.where(ages >= horizon, half ** (ages - horizon), 0.0)
        variance = shocks * (at_end**2 - at_trade**2).sum()
        expected[follower] = spread * (half ** (lag + horizon) - half**lag) + variance / 2
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_what_is_left_of_a_leaders_move_is_expected(lag: int) -> None:
    panel = control(("diffusion", {"groups": 1, "followers": 2, "steps": 8, "beta": 0.4}), days=1)
    found, _ = growth(panel, lag, horizon=4)
    (record,) = panel.metadata["planted"]
    leader, *followers = record["assets"]
    logs = np.log(panel.last_known("unrounded"))[:, panel.assets.get_loc(leader)]
    moves = np.diff(logs, prepend=np.nan)
    for row in range(1, len(panel.times)):
        due = 0.0
        for ahead in range(lag + 1, lag + 5):  # rows after the last one seen
            for age in range(8):  # what they take from the leader's row so many rows before them
                known = row + ahead - age
                due += 0.05 * moves[known] if 1 <= known <= row else 0.0
        column = panel.assets.get_indexer(followers)
        np.testing.assert_allclose(found[row, column], due, atol=1e-12)
    assert np.count_nonzero(found.any(axis=0)) == 2


def test_a_drift_is_the_linear_estimate_of_the_whole_covariance() -> None:
    """Against the normal equations with every return of the period as an observation."""
    panel = control(PlantedTrend(length=40, size=0.05, assets=5), days=1)
    found, _ = growth(panel)
    (record,) = panel.metadata["planted"]
    part = panel.select(record["assets"])
    order = part.assets.get_indexer(record["assets"])
    logs = np.log(part.last_known("unrounded"))[:, order]
    spans = np.diff(panel.rows)
    loadings, own = np.array(record["loadings"]), np.array(record["own_sd"])
    risk = np.outer(loadings, loadings) + np.diag(own**2)
    column = panel.assets.get_indexer(record["assets"])
    for row in (3, 39, 40, 41, 77, 118, 119, 150):
        first = row // 40 * 40
        rows = np.arange(max(first, 1), row + 1)
        moved = logs[rows] - logs[rows - 1] + np.outer(spans[rows - 1], np.diag(risk)) / 2
        noise = np.kron(np.diag(spans[rows - 1]), risk)
        design = np.kron(np.ones((len(rows), 1)), np.eye(5))
        prior = np.eye(5) * (0.05 / 40) ** 2
        gain = prior @ design.T @ np.linalg.inv(design @ prior @ design.T + noise)
        left = max(0, 40 - (row - first + 1) - 1)
        np.testing.assert_allclose(found[row, column], left * gain @ moved.ravel(), atol=1e-9)


@pytest.mark.parametrize("plant", ["pairs", "diffusion", ("trend", {"assets": 12})])
def test_what_is_expected_comes_true(plant: Any) -> None:
    """The slope of realised on expected returns is 1; the others' is that of nothing."""
    panel = control(plant, seed=11, days=60)
    found, horizon = growth(panel)
    came = realised(panel, 1, horizon)
    touched = found.any(axis=0)
    # the market's part is noise that all assets share
    came = came - came[:, ~touched].mean(axis=1, keepdims=True)
    rows = np.arange(600, len(found) - horizon - 1, horizon // 2)  # half of each overlaps
    expected, came = found[rows][:, touched], came[rows][:, touched]
    products = (expected * came).sum(axis=1)
    squares = (expected**2).sum()
    slope = products.sum() / squares
    left = products - slope * (expected**2).sum(axis=1)
    # neighbours overlap by half, so that their covariance counts too
    error = np.sqrt(max((left**2).sum() + 2 * (left[1:] * left[:-1]).sum(), 0.0)) / squares
    assert error < 0.25
    assert abs(slope - 1.0) < 4.0 * error
    assert slope > 4.0 * error


def test_the_spell_is_told_from_the_rows() -> None:
    panel = control("volatility", seed=2, days=30)
    (record,) = panel.metadata["planted"]
    seen = Seen(panel, 0, len(panel.times), 2016, 1, 1)
    risk = risk_multiple(record, seen, 1008)
    changes = np.searchsorted(panel.times_array, np.array(record["changes"], "datetime64[us]"))
    rows = np.arange(len(panel.times))
    spell = np.searchsorted(changes, rows, side="right") - 1
    wild = np.array(record["is_wild"])[spell]
    settled = rows - changes[spell] >= 6
    settled[:20] = False
    assert ((risk > 0.6)[settled] == wild[settled]).mean() > 0.9
    # in the stationary mean the multiple of the premium is one
    found, horizon = growth(panel)
    np.testing.assert_allclose(found, horizon * np.log1p(0.02 / 288), rtol=1e-12)


def test_nothing_planted_is_nothing_expected_and_cash() -> None:
    panel = control("none")
    found, horizon = growth(panel)
    assert horizon == 1
    assert not found.any()
    run = sa.walk_forward(sa.testing.oracle(panel), panel, start=panel.times[2000])
    assert run.metrics()["orders"] == 0
    assert set(run.reasons.index) == {"expected gain below the fee"}


# -- what it earns ---------------------------------------------------------------------------------


def earned(investor: Any, panel: sa.Panel, lag: int = 1) -> tuple[float, float]:
    """Return and G of the last three days under the case's rules."""
    start = panel.times[-1] - pd.Timedelta(days=3)
    run = sa.walk_forward(investor, panel, TradingRules(), start=start, decision_lag=lag)
    return run.metrics()["total_return"], run.metrics()["G"]


SEEDS = range(3)
"""None of them chosen. Three days are few: returns on one market lie between -4 and 15 %."""


@pytest.mark.parametrize("family", ["pairs", "diffusion", "trend"])
def test_it_earns_what_is_planted(family: str) -> None:
    markets = [control(family, seed, days=9) for seed in SEEDS]
    found = [earned(sa.testing.oracle(panel), panel)[0] for panel in markets]
    assert np.mean(found) > 0.04


def test_risk_that_is_timed_has_the_better_score_than_risk_that_is_not() -> None:
    markets = [control("volatility", seed, days=9) for seed in SEEDS]
    managed = [earned(sa.testing.oracle(panel), panel)[1] for panel in markets]
    constant = [earned("equal_weight_hold", panel)[1] for panel in markets]
    assert np.mean(managed) > np.mean(constant)


# -- contract --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["none", *FAMILIES])
def test_it_sees_nothing_ahead(family: str) -> None:
    """It knows dates: drifts change at stated times."""
    panel = control(family, seed=1, days=8)
    start = panel.times[1300]
    oracle = sa.testing.oracle(panel)
    sa.testing.check_investor(oracle, panel, cuts=2, start=start, knows_dates=True)


def test_signals_of_a_block_are_those_of_windows_that_are_short() -> None:
    plants = ["pairs", "diffusion", ("trend", {"length": 90}), "volatility"]
    panel = control(plants, days=3)
    oracle = sa.testing.oracle(panel, scenarios=50)
    block = oracle.signals(panel, 400, 410, 220, context(panel))
    for row in range(400, 410):
        window = panel.window(panel.times[row], 220)
        assert len(window.times) == 220
        alone = oracle.signals(window, 219, 220, 220, context(panel))
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], block[name][row - 400], rtol=1e-8, atol=1e-12)


def test_assets_that_are_not_there_are_left_out() -> None:
    panel = control(["pairs", "trend", "volatility"], days=2)
    whole, horizon = growth(panel)
    pair = panel.metadata["planted"][0]["assets"]
    kept = [asset for asset in panel.assets if asset != pair[0]]
    found, _ = growth(panel.select(kept))
    premium = horizon * np.log1p(0.02 / 288)
    np.testing.assert_allclose(found[:, kept.index(pair[1])], premium, rtol=1e-12)
    other = panel.metadata["planted"][1]["assets"][1]
    np.testing.assert_allclose(
        found[:, kept.index(other)], whole[:, list(panel.assets).index(other)], rtol=1e-12
    )


def test_name_and_parameters() -> None:
    panel = control("pairs", days=1)
    oracle = sa.testing.oracle(panel)
    assert oracle.name == "oracle"
    assert sa.testing.oracle(panel, max_weight=0.3, horizon=12).name == (
        "oracle(horizon=12, max_weight=0.3)"
    )
    assert oracle.clone().planted == panel.metadata["planted"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"planted": "pairs"}, "planted must be metadata"),
        ({"planted": [{"name": "triple"}]}, "make the market with plant=.*got 'triple'"),
        ({"planted": [3]}, "got 3"),
        ({"planted": [], "horizon": 0}, "horizon must be an integer at least 1"),
        ({"planted": [], "max_weight": 0.0}, "max_weight must be"),
        ({"planted": [], "risk_aversion": -1.0}, "risk_aversion must be"),
        ({"planted": [], "scenarios": 1}, "scenarios must be"),
    ],
)
def test_parameters_that_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(sa.ParameterError, match=words):
        Oracle(**params)


def test_a_market_that_does_not_say_what_is_planted_is_refused() -> None:
    panel = control("pairs", days=1)
    with pytest.raises(sa.ParameterError, match="panel must say what is planted"):
        sa.testing.oracle(sa.Panel.from_frame(panel.price))
    with pytest.raises(sa.ParameterError, match="panel must say what is planted"):
        sa.testing.oracle(panel.window(panel.times[-1], 10))
    with pytest.raises(sa.ParameterError, match="make the market with plant="):
        sa.testing.oracle(sa.simulate_market(assets=25, days=1))
    with pytest.raises(sa.ParameterError, match="panel must be a Panel"):
        sa.testing.oracle(panel.price)  # type: ignore[arg-type]
