"""The walk: which window serves which step; shaping and rounding against plain references;
comparison of forecasts.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statarb as sa
from statarb.errors import DataError, ParameterError
from statarb.forecasting import (
    MLP,
    CrossAssetRidge,
    DirectionShaped,
    LastValue,
    ReducedRankRidge,
    RoundedToTick,
    directional_symmetry,
    forecast_score,
    make_forecaster,
    run_forecasts,
)
from statarb.forecasting._engine.shaping import (
    shape_directions,
    shape_directions_plain,
    tick_sizes,
    tick_sizes_plain,
)
from statarb.forecasting.compare import (
    block_draws,
    compare_forecasts,
    diebold_mariano,
    score_interval,
)
from tests.conftest import make_panel

START = "2018-01-25 12:00"


@pytest.mark.parametrize("refit_every", [1, 7])
def test_each_step_is_forecast_from_the_window_that_ends_one_step_before(refit_every):
    panel = make_panel(430, 4, seed=1)
    forecaster = CrossAssetRidge(scale_rows=20)
    forecasts = sa.forecast_walk(forecaster, panel, START, depth=120, refit_every=refit_every)
    assert forecasts.index.equals(panel.grid[panel.grid >= START])
    for place in (0, 6, 7, 90, 95, 140, len(forecasts) - 1):
        now = forecasts.index[place] - panel.step
        fitted_at = forecasts.index[place - place % refit_every] - panel.step
        window = panel.window(now, 120)
        expected = CrossAssetRidge(scale_rows=20).fit(panel.window(fitted_at, 120)).predict(window)
        price = window.last_known()[-1] * np.exp(expected)
        np.testing.assert_allclose(forecasts.iloc[place], price, rtol=1e-12)


def test_a_gap_is_forecast_from_the_last_row():
    panel = make_panel(300, 3, seed=2, missing=0.0)
    run = run_forecasts(LastValue(), panel, panel.grid[90], depth=50)
    gap = panel.price.isna().all(axis=1)
    inside = panel.grid[gap & (np.arange(300) >= 100)]
    assert len(inside) == 3
    # Three missing steps, and the first one after them.
    for time in [*inside, inside[-1] + panel.step]:
        assert run.forecasts.loc[time].tolist() == panel.price.loc[inside[0] - panel.step].tolist()


@pytest.mark.parametrize(
    "forecaster",
    [DirectionShaped(RoundedToTick(ReducedRankRidge())), MLP(epochs=2, members=1)],
    ids=repr,
)
def test_the_forecasts_do_not_depend_on_the_number_of_workers(forecaster, monkeypatch):
    from statarb.forecasting import walk

    monkeypatch.setattr(walk, "BLOCK", 100)
    panel = make_panel(460, 4, seed=3)
    one = run_forecasts(forecaster, panel, START, depth=250, refit_every=50)
    two = run_forecasts(forecaster, panel, START, depth=250, refit_every=50, n_jobs=2)
    assert one.forecasts.equals(two.forecasts)
    assert one.seconds.gt(0).all()


def test_missing_forecasts_are_counted_and_never_guessed():
    price = make_panel(300, 3, seed=2, missing=0.0, gaps=False).price.copy()
    price.iloc[60:, 1] = np.nan
    run = run_forecasts(
        CrossAssetRidge(scale_rows=10), sa.Panel.from_frame(price), START, depth=100
    )
    gone = run.forecasts.iloc[:, 1].isna()
    assert gone.sum() == run.missing.iloc[1] == 300 - 192
    assert run.missing.iloc[[0, 2]].eq(0).all()


@pytest.mark.parametrize(
    "forecaster", [LastValue(), CrossAssetRidge(scale_rows=20), RoundedToTick(ReducedRankRidge())]
)
def test_without_a_start_the_walk_begins_at_the_first_possible_step(forecaster):
    panel = make_panel(300, 3, seed=1)
    forecasts = sa.forecast_walk(forecaster, panel)
    first = panel.rows[forecaster.min_rows - 1] + 1
    assert forecasts.index.equals(panel.grid[first:])
    explicit = sa.forecast_walk(forecaster, panel, panel.grid[first])
    pd.testing.assert_frame_equal(forecasts, explicit)
    if forecaster.min_rows > 1:
        with pytest.raises(DataError, match="start later"):
            sa.forecast_walk(forecaster, panel, panel.grid[first - 1])
    days = panel.price.set_axis(pd.date_range("1990", periods=300))
    assert len(sa.forecast_walk(forecaster, sa.Panel.from_frame(days))) == len(forecasts)


def test_a_panel_without_a_possible_step_says_how_many_rows_are_needed():
    panel = make_panel(60, 3, missing=0.0, gaps=False)
    with pytest.raises(DataError, match=r"needs 139 rows before its first forecast.*has 60"):
        sa.forecast_walk(CrossAssetRidge(), panel)


class OwnForecaster:
    """A user's forecaster, without a base class."""

    def __init__(self, answer):
        self.answer = answer

    def fit(self, window):
        return self

    def predict(self, window):
        return self.answer(window)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda w: np.zeros(len(w.assets)), r"must return a Series .* got ndarray of shape \(3,\)"),
        (lambda w: 0.0, "must return a Series .* got float"),
        (lambda w: pd.DataFrame(np.zeros((1, 3))), r"got DataFrame of shape \(1, 3\)"),
        (lambda w: pd.Series(0.0, index=list("xyz")), "must name assets .* label 'x'"),
        (lambda w: pd.Series(["a"] * 3, index=w.assets), "must hold numbers"),
        (lambda w: pd.Series(0.0, index=[*w.assets, w.assets[0]]), "twice"),
        (lambda w: pd.Series(np.inf, index=w.assets), "expected log returns .* got inf"),
        (lambda w: pd.Series(w.last_known()[-1], w.assets), r"np\.log\(p / last price\)"),
        (lambda w: pd.Series(1.1 * w.last_known()[-1], w.assets), "got .* for asset 1442"),
    ],
)
@pytest.mark.parametrize("level", [1.0, 0.01, 1000.0])
def test_answers_that_are_no_returns_are_refused(answer, words, level):
    frame = level * (1.0 + 0.1 * make_panel(200, 3, missing=0.0, gaps=False).price.rank(pct=True))
    panel = sa.Panel.from_frame(frame)
    with pytest.raises(DataError, match=words):
        sa.forecast_walk(OwnForecaster(answer), panel)


