"""Spreads and their process: fits against definitions and simulations, thresholds against Bertram's
closed forms.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from arch.unitroot import VarianceRatio
from scipy.integrate import quad
from scipy.special import digamma, erfi, gamma, ndtr
from statsmodels.tsa.ar_model import AutoReg
from statsmodels.tsa.stattools import coint

import statarb as sa
from statarb.cointegration import OrnsteinUhlenbeck, fit_ou, hurst_exponent, variance_ratio
from statarb.cointegration._engine.passages import passage_variance
from statarb.errors import DataError, ParameterError

PROCESS = OrnsteinUhlenbeck.of(0.3, 0.05, 0.02)


def legs(rows: int = 1500, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    b = np.cumsum(rng.normal(size=rows)) * 0.01 + 2.0
    c = np.cumsum(rng.normal(size=rows)) * 0.01
    index = pd.date_range("2018-01-24", periods=rows, freq="5min")
    return pd.DataFrame(
        {"a": 1.2 * b + PROCESS.simulate(rows, seed=seed + 500), "b": b, "c": c}, index=index
    )


def test_the_fit_is_the_autoregression_of_statsmodels() -> None:
    values = PROCESS.simulate(800, seed=1)
    fitted = fit_ou(values)
    reference = AutoReg(values, 1).fit()
    assert fitted.autoregression == pytest.approx(reference.params[1], rel=1e-10)
    assert fitted.mean == pytest.approx(reference.params[0] / (1.0 - reference.params[1]), rel=1e-9)
    assert fitted.residual_sd**2 == pytest.approx(reference.sigma2, rel=1e-10)
    # bse divides by n - 2
    assert fitted.standard_errors["autoregression"] == pytest.approx(reference.bse[1], rel=1e-3)
    assert fitted.sigma == pytest.approx(
        fitted.residual_sd * math.sqrt(2 * fitted.speed / (1 - fitted.autoregression**2))
    )
    assert fitted.half_life == pytest.approx(math.log(2.0) / fitted.speed)
    assert fitted.observations == 799


def test_standard_errors_are_the_spread_of_the_estimates() -> None:
    fits = [fit_ou(PROCESS.simulate(2000, seed=seed)) for seed in range(300)]
    for name in ("mean", "speed", "sigma", "autoregression"):
        claimed = np.median([fit.standard_errors[name] for fit in fits])
        found = np.std([getattr(fit, name) for fit in fits])
        # 300 draws know a standard deviation to 4 %; the rest is the bias of a short sample
        assert claimed == pytest.approx(found, rel=0.15)
        assert np.mean([getattr(fit, name) for fit in fits]) == pytest.approx(
            getattr(PROCESS, name), abs=0.35 * found
        )


def test_forecasts_follow_the_exact_decay() -> None:
    value = PROCESS.mean + 0.1
    assert PROCESS.expected_change(value, 7) == pytest.approx(-0.1 * (1.0 - math.exp(-7 * 0.05)))
    # rounded to whole steps
    assert PROCESS.expected_change(value, round(PROCESS.half_life)) == pytest.approx(
        -0.05, rel=0.03
    )
    ends = np.array([PROCESS.simulate(10, seed=seed, start=value)[-1] for seed in range(2000)])
    sd = PROCESS.stationary_sd * math.sqrt(1.0 - math.exp(-2 * 10 * 0.05))
    assert ends.mean() - value == pytest.approx(
        PROCESS.expected_change(value, 10), abs=4 * sd / math.sqrt(2000)
    )
    assert ends.std() == pytest.approx(sd, rel=0.08)  # 2000 draws: 1.6 % a standard error


def test_series_that_do_not_revert_say_so() -> None:
    explosive = fit_ou(1.01 ** np.arange(50.0))
    assert explosive.half_life == math.inf
    assert not explosive.reverts
    assert explosive.expected_change(3.0, 5) == 0.0
    assert np.isnan(explosive.stationary_sd)
    alternating = fit_ou(np.tile([0.0, 1.0], 20))
    assert alternating.half_life == 0.0
    assert not alternating.reverts
    for process in (explosive, alternating):
        with pytest.raises(ParameterError, match="does not revert"):
            process.thresholds(0.01)
        with pytest.raises(ParameterError, match="does not revert"):
            process.simulate(5, seed=0)
    with pytest.raises(DataError, match="at least 10 values, got 9"):
        fit_ou(np.arange(9.0))
    with pytest.raises(DataError, match="constant"):
        fit_ou(np.ones(20))
    with pytest.raises(ParameterError, match="speed must be"):
        OrnsteinUhlenbeck.of(0.0, -1.0, 1.0)


def test_continuous_thresholds_solve_bertrams_equation_and_beat_their_neighbours() -> None:
    for cost in (1e-5, 0.005, 0.05, 0.3):
        best = PROCESS.thresholds(cost, watched="continuously")
        assert best.watched == "continuously"
        scale = math.sqrt(PROCESS.speed) / PROCESS.sigma
        a = PROCESS.mean - best.entry
        assert best.exit - PROCESS.mean == pytest.approx(a)
        # first-order condition of Bertram (2010) in the symmetric case
        left = math.exp((a * scale) ** 2) * (2.0 * a - cost) * 2.0 / math.sqrt(math.pi) * scale
        assert left == pytest.approx(2.0 * float(erfi(a * scale)), rel=1e-8)

        def rate(bound: float, cost: float = cost, scale: float = scale) -> float:
            return (2.0 * bound - cost) / (
                2.0 * math.pi / PROCESS.speed * float(erfi(bound * scale))
            )

        assert best.gain_per_step == pytest.approx(rate(a), rel=1e-10)
        assert best.gain_per_step > max(rate(a * 1.02), rate(a * 0.98 + 0.02 * cost / 2))
        assert best.gain > 0.0


@pytest.mark.parametrize("watched", ["steps", "continuously"])
def test_dearer_trades_wait_for_more(watched: str) -> None:
    bounds = [PROCESS.thresholds(cost, watched=watched) for cost in (0.001, 0.01, 0.05, 0.2)]
    assert np.all(np.diff([b.exit for b in bounds]) > 0.0)
    assert np.all(np.diff([b.cycle for b in bounds]) > 0.0)
    assert np.all(np.diff([b.gain_per_step for b in bounds]) < 0.0)
    with pytest.raises(ParameterError, match="cost must be"):
        PROCESS.thresholds(0.0, watched=watched)
    assert PROCESS.thresholds(50.0, watched=watched).cycle == math.inf
    assert PROCESS.thresholds(50.0, watched=watched).gain_per_step == 0.0
    with pytest.raises(ParameterError, match="watched must be"):
        PROCESS.thresholds(0.01, watched="daily")  # type: ignore[arg-type]


def trades(path: np.ndarray, entry: float, exit_: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of entries and of the exits after them, watched once per step."""
    rows: tuple[list[int], list[int]] = ([], [])
    held = False
    for t in np.flatnonzero((path <= entry) | (path >= exit_)):
        if held != (path[t] <= entry) and (held or path[t] <= entry):
            rows[held].append(int(t))
            held = not held
    count = len(rows[1])
    return np.array(rows[0][:count]), np.array(rows[1])


