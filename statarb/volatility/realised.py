"""Realised and range estimators of the variance: from the returns within a span of time, or from
its highest and lowest price.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb._core.tables import Table, read_table
from statarb._core.typing import FloatArray
from statarb.errors import DataError, ParameterError
from statarb.volatility.inputs import read_values, refuse_prices

__all__ = [
    "bipower_variation",
    "garman_klass",
    "parkinson",
    "price_bars",
    "realised_variance",
    "rogers_satchell",
]


def realised_variance(returns: pd.DataFrame | pd.Series, every: str | pd.Timedelta = "1D") -> Any:
    r"""Sum the squared returns within each span of time.

    Parameters
    ----------
    returns : DataFrame or Series, time x asset
        Log returns, indexed by time; NaN where missing.
    every : str or Timedelta
        Length of the spans. Spans of up to a day begin at midnight of each day, in the index's own
        time zone, so that the last one of a day may be shorter; longer ones are counted from
        midnight of the first day.

    Returns
    -------
    DataFrame or Series, span x asset
        Estimate of the variance of the span's return; indexed by the start of the span, known at
        its end. NaN where a span has no return.

    Raises
    ------
    DataError
        An infinite return, or no index of times.
    ParameterError
        A span that is no time span.

    Notes
    -----
    T. G. Andersen, T. Bollerslev (1998), International Economic Review 39, 885-905:

    .. math:: RV = \sum_i r_i^2
    """
    table = _timed_returns(returns)
    spans = _resampled(table.frame(table.values**2), every)
    return _shaped(spans.sum(min_count=1), table)


def bipower_variation(returns: pd.DataFrame | pd.Series, every: str | pd.Timedelta = "1D") -> Any:
    r"""Sum the products of neighbouring absolute returns within each span: a variance that is
    robust to single jumps.

    Parameters
    ----------
    returns : DataFrame or Series, time x asset
        Log returns, indexed by time; NaN where missing. Neighbours are neighbouring observed
        returns of one span.
    every : str or Timedelta
        Length of the spans. Spans of up to a day begin at midnight of each day, in the index's own
        time zone, so that the last one of a day may be shorter; longer ones are counted from
        midnight of the first day.

    Returns
    -------
    DataFrame or Series, span x asset
        Indexed by the start of the span, known at its end; NaN where a span has fewer than two
        returns.

    Raises
    ------
    DataError
        An infinite return, or no index of times.
    ParameterError
        A span that is no time span.

    Notes
    -----
    O. E. Barndorff-Nielsen, N. Shephard (2004), Journal of Financial Econometrics 2, 1-37, with the
    correction for the missing term; n is the span's number of returns:

    .. math:: BV = \frac{\pi}{2} \frac{n}{n - 1} \sum_{i \ge 2} |r_i| \, |r_{i-1}|
    """
    table = _timed_returns(returns)
    known = table.frame(np.abs(table.values))
    spans = _resampled(known, every)
    parts = {}
    for name, column in known.items():
        seen = column.dropna()
        product = seen.to_numpy()[1:] * seen.to_numpy()[:-1]
        bins = _span_starts(pd.DatetimeIndex(seen.index), every)
        same = np.asarray(bins[1:] == bins[:-1])
        parts[name] = pd.Series(product[same], index=bins[1:][same]).groupby(level=0).sum()
    count = spans.count()
    total = pd.DataFrame(parts).reindex(index=count.index, columns=table.labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = (np.pi / 2.0) * count / (count - 1.0)
    return _shaped((factor * total.fillna(0.0)).where(count >= 2), table)


def parkinson(high: Any, low: Any) -> Any:
    r"""Estimate the variance of each bar from its highest and lowest price.

    Parameters
    ----------
    high, low : DataFrame, Series or array, bar x asset
        Positive prices; NaN where missing.

    Returns
    -------
    same type as ``high``
        Variances: unbiased for a Brownian motion without drift that is observed continuously, about
        five times as precise as the squared return. Prices that are observed now and then have too
        small a range.

    Raises
    ------
    DataError
        Prices that are not positive, a high below its low, or tables of different shape.

    Notes
    -----
    M. Parkinson (1980), Journal of Business 53, 61-65:

    .. math:: \frac{(\ln H / L)^2}{4 \ln 2}
    """
    table, (h, low_) = _logs(high=high, low=low)
    return table.like((h - low_) ** 2 / (4.0 * np.log(2.0)))


def garman_klass(open: Any, high: Any, low: Any, close: Any) -> Any:
    r"""Estimate the variance of each bar from its four prices.

    Parameters
    ----------
    open, high, low, close : DataFrame, Series or array, bar x asset
        Positive prices; NaN where missing.

    Returns
    -------
    same type as ``open``
        Variances: about seven times as precise as the squared return, where there is no drift.

    Raises
    ------
    DataError
        Prices that are not positive, outside the bar's range, or tables of different shape.

    Notes
    -----
    M. B. Garman, M. J. Klass (1980), Journal of Business 53, 67-78, equation 20:

    .. math:: \tfrac{1}{2} (\ln H / L)^2 - (2 \ln 2 - 1) (\ln C / O)^2
    """
    table, (o, h, low_, c) = _logs(open=open, high=high, low=low, close=close)
    return table.like(0.5 * (h - low_) ** 2 - (2.0 * np.log(2.0) - 1.0) * (c - o) ** 2)


def rogers_satchell(open: Any, high: Any, low: Any, close: Any) -> Any:
    r"""Estimate the variance of each bar from its four prices, whatever the drift.

    Parameters
    ----------
    open, high, low, close : DataFrame, Series or array, bar x asset
        Positive prices; NaN where missing.

    Returns
    -------
    same type as ``open``
        Variances, unbiased for a Brownian motion with any drift.

    Raises
    ------
    DataError
        Prices that are not positive, outside the bar's range, or tables of different shape.

    Notes
    -----
    L. C. G. Rogers, S. E. Satchell (1991), Annals of Applied Probability 1, 504-512:

    .. math:: \ln\frac{H}{C} \ln\frac{H}{O} + \ln\frac{L}{C} \ln\frac{L}{O}
    """
    table, (o, h, low_, c) = _logs(open=open, high=high, low=low, close=close)
    return table.like((h - c) * (h - o) + (low_ - c) * (low_ - o))


def price_bars(
    prices: pd.DataFrame | pd.Series, every: str | pd.Timedelta = "1h"
) -> dict[Literal["open", "high", "low", "close"], Any]:
    """Gather prices into bars, for the range estimators.

    Parameters
    ----------
    prices : DataFrame or Series, time x asset
        Positive prices, indexed by time; NaN where missing.
    every : str or Timedelta
        Length of the bars; spans of time as in :func:`realised_variance`.

    Returns
    -------
    dict of ``open``, ``high``, ``low``, ``close``
        Tables bar x asset, indexed by the start of the bar, known at its end:
        ``garman_klass(**price_bars(prices))``. ``open`` is the first price within the bar.

    Raises
    ------
    DataError
        No index of times, or an infinite price.
    ParameterError
        A span that is no time span.
    """
    table = read_table("prices", prices, times="required")
    spans = _resampled(table.frame(), every)
    return {
        "open": _shaped(spans.first(), table),
        "high": _shaped(spans.max(), table),
        "low": _shaped(spans.min(), table),
        "close": _shaped(spans.last(), table),
    }


def _logs(**tables: Any) -> tuple[Table, list[FloatArray]]:
    """Read and check the prices of bars; return the first table, and the logarithms of all."""
    read = {name: read_values(name, table) for name, table in tables.items()}
    first = next(iter(read.values()))
    for name, table in read.items():
        values = table.values
        if values.shape != first.values.shape:
            raise DataError(
                f"{name} must have the shape of {first.name}, {first.values.shape}, got "
                f"{values.shape}"
            )
        if not np.array_equal(np.asarray(table.stamps), np.asarray(first.stamps)):
            raise DataError(f"{name} must have the times of {first.name}; align them first")
        if (values <= 0.0).any():
            row, column = (int(place[0]) for place in np.nonzero(values <= 0.0))
            raise DataError(
                f"{name} must be positive, got {values[row, column]} {table.place(row, column)}"
            )
    for name, table in read.items():
        if (table.values > read["high"].values).any() or (table.values < read["low"].values).any():
            raise DataError(
                f"{name} must lie between low and high in every bar, and does not; check the "
                "columns' order"
            )
    return first, [np.log(table.values) for table in read.values()]


def _timed_returns(returns: Any) -> Table:
    table = read_table("returns", returns, times="required")
    refuse_prices(table)
    return table


def _resampled(table: pd.DataFrame, every: str | pd.Timedelta) -> Any:
    return table.groupby(_span_starts(pd.DatetimeIndex(table.index), every))


def _span_starts(index: pd.DatetimeIndex, every: str | pd.Timedelta) -> pd.DatetimeIndex:
    """Start of the span of each time: counted from midnight of its day, or of the first day where
    spans are longer than a day.
    """
    try:
        span = pd.Timedelta(every)
        if not span > pd.Timedelta(0):
            raise ValueError("not positive")
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"every must be a positive time span such as '1D', got {every!r}"
        ) from error
    midnight = index.normalize()
    if span > pd.Timedelta(1, unit="D") and len(index):
        midnight = midnight[:1].repeat(len(index))
    return midnight + (index - midnight) // span * span


def _shaped(result: pd.DataFrame, table: Table) -> Any:
    """A frame for a frame; for a series its one column, under its name."""
    if table.kind == "frame":
        return result
    return result.iloc[:, 0]
