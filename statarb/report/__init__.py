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
from statarb.report.page import write_report
from statarb.report.quality_page import draw_quality, write_quality_page
from statarb.results.read import Results, read_results
from statarb.results.record import Record

__all__ = [
    "Record",
    "Results",
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
    "read_results",
    "write_quality_page",
    "write_report",
]
