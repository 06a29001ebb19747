"""Names of candle files: which pair, which timeframe, and which part of a longer history."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from statarb.errors import DataError, ParameterError

__all__ = ["CandleName", "frame_text", "read_frame", "read_name"]

FRAMES = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
WORDS = {"minute": "1m", "hour": "1h", "hourly": "1h", "day": "1d", "daily": "1d", "weekly": "1w"}
DATE = r"(?:19|20)\d{2}(?:[-_]?(?:0[1-9]|1[0-2])(?:[-_]?(?:0[1-9]|[12]\d|3[01]))?)?"
DATED = re.compile(rf"^(?P<rest>.+?)[-_. ](?P<date>{DATE}(?:[-_]+(?:to[-_]+)?{DATE})?)$")
FRAMED = re.compile(
    r"^(?P<pair>.+?)[-_](?P<frame>\d+(?:min|[smhdwtSMHDWT]))(?:-(?P<kind>[a-zA-Z_]+))?$"
)
WORDED = re.compile(rf"^(?P<pair>.+?)[-_](?P<frame>{'|'.join(WORDS)}|d)$", re.IGNORECASE)
VENUED = re.compile(r"^(?P<venue>[A-Z][a-z]+(?:[A-Z][a-z]+)?)_(?P<pair>[A-Z0-9]{5,})$")
TICKER = re.compile(
    r"^[\^.]?[A-Za-z0-9]+(?:[.=&/][A-Za-z0-9]+)*(?:-[A-Z]{1,5}|_[A-Za-z0-9]+){0,2}$"
)
COUNTED = re.compile(r"(?:[-_ ]|\()(?:part|copy|\d{1,3})\)?$", re.IGNORECASE)


class CandleName(NamedTuple):
    """What the name of a candle file says.

    ``part`` is the span of dates of a file that holds a part of a history, else ``None``;
    ``frame`` the timeframe as it is written, else ``None``.
    """

    pair: str
    frame: str | None
    part: str | None


def read_name(stem: str) -> CandleName:
    """Read the name of a candle file, without its ending.

    Parameters
    ----------
    stem : str
        ``BTC_USDT-5m`` and ``BTC_USDT_USDT-1h-futures`` (freqtrade), ``BTCUSDT-1h-2024-01`` and
        ``BTCUSDT-1h-2024-01-15`` (Binance), ``Binance_BTCUSDT_1h`` (CryptoDataDownload), ``AAPL``,
        ``BRK-B``, ``BTC-USD``; a year, month or day at the end makes it a part of a history.

    Returns
    -------
    CandleName
        The pair as ``BASE/QUOTE`` where its name has two parts.

    Raises
    ------
    DataError
        A name that is none of these: nothing is made an asset by mistake.

    Examples
    --------
    >>> read_name("BTCUSDT-1h-2024-01")
    CandleName(pair='BTCUSDT', frame='1h', part='2024-01')
    """
    rest, part = stem, None
    dated = DATED.match(stem)
    if dated:
        rest, part = dated["rest"], dated["date"]
    framed, worded = FRAMED.match(rest), WORDED.match(rest)
    frame, kind = None, None
    if framed:
        rest, frame, kind = framed["pair"], framed["frame"], framed["kind"]
    elif worded:
        rest, frame = worded["pair"], WORDS.get(worded["frame"].lower(), "1d")
    if part is None:  # Binance_BTCUSDT_2024_minute: the year before the timeframe
        dated = DATED.match(rest)
        if dated and frame is not None:
            rest, part = dated["rest"], dated["date"]
    venue = VENUED.match(rest)
    if venue:
        rest = venue["pair"]
    if COUNTED.search(rest) or not TICKER.match(rest) or re.search(rf"[-_]{DATE}$", rest):
        raise DataError(
            f"the name {stem!r} is not understood; a candle file is named PAIR-TIMEFRAME, such as "
            "BTC_USDT-5m, with the date of its part behind (BTCUSDT-1h-2024-01), or by its ticker"
        )
    base, _, quote = rest.partition("_")
    label = f"{base}/{quote.replace('_', ':')}" if quote else rest
    return CandleName(f"{label}-{kind}" if kind else label, frame, part)


def read_frame(frame: str) -> np.timedelta64:
    """Return the length of a timeframe such as ``5m``.

    Parameters
    ----------
    frame : str
        A number of s, m (also min, T), h, d or w.

    Returns
    -------
    timedelta64[us]

    Raises
    ------
    ParameterError
        Anything else; months vary in length.
    """
    match = re.fullmatch(r"(\d+)([a-zA-Z]+)", frame.strip())
    unit = match.group(2) if match else ""
    unit = unit if unit == "M" else {"min": "m", "t": "m"}.get(unit.lower(), unit.lower())
    if match is None or unit not in FRAMES or int(match.group(1)) == 0:
        raise ParameterError(
            f"timeframe must be a number of s, m, h, d or w, such as '5m', got {frame!r}"
        )
    return np.timedelta64(int(match.group(1)) * FRAMES[unit] * 1_000_000, "us")


def frame_text(width: np.timedelta64) -> str:
    """Return a length as a timeframe is written: ``5m``, ``1h``, ``1d``.

    Parameters
    ----------
    width : timedelta64[us]

    Returns
    -------
    str
    """
    seconds = int(width.astype("timedelta64[us]").astype(np.int64)) // 1_000_000
    for unit in ("w", "d", "h", "m"):
        if seconds % FRAMES[unit] == 0:
            return f"{seconds // FRAMES[unit]}{unit}"
    return f"{seconds}s"
