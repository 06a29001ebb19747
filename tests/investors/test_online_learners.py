"""Online portfolio selection against papers, toy markets, a second statement of each algorithm and
another package.
"""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from investor_markets import growth, panel_of, random_prices, walk
from scipy.integrate import quad
from scipy.optimize import minimize

from statarb import DataError, ParameterError
from statarb.investors import (
    CORN,
    CWMR,
    OLMAR,
    PAMR,
    Anticor,
    BestAsset,
    BestConstantRebalanced,
    ExponentiatedGradient,
    FollowTheLeader,
    OnlineNewtonStep,
    Rebalanced,
    UniversalPortfolio,
)
from statarb.investors.online.learner import Market
from statarb.investors.online.patterns import similar_rows
from statarb.investors.simplex import log_optimal, project_simplex

COVER_AND_GLUSS = np.array([[1.0, 1.0], [1.0, 2.0]] * 12 + [[1.0, 1.0]])
"""Prices of a stock that does not move and of one that doubles and halves (Cover 1991, section
1).
"""


def weights_of_last_rows(investor, prices: np.ndarray) -> np.ndarray:
    """Portfolios after each row, the learner having been shown the rows one by one from the
    first.
    """
    return walk(investor, panel_of(prices)).to_numpy()


# -- Cover and Gluss's market: what each learner earns there is known ------------------------------


def test_universal_portfolio_earns_the_average_of_all_portfolios() -> None:
    # Over two days a portfolio (1 - b, b) grows by (1 - b + 2 b)(1 - b + b / 2); Cover's wealth is
    # the mean over b.
    for pairs in (2, 12):
        expected, _ = quad(lambda b, n=pairs: ((1.0 + b) * (1.0 - b / 2.0)) ** n, 0.0, 1.0)
        panel = panel_of(COVER_AND_GLUSS[: 2 * pairs + 1])
        found = growth(UniversalPortfolio(samples=200_000), panel)
        # A Monte Carlo mean of 200,000 draws: its standard error is about 1e-3 of the wealth's
        # spread.
        assert found == pytest.approx(expected, rel=2e-3)


def test_universal_wealth_telescopes_to_the_mean_wealth_of_its_samples() -> None:
    # Cover (1991), lemma 2.1: the wealth of the universal portfolio is the mean of the wealths,
    # whatever the market.
    prices = random_prices(30, 3, scale=0.2)
    relatives = prices[1:] / prices[:-1]
    investor = UniversalPortfolio(samples=50, seed=4)
    panel = panel_of(prices)
    fresh = investor.clone()
    fresh.decide(panel.window(panel.times[0]), pd.Series(0.0, index=panel.assets))
    mean = np.prod(relatives @ fresh._sampled.T, axis=0).mean()
    np.testing.assert_allclose(growth(investor, panel), mean, rtol=1e-12)


def test_universal_draws_follow_the_dirichlet_distribution() -> None:
    for concentration in (0.5, 1.0):
        learner = UniversalPortfolio(samples=40_000, concentration=concentration)
        panel = panel_of(np.ones((1, 3)))
        learner.decide(panel.window(panel.times[0]), pd.Series(0.0, index=panel.assets))
        drawn = learner._sampled
        np.testing.assert_allclose(drawn.sum(axis=1), 1.0, rtol=1e-12)
        # Mean 1/3 and variance of the symmetric Dirichlet; tolerances of four standard errors.
        variance = (1 / 3) * (2 / 3) / (3 * concentration + 1)
        np.testing.assert_allclose(drawn.mean(axis=0), 1 / 3, atol=4 * math.sqrt(variance / 40_000))
        np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.05)


def test_a_universal_portfolio_does_not_depend_on_the_seed_of_another_asset() -> None:
    prices = random_prices(20, 3)
    one = walk(UniversalPortfolio(samples=30, seed=1), panel_of(prices))
    again = walk(
        UniversalPortfolio(samples=30, seed=1), panel_of(prices[:, ::-1], assets=[1444, 1443, 1442])
    )
    other = walk(UniversalPortfolio(samples=30, seed=2), panel_of(prices))
    np.testing.assert_allclose(again[one.columns], one, rtol=1e-12)
    assert np.abs(other - one).to_numpy().max() > 1e-6