def test_honest_answers_of_any_kind_are_taken():
    panel = make_panel(200, 3, missing=0.0, gaps=False)
    base = panel.last_known()[:-1]

    def partly(window):
        return pd.Series([0.01], index=window.assets[:1])

    forecasts = sa.forecast_walk(OwnForecaster(partly), panel)
    np.testing.assert_allclose(forecasts.iloc[:, 0], base[:, 0] * np.exp(0.01), rtol=1e-12)
    assert forecasts.iloc[:, 1:].isna().all(axis=None)
    missing = OwnForecaster(lambda w: pd.Series(pd.array([None, 0.0, 0.0], "Float64"), w.assets))
    forecasts = sa.forecast_walk(missing, panel)
    assert forecasts.iloc[:, 0].isna().all()
    # One asset of a few cents may be expected to rise by what it is worth.
    one = sa.Panel.from_frame(0.01 * panel.price.iloc[:, :1] / panel.price.iloc[0, 0])
    sa.forecast_walk(OwnForecaster(lambda w: pd.Series(w.last_known()[-1], w.assets)), one)


def test_the_default_is_not_shaped_and_loses_nothing_where_nothing_can_be_forecast():
    """Daily random walks: shaped, the default lost a third of MAPE to the last value."""
    rng = np.random.default_rng(2)
    days = pd.date_range("2010-01-01", periods=700, freq="B")
    prices = pd.DataFrame(50 * np.exp(np.cumsum(0.01 * rng.normal(size=(700, 5)), axis=0)), days)
    panel = sa.Panel.from_frame(prices)
    run = run_forecasts("default", panel)
    pd.testing.assert_frame_equal(run.forecasts, run.unshaped)
    shaped = run_forecasts("case_default", panel)
    pd.testing.assert_frame_equal(shaped.unshaped, run.forecasts)
    assert not shaped.forecasts.equals(run.forecasts)

    def error(frame):
        actual = panel.price.loc[frame.index].to_numpy()
        return (np.abs(actual - frame.to_numpy()) / actual).mean()

    simple = error(sa.forecast_walk("last_value", panel, run.forecasts.index[0]))
    # noise in some 25 coefficients an asset from up to 700 rows
    assert error(run.forecasts) < 1.05 * simple
    assert error(shaped.forecasts) > 1.2 * simple


