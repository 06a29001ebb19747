"""The rolling ridge: against its plain reference, against scikit-learn, and window by window."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import statarb as sa
from statarb.errors import DataError, ParameterError
from statarb.forecasting import CrossAssetRidge, Drift, LastValue, clone, forecast_rows
from statarb.forecasting._engine.rolling import Rows, Span, rolling_ridge, rolling_ridge_plain
from statarb.forecasting.features import CARRY, known_prices, lagged, moves, rolling_mean
from tests.conftest import make_panel


def window_by_window(forecaster, panel, rows, fits, depth):
    """The protocol alone: fit on one window, predict from another."""
    stamps = panel.times
    out = []
    for row, fit in zip(rows, fits, strict=True):
        model = clone(forecaster).fit(panel.window(stamps[fit], depth))
        out.append(model.predict(panel.window(stamps[row], depth)).to_numpy())
    return np.array(out)


@pytest.mark.parametrize("lags", [0, 1, 2])
def test_kernel_agrees_with_its_plain_reference(lags):
    rng = np.random.default_rng(3)
    rows, features, assets = 90, 4, 3
    shared = rng.normal(size=(rows, features))
    shared[:, 2] = 0.0  # a constant asset
    own = rng.normal(size=(rows, lags * assets))
    if lags:
        own[:, 0] = 0.0
    target = rng.normal(size=(rows, assets))
    at = np.array([30, 30, 31, 45, 70, 89])
    ends = np.array([25, 25, 31, 40, 66, 89])
    for count, first, anchor in ((20, 0, 16), (60, 5, 8), (200, 3, 1000), (20, 0, 0)):
        arguments = (Rows(shared, own, target), lags, shared[at], own[at], ends)
        span = Span(count, first, anchor)
        got = rolling_ridge(*arguments, span, 0.1).forecasts
        expected = rolling_ridge_plain(*arguments, span, 0.1)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_rounding_does_not_grow_and_does_not_depend_on_the_start():
    rng = np.random.default_rng(5)
    shared = rng.normal(size=(3000, 3)) * np.exp(rng.normal(0, 3, size=(3000, 1)))
    target = rng.normal(size=(3000, 2))
    own = np.zeros((3000, 0))
    steps = np.arange(500, 3000)
    rows, span = Rows(shared, own, target), Span(400, 0, 256)
    whole = rolling_ridge(rows, 0, shared[steps], own[steps], steps, span, 0.1).forecasts
    for begin in (513, 1024, 2999):
        late = steps[begin - 500 :]
        part = rolling_ridge(rows, 0, shared[late], own[late], late, span, 0.1).forecasts
        assert np.array_equal(part, whole[begin - 500 :])


def test_coefficients_are_those_of_scikit_learn():
    panel = make_panel(400, 5, seed=1, missing=0.0, gaps=False)
    model = CrossAssetRidge(lags=2, alpha=0.3, scale_rows=None, clip=None, skip_stale=False).fit(
        panel
    )
    returns = np.diff(np.log(panel.array()), axis=0, prepend=np.nan)
    design = np.hstack([returns[CARRY + 1 : -1], returns[CARRY:-2]])
    size = np.sqrt((design**2).mean(axis=0))
    reference = Ridge(alpha=0.3 * len(design), fit_intercept=False).fit(
        design / size, returns[CARRY + 2 :]
    )
    np.testing.assert_allclose(model.coef_, reference.coef_ / size, atol=1e-10)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"lags": 3, "horizon": 4, "clip": None},
        {"leaders": (1442, 1444), "scale_rows": 20},
        {"scale_rows": None, "field": "price", "leaders": (1443,), "horizon": 2},
        {"fields": ("volume",), "scale_rows": 30},
    ],
)
def test_blocks_are_the_same_as_windows(params):
    price = make_panel(420, 5, seed=2, missing=0.2).price
    rng = np.random.default_rng(0)
    unrounded = price * (1 + rng.uniform(-0.005, 0.005, price.shape))
    panel = sa.Panel.from_frame(
        price.round(2).clip(0.01),
        unrounded=unrounded,
        volume=rng.uniform(size=price.shape) + 0 * price,
    )
    rows = np.array([250, 251, 300, 301, 302, len(panel.times) - 1])
    fits = np.array([240, 240, 300, 300, 300, 390])
    forecaster = CrossAssetRidge(**params)
    block = forecast_rows(forecaster, panel, rows, fits, depth=200)
    np.testing.assert_allclose(
        block.forecasts, window_by_window(forecaster, panel, rows, fits, 200), rtol=0, atol=1e-13
    )
    assert not block.failed.any()


def test_planted_lead_is_found():
    rng = np.random.default_rng(0)
    leader = rng.normal(0, 0.01, 800)
    follower = np.append(0.0, 0.9 * leader[:-1]) + rng.normal(0, 0.001, 800)
    frame = pd.DataFrame(
        np.exp(np.cumsum(np.c_[leader, follower], axis=0)),
        index=pd.date_range("2020", periods=800, freq="5min"),
    )
    panel = sa.Panel.from_frame(frame)
    rows = np.arange(300, 799)
    forecasts = forecast_rows(CrossAssetRidge(), panel, rows, depth=288).forecasts
    assert np.corrcoef(forecasts[:, 1], follower[301:])[0, 1] > 0.95
    assert abs(np.corrcoef(forecasts[:, 0], leader[301:])[0, 1]) < 0.15


def test_the_future_changes_nothing():
    panel = make_panel(400, 4, seed=7)
    altered = panel.price.copy()
    altered.iloc[330:] *= np.random.default_rng(1).uniform(0.1, 10.0, altered.iloc[330:].shape)
    other = sa.Panel.from_frame(altered)
    rows = np.arange(200, int(np.searchsorted(panel.rows, 330)))
    for forecaster in (CrossAssetRidge(), LastValue(), Drift()):
        before = forecast_rows(forecaster, panel, rows, depth=180).forecasts
        assert np.array_equal(
            before, forecast_rows(forecaster, other, rows, depth=180).forecasts, equal_nan=True
        )


def test_the_unrounded_price_is_where_a_forecast_starts():
    times = pd.date_range("2020", periods=200, freq="5min")
    frame = pd.DataFrame({"a": 1.0, "b": 2.0}, index=times)
    unrounded = frame.copy()
    unrounded["a"] = 1.004
    forecast = (
        CrossAssetRidge()
        .fit(panel := sa.Panel.from_frame(frame, unrounded=unrounded))
        .predict(panel)
    )
    np.testing.assert_allclose(forecast, [np.log(1.004), 0.0], atol=1e-15)


def test_constant_and_absent_assets():
    panel = make_panel(300, 4, seed=4, missing=0.0, gaps=False)
    price = panel.price.copy()
    price[1443] = 5.0
    price.loc[price.index[200:], 1444] = np.nan
    panel = sa.Panel.from_frame(price)
    window = panel.window(panel.now, depth=90)
    for forecaster in (CrossAssetRidge(scale_rows=20), LastValue(), Drift()):
        forecast = forecaster.fit(window).predict(window)
        assert forecast[1443] == 0.0
        assert np.isnan(forecast[1444])
        assert np.isfinite(forecast[[1442, 1445]]).all()
        block = forecast_rows(forecaster, panel, np.array([299]), depth=90).forecasts[0]
        np.testing.assert_allclose(block, forecast, atol=1e-15)


def test_short_windows_and_wrong_parameters():
    panel = make_panel(100, 3, missing=0.0, gaps=False)
    with pytest.raises(DataError, match=r"at least 139 rows, got 100"):
        CrossAssetRidge().fit(panel)
    with pytest.raises(DataError, match="at least 139 rows, got 51"):
        forecast_rows(CrossAssetRidge(), panel, np.array([50, 99]))
    with pytest.raises(ParameterError, match="call fit"):
        CrossAssetRidge().predict(panel)
    with pytest.raises(
        ParameterError, match="lags must be an integer at least 1 and at most 23, got 0"
    ):
        CrossAssetRidge(lags=0)
    with pytest.raises(ParameterError, match=r"fields names 'tweets'.*price"):
        CrossAssetRidge(fields=["tweets"], scale_rows=10).fit(panel)
    with pytest.raises(ParameterError, match="asset 7 is not in the panel"):
        CrossAssetRidge(leaders=[7], scale_rows=10).fit(panel)
    fitted = CrossAssetRidge(scale_rows=10).fit(panel)
    with pytest.raises(DataError, match="windows of one panel"):
        fitted.predict(panel.select([1442, 1443]))


def test_parameters_copies_and_pickles():
    model = CrossAssetRidge(lags=3, leaders=(1442,))
    assert repr(model) == "CrossAssetRidge(lags=3, leaders=(1442,))"
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(alpha=1).alpha == 1.0
    with pytest.raises(ParameterError, match="did you mean 'lags'"):
        model.set_params(lag=2)
    with pytest.raises(ParameterError, match="alpha"):
        model.set_params(alpha=-1.0)
    panel = make_panel(200, 3)
    fitted = CrossAssetRidge(scale_rows=10).fit(panel)
    again = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_series_equal(again.predict(panel), fitted.predict(panel))


def test_registry_names():
    from statarb.forecasting import forecaster_names, make_forecaster, register

    assert repr(make_forecaster("ridge", lags=1)) == "CrossAssetRidge(lags=1)"
    with pytest.raises(ParameterError, match=r"one of .*'last_value'.*did you mean 'ridge'"):
        make_forecaster("rigde")
    assert "drift" in forecaster_names()
    with pytest.raises(ParameterError, match="registered for"):
        register("ridge")(LastValue)


def test_rolling_mean_is_the_mean():
    values = np.random.default_rng(0).normal(size=(50, 3))
    for count in (1, 2, 7, 49, 50, 80):
        expected = [values[max(0, row - count + 1) : row + 1].mean(axis=0) for row in range(50)]
        np.testing.assert_allclose(rolling_mean(values, count), expected, atol=1e-14)
    jump = np.zeros((40, 1))
    jump[3] = 1e30
    assert rolling_mean(jump, 8)[11:].max() == 0.0


def test_moves_look_back_over_gaps_but_not_too_far():
    price = pd.DataFrame({"a": [1.0, np.nan, 2.0] + [np.nan] * (CARRY + 1) + [4.0], "b": 1.0})
    price.index = pd.date_range("2020", periods=len(price), freq="5min")
    past = moves(sa.Panel.from_frame(price), scale_rows=None, clip=None)
    assert past.returns[2, 0] == pytest.approx(np.log(2.0))
    assert past.returns[-1, 0] == 0.0
    assert lagged(past.returns, 2)[3].tolist() == [0.0, 0.0, past.returns[2, 0], 0.0]
    known = known_prices(sa.Panel.from_frame(price), depth=3)[:, 0]
    assert known[:5].tolist() == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert np.isnan(known[5])
