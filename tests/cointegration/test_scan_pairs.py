"""The scan of all pairs against statsmodels, against its plain reference, and on data that admit no
test.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels.tsa.stattools import adfuller, coint

import statarb as sa
from statarb.cointegration import PairScan, adjust_pvalues, log_prices
from statarb.cointegration._engine.engle_granger import AIC, BIC, FIXED
from statarb.cointegration._engine.reference import engle_granger_reference
from statarb.errors import DataError, ParameterError

COLUMNS = [
    "y",
    "x",
    "hedge_ratio",
    "tau",
    "pvalue",
    "pvalue_adjusted",
    "lag",
    "half_life",
    "correlation",
]


def market(
    rows: int = 400,
    assets: int = 8,
    seed: int = 0,
    *,
    bounce: float = 0.3,
    digits: int | None = None,
) -> pd.DataFrame:
    """Random walks on a common factor, with bounce, the first two cointegrated."""
    rng = np.random.default_rng(seed)
    factor = np.cumsum(rng.standard_t(4, rows))
    levels = np.outer(factor, rng.uniform(0.2, 1.5, assets)) + np.cumsum(
        rng.normal(size=(rows, assets)), axis=0
    )
    levels[:, 1] = 0.7 * levels[:, 0] + np.convolve(
        rng.normal(size=rows + 20), 0.8 ** np.arange(21), "valid"
    )
    levels += bounce * rng.choice([-1.0, 1.0], size=levels.shape)
    levels = 5.0 + 0.01 * levels
    return pd.DataFrame(
        levels if digits is None else levels.round(digits), columns=[f"c{i}" for i in range(assets)]
    )


def reference(
    frame: pd.DataFrame, y: object, x: object, lags: str | int, max_lags: int, trend: str = "c"
) -> tuple[float, float]:
    both = frame[[y, x]].dropna()
    fixed = isinstance(lags, int)
    tau, pvalue, _ = coint(
        both[y],
        both[x],
        trend=trend,
        maxlag=lags if fixed else max_lags,
        autolag=None if fixed else lags,
    )
    return tau, pvalue


@pytest.mark.parametrize("trend", ["c", "ct", "ctt"])
@pytest.mark.parametrize(
    ("lags", "max_lags"),
    [("aic", 12), ("bic", 12), ("aic", 4), ("aic", 0), (0, 12), (1, 12), (2, 0), (9, 3)],
)
def test_agrees_with_statsmodels(lags: str | int, max_lags: int, trend: str) -> None:
    frame = market()
    scan = sa.scan_pairs(frame, lags=lags, max_lags=max_lags, trend=trend, tile=3)
    table = scan.to_frame()
    assert len(table) == 56
    for row in table.itertuples():
        tau, pvalue = reference(frame, row.y, row.x, lags, max_lags, trend)
        assert abs(row.tau - tau) < 1e-8
        assert abs(row.pvalue - pvalue) < 1e-8


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(40, 130),
    seed=st.integers(0, 10_000),
    lags=st.sampled_from(["aic", "bic", 0, 1, 3]),
    digits=st.sampled_from([None, 4, 3]),
    missing=st.sampled_from([0.0, 0.05, 0.5]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    listed=st.integers(0, 20),
)
def test_agrees_with_statsmodels_on_anything(
    rows: int,
    seed: int,
    lags: str | int,
    digits: int | None,
    missing: float,
    scale: float,
    listed: int,
) -> None:
    frame = market(rows, 5, seed, digits=digits)
    rng = np.random.default_rng(seed)
    frame["c2"] *= -scale  # below zero: units of any size, and no sign of a price
    frame.iloc[:listed, 3:] = np.nan
    frame["c4"] = frame["c4"].where(rng.random(rows) >= missing)
    scan = sa.scan_pairs(frame, lags=lags, max_lags=5, min_overlap=14, tile=2)
    listed_pairs = sa.scan_pairs(
        frame, lags=lags, max_lags=5, min_overlap=14, pairs=[("c0", "c4"), ("c3", "c1")]
    )
    tables = pd.concat([scan.to_frame(details=True), listed_pairs.to_frame(details=True)])
    assert len(tables) == 24
    for row in tables.itertuples():
        if row.status == "ok":
            tau, pvalue = reference(frame, row.y, row.x, lags, 5)
            assert row.tau == pytest.approx(tau, abs=1e-8)
            assert row.pvalue == pytest.approx(pvalue, abs=1e-8)
        else:
            assert np.isnan([row.tau, row.pvalue, row.pvalue_adjusted]).all()
            assert row.lag == -1 or row.status == "singular"
        assert row.observations == len(frame[[row.y, row.x]].dropna())


@pytest.mark.parametrize(("lags", "criterion"), [("aic", AIC), ("bic", BIC), (3, FIXED)])
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_both_kernels_agree_with_the_reference(
    lags: str | int, criterion: int, degree: int
) -> None:
    frame = market(150, 4, seed=3)
    trend = ["c", "ct", "ctt"][degree]
    most = 3 if criterion == FIXED else 6
    whole = sa.scan_pairs(frame, lags, 6, trend=trend)
    listed = sa.scan_pairs(
        frame, lags, 6, trend=trend, pairs=[(a, b) for a in frame for b in frame if a < b]
    )
    for scan in (whole, listed):
        assert len(scan) == 12
        for row in scan.to_frame().itertuples():
            y, x = frame[row.y].to_numpy(), frame[row.x].to_numpy()
            tau, lag, hedge, half_life = engle_granger_reference(y, x, most, criterion, degree)
            assert row.lag == lag
            assert row.tau == pytest.approx(tau, abs=1e-8)
            assert row.hedge_ratio == pytest.approx(hedge, rel=1e-8)
            assert row.half_life == pytest.approx(half_life, rel=1e-8)


def test_lag_is_the_one_that_statsmodels_chooses() -> None:
    frame = market(300, 5, seed=1)
    scan = sa.scan_pairs(frame, "aic", 8).to_frame()
    assert len(scan) == 20
    for row in scan.itertuples():
        x = np.column_stack([frame[row.x], np.ones(300)])
        rest = frame[row.y] - x @ np.linalg.lstsq(x, frame[row.y], rcond=None)[0]
        assert (
            row.lag
            == adfuller(rest, maxlag=8, regression="n", autolag="AIC", result_object=False)[2]
        )


def test_correlation_is_that_of_returns() -> None:
    frame = market(200, 4)
    returns = frame.diff().corr()
    scan = sa.scan_pairs(frame).to_frame()
    assert len(scan) == 12
    for row in scan.itertuples():
        assert row.correlation == pytest.approx(returns.loc[row.y, row.x], abs=1e-10)


@pytest.mark.parametrize("share", [1e-2, 1e-3, 3e-3])
def test_nearly_collinear_pairs_keep_their_digits(share: float) -> None:
    # what is left of the variance is share^2: products of the two series alone would lose the
    # digits of the residual
    rng = np.random.default_rng(5)
    x = np.cumsum(rng.normal(size=500))
    frame = pd.DataFrame(
        {
            "x": x,
            "y": 3.0 * x
            + share * np.std(x) * np.convolve(rng.normal(size=501), [1.0, 0.6], "valid"),
        }
    )
    frame["z"] = np.cumsum(rng.normal(size=500))
    scan = sa.scan_pairs(frame, "aic")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels warns of near collinearity
        tau, _ = reference(frame, "y", "x", "aic", 12)
    if np.isinf(tau):
        assert scan.pair("y", "x")["status"] == "collinear"
        assert np.isnan(scan.pair("y", "x")["pvalue"])
    else:
        assert scan.pair("y", "x")["tau"] == pytest.approx(tau, rel=1e-9)


def test_constant_duplicate_and_multiple_series_have_a_status_and_no_number() -> None:
    frame = market(200, 4)
    frame["constant"] = 3.0
    frame["twin"] = frame["c0"]
    frame["multiple"] = 2.0 * frame["c1"] - 4.0
    table = sa.scan_pairs(frame).to_frame(details=True).set_index(["y", "x"])
    for pair, status in [
        (("constant", "c0"), "constant"),
        (("c0", "constant"), "constant"),
        (("c0", "twin"), "collinear"),
        (("multiple", "c1"), "collinear"),
    ]:
        assert table.loc[pair, "status"] == status
        assert np.isnan(
            table.loc[pair, ["tau", "pvalue", "pvalue_adjusted", "half_life"]].astype(float)
        ).all()
    assert table["pvalue"].notna().sum() == (table["status"] == "ok").sum() == 7 * 6 - 12 - 4
    assert table["pvalue"].isna().to_numpy()[-16:].all()


def test_a_pair_without_enough_common_rows_has_a_status() -> None:
    frame = market(200, 4)
    frame.loc[:149, "c2"] = np.nan
    frame.loc[60:, "c3"] = np.nan
    frame["empty"] = np.nan
    table = sa.scan_pairs(frame, 1, min_overlap=55).to_frame(details=True).set_index(["y", "x"])
    assert table.loc[("c0", "c2"), "status"] == "too few common observations"
    assert table.loc[("c0", "c2"), "observations"] == 50
    assert table.loc[("c0", "c3"), "status"] == "ok"
    assert table.loc[("c2", "c3"), "observations"] == 0
    assert table.loc[("empty", "c0"), "lag"] == -1


def test_a_series_that_leaves_nothing_to_explain_is_singular() -> None:
    steps = np.tile([0.0, 1.0], 60)
    frame = pd.DataFrame({"a": steps, "b": np.cumsum(np.random.default_rng(0).normal(size=120))})
    scan = sa.scan_pairs(frame, 4)
    assert scan.pair("a", "b")["status"] in {"ok", "singular"}
    exact = sa.scan_pairs(pd.DataFrame({"a": steps, "b": np.repeat([0.0, 1.0, 2.0], 40)}), 4)
    assert set(exact.to_frame(details=True)["status"]) <= {"ok", "singular"}
    assert np.isfinite(exact.tau[exact.status == 0]).all()


def test_neither_tiles_threads_nor_order_of_assets_change_the_answer() -> None:
    frame = market(250, 11, seed=2)
    frame.iloc[:90, 6:9] = np.nan
    frame.iloc[100, 2] = np.nan
    one = sa.scan_pairs(frame).to_frame()
    for options in ({"tile": 1}, {"tile": 4}, {"n_jobs": 3, "tile": 2}):
        other = sa.scan_pairs(frame, **options).to_frame()
        pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-11)
    pd.testing.assert_frame_equal(
        sa.scan_pairs(frame, tile=2).to_frame(),
        sa.scan_pairs(frame, tile=2, n_jobs=3).to_frame(),
        rtol=0,
    )
    mixed = sa.scan_pairs(frame.sample(frac=1.0, axis=1, random_state=4)).to_frame()
    keys = ["y", "x"]
    pd.testing.assert_frame_equal(
        one.set_index(keys).sort_index(), mixed.set_index(keys).sort_index(), rtol=1e-9, atol=1e-11
    )


def test_many_patterns_of_missing_rows_give_the_sample_of_each_pair() -> None:
    rng = np.random.default_rng(9)
    frame = market(200, 30, seed=6)
    starts = np.repeat([0, 20, 45], 10)
    for column, start in enumerate(starts):
        frame.iloc[:start, column] = np.nan
    frame.iloc[60:64, 5:15] = np.nan
    frame.iloc[:, 29] = frame.iloc[:, 29].where(rng.random(200) > 0.2)
    scan = sa.scan_pairs(frame, "bic", 4, min_overlap=50)
    seen = frame.notna().to_numpy().astype(int)
    assert (scan.observations == (seen.T @ seen)[scan.y, scan.x]).all()
    for row in scan.to_frame().sample(60, random_state=0).itertuples():
        assert row.tau == pytest.approx(reference(frame, row.y, row.x, "bic", 4)[0], abs=1e-8)


@pytest.mark.parametrize(("lags", "tile"), [("aic", 7), (2, 100), (0, 3)])
def test_late_listings_share_products_and_keep_their_samples(lags: str | int, tile: int) -> None:
    frame = market(240, 42, seed=8)
    rng = np.random.default_rng(0)
    for column in range(4, 42):
        frame.iloc[: rng.choice([0, 1, 2, 3, 60, 61, 90, 170, 200]) + (column % 3 == 0), column] = (
            np.nan
        )
    frame.iloc[100:, 3] = 5.0  # stands still on the sample of the latest
    frame["still"] = np.where(np.arange(240) < 50, np.nan, 2.0)
    frame["twin"] = 1.0 + 0.5 * frame["c1"].where(np.arange(240) >= 33)
    frame.iloc[20, 0] = np.nan
    scan = sa.scan_pairs(frame, lags, 5, min_overlap=60, tile=tile)
    listed = sa.scan_pairs(
        frame, lags, 5, min_overlap=60, pairs=[(a, b) for a in frame for b in frame if a < b]
    )
    keys = ["y", "x"]
    got = scan.to_frame(details=True).set_index(keys).sort_index()
    expected = listed.to_frame(details=True).set_index(keys).sort_index()
    pd.testing.assert_frame_equal(got, expected, rtol=1e-8, atol=1e-10)
    assert set(got["status"]) == {"ok", "constant", "collinear", "too few common observations"}
    for row in scan.to_frame().dropna().sample(40, random_state=1).itertuples():
        assert row.tau == pytest.approx(reference(frame, row.y, row.x, lags, 5)[0], abs=1e-8)


def test_best_first_and_adjusted_for_the_tests_made() -> None:
    frame = market(400, 6)
    frame["flat"] = 1.0
    scan = sa.scan_pairs(frame, fdr="by")
    table = scan.to_frame()
    assert list(table.columns) == COLUMNS
    made = table["pvalue"].dropna()
    assert len(made) == 30
    assert made.is_monotonic_increasing
    assert {table["y"][0], table["x"][0]} == {"c0", "c1"}
    assert scan.settings["tests"] == 30
    assert (table["pvalue_adjusted"].dropna() >= made).all()
    np.testing.assert_array_equal(scan.pvalue_adjusted, adjust_pvalues(scan.pvalue, "by"))
    assert (
        sa.scan_pairs(frame, fdr=None)
        .to_frame()["pvalue_adjusted"]
        .equals(sa.scan_pairs(frame).to_frame()["pvalue"])
    )


def test_filters_work_on_arrays() -> None:
    scan = sa.scan_pairs(market(400, 8))
    chosen = scan.filter(pvalue_adjusted=0.05, half_life=(1.0, 50.0), one_direction=True)
    assert isinstance(chosen, PairScan)
    assert {"c0", "c1"} == set(chosen.to_frame().iloc[0][["y", "x"]])
    table = chosen.to_frame()
    assert (table["pvalue_adjusted"] <= 0.05).all()
    assert table["half_life"].between(1.0, 50.0).all()
    assert (
        not pd.Series([frozenset(pair) for pair in zip(table["y"], table["x"], strict=True)])
        .duplicated()
        .any()
    )
    assert len(scan.filter()) == len(scan) == 56
    assert len(scan.filter(hedge_ratio=(0.0, np.inf)).filter(correlation=(0.99, 1.0))) == 0
    pd.testing.assert_frame_equal(scan.head(3).to_frame(), scan.to_frame(3))
    with pytest.raises(ParameterError, match="low at most high"):
        scan.filter(half_life=(5.0, 1.0))
    with pytest.raises(ParameterError, match="slice or an array"):
        scan["c0"]  # type: ignore[index]
    with pytest.raises(ParameterError, match="no test of 'c0' on 'nothing'"):
        scan.pair("c0", "nothing")


def test_a_scan_is_printed_with_its_first_tests() -> None:
    scan = sa.scan_pairs(market(400, 8))
    text = str(scan.head(3))
    assert text.startswith("PairScan(3 tests of 8 assets: 3 ok)")
    lines = text.splitlines()
    assert len(lines) == 5
    for line, row in zip(lines[2:], scan.to_frame(3).itertuples(), strict=True):
        assert line.split()[1:3] == [row.y, row.x]
    assert str(scan).endswith("... 36 more")
    assert len(str(scan).splitlines()) == 23
    assert scan.head(2)._repr_html_().count("<tr") == 3
    assert repr(scan.head(0)) == "PairScan(0 tests of 8 assets)"


def test_parquet_holds_the_table(tmp_path) -> None:  # type: ignore[no-untyped-def]
    frame = market(150, 5)
    frame["flat"] = 1.0
    scan = sa.scan_pairs(frame)
    scan.to_parquet(tmp_path / "pairs.parquet")
    read = pd.read_parquet(tmp_path / "pairs.parquet")
    expected = scan.to_frame(details=True)
    for column in ("y", "x", "status"):
        read[column] = read[column].astype(str)
        expected[column] = expected[column].astype(str)
    pd.testing.assert_frame_equal(read, expected, check_like=True)


def test_panels_and_arrays_are_taken_too() -> None:
    frame = market(120, 3)
    prices = np.exp(frame).set_index(pd.date_range("2018-01-24", periods=120, freq="5min"))
    from_panel = sa.scan_pairs(sa.Panel.from_frame(prices), 1).to_frame()
    from_logs = sa.scan_pairs(log_prices(prices), 1).to_frame()
    pd.testing.assert_frame_equal(from_panel, from_logs)
    assert sa.scan_pairs(frame.to_numpy(), 1).to_frame()["tau"].tolist() == pytest.approx(
        from_logs["tau"].tolist(), abs=1e-8
    )


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        ({}, {"lags": "hqic"}, ParameterError, "lags must be one of 'aic', 'bic'"),
        ({}, {"lags": -1}, ParameterError, "lags must be 'aic', 'bic' or an integer"),
        ({}, {"lags": 1.5}, ParameterError, "lags must be"),
        ({}, {"fdr": "bonferroni"}, ParameterError, "fdr must be one of"),
        ({}, {"trend": "n"}, ParameterError, "trend must be one of"),
        ({}, {"tile": 0}, ParameterError, "tile must be"),
        ({}, {"max_lags": 60}, DataError, "100 rows; 60 lags need at least 124"),
        ({}, {"min_overlap": 5}, ParameterError, "min_overlap must be an integer at least 28"),
        ({}, {"min_overlap": 500}, DataError, "fewer than min_overlap=500"),
        ({}, {"pairs": [("c0", "c9")]}, ParameterError, "'c9', which log_prices does not have"),
        ({}, {"pairs": [("c0", "c0")]}, ParameterError, "an asset with itself"),
        ({}, {"pairs": []}, ParameterError, "at least one pair"),
        ({}, {"pairs": [("c0",)]}, ParameterError, "tuples of two assets"),
        ({(7, 1): np.inf}, {}, DataError, "inf in row 7, asset 'c1'"),
        ({(7, 1): -np.inf}, {}, DataError, "zero is -inf"),
    ],
)
def test_bad_input_is_named(
    change: dict, options: dict, error: type[Exception], words: str
) -> None:  # type: ignore[type-arg]
    frame = market(100, 3)
    for (row, column), value in change.items():
        frame.iloc[row, column] = value
    with pytest.raises(error, match=words):
        sa.scan_pairs(frame, **options)


def test_bad_tables_are_named() -> None:
    frame = market(100, 3)
    with pytest.raises(DataError, match="at least 2 columns, got 1"):
        sa.scan_pairs(frame[["c0"]])
    with pytest.raises(DataError, match="column 'c0' twice"):
        sa.scan_pairs(frame[["c0", "c0"]])
    with pytest.raises(DataError, match="at least 2 columns"):
        sa.scan_pairs(np.zeros(5))
    with pytest.raises(DataError, match="must be a pandas DataFrame"):
        sa.scan_pairs("quotes.csv")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="must hold numbers"):
        sa.scan_pairs(pd.DataFrame({"a": ["x"] * 50, "b": ["y"] * 50}))
    with pytest.raises(DataError, match=r"1 are not, the first is -2.0 in row 3, asset 'c1'"):
        log_prices(np.exp(frame).mask((frame.index == 3)[:, None] & (frame.columns == "c1"), -2.0))
    np.testing.assert_array_equal(log_prices(np.exp(frame)), log_prices(np.exp(frame.to_numpy())))


@pytest.mark.slow
def test_size_at_the_nominal_level() -> None:
    # independent random walks: 5 % of the tests reject, to within four standard errors of pairs
    # that share assets
    rejections = []
    for seed in range(20):
        walks = np.cumsum(np.random.default_rng(seed).normal(size=(1000, 40)), axis=0)
        rejections.append(np.mean(sa.scan_pairs(walks, "bic").pvalue < 0.05))
    assert (
        abs(np.mean(rejections) - 0.05)
        < 4.0 * np.std(rejections) / np.sqrt(len(rejections)) + 0.005
    )


def test_assets_with_the_same_rows_are_grouped_as_unique_rows_are():
    from statarb.cointegration._engine.samples import _alike

    rng = np.random.default_rng(5)
    for count, values in ((1, 1), (1, 3), (12, 1), (30, 2), (30, 200)):
        rows = rng.integers(0, values, (count, 3)).astype(np.uint8)
        example, group = _alike(rows)
        expected = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        assert np.array_equal(example, expected[1])
        assert np.array_equal(group, expected[2].ravel())
