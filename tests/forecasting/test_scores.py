"""Scores of forecasts: the competition's formulas, worked out by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import statarb as sa
from statarb.forecasting.scores import (
    directional_symmetry,
    dispersion,
    forecast_score,
    mape,
    summary_score,
    utilisation,
)

NAN = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def test_mape_by_hand():
    # |100-101|/100 = .01, |200-196|/200 = .02, |50-50|/50 = 0: 100 * .03 / 3
    assert mape(column(100, 200, 50), column(101, 196, 50))[0] == pytest.approx(1.0, abs=1e-14)


def test_mape_leaves_out_steps_without_actual_or_forecast():
    got = mape(column(100, NAN, 200, 50), column(101, 7, 196, NAN))
    assert got[0] == pytest.approx(1.5, abs=1e-14)
    assert np.isnan(mape(column(NAN, 1), column(1, NAN))[0])


def test_directional_symmetry_by_hand():
    # moves of y: + 0 - +; of f: + + - -: hits are the first and the third, of four
    assert directional_symmetry(column(1, 2, 2, 1, 3), column(1, 3, 4, 2, 1))[0] == 50.0


def test_a_flat_price_and_a_flat_forecast_are_misses():
    assert directional_symmetry(column(1, 1, 1), column(1, 2, 3))[0] == 0.0
    assert directional_symmetry(column(1, 2, 3), column(1, 1, 1))[0] == 0.0
    assert directional_symmetry(column(1, 2, 3), column(1, 2, 3))[0] == 100.0


def test_directional_symmetry_compares_neighbouring_observed_steps():
    # observed y: 1, 3, 2 with f: 1, 2, 3: one hit of two; the NaN between them is bridged
    assert directional_symmetry(column(1, NAN, 3, 2), column(1, 50, 2, 3))[0] == 50.0
    assert np.isnan(directional_symmetry(column(1, NAN), column(1, 2))[0])


def test_tiny_moves_do_not_underflow_into_misses():
    y = column(1e-200, 2e-200, 3e-200)
    assert directional_symmetry(y, y)[0] == 100.0


def test_dispersion_by_hand():
    # mean 2, standard deviation with ddof 1: sqrt(((1-2)^2 + (3-2)^2) / 1) = sqrt(2)
    got = dispersion(np.array([[1.0, 3.0], [2.0, 2.0], [0.0, 0.0], [1.0, NAN], [NAN, NAN]]))
    assert got[0] == pytest.approx(np.sqrt(2) / 2, abs=1e-15)
    assert got[1] == 0.0
    assert got[2] == 0.0
    assert np.isnan(got[3:]).all()


def test_utilisation_and_summary_by_hand():
    assert utilisation({1: 1.0, 2: 2.0}) == pytest.approx(1.0)
    assert utilisation(pd.Series({1: 1.0, 2: 2.0}), budget=30.0) == pytest.approx(10.0)
    assert utilisation(3.0) == pytest.approx(1.0)
    assert summary_score(50.0, 0.3, 0.2, 1.0) == pytest.approx(48.5)
    assert summary_score(50.0, 0.3, 0.2, 1.0, weights=(2, 0, 0, -1)) == pytest.approx(99.0)


@given(st.integers(0, 2**32 - 1))
def test_arrays_against_plain_loops(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(1, 5, (12, 3)).astype(float)
    f = rng.integers(1, 5, (12, 3)).astype(float)
    y[rng.random(y.shape) < 0.2] = NAN
    f[rng.random(f.shape) < 0.2] = NAN
    for asset in range(3):
        pairs = [
            (a, b)
            for a, b in zip(y[:, asset], f[:, asset], strict=True)
            if not (np.isnan(a) or np.isnan(b))
        ]
        if pairs:
            expected = 100 / len(pairs) * sum(abs(a - b) / a for a, b in pairs)
            assert mape(y, f)[asset] == pytest.approx(expected, abs=1e-12)
        if len(pairs) > 1:
            hits = sum((p[0] - q[0]) * (p[1] - q[1]) > 0 for q, p in pairwise(pairs))
            assert directional_symmetry(y, f)[asset] == pytest.approx(
                100 / (len(pairs) - 1) * hits, abs=1e-12
            )


def day_frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two days of two steps, two assets."""
    index = pd.DatetimeIndex(
        [
            "2018-01-30 00:00",
            "2018-01-30 23:55",
            "2018-01-31 12:00",
            "2018-02-06 00:00",
            "2018-02-06 00:05",
        ]
    )
    actual = pd.DataFrame(
        {1: [100.0, 200.0, 9.0, 100.0, 100.0], 2: [10.0, 20.0, 9.0, 10.0, NAN]}, index=index
    )
    forecast = pd.DataFrame(
        {2: [10.0, 19.0, 1.0, 9.0, 5.0], 1: [101.0, 198.0, 1.0, 102.0, 104.0]}, index=index
    )
    return actual, forecast


