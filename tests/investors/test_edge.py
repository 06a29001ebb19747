"""Edges: what may be known, and the choice of a horizon; the same in every block."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from statarb.forecasting.base import BaseForecaster
from statarb.forecasting.linear import ReducedRankRidge
from statarb.investors.stat_arb.edge import measured_edges, rows_for_forecasts
from tests.conftest import make_panel

OPTIONS = {"lag": 0, "track_record": 50, "z_threshold": 2.0, "fee": 0.0025}


class Oracle(BaseForecaster):
    """Knows the return over ``right`` rows where it is asked for it, and nothing otherwise; a
    fixture, no investor.
    """

    future: np.ndarray

    def __init__(self, right: int = 3, horizon: int = 1) -> None:
        self.right, self.horizon = right, horizon

    def forecast_block(self, panel, rows, fits, depth):
        found = np.zeros((len(rows), len(panel.assets)))
        if self.horizon == self.right:
            found = self.future[rows + self.right] - self.future[rows]
        return found, np.zeros(found.shape, dtype=np.bool_)

    def fit(self, window):
        return self

    def predict(self, window):
        return pd.Series(0.0, index=window.assets)


def test_the_horizon_with_the_best_track_record_is_chosen() -> None:
    panel = make_panel(300, 4, seed=5, missing=0.0, gaps=False)
    Oracle.future = np.log(panel.last_known())
    edge = measured_edges(Oracle(right=3), (1, 3, 6), panel, 200, 290, 250, **OPTIONS)
    assert (edge.horizon == 3.0).all()
    np.testing.assert_allclose(edge.shrinkage, 1.0, rtol=1e-9)
    np.testing.assert_allclose(
        edge.expected, Oracle.future[203:293] - Oracle.future[200:290], rtol=1e-9
    )


def test_with_a_lag_the_return_begins_at_the_trade() -> None:
    panel = make_panel(300, 4, seed=5, missing=0.0, gaps=False)
    Oracle.future = np.log(panel.last_known())
    edge = measured_edges(
        Oracle(right=5), (3,), panel, 200, 290, 250, **{**OPTIONS, "lag": 2, "track_record": 0}
    )
    # the oracle knows nothing of the lag itself, so the whole of its five rows is the forecast of
    # the three after the trade
    np.testing.assert_array_equal(edge.expected, Oracle.future[205:295] - Oracle.future[200:290])
    assert (edge.shrinkage == 1.0).all()


@pytest.mark.parametrize("lag", [0, 1])
def test_edges_are_causal_and_the_same_in_every_block(lag: int) -> None:
    panel = make_panel(703, 5, seed=11, missing=0.05)
    options = {**OPTIONS, "lag": lag, "z_threshold": 0.5}
    ask = (ReducedRankRidge(), (1, 2))
    whole = measured_edges(*ask, panel, 400, 700, 300, **options)
    for block in (1, 64, 111):
        low = 560 if block == 1 else 400
        edges = [*range(low, 700, block), 700] if block > 1 else [*range(low, 600)]
        for begin, end in itertools.pairwise(edges):
            part = measured_edges(*ask, panel.row_slice(0, end), begin, end, 300, **options)
            for found, expected in (
                (part.expected, whole.expected),
                (part.shrinkage, whole.shrinkage),
                (part.horizon, whole.horizon),
            ):
                np.testing.assert_array_equal(found, expected[begin - 400 : end - 400])
    assert (whole.shrinkage > 0.0).any()


def test_a_forecast_before_there_are_rows_for_it_is_no_forecast() -> None:
    panel = make_panel(203, 4, seed=1)
    edge = measured_edges(ReducedRankRidge(), (1,), panel, 100, 200, 300, **OPTIONS)
    least = ReducedRankRidge().min_rows
    assert rows_for_forecasts(ReducedRankRidge(), (1,), 0) == least
    assert rows_for_forecasts(ReducedRankRidge(), (6, 3), 1) == ReducedRankRidge(horizon=4).min_rows
    assert np.isnan(edge.expected[: least - 1 - 100]).all()
    assert not np.isnan(edge.expected[least + 10 - 100 :]).all()
