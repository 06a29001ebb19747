"""The small market that comes with the library."""

from __future__ import annotations

from pathlib import Path

from statarb.errors import DataError

__all__ = ["embedded_market"]


def embedded_market() -> tuple[Path, Path]:
    """Return the files of the embedded market: quotes and coin table.

    Raises
    ------
    DataError
        Where the installation lacks them.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "embedded", package.parent / "data"):
        quotes, coins = folder / "quotes.csv.gz", folder / "CSVData_coin.csv"
        if quotes.is_file() and coins.is_file():
            return quotes, coins
    raise DataError(
        "the embedded market is missing from this installation; give quotes of your own "
        "(--quotes), or make some with "
        "`statarb simulate`"
    )
