"""Hedge ratios against definitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from statarb.cointegration import fit_ou, hedge_ratio, kalman_hedge_ratio, rolling_hedge_ratio
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
        rolling_hedge_ratio(later["y"], later["a"], 20).loc[:79], table.loc[:79], rtol=1e-8
    )
    assert (
        rolling_hedge_ratio(frame["y"], pd.Series(1.0, index=frame.index), 20)["slope"].isna().all()
    )
    assert rolling_hedge_ratio(frame["y"], frame["a"], 500)["slope"].isna().all()
    still = frame["a"].where(frame.index < 60, 2.0 + 1e-15 * frame["b"])
    assert rolling_hedge_ratio(frame["y"], still, 20)["slope"][79:].isna().all()


def test_rolling_keeps_its_digits_over_long_samples() -> None:
    rng = np.random.default_rng(4)
    x = pd.Series(9.0 + 0.01 * rng.normal(size=20_000).cumsum())
    y = 1.3 * x - 2.0 + pd.Series(0.01 * rng.normal(size=20_000))
    table = rolling_hedge_ratio(y, x, 60)
    mean_x, mean_y = x.rolling(60).mean(), y.rolling(60).mean()
    for last in (59, 60, 119, 10_000, 19_999):
        part = slice(last - 59, last + 1)
        dx, dy = x.iloc[part] - mean_x[last], y.iloc[part] - mean_y[last]
        # sums are updated row by row, and rebuilt once per window
        assert table["slope"][last] == pytest.approx(float(dx @ dy / (dx @ dx)), rel=1e-8)


@pytest.mark.parametrize("name", ["wrapped", None])
@pytest.mark.parametrize("method", ["johansen", "minimum_half_life"])
def test_y_that_is_a_combination_of_x_is_named(name: str | None, method: str) -> None:
    """y is 2 x + 1, or that but for rounding: no relation is the fastest or the strongest
    (github.com/statsmodels/statsmodels/issues/6890, .../5912).
    """
    x = legs(400)[["a", "b"]]
    for y in (2.0 * x["a"] + 1.0, x["a"] - x["b"] + 1e-16, x["a"] * (1.0 + 2e-16)):
        with pytest.raises(DataError, match="is a combination of 'a', 'b' but for rounding"):
            hedge_ratio(y.rename(name), x, method)
    if name is not None:
        with pytest.raises(DataError, match=r"y \('wrapped'\) is a combination"):
            hedge_ratio((2.0 * x["a"]).rename(name), x["a"], method)
    # least squares has an answer, and the filter too where nothing is to be estimated
    assert hedge_ratio(2.0 * x["a"] + 1.0, x["a"]).slopes.item() == pytest.approx(2.0, rel=1e-12)
    assert hedge_ratio(2.0 * x["a"], x["a"], "tls").slopes.item() == pytest.approx(2.0, rel=1e-12)


def test_units_and_distance_from_zero_do_not_matter() -> None:
    frame = legs()
    for method in ("ols", "johansen", "minimum_half_life"):
        one = hedge_ratio(frame["y"], frame[["a", "b"]], method)
        other = hedge_ratio(1e-9 * frame["y"], frame[["a", "b"]] * [-1e9, 1e-9], method)
        np.testing.assert_allclose(other.slopes * [-1e18, 1.0], one.slopes, rtol=1e-6)


def test_prices_in_place_of_their_logs_are_warned_of() -> None:
    frame = legs()
    prices = np.exp(frame + 5.0)
    with pytest.warns(UserWarning, match="look like prices, not logs"):
        hedge_ratio(prices["y"], prices["a"])
    with pytest.warns(UserWarning, match="x reaches .* for asset 'a'"):
        kalman_hedge_ratio(frame["y"], prices["a"], drift=1e-3, noise=1e-3)
    with pytest.warns(UserWarning, match="y reaches"):
        rolling_hedge_ratio(prices["y"], frame["a"], 20)


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
