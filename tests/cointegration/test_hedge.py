"""Hedge ratios against definitions, and the Kalman filter against statsmodels' state space."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.statespace.mlemodel import MLEModel

from statarb.cointegration import fit_ou, hedge_ratio, kalman_hedge_ratio, rolling_hedge_ratio
from statarb.cointegration._engine.reference import kalman_reference
from statarb.cointegration._engine.kalman import kalman_filter
from statarb.cointegration.kalman_hedge import START
from statarb.errors import DataError, ParameterError


def legs(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(rows, 2)), axis=0) * 0.01
    noise = np.convolve(rng.normal(size=rows + 30), 0.8 ** np.arange(31), "valid") * 0.005
    return pd.DataFrame(
        {"y": 1.0 + 0.8 * x[:, 0] - 0.3 * x[:, 1] + noise, "a": x[:, 0] + 2.0, "b": x[:, 1] - 1.0}
    )


def test_least_squares_leaves_residuals_that_x_does_not_explain() -> None:
    frame = legs()
    hedge = hedge_ratio(frame["y"], frame[["a", "b"]])
    rest = frame["y"] - hedge.intercept - frame[["a", "b"]] @ hedge.slopes
    assert abs(rest.mean()) < 1e-12
    assert np.abs(frame[["a", "b"]].sub(frame[["a", "b"]].mean()).T @ rest).max() < 1e-12
    assert list(hedge.slopes.index) == ["a", "b"]


def test_total_least_squares_treats_both_assets_alike() -> None:
    frame = legs()
    there = hedge_ratio(frame["y"], frame["a"], "tls").slopes.item()
    back = hedge_ratio(frame["a"], frame["y"], "tls").slopes.item()
    assert there * back == pytest.approx(1.0, rel=1e-10)
    # closed form of orthogonal regression (Deming with equal variances)
    c = np.cov(frame["y"], frame["a"])
    gap = c[0, 0] - c[1, 1]
    assert there == pytest.approx((gap + np.hypot(gap, 2.0 * c[0, 1])) / (2.0 * c[0, 1]), rel=1e-10)


def test_minimum_half_life_has_no_faster_neighbour() -> None:
    frame = legs()
    best = hedge_ratio(frame["y"], frame["a"], "minimum_half_life").slopes.item()

    def autoregression(slope: float) -> float:
        e = frame["y"] - slope * frame["a"]
        return fit_ou(e).autoregression

    grid = best + np.linspace(-1.0, 1.0, 41)
    assert autoregression(best) <= min(autoregression(slope) for slope in grid) + 1e-12
    assert autoregression(best) <= autoregression(hedge_ratio(frame["y"], frame["a"]).slopes.item())


def test_every_method_finds_a_planted_relation() -> None:
    rng = np.random.default_rng(3)
    x = np.cumsum(rng.normal(size=3000))
    y = 4.0 + 1.5 * x + np.convolve(rng.normal(size=3010), 0.5 ** np.arange(11), "valid")
    for method in ("ols", "tls", "johansen", "minimum_half_life"):
        hedge = hedge_ratio(pd.Series(y), pd.Series(x), method)
        # a superconsistent estimate: the error is of order 1/n times a few
        assert hedge.slopes.item() == pytest.approx(1.5, abs=0.02)
        assert hedge.intercept == pytest.approx(4.0, abs=0.5)
        assert hedge.method == method


def test_rolling_is_least_squares_on_each_window() -> None:
    frame = legs(120)
    frame.loc[[7, 50], "y"] = np.nan
    table = rolling_hedge_ratio(frame["y"], frame["a"], 20)
    complete = frame[["y", "a"]].dropna()
    for place in (19, 20, 60, len(complete) - 1):
        part = complete.iloc[place - 19 : place + 1]
        slope, intercept = np.polyfit(part["a"], part["y"], 1)
        assert table.loc[part.index[-1], "slope"] == pytest.approx(slope, rel=1e-8)
        assert table.loc[part.index[-1], "intercept"] == pytest.approx(intercept, rel=1e-8)
    assert table["slope"].isna().sum() == 19 + 2
    assert table.index.equals(frame.index)
    later = frame.copy()
    later.loc[80:, "y"] += 5.0
    pd.testing.assert_frame_equal(
        rolling_hedge_ratio(later["y"], later["a"], 20).loc[:79], table.loc[:79], rtol=1e-9
    )
    assert (
        rolling_hedge_ratio(frame["y"], pd.Series(1.0, index=frame.index), 20)["slope"].isna().all()
    )
    assert rolling_hedge_ratio(frame["y"], frame["a"], 500)["slope"].isna().all()


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


def test_bad_input_is_named() -> None:
    frame = legs(60)
    with pytest.raises(ParameterError, match="method must be one of"):
        hedge_ratio(frame["y"], frame["a"], "ridge")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"x\['b'\] is constant"):
        hedge_ratio(frame["y"], frame.assign(b=1.0)[["a", "b"]])
    with pytest.raises(DataError, match="collinear"):
        hedge_ratio(frame["y"], frame.assign(b=2.0 * frame["a"])[["a", "b"]])
    with pytest.raises(DataError, match="5 rows have y and all of x"):
        hedge_ratio(frame["y"][:5], frame["a"])
    with pytest.raises(DataError, match="must be finite"):
        hedge_ratio(frame["y"].replace(frame["y"][3], np.inf), frame["a"])
    with pytest.raises(DataError, match="must hold numbers"):
        hedge_ratio(pd.Series(["a"] * 60), frame["a"])
    with pytest.raises(ParameterError, match="drift must be"):
        kalman_hedge_ratio(frame["y"], frame["a"], drift=-1.0)
    with pytest.raises(ParameterError, match="window must be"):
        rolling_hedge_ratio(frame["y"], frame["a"], 2)
