"""Models of arch behind one interface: against arch itself, forecasts, updates, degenerate
series.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arch import arch_model
from threadpoolctl import threadpool_limits

import statarb as sa
from statarb.volatility import arch_forecaster
from statarb.volatility.arch_models import MODELS


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    h, e = np.ones(2), np.zeros((900, 2))
    for t in range(900):
        e[t] = np.sqrt(h) * rng.standard_t(6, 2) * np.sqrt(4 / 6)
        h = 0.05 + (0.05 + 0.1 * (e[t] < 0)) * e[t] ** 2 + 0.85 * h
    e[rng.random(e.shape) < 0.05] = np.nan
    return pd.DataFrame(
        e * 0.003, columns=["a", "b"], index=pd.date_range("2018", periods=900, freq="5min")
    )


@pytest.mark.parametrize("model", MODELS)
def test_every_model_fits_forecasts_and_goes_on(returns, model):
    fit = arch_forecaster(model).fit(returns)
    assert list(fit.status) == ["converged", "converged"]
    assert fit.params.shape[0] == 2
    assert np.isfinite(fit.loglikelihood).all()
    sigma, ahead = fit.sigma, fit.forecast(3)
    assert sigma.shape == returns.shape
    assert (sigma > 0).all(axis=None)
    assert (ahead > 0).all(axis=None)
    assert fit.standardised_residuals.isna().equals(returns.isna())
    spread = fit.standardised_residuals.std()
    assert ((spread > 0.85) & (spread < 1.2)).all()
    before = fit.forecast()
    fit.update({"a": 0.02})
    after = fit.forecast()
    assert fit.sigma.iloc[:-1].equals(sigma), "a row added changes nothing before it"
    assert fit.sigma.iloc[-1].to_numpy() == pytest.approx(before.iloc[0].to_numpy())
    assert after["b"].iloc[0] == before["b"].iloc[0]
    if model != "constant":
        assert after["a"].iloc[0] > before["a"].iloc[0]


@pytest.mark.parametrize(
    ("model", "options"), [("egarch", {"o": 1}), ("aparch", {"o": 1}), ("figarch", {})]
)
def test_it_is_what_arch_says(returns, model, options):
    fit = arch_forecaster(model).fit(returns)
    # The series as the library scaled it, to the last bit: arch's own search ends up to 0.1 of
    # loglikelihood apart for series that differ by rounding.
    x, scale = fit._fits[0].observed, fit.scale["a"]
    assert x * scale == pytest.approx(returns["a"].dropna().to_numpy(), rel=1e-12)
    assert x.std() == pytest.approx(1.0, rel=1e-12)
    direct = arch_model(x, vol=model.upper(), p=1, q=1, rescale=False, **options)
    with threadpool_limits(1):
        result = direct.fit(disp="off", show_warning=False)
    assert fit.loglikelihood["a"] == pytest.approx(
        result.loglikelihood - len(x) * np.log(scale), abs=1e-9
    )
    assert list(fit.params.columns) == list(result.params.index)
    fixed = direct.fix(fit.params.loc["a"].to_numpy())
    seen = returns["a"].notna()
    expected = fixed.conditional_volatility * scale
    assert fit.sigma["a"][seen].to_numpy() == pytest.approx(expected, rel=1e-9)


def test_garch_of_arch_and_of_the_batch_agree(returns):
    slow, fast = arch_forecaster("gjr", "t").fit(returns), sa.fit_garch(returns, "gjr", "t")
    # Two searches of one likelihood: they end within 1e-5 of its maximum.
    assert fast.loglikelihood.to_numpy() == pytest.approx(slow.loglikelihood.to_numpy(), abs=1e-4)
    assert fast.sigma.to_numpy() == pytest.approx(slow.sigma.to_numpy(), rel=1e-2)
    assert fast.forecast(5).to_numpy() == pytest.approx(slow.forecast(5).to_numpy(), rel=1e-2)


def test_har_is_a_regression_on_means_of_squares(returns):
    fit = arch_forecaster("har", lags=(1, 5)).fit(returns)
    x = (returns["a"].dropna() / fit.scale["a"]).to_numpy()
    squares = pd.Series(x**2)
    design = np.column_stack(
        [np.ones(len(x)), squares.shift(1), squares.rolling(5).mean().shift(1)]
    )[5:]
    expected = np.linalg.lstsq(design, squares.to_numpy()[5:], rcond=None)[0]
    assert fit.params.loc["a"].to_numpy()[:3] == pytest.approx(expected, abs=1e-8)
    path = fit.sigma["a"][returns["a"].notna()].to_numpy()[5:] ** 2 / fit.scale["a"] ** 2
    assert path == pytest.approx(np.maximum(design @ expected, 1e-4), rel=1e-9)


def test_simulated_forecasts_repeat_for_one_seed(returns):
    one = arch_forecaster("egarch", simulations=200, seed=1)
    first, again = one.fit(returns).forecast(4), one.fit(returns).forecast(4)
    assert first.equals(again)
    other = arch_forecaster("egarch", simulations=200, seed=2).fit(returns).forecast(4)
    assert first.iloc[0].equals(other.iloc[0])
    assert not first.iloc[3].equals(other.iloc[3])


@pytest.mark.slow
def test_every_number_of_processes_gives_the_same_bits(returns):
    model = arch_forecaster("egarch", simulations=50)
    one, two = model.fit(returns), model.fit(returns, n_jobs=2)
    assert one.params.equals(two.params)
    assert one.forecast(3).equals(two.forecast(3))


def test_series_that_cannot_be_fitted_say_why(returns):
    table = returns.assign(still=0.0, few=np.where(np.arange(900) < 860, 0.0, 0.01), none=np.nan)
    fit = arch_forecaster("har").fit(table)
    assert list(fit.status[["still", "few", "none"]]) == [
        "constant",
        "too few non-zero returns",
        "no returns",
    ]
    assert list(fit.fallback) == [False, False, True, True, True]
    assert fit.forecast(2)["few"].iloc[1] == pytest.approx(
        sa.volatility.ewma(table["few"]).iloc[-1]
    )
    short = arch_forecaster("har").fit(returns.iloc[:300])
    assert short.status["a"] == "too few returns for a lag of 288"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "stochastic"}, "model must be one of"),
        ({"distribution": "cauchy"}, "distribution"),
        ({"mean": "ar"}, "mean"),
        ({"p": 0}, "p must be"),
        ({"power": 0.0}, "power"),
        ({"decay": 1.0}, "decay"),
        ({"lags": (5, 1)}, "lags"),
        ({"lags": ()}, "lags"),
        ({"simulations": 0}, "simulations"),
        ({"seed": -1}, "seed"),
        ({"lag": 3}, "option must be one of .*did you mean 'lags'"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(sa.ParameterError, match=words):
        arch_forecaster(**options)


def test_bad_returns_are_named(returns):
    with pytest.raises(sa.DataError, match="infinite"):
        arch_forecaster("egarch").fit(returns.replace(returns.iloc[3, 0], np.inf))
    with pytest.raises(sa.DataError, match="'z'"):
        arch_forecaster("constant").fit(returns).update({"z": 1.0})
