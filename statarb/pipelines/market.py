"""Market study: quality of the quotes, overview, volatility and pairs of a market, into files."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.time import step_text
from statarb.cointegration import Spread, log_prices, pair_persistence, spread_path
from statarb.data.overview import best_covered, market_overview
from statarb.data.panel import Panel
from statarb.data.quality import quality_report
from statarb.errors import DataError
from statarb.forecasting.features import LEADERS
from statarb.report.market_sections import LEVEL, SHORTEST
from statarb.results import schema
from statarb.results.folder import claimed
from statarb.results.market_files import MarketStudy, write_market_study
from statarb.volatility import coverage_table, rolling_volatility

__all__ = [
    "overview_stage",
    "pair_stage",
    "quality_stage",
    "volatility_stage",
    "write_market",
]

CORRELATED = 30
"""Assets of the correlations: as many as a reader can tell apart."""
SHOWN = 12
"""Assets whose volatility is forecast, on a market that is not the case's."""
SCANNED = 100
"""Assets that are scanned for pairs: 9,900 tests a sample."""
SAMPLES = 8
"""Samples that are scanned for pairs, each of a week of the case's steps."""
LEVELS = (0.01, 0.05)
"""Probabilities of the values at risk."""


def write_market(panel: Panel, folder: str | os.PathLike[str], *, n_jobs: int = 1) -> Path:
    """Measure a market and write its study.

    Parameters
    ----------
    panel : Panel
        The market, as it was read.
    folder : path
        Folder for the files, see
        :func:`statarb.results.market_files.write_market_study`.
    n_jobs : int
        Threads; -1 for one per core. The results do not depend on it.

    Returns
    -------
    Path
        The folder. A part that the market is too small for is left out, and
        ``market_study.json`` says why.

    Raises
    ------
    DataError
        A folder that cannot be written to or that another run holds.
    """
    with claimed(folder, schema.MARKET_STUDY) as place:
        study = MarketStudy()
        stages: dict[str, Callable[[Panel, MarketStudy], MarketStudy]] = {
            "quality": quality_stage,
            "overview": overview_stage,
            "volatility": functools.partial(volatility_stage, n_jobs=n_jobs),
            "pairs": functools.partial(pair_stage, n_jobs=n_jobs),
        }
        for part, stage in stages.items():
            try:
                study = stage(panel, study)
            except DataError as error:
                left_out = {**study.left_out, part: str(error)}
                study = dataclasses.replace(study, left_out=left_out)
        return write_market_study(study, place, panel)


def quality_stage(panel: Panel, study: MarketStudy) -> MarketStudy:
    """Add the quality of the quotes to a study.

    Parameters
    ----------
    panel : Panel
        The market.
    study : MarketStudy
        What was measured already.

    Returns
    -------
    MarketStudy
    """
    return dataclasses.replace(study, quality=quality_report(panel))


def overview_stage(panel: Panel, study: MarketStudy) -> MarketStudy:
    """Add assets quoted, index and correlations to a study.

    Parameters
    ----------
    panel : Panel
        The market.
    study : MarketStudy
        What was measured already.

    Returns
    -------
    MarketStudy
    """
    overview = market_overview(panel, assets=CORRELATED)
    note = (
        f"Coverage and index of all {len(panel.assets):,} assets; correlations of "
        f"{_chosen(panel, len(overview.correlation))}"
    )
    return dataclasses.replace(study, overview=overview, notes={**study.notes, "overview": note})