@pytest.mark.parametrize(
    ("speed", "sigma", "cost"),
    [(2.0, 1.0, 0.1), (0.5, 1.0, 0.3), (0.05, 0.01, 0.005), (0.01, 0.01, 0.005)],
)
def test_thresholds_watched_once_per_step_are_those_of_a_simulation(
    speed: float, sigma: float, cost: float
) -> None:
    """Bertram's cycles, said to be in steps, were 15 to 60 % too short here."""
    process = OrnsteinUhlenbeck.of(0.2, speed, sigma)
    told = process.thresholds(cost)
    assert told.watched == "steps"
    path = process.simulate(600_000, seed=3)
    bought, sold = trades(path, told.entry, told.exit)
    cycles = np.diff(bought)
    gains = path[sold] - path[bought] - cost
    error = 4.0 / math.sqrt(len(cycles))
    assert cycles.mean() == pytest.approx(told.cycle, abs=error * cycles.std())
    # heavy tails: the standard error of a standard deviation is up to twice that of normal numbers
    assert cycles.std() == pytest.approx(told.cycle_sd, rel=2.0 * error)
    assert gains.mean() == pytest.approx(told.gain, abs=error * gains.std())
    assert told.gain_per_step == pytest.approx(told.gain / told.cycle, rel=1e-12)
    # gains of blocks of many cycles; 100 blocks know a variance to 14 % a standard error
    per_row = np.zeros(len(path))
    np.add.at(per_row, bought, process.mean - path[bought] - 0.5 * cost)
    np.add.at(per_row, sold, path[sold] - process.mean - 0.5 * cost)
    blocks = np.add.reduceat(per_row, np.arange(0, len(path), 6000))
    assert blocks.var() / 6000 == pytest.approx(told.variance_per_step, rel=0.5)
    # no other thresholds earn more: the paths are the same, so differences are known well
    for factor in (0.7, 1.4):
        width = factor * (told.exit - process.mean)
        other_bought, other_sold = trades(path, process.mean - width, process.mean + width)
        other = float(np.sum(path[other_sold] - path[other_bought] - cost))
        assert other < gains.sum()


