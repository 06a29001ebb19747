"""Sections of the report: what was run, leagues, failures, forecasts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from statarb._core.numeric import kendall_tau
from statarb.report.figures import draw_drawdown, draw_value
from statarb.report.forecast_figures import draw_forecasts
from statarb.report.formats import NONE, amount, count, date, decimals
from statarb.report.headline import in_full, uncertainty_table
from statarb.report.league_figures import MOST_ROWS, draw_intervals, draw_league, league_height
from statarb.report.run_sections import by_score
from statarb.report.section import SMALL, Drawn, Section, drawn_axes
from statarb.report.tables import Cell, Table
from statarb.results.read import ForecastTables, LeagueTables, Results
from statarb.results.schema import path_label

__all__ = ["facts_table", "failure_section", "forecast_section", "league_section"]

MOST_FAILURES = 20


def facts_table(results: Results) -> Table:
    """Return what was run: a column for each league, run and set of forecasts.

    Parameters
    ----------
    results : Results
        What a folder holds.

    Returns
    -------
    Table
    """
    parts: list[tuple[str, dict[str, str]]] = []
    for league in results.leagues:
        table = league.table
        lags = ", ".join(str(lag) for lag in sorted(table["decision_lag"].unique(), reverse=True))
        first = {str(key): value for key, value in table.iloc[0].items()}
        facts = {
            "Investor": f"{count(table['investor'].nunique())} investors",
            "Decision lag": lags,
            **_span(first),
            **_about(league.about),
        }
        parts.append(("league", facts))
    for record in sorted(results.records, key=by_score):
        lag = record.metrics.get("decision_lag")
        facts = {
            "Investor": str(record.metrics.get("investor", NONE)),
            "Decision lag": NONE if lag is None else str(lag),
        }
        parts.append((record.label, {**facts, **_span(record.metrics), **_about(record.about)}))
    for one in results.forecasts:
        days = one.metrics.get("days", [])
        facts = {"Forecaster": one.label, "Test days": ", ".join(str(day) for day in days) or NONE}
        facts["Assets"] = NONE if one.mape is None else count(len(one.mape))
        parts.append((f"forecasts: {one.label}", facts))
    names = list(dict.fromkeys(name for _, facts in parts for name in facts))
    rows = [
        ("", [Cell(name), *(Cell(facts.get(name, "")) for _, facts in parts)]) for name in names
    ]
    return Table("", ["", *(label for label, _ in parts)], rows, words=1 + len(parts))


def _span(metrics: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    if "start" in metrics:
        found["Decided"] = (
            f"{date(metrics['start'])} to {date(metrics.get('end'))}, "
            f"{count(metrics.get('steps'))} steps"
        )
    if "assets" in metrics:
        found["Assets"] = count(metrics["assets"])
    return found


def _about(about: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    market, rules = about.get("market"), about.get("rules")
    if market:
        text = (
            f"{count(market['assets'])} assets, {date(market['first'])} to {date(market['last'])}"
        )
        step = market.get("step") or f"{market['step_minutes']:g} min"
        found["Market"] = f"{text}, every {step}"
        if "quotes" in market:
            files = ", ".join(market.get("files", []))
            found["Quotes"] = f"{count(market['quotes'])}" + (f", from {files}" if files else "")
    if rules:
        currency = (market or {}).get("currency", "")
        found["Start capital"] = f"{amount(rules['capital'])} {currency}".rstrip()
        found["Fee"] = f"{100.0 * rules['fee']:g} % of the turnover"
        numeraire = rules["numeraire"]
        unit = about.get("symbols", {}).get(str(numeraire)) or f"units of asset {numeraire}"
        unit = (currency or "in the currency of the prices") if numeraire is None else unit
        low, high = float(rules["min_order"]), float(rules["max_order"])
        found["Order size"] = (
            f"{low:g} to {high:g} {unit}" if low > 0.0 or high < float("inf") else "no limits"
        )
    if "statarb" in about:
        found["Written by"] = f"statarb {about['statarb']}"
    return found


def league_section(league: LeagueTables, number: int) -> Section:
    """Return the section of a league: the two rankings, their uncertainty, and the value of every
    investor over time.

    Parameters
    ----------
    league : LeagueTables
        The league.
    number : int
        Of the league on the page, for the ids of its figures.

    Returns
    -------
    Section
    """
    table = league.table
    lags = sorted((int(lag) for lag in table["decision_lag"].unique()), reverse=True)
    height = league_height(table["investor"].nunique())
    figures: list[Drawn] = []
    for lag in lags:
        tau = _tau(table, lag)
        title = f"Decision lag {lag}: Kendall's tau {decimals(tau)}"
        drawn = drawn_axes(
            f"league{number}-ranks{lag}",
            (SMALL[0], height),
            lambda ax, lag=lag, title=title: draw_league(table, ax, decision_lag=lag, title=title),
            f"Rank by G against rank by return at lag {lag}. Blue: G ranks higher than the return "
            "does; red, dashed: lower.",
        )
        figures.append(drawn)
    for lag in lags[:3]:
        drawn = drawn_axes(
            f"league{number}-G{lag}",
            (SMALL[0], height),
            lambda ax, lag=lag: draw_intervals(
                table, ax, decision_lag=lag, title=f"G at decision lag {lag}"
            ),
            f"G at lag {lag}, with the 95 % interval of the stationary bootstrap where it was "
            "drawn; logarithmic away from 0 "
            "where some are far larger than others.",
        )
        figures.append(drawn)
    if league.values is not None:
        for draw, what in ((draw_value, "Value"), (draw_drawdown, "Drawdown")):
            for lag in lags:
                # in the same order, and so in the same colours, at each lag
                rows = table[table["decision_lag"] == lag]
                names = {path_label(name, lag): name for name in rows["investor"]}
                values = league.values[[name for name in names if name in league.values]].rename(
                    columns=names
                )
                options = {"title": f"{what} at decision lag {lag}"}
                if draw is draw_value:
                    options["currency"] = league.about.get("market", {}).get("currency", "")
                caption = (
                    f"{what} of every investor at lag {lag}; in colour the best by G at lag "
                    f"{lags[0]}, "
                )
                caption += "in grey dashes the benchmarks."
                if values.shape[1] > 0:
                    drawn = drawn_axes(
                        f"league{number}-{what.lower()}{lag}",
                        (SMALL[0], 3.8),
                        lambda ax, draw=draw, values=values, options=options: draw(
                            values, ax, **options
                        ),
                        caption,
                    )
                    figures.append(drawn)
    most = (
        f" The figures show the first {MOST_ROWS} investors."
        if table["investor"].nunique() > MOST_ROWS
        else ""
    )
    text = ["The ranking by G, set against the ranking by return alone." + most]
    below = uncertainty_table(table)
    return Section("League", text, [_agreement(league, lags)], figures, [below] if below else [])


def _tau(table: pd.DataFrame, lag: int) -> float:
    """Kendall's tau-b between the two rankings."""
    rows = table[table["decision_lag"] == lag]
    return kendall_tau(rows["rank_G"], rows["rank_return"])


