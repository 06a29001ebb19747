"""Tables of results: every league and run, lag 0 beside its delayed counterpart, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from statarb.report.formats import NONE, count, decimals, money, percent, ratio, signed_percent
from statarb.report.tables import Cell, Table
from statarb.results.read import Results
from statarb.results.record import Record

__all__ = [
    "headline_tables",
    "in_full",
    "league_table",
    "missing_counterparts",
    "missing_delayed_runs",
    "uncertainty_table",
]

Column = tuple[str, str, Callable[[Any], str]]
"""Key in ``metrics.json`` and ``league.csv``, heading, and how it is written."""
OF_A_LEAGUE = ("interval", "rank_G", "rank_return")
SAME = ("start", "end", "assets")
"""What a run and its delayed counterpart must share, beside the investor and the rules."""


def _columns(currency: str) -> list[Column]:
    """Return the columns of a table of results.

    U, the time of a decision in percent of a step, is the case's figure; elsewhere the time itself
    is shown.
    """
    unit = f", {currency}" if currency else ""
    time: Column = ("seconds", "deciding, s", lambda value: decimals(value, 1))
    if currency:
        time = ("utilisation_max_percent", "U max, %", lambda value: decimals(value, 4))
    return [
        ("total_return", "return", signed_percent),
        ("G", "G", ratio),
        ("interval", "95 % of G", str),
        ("rank_G", "rank by G", count),
        ("rank_return", "rank by return", count),
        ("downside", "downside per step", lambda value: percent(value, 3)),
        ("maximum_drawdown", "largest drawdown", lambda value: percent(value, 1)),
        ("exposure", "exposure", lambda value: percent(value, 0)),
        ("final_value", f"final value{unit}", money),
        ("fees_paid", f"fees{unit}", money),
        ("turnover", f"turnover{unit}", money),
        ("orders", "orders", count),
        ("orders_dropped", "dropped", count),
        ("orders_cut", "cut", count),
        ("failures", "failures", count),
        time,
    ]


def headline_tables(results: Results) -> list[Table]:
    """Return a table for each league, and one for the runs that are in none.

    Parameters
    ----------
    results : Results
        What a folder holds.

    Returns
    -------
    list of Table
    """
    alone = missing_delayed_runs(results)
    tables = []
    for league in results.leagues:
        currency = league.about.get("market", {}).get("currency", "")
        tables.append(league_table(league.table, currency=currency, alone=alone))
    rows = [
        dict(record.metrics, label=record.label) for record in _outside(results) if record.metrics
    ]
    rows.sort(
        key=lambda row: (str(row.get("investor", row["label"])), -(row.get("decision_lag") or 0))
    )
    if rows:
        title = "Results of single runs" if results.leagues else "Results"
        known = {record.currency for record in results.records}
        columns = [
            column
            for column in _columns(known.pop() if len(known) == 1 else "")
            if column[0] not in OF_A_LEAGUE
        ]
        tables.append(_table(title, rows, alone, columns))
    return tables


def league_table(
    table: pd.DataFrame, *, currency: str = "", alone: list[tuple[Any, ...]] | None = None
) -> Table:
    """Return the results of a league, the rows of one investor together.

    Parameters
    ----------
    table : DataFrame
        Of :func:`statarb.league`, or ``league.csv``.
    currency : str
        Currency of the prices; empty where it is not known.
    alone : list, optional
        Of :func:`missing_delayed_runs`.

    Returns
    -------
    Table
    """
    rows = [
        _with_interval({str(key): value for key, value in row.items()})
        for row in table.to_dict("records")
    ]
    return _table("Results of the league", rows, alone or [], _columns(currency))


def uncertainty_table(table: pd.DataFrame) -> Table | None:
    """Return intervals and probabilities of a league; None where the league drew none.

    Parameters
    ----------
    table : DataFrame
        Of :func:`statarb.league`, or ``league.csv``.

    Returns
    -------
    Table or None
        A dash where there is none (without a rank, or bankrupt).
    """
    if "G_low" not in table:
        return None
    rows = []
    for row in table.to_dict("records"):
        cells = [
            Cell(_name({str(key): value for key, value in row.items()})),
            Cell(str(row["decision_lag"])),
            Cell(ratio(row["G"]), in_full(row["G"])),
        ]
        for stem, write in (("G", ratio), ("return", signed_percent), ("rank", count)):
            low, high = row.get(f"{stem}_low"), row.get(f"{stem}_high")
            text = NONE if low is None or pd.isna(low) else f"{write(low)} to {write(high)}"
            cells.append(Cell(text))
        cells += [
            Cell(decimals(row.get(name), 3))
            for name in ("p_best", "deflated_sharpe", "confidence_set_p")
        ]
        rows.append(("early" if row["decision_lag"] == 0 else "", cells))
    columns = [
        "investor",
        "lag",
        "G",
        "95 % of G",
        "95 % of return",
        "95 % of rank by G",
        "P(best G)",
        "deflated Sharpe",
        "confidence set p",
    ]
    return Table("Uncertainty of the ranking", columns, rows)


def missing_counterparts(results: Results) -> list[str]:
    """Return a warning for every result at lag 0 without the same run at a lag of at least 1.

    Parameters
    ----------
    results : Results
        What a folder holds.

    Returns
    -------
    list of str
    """
    return [
        f"{key[0]} at decision lag 0 has no delayed counterpart: the same run at lag 1 is missing. "
        "At lag 0 it trades at the very quotes it decides by; without the run one step later "
        "nothing says whether any of this can be earned."
        for key in dict.fromkeys(missing_delayed_runs(results))
    ]


def missing_delayed_runs(results: Results) -> list[tuple[Any, ...]]:
    """Return the results at lag 0 that have no delayed counterpart.

    Parameters
    ----------
    results : Results
        What a folder holds.

    Returns
    -------
    list of tuple
        Investor, and what its counterpart would have to share.
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
        others = [other for key, other in delayed if key == _key(row)]
        if not any(other == rules or other is None or rules is None for other in others):
            alone.append(_key(row))
    return alone


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (str(row.get("investor")), *(str(row.get(name)) for name in SAME))