def test_what_a_walk_refuses():
    panel = make_panel(300, 3)
    with pytest.raises(ParameterError, match="refit_every must be an integer at least 1, got 0"):
        sa.forecast_walk(LastValue(), panel, START, refit_every=0)
    with pytest.raises(DataError, match="lies in the panel, which runs from"):
        sa.forecast_walk(LastValue(), panel, "2019-01-01")
    with pytest.raises(DataError, match="nothing was quoted before start"):
        sa.forecast_walk(LastValue(), panel, panel.grid[0])
    with pytest.raises(DataError, match="start later"):
        sa.forecast_walk(CrossAssetRidge(), panel, "2018-01-25")
    with pytest.raises(ParameterError, match="start must not be after end"):
        sa.forecast_walk(LastValue(), panel, START, "2018-01-24")
    with pytest.raises(ParameterError, match=r"got the class LastValue; give LastValue\(\)"):
        sa.forecast_walk(LastValue, panel, START)
    with pytest.raises(ParameterError, match="forecaster must be one of"):
        sa.forecast_walk("lost_value", panel, START)
    with pytest.raises(
        ParameterError, match=r"must have fit\(window\) and predict\(window\), got 3"
    ):
        sa.forecast_walk(3, panel, START)


def test_a_walk_takes_a_registered_name():
    panel = make_panel(300, 3)
    pd.testing.assert_frame_equal(
        sa.forecast_walk("last_value", panel, START), sa.forecast_walk(LastValue(), panel, START)
    )


prices = st.lists(st.floats(0.5, 2.0) | st.just(np.nan), min_size=12, max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    prices,
    st.lists(st.sampled_from([-1.0, 0.0, 1.0, np.nan]), min_size=12, max_size=12),
    st.integers(0, 4095),
)
def test_shaping_is_its_plain_reference_and_moves_as_it_is_told(forecast, direction, mask):
    raw = np.array(forecast).reshape(6, 2)
    way = np.array(direction).reshape(6, 2)
    seen = np.array([bool(mask >> bit & 1) for bit in range(12)]).reshape(6, 2)
    shaped = shape_directions(raw, way, seen, 1e-6)
    assert np.array_equal(shaped, shape_directions_plain(raw, way, seen, 1e-6), equal_nan=True)
    for asset in range(2):
        before = np.nan
        for step in range(6):
            if not np.isnan(raw[step, asset]):
                if abs(way[step, asset]) == 1.0 and not np.isnan(before):
                    assert np.sign(shaped[step, asset] - before) == way[step, asset]
                if seen[step, asset]:
                    before = shaped[step, asset]


def test_shaping_by_hand():
    raw = np.array([[100.0], [101.0], [102.0]])
    shaped = shape_directions(
        raw, np.array([[1.0], [-1.0], [1.0]]), np.ones((3, 1), dtype=bool), 1e-6
    )
    assert shaped.ravel().tolist() == [100.0, 100.0 * (1 - 1e-6), 102.0]


def test_perfect_directions_shaped_score_a_hundred():
    rng = np.random.default_rng(0)
    actual = np.exp(np.cumsum(rng.normal(0, 0.01, (200, 2)), axis=0))
    way = np.vstack([np.ones((1, 2)), np.diff(actual, axis=0)])
    raw = np.exp(rng.normal(0, 0.05, (200, 2)))
    shaped = shape_directions(raw, way, np.ones((200, 2), dtype=bool), 1e-6)
    assert directional_symmetry(actual, shaped).tolist() == [100.0, 100.0]