def _agreement(league: LeagueTables, lags: list[int]) -> Table:
    overfitting = league.about.get("overfitting", {})
    rows = []
    for lag in lags:
        tau, chance = _tau(league.table, lag), overfitting.get(str(lag))
        rows.append(
            (
                "early" if lag == 0 else "",
                [Cell(str(lag)), Cell(decimals(tau), in_full(tau)), Cell(decimals(chance))],
            )
        )
    columns = [
        "decision lag",
        "Kendall's tau, rank by G and by return",
        "probability of backtest overfitting",
    ]
    return Table("Agreement of the two rankings", columns, rows)


def failure_section(results: Results) -> Section:
    """Return the section of decisions that could not be used, with their reasons.

    Parameters
    ----------
    results : Results
        What a folder holds.

    Returns
    -------
    Section
    """
    text, tables = [], []
    known = 0
    for league in results.leagues:
        if league.failures is not None and len(league.failures):
            rows = [
                ("", [Cell(str(row.investor)), Cell(str(row.decision_lag)), Cell(str(row.reason)),
                Cell(count(row.count_)),
                      Cell(date(row.first_time)), Cell(str(row.first_message))])
                for row in league.failures.rename(columns={"count": "count_"}).itertuples()
            ]  # fmt: skip
            columns = ["investor", "lag", "reason", "decisions", "first at", "what it said then"]
            tables.append(Table("Failures in the league", columns, rows, words=6))
            known += len(rows)
    for record in results.records:
        by_reason = record.metrics.get("failures_by_reason") or {}
        if record.failures is not None and len(record.failures):
            rows = [
                ("", [Cell(date(row.time)), Cell(str(row.reason)), Cell(str(row.message))])
                for row in record.failures.head(MOST_FAILURES).itertuples()
            ]
            counts = record.failures["reason"].value_counts(sort=False)
            note = "; ".join(f"{reason}: {number:,}" for reason, number in counts.items())
            title = f"Failures of {record.label}: {len(record.failures):,}"
            title += f", the first {MOST_FAILURES}" if len(record.failures) > MOST_FAILURES else ""
            tables.append(
                Table(title, ["time", "reason", "what it said"], rows, words=3, note=note)
            )
            known += len(rows)
        elif by_reason:
            rows = [
                ("", [Cell(str(reason)), Cell(count(number))])
                for reason, number in by_reason.items()
            ]
            tables.append(Table(f"Failures of {record.label}", ["reason", "decisions"], rows))
            known += len(rows)
    if known:
        text = [
            "A decision that could not be used keeps the holdings. It is counted, never hidden."
        ]
    return Section("Failures", text, tables)


