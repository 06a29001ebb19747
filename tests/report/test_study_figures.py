"""Figures of markets, volatility, pairs, sources and certificates: what is drawn is the input."""

from __future__ import annotations

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import statarb as sa
from statarb import report
from statarb.cointegration import Spread, log_prices, pair_persistence, scan_pairs, spread_path
from statarb.data.overview import market_overview
from statarb.report import style
from statarb.volatility import coverage_table, fit_garch, rolling_volatility

TIMES = pd.date_range("2020-01-01", periods=300, freq="h")


def stamps(line):
    """Times of a line, as numbers of days."""
    return mdates.date2num(line.get_xdata())


def days(index):
    return mdates.date2num(pd.DatetimeIndex(index).to_numpy())


@pytest.fixture(scope="module")
def sources():
    rng = np.random.default_rng(0)
    parts = []
    for source, horizon in (("lead_lag", 12), ("pairs", 3)):
        part = pd.DataFrame(
            {
                "time": TIMES,
                "source": source,
                "horizon": horizon,
                "shrinkage": np.where(np.arange(300) < 200, 0.0, 0.4),
                "promised": 0.002 + 0.001 * rng.random(300),
                "delivered": rng.normal(0.0, 0.002, 300),
            }
        )
        part.loc[300 - horizon :, "delivered"] = np.nan
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def certificates():
    gap = np.full(300, 1e-11)
    gap[[7, 150]] = 3e-6
    gap[20] = 0.0
    gap[21] = np.nan
    status = np.where(gap > 1e-8, "fallback", "optimal")
    return pd.DataFrame({"time": TIMES, "gap": gap, "status": status, "seconds": 0.001})


@pytest.mark.parametrize("measured", [False, True])
def test_the_market_is_drawn_from_the_panel_or_from_what_was_measured(paired, measured):
    overview = market_overview(paired)
    above, below = report.market_figure(overview if measured else paired).axes
    line = below.lines[0]
    index = overview.times["index"]
    kept = np.isin(days(index.index), stamps(line))
    assert kept.sum() == len(line.get_ydata())
    np.testing.assert_array_equal(line.get_ydata(), index.to_numpy()[kept])
    # the means of 200 stretches of 8 steps
    drawn = above.collections[0].get_paths()[0].vertices[:, 1]
    means = 100.0 * overview.times["quoted"].to_numpy().reshape(200, 8).mean(axis=1)
    assert set(means.round(9)) <= set(drawn.round(9))
    assert "means over 8 steps" in above.get_title(loc="left")


def test_a_market_that_multiplies_has_a_logarithmic_index():
    prices = pd.DataFrame({"a": np.exp(np.linspace(0.0, 2.0, 300))}, index=TIMES)
    below = report.market_figure(sa.Panel.from_frame(prices)).axes[1]
    assert below.get_yscale() == "log"
    assert "logarithmic" in below.get_ylabel()


def test_correlations_are_drawn_as_they_are(paired):
    overview = market_overview(paired, assets=4)
    figure = report.correlation_figure(overview, symbols={"A": "first", "C": "x$"})
    ax = figure.axes[0]
    np.testing.assert_array_equal(
        ax.collections[0].get_array().ravel(), overview.correlation.to_numpy().ravel()
    )
    names = [{"A": "first", "C": r"x\$"}.get(name, name) for name in overview.correlation.index]
    assert [label.get_text() for label in ax.get_yticklabels()] == names
    assert f"mean {overview.mean_correlation:.2f}" in ax.get_title(loc="left")
    direct = report.correlation_figure(paired).axes[0].collections[0].get_array()
    assert direct.size == 25


def test_volatility_is_drawn_in_percent(paired):
    sigma = rolling_volatility(paired, "ewma", on="rows")
    ax = report.volatility_figure(sigma, symbols={"A": "first"}).axes[0]
    assert len(ax.lines) == 5
    for line, asset in zip(ax.lines, sigma.columns, strict=True):
        kept = np.isin(days(sigma.index), stamps(line))
        np.testing.assert_array_equal(line.get_ydata(), 100.0 * sigma[asset].to_numpy()[kept])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["first", *"BCDE"]
    assert ax.get_yscale() == "log"


def test_the_volatility_of_a_fit_is_its_conditional_one(paired):
    returns = pd.DataFrame(paired.log_returns(), index=paired.times, columns=paired.assets)
    fit = fit_garch(returns[["A", "C"]].dropna())
    ax = report.volatility_figure(fit).axes[0]
    for line, asset in zip(ax.lines, "AC", strict=True):
        kept = np.isin(days(fit.sigma.index), stamps(line))
        np.testing.assert_array_equal(line.get_ydata(), 100.0 * fit.sigma[asset].to_numpy()[kept])


