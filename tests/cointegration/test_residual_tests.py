"""The single Engle-Granger test against statsmodels, and its size and power."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.stattools import coint

import statarb as sa
from statarb.cointegration import OrnsteinUhlenbeck, engle_granger
from statarb.errors import DataError, ParameterError


def legs(rows: int = 400, seed: int = 0, assets: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    walks = 9.0 + 0.01 * np.cumsum(rng.normal(size=(rows, assets)), axis=0)
    frame = pd.DataFrame(walks, columns=[f"x{i}" for i in range(assets)])
    frame["y"] = 1.0 + walks @ np.linspace(0.1, 1.5, assets) / assets
    frame["y"] += OrnsteinUhlenbeck.of(0.0, 0.15, 0.01).simulate(rows, seed=seed + 50)
    return frame


@pytest.mark.parametrize("trend", ["c", "ct", "ctt"])
@pytest.mark.parametrize(("lags", "most"), [("aic", 8), ("bic", 12), (0, 0), (3, 3)])
@pytest.mark.parametrize("assets", [1, 2, 5])
def test_it_is_the_test_of_statsmodels(trend: str, lags: str | int, most: int, assets: int) -> None:
    frame = legs(250, assets=assets)
    frame.iloc[17, 0] = np.nan
    x = frame.drop(columns="y")
    found = engle_granger(frame["y"], x if assets > 1 else x["x0"], lags, most, trend=trend)
    part = frame.dropna()
    tau, pvalue, critical = coint(
        part["y"],
        part[x.columns],
        trend=trend,
        maxlag=most,
        autolag=lags if isinstance(lags, str) else None,
    )
    assert found.statistic == pytest.approx(tau, abs=1e-8)
    assert found.pvalue == pytest.approx(pvalue, abs=1e-8)
    np.testing.assert_allclose(found.critical_values, critical, rtol=1e-12)
    assert found.observations == 249
    terms = np.vander(np.arange(249.0) / 249.0, {"c": 1, "ct": 2, "ctt": 3}[trend])
    slopes = np.linalg.lstsq(np.hstack([part[x.columns], terms]), part["y"], rcond=None)[0]
    np.testing.assert_allclose(found.hedge_ratio, slopes[:assets], rtol=1e-7)
    assert abs(found.residual.sum()) < 1e-9


def test_pairs_are_those_of_the_scan() -> None:
    frame = legs(300)
    scan = sa.scan_pairs(frame, "aic", 6)
    for y, x in (("y", "x0"), ("x0", "y"), ("x1", "x2")):
        one, row = engle_granger(frame[y], frame[x], "aic", 6), scan.pair(y, x)
        assert one.statistic == pytest.approx(row["tau"], abs=1e-8)
        assert one.pvalue == pytest.approx(row["pvalue"], abs=1e-8)
        assert one.lags == row["lag"]
        assert one.hedge_ratio[x] == pytest.approx(row["hedge_ratio"], rel=1e-8)
        assert one.half_life == pytest.approx(row["half_life"], rel=1e-8)
        rest = frame[y] - one.intercept - one.hedge_ratio[x] * frame[x]
        np.testing.assert_allclose(one.residual, rest, atol=1e-12)


def test_it_finds_what_is_planted_and_little_else() -> None:
    found, false = [], []
    for seed in range(100):
        frame = legs(300, seed, assets=2)
        found.append(engle_granger(frame["y"], frame[["x0", "x1"]]).pvalue < 0.05)
        false.append(engle_granger(frame["x0"], frame["x1"], "bic").pvalue < 0.05)
    assert np.mean(found) > 0.95
    assert np.mean(false) < 0.12  # 5 % and three standard errors


def test_its_text_says_what_was_tested() -> None:
    frame = legs(300)
    text = repr(engle_granger(frame["y"], frame["x0"], 2))
    assert "2 lags, 300 observations; hedge ratio x0: " in text


def test_bad_input_is_named() -> None:
    frame = legs(60, assets=6)
    y, x = frame["y"], frame.drop(columns="y")
    with pytest.raises(ParameterError, match="at most 5 assets"):
        engle_granger(y, x)
    with pytest.raises(ParameterError, match="lags must be one of"):
        engle_granger(y, x["x0"], "hq")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="trend must be one of"):
        engle_granger(y, x["x0"], trend="n")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="nothing is left to test"):
        engle_granger(2.0 * x["x0"], x["x0"])
    with pytest.raises(DataError, match="a test with 12 lags needs at least 29"):
        engle_granger(y[:20], x["x0"])
    with pytest.raises(DataError, match=r"x\['flat'\] is constant"):
        engle_granger(y, x[["x0"]].assign(flat=1.0))
    with pytest.raises(DataError, match="collinear"):
        engle_granger(y, x[["x0"]].assign(double=2.0 * x["x0"]))
    for rows in range(7):
        with pytest.raises(DataError, match="rows have y and all of x"):
            engle_granger(y[:rows], x["x0"][:rows], 1)
    with pytest.warns(UserWarning, match="look like prices"):
        engle_granger(np.exp(y), x["x0"])