def forecast_section(one: ForecastTables, number: int, symbols: Mapping[str, str]) -> Section:
    """Return the section of forecasts: the summary, and the scores by asset and by day.

    Parameters
    ----------
    one : ForecastTables
        Forecasts.
    number : int
        Of the forecasts on the page, for the ids of the figures.
    symbols : mapping
        Symbols by asset, as far as they are known.

    Returns
    -------
    Section
    """
    one = _named(one, symbols)
    tables, figures = [], []
    kinds = [("in the files", one.metrics)] if one.metrics else []
    kinds += [
        (name.replace("_", " "), one.metrics[name])
        for name in ("raw", "shaped", "last_value")
        if name in one.metrics
    ]
    columns = ["Z", "M, %", "D, %", "R", "U, %"]
    if kinds:
        rows = [("", [Cell(name), *_scores(part)]) for name, part in kinds]
        note = (
            "Z = D - M - R - U. M: mean absolute percentage error; D: steps whose direction is "
            "right; R: dispersion of M over the days; U: time of a forecast in percent of the time "
            "between two quotes."
        )
        tables.append(Table("Scores", ["forecasts", *columns], rows, note=note))
    if one.league is not None:
        rows = [("", [Cell(str(row["model"])), *_scores(row)]) for _, row in one.league.iterrows()]
        tables.append(Table("All forecasters", ["forecaster", *columns], rows))
    days = [str(day) for day in one.metrics.get("days", [])]
    for name, scores, unit, what, middle in (
        ("MAPE", one.mape, "%", "Mean absolute percentage error", None),
        ("DS", one.directional_symmetry, "% of steps", "Directional symmetry", 50.0),
    ):
        if scores is not None and len(scores):
            figures.append(
                drawn_axes(
                    f"forecasts{number}-{name}",
                    (SMALL[0], league_height(len(scores))),
                    lambda ax, scores=scores, unit=unit, what=what, middle=middle: draw_forecasts(
                        scores, ax, unit=unit, title=what, reference=middle
                    ),
                    f"{what} by asset."
                    + (" Dashed: 50 %. An unchanged price counts as a miss." if middle else ""),
                )
            )
    return Section(f"Forecasts by {one.label}", [], tables, figures, _by_asset(one, days))


def _named(one: ForecastTables, symbols: Mapping[str, str]) -> ForecastTables:
    """Put symbols behind the ids of assets."""

    def rename(asset: str) -> str:
        return f"{asset} {symbols[asset]}" if asset in symbols else asset

    return dataclasses.replace(
        one,
        mape=None if one.mape is None else one.mape.rename(index=rename),
        directional_symmetry=None
        if one.directional_symmetry is None
        else one.directional_symmetry.rename(index=rename),
        dispersion=None if one.dispersion is None else one.dispersion.rename(index=rename),
    )


def _scores(part: Mapping[str, Any] | pd.Series) -> list[Cell]:
    digits = {"Z": 2, "M": 4, "D": 2, "R": 3, "U": 5}
    return [
        Cell(decimals(part.get(name), places), in_full(part.get(name)))
        for name, places in digits.items()
    ]


def _by_asset(one: ForecastTables, days: list[str]) -> list[Table]:
    """Return one table: error and direction of each asset on each day, and R."""
    parts = [("M, %", one.mape, 4), ("D, %", one.directional_symmetry, 2)]
    if one.dispersion is not None:
        parts.append(("R", one.dispersion.to_frame("R"), 3))
    known = [(name, table, digits) for name, table, digits in parts if table is not None]
    if not known:
        return []
    assets = list(dict.fromkeys(asset for _, table, _ in known for asset in table.index))
    columns = ["asset"]
    for name, table, _ in known:
        for place, period in enumerate(table.columns):
            day = days[place] if len(days) == table.shape[1] else f"day {period}"
            columns.append(name if name == "R" else f"{name} {day}")
    rows = []
    for asset in assets:
        cells = [Cell(str(asset))]
        for _, table, digits in known:
            values = (
                table.loc[asset].to_numpy(dtype=float)
                if asset in table.index
                else [float("nan")] * table.shape[1]
            )
            cells += [Cell(decimals(value, digits), in_full(float(value))) for value in values]
        rows.append(("", cells))
    return [Table("Scores by asset and day", columns, rows)]
