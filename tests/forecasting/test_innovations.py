"""Innovation ridge, the networks and the stacked direction: against second implementations, and on
planted markets.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import statarb as sa
from statarb.errors import ParameterError
from statarb.forecasting import (
    MLP,
    DirectionShaped,
    GradientBoosting,
    HannanRissanenRidge,
    LastValue,
    ReducedRankRidge,
    StackedDirection,
    clone,
    make_forecaster,
)
from statarb.forecasting._engine.networks import Networks, train_networks
from statarb.forecasting.direction import _log_odds
from statarb.forecasting.features import lagged, moves
from tests.conftest import make_panel


def averaged_market(times: int = 900, seed: int = 3) -> sa.Panel:
    """Quotes that respond to a shock twice: 0.6 of it at once, 0.4 one row later; a moving average
    in returns.
    """
    shocks = 3e-3 * np.random.default_rng(seed).standard_normal((times + 1, 3))
    returns = 0.6 * shocks[1:] + 0.4 * shocks[:-1]
    index = pd.date_range("2018-01-17", periods=times, freq="5min")
    return sa.Panel.from_frame(
        pd.DataFrame(100.0 * np.exp(np.cumsum(returns, axis=0)), index=index, columns=[3, 5, 9])
    )


def test_innovation_ridge_is_two_factor_ridges():
    panel = make_panel(400, 3, seed=5)
    model = HannanRissanenRidge(scale_rows=24, rank=1, skip_stale=False).fit(panel)
    past = moves(panel, scale_rows=24)
    lags = lagged(past.scaled, 2)
    design = model._design(panel)
    rows = model._training(design, 0, len(panel.times) - 1)
    (shared, own), _ = model.model_
    said = np.zeros_like(past.scaled)
    for row in range(1, len(said)):
        for asset in range(3):
            said[row, asset] = (
                lags[row - 1] @ shared[:, asset] + lags[row - 1, [asset, 3 + asset]] @ own[:, asset]
            )
    np.testing.assert_allclose(
        ReducedRankRidge(2, 1, scale_rows=24, rest_alpha=1.0).coefficients_of(design, rows)[0],
        shared,
        rtol=0,
        atol=1e-12,
    )
    features = np.hstack([past.scaled, said])
    scaled = [
        features[-1] @ model.model_[1][0][:, asset]
        + features[-1, [asset, 3 + asset]] @ model.model_[1][1][:, asset]
        for asset in range(3)
    ]
    np.testing.assert_allclose(model.predict(panel), scaled * past.scale[-1], rtol=1e-9, atol=1e-15)


def test_innovation_ridge_finds_the_moving_average_that_two_lags_miss():
    panel = averaged_market()
    returns = np.diff(np.log(panel.price.to_numpy()), axis=0)
    errors = {}
    for model in (
        ReducedRankRidge(lags=1, scale_rows=72),
        HannanRissanenRidge(scale_rows=72, lags=4),
    ):
        fitted = clone(model).fit(panel.window(panel.times[599], 600))
        asked = range(600, len(panel.times) - 1)
        said = [fitted.predict(panel.window(panel.times[row], 600)).to_numpy() for row in asked]
        errors[type(model)] = float(np.mean((returns[600:] - np.array(said)) ** 2))
    assert errors[HannanRissanenRidge] < 0.97 * errors[ReducedRankRidge]
    # The best possible error is the variance of the part that is new.
    assert errors[HannanRissanenRidge] < 1.15 * (0.6 * 3e-3) ** 2


def test_networks_learn_a_product_that_no_line_shows():
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((3000, 2))
    moved = np.sign(inputs[:, :1] * inputs[:, 1:])
    start = np.zeros((3000, 1))
    bag = train_networks(inputs[:2000], start[:2000], moved[:2000], 2, 16, 60, 0.0, 0)
    right = np.sign(bag.predict(inputs[2000:])) == moved[2000:]
    assert right.mean() > 0.9


def test_networks_descend_the_logistic_loss():
    draw = np.random.default_rng(1)
    inputs, moved = draw.standard_normal((256, 3)), np.sign(draw.standard_normal((256, 2)))
    moved[draw.random(moved.shape) < 0.3] = 0.0
    start = 0.3 * draw.standard_normal(moved.shape)

    def loss(odds: np.ndarray) -> float:
        return float(-np.log(expit(moved * odds))[moved != 0.0].mean())

    trained = train_networks(inputs, start, moved, 3, 8, 200, 0.0, 7)
    assert loss(start + trained.predict(inputs)) < loss(start) - 0.01
    again = train_networks(inputs, start, moved, 3, 8, 200, 0.0, 7)
    np.testing.assert_array_equal(trained.predict(inputs), again.predict(inputs))
    other = train_networks(inputs, start, moved, 3, 8, 200, 0.0, 8)
    assert not np.array_equal(trained.predict(inputs), other.predict(inputs))


def test_networks_that_see_nothing_move_are_left_as_they_were_drawn():
    inputs = np.random.default_rng(2).standard_normal((50, 3))
    trained = train_networks(inputs, np.zeros((50, 2)), np.zeros((50, 2)), 1, 4, 5, 0.0, 0)
    assert isinstance(trained, Networks)
    np.testing.assert_array_equal(trained.layers[0][3], 0.0)


def test_log_odds_are_those_of_the_logistic_model():
    draw = np.random.default_rng(4)
    away = draw.standard_normal(200_000)
    moved = np.where(draw.random(200_000) < expit(1.7 * away), 1.0, -1.0)
    # Three standard errors of the estimate.
    assert abs(_log_odds(away, moved) - 1.7) < 0.03
    assert _log_odds(away, -moved) == 0.0
    assert np.isfinite(_log_odds(np.abs(away), np.ones(len(away))))


def test_the_direction_is_right_more_often_than_the_linear_forecast_where_moves_bend():
    # The second asset follows the first by the product of the first two, which no linear forecast
    # sees.
    draw = np.random.default_rng(6)
    lead = draw.standard_normal((1200, 2))
    follow = np.zeros(1200)
    follow[1:] = np.sign(lead[:-1, 0] * lead[:-1, 1]) + 0.3 * draw.standard_normal(1199)
    returns = 2e-3 * np.column_stack([lead, follow])
    index = pd.date_range("2018-01-17", periods=1200, freq="5min")
    panel = sa.Panel.from_frame(
        pd.DataFrame(100.0 * np.exp(np.cumsum(returns, axis=0)), index=index, columns=[1, 2, 3])
    )
    model = StackedDirection(networks=2, epochs=300, decay=0.0, scale_rows=24).fit(
        panel.window(panel.times[999], 1000)
    )
    said = [model.predict(panel.window(panel.times[row], 300))[3] for row in range(1000, 1199)]
    assert np.mean(np.sign(said) == np.sign(returns[1001:, 2])) > 0.8


def test_no_move_is_no_model():
    price = pd.DataFrame(
        1.0, index=pd.date_range("2018-01-17", periods=300, freq="5min"), columns=[1, 2]
    )
    model = StackedDirection(networks=1, scale_rows=24).fit(sa.Panel.from_frame(price))
    assert model.failed_.all()
    assert (model.predict(sa.Panel.from_frame(price)) == 0.0).all()


@pytest.mark.parametrize(
    "forecaster",
    [
        HannanRissanenRidge(scale_rows=24),
        StackedDirection(networks=1, epochs=3, scale_rows=24),
        MLP(epochs=3, members=1),
        GradientBoosting(rounds=5, min_leaf=20),
        GradientBoosting("direction", rounds=5, min_leaf=20),
    ],
    ids=repr,
)
def test_learned_forecasts_do_not_go_by_the_order_of_assets(forecaster):
    panel = make_panel(330, 4, seed=8)
    order = [panel.assets[place] for place in (2, 0, 3, 1)]
    straight = clone(forecaster).fit(panel).predict(panel)
    turned = clone(forecaster).fit(panel.select(order)).predict(panel.select(order))
    assert list(turned.index) == order
    # The scales, and the stages of the ridge, are sums over assets in another order.
    np.testing.assert_allclose(turned.reindex(panel.assets), straight, rtol=1e-6, atol=1e-12)


def test_a_shaped_forecaster_asks_for_what_its_direction_needs():
    shaped = DirectionShaped(LastValue(), direction=StackedDirection())
    assert shaped.refit_every == StackedDirection.refit_every
    assert shaped.min_rows == StackedDirection().min_rows > LastValue().min_rows
    assert DirectionShaped(ReducedRankRidge()).min_rows == ReducedRankRidge().min_rows


@pytest.mark.parametrize(
    "wrong", [{"networks": 0}, {"hidden": 0}, {"epochs": 0}, {"decay": -1.0}, {"seed": -1}]
)
def test_bad_settings_are_named(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        StackedDirection(**wrong)
    with pytest.raises(ParameterError, match="alpha"):
        make_forecaster("hannan_rissanen_ridge", alpha=0.0)
