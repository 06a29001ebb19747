"""Johansen's test, of baskets and of all pairs, and Phillips and Ouliaris's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arch.unitroot.cointegration import phillips_ouliaris as arch_test
from statsmodels.tsa.vector_ar.vecm import VECM, coint_johansen

import statarb as sa
from statarb.cointegration import phillips_ouliaris, scan_johansen
from statarb.cointegration._engine.reduced_rank import reduced_rank
from statarb.cointegration.critical_values import critical_values
from statarb.errors import DataError, ParameterError

TRENDS = ("n", "ci", "c", "ct")
NAMES = {"n": "n", "ci": "ci", "c": "co", "ct": "coli"}
"""The trends as statsmodels' error-correction model calls them."""


def market(rows: int = 300, assets: int = 7, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    levels = np.cumsum(rng.standard_t(5, size=(rows, assets)), axis=0) + 3.0
    levels[:, 1] = 1.3 * levels[:, 0] + np.convolve(
        rng.normal(size=rows + 10), 0.7 ** np.arange(11), "valid"
    )
    return pd.DataFrame(levels, columns=[f"c{i}" for i in range(assets)])


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("lags", [1, 2, 5])
def test_all_pairs_agree_with_the_likelihoods_of_statsmodels(trend: str, lags: int) -> None:
    frame = market()
    table = scan_johansen(frame, lags, trend=trend, tile=3).to_frame()
    assert len(table) == 21
    assert table["trace_0"].is_monotonic_decreasing
    for row in table.itertuples():
        pair = frame[[row.y, row.x]]
        fits = [
            VECM(pair, k_ar_diff=lags, coint_rank=rank, deterministic=NAMES[trend]).fit()
            for rank in (1, 2)
        ]
        # twice the difference of log likelihoods is the statistic of "at most one"
        ratio = 2.0 * (fits[1].llf - fits[0].llf)
        assert row.trace_1 == pytest.approx(ratio, rel=1e-8, abs=1e-8)
        assert row.hedge_ratio == pytest.approx(-fits[0].beta[1, 0] / fits[0].beta[0, 0], rel=1e-6)
        plain = reduced_rank(pair.to_numpy(), lags, trend)
        single = -plain.rows * np.log1p(-plain.eigenvalues)
        np.testing.assert_allclose(
            [row.trace_0, row.trace_1, row.max_eigenvalue_0],
            [single.sum(), single[1], single[0]],
            rtol=1e-8,
            atol=1e-9,
        )
        if trend in ("n", "c"):
            result = coint_johansen(pair, {"n": -1, "c": 0}[trend], lags)
            # statsmodels inverts the moments without centring where there is no constant, and loses
            # two digits there
            tolerance = 1e-8 if trend == "n" else 1e-10
            np.testing.assert_allclose(
                [row.trace_0, row.trace_1], result.trace_stat, rtol=tolerance, atol=tolerance
            )


@pytest.mark.parametrize("trend", TRENDS)
def test_missing_rows_do_not_change_the_model(trend: str) -> None:
    frame = market(260, 6, seed=4)
    frame.iloc[:80, 3:] = np.nan  # a group with rows of its own
    frame.iloc[40:44, 2] = np.nan  # pairs one by one
    table = scan_johansen(frame, 2, trend=trend, tile=2, min_overlap=60).to_frame()
    for row in table.itertuples():
        plain = reduced_rank(frame[[row.y, row.x]].dropna().to_numpy(), 2, trend)
        single = -plain.rows * np.log1p(-plain.eigenvalues)
        np.testing.assert_allclose(
            [row.trace_0, row.trace_1], [single.sum(), single[1]], rtol=1e-8, atol=1e-9
        )


def drifting(trend: str, rng: np.random.Generator, rows: int, assets: int) -> np.ndarray:
    """Independent walks of the kind that a trend is meant for."""
    walks = rng.normal(size=(rows, assets)).cumsum(axis=0)
    if trend in ("c", "ct"):
        walks += 0.3 * np.arange(rows)[:, None] * rng.uniform(0.5, 1.5, assets)
    return 0.01 * walks if trend == "n" else 0.01 * walks + 5.0


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize(("rows", "lags"), [(300, 1), (100, 5)])
def test_statistic_and_critical_values_belong_to_one_model(
    trend: str, rows: int, lags: int
) -> None:
    """Size of the scan at 5 % on unrelated walks: 2,400 pairs, in which a share of assets makes the
    standard error about .008. A line in the levels with the critical values of a quadratic trend
    found 23 % (github.com/statsmodels/statsmodels/issues/6168).
    """
    ranks, tied = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        levels = drifting(trend, rng, rows, 25)
        ranks.append(scan_johansen(levels, lags, trend=trend).rank())
        # pairs with one relation: "at most one" is true, and is rejected at 5 % too
        levels[:, 1:25:2] = levels[:, 0:24:2] + 0.01 * rng.normal(size=(rows, 12))
        if trend != "n":
            levels[:, 1:25:2] += 3.0
        if trend == "ct":
            levels[:, 1:25:2] += 2e-4 * np.arange(rows)[:, None]
        scan = scan_johansen(levels, lags, trend=trend)
        tied.append(scan.rank()[(scan.y % 2 == 0) & (scan.x == scan.y + 1)])
    assert 0.02 < np.mean(np.concatenate(ranks) > 0) < 0.085
    pairs = np.concatenate(tied)
    assert len(pairs) == 96
    assert np.mean(pairs == 2) < 0.12  # a standard error of .022
    assert np.mean(pairs > 0) > (0.95 if rows == 300 else 0.3)


@pytest.mark.parametrize("trend", TRENDS)
def test_baskets_of_a_few_series_hold_their_size(trend: str) -> None:
    found = [
        sa.johansen(drifting(trend, np.random.default_rng(seed), 200, 4), 2, trend=trend).rank()
        for seed in range(300)
    ]
    assert np.mean(np.array(found) > 0) < 0.09  # a standard error of .0126


@pytest.mark.parametrize(
    ("assets", "rows", "lags", "raw"), [(12, 400, 5, 0.7), (8, 100, 1, 0.2), (5, 100, 5, 0.5)]
)
def test_many_series_and_lags_do_not_make_relations(
    assets: int, rows: int, lags: int, raw: float
) -> None:
    """Independent walks: the asymptotic critical values alone find relations in most baskets."""
    uncorrected, found = [], []
    for seed in range(100):
        walks = 0.01 * np.random.default_rng(seed).normal(size=(rows, assets)).cumsum(axis=0)
        result = sa.johansen(walks, lags)
        uncorrected.append(result.trace["statistic"][0] > result.trace["5%"][0])
        found.append(result.rank())
        assert result.correction == 1.0 - assets * (lags + 1) / (rows - 1 - lags)
    assert np.mean(uncorrected) > raw
    assert np.mean(np.array(found) > 0) < 0.12  # 5 % and three standard errors


def test_a_planted_relation_among_many_series_is_found() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        walks = rng.standard_normal((800, 8)).cumsum(axis=0)
        walks[:, 7] = walks[:, :4].sum(axis=1) + rng.standard_normal(800)
        result = sa.johansen(walks, 2)
        assert result.rank() >= 1
        weights = result.vectors[0] / result.vectors[0][0]
        np.testing.assert_allclose(weights, [1, 1, 1, 1, 0, 0, 0, -1], atol=0.1)


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("unit", [1e3, 1e8, 1e16])
@pytest.mark.filterwarnings("ignore:.*look like prices:UserWarning")
def test_units_do_not_matter(trend: str, unit: float) -> None:
    """Prices of one asset in other units, up to what no currency has."""
    frame = np.exp(0.01 * market(300, 3, seed=6))
    frame["c2"] = frame["c0"] + 0.5 * frame["c1"] + 0.01 * market(300, 2, seed=7)["c0"].diff()
    frame = frame.dropna()
    frame -= 0.9 * frame.iloc[0] if trend != "n" else 0.0
    scaled = frame.assign(c1=frame["c1"] * unit, c2=frame["c2"] / unit)
    one, other = (sa.johansen(levels, 2, trend=trend) for levels in (frame, scaled))
    pd.testing.assert_frame_equal(one.trace, other.trace, rtol=1e-9)
    assert one.rank() == other.rank()
    np.testing.assert_allclose(
        other.vectors.mul([1.0, unit, 1.0 / unit], axis=0), one.vectors, rtol=1e-6, atol=1e-8
    )
    pairs, others = (
        scan_johansen(levels, 2, trend=trend).to_frame().set_index(["y", "x"]).sort_index()
        for levels in (frame, scaled)
    )
    np.testing.assert_allclose(others["trace_0"], pairs["trace_0"], rtol=1e-7)
    assert (others["rank"] == pairs["rank"]).all()


def test_critical_values_grow_with_what_the_model_may_fit() -> None:
    for statistic in ("trace", "max_eigenvalue"):
        for free in range(1, 13):
            ten, five, one = critical_values("ct", statistic, free)
            assert ten < five < one
            assert five > critical_values("ci", statistic, free)[1]
            assert (critical_values("ci", statistic, free) > critical_values("n", statistic, free))[
                :2
            ].all()
    # MacKinnon, Haug and Michelis (1999), tables IV and II, restricted trend and constant, at 5 %:
    # Doornik's distributions come within half a percent of their simulations
    assert critical_values("ct", "trace", 2)[1] == pytest.approx(25.87, rel=6e-3)
    assert critical_values("ct", "trace", 1)[1] == pytest.approx(12.52, rel=6e-3)
    assert critical_values("ci", "trace", 2)[1] == pytest.approx(20.26, rel=6e-3)
    assert critical_values("ci", "trace", 1)[1] == pytest.approx(9.16, rel=6e-3)


def test_missing_rows_late_listings_and_series_without_a_test() -> None:
    frame = market(260, 9, seed=1)
    frame.iloc[:80, 4:7] = np.nan
    frame.iloc[40:44, 2] = np.nan
    frame["flat"] = 2.0
    frame["double"] = 2.0 * frame["c0"] + 1.0
    frame["close"] = frame["c3"] + 0.03 * np.random.default_rng(0).normal(size=260)
    frame["short"] = frame["c8"].where(frame.index < 30)
    scan = scan_johansen(frame, 2, tile=4, min_overlap=60)
    table = scan.to_frame().set_index(["y", "x"])
    assert len(table) == 13 * 12 // 2
    for (y, x), row in table.iterrows():
        both = frame[[y, x]].dropna()
        assert row["observations"] == len(both)
        if "flat" in (y, x) and len(both) >= 60:
            assert row["status"] == "constant"
        elif len(both) < 60:
            assert row["status"] == "too few common observations"
        elif (y, x) == ("c0", "double"):
            assert row["status"] == "collinear"
        else:
            assert row["status"] == "ok"
            expected = coint_johansen(both, 0, 2)
            # the pair (c3, close) leaves statsmodels five digits
            tolerance = 1e-4 if (y, x) == ("c3", "close") else 1e-9
            np.testing.assert_allclose(
                [row["trace_0"], row["trace_1"]],
                expected.trace_stat,
                rtol=tolerance,
                atol=tolerance,
            )
            assert row["hedge_ratio"] == pytest.approx(
                -expected.evec[1, 0] / expected.evec[0, 0], rel=1e-3
            )
        if row["status"] != "ok":
            assert np.isnan([row["trace_0"], row["hedge_ratio"]]).all()
            assert row["rank"] == -1
    assert table.loc[("c0", "c1"), "rank"] >= 1
    assert table["trace_0"].isna().to_numpy()[-1]


def test_order_of_assets_and_tiles_do_not_matter() -> None:
    frame = market(200, 8)
    frame.iloc[:60, 5:] = np.nan
    one = scan_johansen(frame, 1).to_frame()
    pd.testing.assert_frame_equal(one, scan_johansen(frame, 1, tile=2).to_frame(), rtol=1e-9)
    other = scan_johansen(frame[frame.columns[::-1]], 1).to_frame()
    turned = other.rename(columns={"y": "x", "x": "y"}).assign(
        hedge_ratio=1.0 / other["hedge_ratio"]
    )
    keys = ["y", "x"]
    pd.testing.assert_frame_equal(
        one.set_index(keys).sort_index(),
        turned[one.columns].set_index(keys).sort_index(),
        rtol=1e-8,
        atol=1e-10,
    )


def test_a_basket_is_that_of_statsmodels() -> None:
    frame = market(400, 4, seed=2)
    frame["c3"] = frame["c0"] + frame["c2"] + np.random.default_rng(5).normal(size=400)
    frame.iloc[3, 1] = np.nan
    result = sa.johansen(frame, 2)
    expected = coint_johansen(frame.dropna(), 0, 2)
    np.testing.assert_allclose(result.trace["statistic"], expected.trace_stat, rtol=1e-12)
    np.testing.assert_allclose(
        result.max_eigenvalue[["10%", "5%", "1%"]], expected.max_eig_stat_crit_vals
    )
    assert result.observations == 399
    assert result.rank(0.01) == result.rank(0.01, statistic="max_eigenvalue") == 2
    # beta and alpha against the error-correction model fitted by statsmodels
    model = VECM(
        frame.dropna().reset_index(drop=True), k_ar_diff=2, coint_rank=4, deterministic="co"
    ).fit()
    product = result.adjustment.to_numpy() @ result.vectors.to_numpy().T
    np.testing.assert_allclose(product, model.alpha @ model.beta.T, atol=1e-8)


def test_pairs_and_baskets_tell_the_same() -> None:
    frame = market(300, 3, seed=3)
    scan = scan_johansen(frame, 1)
    basket = sa.johansen(frame[["c0", "c1"]], 1)
    row = scan.to_frame().set_index(["y", "x"]).loc[("c0", "c1")]
    assert row["trace_0"] == pytest.approx(basket.trace["statistic"][0], rel=1e-10)
    assert row["hedge_ratio"] == pytest.approx(-basket.vectors.loc["c1", 0], rel=1e-9)
    assert scan.critical_values() == tuple(basket.trace["5%"])
    assert row["rank"] == basket.rank()
    assert len(scan) == 3
    assert "3 pairs of 3 assets" in repr(scan)
    assert "c0" in repr(scan)
    assert "<table" in scan._repr_html_()


def test_bad_baskets_are_named() -> None:
    frame = market(100, 4)
    with pytest.raises(DataError, match="'flat' is constant"):
        sa.johansen(frame.assign(flat=1.0))
    with pytest.raises(DataError, match="c0, sum are collinear"):
        sa.johansen(frame.assign(sum=frame["c0"] * 2.0)[["c0", "c2", "sum"]])
    with pytest.raises(DataError, match="rows have all 4 assets; 1 lags need at least 23"):
        sa.johansen(frame.iloc[:22])
    assert sa.johansen(frame.iloc[:23]).observations == 23
    for rows in range(8):
        with pytest.raises(DataError, match=f"{rows} rows have all 2 assets"):
            sa.johansen(frame.iloc[:rows, :2])
        with pytest.raises(DataError, match=f"log_prices has {rows} rows"):
            scan_johansen(frame.iloc[:rows])
    with pytest.raises(DataError, match="'close' is constant"):
        sa.johansen(frame.assign(close=5.0 + 1e-15 * frame["c0"])[["c0", "close"]])
    with pytest.raises(ParameterError, match="at most 12 assets"):
        sa.johansen(pd.concat([frame.add_suffix(str(i)) for i in range(4)], axis=1))
    with pytest.raises(ParameterError, match="lags must be an integer at least 1"):
        sa.johansen(frame, 0)
    with pytest.raises(ParameterError, match="lags must be an integer at least 1"):
        scan_johansen(frame, 0)
    with pytest.raises(ParameterError, match="trend must be one of"):
        scan_johansen(frame, 1, trend="ctt")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="20 rows; 5 lags need at least 35"):
        scan_johansen(frame.iloc[:20], 5)
    with pytest.raises(ParameterError, match="level must be one of"):
        sa.johansen(frame).rank(0.02)


