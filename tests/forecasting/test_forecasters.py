"""Every forecaster: laws that hold for all of them, and each against a second implementation."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from statsmodels.tsa.api import VAR
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.holtwinters import SimpleExpSmoothing
from statsmodels.tsa.vector_ar.vecm import VECM as VecmModel

import statarb as sa
from statarb.errors import DataError, ParameterError
from statarb.forecasting import (
    MLP,
    SVR,
    VECM,
    Arima,
    Autoregression,
    CrossAssetRidge,
    DirectionShaped,
    Drift,
    Ensemble,
    ExponentialSmoothing,
    GradientBoosting,
    HannanRissanenRidge,
    LastValue,
    ReducedRankRidge,
    RoundedToTick,
    Selector,
    StackedDirection,
    VectorAutoregression,
    clone,
    forecast_rows,
)
from statarb.forecasting.error_correction import TRACE_5_PERCENT, trace_rank
from tests.conftest import make_panel

ALL = [
    LastValue(),
    Drift(),
    CrossAssetRidge(),
    ReducedRankRidge(),
    ReducedRankRidge(lags=3, rank=1, leaders=(1442, 1444), horizon=2),
    Autoregression(lags=3),
    Arima(orders=((1, 0), (0, 1))),
    ExponentialSmoothing(),
    VectorAutoregression(),
    VECM(),
    GradientBoosting(rounds=5, min_leaf=20),
    GradientBoosting("direction", rounds=5, min_leaf=20, engine="lightgbm"),
    MLP(epochs=3, members=1),
    HannanRissanenRidge(scale_rows=24),
    HannanRissanenRidge(scale_rows=24, leaders=(1442, 1444), skip_stale=False),
    StackedDirection(networks=1, epochs=3, scale_rows=24),
    SVR(),
    Ensemble([CrossAssetRidge(), Drift()]),
    Ensemble([ReducedRankRidge(), LastValue()], weights="online", validation=40),
    Selector([ReducedRankRidge(), LastValue()], score="direction", validation=40),
    RoundedToTick(CrossAssetRidge()),
    RoundedToTick(CrossAssetRidge(), statistic="mean"),
    DirectionShaped(ReducedRankRidge()),
]


@pytest.fixture(scope="module")
def market() -> sa.Panel:
    price = make_panel(430, 4, seed=11, missing=0.05).price
    unrounded = price * (1 + np.random.default_rng(0).uniform(-1e-3, 1e-3, price.shape))
    return sa.Panel.from_frame(price.round(2).clip(0.01), unrounded=unrounded)


@pytest.mark.parametrize("forecaster", ALL, ids=repr)
def test_blocks_windows_copies_and_pickles_agree(forecaster, market):
    rows, fits = np.array([395, 396, 402]), np.array([390, 390, 402])
    block = forecast_rows(forecaster, market, rows, fits, depth=300)
    again = []
    for row, fit in zip(rows, fits, strict=True):
        fitted = clone(forecaster).fit(market.window(market.times[fit], 300))
        window = market.window(market.times[row], 300)
        answer = pickle.loads(pickle.dumps(fitted)).predict(window)
        assert answer.index.equals(market.assets)
        again.append(answer.to_numpy())
    np.testing.assert_allclose(block.forecasts, again, rtol=0, atol=1e-12)
    assert not hasattr(forecaster, "assets_"), "a forecaster given to a walk is copied, not fitted"


@pytest.mark.parametrize("forecaster", ALL, ids=repr)
def test_the_future_changes_nothing(forecaster, market):
    altered = market.price.copy()
    altered.iloc[market.rows[400] + 1 :] *= 3.0
    fine = market.unrounded.copy()
    fine.iloc[market.rows[400] + 1 :] *= 0.2
    other = sa.Panel.from_frame(altered, unrounded=fine)
    rows = np.array([380, 400])
    before = forecast_rows(forecaster, market, rows, np.array([380, 380]), depth=300).forecasts
    assert np.array_equal(
        before,
        forecast_rows(forecaster, other, rows, np.array([380, 380]), depth=300).forecasts,
        equal_nan=True,
    )


@pytest.mark.parametrize("forecaster", ALL, ids=repr)
def test_constant_and_absent_assets(forecaster):
    price = make_panel(400, 4, seed=4, missing=0.0, gaps=False).price.copy()
    price[1443] = 5.0
    price.loc[price.index[60:], 1444] = np.nan
    window = sa.Panel.from_frame(price).window(price.index[-1], depth=320)
    forecast = clone(forecaster).fit(window).predict(window)
    assert np.isnan(forecast[1444])
    # A learned model may forecast a little for an asset that does not move; its scale is 0, so the
    # answer is exactly 0.
    assert forecast[1443] == pytest.approx(0.0, abs=1e-12)
    assert np.isfinite(forecast[[1442, 1445]]).all()


@pytest.mark.parametrize(
    "forecaster", [one for one in ALL if not isinstance(one, (LastValue, Drift))], ids=repr
)
def test_windows_that_are_too_short(forecaster):
    panel = make_panel(40, 3, missing=0.0, gaps=False)
    with pytest.raises(DataError, match="needs windows of"):
        clone(forecaster).fit(panel)


def returns_of(panel: sa.Panel) -> np.ndarray:
    return np.diff(np.log(panel.array()), axis=0)


def test_factor_ridge_is_its_three_regressions():
    panel = make_panel(500, 5, seed=3, missing=0.0, gaps=False)
    model = ReducedRankRidge(
        lags=2,
        rank=2,
        alpha=0.2,
        own_alpha=0.3,
        rest_alpha=0.7,
        scale_rows=None,
        clip=None,
        skip_stale=False,
    )
    model.fit(panel)
    returns = np.vstack([np.zeros(5), returns_of(panel)])
    first = 25
    x = np.hstack([returns[first:-1], returns[first - 1 : -2]])
    y = returns[first + 1 :]
    weight = np.diag((x**2).sum(axis=0) * np.repeat([1.0, 2.0], 5))
    b = np.linalg.solve(x.T @ x + 0.2 * weight, x.T @ y)
    _, _, axes = np.linalg.svd(x @ b, full_matrices=False)
    b = b @ axes[:2].T @ axes[:2]
    left = y - x @ b
    own = np.zeros((2, 5))
    for asset in range(5):
        z = x[:, [asset, 5 + asset]]
        own[:, asset] = np.linalg.solve(
            z.T @ z + 0.3 * np.diag((z**2).sum(axis=0)), z.T @ left[:, asset]
        )
        left[:, asset] -= z @ own[:, asset]
    b += np.linalg.solve(x.T @ x + 0.7 * weight, x.T @ left)
    np.testing.assert_allclose(model.coef_.T, b, atol=1e-9)
    np.testing.assert_allclose(model.own_coef_.T, own, atol=1e-10)


def test_factor_ridge_beats_the_ridge_where_one_factor_leads():
    rng = np.random.default_rng(1)
    factor = rng.normal(0, 0.01, 2500)
    delay = np.linspace(0.0, 0.9, 8)
    returns = (
        factor[:, None] * (1 - delay)
        + np.vstack([np.zeros(8), factor[:-1, None] * delay])
        + rng.normal(0, 0.006, (2500, 8))
    )
    price = pd.DataFrame(
        np.exp(returns.cumsum(axis=0)), index=pd.date_range("2020", periods=2500, freq="5min")
    )
    panel = sa.Panel.from_frame(price)
    rows = np.arange(600, 2499, 7)
    error = {}
    for model in (ReducedRankRidge(rank=1), CrossAssetRidge()):
        forecasts = forecast_rows(model, panel, rows, depth=400).forecasts
        error[type(model).__name__] = np.mean((forecasts - returns[rows + 1]) ** 2)
    assert error["ReducedRankRidge"] < error["CrossAssetRidge"] < np.mean(returns[rows + 1] ** 2)


FIRST = 24 + 71  # rows before it depend on what lies before the window


def test_autoregression_and_arima_against_statsmodels():
    shocks = np.random.default_rng(5).normal(0, 0.01, (600, 2))
    moves = lfilter([1.0, 0.2], [1.0, -0.4], shocks, axis=0)
    index = pd.date_range("2020", periods=600, freq="5min")
    panel = sa.Panel.from_frame(pd.DataFrame(np.exp(moves.cumsum(axis=0)), index=index))
    values = returns_of(panel)[FIRST - 1 :]
    ar = Autoregression(lags=2, clip=None, horizon=3).fit(panel)
    for asset in range(2):
        reference = ARIMA(values[:, asset], order=(2, 0, 0), trend="c").fit()
        # Conditional least squares and exact likelihood differ by the first two observations.
        np.testing.assert_allclose(ar.coef_[1:, asset], reference.arparams, atol=0.01)
    model = Arima(orders=((1, 1),), clip=None, horizon=2).fit(panel)
    assert model.orders_ == [(1, 1), (1, 1)]
    assert not model.failed_.any()
    forecast = model.predict(panel)
    for asset in range(2):
        centred = values[:, asset] - values[:, asset].mean()
        reference = ARIMA(centred / centred.std(), order=(1, 0, 1), trend="n").fit()
        expected = reference.forecast(2).sum() * centred.std() + 2 * values[:, asset].mean()
        # The recursion starts from no shocks, the state space form from its stationary
        # distribution.
        assert forecast.iloc[asset] == pytest.approx(expected, rel=1e-6)


def test_arima_that_does_not_converge_is_the_last_value_and_is_counted(monkeypatch):
    from statarb.forecasting import econometric

    monkeypatch.setattr(econometric, "_arma", lambda values, p, q: None)
    panel = make_panel(300, 3, missing=0.0, gaps=False)
    block = forecast_rows(Arima(), panel, np.array([280, 281]), np.array([280, 280]), depth=200)
    assert block.failed.all()
    assert (block.forecasts == 0.0).all()


def test_exponential_smoothing_against_statsmodels():
    panel = make_panel(500, 1, seed=6, missing=0.0, gaps=False)
    logs = np.log(panel.array()[:, 0])[FIRST - 1 :]
    model = ExponentialSmoothing(smoothing=0.4, clip=None).fit(panel)
    fitted = SimpleExpSmoothing(logs, initialization_method="known", initial_level=logs[0]).fit(
        smoothing_level=0.4, optimized=False
    )
    assert model.predict(panel).iloc[0] == pytest.approx(
        fitted.forecast(1)[0] - logs[-1], abs=1e-12
    )
    free = ExponentialSmoothing(clip=None).fit(panel)
    grid = np.linspace(0.01, 1.99, 199)
    shocks = []
    for a in grid:
        shock, total = 0.0, 0.0
        for move in np.diff(logs):
            shock = move + (1 - a) * shock
            total += shock**2
        shocks.append(total)
    # half a step of the grid
    assert free.smoothing_[0] == pytest.approx(grid[int(np.argmin(shocks))], abs=0.011)


def test_vector_autoregression_against_statsmodels():
    panel = make_panel(600, 3, seed=7, missing=0.0, gaps=False)
    values = returns_of(panel)[FIRST - 1 :]
    model = VectorAutoregression(max_lags=3, clip=None, horizon=2).fit(panel)
    reference = (
        VAR(values).fit(maxlags=3, ic="aic", trend="c")
        if model.order_ > 1
        else VAR(values[2:]).fit(1)
    )
    assert model.order_ == max(reference.k_ar, 1)
    np.testing.assert_allclose(
        model.coef_, VAR(values[3 - model.order_ :]).fit(model.order_).params, atol=1e-9
    )
    expected = (
        VAR(values[3 - model.order_ :])
        .fit(model.order_)
        .forecast(values[-model.order_ :], 2)
        .sum(axis=0)
    )
    np.testing.assert_allclose(model.predict(panel), expected, atol=1e-12)
    with pytest.raises(DataError, match="use fewer assets or lags"):
        VectorAutoregression(max_lags=30).fit(make_panel(290, 4, missing=0.0, gaps=False))


def test_error_correction_against_statsmodels():
    rng = np.random.default_rng(8)
    trend = np.cumsum(rng.normal(0, 0.01, 600))
    logs = np.column_stack(
        [trend, trend + rng.normal(0, 0.01, 600), np.cumsum(rng.normal(0, 0.01, 600))]
    )
    panel = sa.Panel.from_frame(
        pd.DataFrame(
            np.exp(logs), index=pd.date_range("2020", periods=600, freq="5min"), columns=list("abc")
        )
    )
    model = VECM(group=("a", "b"), horizon=3).fit(panel)
    assert model.rank_ == 1
    expected = (
        VecmModel(logs[:, :2], k_ar_diff=1, coint_rank=1, deterministic="ci").fit().predict(3)[-1]
        - logs[-1, :2]
    )
    forecast = model.predict(panel)
    np.testing.assert_allclose(forecast[["a", "b"]], expected, atol=1e-10)
    assert forecast["c"] == 0.0
    multiples = panel.price.assign(b=panel.price["a"] * 2.0)
    collinear = VECM(group=("a", "b"), rank=1).fit(sa.Panel.from_frame(multiples))
    assert np.isfinite(collinear.predict(sa.Panel.from_frame(multiples))).all()
    with pytest.raises(ParameterError, match="from 2 to 12"):
        VECM(group=("a",))
    alone = panel.select(["a"])  # nothing to be tied to: the last value
    assert (VECM().fit(alone).predict(alone) == 0.0).all()


@pytest.mark.parametrize("series", [2, 6, 12])
def test_the_rank_is_that_of_the_model_that_is_fitted(series):
    """Random walks without drift: by the critical values of a model with drift, 16 % of pairs had a
    relation at 5 %.
    """
    draws = 300
    found = 0
    for seed in range(draws):
        walk = np.cumsum(np.random.default_rng(seed).normal(size=(500, series)) * 0.005, axis=0)
        found += trace_rank(walk, 1) > 0
    # binomial bounds of 300 draws at 5 %, three standard errors
    assert found / draws < 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    if series == 2:
        assert found / draws > 0.05 - 3 * np.sqrt(0.05 * 0.95 / draws)


def test_planted_relations_are_counted():
    rng = np.random.default_rng(9)
    trend = np.cumsum(rng.normal(0, 0.01, (800, 2)), axis=0)
    noise = rng.normal(0, 0.01, (800, 4))
    logs = trend @ np.array([[1.0, 0.0, 0.5, 1.0], [0.0, 1.0, 0.5, -1.0]]) + noise
    assert trace_rank(logs, 1) == 2
    assert trace_rank(5.0 + 3.0 * logs, 1) == 2
    assert trace_rank(noise, 2) == 4


@pytest.mark.parametrize("roots", [1, 2, 4])
def test_critical_values_are_quantiles_of_the_limit(roots):
    """tr(int dB F' (int F F')^-1 int F dB') with F = (B', 1)', by sums over 400 steps."""
    rng = np.random.default_rng(roots)
    drawn = []
    for _ in range(2000):
        steps = rng.normal(size=(400, roots))
        path = np.vstack([np.zeros(roots), steps.cumsum(axis=0)[:-1]])
        path = np.column_stack([path, np.ones(400)])
        cross = steps.T @ path
        drawn.append(np.trace(cross @ np.linalg.solve(path.T @ path, cross.T)))
    # Monte Carlo error of the quantile of 2000 draws, some 2 %
    assert np.quantile(drawn, 0.95) == pytest.approx(TRACE_5_PERCENT[roots - 1], rel=0.05)


