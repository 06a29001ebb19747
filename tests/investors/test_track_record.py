"""Track records: the shrunk slope against plain references; how often chance passes for skill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import norm, t

from statarb.investors._engine.shrunk_slopes import frequency_count, shrunk_slope_reference
from statarb.investors.track_record import TrackRecord, shrinkage


def by_loop(
    forecast: np.ndarray,
    realised: np.ndarray,
    first: int,
    length: int,
    delay: int,
    z_threshold: float,
    fee: float,
    horizon: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Reference of :func:`shrinkage`: row by row, cell by cell."""
    critical = np.append(0.0, t.isf(norm.sf(z_threshold), np.arange(1, 200)))
    found, gain = [], []
    for row in range(first, len(forecast)):
        cross, square, earned = [], [], 0.0
        for past in range(max(0, row - delay - length + 1), row - delay + 1):
            x = y = 0.0
            for f, r in zip(forecast[past], realised[past], strict=True):
                if not np.isnan(f) and not np.isnan(r):
                    x += f * r
                    y += f * f
                    earned += r - fee if f > fee else 0.0
            cross.append(x)
            square.append(y)
        share = shrunk_slope_reference(np.array(cross), np.array(square), horizon, critical)
        found.append(share if earned > 0.0 else 0.0)
        gain.append(earned / length)
    return np.array(found), np.array(gain)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_shrinkage_is_that_of_a_plain_loop(data: st.DataObject) -> None:
    rows, assets = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    forecast = rng.normal(0.0, 0.01, (rows, assets))
    slope = data.draw(st.sampled_from([-1.0, 0.0, 0.4, 3.0]))
    realised = slope * forecast + rng.normal(0.0, 0.004, (rows, assets))
    for values in (forecast, realised):
        values[rng.random(values.shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
    first, length = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(1, 30))
    delay, horizon = data.draw(st.integers(0, 5)), data.draw(st.integers(1, 6))
    z_threshold = data.draw(st.sampled_from([0.0, 1.0, 2.0]))
    fee = data.draw(st.sampled_from([0.0, 0.0025]))
    found, gain = shrinkage(
        forecast, realised, first, length, delay, z_threshold, fee, horizon=horizon
    )
    expected, earned = by_loop(forecast, realised, first, length, delay, z_threshold, fee, horizon)
    assert found.shape == gain.shape == (rows - first,)
    # sums in another order
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gain, earned, rtol=1e-9, atol=1e-15)
    assert ((found >= 0.0) & (found <= 1.0)).all()


@pytest.mark.parametrize(("horizon", "lag"), [(1, 0), (1, 1), (6, 1), (12, 3)])
def test_a_record_row_by_row_is_that_of_the_block(horizon: int, lag: int) -> None:
    rng = np.random.default_rng(horizon)
    price = np.cumsum(rng.normal(0.0, 0.003, (400, 5)), axis=0)
    forecast = rng.normal(0.0, 0.003, (400, 5))
    forecast[: 400 - lag - horizon] += 0.6 * (price[lag + horizon :] - price[lag : 400 - horizon])
    forecast[:30] = np.nan
    forecast[rng.random(forecast.shape) < 0.1] = np.nan
    realised = np.full(forecast.shape, np.nan)
    realised[: 400 - lag - horizon] = price[lag + horizon :] - price[lag : 400 - horizon]
    # a fee below any forecast sets the condition on the gain aside where outcomes are raised by it
    found, _ = shrinkage(forecast, realised, 0, 150, lag + horizon, 2.0, -1e9, horizon=horizon)
    record = TrackRecord(horizon, lag, 150, 2.0)
    one_by_one = [record.update(forecast[row], price[row]) for row in range(400)]
    np.testing.assert_allclose(one_by_one, found, rtol=1e-9, atol=1e-12)
    assert found[-1] > 0.3


def test_realised_forecasts_count_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    forecast = rng.normal(0.0, 0.01, (400, 10))
    noise = rng.normal(0.0, 0.01, forecast.shape)
    exact, _ = shrinkage(forecast, forecast, 300, 200, 1, 2.0, 0.0)
    # a slope of 1 without error, but for the rounding of sums
    np.testing.assert_allclose(exact, 1.0, rtol=1e-12)
    half, _ = shrinkage(forecast, 0.5 * forecast + noise, 300, 200, 1, 2.0, 0.0)
    assert ((half > 0.4) & (half < 0.6)).all()
    assert (shrinkage(forecast, -forecast, 300, 200, 1, 2.0, 0.0)[0] == 0.0).all()
    assert shrinkage(forecast, noise, 300, 200, 1, 3.0, 0.0)[0].max() < 0.1
    stricter = [
        shrinkage(forecast, 0.2 * forecast + noise, 300, 200, 1, z_threshold, 0.0)[0].mean()
        for z_threshold in (0, 2, 4)
    ]
    assert stricter[0] > stricter[1] > stricter[2]


