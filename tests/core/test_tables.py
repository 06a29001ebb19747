"""The one door for tables: the same numbers whatever library, dtype, zone and order."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import statarb as sa
from statarb._core.tables import align, as_numbers, read_table, to_pandas
from statarb._core.time import as_times, times_of_numbers

TIMES = pd.date_range("2024-01-01 09:00", periods=6, freq="h")
NUMBERS = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0], [7.0, 8.0], [9.0, 1.5], [2.5, 4.0]])
FRAME = pd.DataFrame(NUMBERS, index=TIMES, columns=["a", "b"])


def polars_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "when": TIMES.to_pydatetime().tolist(),
            "a": NUMBERS[:, 0],
            "b": [None if np.isnan(x) else x for x in NUMBERS[:, 1]],
        }
    )


WAYS = {
    "float64": lambda: FRAME,
    "nullable": lambda: FRAME.astype("Float64").where(FRAME.notna(), pd.NA),
    "arrow dtype": lambda: FRAME.astype("double[pyarrow]"),
    "objects": lambda: FRAME.astype(object).where(FRAME.notna(), None),
    "newest first": lambda: FRAME[::-1],
    "shuffled": lambda: FRAME.sample(frac=1.0, random_state=1),
    "text times": lambda: FRAME.set_axis(TIMES.strftime("%Y-%m-%d %H:%M:%S"), axis=0),
    "epoch seconds": lambda: FRAME.set_axis(TIMES.as_unit("s").astype("int64"), axis=0),
    "epoch nanoseconds": lambda: FRAME.set_axis(TIMES.as_unit("ns").astype("int64"), axis=0),
    "python datetimes": lambda: FRAME.set_axis(pd.Index(TIMES.to_pydatetime(), dtype=object)),
    "a column of times": lambda: FRAME.rename_axis("t").reset_index(),
    "polars": polars_frame,
    "polars lazy": lambda: polars_frame().lazy(),
    "arrow table": lambda: polars_frame().to_arrow(),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_numbers(way: str) -> None:
    found = read_table("prices", WAYS[way](), times="required")
    np.testing.assert_array_equal(found.values, NUMBERS)
    np.testing.assert_array_equal(found.stamps, TIMES.to_numpy().astype("datetime64[us]"))
    assert found.labels.tolist() == ["a", "b"]
    assert found.values.flags.c_contiguous
    panel = sa.Panel.from_frame(WAYS[way]())
    assert panel.equals(sa.Panel.from_frame(FRAME))


def test_a_zone_comes_back_and_the_instants_stay() -> None:
    berlin = FRAME.tz_localize("UTC").tz_convert("Europe/Berlin")
    found = read_table("prices", berlin[::-1])
    assert str(found.frame().index.tz) == "Europe/Berlin"
    np.testing.assert_array_equal(found.stamps, TIMES.to_numpy().astype("datetime64[us]"))
    panel = sa.Panel.from_frame(berlin)
    assert str(panel.price.index.tz) == str(panel.now.tz) == "Europe/Berlin"
    pd.testing.assert_frame_equal(panel.price, berlin, check_freq=False, check_index_type=False)
    assert panel.window("2024-01-01 12:00", depth=2).times[-1] == pd.Timestamp(
        "2024-01-01 13:00", tz="Europe/Berlin"
    )
    assert panel.between("2024-01-01 12:00").times[0].hour == 13


def test_the_input_is_left_alone() -> None:
    before = FRAME.copy()
    found = read_table("prices", FRAME)
    found.values[:] = 0.0
    pd.testing.assert_frame_equal(FRAME, before)


def test_what_came_in_goes_out() -> None:
    series = FRAME["a"]
    found = read_table("x", series[::-1])
    pd.testing.assert_series_equal(found.like(found.values), series, check_freq=False)
    for array in (NUMBERS, NUMBERS[:, 0], NUMBERS.tolist()):
        found = read_table("x", array)
        np.testing.assert_array_equal(found.like(found.values), array)
        assert found.stamps is None
    masked = np.ma.masked_greater(NUMBERS, 8.0)
    np.testing.assert_array_equal(as_numbers("x", masked)[4], [np.nan, 1.5])


def test_rows_without_times_keep_their_order() -> None:
    frame = pd.DataFrame({"a": [3.0, 1.0, 2.0]}, index=["x", "z", "y"])
    found = read_table("x", frame)
    assert found.stamps is None
    assert found.index.tolist() == ["x", "z", "y"]
    with pytest.raises(sa.DataError, match="x must be indexed by times"):
        read_table("x", frame, times="required")


def test_periods_are_known_when_they_are_over() -> None:
    months = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.period_range("2020-01", periods=2, freq="M"))
    found = read_table("x", months)
    assert found.index.tolist() == [pd.Timestamp("2020-02-01"), pd.Timestamp("2020-03-01")]


def test_precision_is_remembered() -> None:
    assert read_table("x", FRAME).precision == np.float64
    for dtype in ("float32", "Float32", "float[pyarrow]"):
        assert read_table("x", FRAME.astype(dtype)).precision == np.float32, dtype
    assert read_table("x", pl.from_pandas(FRAME.astype("float32"))).precision == np.float32


@pytest.mark.parametrize(
    ("numbers", "right"),
    [
        ([1_704_099_600, 1_704_099_600_000, 1_704_099_600_000_000], "2024-01-01 09:00"),
        ([1_704_099_600_000_000_000], "2024-01-01 09:00"),
        ([20240101, 202401010000, 20240101000000], "2024-01-01"),
        ([1_704_099_600.25], "2024-01-01 09:00:00.25"),
    ],
)
def test_numbers_that_are_times_are_read_by_their_size(numbers, right) -> None:
    found = times_of_numbers("x", np.array(numbers, dtype=np.float64))
    assert (found == np.datetime64(pd.Timestamp(right), "us")).all()


@pytest.mark.parametrize("number", [0.0, 5.0, 2018.0, 20181301.0, -1e9, 1e20, np.inf])
def test_other_numbers_are_refused_as_times(number: float) -> None:
    with pytest.raises(sa.DataError, match="in row 0"):
        times_of_numbers("x", np.array([number]))


def test_naive_and_aware_stamps_are_both_read_as_instants() -> None:
    mixed = pd.Index(
        [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01 02:00", tz="Europe/Berlin")],
        dtype=object,
    )
    stamps, zone = as_times("x", mixed)
    assert zone is None
    assert (stamps == np.array(["2024-01-01 00:00", "2024-01-01 01:00"], "datetime64[us]")).all()
    dates, _ = as_times("x", pd.Index([datetime.date(2024, 1, 1)], dtype=object))
    assert dates[0] == np.datetime64("2024-01-01", "us")


def test_series_are_joined_as_instants() -> None:
    y, x = FRAME["a"], FRAME["b"].tz_localize("UTC")[2:]
    index, (one, other) = align(read_table("y", y), read_table("x", x))
    np.testing.assert_array_equal(one[:, 0], NUMBERS[:, 0])
    np.testing.assert_array_equal(other[:, 0], [np.nan, np.nan, *NUMBERS[2:, 1]])
    assert len(index) == 6
    with pytest.raises(sa.DataError, match="y has times and x has none"):
        align(read_table("y", y), read_table("x", NUMBERS[:, 1]))
    with pytest.raises(sa.DataError, match="equally long, got 6 and 5 rows"):
        align(read_table("y", NUMBERS[:, 0]), read_table("x", NUMBERS[1:, 1]))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (FRAME.iloc[[0, 1, 1, 2]], r"duplicated time: 2024-01-01 10:00:00 is in the rows 1 and 2"),
        (FRAME.set_axis([*TIMES[:5], pd.NaT], axis=0), r"missing time \(NaT\) in row 5"),
        (FRAME.set_axis(["a", "a"], axis=1), "has the column 'a' twice"),
        (FRAME.set_axis(["a", np.nan], axis=1), "without a label"),
        (FRAME.set_axis(["a", "USD"], axis=1), "'USD', which is the label of cash"),
        (pd.concat({"Close": FRAME}, axis=1), "columns of 2 levels"),
        (FRAME.replace(9.0, np.inf), r"the first is inf at 2024-01-01 13:00:00, asset 'a'"),
        (FRAME.astype(object).replace(9.0, "1,000"), "it is '1,000' in row .*, column 'a'"),
        ({"a": [1.0]}, "got a builtins.dict"),
        ("prices.csv", "got a builtins.str"),
        (np.zeros((2, 2, 2)), r"got the shape \(2, 2, 2\)"),
        (sa.Panel.from_frame(FRAME), "got a Panel"),
        (FRAME.assign(t=TIMES, u=TIMES).reset_index(drop=True), r"2 columns of times \('t', 'u'\)"),
        (pa.table({"when": pa.array(TIMES)}), "must have at least 1 column"),
    ],
)
def test_what_is_wrong_is_named(table, words) -> None:
    with pytest.raises(sa.DataError, match=words):
        read_table("prices", table)


def test_a_kind_that_is_not_understood_says_which_are() -> None:
    with pytest.raises(sa.DataError, match="a polars frame, an Arrow table, a duckdb relation"):
        to_pandas("prices", object())
