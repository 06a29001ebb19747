"""Layouts of quote files: which columns a header announces, and what the file is called after
it.
"""

from __future__ import annotations

import csv
import dataclasses

from statarb.errors import DataError

__all__ = ["ACCEPTED", "LARGEST_ID", "Layout", "is_coin_table", "recognise"]

LARGEST_ID = 9_999_999
"""Largest coin id that is taken for one."""

ACCEPTED = (
    "accepted are the transcript (ID, refID_coin, marketCap, price, CirculatingSupply, Volume24h, "
    "..., rowCreation), "
    "the distributed layout (time, refID_coin, price, marketCap, CirculatingSupply, Volume24h, "
    "...) "
    "and the matrix (time, then one column a coin id)"
)
OTHER_TABLES = (
    "any other table of prices becomes a panel in Python: "
    "Panel.from_frame(pd.read_csv(file, index_col=0)).save('market.parquet')"
)
_COIN_HEADERS = (
    {"id", "coinname", "rowcreation", "symbol"},
    {"id", "name", "date", "tag"},
)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the fields of a quote file stand.

    Parameters
    ----------
    name : str
        ``transcript``, ``distributed`` or ``matrix``.
    width : int
        Number of fields of a row.
    stamp : int
        Position of the time.
    coin, price, market_cap, supply, volume : int
        Positions of the other fields; -1 where the file has no such field, and in the matrix.
    ids : tuple of int
        Coin ids of the columns of a matrix; empty in the other layouts.
    places : tuple of int
        Positions of these columns.
    """

    name: str
    width: int
    stamp: int
    coin: int = -1
    price: int = -1
    market_cap: int = -1
    supply: int = -1
    volume: int = -1
    ids: tuple[int, ...] = ()
    places: tuple[int, ...] = ()


def is_coin_table(header: str) -> bool:
    """Whether a header is one of those of the coin table."""
    names = {name.lower() for name in _names(header)}
    return any(wanted <= names for wanted in _COIN_HEADERS)


def recognise(header: str, file: str) -> Layout:
    """Return the layout that a header announces.

    Raises
    ------
    DataError
        A header of no known layout; shows it, and what is accepted.
    """
    names = _names(header)
    shown = header.strip()[:120]
    if is_coin_table(header) and "refid_coin" not in {name.lower() for name in names}:
        raise DataError(
            f"{file} is a coin table, not a file of quotes (header {shown!r}); give it as coins=; "
            f"{ACCEPTED}"
        )
    where = {name.lower(): place for place, name in enumerate(names)}
    repeated = next((name for name in names if name and names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(
            f"{file} has the column {repeated!r} twice in its header {shown!r}; {ACCEPTED}"
        )
    stamp = where.get("time", where.get("rowcreation", -1))
    if stamp >= 0 and "refid_coin" in where and "price" in where:
        return Layout(
            name="distributed" if "time" in where else "transcript",
            width=len(names),
            stamp=stamp,
            coin=where["refid_coin"],
            price=where["price"],
            market_cap=where.get("marketcap", -1),
            supply=where.get("circulatingsupply", -1),
            volume=where.get("volume24h", -1),
        )
    if "time" in where:
        places = [place for place, name in enumerate(names) if place != stamp and name]
        ids = [_coin_id(names[place]) for place in places]
        if places and all(ids):
            return Layout(
                name="matrix", width=len(names), stamp=stamp, ids=tuple(ids), places=tuple(places)
            )
    raise DataError(f"{file} has an unknown header {shown!r}; {ACCEPTED}; {OTHER_TABLES}")


def _names(header: str) -> list[str]:
    row = next(csv.reader([header.strip("\r\n")], skipinitialspace=True), [])
    return [name.strip() for name in row]


def _coin_id(name: str) -> int:
    """Return the id that a column is called after, 0 where it is none."""
    return int(name) if name.isascii() and name.isdigit() and int(name) <= LARGEST_ID else 0