def test_ticks_are_found_and_agree_with_the_plain_reference():
    rng = np.random.default_rng(0)
    price = np.column_stack(
        [
            np.round(rng.uniform(10_000, 11_000, 80), 2),
            np.round(rng.uniform(1.0, 1.3, 80), 2),
            np.round(rng.uniform(0.2, 0.9, 80), 6),
            rng.uniform(1.0, 2.0, 80),
            np.where(
                np.arange(80) < 70,
                np.round(rng.uniform(0.95, 0.999, 80), 6),
                np.round(rng.uniform(1.0, 1.1, 80), 2),
            ),
            np.full(80, np.nan),
        ]
    )
    price[::3, 1] = np.nan
    rows = np.array([0, 20, 69, 72, 79])
    ticks = tick_sizes(price, rows)
    np.testing.assert_array_equal(ticks, tick_sizes_plain(price, rows))
    np.testing.assert_allclose(ticks[-1], [0.01, 0.01, 1e-6, 0.0, 0.01, 0.0])
    # Three quotes of the new order of magnitude are too few to tell.
    assert ticks[3, 4] == 0.0


def test_quoted_forecasts_are_the_median_and_the_mean_of_rounded_prices():
    rng = np.random.default_rng(1)
    unrounded = 1.0 + 0.002 * np.abs(np.cumsum(rng.normal(0, 1, 260)))[:, None]
    frame = pd.DataFrame(unrounded.round(2), index=pd.date_range("2020", periods=260, freq="5min"))
    panel = sa.Panel.from_frame(frame, unrounded=pd.DataFrame(unrounded, index=frame.index))
    inner = CrossAssetRidge().fit(panel).predict(panel)
    last = frame.iloc[-1, 0]
    price = last * np.exp(inner.iloc[0])
    median = last * np.exp(RoundedToTick(CrossAssetRidge()).fit(panel).predict(panel).iloc[0])
    assert median == pytest.approx(0.999 * round(price, 2) + 0.001 * price, abs=1e-12)
    mean = last * np.exp(RoundedToTick(CrossAssetRidge(), "mean").fit(panel).predict(panel).iloc[0])
    size = np.sqrt(np.pi / 2) * np.abs(np.diff(np.log(unrounded[:, 0])))[-72:].mean() * last
    drawn = np.round(price + size * rng.normal(size=400_000), 2).mean()
    # Monte Carlo error of the mean of 400,000 draws.
    assert mean == pytest.approx(0.999 * drawn + 0.001 * price, abs=5 * size / np.sqrt(400_000))


def test_diebold_mariano_by_hand_and_by_size():
    first, second = np.array([1.0, 2.0, 1.0, 2.0]), np.array([2.0, 2.0, 2.0, 3.0])
    # differences -1, 0, -1, -1: mean -3/4, variance 3/16; sqrt(n) mean / sd = -2 sqrt(3), times
    # sqrt((n - 1) / n).
    assert diebold_mariano(first, second).statistic == pytest.approx(-3.0)
    two = diebold_mariano(first, second, horizon=2)
    centred = np.array([-0.25, 0.75, -0.25, -0.25])
    variance = (centred @ centred + 2 * (centred[1:] @ centred[:-1])) / 4
    if variance <= 0:
        variance = (centred @ centred + centred[1:] @ centred[:-1]) / 4
    assert two.statistic == pytest.approx(
        -0.75 / np.sqrt(variance / 4) * np.sqrt((4 + 1 - 4 + 2 / 4) / 4)
    )
    rng = np.random.default_rng(0)
    rejected = [
        diebold_mariano(rng.exponential(size=40), rng.exponential(size=40)).p_value < 0.05
        for _ in range(600)
    ]
    assert 0.03 < np.mean(rejected) < 0.075  # binomial bounds of 600 draws at 5 %, three deviations
    assert np.isnan(diebold_mariano(np.ones(5), np.ones(5)).p_value)
    with pytest.raises(DataError, match="at least 3 common losses, got 2"):
        diebold_mariano(np.ones(2), np.zeros(2))


