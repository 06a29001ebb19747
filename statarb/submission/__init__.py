"""The files of the competition: written exactly, read back, validated."""

from statarb.submission.portfolio import (
    PortfolioFile,
    PortfolioProblem,
    read_portfolio,
    validate_portfolio,
    write_portfolio,
)

__all__ = [
    "PortfolioFile",
    "PortfolioProblem",
    "read_portfolio",
    "validate_portfolio",
    "write_portfolio",
]