def test_coverage_marks_what_is_rejected_as_hollow():
    values = np.random.default_rng(3).normal(0.0, 0.02, (3000, 2))
    sigma = np.column_stack([np.full(3000, 0.02), np.full(3000, 0.012)])
    table = coverage_table(values, sigma)
    ax = report.coverage_figure(table).axes[0]
    every = [line for line in ax.lines if line.get_fillstyle() == "none"]
    full = [line for line in ax.lines if line.get_marker() in "oD" and line not in every]
    for level, ring, disc in zip((0.01, 0.05), every, full, strict=True):
        rows = table[table["level"] == level]
        np.testing.assert_array_equal(ring.get_xdata(), 100.0 * rows["rate"])
        passed = rows["conditional"] >= 0.05
        np.testing.assert_array_equal(disc.get_xdata(), 100.0 * rows["rate"][passed])
        assert passed.tolist() == [True, False]
    limits = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"]
    assert limits == [1.0, 5.0]


def test_pairs_are_those_that_survive_the_adjustment(paired):
    scan = scan_pairs(log_prices(paired), lags=1)
    found = report.surviving_pairs(scan, 0.05)
    table = scan.to_frame()
    table = table[table["pvalue_adjusted"] <= 0.05]
    assert frozenset("AB") in {frozenset(pair) for pair in zip(table["y"], table["x"], strict=True)}
    assert len(found) == len({frozenset(p) for p in zip(table["y"], table["x"], strict=True)})
    assert found["pvalue"].is_monotonic_increasing
    line = report.pairs_figure(scan, symbols={"A": "first"}).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), found["half_life"])
    np.testing.assert_array_equal(line.get_ydata(), np.arange(len(found)))
    label = report.pairs_figure(scan, symbols={"A": "first"}).axes[0].get_yticklabels()[0]
    assert set(label.get_text().split(" / ")) == {"first", "B"}
    shortest = float(found["half_life"].max())
    assert len(report.surviving_pairs(scan.to_frame(), 0.05, shortest=shortest)) == 1


@pytest.mark.parametrize("stored", [False, True])
def test_a_spread_is_drawn_in_and_after_its_sample(paired, stored):
    logs = log_prices(paired)
    until = logs.index[799]
    spread = Spread.fit(logs.loc[:until], "B", "A")
    path = spread_path(spread, logs, until)
    figure = (
        report.spread_figure(path, sds=1.5)
        if stored
        else report.spread_figure(spread, logs, until=until, sds=1.5)
    )
    ax = figure.axes[0]
    inside, after, mean, low, high = ax.lines
    for line, part in ((inside, path[path["fitted"]]), (after, path[~path["fitted"]])):
        kept = np.isin(days(part.index), stamps(line))
        np.testing.assert_array_equal(line.get_ydata(), part["value"].to_numpy()[kept])
    process = spread.process
    assert mean.get_ydata()[0] == process.mean
    assert low.get_ydata()[0] == process.mean - 1.5 * process.stationary_sd
    assert high.get_ydata()[0] == process.mean + 1.5 * process.stationary_sd
    if not stored:
        assert ax.get_title(loc="left").startswith("log B \N{MINUS SIGN}")


def test_persistence_is_the_table(paired):
    found = pair_persistence(log_prices(paired), rows=400, lags=1)
    ax = report.persistence_figure(found).axes[0]
    heights = [bar.get_height() for bar in ax.patches]
    known = found.table["again"].dropna()
    assert heights == [*found.table["found"], *known]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), found.table["chance"].dropna())
    assert len(known) == len(found.table) - 1 == 3


def test_sources_are_summed_over_what_is_known(sources):
    above, below = report.source_figure(sources).axes
    lines = [line for line in above.lines if len(line.get_xdata()) > 2]
    assert len(lines) == 4
    for place, (source, horizon) in enumerate((("lead_lag", 12), ("pairs", 3))):
        rows = sources[sources["source"] == source]
        known = rows[rows["delivered"].notna()]
        for name, line in zip(("promised", "delivered"), lines[2 * place :], strict=False):
            total = 100.0 * known[name].cumsum() / horizon
            np.testing.assert_allclose(line.get_ydata(), total, rtol=1e-12)
            assert line.get_linestyle() == ("-" if name == "delivered" else "--")
        np.testing.assert_array_equal(below.lines[place].get_ydata(), rows["shrinkage"])
    labels = [text.get_text() for text in below.get_legend().get_texts()]
    assert labels == ["lead_lag, 12 rows", "pairs, 3 rows"]