def test_forecast_score_by_hand():
    actual, forecast = day_frames()
    score = forecast_score(actual, forecast, ["2018-01-30", "2018-02-06"], {1: 1.5, 2: 1.5})
    # asset 1: day one (1 % + 1 %) / 2 = 1, day two (2 % + 4 %) / 2 = 3; asset 2: (0 + 5) / 2 = 2.5,
    # then 10 (one step)
    assert score.mape.loc[1].tolist() == pytest.approx([1.0, 3.0])
    assert score.mape.loc[2].tolist() == pytest.approx([2.5, 10.0])
    # asset 1 rises with its forecast on day one, is flat on day two; asset 2 rises on day one, has
    # one step on day two
    assert score.directional_symmetry.loc[1].tolist() == [100.0, 0.0]
    assert score.directional_symmetry.loc[2, 1] == 100.0
    assert np.isnan(score.directional_symmetry.loc[2, 2])
    assert score.scored.loc[2].tolist() == [2, 1]
    r1, r2 = np.sqrt(2.0) / 2.0, np.sqrt(2 * 3.75**2) / 6.25
    assert score.dispersion.loc[[1, 2]].tolist() == pytest.approx([r1, r2])
    summary = [score.M, score.D, score.R, score.U]
    assert summary == pytest.approx([16.5 / 4, 200 / 3, (r1 + r2) / 2, 1.0])
    z = score.Z
    assert z == pytest.approx(200 / 3 - 16.5 / 4 - (r1 + r2) / 2 - 1.0)


def test_forecasts_are_matched_by_time_and_missing_ones_are_counted():
    actual, forecast = day_frames()
    whole = forecast_score(actual, forecast, [("2018-01-30", "2018-01-31")], 0.0)
    fewer = forecast_score(
        actual, forecast.drop(forecast.index[2]), [("2018-01-30", "2018-01-31")], 0.0
    )
    assert whole.scored.loc[1, 1] == 2
    assert fewer.scored.loc[1, 1] == 2
    dropped = forecast_score(actual, forecast.drop(forecast.index[1]), ["2018-01-30"], 0.0)
    assert dropped.mape.loc[1, 1] == pytest.approx(1.0)
    assert dropped.missed.loc[1, 1] == 1
    assert np.isnan(dropped.R)
    assert np.isnan(dropped.Z)


def test_errors_say_what_and_where():
    actual, forecast = day_frames()
    with pytest.raises(sa.DataError, match="step 1, column 0"):
        mape(column(1, 0), column(1, 1))
    with pytest.raises(sa.DataError, match="forecast must hold finite prices"):
        mape(column(1, 1), column(1, np.inf))
    with pytest.raises(sa.DataError, match="same shape"):
        mape(column(1, 1), column(1))
    with pytest.raises(sa.ParameterError, match="asset 7 of forecast"):
        forecast_score(actual, forecast.rename(columns={1: 7}), ["2018-01-30"], 0.0)
    with pytest.raises(sa.DataError, match=r"periods\[0\].*holds no time"):
        forecast_score(actual, forecast, ["2019-01-30"], 0.0)
    with pytest.raises(sa.ParameterError, match="at least one test period"):
        forecast_score(actual, forecast, [], 0.0)
    with pytest.raises(sa.ParameterError, match="must not end before it starts"):
        forecast_score(actual, forecast, [("2018-02-06", "2018-01-30")], 0.0)
    with pytest.raises(sa.ParameterError, match=r"seconds\[1\]"):
        utilisation({1: -1.0})
    with pytest.raises(sa.ParameterError, match="four numbers"):
        summary_score(1, 1, 1, 1, weights=(1, 1, 1))  # type: ignore[arg-type]
