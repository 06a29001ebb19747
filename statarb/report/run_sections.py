"""Sections of single runs: the best that traded, beside cash and its lag-0 counterpart; sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from statarb.report.axes import benchmark_of
from statarb.report.figures import (
    draw_drawdown,
    draw_fees,
    draw_orders,
    draw_turnover,
    draw_utilisation,
    draw_value,
    draw_weights,
)
from statarb.report.formats import (
    count,
    decimals,
    money,
    number,
    percent,
    ratio,
    signed_percent,
)
from statarb.report.headline import in_full
from statarb.report.section import SMALL, Drawn, Section, drawn_axes, drawn_figure
from statarb.report.source_figures import certificate_figure, source_figure, source_table
from statarb.report.tables import Cell, Table
from statarb.results.read import LeagueTables, Results
from statarb.results.record import Record
from statarb.results.schema import path_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["by_score", "run_sections"]

MOST_RUNS = 4
"""Single runs that get figures; the others are in the tables alone, so that the page stays
small.
"""
MOST_INVESTORS = 12
"""Investors whose reasons for cash are listed."""
CASH = "cash"
"""Investor that never trades."""
BESIDE: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("total_return", "return", signed_percent),
    ("G", "G", ratio),
    ("maximum_drawdown", "largest drawdown", lambda value: percent(value, 1)),
    ("orders", "orders", count),
    ("fees_paid", "fees", money),
)
"""Figures of a run beside cash and its counterpart at another lag."""


def run_sections(results: Results, missing: list[str]) -> list[Section]:
    """Return sections with figures for the first few runs that traded: the best by G at a lag of at
    least 1, each beside cash and its counterpart at another lag.

    Parameters
    ----------
    results : Results
        What a folder holds.
    missing : list of str
        Gets a line where runs were left out.

    Returns
    -------
    list of Section
        Of a league in which nobody traded, and of a run that never did, a sentence with the reasons
        that were given, without figures. After the figures of a run, those of its sources and of
        its optimizer, where they are known.
    """
    idle = [section for league in results.leagues for section in _nobody_traded(league)]
    told = {
        (str(row["investor"]), int(row["decision_lag"]))
        for league in results.leagues
        if _nobody_traded(league)
        for row in league.table.to_dict("records")
    }
    chosen = []
    for record in sorted(results.records, key=by_score):
        if record.traded:
            chosen.append(record)
        elif (record.metrics.get("investor"), record.metrics.get("decision_lag")) not in told:
            reasons = _said(record.metrics) or "it gave no reason"
            text = f"{record.label} executed no order, so there is nothing to draw: {reasons}."
            idle.append(Section(f"Run: {record.label}", [text]))
    if len(chosen) > MOST_RUNS:
        names = ", ".join(record.label for record in chosen[MOST_RUNS:])
        missing.append(
            f"the figures of {len(chosen) - MOST_RUNS} further runs, so that the page stays small: "
            f"{names}"
        )
    sections = []
    for place, record in enumerate(chosen[:MOST_RUNS], start=1):
        sections += [
            _run_section(record, results, place),
            *_source_sections(record, place),
            *_certificate_sections(record, place),
        ]
    return [*(section for section in sections if not section.empty), *idle]


def by_score(record: Record) -> tuple[bool, float, str, int]:
    """Order runs: those that can be earned first, by G, the larger lag first; runs at lag 0
    last.

    Parameters
    ----------
    record : Record
        A run.

    Returns
    -------
    tuple
        Key to sort by.
    """
    g, lag = number(record.metrics.get("G")), record.metrics.get("decision_lag")
    return lag == 0, float("inf") if g != g else -g, record.label, -(lag or 0)


def _nobody_traded(league: LeagueTables) -> list[Section]:
    """Return one section where no ranked investor of a league executed an order at the smallest lag
    that can be earned; none where one did, or where the orders are not known.
    """
    table = league.table
    lags = sorted({int(lag) for lag in table["decision_lag"]} - {0})
    if not lags or not _orders_known(table):
        return []
    rows = table[(table["decision_lag"] == lags[0]) & table["rank_G"].notna()]
    if (rows["orders"] > 0).any():
        return []
    reasons = league.about.get("reasons", {})
    left_out = league.about.get("left_out", {})
    said = []
    for row in rows.to_dict("records"):
        name = str(row["investor"])
        if benchmark_of(name) == CASH:
            continue
        facts = {str(key): value for key, value in row.items()}
        facts["reasons"] = reasons.get(path_label(name, lags[0]))
        facts["left_out"] = left_out.get(path_label(name, lags[0]))
        said.append(f"{name}: {_said(facts) or 'no reason given'}")
    rest = f"; and {len(said) - MOST_INVESTORS:,} more" if len(said) > MOST_INVESTORS else ""
    why = f" Why, by investor: {'; '.join(said[:MOST_INVESTORS])}{rest}." if said else ""
    text = f"No investor executed an order at decision lag {lags[0]}, so no run is drawn.{why}"
    return [Section("Run", [text])]


def _orders_known(table: pd.DataFrame) -> bool:
    return "orders" in table and pd.api.types.is_numeric_dtype(table["orders"])


def _said(facts: Mapping[str, Any]) -> str:
    """Say why a run held cash: reasons that it gave, what it left out, orders that were dropped,
    failures.
    """
    reasons = facts.get("reasons")
    parts = [
        f"{reason} ({count(times)} decisions)"
        for reason, times in (reasons.items() if isinstance(reasons, dict) else ())
    ]
    parts += _left_out(facts)
    dropped = number(facts.get("orders_dropped"))
    if dropped > 0:
        parts.append(f"{count(dropped)} orders were dropped")
    failures = facts.get("failure_reasons")
    if isinstance(failures, str) and failures:
        parts.append(f"decisions failed, {failures}")
    elif number(facts.get("failures")) > 0:
        parts.append(f"{count(facts['failures'])} decisions failed")
    return ", ".join(parts)


def _left_out(facts: Mapping[str, Any]) -> list[str]:
    """Say what a run's investor could not use."""
    left_out = facts.get("left_out")
    return [
        f"{what} ({count(times)} times)"
        for what, times in (left_out.items() if isinstance(left_out, dict) else ())
    ]