def planted(times: int = 900) -> tuple[sa.Panel, np.ndarray]:
    rng = np.random.default_rng(2)
    lead = rng.normal(0, 0.01, times)
    returns = np.column_stack(
        [
            lead,
            np.append(0.0, 0.8 * lead[:-1]) + rng.normal(0, 0.003, times),
            rng.normal(0, 0.01, times),
        ]
    )
    price = pd.DataFrame(
        np.exp(returns.cumsum(axis=0)), index=pd.date_range("2020", periods=times, freq="5min")
    )
    return sa.Panel.from_frame(price), returns


@pytest.mark.parametrize(
    "forecaster",
    [
        GradientBoosting(),
        GradientBoosting("direction"),
        MLP(alpha=0.1),
        SVR(cost=1.0),
        MLP(fields=("volume",), alpha=0.1),
    ],
    ids=repr,
)
def test_learned_forecasters_find_a_planted_lead(forecaster):
    panel, returns = planted()
    panel = panel.with_arrays(
        {"volume": np.abs(np.random.default_rng(0).normal(size=returns.shape))}
    )
    rows = np.arange(700, 899)
    forecasts = forecast_rows(forecaster, panel, rows, np.full(len(rows), 700), depth=700).forecasts
    assert np.corrcoef(forecasts[:, 1], returns[rows + 1, 1])[0, 1] > 0.8
    assert np.abs(forecasts[:, 2]).std() < np.abs(forecasts[:, 1]).std()


