"""Tables and vectors as people have them: dtypes, order of time, precision, prices for returns."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.optimization import asset_risk, portfolio_risk, read_scenarios, sensitivity

RNG = np.random.default_rng(5)
NAMES = ["a", "b", "c", "d"]
TIMES = pd.date_range("2024-01-01", periods=60, freq="h")
TABLE = pd.DataFrame(RNG.standard_t(4, (60, 4)) * 0.01, index=TIMES, columns=NAMES)
HOLED = TABLE.mask(np.arange(60)[:, None] + np.arange(4) * 100 == 103)
MU = pd.Series([0.004, 0.003, 0.002, 0.001], index=NAMES)


def problem(**changes) -> sa.MeanDownsideRisk:
    return sa.MeanDownsideRisk(**{"risk_aversion": 20.0, "fee": 0.001, **changes})


@pytest.mark.parametrize("dtype", ["Float64", "double[pyarrow]", "object"])
def test_nullable_and_arrow_dtypes_with_missing_values(dtype):
    # skfolio pull request 310: pd.NA in scenarios
    missing = None if dtype == "object" else pd.NA
    table = HOLED.astype(dtype).where(HOLED.notna(), missing)
    held = pd.Series([0.1, 0.2, 0.0, 0.3], index=NAMES)
    frozen = problem(missing="freeze")
    right = frozen.solve(MU, HOLED, held)
    mu = MU.astype("Float64")
    for given in (held, held.astype("Float64"), held.astype("double[pyarrow]")):
        found = frozen.solve(mu, table, given)
        assert found.array.tobytes() == right.array.tobytes()
    mu[NAMES[0]] = pd.NA
    assert frozen.solve(mu, table, held).weights["a"] == 0.1
    rolling = sa.RollingMeanDownsideRisk(frozen, table[:50])
    rolling.slide(table[50:])
    np.testing.assert_array_equal(rolling.scenarios, HOLED[10:])
    np.testing.assert_array_equal(asset_risk(table.iloc[:, 1:2])["b"], asset_risk(HOLED)["b"])


def test_polars_and_arrow_tables():
    polars = pytest.importorskip("polars")
    table = polars.from_pandas(TABLE.reset_index(names="time"))
    right = problem().solve(MU, TABLE)
    for given in (table, table.to_arrow(), table.reverse()):
        found = problem().solve(MU, given)
        assert found.array.tobytes() == right.array.tobytes()
        assert list(found.weights.index) == NAMES
        total = portfolio_risk(np.full(4, 0.2), given).total
        # rows in another order are added up in another order
        assert total == pytest.approx(portfolio_risk(np.full(4, 0.2), TABLE).total, rel=1e-12)


@pytest.mark.parametrize("order", ["newest first", "shuffled"])
def test_rows_are_put_in_order_of_time(order):
    mixed = TABLE[::-1] if order == "newest first" else TABLE.sample(frac=1.0, random_state=2)
    weighted = problem(half_life=7.0)
    right = weighted.solve(MU, TABLE)
    assert weighted.solve(MU, mixed).array.tobytes() == right.array.tobytes()
    # weights of scenarios by label, and by place in the table that was given
    weights = pd.Series(RNG.uniform(0.0, 1.0, 60), index=TIMES)
    first = problem().solve(MU, TABLE, scenario_weights=weights.to_numpy()).array
    for given in (weights, weights.sample(frac=1.0, random_state=3)):
        assert problem().solve(MU, mixed, scenario_weights=given).array.tobytes() == first.tobytes()
    by_place = weights[mixed.index].to_numpy()
    assert problem().solve(MU, mixed, scenario_weights=by_place).array.tobytes() == first.tobytes()
    rolling = sa.RollingMeanDownsideRisk(weighted, mixed)
    assert rolling.solve(MU).objective == pytest.approx(right.objective, abs=1e-12)


def test_doubled_times_are_refused_with_the_first():
    doubled = pd.concat([TABLE, TABLE[7:9]])
    for call in (
        lambda: problem().solve(MU, doubled),
        lambda: problem().frontier(MU, doubled, 3),
        lambda: sensitivity(problem(), MU, doubled, [1.0]),
        lambda: sa.RollingMeanDownsideRisk(problem(), doubled),
        lambda: sa.RollingMeanDownsideRisk(problem(), TABLE[:5]).slide(doubled[5:]),
    ):
        with pytest.raises(sa.DataError, match="2024-01-01 07:00"):
            call()
    # bootstrapped rows without times may come again
    assert read_scenarios(TABLE.to_numpy()[[0, 0, 1]]).scenarios_by_asset.shape == (4, 3)


def test_a_window_slides_forward_only():
    rolling = sa.RollingMeanDownsideRisk(problem(), TABLE[:50])
    rolling.slide(TABLE[50:52][::-1])
    np.testing.assert_array_equal(rolling.scenarios, TABLE[2:52])
    rolling.update(TABLE.iloc[52], MU)
    for again in (TABLE.iloc[52], TABLE[40:45], TABLE[52:54]):
        with pytest.raises(sa.DataError, match="not later than the newest row"):
            rolling.slide(again)
    rolling.slide(TABLE[53:54].tz_localize("UTC"))
    np.testing.assert_array_equal(rolling.scenarios, TABLE[4:54])


def test_weights_of_single_precision_may_miss_one_by_its_rounding():
    # rqalpha pull request 566: weights divided by their sum, in float32
    rng = np.random.default_rng(1)
    for _ in range(50):
        row = rng.dirichlet(np.ones(4)).astype(np.float32)
        row /= row.sum()
        row[0] -= np.float32(2e-8) if row[0] == 0.0 else 0.0
        for held in (row, pd.Series(row, index=NAMES), dict(zip(NAMES, row, strict=True))):
            solution = problem().solve(MU, TABLE, held)
            assert solution.infeasibility <= 1e-12
    held = np.array([0.5, 0.5, -1e-9, 0.0], dtype=np.float32)
    assert problem(fee=0.5).solve(MU, TABLE, held).array[2] == 0.0
    with pytest.raises(sa.DataError, match=r"at least 0.*asset 'c'"):
        problem().solve(MU, TABLE, np.array([0.5, 0.5, -1e-7, 0.0]))
    with pytest.raises(sa.DataError, match=r"above 1.*divide"):
        problem().solve(MU, TABLE, np.array([0.5, 0.5, 1e-6, 0.0]))


def test_prices_and_gross_returns_are_no_returns():
    prices = 30.0 * (1.0 + TABLE).cumprod()
    for levels in (prices, 1.0 + TABLE, prices.assign(b=TABLE["b"]), prices.to_numpy()):
        with pytest.raises(sa.DataError, match="prices or gross returns"):
            problem().solve(MU, levels)
    cheap = 1e-3 * prices
    with pytest.warns(UserWarning, match="none of the 240 scenario returns"):
        problem().solve(MU, cheap)
    # one asset that never falls, and large gains that are followed by losses, are returns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem().solve(MU, TABLE.assign(a=0.001))
        problem().solve(MU, TABLE.abs().mul(300.0).mask(TABLE < 0.0, TABLE))
