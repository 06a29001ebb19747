"""Formats of numbers in reports."""

from __future__ import annotations

import math
from typing import Any

__all__ = [
    "amount",
    "count",
    "date",
    "decimals",
    "money",
    "number",
    "percent",
    "ratio",
    "signed_percent",
]

NONE = "\N{EN DASH}"
"""Sign for a missing number."""


def number(value: Any) -> float:
    """Read a number of a file: what is none is NaN, and infinity may be written as a word.

    Parameters
    ----------
    value : object
        As read from JSON or CSV.

    Returns
    -------
    float
    """
    if isinstance(value, str) and value in ("inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return math.nan
    return float(value)


def decimals(value: Any, digits: int = 2, *, sign: bool = False, unit: str = "") -> str:
    """Write a number with commas between the thousands.

    Parameters
    ----------
    value : number, "inf", "-inf" or None
        As read from a file.
    digits : int
        Digits behind the point.
    sign : bool
        Whether a plus is written.
    unit : str
        What follows it.

    Returns
    -------
    str
    """
    read = number(value)
    if math.isnan(read):
        return NONE
    if math.isinf(read):
        return ("\N{MINUS SIGN}" if read < 0 else "") + "\N{INFINITY}"
    text = f"{read:{'+' if sign else ''},.{digits}f}"
    if not any(letter in "123456789" for letter in text):
        text = text.lstrip("+-")  # nothing gains or loses its sign by rounding
    return text.replace("-", "\N{MINUS SIGN}") + unit


def percent(value: Any, digits: int = 2) -> str:
    """Write a share as a percentage.

    Parameters
    ----------
    value : number or None
        A share, as read from a file.
    digits : int
        Digits behind the point.

    Returns
    -------
    str
    """
    return decimals(100.0 * number(value), digits, unit=" %")


def signed_percent(value: Any, digits: int = 2) -> str:
    """Write a return as a percentage with its sign.

    Parameters
    ----------
    value : number or None
        A return, as read from a file.
    digits : int
        Digits behind the point.

    Returns
    -------
    str
    """
    return decimals(100.0 * number(value), digits, sign=True, unit=" %")


def ratio(value: Any) -> str:
    """Write G or another ratio.

    Parameters
    ----------
    value : number or None
        As read from a file.

    Returns
    -------
    str
    """
    return decimals(value, 1)


def amount(value: Any) -> str:
    """Write an amount of money.

    Parameters
    ----------
    value : number or None
        As read from a file.

    Returns
    -------
    str
    """
    return decimals(value, 2)


def money(value: Any) -> str:
    """Write an amount of money where columns are narrow: without cents from a thousand on.

    Parameters
    ----------
    value : number or None
        As read from a file.

    Returns
    -------
    str
    """
    return decimals(value, 2 if abs(number(value)) < 1000.0 else 0)


def count(value: Any) -> str:
    """Write a whole number.

    Parameters
    ----------
    value : number or None
        As read from a file.

    Returns
    -------
    str
    """
    return decimals(value, 0)


def date(value: Any) -> str:
    """Write a time to the minute; seconds where there are some.

    Parameters
    ----------
    value : object
        A time, as read from a file.

    Returns
    -------
    str
    """
    text = str(value)
    return text.removesuffix(":00") if text.count(":") == 2 else text