def test_a_field_gives_the_scale():
    panel, returns = planted()
    sigma = np.full(returns.shape, 0.01) * [1.0, 0.8, 1.0]
    model = CrossAssetRidge(scale_field="sigma", clip=None, scale_rows=None, skip_stale=False)
    plain = CrossAssetRidge(clip=None, scale_rows=None, skip_stale=False)
    # A constant scale cancels in a ridge whose penalty is relative.
    with_field = panel.with_arrays({"sigma": sigma})
    np.testing.assert_allclose(
        model.fit(with_field).predict(with_field), plain.fit(panel).predict(panel), atol=1e-12
    )


def test_online_weights_and_selection_follow_past_errors():
    panel, _ = planted()
    bad, good = Drift(horizon=1), ReducedRankRidge()
    online = Ensemble([bad, good], weights="online").fit(panel)
    assert online.weights_[1, 1] > 0.95
    np.testing.assert_allclose(online.weights_.sum(axis=0), 1.0)
    assert Selector([bad, good]).fit(panel).weights_[:, 1].tolist() == [0.0, 1.0]
    assert Selector([bad, good], score="direction").fit(panel).weights_[:, 1].tolist() == [0.0, 1.0]
    same = Selector([LastValue(), LastValue()]).fit(panel)
    assert same.weights_[0].tolist() == [1.0, 1.0, 1.0]
    mean = Ensemble([LastValue(), good]).fit(panel).predict(panel)
    np.testing.assert_allclose(mean, clone(good).fit(panel).predict(panel) / 2, atol=1e-15)


def test_ensembles_refuse_what_does_not_fit_together():
    with pytest.raises(ParameterError, match="at least one forecaster"):
        Ensemble([])
    with pytest.raises(ParameterError, match=r"same number of rows ahead, got horizons \[1, 3\]"):
        Ensemble([CrossAssetRidge(), CrossAssetRidge(horizon=3)])
    with pytest.raises(ParameterError, match="did you mean 'ridge'"):
        Ensemble(["rdge"])
    with pytest.raises(ParameterError, match="weights must be one of"):
        Ensemble(["ridge"], weights="best")


def test_any_object_with_the_two_methods_serves():
    class Up:
        def fit(self, window):
            return self

        def predict(self, window):
            return pd.Series(0.01, index=window.assets[::-1])

    panel = make_panel(50, 3)
    assert (forecast_rows(Up(), panel, np.array([20, 30])).forecasts == 0.01).all()
    assert (
        np.nanmax(forecast_rows(Ensemble([Up(), LastValue()]), panel, np.array([30])).forecasts)
        == 0.005
    )