def _run_section(record: Record, results: Results, place: int) -> Section:
    figures: list[Drawn] = []

    def add(kind: str, draw: Callable[[Axes], object], caption: str) -> None:
        figures.append(drawn_axes(f"run{place}-{kind}", SMALL, draw, caption))

    if record.paths is not None:
        values = _values_beside(record, results)
        others = (
            ", beside cash and the same investor at another lag, as far as they are known"
            if values.shape[1] > 1
            else ""
        )
        add(
            "value",
            lambda ax: draw_value(values, ax, currency=record.currency, own=record.label),
            f"Value before trading at each time{others}.",
        )
        add("drawdown", lambda ax: draw_drawdown(record, ax), "Fall from the highest value so far.")
    if record.weight_source is not None:
        mean = record.mean_weights()
        caption = "Realised weights after trading: the largest holdings, the rest, and cash. "
        caption += f"On average {mean.held:,.1f} assets are held."
        add("weights", lambda ax: draw_weights(mean, ax), caption)
    if record.paths is not None:
        add("turnover", lambda ax: draw_turnover(record, ax), "Value bought and sold.")
        add("fees", lambda ax: draw_fees(record, ax), "Sum of the fees paid.")
    if record.order_source is not None:
        known = record.limits is not None
        caption = "Orders by their target size, and what became of them" + (
            ", against the limits." if known else "."
        )
        add("orders", lambda ax: draw_orders(record, ax), caption)
    if record.utilisation is not None and record.currency:  # U is a figure of the case
        caption = (
            "Time to reach each decision; the slowest took "
            f"{decimals(record.utilisation.max(), 4)} % of the step."
        )
        add("utilisation", lambda ax: draw_utilisation(record, ax), caption)
    by_reason = record.metrics.get("orders_by_reason", {})
    tables = []
    if sum(by_reason.values()):
        rows = [("", [Cell(reason), Cell(count(orders))]) for reason, orders in by_reason.items()]
        tables.append(Table("Orders by what became of them", ["reason", "orders"], rows))
    beside = [_table_beside(record, results)] if len(_rows_beside(record, results)) > 1 else []
    if not (figures or tables):
        return Section("")
    title = f"Run: {record.label}"
    return Section(title, _text(record, results), beside, figures, tables)


def _text(record: Record, results: Results) -> list[str]:
    """Say where a run stands in its league, and what its investor could not use."""
    left_out = _left_out(record.metrics)
    text = [f"Not used: {'; '.join(left_out)}."] if left_out else []
    lag = record.metrics.get("decision_lag")
    for league in results.leagues:
        table = league.table
        if not _orders_known(table):
            continue
        rows = table[(table["decision_lag"] == lag) & (table["orders"] > 0)]
        ranked = rows.dropna(subset=["rank_G"]).sort_values("rank_G", kind="stable")
        if len(ranked) and str(ranked["investor"].iloc[0]) == record.metrics.get("investor"):
            best = f"The best investor by G of those that traded at decision lag {lag}."
            return [best, *text]
    return text


