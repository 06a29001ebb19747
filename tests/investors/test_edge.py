"""Edges: the share of forecasts that came true, against a loop; what may be known; the choice of a
horizon.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statarb.forecasting.base import BaseForecaster
from statarb.forecasting.linear import ReducedRankRidge
from statarb.investors.stat_arb.edge import measured_edges, shrinkage
from tests.conftest import make_panel

OPTIONS = {"lag": 0, "record": 50, "evidence": 2.0, "fee": 0.0025}


def share_by_loop(
    forecast: np.ndarray,
    came: np.ndarray,
    first: int,
    record: int,
    delay: int,
    evidence: float,
    fee: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Twin of :func:`shrinkage`: row by row, cell by cell."""
    trust, gain = [], []
    for row in range(first, len(forecast)):
        sums = []
        earned = 0.0
        for past in range(row - delay - record + 1, row - delay + 1):
            cross = square = 0.0
            for f, r in zip(forecast[past], came[past], strict=True) if past >= 0 else ():
                if not np.isnan(f) and not np.isnan(r):
                    cross += f * r
                    square += f * f
                    earned += r - fee if f > fee else 0.0
            sums.append((cross, square))
        total = sum(square for _, square in sums)
        slope = sum(cross for cross, _ in sums) / total if total > 0.0 else 0.0
        if slope <= 0.0 or earned <= 0.0:
            trust.append(0.0)
        else:
            error = np.sqrt(sum((cross - slope * square) ** 2 for cross, square in sums)) / total
            trust.append(
                float(np.clip(slope * max(0.0, 1.0 - (evidence * error / slope) ** 2), 0.0, 1.0))
            )
        gain.append(earned / record)
    return np.array(trust), np.array(gain)


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_proven_share_is_that_of_a_plain_loop(data: st.DataObject) -> None:
    rows, assets = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    forecast = rng.normal(0.0, 0.01, (rows, assets))
    came = data.draw(st.sampled_from([-1.0, 0.0, 0.4, 3.0])) * forecast + rng.normal(
        0.0, 0.004, (rows, assets)
    )
    for values in (forecast, came):
        values[rng.random(values.shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
    first, record = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(1, 30))
    delay = data.draw(st.integers(0, 5))
    evidence, fee = (
        data.draw(st.sampled_from([0.0, 1.0, 2.0])),
        data.draw(st.sampled_from([0.0, 0.0025])),
    )
    trust, gain = shrinkage(forecast, came, first, record, delay, evidence, fee)
    expected, earned = share_by_loop(forecast, came, first, record, delay, evidence, fee)
    assert trust.shape == gain.shape == (rows - first,)
    np.testing.assert_allclose(trust, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gain, earned, rtol=1e-9, atol=1e-15)
    assert ((trust >= 0.0) & (trust <= 1.0)).all()


def test_forecasts_that_come_true_are_believed_and_others_are_not() -> None:
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
        shrinkage(forecast, 0.2 * forecast + noise, 300, 200, 1, evidence, 0.0)[0].mean()
        for evidence in (0, 2, 4)
    ]
    assert stricter[0] > stricter[1] > stricter[2]


def test_a_share_rests_on_outcomes_that_are_known() -> None:
    rng = np.random.default_rng(2)
    forecast, noise = rng.normal(0.0, 0.01, (2, 120, 3))
    came = 0.5 * forecast + 0.3 * noise
    delay = 7
    trust, gain = shrinkage(forecast, came, 60, 40, delay, 1.0, 0.001)
    later = came.copy()
    later[100 - delay + 1 :] = 1.0  # known after row 100 alone
    again, gain_again = shrinkage(forecast, later, 60, 40, delay, 1.0, 0.001)
    np.testing.assert_array_equal(trust[: 101 - 60], again[: 101 - 60])
    np.testing.assert_array_equal(gain[: 101 - 60], gain_again[: 101 - 60])
    assert trust[101 - 60] != again[101 - 60]


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


def test_the_horizon_with_the_best_record_is_chosen() -> None:
    panel = make_panel(300, 4, seed=5, missing=0.0, holes=False)
    Oracle.future = np.log(panel.last_known())
    edge = measured_edges(Oracle(right=3), (1, 3, 6), panel, 200, 290, 250, **OPTIONS)
    assert (edge.horizon == 3.0).all()
    np.testing.assert_allclose(edge.trust, 1.0, rtol=1e-9)
    np.testing.assert_allclose(
        edge.expected, Oracle.future[203:293] - Oracle.future[200:290], rtol=1e-9
    )


def test_with_a_lag_the_return_begins_at_the_trade() -> None:
    panel = make_panel(300, 4, seed=5, missing=0.0, holes=False)
    Oracle.future = np.log(panel.last_known())
    edge = measured_edges(
        Oracle(right=5), (3,), panel, 200, 290, 250, **{**OPTIONS, "lag": 2, "record": 0}
    )
    # the oracle knows nothing of the lag itself, so the whole of its five rows stands for the three
    # after the trade
    np.testing.assert_array_equal(edge.expected, Oracle.future[205:295] - Oracle.future[200:290])
    assert (edge.trust == 1.0).all()


@pytest.mark.parametrize("lag", [0, 1])
def test_edges_are_causal_and_the_same_in_every_block(lag: int) -> None:
    panel = make_panel(703, 5, seed=11, missing=0.05)
    options = {**OPTIONS, "lag": lag, "evidence": 0.5}
    ask = (ReducedRankRidge(), (1, 2))
    whole = measured_edges(*ask, panel, 400, 700, 300, **options)
    for block in (1, 64, 111):
        low = 560 if block == 1 else 400
        edges = [*range(low, 700, block), 700] if block > 1 else [*range(low, 600)]
        for begin, end in itertools.pairwise(edges):
            part = measured_edges(*ask, panel.row_slice(0, end), begin, end, 300, **options)
            for found, expected in (
                (part.expected, whole.expected),
                (part.trust, whole.trust),
                (part.horizon, whole.horizon),
            ):
                np.testing.assert_array_equal(found, expected[begin - 400 : end - 400])
    assert (whole.trust > 0.0).any()


def test_a_forecast_before_there_are_rows_for_it_is_no_forecast() -> None:
    panel = make_panel(203, 4, seed=1)
    edge = measured_edges(ReducedRankRidge(), (1,), panel, 100, 200, 300, **OPTIONS)
    least = ReducedRankRidge().min_rows
    assert np.isnan(edge.expected[: least - 1 - 100]).all()
    assert not np.isnan(edge.expected[least + 10 - 100 :]).all()
