"""Result folders: runs, leagues and forecasts, written exactly, read back, validated."""

from statarb.results.forecast_files import (
    ForecastFiles,
    ForecastProblem,
    validate_forecasts,
    write_forecasts,
)
from statarb.results.portfolio_csv import (
    PortfolioFile,
    PortfolioProblem,
    read_portfolio,
    validate_portfolio,
    write_portfolio,
)
from statarb.results.run_files import write_run

__all__ = [
    "ForecastFiles",
    "ForecastProblem",
    "PortfolioFile",
    "PortfolioProblem",
    "read_portfolio",
    "validate_forecasts",
    "validate_portfolio",
    "write_forecasts",
    "write_portfolio",
    "write_run",
]