def _rows_beside(record: Record, results: Results) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the figures of a run, of the same investor at other lags, and of cash at its lag."""
    name, lag = record.metrics.get("investor"), record.metrics.get("decision_lag")
    rows: dict[str, Mapping[str, Any]] = {record.label: record.metrics}
    for other in results.records:
        if other is not record and name is not None and other.metrics.get("investor") == name:
            rows[other.label] = other.metrics
    for league in results.leagues:
        for row in league.table.to_dict("records"):
            who, at = str(row["investor"]), int(row["decision_lag"])
            if (who == name and at != lag) or (benchmark_of(who) == CASH and at == lag):
                rows.setdefault(path_label(who, at), {str(key): row[key] for key in row})
    return list(rows.items())


def _table_beside(record: Record, results: Results) -> Table:
    rows = []
    for label, facts in _rows_beside(record, results):
        cells = [Cell(write(facts.get(key)), in_full(facts.get(key))) for key, _, write in BESIDE]
        rows.append(("early" if facts.get("decision_lag") == 0 else "", [Cell(label), *cells]))
    unit = f", {record.currency}" if record.currency else ""
    headings = [f"fees{unit}" if key == "fees_paid" else heading for key, heading, _ in BESIDE]
    return Table("Beside cash and another lag", ["run", *headings], rows)


def _values_beside(record: Record, results: Results) -> pd.DataFrame:
    """Join the values of the same investor at other lags, and of cash, to those of a run."""
    columns = {record.label: record.require_paths()["value"]}
    paths = {other.label: other.paths for other in results.records if other is not record}
    for label, _ in _rows_beside(record, results)[1:]:
        path = paths.get(label)
        if path is not None:
            columns[label] = path["value"]
        for league in results.leagues:
            if label not in columns and league.values is not None and label in league.values:
                columns[label] = league.values[label]
    frame = pd.DataFrame(columns)
    return frame[list(columns)]


def _source_sections(record: Record, place: int) -> list[Section]:
    """Return what each source of a run promised and delivered; nothing where it is not known."""
    frame = record.sources
    if frame is None:
        return []
    title = f"Sources of {record.label}"
    if len(frame) == 0:
        return [Section(title, ["No source made a forecast that could be traded."])]
    rows = []
    for row in source_table(frame).to_dict("records"):
        cells = [Cell(str(row["source"])), Cell(count(row["horizon"])), Cell(count(row["rows"]))]
        cells += [
            Cell(signed_percent(row[name], 3), in_full(row[name]))
            for name in ("promised", "delivered")
        ]
        rows.append(("", [*cells, Cell(percent(row["trusted"], 1), in_full(row["trusted"]))]))
    columns = ["source", "horizon, rows", "decisions", "mean promised", "mean delivered", "trusted"]
    note = (
        "Returns over the horizon, summed over the assets that the source would have bought; "
        "delivered: what they then returned, net of the market. Trusted: share of the decisions "
        "with a shrinkage above 0."
    )
    caption = (
        "What each source promised (dashed) and delivered, summed over the decisions whose return "
        "is known, each divided by its horizon; below, the share of its promise that was believed."
    )
    known = bool(frame["delivered"].notna().any())
    drawn = [drawn_figure(f"sources{place}", source_figure(frame), caption)] if known else []
    text = [] if known else ["What the sources delivered is not known yet."]
    tables = [Table("Promised and delivered", columns, rows, note=note)]
    said = frame.drop_duplicates("time")["reason"]
    counts = said[said != ""].value_counts()
    if len(counts):
        idle = [("", [Cell(str(why)), Cell(count(times))]) for why, times in counts.items()]
        heading = f"Why nothing was traded, of {count(len(said))} decisions"
        tables.append(Table(heading, ["reason", "decisions"], idle))
    return [Section(title, text, tables, drawn)]


def _certificate_sections(record: Record, place: int) -> list[Section]:
    """Return the duality gaps of a run's optimizer; nothing where they are not known."""
    frame = record.certificates
    if frame is None:
        return []
    title = f"Optimizer of {record.label}"
    if len(frame) == 0:
        return [Section(title, ["The optimizer was never asked."])]
    rows = []
    for status, part in frame.groupby("status", sort=True):
        gap, seconds = (part[name].to_numpy(dtype=np.float64) for name in ("gap", "seconds"))
        cells = [Cell(str(status)), Cell(count(len(part)))]
        for value in (_quantile(gap, 0.5), _quantile(gap, 1.0)):
            cells.append(Cell("\N{EN DASH}" if np.isnan(value) else f"{value:.1e}", in_full(value)))
        for value in (_quantile(seconds, 0.5), _quantile(seconds, 1.0)):
            cells.append(Cell(decimals(1000.0 * value, 2), in_full(value)))
        rows.append(("", cells))
    columns = ["status", "answers", "median gap", "largest gap", "median, ms", "slowest, ms"]
    note = (
        "The gap bounds how far an answer can be from the optimum, relative to the size of the "
        "objective."
    )
    table = Table("Certificates by status", columns, rows, note=note)
    caption = "Relative duality gap of each answer, against the tolerance; below, their number."
    drawn = drawn_figure(f"certificates{place}", certificate_figure(frame), caption)
    return [Section(title, [], [table], [drawn])]


def _quantile(values: np.ndarray[Any, Any], share: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if len(known) else float("nan")
