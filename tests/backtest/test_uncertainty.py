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
        below.append(0.5 if rank == 3 else float(rank < 3))
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
        below.append(0.5 if rank == 3 else float(rank < 3))
    assert 0.0 < np.mean(below) < 1.0
    found = probability_of_backtest_overfitting(returns, splits=6, measure="G")
    assert found == pytest.approx(np.mean(below), abs=1e-15)
    # G of what never loses is infinite in every half: there is nothing to choose by
    safe = returns.assign(cash=0.0, interest=1e-4)
    assert math.isnan(probability_of_backtest_overfitting(safe, splits=6, measure="G"))
    # cash that earns nothing has a G of 0, and is as good a choice as any
    idle = probability_of_backtest_overfitting(returns.assign(cash=0.0), splits=6, measure="G")
    assert 0.0 < idle < 1.0


def test_overfitting_of_noise_is_a_half_for_every_number_of_trials():
    rng = np.random.default_rng(0)
    for trials in (2, 3, 4, 5):
        found = [
            probability_of_backtest_overfitting(
                pd.DataFrame(rng.normal(size=(160, trials))), splits=6
            )
            for _ in range(200)
        ]
        # 200 samples of a standard deviation of about 0.3: four standard errors are 0.085
        assert np.mean(found) == pytest.approx(0.5, abs=0.085)


def test_copies_of_one_trial_are_neither_above_nor_below_the_median():
    one = np.random.default_rng(3).normal(size=(160, 1))
    same = pd.DataFrame(np.repeat(one, 4, axis=1))
    assert probability_of_backtest_overfitting(same, splits=8) == 0.5
    constant = pd.DataFrame(np.full((160, 3), 1e-4))
    assert math.isnan(probability_of_backtest_overfitting(constant, splits=8))


@pytest.mark.parametrize("count", [2, 5, 20])
def test_rank_intervals_cover_the_true_rank_of_equals(count):
    # all are alike, so that the rank of each is 1: at most 1 in 20 intervals may leave it out
    left_out = []
    for seed in range(60):
        returns = np.random.default_rng(seed).standard_normal((400, count)) * 0.01
        drawn = bootstrap_scores(pd.DataFrame(returns), draws=200, seed=seed, block=1)
        left_out.append((drawn.summary()["rank_low"] > 1).mean())
    # nominal 5 %; four standard errors of 60 samples of two are 8 points
    assert np.mean(left_out) < 0.05 + 0.08
    assert np.mean(left_out) < 0.13


def test_rank_intervals_tell_apart_what_is_apart():
    rng = np.random.default_rng(1)
    drift = np.array([0.02, 0.0, -0.02])
    returns = pd.DataFrame(rng.standard_normal((900, 3)) * 0.01 + drift, columns=list("abc"))
    found = bootstrap_scores(returns, draws=400, seed=0, block=1).summary()
    assert found["rank_low"].tolist() == [1, 2, 3]
    assert found["rank_high"].tolist() == [1, 2, 3]


def test_intervals_of_ranks_contain_the_estimated_rank():
    for seed in range(10):
        returns = noise(steps=120, investors=6, seed=seed)
        drawn = bootstrap_scores(returns, draws=200, seed=seed)
        found = drawn.summary()
        rank = drawn.estimate.rank(ascending=False)
        assert (found["rank_low"] <= rank).all()
        assert (found["rank_high"] >= rank).all()


def test_constant_returns_have_no_sharpe_ratio_and_are_no_trial():
    rng = np.random.default_rng(0)
    deposit = np.diff(np.log(10_000 * np.exp(0.0001 * np.arange(300))))
    others = pd.DataFrame(rng.normal(0.0005, 0.01, (299, 2)), columns=["b", "c"])
    found = deflated_sharpe_ratio(others.assign(deposit=deposit))
    assert math.isnan(found["deposit"])
    pd.testing.assert_series_equal(found[["b", "c"]], deflated_sharpe_ratio(others))
    assert math.isnan(probabilistic_sharpe_ratio(deposit))


