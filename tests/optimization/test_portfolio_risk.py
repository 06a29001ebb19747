"""Risk functions against their definitions, closed forms and cvxpy, and the portfolio's two
parts.
"""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.optimization import (
    asset_risk,
    downside_deviation,
    entropy,
    expected_shortfall,
    portfolio_risk,
    value_at_risk,
    variance,
)

RNG = np.random.default_rng(3)
RETURNS = pd.DataFrame(RNG.standard_t(4, (200, 5)) * 0.01, columns=list("abcde"))


def test_by_hand():
    column = np.array([-0.04, -0.02, 0.0, 0.01, 0.05])
    assert variance(column) == pytest.approx(np.mean((column - column.mean()) ** 2))
    assert downside_deviation(column) == pytest.approx(np.sqrt((0.04**2 + 0.02**2) / 5))
    assert downside_deviation(column, 0.01) == pytest.approx(
        np.sqrt((0.05**2 + 0.03**2 + 0.01**2) / 5)
    )
    # the worst fifth is one case, whose next worst loss is the value at risk
    assert value_at_risk(column, 0.8) == pytest.approx(0.02)
    assert expected_shortfall(column, 0.8) == pytest.approx(0.04)
    # the worst 30 % are one case and a half
    assert expected_shortfall(column, 0.7) == pytest.approx((0.04 + 0.5 * 0.02) / 1.5)


def test_share_of_losses_beyond_the_value_at_risk():
    for level in (0.9, 0.95, 0.975, 0.99):
        beyond = (-RETURNS["a"] > value_at_risk(RETURNS["a"].to_numpy(), level)).mean()
        assert beyond <= 1.0 - level + 1e-12
        assert (-RETURNS["a"] >= value_at_risk(RETURNS["a"].to_numpy(), level)).mean() > 1.0 - level


def test_expected_shortfall_is_the_minimum_of_rockafellar_and_uryasev():
    for level in (0.9, 0.937):
        losses = -RETURNS["b"].to_numpy()
        threshold = cp.Variable()
        least = cp.Problem(
            cp.Minimize(threshold + cp.sum(cp.pos(losses - threshold)) / (200 * (1.0 - level)))
        ).solve("CLARABEL")
        # Clarabel's default tolerance
        assert expected_shortfall(-losses, level) == pytest.approx(least, rel=1e-6)


def test_entropy_of_a_normal_sample():
    sample = np.random.default_rng(0).normal(0.0, 0.02, 20_000)
    # Vasicek's estimator has a bias of order m / n
    assert entropy(sample) == pytest.approx(0.5 * np.log(2.0 * np.pi * np.e * 0.02**2), abs=0.02)
    assert entropy(3.0 * sample) == pytest.approx(entropy(sample) + np.log(3.0), abs=1e-10)
    n, m = 200, 14
    ordered = np.sort(RETURNS["a"].to_numpy())
    spacings = (
        ordered[np.minimum(np.arange(n) + m, n - 1)] - ordered[np.maximum(np.arange(n) - m, 0)]
    )
    assert entropy(RETURNS["a"].to_numpy(), m) == pytest.approx(
        np.mean(np.log(n / (2 * m) * spacings)), abs=1e-12
    )
    assert entropy(np.zeros(30)) == -np.inf


@pytest.mark.parametrize(
    "measure", ["variance", "downside_deviation", "value_at_risk", "expected_shortfall", "entropy"]
)
def test_every_asset_by_itself(measure):
    holed = RETURNS.copy()
    holed.iloc[:50, 2] = np.nan
    table = asset_risk(holed, measure)
    assert table.index.equals(RETURNS.columns)
    assert table["c"] == asset_risk(holed[["c"]].dropna(), measure)["c"]
    assert np.isnan(asset_risk(np.full((4, 1), np.nan), measure)).all()


@pytest.mark.parametrize("form", ["own", "average"])
@pytest.mark.parametrize("measure", ["variance", "downside"])
def test_parts_add_up(measure, form):
    rng = np.random.default_rng(1)
    for mar in (0.0, 0.002) if measure == "downside" else (0.0,):
        weights = pd.Series(rng.dirichlet(np.ones(6))[:-1], index=RETURNS.columns)
        parts = portfolio_risk(weights, RETURNS, measure, minimum_acceptable_return=mar, form=form)
        path = RETURNS.to_numpy() @ weights.to_numpy()
        expected = (
            np.var(path) if measure == "variance" else np.mean(np.maximum(mar - path, 0.0) ** 2)
        )
        assert parts.total == pytest.approx(expected, rel=1e-12)
        assert parts.weighted + parts.interdependence == pytest.approx(parts.total, rel=1e-10)
        assert parts.contribution.sum() == pytest.approx(parts.total, rel=1e-10)
        assert parts.assets.sum() == pytest.approx(parts.weighted, rel=1e-12)
        assert parts.pairs.to_numpy().sum() == pytest.approx(parts.interdependence, rel=1e-10)
        np.testing.assert_allclose(parts.pairs, parts.pairs.T, atol=1e-18)
        assert parts.assets.index[-1] == "cash"


def test_average_form_is_the_weighted_average():
    weights = np.array([0.5, 0.2, 0.1, 0.0, 0.2])
    parts = portfolio_risk(weights, RETURNS, form="average")
    assert parts.weighted == pytest.approx(weights @ asset_risk(RETURNS).to_numpy(), rel=1e-12)
    assert parts.interdependence < 0.0


def test_cash_alone_has_no_risk():
    parts = portfolio_risk(np.zeros(5), RETURNS)
    assert (parts.total, parts.weighted, parts.interdependence) == (0.0, 0.0, 0.0)


def test_bad_input():
    with pytest.raises(sa.DataError, match="missing ones is 'b'"):
        portfolio_risk(np.zeros(5), RETURNS.mask(RETURNS.loc[3, "b"] == RETURNS))
    with pytest.raises(sa.ParameterError, match="level"):
        value_at_risk(RETURNS["a"].to_numpy(), 1.0)
    with pytest.raises(sa.ParameterError, match="did you mean 'variance'"):
        asset_risk(RETURNS, "varience")
    with pytest.raises(sa.DataError, match="spacing"):
        entropy(np.arange(5.0), 3)
    with pytest.raises(sa.DataError, match="infinite"):
        variance(np.array([1.0, np.inf]))
