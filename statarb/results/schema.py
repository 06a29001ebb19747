"""Schema of result folders: the name of every file and column, in one place.

``statarb invest`` writes a *run*, ``statarb league`` a *league*, ``statarb forecast`` *forecasts*,
``statarb run`` all of them and a *market study*. Each of the four is one set of files, sealed by a
JSON file that lists the checksum of the others (:mod:`statarb.results.folder`).
"""

from __future__ import annotations

from typing import NamedTuple

from statarb._core.tables import CASH, CERTIFICATE_COLUMNS, SOURCE_COLUMNS

__all__ = [
    "CASH",
    "CERTIFICATE_COLUMNS",
    "FORECASTS",
    "LEAGUE",
    "MARKET_STUDY",
    "RUN",
    "SETS",
    "SOURCE_COLUMNS",
    "FileSet",
    "path_label",
]

TIME = "time"
INVESTOR, LAG = "investor", "decision_lag"

# -- a run -----------------------------------------------------------------------------------------

PORTFOLIO = "portfolio_sim.csv"
VALUE = "value.parquet"
PATHS = ("value", "cash", "fees", "turnover")
"""Columns of ``value.parquet`` beside the time, and paths of a replay."""
ORDERS = "orders.parquet"
TARGET_VALUE, TRADED_VALUE, REASON = "target_value", "traded_value", "reason"
ORDER_COLUMNS = (TIME, TARGET_VALUE, TRADED_VALUE, REASON)
"""Columns of ``orders.parquet`` that a report needs."""
LIMITS = "limits.parquet"
LIMIT_COLUMNS = ("min_order", "max_order")
UTILISATION = "utilisation.csv"
UTILISATION_COLUMN = "utilisation_percent"
FAILURES = "failures.csv"
FAILURE_COLUMNS = (TIME, "reason", "message")
METRICS = "metrics.json"
SOURCES = "sources.parquet"
"""What each source of forecasts promised and delivered; there where the investor has sources."""
CERTIFICATES = "certificates.parquet"
"""How far each answer of the optimizer can be from the optimum; there where it was asked."""
RUN_ABOUT = "run.json"
RULES_KEYS = ("capital", "fee", "min_order", "max_order", "numeraire")
MARKET_KEYS = ("assets", "first", "last", "step_minutes")

# -- a league --------------------------------------------------------------------------------------

LEAGUE_TABLE = "league.csv"
LEAGUE_COLUMNS = (INVESTOR, LAG, "G", "total_return", "rank_G", "rank_return")
LEAGUE_WORDS = (INVESTOR, "failure_reasons", "start", "end", "insolvent_at", "only_asset")
"""Columns of text."""
LEAGUE_BOUNDS = ("G_low", "G_high")
"""Interval of G; there where the league drew one."""
LEAGUE_VALUES = "league_values.parquet"
LEAGUE_FAILURES = "league_failures.csv"
LEAGUE_FAILURE_COLUMNS = (INVESTOR, LAG, "reason", "count", "first_time", "first_message")
LEAGUE_FAILURE_WORDS = (INVESTOR, "reason", "first_time", "first_message")
LEAGUE_ABOUT = "league.json"

# -- forecasts -------------------------------------------------------------------------------------

ASSET_ID = "coinID"
"""First column of the metric files, as the competition spells it."""
SCORES = ("Z", "M", "D", "R", "U")
MAPE, DIRECTION, DISPERSION = "metrics_MAPE.csv", "metrics_DS.csv", "metrics_R.csv"
FORECAST_LEAGUE = "forecast_league.csv"
FORECAST_LEAGUE_COLUMNS = ("model", *SCORES)
FORECAST_METRICS = (*SCORES, "model")
FORECAST_ABOUT = "forecast.json"

# -- a market --------------------------------------------------------------------------------------

OVERVIEW = "overview.parquet"
OVERVIEW_COLUMNS = ("quoted", "index")
CORRELATION = "correlation.parquet"
"""A row an asset, column ``asset``, then a column an asset."""
VOLATILITY = "volatility.parquet"
"""Column ``time``, then a column an asset."""
COVERAGE = "value_at_risk.parquet"
COVERAGE_COLUMNS = (
    *("asset", "level", "observations", "exceeded", "rate"),
    *("unconditional", "independence", "conditional"),
)
PAIRS = "pairs.parquet"
PAIR_COLUMNS = ("y", "x", "hedge_ratio", "pvalue", "pvalue_adjusted", "half_life", "observations")
PERSISTENCE = "pair_persistence.parquet"
PERSISTENCE_COLUMNS = ("start", "end", "pairs", "found", "again", "chance")
SPREADS = "spreads.parquet"
SPREAD_COLUMNS = (
    *("spread", "y", "x", "hedge_ratio", "half_life"),
    *(TIME, "value", "mean", "sd", "fitted"),
)
QUALITY = ("quality.csv", "quality_gaps.csv", "quality_market.json")
MARKET_ABOUT = "market_study.json"

REPORT = "report.html"
MARKET = "market.parquet"
REJECTS = "rejects.csv"
CHECKPOINT = "checkpoint"


class FileSet(NamedTuple):
    """Files that are written together, replaced together, and sealed by one of them.

    Parameters
    ----------
    name : str
        What the set is called in messages.
    about : str
        JSON file that lists the checksums of the others.
    files : tuple of str
        The others; forecasts have one more an asset and period.
    verb : str
        What writes it anew.
    """

    name: str
    about: str
    files: tuple[str, ...]
    verb: str


RUN = FileSet(
    "run",
    RUN_ABOUT,
    (PORTFOLIO, VALUE, ORDERS, LIMITS, UTILISATION, FAILURES, METRICS, SOURCES, CERTIFICATES),
    "statarb invest",
)
LEAGUE = FileSet(
    "league", LEAGUE_ABOUT, (LEAGUE_TABLE, LEAGUE_VALUES, LEAGUE_FAILURES), "statarb league"
)
FORECASTS = FileSet(
    "forecasts",
    FORECAST_ABOUT,
    (MAPE, DIRECTION, DISPERSION, METRICS, FORECAST_LEAGUE),
    "statarb forecast",
)
MARKET_STUDY = FileSet(
    "market study",
    MARKET_ABOUT,
    (OVERVIEW, CORRELATION, VOLATILITY, COVERAGE, PAIRS, PERSISTENCE, SPREADS, *QUALITY),
    "statarb run",
)
SETS = (RUN, LEAGUE, FORECASTS, MARKET_STUDY)


def path_label(investor: str, decision_lag: int) -> str:
    """Return the name of a path of values: column of ``league_values.parquet``, label of a run.

    Parameters
    ----------
    investor : str
        Its name.
    decision_lag : int
        Its lag.

    Returns
    -------
    str
    """
    return f"{investor}, lag {decision_lag}"
