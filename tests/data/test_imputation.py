"""The seven imputations: what is filled, with what, and what stays as it is."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.linalg
from statsmodels.nonparametric.kernel_regression import KernelReg
from statsmodels.tsa.statespace.sarimax import SARIMAX

import statarb as sa
from statarb.data.imputation import AR5X, IMPUTERS, LVCF, MARX1, MLP, NP100, R1
from statarb.data.imputation.autoregression import fit_autoregression, most_likely_path
from statarb.data.imputation.returns import carried_returns, standardised_returns
from statarb.testing import FUTURES, changed_future, check_causal, example_market
from tests.conftest import make_panel

METHODS = ("lvcf", "lint", "r1", "np100", "marx1", "ar5x", "mlp")
MARKET = example_market(times=500, assets=5)


def frame(values: dict[str, list[float | None]], step: str = "5min") -> sa.Panel:
    index = pd.date_range(
        "2018-01-25", periods=len(next(iter(values.values()))), freq=step, unit="us"
    )
    return sa.Panel.from_frame(pd.DataFrame(values, index=index, dtype=float))


@pytest.mark.parametrize("method", METHODS)
def test_only_missing_cells_are_filled(method: str) -> None:
    panel = make_panel(times=200)
    filled = sa.impute(panel, method)
    before, after = panel.price.to_numpy(), filled.price.to_numpy()
    seen = ~np.isnan(before)
    np.testing.assert_array_equal(after[seen], before[seen])
    started = np.logical_or.accumulate(seen, axis=0)
    assert np.isfinite(after[started]).all()
    assert (after[started] > 0).all()
    assert np.isnan(after[~started]).all()
    pd.testing.assert_frame_equal(filled.observed, panel.observed)
    assert filled.imputation == method
    assert filled.looks_ahead == (method not in ("lvcf", "np100"))
    account = filled.metadata["imputation"]
    assert account["filled"] == int((started & ~seen).sum())
    assert account["left_missing"] == int((~started).sum())


@pytest.mark.parametrize("method", METHODS)
def test_gaps_of_the_whole_market_become_rows(method: str) -> None:
    panel = make_panel(times=60)
    assert len(panel.times) < len(panel.grid)
    filled = sa.impute(panel, method)
    assert filled.times.equals(panel.grid)
    assert not filled.observed.loc[panel.grid.difference(panel.times)].any(axis=None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fill_start", [False, True])
def test_gaps_longer_than_max_gap_stay(method: str, fill_start: bool) -> None:
    values = np.exp(np.random.default_rng(1).normal(0, 0.01, (90, 3)).cumsum(axis=0))
    values[10:13, 0] = np.nan
    values[40:44, 0] = np.nan
    values[86:, 1] = np.nan
    values[87:, 2] = np.nan
    panel = frame(dict(zip("abc", values.T.tolist(), strict=True)))
    price = sa.impute(panel, method, max_gap=3, fill_start=fill_start).price.to_numpy()
    assert np.isfinite(price[10:13, 0]).all()
    assert np.isfinite(price[87:, 2]).all()
    filled = [True, True, True, False] if fill_start else [False] * 4
    assert np.isfinite(price[40:44, 0]).tolist() == filled
    assert np.isfinite(price[86:, 1]).tolist() == filled
    assert sa.impute(panel, method, max_gap=0).equals(panel)


def test_lvcf_and_lint_are_what_pandas_says() -> None:
    panel = make_panel(times=300, seed=4)
    pd.testing.assert_frame_equal(
        sa.impute(panel, "lvcf").price, panel.price.ffill(), check_freq=False
    )
    straight = panel.price.interpolate(method="time", limit_area="inside").ffill()
    pd.testing.assert_frame_equal(
        sa.impute(panel, "lint").price, straight, check_freq=False, rtol=1e-12
    )


def test_a_gap_in_a_window_counts_the_time_that_passed() -> None:
    panel = frame({"a": [1.0, 2.0, None, None, None, 6.0], "b": [1.0, 1.0, None, None, 2.0, 2.0]})
    window = panel.window(panel.grid[-1])
    assert len(window.grid) == 4
    filled = sa.impute(window, "lint", max_gap=3)
    assert filled.price["a"].tolist() == [1.0, 2.0, 5.0, 6.0]
    assert np.isnan(sa.impute(window, "lint", max_gap=2).price["a"].iloc[2])


def test_lint_carries_the_last_value_forward_at_the_open_end() -> None:
    panel = frame({"a": [1.0, None, 3.0, None, 7.0], "b": [1.0, 1.0, 1.0, 1.0, 1.0]})
    t = panel.grid[3]
    assert sa.impute(panel.window(t), "lint").price["a"].tolist() == [1.0, 2.0, 3.0, 3.0]
    assert sa.impute(panel, "lint").price["a"].tolist() == [1.0, 2.0, 3.0, 5.0, 7.0]


@pytest.mark.parametrize("method", METHODS)
def test_a_window_is_filled_without_what_comes_after(method: str) -> None:
    t = MARKET.times[240]
    filled = sa.impute(MARKET.window(t, depth=150), method)
    for how in FUTURES:
        assert sa.impute(changed_future(MARKET, t, how).window(t, depth=150), method).equals(filled)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("lvcf", "np100")])
def test_whole_panels_are_filled_with_what_comes_after_and_say_so(method: str) -> None:
    with pytest.raises(sa.LookAheadError):
        check_causal(lambda panel: sa.impute(panel, method), MARKET, cuts=2)
    assert sa.impute(MARKET, method).looks_ahead
    assert "Looks ahead" in " ".join((IMPUTERS[method].__doc__ or "").split())
    again = sa.impute(sa.impute(MARKET, method), "lvcf")
    assert again.looks_ahead


def test_max_gap_alone_makes_a_causal_method_look_ahead() -> None:
    check_causal(lambda panel: sa.impute(panel, "lvcf", max_gap=2, fill_start=True), MARKET)
    with pytest.raises(sa.LookAheadError):
        check_causal(lambda panel: sa.impute(panel, "lvcf", max_gap=2), MARKET, cuts=30)
    assert sa.impute(MARKET, "lvcf", max_gap=2).looks_ahead
    assert not sa.impute(MARKET, "lvcf", max_gap=2, fill_start=True).looks_ahead


def test_autoregression_is_least_squares() -> None:
    rng = np.random.default_rng(3)
    returns = np.zeros(4000)
    for t in range(5, 4000):
        returns[t] = 0.001 + 0.4 * returns[t - 1] - 0.2 * returns[t - 3] + rng.normal(0, 0.01)
    logs = np.append(0.0, returns.cumsum())
    constant, phi = fit_autoregression(logs, 5)
    lags = np.column_stack([np.ones(3995), *[returns[5 - k : -k] for k in range(1, 6)]])
    expected = np.linalg.lstsq(lags, returns[5:], rcond=None)[0]
    np.testing.assert_allclose([constant, *phi], expected, rtol=1e-8, atol=1e-12)
    # sampling error of 4000 returns
    np.testing.assert_allclose(phi, [0.4, 0, -0.2, 0, 0], atol=0.05)


def test_the_most_likely_path_is_the_kalman_smoothers() -> None:
    rng = np.random.default_rng(5)
    logs = rng.normal(0, 0.01, 300).cumsum() + 2.0
    for low, high in ((40, 41), (80, 83), (85, 90), (200, 230), (290, 300)):
        logs[low:high] = np.nan
    phi = np.array([0.5, -0.2, 0.1, 0.05, -0.1])
    path = most_likely_path(logs, 0.0, phi)
    seen = ~np.isnan(logs)
    np.testing.assert_array_equal(path[seen], logs[seen])
    model = SARIMAX(
        logs, order=(5, 1, 0), simple_differencing=False, initialization="approximate_diffuse"
    )
    smoothed = model.smooth(np.append(phi, 1e-4))
    level = smoothed.smoothed_state[0] + smoothed.smoothed_state[1]
    np.testing.assert_allclose(level[seen], logs[seen], atol=1e-8)
    # The start of the series is diffuse there and known here: it is felt a little in the first
    # gap, not at all later.
    np.testing.assert_allclose(path[40:], level[40:], atol=1e-8)


def test_the_most_likely_path_of_a_random_walk_is_a_line_and_with_a_mean_a_slope() -> None:
    logs = np.array([1.0, np.nan, np.nan, 4.0, np.nan, np.nan])
    np.testing.assert_allclose(
        most_likely_path(logs, 0.0, np.zeros(5)), [1, 2, 3, 4, 4, 4], atol=1e-12
    )
    np.testing.assert_allclose(
        most_likely_path(logs, 0.5, np.zeros(5)), [1, 2, 3, 4, 4.5, 5], atol=1e-12
    )


def test_r1_coefficients_are_a_ridge_regression_on_the_others() -> None:
    rng = np.random.default_rng(6)
    prices = np.exp((rng.normal(0, 0.01, (400, 1)) + rng.normal(0, 0.004, (400, 4))).cumsum(axis=0))
    returns = standardised_returns(np.log(prices), np.arange(400.0))
    regressors, coefficients = R1()._regression(returns)
    from sklearn.covariance import LedoitWolf

    covariance = LedoitWolf(assume_centered=True).fit(returns.scaled[1:]).covariance_
    for asset in range(4):
        others = [other for other in range(4) if other != asset]
        beta = scipy.linalg.solve(covariance[np.ix_(others, others)], covariance[others, asset])
        np.testing.assert_allclose(coefficients[others, asset], beta, rtol=1e-8)
    assert (np.diag(coefficients) == 0).all()
    assert regressors is returns.scaled


@pytest.mark.parametrize(("method", "better_than"), [("r1", 0.5), ("marx1", 0.9), ("np100", 0.9)])
def test_methods_that_know_the_market_beat_the_line(method: str, better_than: float) -> None:
    rng = np.random.default_rng(8)
    factor = rng.normal(0, 0.01, (3000, 1))
    own = rng.normal(0, 0.003, (3000, 8))
    moves = factor + own
    moves[1:, 0] = factor[:-1, 0] + own[1:, 0]  # the first asset follows the others by a step
    prices = np.exp(moves.cumsum(axis=0))
    hidden = prices.copy()
    target = 0 if method == "marx1" else 1
    rows = np.arange(1000, 2900, 10)
    for row in rows:
        hidden[row : row + 3, target] = np.nan
    panel = frame({f"c{i}": column for i, column in enumerate(hidden.T.tolist())})

    def error(name: str, **settings: object) -> float:
        filled = sa.impute(panel, name, **settings).price.to_numpy()[:, target]
        gone = np.isnan(hidden[:, target])
        return float(np.sqrt(np.mean(np.log(filled[gone] / prices[gone, target]) ** 2)))

    settings = {"tie": True} if method == "np100" else {}
    assert error(method, **settings) < better_than * error("lint")


def test_np100_is_nadaraya_watson() -> None:
    rng = np.random.default_rng(9)
    values = np.exp((rng.normal(0, 0.01, (140, 1)) + rng.normal(0, 0.005, (140, 4))).cumsum(axis=0))
    gap = 120
    values[gap, 2] = np.nan
    panel = frame(dict(zip("abcd", values.T.tolist(), strict=True)))
    filled = sa.impute(panel, "np100", bandwidth=0.7).price["c"].iloc[gap]
    returns = carried_returns(np.log(values))
    others = [0, 1, 3]
    past = returns[gap - 100 : gap]
    spread = past[:, others].std(axis=0)
    distance = (((past[:, others] - returns[gap, others]) / spread) ** 2).sum(axis=1)
    width = 0.7 * np.sqrt(np.median(distance) / 2)
    model = KernelReg(
        past[:, 2],
        past[:, others],
        "ccc",
        reg_type="lc",
        bw=width * spread,
        rng=np.random.default_rng(0),
    )
    expected = model.fit(returns[gap : gap + 1, others])[0][0]
    assert np.log(filled / values[gap - 1, 2]) == pytest.approx(expected, rel=1e-8)


def test_workers_change_nothing() -> None:
    panel = example_market(times=300, assets=40)
    for method in ("r1", "marx1", "ar5x"):
        assert sa.impute(panel, method, n_jobs=2).equals(sa.impute(panel, method))
    small = MARKET.between(None, MARKET.times[150])
    assert MLP(n_jobs=2)(small).equals(MLP()(small))


def test_workers_get_large_arrays_that_they_cannot_write_to() -> None:
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(0, 0.01, (6000, 40)).cumsum(axis=0))
    values[rng.random(values.shape) < 0.02] = np.nan
    panel = frame({f"c{i}": column for i, column in enumerate(values.T.tolist())})
    assert sa.impute(panel, "ar5x", n_jobs=2).equals(sa.impute(panel, "ar5x"))


def test_an_asset_that_hardly_moves_gets_lines() -> None:
    values = np.ones((200, 2))
    values[:, 1] = np.exp(np.random.default_rng(0).normal(0, 0.01, 200).cumsum())
    values[198:, 0] = 2.0
    values[20, :] = np.nan
    panel = frame({"a": values[:, 0].tolist(), "b": values[:, 1].tolist()})
    account = sa.impute(panel, "ar5x").metadata["imputation"]
    assert account["assets_with_too_few_quotes"] == ["a"]


def test_seeds_of_the_network() -> None:
    small = MARKET.between(None, MARKET.times[200])
    one = MLP(seed=1)(small)
    assert one.equals(MLP(seed=1)(small))
    assert not one.equals(MLP(seed=2)(small))


@pytest.mark.parametrize("method", ["r1", "marx1", "ar5x", "mlp"])
def test_assets_with_too_few_quotes_get_lines_and_are_named(method: str) -> None:
    panel = make_panel(times=600)
    values = panel.price.copy()
    values[9] = np.nan
    values.iloc[[100, 104], -1] = [1.0, 3.0]
    values[10] = np.nan
    filled = sa.impute(sa.Panel.from_frame(values), method)
    np.testing.assert_allclose(
        np.log(filled.price[9].iloc[100:106]), np.log([1, 3**0.25, 3**0.5, 3**0.75, 3, 3])
    )
    account = filled.metadata["imputation"]
    assert account["assets_with_too_few_quotes"] == ["9"]
    assert account["assets_without_quotes"] == ["10"]
    assert filled.price[10].isna().all()


@pytest.mark.parametrize("method", METHODS)
def test_awkward_panels(method: str) -> None:
    one_cell = frame({"a": [1.0]})
    assert sa.impute(one_cell, method).equals(one_cell)
    still = frame({"a": [1.0, None] * 40, "b": [2.0, 2.0] * 40})
    assert (sa.impute(still, method).price["a"] == 1.0).all()
    irregular = sa.Panel.from_frame(
        pd.DataFrame(
            {"a": [1.0, np.nan, 2.0], "b": 1.0},
            index=pd.to_datetime(["2020-01-01", "2020-01-03", "2020-01-04"]),
        )
    )
    assert np.isfinite(sa.impute(irregular, method).price.to_numpy()).all()


def test_unrounded_prices_are_filled_too_and_other_fields_are_not() -> None:
    filled = sa.impute(MARKET, "lvcf")
    pd.testing.assert_frame_equal(
        filled.field("unrounded"), MARKET.field("unrounded").ffill(), check_freq=False
    )
    pd.testing.assert_frame_equal(filled.field("volume"), MARKET.field("volume"), check_freq=False)


def test_imputed_panels_survive_storage(tmp_path) -> None:  # type: ignore[no-untyped-def]
    filled = sa.impute(MARKET, "lint")
    filled.save(tmp_path / "filled.parquet")
    loaded = sa.Panel.load(tmp_path / "filled.parquet")
    assert loaded.equals(filled)
    assert loaded.looks_ahead
    assert loaded.imputation == "lint"
    assert loaded.metadata["imputation"] == filled.metadata["imputation"]


def test_what_is_asked_for_must_exist() -> None:
    with pytest.raises(sa.ParameterError, match="did you mean 'lint'"):
        sa.impute(MARKET, "lnt")
    with pytest.raises(sa.ParameterError, match="setting of 'lvcf'"):
        sa.impute(MARKET, "lvcf", ridge=1.0)
    for settings in ({"max_gap": -1}, {"max_gap": 1.5}, {"fill_start": 2}, {"n_jobs": "two"}):
        with pytest.raises(sa.ParameterError, match=next(iter(settings))):
            LVCF(**settings)
    for wrong in (
        lambda: MARX1(ridge=0.0),
        lambda: NP100(length=1),
        lambda: NP100(bandwidth=0),
        lambda: AR5X(lags=0),
        lambda: MLP(decay=-1.0),
        lambda: MLP(hidden=0),
    ):
        with pytest.raises(sa.ParameterError):
            wrong()


def test_a_window_without_a_quote_of_an_asset_leaves_it_missing_and_counts_it() -> None:
    panel = frame({"a": [1.0, None, None, None, None], "b": [1.0, 1.0, 1.0, 1.0, 1.0]})
    filled = sa.impute(panel.window(panel.grid[-1], depth=3), "lvcf")
    assert filled.price["a"].isna().all()
    assert filled.metadata["imputation"]["assets_without_quotes"] == ["a"]
    with pytest.raises(sa.DataError, match="window"):
        sa.impute(panel.window(panel.grid[0] - panel.step), "lvcf")


# the filter that silences the network's early stop is not kept apart between threads
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", ["r1", "marx1", "ar5x", "mlp"])
def test_the_surrounding_joblib_context_changes_nothing(method: str) -> None:
    """Nothing is collected by side effect in workers, which a process would keep for itself."""
    panel = make_panel(300, 4, missing=0.2)
    alone = sa.impute(panel, method, n_jobs=1)
    for backend in ("threading", "loky"):
        with joblib.parallel_config(backend=backend):
            assert sa.impute(panel, method, n_jobs=2).equals(alone), backend
