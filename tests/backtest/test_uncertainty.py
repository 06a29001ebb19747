"""Uncertainty of a ranking: against published figures, brute force, and cases with a known answer."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

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
    # "The Deflated Sharpe Ratio" (2014), numerical example: 100 trials with a variance of 1/2 a year, 5 years of 250 days,
    # a best Sharpe ratio of 2.5 a year with skewness -3 and kurtosis 10: SR* = 0.1132 a day, DSR = 0.9004 (four digits given)
    threshold = expected_best_sharpe(0.5 / 250, 100)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    assert _psr(2.5 / math.sqrt(250), threshold, 1250, -3.0, 10.0) == pytest.approx(0.9004, abs=5e-5)


def test_probabilistic_sharpe_ratio_is_a_half_at_its_own_estimate():
    returns = noise()["i0"]
    own = returns.mean() / returns.std(ddof=1)
    assert probabilistic_sharpe_ratio(returns, own) == pytest.approx(0.5, abs=1e-12)
    assert math.isnan(probabilistic_sharpe_ratio(np.zeros(10)))


def test_more_trials_deflate_more():
    assert 0.0 < expected_best_sharpe(0.01, 2) < expected_best_sharpe(0.01, 10) < expected_best_sharpe(0.01, 1000)
    # the expected largest of 1000 standard normals is 3.2414 (David and Nagaraja, Order Statistics); the formula's own
    # error there is below 0.02
    assert expected_best_sharpe(1.0, 1000) == pytest.approx(3.2414, abs=0.02)
    few = noise(investors=3, drift=(0.002,))
    assert (deflated_sharpe_ratio(few)["i0"]) < probabilistic_sharpe_ratio(few["i0"])
    with_cash = few.assign(cash=0.0)
    assert math.isnan(deflated_sharpe_ratio(with_cash)["cash"])
    pd.testing.assert_series_equal(deflated_sharpe_ratio(with_cash).iloc[:3], deflated_sharpe_ratio(few))


def test_resampled_scores_are_those_of_the_resampled_paths():
    returns = noise(steps=50, investors=2)
    found = bootstrap_scores(returns, draws=20, block=4, seed=3)
    from arch.bootstrap import StationaryBootstrap

    sampler = StationaryBootstrap(4, np.arange(50), seed=np.random.default_rng(3))
    for draw in range(20):
        path = returns.to_numpy()[sampler.update_indices()]
        for column in range(2):
            value = np.exp(np.concatenate([[0.0], np.cumsum(path[:, column])]))
            assert found.G.iloc[draw, column] == pytest.approx(generalised_asymmetric_return(value), rel=1e-9)
            assert found.total_return.iloc[draw, column] == pytest.approx(value[-1] - 1.0, rel=1e-9, abs=1e-12)


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
    returns = pd.DataFrame({"one loss": np.where(np.arange(40) == 7, -0.01, 0.002), "steady": np.tile([0.01, -0.01], 20)})
    found = bootstrap_scores(returns, draws=200, block=1.0, seed=0).summary()  # a third of the paths misses the one loss
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
    assert block_length(pd.DataFrame({"a": chained})) > 5 * block_length(pd.DataFrame({"a": shocks}))
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
        rank = (ratios <= ratios[best]).sum() / 6.0
        below.append(math.log(rank / (1.0 - rank)) <= 0.0)
    assert probability_of_backtest_overfitting(returns, splits=6) == pytest.approx(np.mean(below))


def test_skill_is_not_overfitting_and_noise_is():
    assert probability_of_backtest_overfitting(noise(investors=10, drift=(0.01,))) == 0.0
    found = [probability_of_backtest_overfitting(noise(investors=10, seed=seed), splits=8) for seed in range(30)]
    # expected 1/2 under exchangeable noise; standard error of the mean of 30 such shares is about 0.05
    assert np.mean(found) == pytest.approx(0.5, abs=0.15)
    assert math.isnan(probability_of_backtest_overfitting(noise(investors=1)))


def test_the_confidence_set_keeps_what_cannot_be_told_apart():
    returns = noise(steps=1000, investors=3, drift=(0.0, -0.01))
    returns["twin"] = returns["i0"]
    found = model_confidence_set(returns, draws=300, seed=2)
    assert found["i1"] < 0.01
    assert found["i0"] == found["twin"] > 0.05
    assert (model_confidence_set(returns[["i0", "twin"]]) == 1.0).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bootstrap_scores(noise().iloc[:1]), sa.DataError, "at least two steps"),
        (lambda: bootstrap_scores(noise().assign(i0=np.nan)), sa.DataError, "finite, got nan at 0 of 'i0'"),
        (lambda: bootstrap_scores(noise(), draws=0), sa.ParameterError, "draws"),
        (lambda: bootstrap_scores(noise(), block=0.5), sa.ParameterError, "block"),
        (lambda: probability_of_backtest_overfitting(noise(), splits=5), sa.ParameterError, "splits must be even, got 5"),
        (lambda: probability_of_backtest_overfitting(noise(), splits=40), sa.ParameterError, "splits"),
        (lambda: deflated_sharpe_ratio(pd.DataFrame(index=range(5))), sa.DataError, "at least one column"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