def test_slow_processes_watched_per_step_are_continuous_ones_less_the_overshoot() -> None:
    for speed in (1e-3, 1e-4, 1e-5, 1e-7):
        process = OrnsteinUhlenbeck.of(0.0, speed, math.sqrt(2.0 * speed))
        step, all_time = process.thresholds(0.3), process.thresholds(0.3, watched="continuously")
        shift = 0.5826 * process.residual_sd
        # the correction's error is of the order of the speed
        assert step.exit == pytest.approx(all_time.exit - shift, abs=2.0 * speed + 2e-5)
        assert step.cycle == pytest.approx(all_time.cycle, rel=3.0 * speed + 1e-4)
        assert step.gain_per_step == pytest.approx(all_time.gain_per_step, rel=3.0 * speed + 1e-4)


def test_continuous_cycle_and_variance_against_quadrature_series_and_simulation() -> None:
    best = PROCESS.thresholds(0.02, watched="continuously")
    z = (best.exit - PROCESS.mean) * math.sqrt(2.0 * PROCESS.speed) / PROCESS.sigma
    passage = quad(lambda u: math.exp(0.5 * u * u) * math.sqrt(2.0 * math.pi) * ndtr(u), -z, z)[0]
    assert best.cycle == pytest.approx(2.0 * passage / PROCESS.speed, rel=1e-9)
    # Bertram's series for the variance, in the symmetric case
    assert 2.0 * passage_variance(z) == pytest.approx(_bertram_variance(z), rel=1e-6)
    # a path in steps of a fiftieth; a crossing is seen late, by about .58 of a small step's
    # standard deviation
    fine = OrnsteinUhlenbeck.of(0.0, PROCESS.speed / 50.0, PROCESS.sigma / math.sqrt(50.0))
    path = fine.simulate(1_500_000, seed=4)
    late = 0.5826 * fine.residual_sd
    a = best.exit - PROCESS.mean - late
    lengths = np.diff(trades(path, -a, a)[0]) / 50.0
    assert lengths.mean() == pytest.approx(
        best.cycle, abs=4.0 * lengths.std() / math.sqrt(len(lengths))
    )
    assert lengths.std() == pytest.approx(best.cycle_sd, rel=0.2)  # about 300 heavy-tailed cycles


def _bertram_variance(z: float) -> float:
    """Variance of a cycle between -z and z for speed 1; Bertram (2010), functions w1 and w2."""

    def one(x: float) -> float:
        k = np.arange(1, 120)
        terms = [gamma(n / 2.0) * (math.sqrt(2.0) * x) ** n / math.factorial(int(n)) for n in k]
        plus = 0.5 * sum(terms)
        minus = 0.5 * sum(term * (-1.0) ** n for term, n in zip(terms, k, strict=True))
        return plus**2 - minus**2

    def two(x: float) -> float:
        total = 0.0
        for k in range(1, 80):
            half = (2 * k - 1) / 2.0
            total += (
                gamma(half)
                * (digamma(half) - digamma(1.0))
                * (math.sqrt(2.0) * x) ** (2 * k - 1)
                / math.factorial(2 * k - 1)
            )
        return total

    return one(z) - one(-z) - two(z) + two(-z)


def test_a_spread_adds_up() -> None:
    frame = legs()
    spread = sa.Spread.fit(frame, "a", "b")
    value = spread.value(frame)
    assert abs(value.mean()) < 1e-12
    assert value.equals(
        frame["a"] - spread.hedge_ratio["b"] * frame["b"] - spread.intercept
    ) or np.allclose(
        value, frame["a"] - spread.hedge_ratio["b"] * frame["b"] - spread.intercept, atol=1e-12
    )
    assert spread.half_life == fit_ou(value).half_life
    # both legs together move as the spread is expected to
    assert spread.adjustment @ spread.weights == pytest.approx(
        spread.process.autoregression - 1.0, rel=1e-9
    )
    for steps in (1, 5, 50):
        total = spread.expected_return(frame, steps) @ spread.weights
        np.testing.assert_allclose(total, spread.process.expected_change(value, steps), atol=1e-12)
    # a is planted to do all of the reverting
    assert spread.adjustment["a"] == pytest.approx(spread.process.autoregression - 1.0, abs=0.02)
    score = spread.zscore(frame)
    np.testing.assert_allclose(
        score * spread.process.stationary_sd + spread.process.mean, value, atol=1e-12
    )
    assert np.sign(spread.expected_return(frame, 5)["a"]).equals(-np.sign(score).rename("a"))