def test_a_single_survivor_is_deflated_for_all_that_were_tried():
    returns = pd.DataFrame({"a": np.random.default_rng(0).normal(0.07, 1.0, 500)})
    z = stats.norm.ppf([1 - 1 / 100, 1 - 1 / (100 * math.e)])
    bar = ((1 - 0.5772156649015329) * z[0] + 0.5772156649015329 * z[1]) / math.sqrt(499)
    found = deflated_sharpe_ratio(returns, others=99)["a"]
    assert found == pytest.approx(probabilistic_sharpe_ratio(returns["a"], bar), rel=1e-12)
    assert deflated_sharpe_ratio(returns)["a"] == probabilistic_sharpe_ratio(returns["a"])


@pytest.mark.parametrize("others", [0, 20])
def test_the_best_of_many_without_skill_is_rarely_called_skilled(others):
    best = []
    for seed in range(150):
        drawn = np.random.default_rng(seed).normal(size=(250, 20 + others))
        order = np.argsort(drawn.mean(axis=0) / drawn.std(axis=0))
        survivors = pd.DataFrame(drawn[:, order[others:]])  # the worst are ruined
        best.append(deflated_sharpe_ratio(survivors, others=others).max() > 0.95)
    # nominal 5 % at most; four standard errors of 150 samples are 7 points
    assert np.mean(best) < 0.05 + 0.07


def test_few_steps_give_an_answer():
    for steps in range(2, 9):
        returns = noise(steps=steps, investors=2, seed=1)
        assert block_length(returns) == 1.0
        assert np.isfinite(bootstrap_scores(returns, draws=5).total_return).all(axis=None)
        assert model_confidence_set(returns, draws=5).between(0.0, 1.0).all()


def test_a_block_that_leaves_nothing_to_resample_is_refused():
    returns = noise(steps=60, investors=2)
    for call in (bootstrap_scores, model_confidence_set):
        with pytest.raises(sa.ParameterError, match="block must be at most 20"):
            call(returns, draws=5, block=21.0)
        call(returns, draws=5, block=20.0)


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
    returns["copy"] = returns["i0"]
    found = model_confidence_set(returns, draws=300, seed=2)
    assert found["i1"] < 0.01
    assert found["i0"] == found["copy"] > 0.05
    assert (model_confidence_set(returns[["i0", "copy"]]) == 1.0).all()


def test_the_confidence_set_against_the_article_written_out():
    # Hansen, Lunde and Nason (2011), section 3.1.2: the range statistic T_R, variances and
    # distribution from the same bootstrap
    returns = noise(steps=300, investors=5, seed=3, drift=(0.002, -0.001, 0.0, -0.004))
    from arch.bootstrap import StationaryBootstrap

    sampler = StationaryBootstrap(7, np.arange(300), seed=np.random.default_rng(1))
    losses = -returns.to_numpy()
    means = np.array([losses[sampler.update_indices()].mean(axis=0) for _ in range(200)])
    gap = losses.mean(axis=0)[:, None] - losses.mean(axis=0)[None, :]
    drawn = means[:, :, None] - means[:, None, :] - gap
    spread = np.sqrt((drawn**2).mean(axis=0)) + np.eye(5)
    left, expected, reached = list(range(5)), {}, 0.0
    while len(left) > 1:
        inside = np.ix_(left, left)
        statistic = np.abs(gap / spread)[inside].max()
        simulated = np.array([np.abs(one / spread)[inside].max() for one in drawn])
        reached = max(reached, float((simulated > statistic).mean()))
        worst = left[int(np.argmax((gap / spread)[inside].max(axis=1)))]
        expected[f"i{worst}"] = reached
        left.remove(worst)
    expected[f"i{left[0]}"] = 1.0
    found = model_confidence_set(returns, block=7, draws=200, seed=1)
    assert found.to_dict() == pytest.approx(expected, abs=1e-12)
    assert found.min() < 0.05 < found.drop(found.idxmax()).max()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bootstrap_scores(noise().iloc[:1]), sa.DataError, "at least two steps"),
        (
            lambda: bootstrap_scores(noise().assign(i0=np.nan)),
            sa.DataError,
            "finite, got nan in row 0, asset 'i0'",
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
