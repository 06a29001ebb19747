"""Report of a result folder: one self-contained HTML page, the same for the same results."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from statarb._core.files import output_folder, write_text
from statarb._core.version import __version__
from statarb.report.headline import headline_tables, missing_counterparts
from statarb.report.market_sections import market_sections
from statarb.report.run_sections import run_sections
from statarb.report.section import Section
from statarb.report.sections import (
    facts_table,
    failure_section,
    forecast_section,
    league_section,
)
from statarb.report.style import BASE_CSS, drawing
from statarb.results.read import Results, read_results
from statarb.results.schema import REPORT

__all__ = ["write_report"]

CSS = """th, td { padding-right: 8px; } .wide table { font-size: 12.5px; } table { margin: 0 0 .4em;
} caption { text-align: left; font-weight: 600; padding: .6em 0 .3em; } .wide { position: relative;
} thead th { vertical-align: bottom; white-space: normal; } th:first-child, td:first-child {
position: sticky; left: 0; background: #fff; } thead th:first-child { z-index: 1; } td.wrap {
white-space: normal; min-width: 16em; } tr.early td { color: #6b4a12; background: #fdf8ee; } tr.warn
td { color: #8c2412; background: #fdf1ee; } .warning { border-left: 5px solid #c8553d; background:
#fdf1ee; padding: .6em 1em; } .note, figcaption, footer { color: #555; font-size: 13px; } footer {
margin: 3em 0 1em; } .figures { display: grid; gap: 1.2em 1.6em; align-items: start; } .figures {
grid-template-columns: repeat(auto-fill, minmax(min(100%, 500px), 1fr)); } figure { margin: .8em 0
0; min-width: 0; } .drawn { overflow-x: auto; } .drawn svg { display: block; width: 100%; min-width:
340px; height: auto; } svg * { stroke-linejoin: round; stroke-linecap: butt; } @media print { .wide
{ max-height: none; overflow: visible; } figure { break-inside: avoid; } }
"""
ABOUT_LAGS = (
    "Decision lag 1: decided before the price at which it trades is known. Decision lag 0: traded "
    "at the very quotes that the "
    "decision was made from, which nobody can do; a gain that only lag 0 has cannot be earned. "
    "G is the total return over the root of the mean squared negative log return of a step."
)
ABOUT_U = (
    "U is the time of a decision in percent of the time between two quotes, and must stay below "
    "100."
)


def write_report(folder: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """Write the report of what ``statarb run``, ``invest``, ``league`` and ``forecast`` left in a
    folder.

    Parameters
    ----------
    folder : path
        Folder given to one of the verbs with ``--out``, or one that holds such folders, such as
        ``lag1`` and ``lag0``. What is not in it is left out of the report, and said so there.
    out : path, optional
        The page to write; by default ``report.html`` in ``folder``.

    Returns
    -------
    Path
        The page: one file with all figures, which appears whole or not at all. The same results
        give the same bytes.

    Raises
    ------
    DataError
        No such folder, nothing in it that can be reported, a damaged file (which is named), or a
        page that cannot be written.

    Examples
    --------
    >>> import statarb as sa, tempfile
    >>> from statarb.investors import make_investor
    >>> from statarb.results.run_files import write_run
    >>> panel = sa.simulate_market(assets=3, days=9, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     holder = make_investor("buy_and_hold")
    ...     run = sa.walk_forward(holder, panel, start="2018-01-26", depth=100)
    ...     page = write_report(write_run(run, folder, panel))
    ...     page.name
    'report.html'
    """
    results = read_results(folder)
    text = _render(results)
    path = Path(folder) / REPORT if out is None else Path(out)
    output_folder(path.parent)
    write_text(path, text)
    return path


def _render(results: Results) -> str:
    from jinja2 import Environment, StrictUndefined

    missing = list(results.missing)
    symbols: dict[str, str] = {}
    for about in (
        *(league.about for league in results.leagues),
        *(record.about for record in results.records),
    ):
        symbols |= about.get("symbols", {})
    headline = headline_tables(results)
    facts = facts_table(results)
    with drawing():
        sections = [
            Section("What was run", tables=[facts] if facts.rows else []),
            Section("Results", text=_about(results) if headline else [], tables=headline),
            *(
                league_section(league, number)
                for number, league in enumerate(results.leagues, start=1)
            ),
            *run_sections(results, missing),
            failure_section(results),
            *(
                section
                for number, study in enumerate(results.markets, start=1)
                for section in market_sections(study, number)
            ),
            *(
                forecast_section(one, number, symbols)
                for number, one in enumerate(results.forecasts, start=1)
            ),
        ]
    shown = [section for section in sections if not section.empty]
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(
        resources.files("statarb.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    )
    rendered = page.render(
        title=_title(results),
        version=__version__,
        css=BASE_CSS + CSS,
        warnings=missing_counterparts(results),
        sections=shown,
        missing=missing,
    )
    return rendered.strip() + "\n"


def _about(results: Results) -> list[str]:
    """Explain the figures of the headline tables; U where a market is the case's."""
    abouts = [*(one.about for one in results.leagues), *(one.about for one in results.records)]
    case = any(about.get("market", {}).get("currency") for about in abouts)
    return [f"{ABOUT_LAGS} {ABOUT_U}" if case else ABOUT_LAGS]


def _title(results: Results) -> str:
    parts = []
    for league in results.leagues:
        entered = league.table["investor"].nunique()
        parts.append(f"league of {entered} investor{'s' if entered > 1 else ''}")
    if results.records and not results.leagues:
        names = [record.label for record in results.records]
        parts.append(names[0] if len(names) == 1 else f"{len(names)} runs")
    if results.forecasts:
        names = [one.label for one in results.forecasts]
        parts.append(
            f"forecasts by {names[0]}" if len(names) == 1 else f"{len(names)} sets of forecasts"
        )
    if not parts:
        parts.append("the market")
    return "Report: " + ", ".join(parts)
