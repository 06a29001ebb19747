"""Sections of a market study: overview, volatility, pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from statarb.report.formats import count, date, decimals, percent, signed_percent
from statarb.report.headline import in_full
from statarb.report.market_figures import correlation_figure, market_figure
from statarb.report.pair_figures import (
    pair_names,
    pairs_figure,
    persistence_figure,
    spread_figure,
    surviving_pairs,
)
from statarb.report.section import Drawn, Section, drawn_figure
from statarb.report.style import plain_label
from statarb.report.tables import Cell, Table
from statarb.report.volatility_figures import coverage_figure, volatility_figure
from statarb.results.market_files import MarketStudy
from statarb.results.record import asset_names

__all__ = ["LEVEL", "SHORTEST", "market_sections"]

LEVEL = 0.05
"""Largest adjusted p-value of a pair that survives."""
SHORTEST = 6.0
"""Half-life in steps below which a pair shows the noise of quotes, and is only counted."""
MOST_PAIRS = 20
MOST_SPREADS = 4


def market_sections(study: MarketStudy, number: int) -> list[Section]:
    """Return the sections of a market study: overview, volatility, pairs.

    Parameters
    ----------
    study : MarketStudy
        What was measured.
    number : int
        Of the study on the page, for the ids of its figures.

    Returns
    -------
    list of Section
        A part that was not measured is left out; where the study says why, in a sentence. A figure
        that would be empty is a sentence too.
    """
    return [
        _overview_section(study, number),
        _volatility_section(study, number),
        _pair_section(study, number),
    ]


def _text(study: MarketStudy, part: str) -> list[str]:
    """Return what a part was made of, or why there is none."""
    found = [f"{study.notes[part]}."] if study.notes.get(part) else []
    return [*found, *([f"Left out: {study.left_out[part]}."] if study.left_out.get(part) else [])]


def _overview_section(study: MarketStudy, number: int) -> Section:
    overview = study.overview
    if overview is None:
        return Section("Market", _text(study, "overview"))
    index = overview.times["index"].dropna()
    quoted, correlation = overview.times["quoted"], overview.mean_correlation
    facts = [
        ("span", f"{date(overview.times.index[0])} to {date(overview.times.index[-1])}", ""),
        ("assets quoted, mean", percent(quoted.mean(), 1), in_full(quoted.mean())),
        ("assets quoted, least", percent(quoted.min(), 1), in_full(quoted.min())),
    ]
    if len(index):
        total = float(index.iloc[-1] / index.iloc[0] - 1.0)
        fall = float((index / index.cummax() - 1.0).min())
        facts.append(("equal-weight index", signed_percent(total), in_full(total)))
        facts.append(("its largest drawdown", percent(-fall, 1), in_full(-fall)))
    facts.append(("mean correlation", decimals(correlation), in_full(correlation)))
    figures: list[Drawn] = []
    text = _text(study, "overview")
    if len(index):
        caption = (
            "Share of all assets with a quote at each time; the chained geometric mean of the "
            "price relatives of all assets quoted."
        )
        figures.append(drawn_figure(f"market{number}-overview", market_figure(overview), caption))
    if len(overview.correlation) > 1:
        caption = (
            "Correlations of the log returns of one step of the assets with the most quotes; "
            "assets that move alike are neighbours."
        )
        figure = correlation_figure(overview, symbols=study.symbols)
        figures.append(drawn_figure(f"market{number}-correlation", figure, caption))
    else:
        text.append("Fewer than two assets move, so there is no correlation.")
    rows = [("", [Cell(name), Cell(value, full)]) for name, value, full in facts]
    return Section("Market", text, [Table("The market", ["", "all assets"], rows)], figures)


def _volatility_section(study: MarketStudy, number: int) -> Section:
    text, figures, tables = _text(study, "volatility"), [], []
    sigma, coverage = study.sigma, study.coverage
    if sigma is not None and (sigma.to_numpy(dtype=np.float64) > 0.0).any():
        caption = "Forecast of the standard deviation of the next log return, known at its time."
        figure = volatility_figure(sigma, symbols=study.symbols)
        figures.append(drawn_figure(f"market{number}-volatility", figure, caption))
        tables.append(_sigma_table(sigma, study.symbols))
    elif sigma is not None:
        text.append("No asset moves, so there is no volatility.")
    if coverage is not None and len(coverage):
        caption = (
            "Share of the returns that fell below the value at risk, by asset; dashed: the share "
            "that should. Hollow: the test of conditional coverage rejects at 5 %."
        )
        figure = coverage_figure(coverage, symbols=study.symbols)
        figures.append(drawn_figure(f"market{number}-coverage", figure, caption))
        tables.append(_coverage_table(coverage, study.symbols))
    elif coverage is not None:
        text.append("No asset has two returns with a forecast, so no coverage can be tested.")
    return Section("Volatility", text, [], figures, tables)


def _sigma_table(sigma: pd.DataFrame, symbols: Mapping[str, str]) -> Table:
    rows = []
    for name, asset in zip(asset_names(sigma.columns, symbols), sigma.columns, strict=True):
        known = sigma[asset].dropna()
        if len(known):
            values = (*known.quantile([0.05, 0.5, 0.95]), known.iloc[-1])
            rows.append(("", [Cell(name), *(Cell(percent(v, 3), in_full(v)) for v in values)]))
    return Table("Volatility of one step", ["asset", "5 %", "median", "95 %", "last"], rows)


def _coverage_table(coverage: pd.DataFrame, symbols: Mapping[str, str]) -> Table:
    rows = []
    assets = list(dict.fromkeys(coverage["asset"]))
    names = dict(zip(assets, asset_names(assets, symbols), strict=True))
    for row in coverage.to_dict("records"):
        cells = [
            Cell(names[row["asset"]]),
            Cell(percent(row["level"], 0), in_full(row["level"])),
            Cell(count(row["observations"])),
            Cell(count(row["exceeded"])),
            Cell(percent(row["rate"]), in_full(row["rate"])),
        ]
        cells += [
            Cell(decimals(row[name], 3), in_full(row[name]))
            for name in ("unconditional", "independence", "conditional")
        ]
        rows.append(("", cells))
    columns = [
        *("asset", "level", "returns", "below", "share"),
        *("p, unconditional", "p, independence", "p, conditional"),
    ]
    note = (
        "Tests of Kupiec (1995: as often as it should be) and Christoffersen (1998: one "
        "exceedance says nothing of the next; both)."
    )
    return Table("Coverage of the values at risk", columns, rows, note=note)


def _pair_section(study: MarketStudy, number: int) -> Section:
    text, figures, tables = _text(study, "pairs"), [], []
    if study.pairs is not None:
        found = surviving_pairs(study.pairs, LEVEL)
        slow = surviving_pairs(study.pairs, LEVEL, shortest=SHORTEST)
        tests = f"the adjustment for {count(len(study.pairs))} tests"
        if len(found):
            text.append(
                f"Of the pairs of the last sample {count(len(found))} survive {tests} (p up to "
                f"{LEVEL:g}); {count(len(found) - len(slow))} of them have a half-life below "
                f"{SHORTEST:g} steps, as the noise of quotes has, and are not listed."
            )
        else:
            text.append(f"No pair of the last sample has a p up to {LEVEL:g} after {tests}.")
        if len(slow):
            caption = (
                "Half-life of the deviation, of the pairs that survive in the last sample, the "
                "surest first."
            )
            figure = pairs_figure(
                study.pairs, level=LEVEL, shortest=SHORTEST, symbols=study.symbols
            )
            figures.append(drawn_figure(f"market{number}-pairs", figure, caption))
            tables.append(_pair_table(slow, study.symbols))
    persistence = study.persistence
    if persistence is not None and (persistence["found"] > 0).any():
        caption = (
            f"Pairs with a half-life of at least {SHORTEST:g} steps in each of the samples, which "
            "share no row, and how many of them the next sample shows again; red: the number if "
            "one sample said nothing of the next."
        )
        figure = persistence_figure(persistence)
        figures.append(drawn_figure(f"market{number}-persistence", figure, caption))
        tables.append(_persistence_table(persistence))
    elif persistence is not None:
        text.append("No sample shows a pair that could be found again.")
    figures += _spreads(study, number)
    return Section("Pairs", text, [], figures, tables)


def _spreads(study: MarketStudy, number: int) -> list[Drawn]:
    """Draw the stored spreads, with their half-life and how the pair was found."""
    if study.spreads is None:
        return []
    figures = []
    for place, part in list(study.spreads.groupby("spread", sort=True))[:MOST_SPREADS]:
        first = part.iloc[0]
        y, x = asset_names([first["y"], first["x"]], study.symbols)
        ratio = decimals(-float(first["hedge_ratio"]), 3, sign=True)
        title = f"log {plain_label(y, 14)} {ratio[0]} {ratio[1:]} log {plain_label(x, 14)}"
        caption = (
            f"Spread of {y} and {x}, of the pairs of its sample with a half-life of at least "
            f"{SHORTEST:g} steps the surest ({decimals(first['half_life'], 1)} steps): mean, and "
            "two standard deviations of the process fitted to the sample."
        )
        path = part.set_index("time")[["value", "mean", "sd", "fitted"]]
        figure = spread_figure(path, title=title)
        figures.append(drawn_figure(f"market{number}-spread{place}", figure, caption))
    return figures


def _pair_table(found: pd.DataFrame, symbols: Mapping[str, str]) -> Table:
    rows = []
    shown = found.head(MOST_PAIRS)
    for name, row in zip(pair_names(shown, symbols), shown.to_dict("records"), strict=True):
        cells = [
            Cell(name),
            Cell(decimals(row["hedge_ratio"], 3), in_full(row["hedge_ratio"])),
            Cell(decimals(row["half_life"], 1), in_full(row["half_life"])),
            Cell(f"{row['pvalue']:.1e}", in_full(row["pvalue"])),
            Cell(decimals(row["pvalue_adjusted"], 4), in_full(row["pvalue_adjusted"])),
            Cell(count(row["observations"])),
        ]
        rows.append(("", cells))
    most = f", the first {MOST_PAIRS} of {count(len(found))}" if len(found) > MOST_PAIRS else ""
    columns = ["pair (y / x)", "hedge ratio", "half-life, steps", "p", "p, adjusted", "rows"]
    return Table(f"Pairs of the last sample{most}", columns, rows)


def _persistence_table(persistence: pd.DataFrame) -> Table:
    rows = []
    for row in persistence.to_dict("records"):
        cells = [Cell(date(row["start"])), Cell(date(row["end"]))]
        cells += [Cell(count(row[name])) for name in ("pairs", "found", "again")]
        rows.append(("", [*cells, Cell(decimals(row["chance"], 1), in_full(row["chance"]))]))
    columns = ["from", "to", "pairs tested", "found", "found again", "again by chance"]
    return Table("Persistence of the pairs", columns, rows, words=2)
