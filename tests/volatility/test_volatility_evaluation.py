"""Losses, regressions and coverage tests against values by hand, statsmodels, papers and their size
under the null.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

import statarb as sa
from statarb.volatility import (
    christoffersen,
    kupiec,
    mincer_zarnowitz,
    qlike,
    squared_error,
    value_at_risk,
)


def test_losses_by_hand():
    realised, forecast = np.array([1.0, 4.0, np.nan]), np.array([2.0, 2.0, 1.0])
    assert qlike(realised, forecast) == pytest.approx(np.log(2) + (0.5 + 2.0) / 2)
    assert squared_error(realised, forecast) == pytest.approx((1 + 4) / 2)
    table = pd.DataFrame({"a": realised, "b": [0.0, 0.0, 0.0]})
    both = qlike(table, pd.DataFrame({"a": forecast, "b": 1.0}))
    assert list(both.index) == ["a", "b"]
    assert both["b"] == 0.0


def test_the_true_variance_has_the_least_expected_loss():
    rng = np.random.default_rng(0)
    h = np.exp(rng.standard_normal(20_000))
    squared = h * rng.standard_normal(20_000) ** 2
    for loss in (qlike, squared_error):
        best = loss(squared, h)
        assert best < loss(squared, 1.3 * h)
        assert best < loss(squared, 0.7 * h)
        assert best < loss(squared, np.full_like(h, h.mean()))


@pytest.mark.parametrize("lags", [0, 3, None])
def test_mincer_zarnowitz_is_that_of_statsmodels(lags):
    rng = np.random.default_rng(1)
    forecast = np.exp(rng.standard_normal(500)) * 1e-6
    realised = forecast * rng.standard_normal(500) ** 2
    realised[7] = np.nan
    ours = mincer_zarnowitz(realised, forecast, lags)
    keep = ~np.isnan(realised)
    used = int(4 * (499 / 100) ** (2 / 9)) if lags is None else lags
    model = sm.OLS(realised[keep] * 1e6, sm.add_constant(forecast[keep] * 1e6))
    theirs = model.fit(cov_type="HAC", cov_kwds={"maxlags": used, "use_correction": False})
    assert (ours.intercept * 1e6, ours.slope) == pytest.approx(theirs.params, rel=1e-9)
    assert (ours.intercept_error * 1e6, ours.slope_error) == pytest.approx(theirs.bse, rel=1e-9)
    assert ours.r_squared == pytest.approx(theirs.rsquared)
    wald = theirs.wald_test((np.eye(2), np.array([0.0, 1.0])), use_f=False, scalar=True)
    assert (ours.wald, ours.pvalue) == pytest.approx(
        (float(wald.statistic), float(wald.pvalue)), rel=1e-8
    )
    assert ours.observations == 499
    assert mincer_zarnowitz(realised, 3 * forecast).pvalue < 1e-3


def test_value_at_risk_is_the_quantile():
    sigma = pd.DataFrame({"a": [1.0, 2.0]})
    assert value_at_risk(sigma, 0.05)["a"].to_numpy() == pytest.approx([-1.6448536, -3.2897073])
    assert value_at_risk(1.0 * np.ones(1), 0.05, mean=0.5)[0] == pytest.approx(0.5 - 1.6448536)
    student = value_at_risk(np.ones(1), 0.01, distribution="t", nu=5.0)[0]
    assert student == pytest.approx(stats.t(5, scale=np.sqrt(3 / 5)).ppf(0.01))


def test_kupiec_by_hand_and_as_published():
    """Kupiec (1995), table 1, level .01: not rejected for N < 7 of 255, 1 < N < 11 of 510, 4 < N <
    17 of 1000 days.
    """
    hits = np.zeros(250)
    hits[::25] = 1
    test = kupiec(hits, 0.01)
    expected = 2 * (10 * np.log(0.04) + 240 * np.log(0.96) - 10 * np.log(0.01) - 240 * np.log(0.99))
    assert test.statistic == pytest.approx(expected)
    assert (test.exceeded, test.observations, test.rate, test.freedom) == (10, 250, 0.04, 1)

    def rejected(n: int, x: int) -> bool:
        return kupiec(np.arange(n) < x, 0.01).pvalue < 0.05

    # No exceedance at all in 255 days has a ratio of 5.13 > 3.84: the published bound is one-sided
    # there.
    assert [x for x in range(30) if not rejected(255, x)] == list(range(1, 7))
    assert [x for x in range(30) if not rejected(510, x)] == list(range(2, 11))
    assert [x for x in range(30) if not rejected(1000, x)] == list(range(5, 17))
    assert kupiec(np.zeros(100), 0.01).statistic == pytest.approx(-200 * np.log(0.99))
    assert kupiec(np.ones(3), 0.5).statistic == pytest.approx(6 * np.log(2))


def test_christoffersen_by_hand():
    hits = np.array([0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1], dtype=float)
    before, now = hits[:-1], hits[1:]
    n01, n00 = int(((before == 0) & (now == 1)).sum()), int(((before == 0) & (now == 0)).sum())
    n11, n10 = int(((before == 1) & (now == 1)).sum()), int(((before == 1) & (now == 0)).sum())
    assert (n00, n01, n10, n11) == (4, 3, 2, 1)
    chain = 4 * np.log(4 / 7) + 3 * np.log(3 / 7) + 2 * np.log(2 / 3) + 1 * np.log(1 / 3)
    flat = 6 * np.log(0.6) + 4 * np.log(0.4)
    independent = christoffersen(hits, kind="independence")
    assert independent.statistic == pytest.approx(2 * (chain - flat))
    assert independent.freedom == 1
    conditional = christoffersen(hits, 0.25)
    assert conditional.statistic == pytest.approx(2 * (chain - 6 * np.log(0.75) - 4 * np.log(0.25)))
    assert conditional.freedom == 2
    assert conditional.pvalue == pytest.approx(stats.chi2.sf(conditional.statistic, 2))
    assert christoffersen(np.zeros(10), 0.05).statistic == pytest.approx(-18 * np.log(0.95))


def test_conditional_coverage_is_coverage_plus_independence():
    """Christoffersen (1998), equation 6: on the same observations the statistics add up."""
    rng = np.random.default_rng(2)
    hits = (rng.random(400) < 0.06).astype(float)
    parts = kupiec(hits[1:], 0.05).statistic + christoffersen(hits, kind="independence").statistic
    assert christoffersen(hits, 0.05).statistic == pytest.approx(parts)


def test_coverage_tests_have_their_size_and_see_clusters():
    rng = np.random.default_rng(3)
    runs = 400
    fair = [(rng.random(1000) < 0.05).astype(float) for _ in range(runs)]
    # 400 runs of a test at .05: a standard error of .011; the independence test is a little too
    # large in small samples.
    assert np.mean([kupiec(hits, 0.05).pvalue < 0.05 for hits in fair]) == pytest.approx(
        0.05, abs=0.035
    )
    assert np.mean([christoffersen(hits, 0.05).pvalue < 0.05 for hits in fair]) < 0.12
    clustered = np.repeat(rng.random(250) < 0.05, 4).astype(float)
    assert christoffersen(clustered, kind="independence").pvalue < 1e-6


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: qlike([1.0], [0.0]), sa.DataError, "must be positive"),
        (lambda: qlike([1.0], [1.0, 2.0]), sa.DataError, "same shape"),
        (lambda: qlike([-1.0], [1.0]), sa.DataError, "at least 0"),
        (
            lambda: qlike(pd.Series([1.0], index=[3]), pd.Series([1.0], index=[4])),
            sa.DataError,
            "same index",
        ),
        (lambda: mincer_zarnowitz(np.ones(9), np.ones(9)), sa.DataError, "at least 10"),
        (lambda: mincer_zarnowitz(np.ones(20), np.ones(20)), sa.DataError, "never changes"),
        (
            lambda: mincer_zarnowitz(np.ones((20, 2)), np.ones((20, 2))),
            sa.DataError,
            "one asset at a time",
        ),
        (lambda: kupiec([], 0.05), sa.DataError, "at least one row"),
        (lambda: kupiec([np.nan], 0.05), sa.DataError, "no observation"),
        (lambda: kupiec([0.5], 0.05), sa.DataError, "0 and 1"),
        (lambda: kupiec([1.0], 0.0), sa.ParameterError, "level"),
        (lambda: christoffersen([1.0], 0.05), sa.DataError, "two observations"),
        (lambda: christoffersen([1.0, 0.0]), sa.ParameterError, "level must be given"),
        (lambda: christoffersen([1.0, 0.0], 0.05, "both"), sa.ParameterError, "kind"),
        (lambda: value_at_risk([1.0], distribution="t"), sa.ParameterError, "nu must be above 2"),
        (
            lambda: value_at_risk([1.0], distribution="t", nu=2.0),
            sa.ParameterError,
            "nu must be above 2",
        ),
        (lambda: value_at_risk([1.0], 1.0), sa.ParameterError, "level"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
