"""Forecasts from returns in units of their GARCH volatility: the field is that of the volatility
tool, and causal.
"""

from __future__ import annotations

import numpy as np
import pytest

import statarb as sa
from statarb.errors import ParameterError
from statarb.forecasting import (
    CrossAssetRidge,
    HannanRissanenRidge,
    LastValue,
    clone,
    make_forecaster,
)
from statarb.forecasting.features import moves
from statarb.investors.stat_arb.garch_forecasts import FIELD, GarchStandardised
from tests.conftest import make_panel


@pytest.fixture(scope="module")
def panel() -> sa.Panel:
    return make_panel(420, 3, seed=2)


def test_the_field_is_the_volatility_of_the_next_return(panel):
    model = GarchStandardised().fit(panel)
    returns = moves(panel, scale_rows=None, clip=None).returns
    fitted = sa.fit_garch(returns, model="garch", distribution="normal")
    shown = model._with_sigma(panel, returns).array(FIELD)
    # The volatility after row i is that of row i + 1, and after the last row the forecast.
    np.testing.assert_allclose(shown[:-1], fitted.sigma.to_numpy()[1:], rtol=1e-10)
    np.testing.assert_allclose(shown[-1], fitted.forecast(1).to_numpy()[0], rtol=1e-10)


def test_it_is_the_ridge_on_the_enriched_window(panel):
    model = GarchStandardised().fit(panel)
    enriched = model._with_sigma(panel, moves(panel, scale_rows=None, clip=None).returns)
    by_hand = CrossAssetRidge(scale_field=FIELD).fit(enriched).predict(enriched)
    np.testing.assert_array_equal(model.predict(panel), by_hand)
    assert FIELD not in panel.fields


def test_later_rows_do_not_change_the_volatilities_before(panel):
    model = GarchStandardised().fit(panel.window(panel.times[300], 301))
    early, late = panel.window(panel.times[310], 311), panel.window(panel.times[350], 351)
    first = model._with_sigma(early, moves(early, scale_rows=None, clip=None).returns).array(FIELD)
    second = model._with_sigma(late, moves(late, scale_rows=None, clip=None).returns).array(FIELD)
    np.testing.assert_array_equal(first, second[: len(first)])


def test_any_forecaster_with_a_scale_field_serves_and_no_other(panel):
    inner = HannanRissanenRidge(scale_rows=24)
    model = clone(GarchStandardised(inner, model="gjr", distribution="t")).fit(panel)
    assert np.isfinite(model.predict(panel)).all()
    assert model.min_rows == inner.min_rows
    assert inner.scale_field is None
    with pytest.raises(ParameterError, match="scale_field"):
        GarchStandardised(LastValue())
    with pytest.raises(ParameterError, match="model"):
        make_forecaster("garch_ridge", model="arch")
