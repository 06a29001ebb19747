"""Forecasts of a stretch of rows: fits at fixed places, several horizons from one fit."""

from __future__ import annotations

import numpy as np
import pytest

import statarb as sa
from statarb.forecasting import CrossAssetRidge
from statarb.investors import StatArb
from statarb.investors.stat_arb.forecasts import forecasts_from, forecasts_over
from tests.cointegration.test_pairs_signal import FAST, market, scan_rows


class Patient(CrossAssetRidge):
    """A ridge regression for which a fit every 40 rows is enough, where time is short."""

    refit_every = 40


def test_a_source_is_the_walk_of_its_forecaster_however_rows_are_cut() -> None:
    panel = market()
    signal = sa.PairsSignal(4, **FAST)
    walk = signal.walk(panel, panel.times[60], depth=250).to_numpy()
    for low, high in ((60, 900), (60, 61), (288, 576), (576, 700), (811, 900)):
        past = panel.row_slice(0, high)
        found = forecasts_from(signal, past, low, high, 250)
        assert np.array_equal(found, walk[low - 60 : high - 60], equal_nan=True)


def test_early_rows_have_no_forecast() -> None:
    panel = market()
    lenient = sa.PairsSignal(**{**FAST, "level": 1.0})
    found = forecasts_from(lenient, panel, 0, 200, 250)
    assert np.isnan(found[:29]).all()
    assert (~np.isnan(found[29])).any()
    assert np.isnan(forecasts_from(sa.PairsSignal(**FAST), panel, 0, 200, 29)).all()
    assert forecasts_from(sa.PairsSignal(**FAST), panel, 0, 0, 250).shape == (0, 7)


@pytest.mark.parametrize("forecaster", [sa.PairsSignal(**FAST), Patient(lags=1, scale_rows=48)])
def test_several_horizons_are_each_of_its_own(forecaster: object) -> None:
    panel = market()
    together = forecasts_over(forecaster, panel, 20, 400, 250, (1, 12, 5))
    for found, horizon in zip(together, (1, 12, 5), strict=True):
        alone = sa.forecasting.clone(forecaster).set_params(horizon=horizon)
        expected = forecasts_from(alone, panel, 20, 400, 250)
        assert np.array_equal(found, expected, equal_nan=True)
        assert not np.isnan(found[100:]).all()


def test_other_forecasters_are_fitted_at_every_row() -> None:
    panel = market()
    found = forecasts_from(Patient(lags=1, scale_rows=48), panel, 150, 250, 250)
    for row in (150, 161, 249):
        window = panel.window(panel.times[row], 250)
        expected = Patient(lags=1, scale_rows=48).fit(window).predict(window)
        # sums over blocks of rows are in another order
        np.testing.assert_allclose(found[row - 150], expected, rtol=1e-6, atol=1e-12)


def test_a_walk_of_an_investor_scans_every_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = market()
    made = scan_rows(monkeypatch)
    investor = StatArb(
        sources=(sa.PairsSignal(4, **FAST),), track_record=0, scenarios=100, volatility=None
    )
    rules = sa.TradingRules().without_limits()
    run = sa.walk_forward(
        investor, panel, rules, start=panel.times[301], end=panel.times[801], depth=250, block=100
    )
    assert run.metrics()["failures"] == 0
    # rows 300 to 800: a scan serves the lag and the end of the horizon
    assert len(made) == 6
