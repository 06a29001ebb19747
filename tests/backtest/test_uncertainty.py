"""Uncertainty of a ranking: against published figures, brute force, and cases with a known
answer.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import statarb as sa
from statarb.backtest.performance import generalised_asymmetric_return
from statarb.backtest.uncertainty import (
    _psr,
    block_length,
    bootstrap_scores,
    deflated_sharpe_ratio,
    expected_best_sharpe,
    model_confidence_set,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
)


def noise(steps=400, investors=4, seed=0, drift=()):
    values = np.random.default_rng(seed).normal(0.0, 0.01, (steps, investors))
    values[:, : len(drift)] += drift
    return pd.DataFrame(values, columns=[f"i{k}" for k in range(investors)])


def test_the_worked_example_of_bailey_and_lopez_de_prado():
    # "The Deflated Sharpe Ratio" (2014), numerical example: 100 trials with a variance of 1/2 a
    # year, 5 years of 250 days, a best Sharpe ratio of 2.5 a year with skewness -3 and kurtosis 10:
    # SR* = 0.1132 a day, DSR = 0.9004 (four digits given)
    threshold = expected_best_sharpe(0.5 / 250, 100)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    assert _psr(2.5 / math.sqrt(250), threshold, 1250, -3.0, 10.0) == pytest.approx(
        0.9004, abs=5e-5
    )


def test_the_deflated_sharpe_ratio_from_the_equations_of_the_article():
    # written out from the returns on, with the standard library's normal distribution
    returns = pd.DataFrame(
        np.random.default_rng(4).standard_t(4, (700, 6)) * 0.01 + 0.0004 * np.arange(6)
    )
    normal = NormalDist()
    ratio = [
        np.mean(one) / math.sqrt(np.sum((one - np.mean(one)) ** 2) / 699.0)
        for one in returns.to_numpy().T
    ]
    spread = math.sqrt(sum((one - sum(ratio) / 6.0) ** 2 for one in ratio) / 5.0)
    for others in (0, 44):
        count = 6 + others
        weights = 1.0 - np.euler_gamma, np.euler_gamma
        bar = spread * (
            weights[0] * normal.inv_cdf(1.0 - 1.0 / count)
            + weights[1] * normal.inv_cdf(1.0 - 1.0 / count / math.e)
        )
        found = deflated_sharpe_ratio(returns, others=others)
        for column in range(6):
            standard = (returns[column] - returns[column].mean()) / returns[column].std(ddof=0)
            skewness, kurtosis = (standard**3).mean(), (standard**4).mean()
            error = math.sqrt(
                1.0 - skewness * ratio[column] + (kurtosis - 1.0) / 4.0 * ratio[column] ** 2
            )
            assert found[column] == pytest.approx(
                normal.cdf((ratio[column] - bar) * math.sqrt(699.0) / error), rel=1e-9
            )


def test_probabilistic_sharpe_ratio_is_a_half_at_its_own_estimate():
    returns = noise()["i0"]
    own = returns.mean() / returns.std(ddof=1)
    assert probabilistic_sharpe_ratio(returns, own) == pytest.approx(0.5, abs=1e-12)
    assert math.isnan(probabilistic_sharpe_ratio(np.zeros(10)))


def test_more_trials_deflate_more():
    assert (
        0.0
        < expected_best_sharpe(0.01, 2)
        < expected_best_sharpe(0.01, 10)
        < expected_best_sharpe(0.01, 1000)
    )
    # the expected largest of 1000 standard normals is 3.2414 (David and Nagaraja, Order
    # Statistics); the formula's own error there is below 0.02
    assert expected_best_sharpe(1.0, 1000) == pytest.approx(3.2414, abs=0.02)
    few = noise(investors=3, drift=(0.002,))
    assert (deflated_sharpe_ratio(few)["i0"]) < probabilistic_sharpe_ratio(few["i0"])
    with_cash = few.assign(cash=0.0)
    assert math.isnan(deflated_sharpe_ratio(with_cash)["cash"])
    pd.testing.assert_series_equal(
        deflated_sharpe_ratio(with_cash).iloc[:3], deflated_sharpe_ratio(few)
    )


def test_resampled_scores_are_those_of_the_resampled_paths():
    returns = noise(steps=50, investors=2)
    found = bootstrap_scores(returns, draws=20, block=4, seed=3)
    from arch.bootstrap import StationaryBootstrap

    sampler = StationaryBootstrap(4, np.arange(50), seed=np.random.default_rng(3))
    for draw in range(20):
        path = returns.to_numpy()[sampler.update_indices()]
        for column in range(2):
            value = np.exp(np.concatenate([[0.0], np.cumsum(path[:, column])]))
            assert found.G.iloc[draw, column] == pytest.approx(
                generalised_asymmetric_return(value), rel=1e-9
            )
            assert found.total_return.iloc[draw, column] == pytest.approx(
                value[-1] - 1.0, rel=1e-9, abs=1e-12
            )


def test_intervals_ranks_and_the_probability_of_being_best():
    returns = noise(drift=(0.004,)).assign(cash=0.0)
    summary = bootstrap_scores(returns, draws=400, seed=1).summary()
    assert summary["p_best"].sum() == pytest.approx(1.0)
    assert summary.loc["i0", "p_best"] > 0.9
    assert (summary["G_low"] <= summary["G_high"]).all()
    assert summary.loc["cash", ["G_low", "G_high"]].tolist() == [0.0, 0.0]
    assert summary.loc["i0", "rank_low"] == 1
    assert summary["rank_high"].max() <= 5
    narrow = bootstrap_scores(returns, draws=400, seed=1).summary(confidence=0.5)
    assert ((narrow["G_high"] - narrow["G_low"]) <= (summary["G_high"] - summary["G_low"])).all()


def test_intervals_of_an_investor_that_hardly_ever_loses_reach_to_infinity():
    returns = pd.DataFrame(
        {
            "one loss": np.where(np.arange(40) == 7, -0.01, 0.002),
            "steady": np.tile([0.01, -0.01], 20),
        }
    )
    found = bootstrap_scores(
        returns, draws=200, block=1.0, seed=0
    ).summary()  # a third of the paths misses the one loss
    assert found.loc["one loss", "G_high"] == math.inf
    assert np.isfinite(found.loc["steady", ["G_low", "G_high"]].to_numpy(dtype=float)).all()


def test_the_same_seed_gives_the_same_draws_and_another_one_others():
    returns = noise()
    one, two, other = (bootstrap_scores(returns, draws=10, seed=seed).G for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert not one.equals(other)


def test_blocks_are_longer_where_returns_hang_together():
    rng = np.random.default_rng(0)
    shocks = rng.normal(size=2000)
    chained = np.zeros(2000)
    for step in range(1, 2000):
        chained[step] = 0.9 * chained[step - 1] + shocks[step]
    assert block_length(pd.DataFrame({"a": chained})) > 5 * block_length(
        pd.DataFrame({"a": shocks})
    )
    assert block_length(pd.DataFrame({"a": np.zeros(50)})) == 1.0


def test_overfitting_against_the_definition_written_out():
    returns = noise(steps=63, investors=5, seed=8)
    blocks = np.array_split(returns.to_numpy()[3:], 6)
    below = []
    for chosen in itertools.combinations(range(6), 3):
        train = np.vstack([blocks[k] for k in chosen])
        test = np.vstack([blocks[k] for k in range(6) if k not in chosen])
        best = np.argmax(train.mean(axis=0) / train.std(axis=0))
        ratios = test.mean(axis=0) / test.std(axis=0)
        rank = (ratios <= ratios[best]).sum()
        below.append((rank < 3) + 0.5 * (rank == 3))
    assert probability_of_backtest_overfitting(returns, splits=6) == pytest.approx(np.mean(below))


def test_overfitting_of_a_choice_by_g_against_the_definition_written_out():
    returns = noise(steps=63, investors=5, seed=9)
    blocks = np.array_split(returns.to_numpy()[3:], 6)
    below = []
    for chosen in itertools.combinations(range(6), 3):
        halves = [[k for k in range(6) if (k in chosen) == inside] for inside in (True, False)]
        paths = [
            np.exp(np.cumsum(np.vstack([np.zeros((1, 5)), *(blocks[k] for k in half)]), axis=0))
            for half in halves
        ]
        train, test = (
            np.array([generalised_asymmetric_return(one) for one in path.T]) for path in paths
        )
        rank = (test <= test[np.argmax(train)]).sum()
        below.append((rank < 3) + 0.5 * (rank == 3))
    assert 0.0 < np.mean(below) < 1.0
    assert probability_of_backtest_overfitting(returns, splits=6, measure="G") == np.mean(below)
    # with cash, G is 0 where nothing is risked; where nothing is ever lost it is not defined
    safe = returns.assign(cash=0.0)
    assert 0.0 <= probability_of_backtest_overfitting(safe, splits=6, measure="G") <= 1.0
    earning = returns.assign(deposit=0.0001)
    assert math.isnan(probability_of_backtest_overfitting(earning, splits=6, measure="G"))
    assert math.isnan(probability_of_backtest_overfitting(earning, splits=6))


def test_skill_is_not_overfitting_and_noise_is():
    assert probability_of_backtest_overfitting(noise(investors=10, drift=(0.01,))) == 0.0
    found = [
        probability_of_backtest_overfitting(noise(investors=10, seed=seed), splits=8)
        for seed in range(30)
    ]
    # expected 1/2 under exchangeable noise; standard error of the mean of 30 such shares is about
    # 0.05
    assert np.mean(found) == pytest.approx(0.5, abs=0.15)
    assert math.isnan(probability_of_backtest_overfitting(noise(investors=1)))


def test_the_confidence_set_keeps_what_cannot_be_told_apart():
    returns = noise(steps=1000, investors=3, drift=(0.0, -0.01))
    returns["twin"] = returns["i0"]
    found = model_confidence_set(returns, draws=300, seed=2)
    assert found["i1"] < 0.01
    assert found["i0"] == found["twin"] > 0.05
    assert (model_confidence_set(returns[["i0", "twin"]]) == 1.0).all()


def written_out_confidence_set(
    returns: pd.DataFrame, block: int, draws: int, seed: int, *, corrected: bool
) -> dict[str, float]:
    """Hansen, Lunde and Nason (2011), section 3.1.2: the range statistic T_R, variances and
    distribution from the same bootstrap; the correction from the matrix of the quadratic form.
    """
    from arch.bootstrap import StationaryBootstrap

    steps, models = returns.shape
    sampler = StationaryBootstrap(block, np.arange(steps), seed=np.random.default_rng(seed))
    losses = -returns.to_numpy()
    means = np.array([losses[sampler.update_indices()].mean(axis=0) for _ in range(draws)])
    gap = losses.mean(axis=0)[:, None] - losses.mean(axis=0)[None, :]
    drawn = means[:, :, None] - means[:, None, :] - gap
    spread = np.sqrt((drawn**2).mean(axis=0)) + np.eye(models)
    apart = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
    stay = 1.0 - 1.0 / block
    form = (1 - apart / steps) * stay**apart + apart / steps * stay ** (steps - apart)
    centre = np.eye(steps) - 1.0 / steps
    form = centre @ form @ centre
    share = np.trace(form) / steps
    freedom = 1.0 / (np.trace(form @ form) / np.trace(form) ** 2 + 1.0 / draws)
    left, expected, reached = list(range(models)), {}, 0.0
    while len(left) > 1:
        inside = np.ix_(left, left)
        statistic = np.abs(gap / spread)[inside].max()
        if corrected:
            statistic = stats.norm.isf(stats.t.sf(np.sqrt(share) * statistic, freedom))
        simulated = np.array([np.abs(one / spread)[inside].max() for one in drawn])
        reached = max(reached, float((simulated > statistic).mean()))
        worst = left[int(np.argmax((gap / spread)[inside].max(axis=1)))]
        expected[returns.columns[worst]] = reached
        left.remove(worst)
    expected[returns.columns[left[0]]] = 1.0
    return expected


def test_the_confidence_set_against_the_article_written_out():
    returns = noise(steps=300, investors=5, seed=3, drift=(0.002, -0.001, 0.0, -0.004))
    expected = written_out_confidence_set(returns, 7, 200, 1, corrected=True)
    found = model_confidence_set(returns, block=7, draws=200, seed=1)
    assert found.to_dict() == pytest.approx(expected, abs=1e-12)
    assert found.min() < 0.05 < found.drop(found.idxmax()).max()


def test_the_confidence_set_written_out_is_that_of_arch_but_for_the_correction():
    from arch.bootstrap import MCS

    returns = noise(steps=300, investors=5, seed=3, drift=(0.002, -0.001, 0.0, -0.004))
    peer = MCS(-returns, size=0.1, reps=200, block_size=7, seed=np.random.default_rng(1))
    peer.compute()
    plain = written_out_confidence_set(returns, 7, 200, 1, corrected=False)
    assert plain == pytest.approx(peer.pvalues["Pvalue"].to_dict(), abs=1e-12)
    # no model leaves sooner, and some later
    found = model_confidence_set(returns, block=7, draws=200, seed=1)
    assert (found >= pd.Series(plain)[found.index]).all()
    assert (found > pd.Series(plain)[found.index]).any()


@pytest.mark.parametrize(("investors", "steps"), [(10, 30), (20, 250)])
def test_the_confidence_set_of_equals_keeps_its_size(investors, steps):
    # 8 % and 13 % of 1000 other samples leave somebody out, without the correction 60 % and 23 %.
    # Of 300 samples the standard error is 2 %: two of them on either side.
    lowest = np.array(
        [
            model_confidence_set(noise(steps, investors, seed), draws=200, seed=seed).min()
            for seed in range(300)
        ]
    )
    assert 0.04 <= (lowest <= 0.1).mean() <= 0.17
    assert 0.01 <= (lowest <= 0.05).mean() <= 0.11


def test_the_confidence_set_of_equals_and_one_better_is_the_better_one():
    # half a standard deviation a step over 250 steps: eight standard errors of the mean
    for seed in range(10):
        returns = noise(250, 10, seed)
        returns["i4"] += 0.5 * returns["i4"].std()
        found = model_confidence_set(returns, draws=200, seed=seed)
        assert found["i4"] == 1.0
        assert (found.drop("i4") < 0.1).all()


def test_a_difference_without_variance_is_certain_in_the_confidence_set():
    returns = noise(steps=60, investors=1)
    returns["higher"], returns["deposit"], returns["cash"] = returns["i0"] + 0.001, 0.0001, 0.0
    found = model_confidence_set(returns, draws=100)
    assert found["i0"] == found["cash"] == 0.0
    assert found.max() == 1.0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bootstrap_scores(noise().iloc[:1]), sa.DataError, "at least two steps"),
        (
            lambda: bootstrap_scores(noise().assign(i0=np.nan)),
            sa.DataError,
            "finite, got nan at 0 of 'i0'",
        ),
        (lambda: bootstrap_scores(noise(), draws=0), sa.ParameterError, "draws"),
        (lambda: bootstrap_scores(noise(), block=0.5), sa.ParameterError, "block"),
        (
            lambda: probability_of_backtest_overfitting(noise(), splits=5),
            sa.ParameterError,
            "splits must be even, got 5",
        ),
        (
            lambda: probability_of_backtest_overfitting(noise(), measure="return"),
            sa.ParameterError,
            "measure must be one of",
        ),
        (lambda: deflated_sharpe_ratio(noise(), others=-1), sa.ParameterError, "others"),
        (
            lambda: probability_of_backtest_overfitting(noise(), splits=40),
            sa.ParameterError,
            "splits",
        ),
        (
            lambda: deflated_sharpe_ratio(pd.DataFrame(index=range(5))),
            sa.DataError,
            "at least 1 column",
        ),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


# -- inference that says what it is ---


@pytest.mark.parametrize("trials", [2, 3, 4, 5])
def test_noise_is_overfitted_half_the_time_for_every_number_of_trials(trials):
    rng = np.random.default_rng(0)
    found = [
        probability_of_backtest_overfitting(pd.DataFrame(rng.normal(size=(160, trials))), splits=8)
        for _ in range(60)
    ]
    # standard error of the mean of 60 such shares: .03; before ties counted half: .68 for three
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)
    copies = pd.DataFrame(np.repeat(rng.normal(size=(160, 1)), trials, axis=1))
    assert probability_of_backtest_overfitting(copies, splits=8) == 0.5


@pytest.mark.parametrize("investors", [2, 5, 20])
def test_rank_intervals_cover_the_rank_of_equals(investors):
    """All have the true rank 1; percentiles of bootstrapped ranks left it out for 17 to 40 %."""
    left_out = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        returns = pd.DataFrame(rng.standard_normal((600, investors)) * 0.01)
        summary = bootstrap_scores(returns, draws=250, seed=seed, block=1).summary()
        left_out.append((summary["rank_low"] > 1).mean())
    # 5 % is wanted; the standard error of 40 samples is at most .034
    assert np.mean(left_out) <= 0.1


def test_rank_intervals_cover_near_ties_and_tell_the_best_from_the_worst():
    covered, told = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        drift = np.array([0.003, 0.001, 0.001, 0.0, -0.002])
        returns = pd.DataFrame(rng.standard_normal((600, 5)) * 0.01 + drift)
        summary = bootstrap_scores(returns, draws=250, seed=seed, block=1).summary()
        true = np.array([1, 2, 2, 4, 5])
        covered.append(((summary["rank_low"] <= true) & (summary["rank_high"] >= true)).mean())
        told.append(summary["rank_high"][0] < summary["rank_low"][4])
    assert np.mean(covered) >= 0.95
    assert np.mean(told) >= 0.9


def test_rank_intervals_with_infinite_scores_and_copies():
    returns = noise(steps=200, investors=3, seed=2).assign(riser=0.001, cash=0.0, copy=0.0)
    summary = bootstrap_scores(returns, draws=200, seed=1).summary()
    assert summary.loc["riser", ["rank_low", "rank_high"]].tolist() == [1, 1]
    assert summary.loc["cash"].equals(summary.loc["copy"])
    assert (summary["rank_low"] <= summary["rank_high"]).all()


def test_a_deposit_has_no_sharpe_ratio_and_changes_nobody_elses():
    # ffn, pull request 317: rounding of 1e-19 is no variation
    rng = np.random.default_rng(0)
    deposit = np.diff(np.log(10_000 * np.exp(0.0001 * np.arange(300))))
    others = pd.DataFrame(rng.normal(0.0005, 0.01, (299, 2)), columns=["b", "c"])
    found = deflated_sharpe_ratio(others.assign(deposit=deposit))
    assert math.isnan(found["deposit"])
    assert math.isnan(probabilistic_sharpe_ratio(deposit))
    pd.testing.assert_series_equal(found[["b", "c"]], deflated_sharpe_ratio(others))


def test_a_single_survivor_of_many_trials_is_deflated():
    # archimedes, pull request 961
    returns = pd.DataFrame({"a": np.random.default_rng(0).normal(0.07, 1.0, 500)})
    z = stats.norm.ppf([1 - 1 / 100, 1 - 1 / (100 * math.e)])
    bar = ((1 - 0.5772156649015329) * z[0] + 0.5772156649015329 * z[1]) / math.sqrt(499)
    right = probabilistic_sharpe_ratio(returns["a"], bar)
    assert deflated_sharpe_ratio(returns, others=99)["a"] == pytest.approx(right, rel=1e-12)
    assert deflated_sharpe_ratio(returns)["a"] == probabilistic_sharpe_ratio(returns["a"])


@pytest.mark.parametrize("trials", [2, 3, 5, 20])
def test_the_luckiest_of_few_trials_is_not_taken_for_skilled(trials):
    lucky = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        returns = pd.DataFrame(rng.standard_normal((250, trials)))
        lucky.append(deflated_sharpe_ratio(returns).max() > 0.95)
    # 5 % or less is wanted; with the variance of two or three ratios alone it was 6 to 9 %
    assert np.mean(lucky) <= 0.06


@pytest.mark.parametrize("steps", range(2, 12))
def test_few_steps_are_an_answer_or_say_how_many_are_needed(steps):
    returns = noise(steps=steps, investors=2, seed=1)
    assert block_length(returns) == 1.0
    assert len(bootstrap_scores(returns, draws=5).G) == 5
    with pytest.raises(sa.DataError, match="needs at least 20 steps"):
        model_confidence_set(returns, draws=5)


def test_a_block_longer_than_the_path_is_refused():
    for call in (bootstrap_scores, model_confidence_set):
        with pytest.raises(sa.ParameterError, match=r"block must be .* at most 60"):
            call(noise(steps=60), block=1e9)
