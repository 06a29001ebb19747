"""Fits against arch and against simulated truth; forecasts, updates, degenerate series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arch import arch_model
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import statarb as sa
from statarb.volatility._engine.reference import filter_series, variance_path

KINDS = [("garch", "normal"), ("gjr", "normal"), ("garch", "t"), ("gjr", "t")]


def simulate(parameters, n: int, assets: int, seed: int = 0, nu: float | None = None) -> np.ndarray:
    """Simulate ``mu, omega, alpha, gamma, beta`` after a start of 500 returns."""
    mu, omega, alpha, gamma, beta = parameters
    rng = np.random.default_rng(seed)
    shape = (n + 500, assets)
    z = (
        rng.standard_normal(shape)
        if nu is None
        else rng.standard_t(nu, shape) * np.sqrt((nu - 2) / nu)
    )
    e, h = np.zeros(shape), np.full(assets, omega / (1 - alpha - gamma / 2 - beta))
    for t in range(n + 500):
        e[t] = np.sqrt(h) * z[t]
        h = omega + (alpha + gamma * (e[t] < 0)) * e[t] ** 2 + beta * h
    return mu + e[500:]


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    values = simulate((2e-4, 2e-7, 0.05, 0.06, 0.9), 1500, 5, nu=6)
    values[np.random.default_rng(1).random(values.shape) < 0.05] = np.nan
    return pd.DataFrame(
        values, index=pd.date_range("2018-01-25", periods=1500, freq="5min"), columns=list("abcde")
    )


def arch_of(x: np.ndarray, model: str, distribution: str):
    """Return arch's model of a series in units of its standard deviation: in raw units arch's own
    search stops short.
    """
    return arch_model(
        x / x.std(), p=1, o=int(model == "gjr"), q=1, dist=distribution, rescale=False
    )


def arch_likelihood(am, parameters: np.ndarray) -> float:
    resids = am.resids(am.starting_values())
    bounds = am.volatility.variance_bounds(resids)
    return -float(
        am._loglikelihood(parameters, np.zeros(len(resids)), am.volatility.backcast(resids), bounds)
    )


def in_units(row: pd.Series, scale: float) -> np.ndarray:
    row = row.copy()
    row["mu"] /= scale
    row["omega"] /= scale**2
    return row.to_numpy()


@pytest.mark.parametrize(("model", "distribution"), KINDS)
def test_likelihood_parameters_sigma_and_forecast_are_those_of_arch(returns, model, distribution):
    fit = sa.fit_garch(returns, model, distribution)
    assert (fit.status == "converged").all()
    for asset in returns:
        x = returns[asset].dropna().to_numpy()
        am = arch_of(x, model, distribution)
        ours = in_units(fit.params.loc[asset], x.std())
        result = am.fit(disp="off", show_warning=False)
        # arch's likelihood at our parameters is our likelihood.
        assert arch_likelihood(am, ours) == pytest.approx(
            fit.loglikelihood[asset] + len(x) * np.log(x.std()), abs=1e-9
        )
        assert list(result.params.index) == list(fit.params.columns)
        # Both stop where less than about 1e-6 of loglikelihood is left to gain; ours also looks
        # from several starts.
        assert arch_likelihood(am, ours) > result.loglikelihood - 1e-5
        if arch_likelihood(am, ours) < result.loglikelihood + 1e-5:
            error = np.abs(ours - result.params.to_numpy()) / result.std_err.to_numpy()
            assert error.max() < 0.02, "the two optima differ by more than 2 % of a standard error"
        fixed = am.fix(ours)
        seen = returns[asset].notna().to_numpy()
        volatility = fixed.conditional_volatility * x.std()
        assert fit.sigma[asset].to_numpy()[seen] == pytest.approx(volatility, rel=1e-9)
        # arch's forecast begins with the backcast of residuals at the fitted mu, not at the mean as
        # its likelihood does: over 1500 observations that is worth less than 1e-6.
        variance = fixed.forecast(horizon=12).variance.to_numpy()[-1] * x.std() ** 2
        assert fit.forecast(12, "variance")[asset].to_numpy() == pytest.approx(variance, rel=1e-6)


@pytest.mark.parametrize(("model", "distribution"), KINDS)
def test_simulated_parameters_are_recovered(model, distribution):
    truth = (0.05, 0.1, 0.06, 0.08 if model == "gjr" else 0.0, 0.84)
    nu = 6.0 if distribution == "t" else None
    fit = sa.fit_garch(simulate(truth, 4000, 24, seed=3, nu=nu), model, distribution)
    names = ["mu", "omega", "alpha[1]", "gamma[1]", "beta[1]", "nu"]
    expected = dict(zip(names, [*truth, nu], strict=True))
    for name, column in fit.params.items():
        error = column.std() / np.sqrt(len(column))
        assert abs(column.mean() - expected[name]) < 4 * error, name


def test_values_given_by_hand():
    """Three returns, by hand: h1 = .2 + .9 b, with b = (4 + .94 x 1 + .8836 x 9) / 2.8236 about the
    mean 0.
    """
    r = np.array([2.0, 1.0, -3.0])
    backcast = (4 + 0.94 * 1 + 0.8836 * 9) / (1 + 0.94 + 0.8836)
    path = variance_path(r, np.array([0.0, 0.2, 0.1, 0.2, 0.7]), backcast)
    assert path == pytest.approx(
        [
            0.2 + 0.9 * backcast,
            0.2 + 0.1 * 4 + 0.7 * path[0],
            0.2 + 0.1 + 0.7 * path[1],
            0.2 + 0.3 * 9 + 0.7 * path[2],
        ]
    )


@pytest.mark.parametrize(("model", "distribution"), KINDS)
def test_update_is_filtering_from_scratch(returns, model, distribution):
    early = sa.fit_garch(returns.iloc[:1400], model, distribution)
    before = early.sigma
    for label, row in returns.iloc[1400:].iterrows():
        assert early.update(row, label) is early
    assert early.sigma.index.equals(returns.index)
    assert early.sigma.iloc[:1400].equals(before)
    for asset in returns:
        row = early.params.loc[asset]
        names = ["mu", "omega", "alpha[1]", "gamma[1]", "beta[1]"]
        parameters = np.array([row.get(name, 0.0) for name in names])
        path = filter_series(returns[asset].to_numpy(), parameters, before[asset].iloc[0] ** 2)
        assert early.sigma[asset].to_numpy()[1:] ** 2 == pytest.approx(path[:-1], rel=1e-12)
        assert early.forecast(1, "variance")[asset].iloc[0] == pytest.approx(path[-1], rel=1e-12)
    residual = early.standardised_residuals
    assert residual.isna().equals(returns.isna())
    assert (residual * early.sigma + early.params["mu"]).to_numpy() == pytest.approx(
        returns.to_numpy(), nan_ok=True, abs=1e-15
    )


def test_update_takes_rows_in_every_form(returns):
    def fresh():
        return sa.fit_garch(returns)

    row = returns.iloc[0].fillna(0.0).rename(None)
    expected = fresh().update(row).forecast()
    assert fresh().update(row.to_numpy()).forecast().equals(expected)
    assert fresh().update(dict(row)).forecast().equals(expected)
    assert fresh().update(row[::-1]).forecast().equals(expected)
    assert fresh().update(row.to_numpy()).returns.index[-1] == returns.index[-1] + pd.Timedelta(
        "5min"
    )
    part = fresh().update({"b": 0.01}).forecast()
    still = fresh().forecast()
    assert part["a"].equals(still["a"])
    assert part["b"].iloc[0] != still["b"].iloc[0]


def test_an_update_goes_forward_in_time(returns):
    row = returns.iloc[0].fillna(0.0)
    for fit in (sa.fit_garch(returns), sa.volatility.arch_forecaster("constant").fit(returns)):
        for label in (returns.index[-1], returns.index[0], returns.index[-1].tz_localize("UTC")):
            with pytest.raises(sa.DataError, match="must come after the last row"):
                fit.update(row, label)
        later = returns.index[-1] + pd.Timedelta("1D")
        assert fit.update(row, later).sigma.index[-1] == later


def test_forecasts_approach_the_unconditional_variance():
    fit = sa.fit_garch(simulate((0.0, 0.2, 0.1, 0.0, 0.7), 2000, 3))
    p = fit.params
    limit = p["omega"] / (1 - p["alpha[1]"] - p["beta[1]"])
    ahead = fit.forecast(300, "variance")
    assert list(ahead.index[[0, -1]]) == [1, 300]
    assert ahead.iloc[-1].to_numpy() == pytest.approx(limit.to_numpy(), rel=1e-9)
    assert fit.forecast(7).to_numpy() == pytest.approx(np.sqrt(ahead.iloc[:7].to_numpy()))


def test_a_warm_start_finds_the_same_maximum_in_fewer_passes(returns):
    first = sa.fit_garch(returns, "gjr", "t")
    again = first.refit()
    assert (again.passes < first.passes).all()
    assert again.loglikelihood.to_numpy() == pytest.approx(first.loglikelihood.to_numpy(), abs=1e-5)
    later = pd.concat(
        [returns, returns.iloc[:1].set_axis([returns.index[-1] + pd.Timedelta("5min")])]
    )
    warm, cold = first.refit(later), sa.fit_garch(later, "gjr", "t")
    # Searches end where less than 1e-6 (by the curvature known) is left to gain.
    assert warm.loglikelihood.to_numpy() == pytest.approx(cold.loglikelihood.to_numpy(), abs=1e-4)
    part = sa.fit_garch(later, "gjr", "t", start=first.params.loc[["c", "a"]])
    assert part.loglikelihood.to_numpy() == pytest.approx(cold.loglikelihood.to_numpy(), abs=1e-4)
    assert (
        sa.fit_garch(later, "gjr", "t", start=first, extra_starts=-1).loglikelihood
        >= cold.loglikelihood - 1e-9
    ).all()


def test_a_start_may_come_from_another_model(returns):
    simple = sa.fit_garch(returns)
    rich = sa.fit_garch(returns, "gjr", "t", start=simple)
    cold = sa.fit_garch(returns, "gjr", "t")
    assert rich.loglikelihood.to_numpy() == pytest.approx(cold.loglikelihood.to_numpy(), abs=1e-3)
    back = sa.fit_garch(returns, "garch", "normal", start=rich)
    assert back.loglikelihood.to_numpy() == pytest.approx(simple.loglikelihood.to_numpy(), abs=1e-3)


@pytest.mark.parametrize(("model", "distribution"), KINDS)
def test_every_number_of_jobs_and_every_order_of_assets_gives_the_same_bits(model, distribution):
    rng = np.random.default_rng(5)
    values = rng.standard_t(4, (400, 23)) * 1e-3
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:, 7], values[:, 11], values[:350, 13] = 0.0, np.nan, 0.0
    table = pd.DataFrame(values)
    one = sa.fit_garch(table, model, distribution)
    order = rng.permutation(23)
    for other in (
        sa.fit_garch(table, model, distribution, n_jobs=3),
        sa.fit_garch(table[order], model, distribution),
    ):
        assert other.params.loc[one.assets].equals(one.params)
        assert other.loglikelihood.loc[one.assets].equals(one.loglikelihood)
        assert other.status.loc[one.assets].equals(one.status)
        assert other.sigma[one.assets].equals(one.sigma)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6])
def test_units_do_not_matter(returns, scale):
    plain, scaled = sa.fit_garch(returns, "gjr", "t"), sa.fit_garch(returns * scale, "gjr", "t")
    for name, power in (
        ("mu", 1),
        ("omega", 2),
        ("alpha[1]", 0),
        ("gamma[1]", 0),
        ("beta[1]", 0),
        ("nu", 0),
    ):
        # Rounding in the scaled returns moves the end of the search within its tolerance.
        assert scaled.params[name].to_numpy() == pytest.approx(
            plain.params[name].to_numpy() * scale**power, rel=1e-3, abs=1e-5 * scale**power
        )
    assert scaled.sigma.to_numpy() == pytest.approx(plain.sigma.to_numpy() * scale, rel=1e-3)


def test_tables_in_any_order_and_of_any_library_give_the_same_fit(returns):
    import polars as pl

    expected = sa.fit_garch(returns)
    for other in (
        returns[::-1],
        returns.sample(frac=1.0, random_state=0),
        returns.convert_dtypes(),
        returns.convert_dtypes(dtype_backend="pyarrow"),
        returns.tz_localize("UTC").tz_convert("America/New_York"),
        pl.from_pandas(returns.reset_index(names="time")),
    ):
        fit = sa.fit_garch(other)
        assert np.array_equal(fit.params.to_numpy(), expected.params.to_numpy())
        assert np.array_equal(fit.sigma.to_numpy(), expected.sigma.to_numpy())
        assert np.array_equal(fit.forecast(3).to_numpy(), expected.forecast(3).to_numpy())
    single = sa.fit_garch(returns.astype(np.float32))
    # seven digits of the returns
    assert single.sigma.to_numpy() == pytest.approx(expected.sigma.to_numpy(), rel=1e-3)


def test_the_forecast_is_for_the_end_of_time_not_of_the_table():
    """A download with the newest row first (pmorissette/bt, pull request 539)."""
    x = simulate((0.0, 2e-6, 0.1, 0.0, 0.88), 1500, 1, seed=1)[:, 0]
    x[-20:] *= 6.0
    series = pd.Series(x, pd.date_range("2020-01-01", periods=1500), name="a")
    fit = sa.fit_garch(series[::-1])
    p = fit.params.iloc[0]
    weight = 0.94 ** np.arange(75)
    variance = float(weight @ ((x - x.mean()) ** 2)[:75] / weight.sum())
    variance = p["omega"] + (p["alpha[1]"] + p["beta[1]"]) * variance
    for e in x - p["mu"]:
        variance = p["omega"] + p["alpha[1]"] * e**2 + p["beta[1]"] * variance
    assert fit.forecast(1, "variance").iloc[0, 0] == pytest.approx(variance, rel=1e-10)
    twice = pd.concat([series, series[:1]])
    with pytest.raises(sa.DataError, match="2020-01-01"):
        sa.fit_garch(twice)


def test_prices_in_place_of_returns_are_refused():
    prices = pd.DataFrame(
        {"a": 100.0 * np.exp(np.cumsum(simulate((0, 1e-5, 0.1, 0, 0.8), 300, 1)))}
    )
    for call in (
        sa.fit_garch,
        sa.volatility.ewma,
        sa.volatility.arch_forecaster("garch").fit,
        lambda table: sa.volatility.realised_variance(
            table.set_index(pd.date_range("2020", periods=300, freq="h"))
        ),
    ):
        with pytest.raises(sa.DataError, match="of asset 'a' are never zero or negative"):
            call(prices)
        with pytest.raises(sa.DataError, match=r"np\.log\(prices\)\.diff\(\)"):
            call(np.log(prices))
        call(np.log(prices).diff())
    # Few positive returns prove nothing.
    sa.volatility.ewma(prices.iloc[:49])


def test_degenerate_series_say_why_and_fall_back():
    rng = np.random.default_rng(6)
    n = 300
    table = pd.DataFrame(
        {
            "fine": rng.standard_normal(n),
            "zero": np.zeros(n),
            "constant": np.full(n, 0.01),
            "few": np.append(np.zeros(n - 49), rng.standard_normal(49)),
            "short": np.append(np.full(n - 20, np.nan), rng.standard_normal(20)),
            "one": np.append(np.full(n - 1, np.nan), 0.5),
            "none": np.full(n, np.nan),
            "huge": rng.standard_normal(n) * 1e200,
        }
    )
    for model, distribution in KINDS:
        fit = sa.fit_garch(table, model, distribution)
        assert dict(fit.status) == {
            "fine": "converged",
            "zero": "constant",
            "constant": "constant",
            "few": "too few non-zero returns",
            "short": "too few non-zero returns",
            "one": "constant",
            "none": "no returns",
            "huge": "variance not finite",
        }
        assert list(fit.fallback) == [status != "converged" for status in fit.status]
        assert fit.params.drop("fine").isna().all(axis=None)
        assert fit.loglikelihood.drop("fine").isna().all()
        ours, average = fit.forecast()["few"].iloc[0], sa.volatility.ewma(table["few"]).iloc[-1]
        # After 300 rows what the average began with weighs .94^300.
        assert ours == pytest.approx(average, rel=1e-7)
        assert (fit.sigma["zero"] == 0.0).all()
        assert fit.standardised_residuals["zero"].isna().all()
        assert fit.sigma["none"].isna().all()
        assert np.isnan(fit.forecast(3)["none"]).all()
        fit.update(pd.Series({"none": 0.3}))
        assert fit.forecast()["none"].iloc[0] == pytest.approx(0.3)
        assert fit.forecast(5)["few"].nunique() == 1, "an average expects no return to a mean"


@pytest.mark.parametrize("model", ["garch", "gjr"])
@pytest.mark.parametrize("share", [0.2, 0.3, 0.4, 0.6, 0.8])
def test_no_sigma_of_degenerate_tails_is_handed_on(model, share):
    """Where many returns are zero a Student-t puts the rest into its tails: nu falls to its bound,
    and the sigma was 1.5 to 3 times the standard deviation.
    """
    n, assets = 2016, 12
    rng = np.random.default_rng(0)
    clustered = simulate((0.0, 0.05, 0.1, 0.0, 0.85), n, assets, seed=4)
    for x in (clustered, rng.standard_t(3, (n, assets))):
        stale = np.where(rng.random(x.shape) < share, 0.0, x)
        fit = sa.fit_garch(stale, model, "t")
        ratio = np.sqrt((fit.sigma**2).mean()) / stale.std(axis=0)
        # A converged fit's mean variance may be off by the factor 1.5 at most, and an average's is
        # that of the returns but for its start.
        assert (ratio < np.sqrt(1.5)).all()
        assert (ratio > np.sqrt(1 / 1.5)).all()
        flagged = fit.fallback.to_numpy()
        assert set(fit.status[flagged]) <= {"nu bound", "unchanged prices", "omega floor"}
        assert (fit.params["nu"].to_numpy()[~flagged] > 2.05).all()
        if share >= 0.4:
            assert flagged.all()
        averaged = sa.volatility.ewma(stale)[299:-1, flagged]
        # 0.94^300 of the start is left
        assert fit.sigma.to_numpy()[300:, flagged] == pytest.approx(averaged, rel=1e-6)
        # The normal likelihood has no such trouble.
        assert (sa.fit_garch(stale, model).status == "converged").all()


def test_heavy_tails_alone_are_no_reason_to_refuse_a_fit():
    x = np.random.default_rng(1).standard_t(4, (2016, 20))
    fit = sa.fit_garch(x, "garch", "t")
    assert (fit.status == "converged").all()
    assert fit.params["nu"].median() == pytest.approx(4.0, abs=0.5)  # 20 series, each +- 0.4


def test_prices_that_stand_still_hit_the_floor_of_omega_and_are_flagged():
    rng = np.random.default_rng(7)
    stale = np.where(rng.random((1000, 8)) < 0.7, 0.0, rng.standard_t(3, (1000, 8)) * 0.01)
    fit = sa.fit_garch(stale, "garch", "t")
    share = fit.params["omega"].to_numpy() / stale.var(axis=0)
    flagged = fit.fallback.to_numpy()
    floored = (fit.status == "omega floor").to_numpy()
    assert floored.any()
    assert share[floored] == pytest.approx(1e-4)
    assert (fit.fallback.to_numpy() == flagged).all()
    assert (fit.sigma.min().to_numpy() >= 0.01 * stale.std(axis=0))[~flagged].all()
    # What a flagged series has for volatility: the average that it would have without any fit.
    averaged = sa.volatility.ewma(stale[:, flagged])
    # 0.94^300 of the start is left
    assert fit.sigma.to_numpy()[300:, flagged] == pytest.approx(averaged[299:-1], rel=1e-6)


def test_an_integrated_model_with_hardly_any_omega_is_a_fit():
    rng = np.random.default_rng(0)
    x, h = np.empty((2000, 12)), np.ones(12)
    for t in range(2000):
        x[t] = np.sqrt(h) * rng.standard_t(6, 12) * np.sqrt(4 / 6)
        h = 0.95 * h + 0.05 * x[t] ** 2
    fit = sa.fit_garch(x, "garch", "t")
    assert (fit.status == "converged").all()
    assert (fit.params["omega"].to_numpy() < 1e-4 * x.var(axis=0)).sum() >= 3
    for j in range(12):
        best = arch_of(x[:, j], "garch", "t").fit(disp="off", show_warning=False).loglikelihood
        # what a search may leave, as in the benchmark
        assert fit.loglikelihood[j] + len(x) * np.log(x[:, j].std()) > best - 1e-3


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 90), st.integers(1, 4)),
        elements=st.one_of(
            st.just(np.nan), st.just(0.0), st.floats(-1e3, 1e3), st.floats(-1e-9, 1e-9)
        ),
    ),
    st.sampled_from(KINDS),
)
def test_whatever_comes_in_the_answer_is_a_fit_or_a_status(values, kind):
    if ((~np.isnan(values)).sum(axis=0) >= 50).any():
        values[0] = 0.0  # with a return of zero no column can be one of prices
    fit = sa.fit_garch(values, *kind)
    fitted = ~fit.fallback.to_numpy()
    assert np.isfinite(fit.params.to_numpy()[fitted]).all()
    p = fit.params[fitted]
    assert (p["alpha[1]"] >= 0).all()
    assert (p["beta[1]"] >= 0).all()
    assert (p["alpha[1]"] + p.get("gamma[1]", 0.0) / 2 + p["beta[1]"] <= 1.0).all()
    assert (p["alpha[1]"] + p.get("gamma[1]", 0.0) >= -1e-12).all()
    assert np.isfinite(fit.sigma.to_numpy()[:, fitted]).all()
    seen = ~np.isnan(values).all(axis=0)
    assert (fit.forecast().to_numpy()[:, seen] >= 0).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda r: sa.fit_garch(r.replace(r.iloc[3, 1], np.inf)), sa.DataError,
        "infinite.*asset 'b'"),
        (lambda r: sa.fit_garch(r, "egarch"), sa.ParameterError, "model must be one of 'garch', "
        "'gjr'.*did you mean 'garch'"),
        (lambda r: sa.fit_garch(r, "garch", "cauchy"), sa.ParameterError, "distribution must be "
        "one of 'normal', 't'"),
        (lambda r: sa.fit_garch(r, n_jobs=0), sa.ParameterError, "n_jobs"),
        (lambda r: sa.fit_garch(r, n_jobs=1.5), sa.ParameterError, "n_jobs"),
        (lambda r: sa.fit_garch(r, extra_starts=-2), sa.ParameterError, "extra_starts"),
        (lambda r: sa.fit_garch(r.iloc[:0]), sa.DataError, "at least one row"),
        (lambda r: sa.fit_garch(np.zeros((2, 2, 2))), sa.DataError, "time x asset"),
        (lambda r: sa.fit_garch(r.astype(object).replace(r.iloc[0, 0], "x")), sa.DataError,
        "must hold numbers"),
        (lambda r: sa.fit_garch(pd.concat([r, r], axis=1)), sa.DataError, "column 'a' twice"),
        (lambda r: sa.fit_garch(r, start="warm"), sa.DataError, "start must be a GarchFit"),
        (lambda r: sa.fit_garch(r, start=pd.DataFrame({"mu": [0.0]})), sa.DataError,
        "start must have the columns"),
        (lambda r: sa.fit_garch(r).forecast(0), sa.ParameterError, "horizon"),
        (lambda r: sa.fit_garch(r).forecast(1, "sd"), sa.ParameterError, "kind"),
        (lambda r: sa.fit_garch(r).update([0.0, 1.0]), sa.DataError, "one return for each of the 5 "
        "assets, got 2"),
        (lambda r: sa.fit_garch(r).update({"z": 0.0}), sa.DataError, "'z'"),
        (lambda r: sa.fit_garch(r).update([np.inf] * 5), sa.DataError, "infinite"),
    ],
)  # fmt: skip
def test_bad_input_is_named(returns, call, error, words):
    with pytest.raises(error, match=words):
        call(returns.iloc[:100])


@pytest.mark.slow
def test_real_windows_reach_the_better_of_arch_and_sixteen_starts(real_panel):
    """On windows of the real coins: within 1e-3 of the best known loglikelihood in at least 95 % of
    a small sample.
    """
    returns = pd.DataFrame(
        real_panel.log_returns(), index=real_panel.times, columns=real_panel.assets
    )
    gaps = []
    for end in (2500, 5000, 7500):
        window = returns.iloc[end - 2016 : end]
        fit = sa.fit_garch(window)
        for asset in window:
            x = window[asset].dropna().to_numpy()
            am = arch_of(x, "garch", "normal")
            best = am.fit(disp="off", show_warning=False).loglikelihood
            gaps.append(best - arch_likelihood(am, in_units(fit.params.loc[asset], x.std())))
    assert np.mean(np.array(gaps) < 1e-3) >= 0.95