def test_expected_returns_are_earned_by_the_leg_that_is_cheap() -> None:
    frame = legs(6000, seed=3)
    past, future = frame.iloc[:3000], frame.iloc[3000:]
    spread = sa.Spread.fit(past, "a", "b")
    steps = 10
    expected = spread.expected_return(future, steps)
    earned = future[["a", "b"]].shift(-steps) - future[["a", "b"]]
    slope = np.polyfit(expected["a"][:-steps], earned["a"][:-steps], 1)[0]
    # 3000 overlapping steps, relation fitted on the 3000 before
    assert slope == pytest.approx(1.0, abs=0.35)


def test_values_and_scores_at_a_row_do_not_depend_on_later_rows() -> None:
    frame = legs()
    spread = sa.Spread.fit(frame.iloc[:500], "a", ["b", "c"])
    later = frame.copy()
    later.iloc[900:] += 3.0
    for method in (
        spread.value,
        spread.zscore,
        spread.expected_return,
        lambda f: spread.zscore(f, 50),
    ):
        assert method(frame).iloc[:900].equals(method(later).iloc[:900])


@pytest.mark.parametrize("hedge", ["ols", "tls", "johansen", "minimum_half_life", "kalman"])
def test_every_hedge_makes_a_spread(hedge: str) -> None:
    spread = sa.Spread.fit(legs(), "a", "b", hedge)
    assert spread.hedge == hedge
    # the filter's last slope is that of the last few reversions
    assert spread.hedge_ratio.item() == pytest.approx(1.2, abs=0.5 if hedge == "kalman" else 0.1)
    assert 5.0 < spread.half_life < 40.0


def test_numbers_may_be_given() -> None:
    spread = sa.Spread.fit(legs(), "a", ["b", "c"], [1.2, 0.0])
    assert spread.weights.tolist() == [1.0, -1.2, -0.0]
    assert spread.hedge == "given"
    assert spread.thresholds(0.0025).cost == pytest.approx(2 * 0.0025 * 2.2)


def test_stretches_are_fitted_alone() -> None:
    frame = legs(1200)
    spread = sa.Spread.fit(frame, "a", "b")
    table = spread.stability(frame, 3)
    part = frame.iloc[400:800]
    tau, pvalue, _ = coint(part["a"], part["b"], maxlag=12, autolag="aic")
    assert table.loc[1, "tau"] == pytest.approx(tau, abs=1e-9)
    assert table.loc[1, "pvalue"] == pytest.approx(pvalue, abs=1e-9)
    assert table.loc[1, "hedge_ratio"] == pytest.approx(
        sa.Spread.fit(part, "a", "b").hedge_ratio["b"]
    )
    assert table["observations"].tolist() == [400, 400, 400]
    assert table["hedge_ratio"].between(0.9, 1.5).all()
    with pytest.raises(DataError, match="1200 rows have all legs; 50 stretches need at least 1500"):
        spread.stability(frame, 50)
    still = frame.copy()
    still.iloc[:400, 1] = 2.0
    assert np.isnan(spread.stability(still, 3).loc[0, "tau"])


def test_scores_over_a_window_use_the_last_complete_rows() -> None:
    frame = legs(600)
    rng = np.random.default_rng(0)
    gaps = frame.mask(rng.random(frame.shape) < 0.035)
    spread = sa.Spread.fit(frame, "a", "b")
    score = spread.zscore(gaps, 60)
    complete = gaps[["a", "b"]].dropna()
    assert len(complete) < 570
    assert score.index.equals(frame.index)
    assert score.notna().sum() == len(complete) - 59
    value = spread.value(complete)
    for row in (59, 60, 300, len(complete) - 1):
        part = value.iloc[row - 59 : row + 1]
        expected = (part.iloc[-1] - part.mean()) / part.std()
        assert score[complete.index[row]] == pytest.approx(expected, rel=1e-8)
    # a window in which the legs move together but for rounding has no score
    tied = frame.copy()
    tied.loc[tied.index[:100], "a"] = 1.2 * tied["b"] + 3.0
    given = sa.Spread.fit(frame, "a", "b", 1.2)
    assert given.zscore(tied, 60).iloc[:100].isna().all()


