"""The files of the competition: written exactly, read back, validated."""

from statarb.submission.forecast_job import write_level1
from statarb.submission.forecasts import ForecastFiles, ForecastProblem, validate_forecasts, write_forecasts
from statarb.submission.investment import write_run
from statarb.submission.portfolio import (
    PortfolioFile,
    PortfolioProblem,
    read_portfolio,
    validate_portfolio,
    write_portfolio,
)

__all__ = [
    "ForecastFiles",
    "ForecastProblem",
    "PortfolioFile",
    "PortfolioProblem",
    "read_portfolio",
    "validate_forecasts",
    "validate_portfolio",
    "write_forecasts",
    "write_level1",
    "write_portfolio",
    "write_run",
]