def test_phillips_ouliaris_is_that_of_arch() -> None:
    frame = market(200, 3)
    frame.iloc[5, 0] = np.nan
    frame["flat"] = 1.0
    frame["triple"] = frame["c1"] * 3.0
    frame["short"] = frame["c2"].where(frame.index < 20)
    pairs = [("c0", "c1"), ("c2", "c1"), ("flat", "c1"), ("c1", "triple"), ("c0", "short")]
    table = phillips_ouliaris(frame, pairs, test="Zt")
    both = frame[["c0", "c1"]].dropna()
    expected = arch_test(both["c0"], both["c1"])
    assert table.loc[0, "statistic"] == pytest.approx(expected.stat, rel=1e-12)
    assert table.loc[0, "pvalue"] == pytest.approx(expected.pvalue, rel=1e-12)
    assert table["status"].tolist() == [
        "ok",
        "ok",
        "constant",
        "collinear",
        "too few common observations",
    ]
    assert table["pvalue"].isna().tolist() == [False, False, True, True, True]
    with pytest.raises(ParameterError, match="'c9', which log_prices does not have"):
        phillips_ouliaris(frame, [("c0", "c9")])
    with pytest.raises(ParameterError, match="test must be one of"):
        phillips_ouliaris(frame, pairs, test="ADF")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least one pair"):
        phillips_ouliaris(frame, [])
