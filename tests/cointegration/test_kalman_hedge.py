"""The Kalman filter of a hedge ratio against its reference and statsmodels' state space."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.statespace.mlemodel import MLEModel

from statarb.cointegration import kalman_hedge_ratio
from statarb.cointegration._engine.kalman import kalman_filter
from statarb.cointegration._engine.reference import kalman_reference
from statarb.cointegration.kalman_hedge import START
from statarb.errors import DataError


def legs(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(rows, 2)), axis=0) * 0.01
    noise = np.convolve(rng.normal(size=rows + 30), 0.8 ** np.arange(31), "valid") * 0.005
    return pd.DataFrame(
        {"y": 1.0 + 0.8 * x[:, 0] - 0.3 * x[:, 1] + noise, "a": x[:, 0] + 2.0, "b": x[:, 1] - 1.0}
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    states=st.integers(1, 3),
    rows=st.integers(1, 40),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_filter_agrees_with_its_reference(
    seed: int, states: int, rows: int, missing: float
) -> None:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(rows, states))
    target = np.where(rng.random(rows) < missing, np.nan, rng.normal(size=rows))
    steps = rng.uniform(0.0, 0.1, states)
    got = kalman_filter(target, design, steps, 0.5, 10.0)
    expected = kalman_reference(target, design, steps, 0.5, 10.0)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


class RandomWalkRegression(MLEModel):
    """The same model in statsmodels' state space form."""

    def __init__(
        self, target: np.ndarray, design: np.ndarray, steps: np.ndarray, noise: float
    ) -> None:
        states = design.shape[1]
        super().__init__(target, k_states=states, k_posdef=states, initialization="known",
                         constant=np.zeros(states),
                         stationary_cov=START * np.eye(states))  # fmt: skip
        self["design"] = design.T[None]
        self["transition"] = np.eye(states)
        self["selection"] = np.eye(states)
        self["state_cov"] = np.diag(steps)
        self["obs_cov"] = np.array([[noise]])


def test_filter_agrees_with_statsmodels() -> None:
    frame = legs(250)
    frame.loc[[30, 31, 90], "y"] = np.nan
    drift, noise = 2e-3, 4e-3
    fitted = kalman_hedge_ratio(frame["y"], frame[["a", "b"]], drift=drift, noise=noise)
    origin = frame.iloc[0]
    design = np.column_stack([frame[["a", "b"]] - origin[["a", "b"]], np.ones(250)])
    model = RandomWalkRegression(
        (frame["y"] - origin["y"]).to_numpy(), design, np.full(3, drift**2), noise**2
    )
    result = model.ssm.filter()
    states = result.filtered_state.T.copy()
    states[:, 2] += origin["y"] - states[:, :2] @ origin[["a", "b"]]
    # rounding: the first rows bring a variance of 100 down to 1e-5
    np.testing.assert_allclose(fitted.states, states, rtol=1e-7, atol=1e-7)
    seen = frame["y"].notna().to_numpy()
    np.testing.assert_allclose(fitted.innovation[seen], result.forecasts_error[0, seen], atol=1e-8)
    np.testing.assert_allclose(fitted.innovation_sd**2, result.forecasts_error_cov[0, 0], rtol=1e-7)
    assert fitted.loglikelihood == pytest.approx(float(result.llf_obs[3:].sum()), rel=1e-8)
    assert fitted.innovation.isna().tolist() == (~seen).tolist()


def test_filter_follows_a_slope_that_moves_and_knows_only_the_past() -> None:
    rng = np.random.default_rng(2)
    x = np.cumsum(rng.normal(size=1500)) * 0.02
    slope = 1.0 + np.cumsum(rng.normal(size=1500)) * 0.01
    y = pd.Series(slope * x + rng.normal(size=1500) * 0.002)
    fitted = kalman_hedge_ratio(y, pd.Series(x, name="x"))
    away = np.abs(x) > 0.1
    assert np.median(np.abs(fitted.states["x"] - slope)[away]) < 0.02
    assert fitted.drift["x"] == pytest.approx(0.01, rel=0.3)
    assert fitted.noise == pytest.approx(0.002, rel=0.2)
    assert fitted.zscore[100:].std() == pytest.approx(1.0, abs=0.1)
    again = kalman_hedge_ratio(y, pd.Series(x, name="x"), drift=0.01, noise=0.002)
    changed = y.copy()
    changed[1000:] += 1.0
    later = kalman_hedge_ratio(changed, pd.Series(x, name="x"), drift=0.01, noise=0.002)
    assert later.states[:1000].equals(again.states[:1000])


@pytest.mark.parametrize("given", [{"drift": 1e-3, "noise": 5e-3}, {}])
@pytest.mark.parametrize("missing", ["y", "a", "both"])
def test_rows_before_the_first_complete_one_change_nothing(given: dict, missing: str) -> None:
    frame = legs(200)
    late = pd.concat([legs(50, seed=9), frame], ignore_index=True)
    late.loc[:49, ["y", "a"] if missing == "both" else missing] = np.nan
    one = kalman_hedge_ratio(frame["y"], frame["a"], **given)
    other = kalman_hedge_ratio(late["y"], late["a"], **given)
    assert other.loglikelihood == one.loglikelihood
    assert other.noise == one.noise
    np.testing.assert_array_equal(other.states[50:], one.states)
    np.testing.assert_array_equal(other.innovation_sd[50:], one.innovation_sd)
    # nothing is known before it
    assert other.states[:50].isna().all().all()
    assert other.innovation_sd[:50].isna().all()


def test_the_likelihood_starts_after_as_many_observations_as_states() -> None:
    frame = legs(120)
    frame.loc[1:30, "y"] = np.nan  # the second observation comes late
    fitted = kalman_hedge_ratio(frame["y"], frame["a"], drift=1e-3, noise=5e-3)
    scored = fitted.innovation.dropna()[2:]
    sd = fitted.innovation_sd[scored.index]
    density = -0.5 * (np.log(2.0 * np.pi * sd**2) + (scored / sd) ** 2)
    assert fitted.loglikelihood == pytest.approx(density.sum(), rel=1e-12)


def test_y_that_is_a_combination_of_x_has_no_likelihood() -> None:
    frame = legs(200)
    with pytest.raises(DataError, match="the spread does not move and the likelihood has no"):
        kalman_hedge_ratio(2.0 * frame["a"], frame["a"])
    # with numbers given the filter finds the relation
    fitted = kalman_hedge_ratio(2.0 * frame["a"] + 1.0, frame["a"], drift=0.0, noise=1e-4)
    assert fitted.states["a"].iloc[-1] == pytest.approx(2.0, abs=1e-3)
