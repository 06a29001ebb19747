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
from statarb.errors import DataError, ParameterError

ORDER = {"n": -1, "c": 0, "ct": 1}


def market(rows: int = 300, assets: int = 7, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    levels = np.cumsum(rng.standard_t(5, size=(rows, assets)), axis=0) + 3.0
    levels[:, 1] = 1.3 * levels[:, 0] + np.convolve(
        rng.normal(size=rows + 10), 0.7 ** np.arange(11), "valid"
    )
    return pd.DataFrame(levels, columns=[f"c{i}" for i in range(assets)])


@pytest.mark.parametrize("trend", ["n", "c", "ct"])
@pytest.mark.parametrize("lags", [1, 2, 5])
def test_all_pairs_agree_with_statsmodels_and_the_twin(trend: str, lags: int) -> None:
    frame = market()
    table = scan_johansen(frame, lags, trend=trend, tile=3).to_frame()
    assert len(table) == 21
    assert table["trace_0"].is_monotonic_decreasing
    for row in table.itertuples():
        result = coint_johansen(frame[[row.y, row.x]], ORDER[trend], lags)
        # statsmodels inverts the moments without centring where there is no constant, and loses two
        # digits there
        tolerance = 1e-8 if trend == "n" else 1e-10
        np.testing.assert_allclose(
            [row.trace_0, row.trace_1], result.trace_stat, rtol=tolerance, atol=tolerance
        )
        np.testing.assert_allclose(
            row.max_eigenvalue_0, result.max_eig_stat[0], rtol=tolerance, atol=tolerance
        )
        assert row.hedge_ratio == pytest.approx(-result.evec[1, 0] / result.evec[0, 0], rel=1e-7)
        twin = johansen_twin(frame[row.y].to_numpy(), frame[row.x].to_numpy(), lags, ORDER[trend])
        np.testing.assert_allclose(
            [row.trace_0, row.trace_1, row.hedge_ratio], twin, rtol=1e-8, atol=1e-9
        )


def test_missing_rows_late_listings_and_series_without_a_test() -> None:
    frame = market(260, 9, seed=1)
    frame.iloc[:80, 4:7] = np.nan
    frame.iloc[40:44, 2] = np.nan
    frame["flat"] = 2.0
    frame["twin"] = 2.0 * frame["c0"] + 1.0
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
        elif (y, x) == ("c0", "twin"):
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


def test_bad_baskets_are_named() -> None:
    frame = market(100, 4)
    with pytest.raises(DataError, match="'flat' is constant"):
        sa.johansen(frame.assign(flat=1.0))
    with pytest.raises(DataError, match="c0, sum are collinear"):
        sa.johansen(frame.assign(sum=frame["c0"] * 2.0)[["c0", "c2", "sum"]])
    with pytest.raises(DataError, match="rows have all 4 assets"):
        sa.johansen(frame.iloc[:15])
    with pytest.raises(ParameterError, match="at most 12 assets"):
        sa.johansen(pd.concat([frame.add_suffix(str(i)) for i in range(4)], axis=1))
    with pytest.raises(ParameterError, match="lags must be an integer at least 1"):
        sa.johansen(frame, 0)
    with pytest.raises(ParameterError, match="lags must be an integer at least 1"):
        scan_johansen(frame, 0)
    with pytest.raises(ParameterError, match="trend must be one of"):
        scan_johansen(frame, 1, trend="ctt")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="20 rows; 5 lags need at least 23"):
        scan_johansen(frame.iloc[:20], 5)
    with pytest.raises(ParameterError, match="level must be one of"):
        sa.johansen(frame).rank(0.02)


def test_phillips_ouliaris_is_that_of_arch() -> None:
    frame = market(200, 3)
    frame.iloc[5, 0] = np.nan
    frame["flat"] = 1.0
    frame["twin"] = frame["c1"] * 3.0
    frame["short"] = frame["c2"].where(frame.index < 20)
    pairs = [("c0", "c1"), ("c2", "c1"), ("flat", "c1"), ("c1", "twin"), ("c0", "short")]
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
