"""Realised and range estimators of the variance: from the returns within a span of time, or from
its highest and lowest price.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray
from statarb.errors import DataError, ParameterError
from statarb.volatility.inputs import as_returns, like_input

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
    values = as_returns("returns", returns)
    squares = pd.DataFrame(values**2, index=_times("returns", returns), columns=_columns(returns))
    return _shaped(_resampled(squares, every).sum(min_count=1), returns)


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
    values = np.abs(as_returns("returns", returns))
    index, columns = _times("returns", returns), _columns(returns)
    known = pd.DataFrame(values, index=index, columns=columns)
    spans = _resampled(known, every)
    parts = {}
    for name, column in known.items():
        seen = column.dropna()
        product = seen.to_numpy()[1:] * seen.to_numpy()[:-1]
        bins = _span_starts(pd.DatetimeIndex(seen.index), every)
        same = np.asarray(bins[1:] == bins[:-1])
        parts[name] = pd.Series(product[same], index=bins[1:][same]).groupby(level=0).sum()
    count = spans.count()
    total = pd.DataFrame(parts).reindex(index=count.index, columns=columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = (np.pi / 2.0) * count / (count - 1.0)
    return _shaped((factor * total.fillna(0.0)).where(count >= 2), returns)


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
    h, low_ = _logs(high=high, low=low)
    return like_input((h - low_) ** 2 / (4.0 * np.log(2.0)), high)


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
    o, h, low_, c = _logs(open=open, high=high, low=low, close=close)
    return like_input(0.5 * (h - low_) ** 2 - (2.0 * np.log(2.0) - 1.0) * (c - o) ** 2, open)


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
    o, h, low_, c = _logs(open=open, high=high, low=low, close=close)
    return like_input((h - c) * (h - o) + (low_ - c) * (low_ - o), open)


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
    values = as_returns("prices", prices)
    spans = _resampled(
        pd.DataFrame(values, index=_times("prices", prices), columns=_columns(prices)), every
    )
    return {
        "open": _shaped(spans.first(), prices),
        "high": _shaped(spans.max(), prices),
        "low": _shaped(spans.min(), prices),
        "close": _shaped(spans.last(), prices),
    }


def _logs(**tables: Any) -> list[FloatArray]:
    arrays = {name: as_returns(name, table) for name, table in tables.items()}
    first = next(iter(arrays))
    for name, values in arrays.items():
        if values.shape != arrays[first].shape:
            raise DataError(
                f"{name} must have the shape of {first}, {arrays[first].shape}, got {values.shape}"
            )
        if (values <= 0.0).any():
            row, column = (int(place[0]) for place in np.nonzero(values <= 0.0))
            raise DataError(
                f"{name} must be positive, got {values[row, column]} in row {row}, column {column}"
            )
    for name, values in arrays.items():
        if (values > arrays["high"]).any() or (values < arrays["low"]).any():
            raise DataError(
                f"{name} must lie between low and high in every bar, and does not; check the "
                "columns' order"
            )
    return [np.log(values) for values in arrays.values()]


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


def _times(name: str, table: Any) -> pd.DatetimeIndex:
    index = getattr(table, "index", None)
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(
            f"{name} must be a DataFrame or Series indexed by times, got {type(table).__name__}"
        )
    return index


def _columns(table: Any) -> pd.Index:
    return table.columns if isinstance(table, pd.DataFrame) else pd.Index([0])


def _shaped(result: pd.DataFrame, table: Any) -> Any:
    return result if isinstance(table, pd.DataFrame) else result.iloc[:, 0].rename(table.name)
