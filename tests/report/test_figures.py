"""Figures show the numbers of the run, on the axes they are given, and take whatever names and
paths there are.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import statarb as sa
from statarb import report
from statarb.report.figures import POINTS
from statarb.report.league_figures import MOST_ROWS, league_height
from statarb.report.style import MUTED, PALETTE
from statarb.results.record import OUTCOMES, record_of
from statarb.results.schema import TARGET_VALUE

TIMES = pd.date_range("2018-01-25", periods=2000, freq="5min", unit="us")


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    pyplot.close("all")


def new_axes(width=5.6, height=3.1):
    return Figure(figsize=(width, height), layout="constrained").subplots()


def texts(ax):
    """Boxes of all texts that are shown, in pixels."""
    figure = ax.get_figure()
    figure.draw_without_rendering()
    found = [*ax.texts, ax.xaxis.label, ax.yaxis.label]
    for axis, place in ((ax.xaxis, 0), (ax.yaxis, 1)):
        low, high = sorted(axis.get_view_interval())
        labels = axis.get_ticklabels()
        found += [
            label
            for label in labels
            if label.get_text() and low <= label.get_position()[place] <= high
        ]
        found.append(axis.get_offset_text())
    if ax.get_legend() is not None:
        found += ax.get_legend().get_texts()
    return [
        (text.get_text(), text.get_window_extent()) for text in found if text.get_text().strip()
    ]


def overlapping(boxes):
    return [
        (one, other)
        for place, (one, first) in enumerate(boxes)
        for other, second in boxes[place + 1 :]
        if first.x0 < second.x1
        and second.x0 < first.x1
        and first.y0 < second.y1
        and second.y0 < first.y1
    ]


def test_the_value_drawn_is_that_of_the_run(runs):
    run = runs[1]
    ax = report.draw_value(run, new_axes())
    line = ax.lines[0]
    np.testing.assert_array_equal(line.get_ydata(), run.replay.value.to_numpy())
    np.testing.assert_array_equal(line.get_xdata(), run.replay.value.index.to_numpy())
    same = report.draw_value(run.replay, new_axes()).lines[0]
    np.testing.assert_array_equal(same.get_ydata(), line.get_ydata())
    assert (
        report.draw_value(run.replay.value, new_axes()).lines[0].get_ydata().tolist()
        == line.get_ydata().tolist()
    )


def test_without_axes_a_new_figure_is_shown(runs):
    drawn = [report.draw_value(runs[1]), report.draw_weights(runs[1]), report.draw_orders(runs[1])]
    assert len({ax.get_figure().number for ax in drawn}) == len(pyplot.get_fignums()) == 3


def test_a_long_path_is_thinned_and_keeps_its_extremes():
    path = pd.Series(
        np.linspace(100.0, 110.0, 50_000), pd.date_range("2018-01-01", periods=50_000, freq="5min")
    )
    path.iloc[31_234], path.iloc[31_235] = 140.0, 70.0
    line = report.draw_value(path, new_axes()).lines[0]
    assert len(line.get_ydata()) <= POINTS
    assert {70.0, 140.0, 100.0, 110.0} <= set(line.get_ydata())


def test_the_axis_is_logarithmic_where_it_helps():
    flat = pd.Series(np.linspace(100.0, 250.0, 50), TIMES[:50])
    assert report.draw_value(flat, new_axes()).get_yscale() == "linear"
    assert report.draw_value(flat**2, new_axes()).get_yscale() == "log"
    assert report.draw_value(flat**2, new_axes(), log=False).get_yscale() == "linear"


def test_a_bankrupt_account_ends_on_a_logarithmic_axis_and_is_marked():
    path = pd.Series([100.0, 10.0, 1.0, 0.0, 0.0], TIMES[:5])
    ax = report.draw_value(path, new_axes())
    assert np.isnan(ax.lines[0].get_ydata()[3:]).all()
    assert ax.lines[1].get_marker() == "x"
    assert ax.lines[1].get_ydata() == [1.0]


def test_drawdown_is_the_fall_from_the_peak(runs):
    value = runs[1].replay.value
    line = report.draw_drawdown(runs[1], new_axes()).lines[0]
    np.testing.assert_allclose(
        line.get_ydata(), 100.0 * (value / value.cummax() - 1.0), rtol=0, atol=1e-12
    )
    assert -line.get_ydata().min() / 100.0 == pytest.approx(
        runs[1].metrics()["maximum_drawdown"], abs=1e-14
    )


def test_weights_are_stacked_to_the_whole(runs):
    run = runs[1]
    mean = record_of(run).mean_weights(50)
    dense = run.replay.weights.to_numpy()
    edges = np.arange(51) * len(dense) // 50
    expected = [dense[low:high].mean(axis=0) for low, high in itertools.pairwise(edges)]
    np.testing.assert_allclose(mean.weights, expected, atol=1e-12)
    assert mean.held == pytest.approx((dense[:, :-1] > 0).sum(axis=1).mean())
    ax = report.draw_weights(run, new_axes(), top=2)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    held = run.replay.weights.iloc[:, :-1].mean().nlargest(2).index
    assert labels == [str(held[0]), str(held[1]), "4 other assets", "cash"]
    top = ax.collections[-1].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(100.0)


def test_weights_of_few_and_of_no_assets():
    panel = sa.Panel.from_frame(pd.DataFrame({1442: 10.0, 1443: 5.0}, index=TIMES[:3]))
    targets = pd.DataFrame({1442: [0.0, 0.3]}, index=TIMES[:2])
    ax = report.draw_weights(
        sa.replay(panel, targets, sa.TradingRules().without_limits(), end=TIMES[1]), new_axes()
    )
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["1442", "cash"]
    ax = report.draw_weights(sa.replay(panel, targets.iloc[:1], end=TIMES[0]), new_axes())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["cash"]


def test_turnover_and_fees_add_up_to_those_of_the_run(runs):
    run = runs[1]
    bars = report.draw_turnover(run, new_axes()).patches
    assert sum(bar.get_height() for bar in bars) == pytest.approx(
        run.metrics()["turnover"], rel=1e-12
    )
    assert len(bars) == 31  # hours
    line = report.draw_fees(run, new_axes()).lines[0]
    assert line.get_ydata()[-1] == pytest.approx(run.metrics()["fees_paid"], rel=1e-12)


def test_orders_are_counted_by_size_and_outcome(runs):
    run = runs[1]
    orders, rules = run.replay.orders, run.rules
    sizes = record_of(run).order_sizes()
    assert int(sizes.counts.to_numpy().sum()) + sizes.unsized == len(orders)
    assert sizes.limits == (rules.min_order, rules.max_order)
    size = orders[TARGET_VALUE] / run.replay.numeraire_price.reindex(orders["time"]).to_numpy()
    below = sizes.edges[1:] <= rules.min_order * 1.0000001
    outcome = dict(zip(OUTCOMES, sizes.counts.sum().tolist(), strict=True))
    assert outcome["below the minimum"] == (orders["reason"] == "below minimum").sum()
    assert outcome["executed in full"] == (orders["reason"] == "executed").sum()
    assert outcome["cut to the maximum"] == (orders["reason"] == "cut to maximum").sum()
    assert int(sizes.counts[below].to_numpy().sum()) == (size < sizes.edges[1:][below].max()).sum()
    # what was dropped for its size lies below the limit, to the width of a bin
    dropped = sizes.edges[:-1][sizes.counts["below the minimum"].to_numpy() > 0]
    assert (dropped < rules.min_order).all()
    ax = report.draw_orders(run, new_axes())
    assert {line.get_xdata()[0] for line in ax.lines} <= {rules.min_order, rules.max_order}
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"executed in full ({outcome['executed in full']:,})" in labels


def test_without_orders_and_without_a_unit():
    prices = pd.DataFrame({"a": np.linspace(1.0, 2.0, 30)}, index=TIMES[:30])
    panel = sa.Panel.from_frame(prices)
    rules = sa.TradingRules(capital=100.0, numeraire=None, min_order=5.0, max_order=float("inf"))
    nothing = sa.replay(panel, pd.DataFrame({"a": [0.0]}, index=TIMES[:1]), rules)
    assert [text.get_text() for text in report.draw_orders(nothing, new_axes()).texts] == [
        "no orders"
    ]
    some = sa.replay(panel, pd.DataFrame({"a": [0.5, 0.51]}, index=TIMES[:2]), rules)
    ax = report.draw_orders(some, new_axes())
    assert ax.get_xlabel().startswith("currency of the prices")
    assert [line.get_xdata()[0] for line in ax.lines] == [5.0]
    free = sa.replay(panel, pd.DataFrame({"a": [0.5]}, index=TIMES[:1]), rules.without_limits())
    assert report.draw_orders(free, new_axes()).lines[:] == []


def test_utilisation_shows_the_slowest_step(runs):
    ax = report.draw_utilisation(runs[1], new_axes())
    assert np.nanmax(ax.lines[0].get_ydata()) == runs[1].utilisation.max()
    with pytest.raises(sa.DataError, match="time of each decision is not known"):
        report.draw_utilisation(runs[1].replay, new_axes())


def ranking(investors, lags=(1, 0), seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(investors):
        for lag in lags:
            g = float(np.exp(rng.normal() * 3.0) * rng.choice([-1.0, 1.0]))
            rows.append(
                (
                    f"an investor with a rather long name {number}",
                    lag,
                    g,
                    rng.normal(),
                    g - 3.0,
                    g + 2.0,
                )
            )
    table = pd.DataFrame(
        rows, columns=["investor", "decision_lag", "G", "total_return", "G_low", "G_high"]
    )
    by_lag = table.groupby("decision_lag")
    table["rank_G"] = by_lag["G"].rank(method="min", ascending=False).astype(int)
    table["rank_return"] = by_lag["total_return"].rank(method="min", ascending=False).astype(int)
    return table


@pytest.mark.parametrize("investors", [1, 2, 30, 70])
def test_no_label_of_a_league_covers_another(investors):
    table = ranking(investors)
    shown = min(investors, MOST_ROWS)
    for draw in (report.draw_league, report.draw_intervals):
        ax = draw(table, new_axes(5.6, league_height(investors)))
        boxes = texts(ax)
        assert overlapping(boxes) == []
        assert sum("investor" in text for text, _ in boxes) == shown * (
            2 if draw is report.draw_league else 1
        )
        for text, box in boxes:
            assert box.x0 >= 0, f"{text} is cut off"
            assert box.x1 <= ax.get_figure().bbox.x1, f"{text} is cut off"


def test_no_label_covers_another_with_thirty_paths():
    rng = np.random.default_rng(0)
    names = [
        "cash",
        "buy_and_hold",
        *(f"an investor with a rather long name {number}" for number in range(28)),
    ]
    values = pd.DataFrame(
        np.exp(rng.normal(0, 0.05, (2000, 30)).cumsum(axis=0)) * 1e4, index=TIMES, columns=names
    )
    ax = report.draw_value(values, new_axes())
    boxes = texts(ax)
    assert overlapping(boxes) == []
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend[:2] == ["cash", "buy_and_hold"]
    assert legend[-1] == "21 others"
    assert len(ax.lines) == 30
    assert sum(len(line.get_ydata()) for line in ax.lines) <= 2 * POINTS


def test_the_league_is_drawn_by_its_ranks(league):
    table = league.table
    ax = report.draw_league(table, new_axes(), decision_lag=0)
    rows = table[table["decision_lag"] == 0].sort_values("rank_G")
    written = [text.get_text() for text in ax.texts]
    for rank_g, rank_return in zip(rows["rank_G"], rows["rank_return"], strict=True):
        assert any(text.endswith(f"  {rank_g}") for text in written)
        assert any(text.startswith(f"{rank_return}  ") for text in written)
    slopes = {line.get_ydata()[1] - line.get_ydata()[0] for line in ax.lines}
    assert len(ax.lines) == len(rows)
    assert all(abs(slope) < len(rows) for slope in slopes)
    with pytest.raises(sa.ParameterError, match=r"decision_lag must be one of \[0, 1\], got 7"):
        report.draw_league(table, decision_lag=7)
    with pytest.raises(sa.ParameterError, match="decision_lag must be one of"):
        report.draw_intervals(table, decision_lag=7)
    with pytest.raises(sa.DataError, match="no column rank_G"):
        report.draw_league(table.drop(columns="rank_G"))


def test_intervals_are_those_of_the_table():
    table = ranking(5, lags=(1,))
    ax = report.draw_intervals(table, new_axes())
    assert sorted(ax.lines[0].get_xdata()) == sorted(table["G"])
    ends = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    np.testing.assert_array_equal(ends, table[["G_low", "G_high"]].to_numpy())


def test_an_infinite_g_is_an_arrow_at_the_edge():
    table = ranking(3, lags=(1,))
    table.loc[0, ["G", "G_low", "G_high"]] = [np.inf, np.nan, np.inf]
    table.loc[1, ["G", "G_low", "G_high"]] = [-np.inf, -np.inf, 3.0]
    ax = report.draw_intervals(table, new_axes())
    arrows = {line.get_marker(): line.get_xdata() for line in ax.lines if line.get_marker() in "<>"}
    assert arrows[">"][0] == -arrows["<"][0] > abs(table.loc[2, "G"])
    report.draw_intervals(table.drop(columns=["G_low", "G_high"]), new_axes())


def test_forecast_scores_are_shown_by_asset():
    scores = pd.DataFrame({"1": [50.0, 60.0], "2": [70.0, np.nan]}, index=["1442", "1443"])
    ax = report.draw_forecasts(scores, new_axes(), reference=50.0)
    assert ax.lines[2].get_xdata().tolist() == [60.0, 60.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1442", "1443"]
    with pytest.raises(sa.DataError, match="at least one asset"):
        report.draw_forecasts(scores.iloc[:0])


@pytest.mark.parametrize(
    "draw", [report.draw_weights, report.draw_turnover, report.draw_orders, report.draw_utilisation]
)
def test_something_else_is_refused(draw):
    with pytest.raises(sa.ParameterError, match="subject must be a Run, a Replay or a Record"):
        draw("a word")


def test_frames_without_times_are_refused():
    with pytest.raises(sa.DataError, match="indexed by times"):
        report.draw_value(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(
        sa.ParameterError, match="top must be an integer at least 1 and at most 7, got 8"
    ):
        report.draw_weights(None, top=8)


def test_the_account_itself_is_coloured_also_where_it_is_a_benchmark():
    values = pd.DataFrame({"cash, lag 1": [1.0, 1.0], "cash, lag 0": [1.0, 1.0]}, index=TIMES[:2])
    plain, own = (
        report.draw_value(values, new_axes(), own=name).lines for name in (None, "cash, lag 1")
    )
    assert plain[0].get_color() == plain[1].get_color() == own[1].get_color() == MUTED
    assert own[0].get_color() == PALETTE[0]


def test_amounts_have_the_currency_of_the_case_and_no_other():
    run = sa.walk_forward("buy_and_hold", sa.simulate_market(assets=2, days=1), start=None)
    assert report.draw_value(run, new_axes()).get_ylabel() == "USD"
    assert report.draw_turnover(run, new_axes()).get_ylabel() == "USD per hour"
    days = pd.date_range("2020-01-01", periods=9)
    prices = pd.DataFrame({"a": np.linspace(1.0, 2.0, 9), "b": 1.0}, index=days)
    free = sa.TradingRules(capital=10.0).without_limits()
    run = sa.walk_forward("equal_weight_hold", sa.Panel.from_frame(prices), free, start=None)
    for draw in (report.draw_value, report.draw_turnover, report.draw_fees):
        assert "USD" not in draw(run, new_axes()).get_ylabel()


def test_values_newest_first_draw_the_same_line():
    values = pd.Series(np.linspace(1.0, 2.0, 50), index=TIMES[:50], name="v")
    lines = [report.draw_value(one, new_axes()).lines[0] for one in (values, values[::-1])]
    np.testing.assert_array_equal(*(line.get_xydata() for line in lines))