@pytest.mark.parametrize("lags", [0, 1, 7])
def test_long_run_variances_are_sums_of_weighted_autocovariances(lags):
    rng = np.random.default_rng(4)
    first, second = rng.exponential(size=(2, 60))
    difference = first - second
    centred = difference - difference.mean()
    total = centred @ centred
    for lag in range(1, lags + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * (centred[lag:] @ centred[:-lag])
    expected = difference.mean() / np.sqrt(total / 60 / 60) * np.sqrt(59 / 60)
    assert diebold_mariano(first, second, lags=lags).statistic == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("steps", range(8))
def test_few_losses_are_an_answer_or_a_clear_error(steps):
    rng = np.random.default_rng(steps)
    first, second = rng.exponential(size=(2, steps))
    if steps < 3:
        with pytest.raises(DataError, match=f"at least 3 common losses, got {steps}"):
            diebold_mariano(first, second)
        return
    test = diebold_mariano(first, second, lags=steps - 1)
    assert test.count == steps
    # equal differences but for rounding: no ratio is formed
    assert np.isnan(diebold_mariano(first + 0.1, first).p_value)
    assert np.isnan(diebold_mariano(1e6 * first + 0.1, 1e6 * first).statistic)
    with pytest.raises(ParameterError, match="lags"):
        diebold_mariano(first, second, lags=steps)


def test_a_block_leaves_something_to_resample():
    with pytest.raises(ParameterError, match="block must be at most 5, half of the 10 periods"):
        block_draws(10, 20, block=6)
    assert len(np.unique(np.sort(block_draws(10, 200, block=5, seed=0)), axis=0)) > 5
    assert block_draws(1, 3).tolist() == [[0], [0], [0]]
    old = np.random.default_rng(3).integers(0, 10, (50, 4))
    old = ((old[:, :, None] + np.arange(3)) % 10).reshape(50, -1)[:, :10]
    assert np.array_equal(block_draws(10, 50, block=3, seed=3), old)


def test_the_interval_is_that_of_the_weighted_score():
    rng = np.random.default_rng(0)
    index = pd.date_range("2018-01-01", periods=60 * 6, freq="5min")
    actual = pd.DataFrame(np.exp(np.cumsum(0.003 * rng.normal(size=(360, 3)), 0)), index)
    first, second = actual.shift(1), actual.shift(1) * np.exp(0.004 * rng.normal(size=(360, 3)))
    periods = [(index[60 * k], index[60 * k + 59]) for k in range(6)]
    weights = (1.0, -20.0, -2.0, 0.0)
    a, b = (forecast_score(actual, one, periods, 3.0, weights=weights) for one in (first, second))
    difference, low, high = score_interval(b, a, draws=400, seed=5)
    assert difference == pytest.approx(b.Z - a.Z)
    assert low <= difference <= high

    def z(score, places):
        m = score.mape.to_numpy()[:, places]
        d = score.directional_symmetry.to_numpy()[:, places].mean()
        return d - 20 * m.mean() - 2 * (m.std(axis=1, ddof=1) / m.mean(axis=1)).mean()

    drawn = [z(b, places) - z(a, places) for places in block_draws(6, 400, seed=5)]
    assert (low, high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), rel=1e-10)
    plain = forecast_score(actual, first, periods, 3.0)
    with pytest.raises(ParameterError, match="same weights"):
        score_interval(b, plain)