def test_best_constant_rebalanced_of_cover_and_gluss() -> None:
    panel = panel_of(COVER_AND_GLUSS)
    best = BestConstantRebalanced().fit_hindsight(panel)
    weights = best.decide(panel.window(panel.times[0]), pd.Series(0.0, index=panel.assets))
    np.testing.assert_allclose(weights, 0.5, atol=1e-6)
    np.testing.assert_allclose(
        growth(BestConstantRebalanced(), panel), (9.0 / 8.0) ** 12, rtol=1e-9
    )
    np.testing.assert_allclose(growth(BestAsset(), panel), 1.0, rtol=1e-12)


def test_hindsight_beats_every_constant_portfolio_and_is_refused_without_its_sample() -> None:
    panel = panel_of(random_prices(80, 4, seed=8, scale=0.1))
    best = growth(BestConstantRebalanced(), panel)
    for share in np.random.default_rng(0).dirichlet(np.ones(4), 30):
        assert growth(
            Rebalanced(weights=dict(zip(panel.assets, share, strict=True))), panel
        ) <= best * (1.0 + 1e-9)
    assert growth(BestAsset(), panel) == pytest.approx(
        (panel.array("price")[-1] / panel.array("price")[0]).max(), rel=1e-12
    )
    for investor in (BestConstantRebalanced(), BestAsset()):
        assert investor.hindsight
        with pytest.raises(ParameterError, match=r"hindsight.*fit_hindsight"):
            investor.decide(panel.window(panel.times[-1]), pd.Series(0.0, index=panel.assets))
        assert investor.fit_hindsight(panel).clone()._best is None


# -- one step by hand ------------------------------------------------------------------------------


def test_exponentiated_gradient_by_hand() -> None:
    # b = (1/2, 1/2), x = (1, 2): b.x = 3/2, exponents 1/2 * (2/3) and 1/2 * (4/3), so the odds are
    # exp(1/3).
    found = weights_of_last_rows(
        ExponentiatedGradient(eta=0.5), np.array([[1.0, 1.0], [1.0, 2.0]])
    )[-1]
    odds = math.exp(1.0 / 3.0)
    np.testing.assert_allclose(found, [1.0 / (1.0 + odds), odds / (1.0 + odds)], rtol=1e-14)


def test_exponentiated_gradient_without_learning_is_uniform() -> None:
    panel = panel_of(random_prices(20, 3))
    np.testing.assert_allclose(walk(ExponentiatedGradient(eta=0.0), panel), 1 / 3)
    np.testing.assert_allclose(
        growth(ExponentiatedGradient(eta=0.0), panel), growth(Rebalanced(), panel), rtol=1e-12
    )


def test_pamr_by_hand() -> None:
    # x = (1.2, 0.8): mean 1, excess (0.2, -0.2), |excess|^2 = 0.08; b.x = 1, loss 1 - 0.96 = 0.04,
    # tau = 0.5.
    prices = np.array([[1.0, 1.0], [1.2, 0.8]])
    np.testing.assert_allclose(
        weights_of_last_rows(PAMR(epsilon=0.96), prices)[-1], [0.4, 0.6], rtol=1e-12
    )
    # PAMR-1: tau at most 0.3; PAMR-2: 0.04 / (0.08 + 1 / (2 * 6.25)) = 0.25.
    found = weights_of_last_rows(PAMR(epsilon=0.96, variant=1, aggressiveness=0.3), prices)[-1]
    np.testing.assert_allclose(found, [0.44, 0.56], rtol=1e-12)
    found = weights_of_last_rows(PAMR(epsilon=0.96, variant=2, aggressiveness=6.25), prices)[-1]
    np.testing.assert_allclose(found, [0.45, 0.55], rtol=1e-12)
    # Passive where the portfolio has not gained more than epsilon.
    np.testing.assert_allclose(weights_of_last_rows(PAMR(epsilon=1.1), prices)[-1], [0.5, 0.5])