@pytest.mark.parametrize("hedge", ["ols", "tls", "johansen", "minimum_half_life", "kalman", 1.0])
def test_legs_that_are_one_price_have_no_spread(hedge: str | float) -> None:
    """An asset and its wrapped copy differ by rounding alone; it had a half-life and forecasts
    (github.com/statsmodels/statsmodels/issues/3190).
    """
    rng = np.random.default_rng(1)
    price = 40_000 * np.exp(np.cumsum(rng.normal(0, 0.01, 500)))
    logs = pd.DataFrame({"BTC": np.log(price), "WBTC": np.log(price * 10) - np.log(10)})
    assert 0.0 < (logs["BTC"] - logs["WBTC"]).abs().max() < 1e-14
    with pytest.raises(DataError, match="does not move"):
        sa.Spread.fit(logs, "WBTC", "BTC", hedge)
    # a basis of a basis point is a spread
    logs["WBTC"] += 1e-4 * OrnsteinUhlenbeck.of(0.0, 0.1, 1.0).simulate(500, seed=2)
    spread = sa.Spread.fit(logs, "WBTC", "BTC", 1.0)
    assert spread.half_life == pytest.approx(math.log(2.0) / 0.1, rel=0.5)


def test_values_that_repeat_or_stand_still_have_no_process() -> None:
    noise = 5.0 + 1e-15 * np.random.default_rng(0).normal(size=300)
    for call in (fit_ou, hurst_exponent, variance_ratio):
        with pytest.raises(DataError, match=r"constant|do not move"):
            call(noise)
    with pytest.raises(DataError, match="repeat every 4 steps"):
        hurst_exponent(np.tile([0.0, 1.0, 2.0, 1.0], 50))


def test_a_plot_has_the_spread_and_its_band() -> None:
    frame = legs(300)
    spread = sa.Spread.fit(frame, "a", "b")
    ax = spread.plot(frame, sds=1.5)
    line, mean, low, high = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), spread.value(frame))
    assert mean.get_ydata()[0] == spread.process.mean
    assert high.get_ydata()[0] - low.get_ydata()[0] == pytest.approx(
        3.0 * spread.process.stationary_sd
    )
    assert ax.get_title(loc="left").startswith("log a -1.")
    assert spread.plot(frame, ax=ax) is ax


def test_bad_legs_are_named() -> None:
    frame = legs(200)
    with pytest.raises(ParameterError, match="no asset 'z'"):
        sa.Spread.fit(frame, "a", "z")
    with pytest.raises(ParameterError, match="different assets"):
        sa.Spread.fit(frame, "a", ["b", "a"])
    with pytest.raises(ParameterError, match="hedge must be one of"):
        sa.Spread.fit(frame, "a", "b", "ridge")
    with pytest.raises(ParameterError, match="one finite number for each"):
        sa.Spread.fit(frame, "a", "b", [1.0, 2.0])
    with pytest.raises(DataError, match="constant"):
        sa.Spread.fit(frame.assign(b=1.0), "a", "b")
    with pytest.raises(DataError, match="no row has all"):
        sa.Spread.fit(frame.assign(b=np.nan), "a", "b", 1.0)
    with pytest.raises(ParameterError, match="no asset 'b'"):
        sa.Spread.fit(frame, "a", "b").value(frame[["a", "c"]])
    with pytest.raises(ParameterError, match="fee must be"):
        sa.Spread.fit(frame, "a", "b").thresholds(-0.1)
    with pytest.warns(UserWarning, match="log_prices reaches .* look like prices"):
        sa.Spread.fit(np.exp(frame + 3.0), "a", "b", 1.0)


def test_hurst_exponent_of_known_processes() -> None:
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(size=20_000))
    assert hurst_exponent(walk, 256) == pytest.approx(0.5, abs=0.05)
    assert hurst_exponent(rng.normal(size=20_000)) == pytest.approx(0.0, abs=0.02)
    assert hurst_exponent(np.arange(100.0)) == pytest.approx(1.0, abs=1e-10)
    assert hurst_exponent(3.0 * walk, 64) == pytest.approx(hurst_exponent(walk, 64), rel=1e-10)
    with pytest.raises(DataError, match="at least 32 values"):
        hurst_exponent(walk[:20])
    with pytest.raises(DataError, match="do not move"):
        hurst_exponent(np.ones(50))


def test_variance_ratio_is_that_of_arch() -> None:
    values = PROCESS.simulate(500, seed=8)
    ratio, statistic, pvalue = variance_ratio(values, 10)
    expected = VarianceRatio(values, lags=10)
    assert (ratio, statistic, pvalue) == pytest.approx(
        (expected.vr, expected.stat, expected.pvalue)
    )
    assert ratio < 1.0
    with pytest.raises(DataError, match="at least 40 values"):
        variance_ratio(values[:20], 10)
    with pytest.raises(DataError, match="do not move"):
        variance_ratio(np.ones(100), 10)