def _outside(results: Results) -> list[Record]:
    """Return the runs that are in no league: a league's best run is written beside it, and is no
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
    if "G_low" in row:
        low, high = row["G_low"], row.get("G_high")
        row["interval"] = NONE if pd.isna(low) else f"[{decimals(low, 0)}, {decimals(high, 0)}]"
    return row


def _name(row: Mapping[str, Any]) -> str:
    name = str(row.get("investor", row.get("label")))
    return f"{name} (hindsight)" if row.get("hindsight") in (True, "True") else name


def _table(
    title: str, rows: list[dict[str, Any]], alone: list[tuple[Any, ...]], columns: list[Column]
) -> Table:
    shown = [column for column in columns if any(column[0] in row for row in rows)]
    body = []
    for row in rows:
        lag = row.get("decision_lag")
        style = "early" if lag == 0 else ""
        name, ruin = _name(row), row.get("insolvent_at")
        ruined = isinstance(ruin, str) and ruin not in ("", "nan")
        cells = [
            Cell(f"{name} (insolvent at {ruin})" if ruined else name),
            Cell(NONE if lag is None else str(lag)),
        ]
        for key, _, write in shown:
            value = row.get(key)
            cells.append(Cell(NONE if value is None else write(value), in_full(value)))
        body.append((style, cells))
        if lag == 0 and _key(row) in alone:
            warning = Cell("not run: the delayed counterpart of the row above", span=len(shown))
            body.append(("warn", [Cell(name), Cell("1"), warning]))
    return Table(title, ["investor", "lag", *(heading for _, heading, _ in shown)], body)


def in_full(value: Any) -> str:
    """Return all digits of a number; nothing of what is none.

    Parameters
    ----------
    value : object
        As read from a file.

    Returns
    -------
    str
    """
    plain = value.item() if hasattr(value, "item") else value
    return "" if plain is None or isinstance(plain, (str, bool)) or pd.isna(plain) else repr(plain)