def test_olmar_by_hand() -> None:
    # Prices (1, 1) and (1.25, 0.8), w = 2: expected relatives (2.25 / 2.5, 1.8 / 1.6) = (0.9,
    # 1.125), mean 1.0125.
    prices = np.array([[1.0, 1.0], [1.25, 0.8]])
    step = (1.05 - 1.0125) / (2 * 0.1125**2)
    expected = [0.5 - step * 0.1125, 0.5 + step * 0.1125]
    np.testing.assert_allclose(
        weights_of_last_rows(OLMAR(window=2, epsilon=1.05), prices)[-1], expected, rtol=1e-12
    )
    # Exponential: 1/2 + 1/2 / x = (0.9, 1.125) as well, since the expectation before was 1.
    found = weights_of_last_rows(OLMAR(average="exponential", epsilon=1.05), prices)[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # Enough is expected already: passive.
    np.testing.assert_allclose(
        weights_of_last_rows(OLMAR(window=2, epsilon=1.0), prices)[-1], [0.5, 0.5]
    )


@pytest.mark.parametrize("variant", ["deviation", "variance"])
def test_cwmr_moves_just_as_far_as_its_constraint_asks(variant: str) -> None:
    rng = np.random.default_rng(5)
    size, phi, epsilon = 6, 2.0, 0.9
    variance = rng.uniform(0.5, 2.0, size)
    variance /= variance.sum() * size
    portfolio, relative = rng.dirichlet(np.ones(size)), rng.uniform(0.9, 1.1, size)

    def solved(multiplier: float) -> tuple[np.ndarray, np.ndarray]:
        middle = variance @ relative / variance.sum()
        mean = portfolio - multiplier * variance * (relative - middle)
        v = float(variance @ relative**2)
        if variant == "deviation":
            deviation = (
                -multiplier * phi * v + math.sqrt((multiplier * phi * v) ** 2 + 4.0 * v)
            ) / 2.0
            full = np.linalg.inv(
                np.diag(1 / variance) + multiplier * phi / deviation * np.outer(relative, relative)
            )
            assert relative @ full @ relative == pytest.approx(deviation**2, rel=1e-9)
            slack = epsilon - mean @ relative - phi * deviation
            diagonal = 1.0 / (1.0 / variance + multiplier * phi / deviation * relative**2)
        else:
            full = np.linalg.inv(
                np.diag(1 / variance) + 2.0 * multiplier * phi * np.outer(relative, relative)
            )
            slack = epsilon - mean @ relative - phi * relative @ full @ relative
            diagonal = 1.0 / (1.0 / variance + 2.0 * multiplier * phi * relative**2)
        return np.array([slack]), np.concatenate(
            [project_simplex(mean), diagonal / diagonal.sum() / size]
        )

    from scipy.optimize import brentq

    low, high = 0.0, 1.0
    while solved(high)[0][0] < 0.0:
        high *= 2.0
    assert solved(low)[0][0] < 0.0
    targets = solved(brentq(lambda z: solved(z)[0][0], low, high, xtol=1e-14, rtol=1e-14))[1]
    learner = CWMR(phi=phi, epsilon=epsilon, variant=variant)
    learner._variance = variance.copy()
    found = learner.update(
        Market(0, np.empty(0, dtype=np.int64), None, 1, 0, False), portfolio, relative
    )
    np.testing.assert_allclose(found, targets[:size], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(learner._variance, targets[size:], rtol=1e-8)


# -- a second statement of the longer algorithms ---------------------------------------------------


def newton_step_restated(relatives: np.ndarray, beta: float, delta: float) -> np.ndarray:
    """Agarwal et al. (2006), figure 1, with the projection by a general solver."""
    size = relatives.shape[1]
    portfolio, matrix, vector = np.full(size, 1.0 / size), np.eye(size), np.zeros(size)
    for relative in relatives:
        gradient = relative / (portfolio @ relative)
        matrix = matrix + np.outer(gradient, gradient)
        vector = vector + (1.0 + 1.0 / beta) * gradient
        target = delta * np.linalg.solve(matrix, vector)
        portfolio = minimize(
            lambda b, q=target, a=matrix: float((b - q) @ a @ (b - q)),
            portfolio,
            jac=lambda b, q=target, a=matrix: 2.0 * a @ (b - q),
            bounds=[(0.0, 1.0)] * size,
            constraints={"type": "eq", "fun": lambda b: b.sum() - 1.0},
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 500},
        ).x
    return portfolio


@pytest.mark.parametrize(("beta", "delta"), [(1.0, 0.125), (0.5, 3.0)])
def test_online_newton_step_agrees_with_the_paper_restated(beta: float, delta: float) -> None:
    prices = random_prices(15, 4, seed=1, scale=0.2)
    found = weights_of_last_rows(OnlineNewtonStep(beta=beta, delta=delta), prices)[-1]
    # SLSQP stops at about 1e-7.
    np.testing.assert_allclose(
        found, newton_step_restated(prices[1:] / prices[:-1], beta, delta), atol=1e-6
    )


def test_online_newton_step_mixes_in_the_uniform_portfolio() -> None:
    prices = random_prices(2, 3, scale=0.2)
    plain = weights_of_last_rows(OnlineNewtonStep(), prices)[-1]
    mixed = weights_of_last_rows(OnlineNewtonStep(eta=0.25), prices)[-1]
    np.testing.assert_allclose(mixed, 0.75 * plain + 0.25 / 3, rtol=1e-12)


def anticor_restated(relatives: np.ndarray, window: int) -> np.ndarray:
    """Borodin, El-Yaniv, Gogan (2004), figure 1, in loops."""
    rows, size = relatives.shape
    portfolio = np.full(size, 1.0 / size)
    for t in range(1, rows + 1):
        held = portfolio * relatives[t - 1]
        held = held / held.sum()
        portfolio = held.copy()
        if t < 2 * window:
            continue
        first, second = (
            np.log(relatives[t - 2 * window : t - window]),
            np.log(relatives[t - window : t]),
        )
        claims = np.zeros((size, size))

        def correlation(i: int, j: int, first=first, second=second) -> float:
            return float(np.corrcoef(first[:, i], second[:, j])[0, 1])

        for i in range(size):
            for j in range(size):
                if (
                    i != j
                    and second[:, i].mean() >= second[:, j].mean()
                    and correlation(i, j) > 0.0
                ):
                    claims[i, j] = (
                        correlation(i, j)
                        + max(0.0, -correlation(i, i))
                        + max(0.0, -correlation(j, j))
                    )
        for i in range(size):
            for j in range(size):
                if claims[i].sum() > 0.0:
                    moved = held[i] * claims[i, j] / claims[i].sum()
                    portfolio[i] -= moved
                    portfolio[j] += moved
    return portfolio


@pytest.mark.parametrize("window", [2, 5])
def test_anticor_agrees_with_the_paper_restated(window: int) -> None:
    prices = random_prices(25, 4, seed=2, scale=0.05)
    found = weights_of_last_rows(Anticor(window=window), prices)[-1]
    np.testing.assert_allclose(
        found, anticor_restated(prices[1:] / prices[:-1], window), atol=1e-10
    )


@pytest.mark.parametrize(("window", "rho"), [(1, 0.2), (3, 0.0), (3, 0.4), (2, -1.0)])
def test_corn_agrees_with_the_paper_restated(window: int, rho: float) -> None:
    prices = random_prices(40, 3, seed=3, scale=0.05)
    relatives = prices[1:] / prices[:-1]
    latest = relatives[-window:].ravel()
    alike = [
        i
        for i in range(window, len(relatives))
        if np.corrcoef(relatives[i - window : i].ravel(), latest)[0, 1] >= rho
    ]
    np.testing.assert_array_equal(similar_rows(relatives, window, rho), alike)
    expected = log_optimal(relatives[alike]) if alike else np.full(3, 1 / 3)
    np.testing.assert_allclose(
        weights_of_last_rows(CORN(window=window, rho=rho), prices)[-1], expected, atol=1e-9
    )


def test_corn_without_a_similar_row_is_uniform() -> None:
    np.testing.assert_allclose(weights_of_last_rows(CORN(rho=1.0), random_prices(30, 3))[-1], 1 / 3)
    np.testing.assert_allclose(weights_of_last_rows(CORN(window=5), random_prices(4, 3))[-1], 1 / 3)
    assert len(similar_rows(np.ones((20, 3)), 2, 0.5)) == 0


def test_follow_the_leader_holds_the_best_portfolio_of_its_past() -> None:
    prices = random_prices(60, 4, seed=6, scale=0.1)
    relatives = prices[1:] / prices[:-1]
    found = weights_of_last_rows(FollowTheLeader(), prices)
    np.testing.assert_allclose(found[30], log_optimal(relatives[:30]), atol=1e-7)
    np.testing.assert_allclose(
        weights_of_last_rows(FollowTheLeader(lookback=20), prices)[-1],
        log_optimal(relatives[-20:]),
        atol=1e-7,
    )
    best = weights_of_last_rows(FollowTheLeader(leader="asset"), prices)[-1]
    assert best.argmax() == np.log(prices[-1] / prices[0]).argmax()
    assert best.max() == 1.0


# -- another package -------------------------------------------------------------------------------

UNIVERSAL_PORTFOLIOS = {
    # universal-portfolios 0.4.17: algos.EG(eta=0.05), algos.ONS(), algos.PAMR(...),
    # algos.OLMAR(...) run on pd.DataFrame(np.exp(np.cumsum(np.random.default_rng(7).normal(0.0,
    # 0.03, (40, 4)), axis=0))); the last row of result.B.
    "eg": [0.24795712099396572, 0.2491638010858374, 0.2512036778277546, 0.25167540009244227],
    "ons": [0.37238454183028874, 0.29856461743680124, 0.17972081548433655, 0.1493300252485735],
    "pamr": [0.11138769681064173, 0.30313591411738555, 0.44188544080830033, 0.14359094826367236],
    "pamr-1": [0.37294827413029874, 0.002273193804723017, 0.624778532064978, 0.0],
    "pamr-2": [0.36666644596395603, 0.058926764721418806, 0.5667601542758899, 0.00764663503873538],
    "olmar": [0.0, 0.7423545772126589, 0.0, 0.2576454227873411],
    "olmar-2": [0.0, 0.16894651370953762, 0.0, 0.8310534862904624],
}


@pytest.mark.parametrize(
    ("name", "investor", "tolerance"),
    [
        ("eg", ExponentiatedGradient(), 1e-12),
        # The package solves its projections with an interior-point method.
        ("ons", OnlineNewtonStep(), 1e-6),
        ("pamr", PAMR(epsilon=1.01), 1e-10),
        ("pamr-1", PAMR(variant=1, aggressiveness=50), 1e-10),
        ("pamr-2", PAMR(variant=2, aggressiveness=50), 1e-10),
        ("olmar", OLMAR(epsilon=1.02), 1e-10),
        # The package starts its average from the first price instead of from 1, which fades by half
        # a row.
        ("olmar-2", OLMAR(average="exponential", epsilon=1.02), 1e-8),
    ],
)
def test_learners_agree_with_universal_portfolios(name: str, investor, tolerance: float) -> None:
    prices = np.exp(np.cumsum(np.random.default_rng(7).normal(0.0, 0.03, (40, 4)), axis=0))
    np.testing.assert_allclose(
        weights_of_last_rows(investor, prices)[-2], UNIVERSAL_PORTFOLIOS[name], atol=tolerance
    )


# -- the rows --------------------------------------------------------------------------------------

LEARNERS = [
    ExponentiatedGradient(eta=2.0),
    OnlineNewtonStep(),
    UniversalPortfolio(samples=40),
    FollowTheLeader(lookback=50),
    OLMAR(),
    OLMAR(average="exponential"),
    PAMR(),
    CWMR(),
    CWMR(variant="variance"),
    Anticor(window=4),
    CORN(window=2, lookback=50),
]


def thin_market(seed: int = 0) -> np.ndarray:
    """Prices with missing cells, a late listing, an asset that falls silent, and one that comes
    back.
    """
    prices = random_prices(120, 6, seed=seed, scale=0.03)
    prices[np.random.default_rng(seed).random(prices.shape) < 0.15] = np.nan
    prices[:50, 5] = np.nan
    prices[60:, 4] = np.nan
    prices[40:80, 3] = np.nan
    return prices


@pytest.mark.parametrize("investor", LEARNERS, ids=lambda one: one.name)
@pytest.mark.parametrize("cash", [False, True])
def test_an_answer_does_not_depend_on_the_windows_between(investor, cash: bool) -> None:
    panel = panel_of(thin_market())
    investor = investor.clone().set_params(cash=cash, max_assets=4)
    every = walk(investor, panel, first=20, depth=40)
    some = walk(investor, panel, depth=40, rows=[20, 21, 40, 70, 71, 100, 119])
    assert some.equals(every.loc[some.index])


@pytest.mark.parametrize("investor", LEARNERS, ids=lambda one: one.name)
def test_weights_stay_on_the_simplex_and_with_recent_prices(investor) -> None:
    prices = thin_market(3)
    panel = panel_of(prices)
    targets = walk(investor.clone().set_params(max_age=6), panel, first=10)
    recent = (
        pd.DataFrame(~np.isnan(prices)).rolling(6, min_periods=1).max().to_numpy(dtype=bool)[10:]
    )
    assert targets.notna().all(axis=None)
    assert (targets.to_numpy() >= 0.0).all()
    np.testing.assert_allclose(targets.sum(axis=1), 1.0, atol=1e-12)
    assert (targets.to_numpy()[~recent] == 0.0).all()
    assert targets.iloc[-1, 5] > 0.0 or investor.name not in {"eg(eta=2)", "universal(samples=40)"}


@pytest.mark.parametrize("investor", LEARNERS, ids=lambda one: one.name)
def test_other_assets_than_before_are_refused(investor) -> None:
    fresh = investor.clone()
    prices = random_prices(5, 3)
    one, other = panel_of(prices), panel_of(prices, assets=[1, 2, 3])
    fresh.decide(one.window(one.times[1]), pd.Series(0.0, index=one.assets))
    with pytest.raises(DataError, match="other assets"):
        fresh.decide(other.window(other.times[3]), pd.Series(0.0, index=other.assets))


@pytest.mark.parametrize("investor", LEARNERS, ids=lambda one: one.name)
def test_a_learner_goes_on_from_a_pickle(investor) -> None:
    panel = panel_of(thin_market(2))
    held = pd.Series(0.0, index=panel.assets)
    fresh = investor.clone()
    for row in range(30, 60):
        fresh.decide(panel.window(panel.times[row]), held)
    restored = pickle.loads(pickle.dumps(fresh))
    for row in range(60, 70):
        window = panel.window(panel.times[row])
        assert fresh.decide(window, held).equals(restored.decide(window, held))


@pytest.mark.parametrize("investor", LEARNERS, ids=lambda one: one.name)
def test_a_learner_cannot_be_taken_back_in_time(investor) -> None:
    panel = panel_of(random_prices(20, 3))
    held = pd.Series(0.0, index=panel.assets)
    fresh = investor.clone()
    fresh.decide(panel.window(panel.times[10]), held)
    with pytest.raises(DataError, match="windows move forward"):
        fresh.decide(panel.window(panel.times[9]), held)
    fresh.reset()
    assert fresh.decide(panel.window(panel.times[9]), held) is not None


def test_rows_that_the_first_window_shows_are_learnt_from_on_request() -> None:
    panel = panel_of(random_prices(40, 3, seed=9, scale=0.05))
    trained = walk(PAMR(pretrain=True), panel, first=25)
    np.testing.assert_allclose(trained, walk(PAMR(), panel).iloc[25:], rtol=1e-12)
    np.testing.assert_allclose(walk(PAMR(), panel, first=25).iloc[0], 1 / 3)


def test_a_new_asset_starts_with_an_equal_share() -> None:
    prices = np.ones((40, 3))
    prices[:20, 2] = np.nan
    targets = walk(ExponentiatedGradient(), panel_of(prices))
    np.testing.assert_allclose(targets.iloc[19], [0.5, 0.5, 0.0])
    # 1/3 beside two halves, brought back to the simplex.
    np.testing.assert_allclose(targets.iloc[20], [0.375, 0.375, 0.25])


def test_cash_is_one_more_asset_of_the_learners() -> None:
    falling = np.exp(-0.05 * np.arange(60))[:, None] * random_prices(60, 2, scale=0.01)
    panel = panel_of(falling)
    assert walk(FollowTheLeader(cash=True), panel).iloc[-1].sum() < 1e-9
    np.testing.assert_allclose(walk(FollowTheLeader(), panel).iloc[-1].sum(), 1.0)
    np.testing.assert_allclose(walk(ExponentiatedGradient(cash=True), panel).iloc[0], 1 / 3)
    assert growth(ExponentiatedGradient(cash=True, eta=1.0), panel) > growth(
        ExponentiatedGradient(eta=1.0), panel
    )


def test_the_largest_assets_are_in_play() -> None:
    prices = random_prices(30, 4)
    cap = np.tile([1.0, 4.0, 3.0, 2.0], (30, 1))
    targets = walk(ExponentiatedGradient(max_assets=2), panel_of(prices, market_cap=cap))
    assert (targets.iloc[-1] > 0.0).tolist() == [False, True, True, False]
    prices[10:, 1] = np.nan
    targets = walk(ExponentiatedGradient(max_assets=2, max_age=5), panel_of(prices, market_cap=cap))
    assert (targets.iloc[-1] > 0.0).tolist() == [False, False, True, True]
