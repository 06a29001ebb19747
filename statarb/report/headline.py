"""The headline tables: every result, those at lag 0 beside their twins at lag 1, and a warning
where a twin is missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from statarb.report.formats import NONE, count, decimals, money, percent, ratio, signed_percent
from statarb.results.read import Results
from statarb.results.record import Record

__all__ = ["Cell", "Table", "headline_tables", "in_full", "missing_delayed_runs", "missing_twins"]

COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("total_return", "return", signed_percent),
    ("G", "G", ratio),
    ("interval", "95 % of G", str),
    ("rank_G", "rank by G", count),
    ("rank_return", "rank by return", count),
    ("downside", "downside a step", lambda value: percent(value, 3)),
    ("maximum_drawdown", "largest drawdown", lambda value: percent(value, 1)),
    ("final_value", "final value, USD", money),
    ("fees_paid", "fees, USD", money),
    ("turnover", "turnover, USD", money),
    ("orders", "orders", count),
    ("orders_dropped", "dropped", count),
    ("orders_cut", "cut", count),
    ("failures", "failures", count),
    ("utilisation_max_percent", "U max, %", lambda value: decimals(value, 4)),
)
"""Key in ``metrics.json`` and ``league.csv``, heading, and how it is written."""
OF_A_LEAGUE = ("interval", "rank_G", "rank_return")
SAME = ("start", "end", "assets")
"""What two runs must share to be twins, beside the investor and the rules."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a table: what is shown, the number behind it in full, and how many columns it
    fills.
    """

    text: str
    full: str = ""
    span: int = 1


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a page.

    Parameters
    ----------
    title : str
        Heading.
    columns : list of str
        Headings of the columns.
    rows : list of (class, list of Cell)
        Cells, and the class by which a row is styled.
    words : int
        Columns at the left that hold text.
    note : str
        A line below it.
    """

    title: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    words: int = 1
    note: str = ""


def headline_tables(results: Results) -> list[Table]:
    """Return a table for each league, and one for the runs that are in none.

    Parameters
    ----------
    results : Results
        What a folder holds.
    """
    alone = missing_delayed_runs(results)
    tables = []
    for league in results.leagues:
        rows = [
            _with_interval({str(key): value for key, value in row.items()})
            for row in league.table.to_dict("records")
        ]
        tables.append(_table("Results of the league", rows, alone, in_league=True))
    rows = [
        dict(record.metrics, label=record.label) for record in _outside(results) if record.metrics
    ]
    rows.sort(
        key=lambda row: (str(row.get("investor", row["label"])), -(row.get("decision_lag") or 0))
    )
    if rows:
        tables.append(
            _table(
                "Results of single runs" if results.leagues else "Results",
                rows,
                alone,
                in_league=False,
            )
        )
    return tables


def missing_twins(results: Results) -> list[str]:
    """Return a warning for every result at lag 0 without the same run at a lag of at least 1.

    Parameters
    ----------
    results : Results
        What a folder holds.
    """
    return [
        f"{key[0]} at decision lag 0 stands alone: its twin at lag 1 is missing. At lag 0 it "
        "trades at the very quotes it "
        "decides by; without the same run one step later nothing says whether any of this can be "
        "earned."
        for key in dict.fromkeys(missing_delayed_runs(results))
    ]


def missing_delayed_runs(results: Results) -> list[tuple[Any, ...]]:
    """Return the keys of the results at lag 0 that have no twin: investor, span, assets and rules.

    Parameters
    ----------
    results : Results
        What a folder holds.
    """
    rows: list[tuple[Mapping[str, Any], Any]] = []
    for league in results.leagues:
        rows += [
            ({str(k): v for k, v in row.items()}, league.about.get("rules"))
            for row in league.table.to_dict("records")
        ]
    rows += [(record.metrics, record.about.get("rules")) for record in results.records]
    delayed = [(_key(row), rules) for row, rules in rows if (row.get("decision_lag") or 0) >= 1]
    alone = []
    for row, rules in rows:
        if row.get("decision_lag") != 0:
            continue
        twins = [other for key, other in delayed if key == _key(row)]
        if not any(other == rules or other is None or rules is None for other in twins):
            alone.append(_key(row))
    return alone


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (str(row.get("investor")), *(str(row.get(name)) for name in SAME))


def _outside(results: Results) -> list[Record]:
    """Return the runs that stand in no league: a league's best run is written beside it, and is no
    further result.
    """
    listed = {
        (_key(row), row.get("decision_lag"), row.get("final_value"), row.get("fees_paid"))
        for league in results.leagues
        for row in ({str(k): v for k, v in row.items()} for row in league.table.to_dict("records"))
    }
    return [
        record
        for record in results.records
        if (
            _key(record.metrics),
            record.metrics.get("decision_lag"),
            record.metrics.get("final_value"),
            record.metrics.get("fees_paid"),
        )
        not in listed
    ]


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row.get("G_low"), row.get("G_high")
    row["interval"] = (
        NONE if low is None or pd.isna(low) else f"[{decimals(low, 0)}, {decimals(high, 0)}]"
    )
    return row


def _table(
    title: str, rows: list[dict[str, Any]], alone: list[tuple[Any, ...]], *, in_league: bool
) -> Table:
    shown = [column for column in COLUMNS if in_league or column[0] not in OF_A_LEAGUE]
    shown = [column for column in shown if any(column[0] in row for row in rows)]
    body = []
    for row in rows:
        lag = row.get("decision_lag")
        style = "early" if lag == 0 else ""
        name = str(row.get("investor", row.get("label")))
        if row.get("hindsight") in (True, "True"):
            name += " (hindsight)"
        if row.get("insolvent_at") and str(row["insolvent_at"]) != "nan":
            name += f" (insolvent at {row['insolvent_at']})"
        cells = [Cell(name), Cell(NONE if lag is None else str(lag))]
        for key, _, write in shown:
            value = row.get(key)
            cells.append(Cell(NONE if value is None else write(value), in_full(value)))
        body.append((style, cells))
        if lag == 0 and _key(row) in alone:
            warning = Cell("not run: the twin of the row above is missing", span=len(shown))
            body.append(("warn", [Cell(name), Cell("1"), warning]))
    return Table(title, ["investor", "lag", *(heading for _, heading, _ in shown)], body)


def in_full(value: Any) -> str:
    """Return all digits of a number; nothing of what is none.

    Parameters
    ----------
    value : object
        As read from a file.
    """
    plain = value.item() if hasattr(value, "item") else value
    return "" if plain is None or isinstance(plain, (str, bool)) or pd.isna(plain) else repr(plain)
