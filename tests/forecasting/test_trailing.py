"""Trailing forecasters: against plain computations, in blocks and row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.data.refits import refit_rows
from statarb.forecasting.trailing import TrailingReturn, TrailingRidge


def market(rows: int = 800, assets: int = 4) -> sa.Panel:
    rng = np.random.default_rng(3)
    price = 50.0 * np.exp(np.cumsum(rng.standard_normal((rows, assets)) * 0.003, axis=0))
    price[:, -1] = 7.0
    times = pd.date_range("2020-01-01", periods=rows, freq="5min")
    return sa.Panel.from_frame(pd.DataFrame(price, index=times, columns=list("abcd")[:assets]))


def test_the_ridge_is_that_of_the_normal_equations() -> None:
    panel = market()
    model = TrailingRidge(5, lookbacks=(3, 7), alpha=0.4, clip=100.0).fit(panel)
    returns = np.diff(np.log(panel.price.to_numpy()), axis=0, prepend=np.nan)
    returns[0] = 0.0
    frame = pd.DataFrame(returns)
    features = np.hstack([frame.rolling(rows, min_periods=1).sum() for rows in (3, 7)])
    target = frame.rolling(5).sum().shift(-5).to_numpy()
    used = slice(6, len(frame) - 5 - 1)
    x, y = features[used], target[used]
    gram = x.T @ x
    # a still asset has a feature of zero, whose coefficient is 0
    ridge = gram + 0.4 * np.diag(np.where(np.diag(gram) > 0.0, np.diag(gram), 1.0))
    expected = features[-1] @ np.linalg.solve(ridge, x.T @ y)
    # running sums are rounded otherwise
    np.testing.assert_allclose(model.predict(panel).iloc[:3], expected[:3], rtol=1e-6, atol=1e-10)
    assert np.isnan(model.predict(panel).iloc[3])


@pytest.mark.parametrize("model", [TrailingRidge(4, scan_every=50), TrailingReturn(6, 20)])
def test_blocks_answer_as_windows_do(model: object) -> None:
    panel = market()
    rows = np.arange(500, 620)
    every = getattr(model, "scan_every", 1)
    fits = refit_rows(panel, rows, every, model.min_rows)  # type: ignore[attr-defined]
    whole, _ = model.forecast_block(panel, rows, fits, 450)  # type: ignore[attr-defined]
    for low, high in ((0, 1), (7, 60), (60, 120)):
        part, _ = model.forecast_block(  # type: ignore[attr-defined]
            panel.row_slice(0, int(rows[high - 1]) + 1), rows[low:high], fits[low:high], 450
        )
        assert np.array_equal(part, whole[low:high], equal_nan=True)
    for place in (0, 33, 119):
        fitted = sa.forecasting.clone(model).fit(panel.window(panel.times[fits[place]], 450))
        alone = fitted.predict(panel.window(panel.times[rows[place]], 450))
        np.testing.assert_allclose(alone, whole[place], rtol=1e-9, atol=1e-15)


def test_horizons_share_their_features() -> None:
    panel = market()
    rows = np.arange(500, 540)
    fits = refit_rows(panel, rows, 96, 400)
    together, _ = TrailingRidge().forecast_blocks(panel, rows, fits, 450, [1, 12])
    for found, horizon in zip(together, (1, 12), strict=True):
        alone, _ = TrailingRidge(horizon).forecast_block(panel, rows, fits, 450)
        assert np.array_equal(found, alone, equal_nan=True)


def test_a_trailing_return_goes_on() -> None:
    panel = market()
    forecast = TrailingReturn(horizon=6, lookback=12).fit(panel).predict(panel)
    price = np.log(panel.price.to_numpy())
    np.testing.assert_allclose(forecast, (price[-1] - price[-13]) / 2.0, rtol=1e-12, atol=1e-15)
    with pytest.raises(sa.ParameterError, match="lookback"):
        TrailingReturn(lookback=0)
    with pytest.raises(sa.ParameterError, match="lookbacks"):
        TrailingRidge(lookbacks=())
