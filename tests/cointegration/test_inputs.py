"""Tables that every entry of the package reads alike: in any order of time, of any library and type
of numbers, with gaps, and with what cannot be tested.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import statarb as sa
from statarb import cointegration as ct
from statarb.errors import DataError, ParameterError

COLUMNS = ["A", "B", "C", "D"]


def market(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    walks = 5.0 + 0.01 * np.cumsum(rng.normal(size=(rows, 4)), axis=0)
    walks[:, 1] = 0.7 * walks[:, 0] + ct.OrnsteinUhlenbeck.of(1.0, 0.1, 0.005).simulate(
        rows, seed=seed + 9
    )
    index = pd.date_range("2020-01-01", periods=rows, freq="D", name="time")
    return pd.DataFrame(walks, index=index, columns=COLUMNS)


SPREAD = ct.Spread.fit(market(), "B", "A")


def one(frame: Any, label: str) -> Any:
    """A column as a series with its times."""
    if isinstance(frame, pl.DataFrame):
        return frame.select("time", label)
    return frame[label]


ENTRIES: dict[str, Callable[[Any], Any]] = {
    "log_prices": lambda f: ct.log_prices(f),
    "scan_pairs": lambda f: sa.scan_pairs(f, 1).to_frame(),
    "scan_johansen": lambda f: ct.scan_johansen(f).to_frame(),
    "johansen": lambda f: sa.johansen(f).trace,
    "phillips_ouliaris": lambda f: ct.phillips_ouliaris(f, [("B", "A")]),
    "distance_pairs": lambda f: ct.distance_pairs(f),
    "correlation_pairs": lambda f: ct.correlation_pairs(f),
    "principal_residuals": lambda f: ct.principal_residuals(f, 2).scores,
    "cluster_pairs": lambda f: ct.cluster_pairs(f, components=1, min_size=2)[0],
    "Spread.fit": lambda f: ct.Spread.fit(f, "B", ["A", "C"]).weights,
    "Spread.value": lambda f: SPREAD.value(f),
    "Spread.zscore": lambda f: SPREAD.zscore(f, 20),
    "Spread.expected_return": lambda f: SPREAD.expected_return(f, 5),
    "Spread.stability": lambda f: SPREAD.stability(f, 2),
    "hedge_ratio": lambda f: ct.hedge_ratio(one(f, "B"), one(f, "A"), "johansen").slopes,
    "rolling_hedge_ratio": lambda f: ct.rolling_hedge_ratio(one(f, "B"), one(f, "A"), 30),
    "kalman_hedge_ratio": lambda f: (
        ct.kalman_hedge_ratio(one(f, "B"), one(f, "A"), drift=1e-3, noise=1e-3).states
    ),
    "engle_granger": lambda f: ct.engle_granger(one(f, "B"), one(f, "A")).critical_values,
    "engle_granger.residual": lambda f: ct.engle_granger(one(f, "B"), one(f, "A")).residual,
    "fit_ou": lambda f: ct.fit_ou(one(f, "B")).speed,
    "hurst_exponent": lambda f: ct.hurst_exponent(one(f, "B")),
    "variance_ratio": lambda f: np.array(ct.variance_ratio(one(f, "B"))),
}
ONE_SERIES = {"fit_ou", "hurst_exponent", "variance_ratio"}


def same(got: Any, expected: Any, tolerance: float = 1e-9) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(
            got, expected, rtol=tolerance, atol=1e-10, check_names=False, check_freq=False
        )
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(
            got, expected, rtol=tolerance, atol=1e-10, check_names=False, check_freq=False
        )
    else:
        np.testing.assert_allclose(got, expected, rtol=tolerance)


@pytest.mark.parametrize("entry", ENTRIES)
def test_order_of_rows_does_not_matter(entry: str) -> None:
    """Newest first, as many downloads are, and shuffled (github.com/pmorissette/bt/pull/539)."""
    frame, call = market(), ENTRIES[entry]
    expected = call(frame)
    same(call(frame[::-1]), expected)
    same(call(frame.sample(frac=1.0, random_state=1)), expected)
    text = frame.set_axis(frame.index.strftime("%Y-%m-%d"), axis=0)[::-1]
    same(call(text), expected)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_time_twice_is_refused_with_its_stamp(entry: str) -> None:
    frame = market()
    index = frame.index.to_list()
    index[7] = index[6]
    with pytest.raises(DataError, match="2020-01-07"):
        ENTRIES[entry](frame.set_axis(pd.DatetimeIndex(index, name="time"), axis=0))


@pytest.mark.parametrize("entry", ENTRIES)
def test_types_and_libraries_do_not_matter(entry: str) -> None:
    frame, call = market(), ENTRIES[entry]
    frame.iloc[[3, 50, 51], 1] = np.nan
    expected = call(frame)
    for dtype in ("Float64", "double[pyarrow]"):
        same(call(frame.astype(dtype).where(frame.notna(), pd.NA)), expected)
    same(call(frame.astype(object).where(frame.notna(), None)), expected)
    same(call(pl.from_pandas(frame.reset_index())), expected)
    aware = call(frame.tz_localize("UTC").tz_convert("Asia/Tokyo"))
    if isinstance(expected, (pd.DataFrame, pd.Series)) and isinstance(
        expected.index, pd.DatetimeIndex
    ):
        assert str(aware.index.tz) == "Asia/Tokyo"
        aware = aware.tz_convert("UTC").tz_localize(None)
    if entry != "Spread.stability":  # holds times in columns
        same(aware, expected)


@pytest.mark.parametrize("entry", sorted(set(ENTRIES) - {"log_prices", "cluster_pairs"}))
def test_float32_costs_its_own_digits_alone(entry: str) -> None:
    frame = market().astype(np.float32)
    # the numbers that came in, in double precision
    same(ENTRIES[entry](frame), ENTRIES[entry](frame.astype(np.float64)))


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("rows", range(2, 8))
def test_few_rows_are_answered_or_refused(entry: str, rows: int) -> None:
    """Neither another error, nor a warning of a division."""
    with contextlib.suppress(DataError, ParameterError):
        assert ENTRIES[entry](market(rows)) is not None


@pytest.mark.parametrize(
    "entry", ["johansen", "Spread.fit", "hedge_ratio", "kalman_hedge_ratio", "engle_granger"]
)
@pytest.mark.parametrize("kind", ["exact", "rounding"])
def test_constants_and_copies_are_named(entry: str, kind: str) -> None:
    frame = market()
    noise = 0.0 if kind == "exact" else 2e-16 * np.arange(400) % 3
    with pytest.raises(DataError, match="constant"):
        ENTRIES[entry](frame.assign(A=5.0 + noise))
    if entry != "kalman_hedge_ratio":  # which has its numbers given here
        with pytest.raises(DataError, match=r"collinear|does not move"):
            ENTRIES[entry](frame.assign(B=1.0 + 0.5 * frame["A"] + noise))


@pytest.mark.parametrize("scan", ["scan_pairs", "scan_johansen"])
def test_scans_give_constants_and_copies_a_status(scan: str) -> None:
    frame = market()
    wobble = 2e-16 * (np.arange(400) % 3)
    frame["flat"] = 5.0 + wobble
    frame["copy"] = frame["A"] + wobble
    frame["late"] = frame["C"].where(np.arange(400) >= 150)
    frame["late flat"] = (3.0 + wobble) * np.where(np.arange(400) < 170, np.nan, 1.0)
    frame.iloc[20, 3] = np.nan
    table = (
        sa.scan_pairs(frame, 1).to_frame(details=True)
        if scan == "scan_pairs"
        else ct.scan_johansen(frame).to_frame()
    )
    for row in table.itertuples():
        legs = {row.y, row.x}
        if legs & {"flat", "late flat"}:
            assert row.status == "constant"
        elif legs in ({"A", "copy"}, {"C", "late"}):
            assert row.status == "collinear"
        else:
            assert row.status == "ok"


def test_a_line_has_nothing_left_beside_a_trend() -> None:
    frame = market()
    frame["line"] = 3.0 + 0.01 * np.arange(400)
    listed = sa.scan_pairs(frame, 1, trend="ct", pairs=[("line", "A"), ("B", "line")])
    assert set(listed.to_frame(details=True)["status"]) == {"constant"}
    table = sa.scan_pairs(frame, 1, trend="ct").to_frame(details=True).set_index(["y", "x"])
    assert table.loc[("line", "A"), "status"] == table.loc[("A", "line"), "status"] == "constant"


def test_panels_are_logged_and_frames_of_prices_are_warned_of() -> None:
    prices = np.exp(market())
    panel = sa.Panel.from_frame(prices)
    for entry in ("scan_pairs", "johansen", "Spread.fit", "principal_residuals"):
        same(ENTRIES[entry](panel), ENTRIES[entry](np.log(prices)))
    for entry in set(ENTRIES) - ONE_SERIES - {"log_prices"}:
        with pytest.warns(UserWarning, match="look like prices"):
            ENTRIES[entry](prices)


def test_mixed_tables_are_joined_by_instants_or_refused() -> None:
    frame = market()
    y, x = frame["B"], frame["A"]
    right = ct.hedge_ratio(y, x).slopes.item()
    shifted = x.tz_localize("UTC").tz_convert("Asia/Tokyo")
    assert ct.hedge_ratio(y, shifted).slopes.item() == pytest.approx(right, rel=1e-12)
    assert ct.hedge_ratio(y, x[::-1]).slopes.item() == pytest.approx(right, rel=1e-12)
    with pytest.raises(DataError, match="y has times and x has none"):
        ct.hedge_ratio(y, x.to_numpy())
    with pytest.raises(DataError, match="y must be one series, got 4 columns"):
        ct.hedge_ratio(frame, x)
    with pytest.raises(DataError, match="values must be one series"):
        ct.fit_ou(frame)
    with pytest.raises(DataError, match="equally long"):
        ct.hedge_ratio(y.to_numpy(), x.to_numpy()[:-1])


def test_the_label_of_cash_is_refused() -> None:
    frame = market().rename(columns={"C": "USD"})
    for entry in ("scan_pairs", "johansen", "Spread.value", "distance_pairs"):
        with pytest.raises(DataError, match="label of cash"):
            ENTRIES[entry](frame)
