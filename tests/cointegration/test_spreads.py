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


def test_thresholds_solve_bertrams_equation_and_beat_their_neighbours() -> None:
    for cost in (1e-5, 0.005, 0.05, 0.3):
        best = PROCESS.thresholds(cost)
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


def test_dearer_trades_wait_for_more() -> None:
    bounds = [PROCESS.thresholds(cost) for cost in (0.001, 0.01, 0.05, 0.2)]
    assert np.all(np.diff([b.exit for b in bounds]) > 0.0)
    assert np.all(np.diff([b.cycle for b in bounds]) > 0.0)
    assert np.all(np.diff([b.gain_per_step for b in bounds]) < 0.0)
    with pytest.raises(ParameterError, match="cost must be"):
        PROCESS.thresholds(0.0)
    assert PROCESS.thresholds(50.0).cycle == math.inf


def test_cycle_length_and_variance_against_quadrature_series_and_simulation() -> None:
    best = PROCESS.thresholds(0.02)
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
    state, starts = 0, []
    for t, value in enumerate(path.tolist()):
        if state == 0 and value <= -a:
            state = 1
            starts.append(t)
        elif state == 1 and value >= a:
            state = 0
    lengths = np.diff(starts) / 50.0
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
    assert table.loc[1, "tau"] == pytest.approx(tau)
    assert table.loc[1, "pvalue"] == pytest.approx(pvalue)
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
