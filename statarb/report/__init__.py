"""Reports and figures: the page of a result folder, and each figure for notebooks and scripts."""

from statarb.report.figures import (
    draw_drawdown,
    draw_fees,
    draw_orders,
    draw_turnover,
    draw_utilisation,
    draw_value,
    draw_weights,
)
from statarb.report.forecast_figures import draw_forecasts
from statarb.report.league_figures import draw_intervals, draw_league
from statarb.report.market_figures import correlation_figure, market_figure
from statarb.report.page import write_report
from statarb.report.pair_figures import (
    pairs_figure,
    persistence_figure,
    spread_figure,
    surviving_pairs,
)
from statarb.report.quality_page import draw_quality, write_quality_page
from statarb.report.source_figures import certificate_figure, source_figure, source_table
from statarb.report.style import figure_of
from statarb.report.volatility_figures import coverage_figure, volatility_figure
from statarb.results.read import Results, read_results
from statarb.results.record import Record

__all__ = [
    "Record",
    "Results",
    "certificate_figure",
    "correlation_figure",
    "coverage_figure",
    "draw_drawdown",
    "draw_fees",
    "draw_forecasts",
    "draw_intervals",
    "draw_league",
    "draw_orders",
    "draw_quality",
    "draw_turnover",
    "draw_utilisation",
    "draw_value",
    "draw_weights",
    "figure_of",
    "market_figure",
    "pairs_figure",
    "persistence_figure",
    "read_results",
    "source_figure",
    "source_table",
    "spread_figure",
    "surviving_pairs",
    "volatility_figure",
    "write_quality_page",
    "write_report",
]
