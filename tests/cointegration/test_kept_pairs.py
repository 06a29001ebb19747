"""KeptPairs: kernels against their references, and what a pair promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.cointegration._engine.kept_pairs import (
    PairLegs,
    leg_forecasts,
    leg_forecasts_reference,
    spread_moves,
    spread_moves_reference,
)
from tests.cointegration.test_pairs_signal import FAST, market


def awkward(seed: int) -> tuple[np.ndarray, PairLegs]:
    """Log prices (assets, times) with gaps and a late listing, and pairs that share legs."""
    rng = np.random.default_rng(seed)
    levels = np.cumsum(rng.normal(size=(5, 80)), axis=1) * 0.01 + 3.0
    levels[rng.random(levels.shape) < 0.1] = np.nan
    levels[4, :50] = np.nan
    legs = PairLegs(np.array([0, 2, 4, 1]), np.array([1, 1, 0, 3]), rng.normal(size=4))
    return levels, legs


@pytest.mark.parametrize("seed", range(4))
def test_moves_of_spreads_are_those_of_the_reference(seed: int) -> None:
    levels, legs = awkward(seed)
    np.testing.assert_allclose(
        spread_moves(levels, legs), spread_moves_reference(levels, legs), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("seed", range(4))
def test_forecasts_of_legs_are_those_of_the_reference(seed: int) -> None:
    levels, legs = awkward(seed)
    rows = np.ascontiguousarray(levels.T)
    rng = np.random.default_rng(seed)
    mean, gains = rng.normal(size=4), rng.normal(size=(2, 3, 4))
    found, expected = np.empty((2, 3, 80, 5))
    leg_forecasts(rows, legs, mean, *gains, found)
    leg_forecasts_reference(rows, legs, mean, *gains, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert np.isnan(found).any()
    # a row depends on no other one, and a horizon on no other one
    single = np.empty((1, 1, 5))
    for row in (0, 40, 79):
        leg_forecasts(rows[row : row + 1], legs, mean, gains[0, 1:2], gains[1, 1:2], single)
        assert np.array_equal(single[0, 0], found[1, row], equal_nan=True)


def test_without_pairs_there_is_no_forecast() -> None:
    none = np.empty(0, dtype=np.int64)
    legs = PairLegs(none, none, np.empty(0))
    assert spread_moves(np.zeros((2, 9)), legs).shape == (4, 0)
    found = np.zeros((1, 3, 2))
    leg_forecasts(np.zeros((3, 2)), legs, np.empty(0), *np.empty((2, 1, 0)), found)
    assert np.isnan(found).all()


def test_what_pairs_promise_adds_up_to_the_forecast() -> None:
    panel = market()
    signal = sa.PairsSignal(6, **FAST).fit(panel)
    kept = signal.kept_
    levels = np.log(panel.last_known("unrounded")[-1, kept.used])
    table = kept.by_pair(levels, 6)
    promised: dict[int, list[float]] = {}
    for pair in table.itertuples():
        promised.setdefault(pair.y, []).append(pair.expected_y)  # type: ignore[arg-type]
        promised.setdefault(pair.x, []).append(pair.expected_x)  # type: ignore[arg-type]
    forecast = signal.predict(panel)
    assert set(forecast.dropna().index) == set(promised) == set(panel.assets[kept.used])
    for asset, values in promised.items():
        assert forecast[asset] == pytest.approx(np.mean(values), rel=1e-12)


def test_the_spread_of_a_pair_is_that_of_spread() -> None:
    panel = market(missing=0.0).select([10, 11, 12, 13])
    kept = sa.PairsSignal(**FAST).fit(panel).kept_
    logs = np.log(pd.DataFrame(panel.array(), index=panel.times, columns=panel.assets))
    for pair in kept.to_frame().itertuples():
        spread = logs[pair.y] - pair.hedge_ratio * logs[pair.x]
        assert pair.mean == pytest.approx(spread.mean(), rel=1e-10)
        assert pair.sd == pytest.approx(spread.std(), rel=1e-10)
        fitted = sa.Spread.fit(logs, pair.y, pair.x, pair.hedge_ratio)
        assert pair.autoregression == pytest.approx(fitted.process.autoregression, rel=1e-8)
        assert [pair.adjustment_y, pair.adjustment_x] == pytest.approx(
            fitted.adjustment[[pair.y, pair.x]].to_numpy(), rel=1e-8
        )
    assert repr(kept).startswith(f"KeptPairs({len(kept)} of 12 tests at 2018-01-27")