def test_the_table_of_sources_is_of_the_same_rows(sources):
    table = report.source_table(sources)
    assert table["source"].tolist() == ["lead_lag", "pairs"]
    assert table["rows"].tolist() == [300, 300]
    for row in table.itertuples():
        part = sources[sources["source"] == row.source].dropna(subset=["delivered"])
        assert row.promised == part["promised"].mean()
        assert row.delivered == part["delivered"].mean()
        assert row.trusted == 100 / 300


def test_the_order_of_the_rows_does_not_matter(sources, certificates):
    mixed = sources.sample(frac=1.0, random_state=1)
    # the sources appear in another order
    one = {line.get_color(): line for line in report.source_figure(sources).axes[1].lines}
    other = report.source_figure(mixed).axes[1].lines
    assert len(other) == len(one)
    for line in other:
        np.testing.assert_array_equal(line.get_ydata(), one[line.get_color()].get_ydata())
    first, second = (
        report.certificate_figure(frame).axes[0].lines[0].get_ydata()
        for frame in (certificates, certificates.sample(frac=1.0, random_state=1))
    )
    np.testing.assert_array_equal(first, second)


def test_certificates_beyond_the_tolerance_stand_out(certificates):
    above, below = report.certificate_figure(certificates).axes
    within, beyond, tolerance = above.lines
    assert tolerance.get_ydata()[0] == 1e-8
    np.testing.assert_array_equal(beyond.get_ydata(), [3e-6, 3e-6])
    np.testing.assert_array_equal(stamps(beyond), days(TIMES[[7, 150]]))
    assert np.isnan(within.get_ydata()).sum() == 1
    assert np.nanmin(within.get_ydata()) == 1e-17  # the gap of 0
    assert above.get_yscale() == "log"
    assert [bar.get_width() for bar in below.patches] == [298, 2]
    assert [label.get_text() for label in below.get_yticklabels()] == ["optimal", "fallback"]
    loose = report.certificate_figure(certificates, tolerance=1e-4).axes[0].lines
    assert loose[1].get_ydata().size == 0


EMPTY = {
    "correlation_figure": lambda: report.correlation_figure(
        sa.Panel.from_frame(pd.DataFrame({"a": np.arange(1.0, 61.0)}, index=TIMES[:60]))
    ),
    "volatility_figure": lambda: report.volatility_figure(
        pd.DataFrame({"a": [0.0, np.nan]}, index=TIMES[:2])
    ),
    "coverage_figure": lambda: report.coverage_figure(
        coverage_table(np.full((3, 1), np.nan), np.ones((3, 1)))
    ),
    "pairs_figure": lambda: report.pairs_figure(
        pd.DataFrame({"y": ["a"], "x": ["b"], "pvalue_adjusted": [0.4], "half_life": [3.0]})
    ),
    "spread_figure": lambda: report.spread_figure(
        pd.DataFrame({"value": [], "mean": [], "sd": [], "fitted": []})
    ),
    "persistence_figure": lambda: report.persistence_figure(
        pd.DataFrame({"start": [], "end": [], "pairs": [], "found": [], "again": [], "chance": []})
    ),
    "source_figure": lambda: report.source_figure(
        pd.DataFrame(columns=["time", "source", "horizon", "shrinkage", "promised", "delivered"])
    ),
    "certificate_figure": lambda: report.certificate_figure(
        pd.DataFrame(columns=["time", "gap", "status", "seconds"])
    ),
}


@pytest.mark.parametrize("name", EMPTY)
def test_where_there_is_nothing_to_draw_there_are_no_empty_axes(name):
    with pytest.raises(sa.DataError, match="there is no"):
        EMPTY[name]()


def test_a_spread_needs_its_log_prices(paired):
    spread = Spread.fit(log_prices(paired), "B", "A")
    with pytest.raises(sa.ParameterError, match="log_prices must be given"):
        report.spread_figure(spread)


def test_figures_are_the_same_every_time_and_open_no_window(paired, sources, certificates):
    def drawn():
        with style.drawing():
            figures = [
                report.market_figure(paired),
                report.correlation_figure(paired),
                report.source_figure(sources),
                report.certificate_figure(certificates),
            ]
            return [style.svg_text(figure, "x", "y") for figure in figures]

    first = drawn()
    assert drawn() == first
    assert "<image" not in "".join(first)  # a page of its own needs no other file
    assert pyplot.get_fignums() == []


def test_what_is_drawn_on_axes_is_a_figure_too():
    values = pd.Series([1.0, 2.0, 1.5], index=TIMES[:3], name="mine")
    figure = report.figure_of(report.draw_value, values, size=(4.0, 2.0), title="here")
    assert isinstance(figure, Figure)
    assert figure.get_size_inches().tolist() == [4.0, 2.0]
    (ax,) = figure.axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), values)
    assert ax.get_title(loc="left") == "here"
    assert pyplot.get_fignums() == []