def test_the_track_record_rests_on_outcomes_that_are_known() -> None:
    rng = np.random.default_rng(2)
    forecast, noise = rng.normal(0.0, 0.01, (2, 120, 3))
    realised = 0.5 * forecast + 0.3 * noise
    delay = 7
    found, gain = shrinkage(forecast, realised, 60, 40, delay, 1.0, 0.001, horizon=1)
    later = realised.copy()
    later[100 - delay + 1 :] = 1.0  # known after row 100 alone
    again, gain_again = shrinkage(forecast, later, 60, 40, delay, 1.0, 0.001, horizon=1)
    np.testing.assert_array_equal(found[: 101 - 60], again[: 101 - 60])
    np.testing.assert_array_equal(gain[: 101 - 60], gain_again[: 101 - 60])
    assert found[101 - 60] != again[101 - 60]


def test_there_is_no_shrinkage_before_two_horizons_of_outcomes() -> None:
    assert frequency_count(23, 12) == 0
    assert frequency_count(24, 12) == 1
    assert frequency_count(576, 1) == int(0.4 * 576 ** (2 / 3)) == 27
    assert frequency_count(576, 24) == 12
    rng = np.random.default_rng(1)
    forecast = rng.normal(0.0, 0.01, (60, 4))
    found, _ = shrinkage(forecast, forecast, 0, 50, 12, 2.0, 0.0, horizon=12)
    assert (found[: 12 + 23] == 0.0).all()
    assert (found[12 + 23 :] > 0.9).all()


@pytest.mark.parametrize("horizon", [1, 3, 12, 48, 144])
@pytest.mark.parametrize("persistence", [0.0, 0.97])
def test_forecasts_without_content_pass_as_seldom_as_the_threshold_says(
    horizon: int, persistence: float
) -> None:
    """Forecasts know nothing of the returns; outcomes over ``horizon`` rows overlap. At 2 standard
    errors 2.3 % should pass, at every horizon (with independent errors assumed: 24 to 30 %).
    """
    rng = np.random.default_rng(100 * horizon + int(100 * persistence))
    trials, length, assets, lag = 600, 576, 5, 1
    rows = length + lag + horizon
    shocks = rng.standard_normal((rows + 200, trials * assets))
    forecasts = lfilter([1.0], [1.0, -persistence], shocks, axis=0)[200:]
    prices = np.cumsum(rng.standard_normal(forecasts.shape), axis=0)
    passed = 0
    for trial in range(trials):
        some = slice(trial * assets, (trial + 1) * assets)
        price = prices[:, some]
        realised = np.full(price.shape, np.nan)
        realised[:length] = price[lag + horizon :] - price[lag : rows - horizon]
        found, _ = shrinkage(
            forecasts[:, some],
            realised,
            rows - 1,
            length,
            lag + horizon,
            2.0,
            -1e9,
            horizon=horizon,
        )
        passed += found[0] > 0.0
    # a standard error of .6 % around 2.3 %
    assert 0.01 <= passed / trials <= 0.04


@pytest.mark.parametrize("horizon", [1, 12, 48])
def test_forecasts_with_content_pass(horizon: int) -> None:
    """The positive control: a forecast that holds a third of the standard deviation to come."""
    rng = np.random.default_rng(horizon)
    passed = 0
    for _ in range(50):
        price = np.cumsum(rng.standard_normal((576 + horizon, 5)), axis=0)
        realised = price[horizon:] - price[:-horizon]
        forecast = realised / 9.0 + rng.standard_normal(realised.shape) * np.sqrt(8.0 * horizon) / 9
        padded = np.vstack([forecast, np.full((horizon, 5), np.nan)])
        outcome = np.vstack([realised, np.full((horizon, 5), np.nan)])
        found, _ = shrinkage(padded, outcome, len(padded) - 1, 576, horizon, 2.0, -1e9)
        passed += found[0] > 0.0
    assert passed >= 45