def test_comparison_does_not_depend_on_the_order_or_the_zone_of_the_tables():
    rng = np.random.default_rng(3)
    index = pd.date_range("2020", periods=300, freq="5min")
    actual = pd.DataFrame(np.exp(0.01 * rng.normal(size=(300, 2)).cumsum(axis=0)), index)
    forecasts = {"last_value": actual.shift(1), "other": actual.shift(2)}
    days = [(index[k * 60], index[k * 60 + 59]) for k in range(1, 5)]
    seconds = dict.fromkeys(forecasts, 0.0)
    table = compare_forecasts(actual, forecasts, days, seconds, draws=50)
    other = {name: one[::-1].tz_localize("UTC") for name, one in forecasts.items()}
    shuffled = actual.sample(frac=1.0, random_state=0).convert_dtypes()
    pd.testing.assert_frame_equal(
        compare_forecasts(shuffled, other, days, seconds, draws=50), table
    )


def test_bootstrap_draws_whole_blocks():
    draws = block_draws(10, 200, block=3, seed=1)
    assert draws.shape == (200, 10)
    assert ((draws[:, 1] - draws[:, 0]) % 10 == 1).all()
    assert np.array_equal(draws, block_draws(10, 200, block=3, seed=1))


def test_comparison_finds_the_better_forecast():
    rng = np.random.default_rng(3)
    index = pd.date_range("2020", periods=600, freq="5min")
    moves = rng.normal(0, 0.01, (600, 2))
    actual = pd.DataFrame(np.exp(moves.cumsum(axis=0)), index=index)
    good = actual.shift(1) * np.exp(0.7 * moves)
    worse = actual.shift(1) * np.exp(0.1 * moves + rng.normal(0, 0.01, (600, 2)))
    days = [(index[k * 60], index[k * 60 + 59]) for k in range(1, 10)]
    forecasts = {"last_value": actual.shift(1), "good": good, "worse": worse}
    table = compare_forecasts(actual, forecasts, days, dict.fromkeys(forecasts, 0.0), draws=200)
    assert table["model"].iloc[0] == "good"
    row = table.set_index("model")
    assert (
        row.loc["good", "behind_best"]
        == row.loc["good", "behind_low"]
        == row.loc["good", "behind_high"]
        == 0.0
    )
    assert (
        row.loc["worse", "behind_low"]
        < row.loc["worse", "behind_best"]
        < row.loc["worse", "behind_high"]
        < 0.0
    )
    assert row.loc["good", "dm_p_value"] < 1e-6
    assert row.loc["worse", "dm_statistic"] > 0.0
    assert np.isnan(row.loc["last_value", "dm_p_value"])
    score = forecast_score(actual, good, days, 0.0)
    assert score_interval(score, score) == (0.0, 0.0, 0.0)
    one_day = compare_forecasts(
        actual, forecasts, days[:1], dict.fromkeys(forecasts, 0.0), draws=20
    )
    assert one_day["Z"].isna().all()
    ranked = (one_day["D"] - one_day["M"]).to_numpy()
    assert (np.diff(ranked) <= 0.0).all()
    two_steps = compare_forecasts(
        actual, forecasts, [(index[60], index[61])], dict.fromkeys(forecasts, 0.0), draws=20
    )
    assert two_steps["dm_p_value"].isna().all()
    assert one_day["model"].iloc[0] == "good"
    with pytest.raises(ParameterError, match="benchmark must be one of"):
        compare_forecasts(actual, forecasts, days, {}, benchmark="naive")


@pytest.mark.slow
def test_scores_on_the_real_coins(real_panel):
    seen = real_panel.times[real_panel.times >= "2018-01-25"]
    periods = [(seen[k * 288], seen[k * 288 + 287]) for k in range(29)]

    def scores(forecaster):
        run = run_forecasts(forecaster, real_panel, "2018-01-25")
        each = run.seconds.mean()
        return [
            forecast_score(real_panel.price, frame, periods, each)
            for frame in (run.unshaped, run.forecasts)
        ]

    raw, _ = scores(CrossAssetRidge())
    assert raw.M <= 0.265
    assert raw.D >= 57.0
    _, shaped = scores(DirectionShaped(ReducedRankRidge()))
    assert shaped.Z >= 64.0
    raw, shaped = scores(make_forecaster("case_default"))
    assert raw.M <= 0.258
    assert shaped.Z >= 64.0