def volatility_stage(panel: Panel, study: MarketStudy, *, n_jobs: int = 1) -> MarketStudy:
    """Add volatility forecasts, and the coverage of their values at risk, to a study.

    Parameters
    ----------
    panel : Panel
        The market. Of the case's, the twenty assets of the forecasting task are taken; of another
        one the 12 with the most quotes.
    study : MarketStudy
        What was measured already.
    n_jobs : int
        Threads; -1 for one per core.

    Returns
    -------
    MarketStudy
        The forecasts are those of a GARCH(1, 1) with normal residuals, refitted once a day on the
        last 2,016 rows, from the past alone.

    Raises
    ------
    DataError
        Fewer than three rows.
    """
    leaders = [asset for asset in LEADERS if asset in panel.assets]
    assets = leaders or list(best_covered(panel, SHOWN))
    part = panel.select(assets)
    if len(part.rows) < 3:
        raise DataError(f"a forecast needs at least 3 rows, the market has {len(part.rows)}")
    sigma = rolling_volatility(part, "garch", depth=DEPTH, on="rows", n_jobs=n_jobs)
    returns = pd.DataFrame(part.log_returns(), index=part.times, columns=part.assets)
    coverage = coverage_table(returns, sigma.shift(), LEVELS)
    which = (
        f"the {len(assets)} assets of the forecasting task"
        if leaders
        else _chosen(panel, len(assets))
    )
    note = (
        f"GARCH(1, 1) with normal residuals, refitted once a day on the last {DEPTH:,} rows, of "
        f"{which}; a step is {step_text(panel.step)}"
    )
    return dataclasses.replace(
        study,
        sigma=sigma,
        coverage=coverage,
        notes={**study.notes, "volatility": note},
    )


def pair_stage(panel: Panel, study: MarketStudy, *, n_jobs: int = 1) -> MarketStudy:
    """Add pairs, their persistence and the surest spreads to a study.

    Parameters
    ----------
    panel : Panel
        The market; the 100 assets with the most quotes are scanned, in the last 8 samples of 2,016
        rows that share no row (two halves, where there are fewer rows).
    study : MarketStudy
        What was measured already.
    n_jobs : int
        Threads; -1 for one per core.

    Returns
    -------
    MarketStudy
        Two spreads at most: of the surest pair of the sample before the last one, fitted there and
        followed through the last one; and of the surest pair of the last one. Pairs with a
        half-life below 6 steps show the noise of quotes and are passed over.

    Raises
    ------
    DataError
        Fewer than two assets, or too few rows.
    """
    assets = best_covered(panel, SCANNED)
    if len(assets) < 2:
        raise DataError(f"a pair needs two assets, the market has {len(assets)}")
    logs = log_prices(panel.select(list(assets)))
    jobs = joblib.effective_n_jobs(n_jobs)
    found = pair_persistence(
        logs, rows=DEPTH, samples=SAMPLES, level=LEVEL, shortest=SHORTEST, n_jobs=jobs
    )
    spreads: list[pd.DataFrame] = []
    for sample in (len(found.scans) - 2, len(found.scans) - 1):
        first, last = found.table.loc[sample, ["start", "end"]]
        slow = (found.shortest, np.inf)
        scan = found.scans[sample].filter(pvalue_adjusted=found.level, half_life=slow)
        best = scan.head(1).to_frame()
        if len(best):
            y, x = best.loc[0, ["y", "x"]]
            spread = Spread.fit(logs.loc[first:last], y, x)
            path = spread_path(spread, logs.loc[first:], until=last)
            path = path.rename_axis("time").reset_index()
            ratio = float(spread.hedge_ratio.iloc[0])
            path = path.assign(spread=len(spreads), y=str(y), x=str(x), hedge_ratio=ratio)
            spreads.append(path.assign(half_life=spread.half_life))
    rows = len(logs.loc[found.table["start"].iloc[-1] :])
    note = (
        f"Engle-Granger tests of all pairs of {_chosen(panel, len(assets))}, both directions, in "
        f"the last {len(found.scans)} samples of {rows:,} rows that share no row; p-values "
        "adjusted by Benjamini and Hochberg's false discovery rate"
    )
    return dataclasses.replace(
        study,
        pairs=found.scans[-1].to_frame(details=True),
        persistence=found.table,
        spreads=pd.concat(spreads, ignore_index=True) if spreads else None,
        notes={**study.notes, "pairs": note},
    )


def _chosen(panel: Panel, count: int) -> str:
    """Say how many of the assets were taken, and which."""
    total = len(panel.assets)
    return (
        f"all {total:,} assets"
        if count == total
        else f"the {count:,} assets with the most quotes of {total:,}"
    )
