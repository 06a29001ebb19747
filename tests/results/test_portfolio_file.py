"""The portfolio file: exact sums, exact reading back, and every way in which a file can be
wrong.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import statarb as sa
from statarb.results import read_portfolio, validate_portfolio, write_portfolio


def frame(values: np.ndarray, assets: list[object] | None = None) -> pd.DataFrame:
    index = pd.date_range("2018-01-25", periods=len(values), freq="5min", unit="us")
    return pd.DataFrame(
        values, index=index, columns=assets or list(range(1442, 1442 + values.shape[1]))
    )


def test_written_to_the_letter(tmp_path):
    weights = frame(
        np.array([[0.25, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]),
        [9, 1442, 1],
    )
    write_portfolio(weights, tmp_path / "portfolio_sim.csv")
    assert (tmp_path / "portfolio_sim.csv").read_text() == (
        "1,9,1442,USD\n0.50000000,0.25000000,0,0.25000000\n0,0,1,0\n0,0,0,1\n0.33333333,0.33333333,0.33333333,0.00000001\n"
    )


def test_rows_that_would_round_above_one_are_rounded_down(tmp_path):
    # 1/6 rounds up to .16666667: six of them would be 1.00000002
    write_portfolio(frame(np.full((1, 6), 1 / 6)), tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[1] == ",".join(
        ["0.16666666"] * 6 + ["0.00000004"]
    )
    assert validate_portfolio(tmp_path / "p.csv").valid


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 2**32 - 1))
def test_every_row_sums_to_one_as_written(tmp_path, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((5, int(rng.integers(1, 40)))) ** rng.integers(1, 9)
    values *= rng.choice([0.0, 0.999999999, 1.0, 1.0 + 5e-10], (5, 1)) / values.sum(
        axis=1, keepdims=True
    )
    write_portfolio(frame(values), tmp_path / "p.csv")
    lines = (tmp_path / "p.csv").read_text().splitlines()
    for line, row in zip(lines[1:], values, strict=True):
        cells = [Decimal(cell) for cell in line.split(",")]
        assert sum(cells) == 1
        assert all(0 <= cell <= 1 for cell in cells)
        # the nearest unit of the 8th decimal, or the one below
        np.testing.assert_allclose([float(cell) for cell in cells[:-1]], row, rtol=0, atol=1.01e-8)
    report = validate_portfolio(tmp_path / "p.csv", steps=5)
    assert report.valid
    assert (report.rows, len(report.assets)) == (5, values.shape[1])
    back = read_portfolio(tmp_path / "p.csv")
    assert back.to_numpy().tolist() == [
        [float(cell) for cell in line.split(",")] for line in lines[1:]
    ]


def test_a_replay_is_written_as_its_realised_weights(tmp_path):
    rng = np.random.default_rng(1)
    steps, assets = 700, [1460, 1442, 1443]
    prices = frame(np.exp(np.cumsum(rng.normal(0, 0.01, (steps, 3)), axis=0)), assets)
    panel = sa.Panel.from_frame(prices)
    targets = frame(rng.dirichlet([1, 1, 1, 1], steps)[:, :3], assets)
    replay = sa.replay(panel, targets, sa.TradingRules(capital=1.0, min_order=0.01, max_order=0.2))
    write_portfolio(replay, tmp_path / "p.csv")
    report = validate_portfolio(tmp_path / "p.csv", panel, steps=steps).require_valid()
    assert report.assets == ("1442", "1443", "1460")
    back = read_portfolio(tmp_path / "p.csv")
    assert back.columns.tolist() == [1442, 1443, 1460, "USD"]
    np.testing.assert_allclose(back, replay.weights[[1442, 1443, 1460, "USD"]], rtol=0, atol=3e-8)
    # the dense frame of realised weights gives the same file
    write_portfolio(replay.weights, tmp_path / "q.csv")
    assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "q.csv").read_bytes()


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("", 1, 0, "empty"),
        ("1,2\n0,1\n", 1, 2, "last column must be 'USD'"),
        ("2,1,USD\n0,0,1\n", 1, 2, "must ascend"),
        ("1,1,USD\n0,0,1\n", 1, 2, "is duplicated"),
        ("1,2,USD\n", 2, 0, "no row"),
        ("1,2,USD\n0,0,1\n0,1\n", 3, 0, "2 cells"),
        ("1,2,USD\n0,0,1\n\n0,0,1\n", 3, 0, "empty"),
        ("1,2,USD\n0,x,1\n", 2, 2, "'x' is no number"),
        ("1,2,USD\n0,,1\n", 2, 2, "'' is no number"),
        ("1,2,USD\n0,nan,1\n", 2, 2, "no number"),
        ("1,2,USD\n0,-0.1,1\n", 2, 2, r"outside \[0, 1\]"),
        ("1,2,USD\n0,1.00000001,0\n", 2, 2, r"outside \[0, 1\]"),
        ("1,2,USD\n0,0.5,0.50000001\n", 2, 0, "sums to 1.00000001"),
        ("1,2,USD\n0.1,0.2,0.6999999999999999999999\n", 2, 0, "sums to 0.9999999999999999999999"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_column(tmp_path, text, line, column, what):
    (tmp_path / "p.csv").write_text(text)
    report = validate_portfolio(tmp_path / "p.csv")
    assert not report.valid
    assert (report.problems[0].line, report.problems[0].column) == (line, column)
    with pytest.raises(sa.DataError, match=what):
        report.require_valid()


@pytest.mark.parametrize(
    "row",
    [
        "0,1,0",
        "0.0,1.0,0.000",
        "1e-1,2e-1,7E-1",
        "0.1,0.2,0.7\r",
        "0.1,.2,0.7",
        "0.1,0.2," + "0.7" + "0" * 30,
    ],
)
def test_other_spellings_of_the_same_numbers_are_read_exactly(tmp_path, row):
    (tmp_path / "p.csv").write_bytes(f"1,2,USD\n{row}\n{row}".encode())
    assert validate_portfolio(tmp_path / "p.csv", steps=2).problems == ()
    expected = [float(cell) for cell in row.split(",")]
    assert read_portfolio(tmp_path / "p.csv").to_numpy().tolist() == [expected, expected]


def test_sums_are_not_floating_point(tmp_path):
    # ten times .1 is 1, though not in floating point; 17 digits that round to .3 are not .3
    (tmp_path / "p.csv").write_text(
        ",".join(map(str, range(9))) + ",USD\n" + ",".join(["0.1"] * 10) + "\n"
    )
    assert validate_portfolio(tmp_path / "p.csv").valid
    (tmp_path / "q.csv").write_text("1,2,USD\n0.29999999999999999,0.3,0.4\n")
    assert str(validate_portfolio(tmp_path / "q.csv").problems[0]) == (
        "line 2: the row sums to 0.99999999999999999, not to 1"
    )


def test_many_problems_are_counted_and_the_first_are_listed(tmp_path):
    (tmp_path / "p.csv").write_text("1,USD\n" + "0,0\n" * 250)
    report = validate_portfolio(tmp_path / "p.csv", steps=249)
    assert (len(report.problems), report.problem_count) == (100, 251)


def test_the_panel_is_compared(tmp_path):
    panel = sa.Panel.from_frame(frame(np.ones((2, 2)), [1, 2]))
    (tmp_path / "p.csv").write_text("1,3,USD\n" + "0,0,1\n" * 3)
    what = [str(problem) for problem in validate_portfolio(tmp_path / "p.csv", panel).problems]
    assert what == [
        "line 1, column 2: asset '3', where the panel has '2'",
        "line 4: 3 rows; the panel's grid has 2 times",
    ]


def test_bad_weights_and_paths(tmp_path):
    good = np.full((2, 2), 0.25)
    for values, what in (
        (good * 3, "sum to at most 1"),
        (-good, "numbers in"),
        (good * np.nan, "numbers in"),
    ):
        with pytest.raises(sa.DataError, match=what):
            write_portfolio(frame(values), tmp_path / "p.csv")
    assert not list(tmp_path.iterdir())
    with pytest.raises(sa.DataError, match="exactly 1, cash included"):
        write_portfolio(frame(good, [1, "USD"]), tmp_path / "p.csv")
    with pytest.raises(sa.DataError, match="indexed by times"):
        write_portfolio(good, tmp_path / "p.csv")
    with pytest.raises(sa.DataError, match="cannot head a column"):
        write_portfolio(frame(good, ["a,b", "c"]), tmp_path / "p.csv")
    with pytest.raises(sa.DataError, match="cannot read"):
        validate_portfolio(tmp_path / "absent.csv")
    with pytest.raises(sa.DataError, match="cannot write"):
        write_portfolio(frame(good), tmp_path / "absent" / "p.csv")


def test_other_tables_and_orders_of_time_give_the_same_file(tmp_path):
    weights = frame(np.random.default_rng(3).dirichlet([1, 1, 1], 40)[:, :2], ["b", "a"])
    write_portfolio(weights, tmp_path / "p.csv")
    columns = weights.rename_axis("time").reset_index()
    shuffled = weights.sample(frac=1.0, random_state=0)
    for number, other in enumerate(
        (
            shuffled,
            shuffled.astype("Float64"),
            pl.from_pandas(columns),
            pa.Table.from_pandas(columns, preserve_index=False),
        )
    ):
        write_portfolio(other, tmp_path / f"{number}.csv")
        assert (tmp_path / f"{number}.csv").read_bytes() == (tmp_path / "p.csv").read_bytes()
    with pytest.raises(sa.DataError, match="2018-01-25"):
        write_portfolio(pd.concat([weights, weights.iloc[:1]]), tmp_path / "q.csv")
    assert not (tmp_path / "q.csv").exists()


def test_sums_of_single_precision_are_sums(tmp_path):
    weights = frame(np.random.default_rng(0).dirichlet(np.ones(50), 20))
    single = weights.astype("float32")
    assert (single.sum(axis=1) != 1.0).any()
    write_portfolio(single, tmp_path / "p.csv")
    assert validate_portfolio(tmp_path / "p.csv", steps=20).valid
    # half a unit of the last of eight decimals, and float32's rounding of a weight below .2
    np.testing.assert_allclose(
        read_portfolio(tmp_path / "p.csv").to_numpy()[:, :-1], weights, rtol=0, atol=2e-8
    )


def test_names_that_spreadsheets_would_run_are_text_and_read_back(tmp_path):
    names = ["=1+1", "@SUM(A1)", "+x", "-y", "'=z", "plain", "-5", "'quoted'"]
    weights = frame(np.full((2, len(names)), 0.1), names)
    write_portfolio(weights, tmp_path / "p.csv")
    header = (tmp_path / "p.csv").read_text().splitlines()[0].split(",")
    assert header[-1] == "USD"
    assert set(header[:-1]) == {
        "'=1+1", "'@SUM(A1)", "'+x", "'-y", "''=z", "plain", "-5", "'quoted'"
    }  # fmt: skip
    assert set(read_portfolio(tmp_path / "p.csv").columns) == {*names, "USD"}
    assert validate_portfolio(tmp_path / "p.csv", sa.Panel.from_frame(weights)).valid


def test_two_assets_of_one_name_are_refused(tmp_path):
    weights = frame(np.full((2, 2), 0.1), [7, 8]).set_axis(pd.Index([7, "7"], dtype=object), axis=1)
    with pytest.raises(sa.DataError):
        write_portfolio(weights, tmp_path / "p.csv")
