"""One contract for every entry that takes a table: the answer is that of float64 rows in order.

Each entry is called with the same numbers as they come from elsewhere: newest first, shuffled,
with a zone, as text, nullable, of Arrow, of polars, in float32. It must give what it gives for
plain float64 in order of time. A time that is there twice is refused by name, everywhere.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import statarb as sa
from statarb import backtest, cointegration, optimization, volatility
from statarb.backtest import uncertainty

ROWS = 160
TIMES = pd.date_range("2024-01-01", periods=ROWS, freq="h")


def market() -> dict[str, pd.DataFrame]:
    """Prices of four assets, two of them cointegrated, in single precision from the start."""
    rng = np.random.default_rng(3)
    common = np.cumsum(rng.normal(0.0, 0.01, ROWS))
    own = np.cumsum(rng.normal(0.0, 0.01, (ROWS, 4)), axis=0)
    logs = 3.0 + np.column_stack([common, common, own[:, 2], own[:, 3]])
    logs[:, 1] += rng.normal(0.0, 0.004, ROWS)
    logs = logs.astype(np.float32).astype(np.float64)
    returns = np.diff(logs, axis=0, prepend=logs[:1]).astype(np.float32).astype(np.float64)
    labels = list("abcd")
    weights = np.round(rng.dirichlet(np.ones(5), ROWS)[:, :4] * 64) / 64 * 0.75
    return {
        "prices": pd.DataFrame(np.exp(logs).astype(np.float32).astype(float), TIMES, labels),
        "logs": pd.DataFrame(logs, TIMES, labels),
        "returns": pd.DataFrame(returns, TIMES, labels),
        "squares": pd.DataFrame((returns**2).astype(np.float32).astype(float), TIMES, labels),
        "weights": pd.DataFrame(weights, TIMES, labels),
    }


MARKET = market()
PANEL = sa.Panel.from_frame(MARKET["prices"])
RULES = sa.TradingRules(capital=100.0, fee=0.001).without_limits()
MU = pd.Series([0.002, 0.001, 0.003, 0.0], index=list("abcd"))
PROBLEM = sa.MeanDownsideRisk(risk_aversion=20.0, fee=0.001)


def column(frame: Any, name: str) -> Any:
    """One column of a table of any kind as a series of its own, times kept."""
    if isinstance(frame, pl.DataFrame):
        return frame.select("when", name)
    return frame[name]


ENTRIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Panel.from_frame": ("prices", lambda t: sa.Panel.from_frame(t).array()),
    "Panel.with_field": (
        "returns",
        lambda t: PANEL.with_field("x", t).array("x"),
    ),
    "fit_garch": ("returns", lambda t: sa.fit_garch(t).forecast(2)),
    "ewma": ("returns", lambda t: volatility.ewma(t)),
    "arch_forecaster.fit": (
        "returns",
        lambda t: volatility.arch_forecaster("ewma").fit(t).forecast(1),
    ),
    "qlike": ("squares", lambda t: volatility.qlike(t, MARKET["squares"] + 1e-5)),
    "scan_pairs": ("logs", lambda t: sa.scan_pairs(t, lags=1).to_frame()["tau"]),
    "johansen": ("logs", lambda t: sa.johansen(t).trace),
    "scan_johansen": ("logs", lambda t: cointegration.scan_johansen(t).to_frame()["trace_0"]),
    "Spread.fit": ("logs", lambda t: sa.Spread.fit(t, "a", "b").adjustment),
    "Spread.zscore": (
        "logs",
        lambda t: sa.Spread.fit(MARKET["logs"], "a", "b").zscore(t, window=30),
    ),
    "hedge_ratio": (
        "logs",
        lambda t: cointegration.hedge_ratio(column(t, "a"), column(t, "b")).slopes,
    ),
    "kalman_hedge_ratio": (
        "logs",
        lambda t: cointegration.kalman_hedge_ratio(column(t, "a"), column(t, "b")).states,
    ),
    "rolling_hedge_ratio": (
        "logs",
        lambda t: cointegration.rolling_hedge_ratio(column(t, "a"), column(t, "b"), 40),
    ),
    "engle_granger": (
        "logs",
        lambda t: [cointegration.engle_granger(column(t, "a"), column(t, "b"), lags=1).statistic],
    ),
    "variance_ratio": ("logs", lambda t: cointegration.variance_ratio(column(t, "a"), 4)),
    "hurst_exponent": ("logs", lambda t: [cointegration.hurst_exponent(column(t, "a"))]),
    "coverage_table": (
        "returns",
        lambda t: volatility.coverage_table(t, np.full((len(t), 4), 0.01), [0.2])["rate"],
    ),
    "pair_persistence": (
        "logs",
        lambda t: cointegration.pair_persistence(
            t, rows=80, lags=1, min_overlap=30, level=0.5
        ).table["found"],
    ),
    "distance_pairs": ("logs", lambda t: cointegration.distance_pairs(t)["distance"]),
    "correlation_pairs": ("logs", lambda t: cointegration.correlation_pairs(t)["correlation"]),
    "principal_residuals": ("logs", lambda t: cointegration.principal_residuals(t, 2).residuals),
    "MeanDownsideRisk.solve": ("returns", lambda t: PROBLEM.solve(MU, t).weights),
    "read_scenarios": ("returns", lambda t: optimization.read_scenarios(t).scenarios_by_asset),
    "frontier": ("returns", lambda t: optimization.frontier(PROBLEM, MU, t, 3).weights),
    "asset_risk": ("returns", lambda t: optimization.asset_risk(t)),
    "portfolio_risk": (
        "returns",
        lambda t: [optimization.portfolio_risk(MU / MU.sum(), t).total],
    ),
    "replay": ("weights", lambda t: sa.replay(PANEL, t, RULES).value),
    "deflated_sharpe_ratio": ("returns", lambda t: uncertainty.deflated_sharpe_ratio(t)),
    "probability_of_backtest_overfitting": (
        "returns",
        lambda t: [uncertainty.probability_of_backtest_overfitting(t, splits=8)],
    ),
    "model_confidence_set": (
        "returns",
        lambda t: uncertainty.model_confidence_set(t, draws=50),
    ),
}
"""Entries by name: the table that they take, and a call that returns numbers."""

WAYS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "newest first": lambda t: t[::-1],
    "shuffled": lambda t: t.sample(frac=1.0, random_state=5),
    "with a zone": lambda t: t.tz_localize("UTC"),
    "text": lambda t: t.set_axis(t.index.strftime("%Y-%m-%d %H:%M")),
    "nullable": lambda t: t.astype("Float64"),
    "arrow": lambda t: t.astype("double[pyarrow]"),
    "float32": lambda t: t.astype("float32"),
    "polars": lambda t: pl.from_pandas(t.rename_axis("when").reset_index()),
}


def numbers(result: Any) -> np.ndarray:
    if isinstance(result, (pd.DataFrame, pd.Series)):
        return result.to_numpy(dtype=np.float64)
    return np.asarray(result, dtype=np.float64)


@functools.cache
def right(entry: str) -> np.ndarray:
    """What an entry says of plain float64 in order of time."""
    kind, call = ENTRIES[entry]
    return numbers(call(MARKET[kind]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_reads_every_table_alike(entry: str, way: str) -> None:
    kind, call = ENTRIES[entry]
    # single precision holds these inputs exactly, but for prices, whose logs it rounds
    np.testing.assert_allclose(
        numbers(call(WAYS[way](MARKET[kind]))), right(entry), rtol=1e-10, atol=1e-13
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_time_that_is_there_twice_is_refused_by_name(entry: str) -> None:
    kind, call = ENTRIES[entry]
    table = MARKET[kind]
    twice = pd.concat([table, table.iloc[[7]]])
    with pytest.raises(sa.DataError, match=r"2024-01-01 07:00:00"):
        call(twice)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("entry", ENTRIES)
def test_few_rows_are_an_answer_or_a_clear_error(entry: str, rows: int) -> None:
    kind, call = ENTRIES[entry]
    # anything else that is raised fails the test: it comes from inside
    with contextlib.suppress(sa.DataError, sa.ParameterError, sa.InfeasibleError):
        assert not np.isinf(numbers(call(MARKET[kind].iloc[:rows]))).any()


@pytest.mark.parametrize("entry", ENTRIES)
def test_columns_that_do_not_vary_are_an_answer_or_a_clear_error(entry: str) -> None:
    """A constant column, and one equal to another but for rounding."""
    kind, call = ENTRIES[entry]
    table = MARKET[kind].copy()
    table["b"] = table["a"] * (1.0 + 2e-16) if kind != "weights" else table["a"]
    table["d"] = 0.125 if kind == "weights" else 3.0 if kind != "returns" else 1e-4
    if kind == "weights":
        table = table / 2.0
    # nothing infinite is made of rounding; NaN says that there is no answer
    with contextlib.suppress(sa.DataError, sa.ParameterError, sa.InfeasibleError):
        assert not np.isinf(numbers(call(table))).any()


@pytest.mark.parametrize(
    "entry", ["Panel.from_frame", "MeanDownsideRisk.solve", "scan_pairs", "fit_garch"]
)
def test_a_label_of_cash_is_refused(entry: str) -> None:
    kind, call = ENTRIES[entry]
    with pytest.raises((sa.DataError, sa.ParameterError), match="USD"):
        call(MARKET[kind].rename(columns={"c": "USD"}))


def test_every_entry_is_in_the_contract() -> None:
    """Public functions of the tools whose first argument is a table, by its name."""
    words = {"log_prices", "returns", "scenarios", "prices", "y", "values"}
    missing = []
    for module in (cointegration, volatility, optimization, backtest):
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing) and not isinstance(thing, type):
                first = next(iter(inspect.signature(thing).parameters), "")
                if first in words and name not in ENTRIES:
                    missing.append(f"{module.__name__}.{name}")
    assert sorted(missing) == sorted(EXEMPT)


EXEMPT = {
    # arrays of one dimension or of scenario returns, without labels or times
    "statarb.backtest.downside_deviation",
    "statarb.optimization.downside_deviation",
    "statarb.optimization.entropy",
    "statarb.optimization.expected_shortfall",
    "statarb.optimization.value_at_risk",
    "statarb.optimization.variance",
    # the same readers as entries above, on prices or groups
    "statarb.cointegration.log_prices",
    "statarb.cointegration.cluster_pairs",
    "statarb.cointegration.phillips_ouliaris",
    "statarb.cointegration.fit_ou",
    "statarb.volatility.bipower_variation",
    "statarb.volatility.realised_variance",
    "statarb.volatility.price_bars",
}
"""Entries that the contract leaves out, and why."""
