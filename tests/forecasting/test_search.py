"""Parameters as scikit-learn asks for them: copies, grids, cross-validation over a panel."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.base
from sklearn.model_selection import GridSearchCV, ParameterGrid, TimeSeriesSplit, cross_val_score

import statarb as sa
import statarb.investors
from statarb.errors import DataError, ParameterError
from statarb.forecasting import (
    MLP,
    CrossAssetRidge,
    Ensemble,
    LastValue,
    PanelEstimator,
    ReducedRankRidge,
    ReturnFeatures,
    RoundedToTick,
    clone,
    forecaster_names,
    make_forecaster,
    register,
)


def planted(times: int = 500) -> sa.Panel:
    """The second asset follows the first one by one row."""
    rng = np.random.default_rng(0)
    moves = 0.01 * rng.normal(size=(times, 3))
    moves[1:, 1] = 0.8 * moves[:-1, 0] + 0.3 * moves[1:, 1]
    prices = np.exp(moves.cumsum(axis=0))
    return sa.Panel.from_frame(pd.DataFrame(prices, pd.date_range("2020", periods=times)))


@pytest.mark.parametrize("name", forecaster_names())
def test_every_registered_forecaster_is_cloned_and_set_as_scikit_learn_does(name):
    forecaster = make_forecaster(name)
    copy = sklearn.base.clone(forecaster)
    assert type(copy) is type(forecaster)
    assert copy is not forecaster
    assert repr(copy) == repr(forecaster) == repr(clone(forecaster))
    assert repr(copy.set_params(**copy.get_params(deep=False))) == repr(forecaster)
    with pytest.raises(ParameterError, match="parameter of"):
        copy.set_params(no_such_parameter=1)


def test_nested_parameters_are_reached_and_checked():
    shaped = RoundedToTick(CrossAssetRidge())
    assert shaped.get_params()["forecaster__lags"] == 2
    shaped.set_params(forecaster__lags=4, statistic="mean")
    assert (shaped.forecaster.lags, shaped.statistic) == (4, "mean")
    with pytest.raises(ParameterError, match="lags must be an integer at least 1"):
        shaped.set_params(forecaster__lags=0)
    assert shaped.forecaster.lags == 4
    assert MLP(hidden=(4, 2)).set_params(epochs=2).hidden == (4, 2)
    assert len(sklearn.base.clone(Ensemble(["ridge", LastValue()])).members) == 2
    for params in ParameterGrid({"lags": [1, 2], "alpha": [0.1, 1.0]}):
        assert CrossAssetRidge().set_params(**params).get_params()["lags"] == params["lags"]


def test_the_features_of_a_forecaster_are_one_object():
    model = CrossAssetRidge(lags=3, scale_rows=None, fields=("volume",))
    assert model.features == ReturnFeatures(lags=3, scale_rows=None, fields=("volume",))
    model.set_params(lags=1)
    assert model.features.lags == 1
    assert ReducedRankRidge(skip_stale=False).features == ReturnFeatures(skip_stale=False)
    for wrong, words in (
        ({"lags": 24}, "lags must be an integer at least 1 and at most 23"),
        ({"scale_rows": 1}, "scale_rows"),
        ({"clip": 0.0}, "clip"),
        ({"leaders": ()}, "at least one asset"),
        ({"field": "close"}, "field must be one of"),
        ({"fields": "volume"}, "sequence of names"),
    ):
        with pytest.raises(ParameterError, match=words):
            ReturnFeatures(**wrong)
        with pytest.raises(ParameterError, match=words):
            CrossAssetRidge(**wrong)


def test_a_grid_is_searched_over_the_rows_of_a_panel():
    panel = planted()
    grid = {"forecaster__alpha": [0.01, 100.0], "forecaster__lags": [1, 3]}
    estimator = PanelEstimator(CrossAssetRidge(scale_rows=20), panel, depth=300)
    rows = np.arange(120, 499)
    search = GridSearchCV(estimator, grid, cv=TimeSeriesSplit(3)).fit(rows)
    assert search.best_params_ == {"forecaster__alpha": 0.01, "forecaster__lags": 1}
    # A follower of which most is known: a share of 0.8 of one of three assets.
    assert 0.05 < search.best_score_ < 0.4
    assert search.best_estimator_.panel is panel, "copies share the panel"
    assert not hasattr(estimator, "fitted_at_"), "the estimator given is copied"
    # The scores are those of the protocol alone, fold by fold.
    best = clone(estimator.forecaster).set_params(alpha=0.01, lags=1)
    returns = np.diff(np.log(panel.array()), axis=0)
    expected = []
    for train, test in TimeSeriesSplit(3).split(rows):
        model = clone(best).fit(panel.window(panel.times[rows[train][-1]], 300))
        off = moved = 0.0
        for row in rows[test]:
            if row < len(returns):
                forecast = model.predict(panel.window(panel.times[row], 300)).to_numpy()
                off += np.abs(returns[row] - forecast).sum()
                moved += np.abs(returns[row]).sum()
        expected.append(1.0 - off / moved)
    assert search.best_score_ == pytest.approx(np.mean(expected), rel=1e-10)


def test_scores_by_hand():
    panel = planted(60)
    rows = np.arange(10, 60)
    nothing = PanelEstimator("last_value", panel).fit(rows[:1])
    assert nothing.score(rows) == 0.0
    assert np.isnan(nothing.score(rows[-1:])), "the last row has no return after it"

    class Perfect(LastValue):
        def predict(self, window):
            row = min(len(window.times), 59)
            return pd.Series(np.log(panel.array()[row] / window.array()[-1]), window.assets)

    assert PanelEstimator(Perfect(), panel).fit(rows[:1]).score(rows) == pytest.approx(1.0)
    assert cross_val_score(nothing, rows, cv=TimeSeriesSplit(3)).tolist() == [0.0, 0.0, 0.0]


def test_what_a_search_refuses():
    panel = planted(200)
    estimator = PanelEstimator(CrossAssetRidge(scale_rows=20), panel)
    estimator.fit(np.arange(120, 150)[:, None])
    assert estimator.fitted_at_ == 149
    with pytest.raises(DataError, match="must not lie before that of the fit, 149, got 140"):
        estimator.predict([140])
    with pytest.raises(DataError, match=r"positions of rows from 0 to 199, got 100 to 200"):
        estimator.fit(np.array([100, 200]))
    with pytest.raises(DataError, match=r"got the shape \(3, 2\)"):
        estimator.fit(np.zeros((3, 2), dtype=int))
    with pytest.raises(DataError, match="needs windows of at least"):
        estimator.fit([20])
    with pytest.raises(ParameterError, match="panel must be a Panel"):
        PanelEstimator(LastValue(), panel.price)


def test_names_are_registered_where_the_class_is():
    assert {"default", "case_default", "case_stacked", "ridge", "vecm"} <= set(forecaster_names())
    assert "garch_ridge" in forecaster_names()
    with pytest.raises(ParameterError, match=r"registered for statarb\.forecasting\.linear\.Drift"):
        register("drift")(LastValue)
    assert make_forecaster("ridge", lags=3).lags == 3
