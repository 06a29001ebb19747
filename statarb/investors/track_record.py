"""Track record: how much of past forecasts was realised, and the share of the next one to use."""

from __future__ import annotations

import functools
from collections import deque

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import norm, t

from statarb._core.typing import FloatArray, IntArray
from statarb.investors._engine.shrunk_slopes import frequency_count, row_sums, shrunk_slopes

__all__ = ["TrackRecord", "shrinkage", "shrunk_slope"]


def shrinkage(
    forecast: FloatArray,
    realised: FloatArray,
    first: int,
    length: int,
    delay: int,
    z_threshold: float,
    fee: float,
    *,
    horizon: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    r"""Slope of realised returns on forecasts, shrunk by its standard error; and the gain of
    trading on the forecasts.

    Over the last ``length`` rows whose outcome is known, all assets together, with forecasts f and
    realised returns r:

    .. math::
        b = \frac{\sum_t x_t}{\sum_t y_t}, \quad x_t = \sum_i f_{ti} r_{ti}, \quad
        y_t = \sum_i f_{ti}^2, \quad
        \text{shrinkage} = b \max\Big(0, 1 - \Big(\frac{c\, s}{b}\Big)^2\Big) \in [0, 1]

    The shape is that of James and Stein (1961), positive part. Assets of one row move together, so
    rows are the observations; outcomes over h rows overlap, so the standard error s rests on the
    long-run variance of the residuals :math:`u_t = x_t - b y_t` (mean of the squares of their B
    lowest cosine coefficients), and c is the quantile of Student's t with B degrees of freedom at
    the probability at which ``z_threshold`` is that of the normal:

    .. math::
        s^2 \Big(\sum_t y_t\Big)^2 = \frac{2}{B} \sum_{j=1}^{B} \Big(\sum_{t=0}^{T-1} u_t
        \cos \frac{\pi j (t + 1/2)}{T}\Big)^2, \quad
        B = \lfloor \min(0.4\, T^{2/3},\, T / 2h) \rfloor

    The shrinkage is 0 where b is not c standard errors above zero, where there are fewer than two
    horizons of outcomes, and where buying the assets whose forecast was above the fee has not
    earned more than the fee.

    Parameters
    ----------
    forecast, realised : (rows, assets)
        Forecasts, and realised returns, in log return (NaN: not known, or no forecast).
    first : int
        First row for which an answer is asked.
    length : int
        Rows T of the track record.
    delay : int
        Rows until an outcome is known.
    z_threshold : float
        Standard errors by which the slope must exceed zero: 2 lets a forecast without content pass
        in 2.3 % of cases, at every horizon.
    fee : float
        Cost of a trade, as a share of it.
    horizon : int, optional
        Rows h over which outcomes overlap; by default ``delay``.

    Returns
    -------
    shrinkage, gain : (rows - first,)
        In [0, 1]; mean over the rows of the track record of the sum, over assets whose forecast was
        above the fee, of the realised return less the fee.

    Notes
    -----
    E. Lazarus, D. J. Lewis, J. H. Stock, M. W. Watson (2018), HAR inference: recommendations for
    practice, Journal of Business & Economic Statistics 36, 541-559, for long-run variance, B and t
    quantile.
    """
    cross, square, earned = row_sums(forecast, realised, fee)
    rows = len(forecast) - first
    # the answer for row first + k rests on forecasts up to first + k - delay, whose outcome is
    # known then
    ends = np.arange(first, len(forecast)) - delay + 1
    # side by side in memory, so that each row is summed in the same order in every block
    padded = np.concatenate([np.zeros(length + delay), earned])
    gain = np.ascontiguousarray(sliding_window_view(padded, length)[first + 1 : first + 1 + rows])
    mean_gain: FloatArray = gain.mean(axis=1)
    found = _slopes(cross, square, ends, length, delay if horizon is None else horizon, z_threshold)
    return np.where(mean_gain > 0.0, found, 0.0), mean_gain


def shrunk_slope(
    cross: FloatArray, square: FloatArray, length: int, horizon: int, z_threshold: float
) -> float:
    """Shrinkage of one track record, without the condition on the gain; see :func:`shrinkage`.

    Parameters
    ----------
    cross, square : (rows,)
        Sums over the assets of a row, oldest first: forecast times realised return, forecast
        squared.
    length : int
        Most rows of a track record.
    horizon : int
        Rows over which outcomes overlap.
    z_threshold : float
        Standard errors by which the slope must exceed zero.

    Returns
    -------
    float
        In [0, 1].
    """
    end = np.array([len(cross)])
    return float(_slopes(cross, square, end, length, horizon, z_threshold)[0])


class TrackRecord:
    """Track record of one source of forecasts, updated row by row.

    The answer is the shrinkage of :func:`shrinkage` without its condition on the gain.

    Parameters
    ----------
    horizon : int
        Rows that a forecast is for, counted from the trade.
    lag : int
        Rows between the last row seen and the trade.
    length : int
        Rows of the track record.
    z_threshold : float
        Standard errors by which the slope must exceed zero.

    Attributes
    ----------
    shrinkage : float
        Of the newest forecast, in [0, 1].
    """

    def __init__(self, horizon: int, lag: int, length: int, z_threshold: float) -> None:
        self.horizon, self.lag, self.length = horizon, lag, length
        self.z_threshold = z_threshold
        self.shrinkage = 0.0
        self._cross: deque[float] = deque(maxlen=length)
        self._square: deque[float] = deque(maxlen=length)
        self._forecasts: deque[FloatArray] = deque(maxlen=lag + horizon + 1)
        self._prices: deque[FloatArray] = deque(maxlen=horizon + 1)

    def update(self, forecast: FloatArray, log_price: FloatArray) -> float:
        """Add a row, and return the shrinkage of its forecast.

        Parameters
        ----------
        forecast : (assets,)
            Expected log return made from this row; NaN = none.
        log_price : (assets,)
            Last known at this row; NaN = none yet.

        Returns
        -------
        float
            In [0, 1].
        """
        self._forecasts.append(forecast)
        self._prices.append(log_price)
        if len(self._forecasts) == self._forecasts.maxlen:
            past, realised = self._forecasts[0], self._prices[-1] - self._prices[0]
            both = ~(np.isnan(past) | np.isnan(realised))
            f, r = past[both], realised[both]
            self._cross.append(float(f @ r))
            self._square.append(float(f @ f))
            self.shrinkage = float(
                _slopes(
                    np.array(self._cross),
                    np.array(self._square),
                    np.array([len(self._cross)]),
                    self.length,
                    self.horizon,
                    self.z_threshold,
                )[0]
            )
        return self.shrinkage


def _slopes(
    cross: FloatArray,
    square: FloatArray,
    ends: IntArray,
    length: int,
    horizon: int,
    z_threshold: float,
) -> FloatArray:
    found = np.empty(len(ends))
    counts, critical, cosines = _tables(length, horizon, z_threshold)
    shrunk_slopes(cross, square, ends, length, counts, critical, cosines, found)
    return found


@functools.lru_cache(maxsize=64)
def _tables(
    length: int, horizon: int, z_threshold: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Number of cosines by length, critical value by number of cosines, and the cosines."""
    counts = np.array([frequency_count(rows, horizon) for rows in range(length + 1)])
    most = int(counts[-1])
    critical = np.zeros(most + 1)
    critical[1:] = t.isf(norm.sf(z_threshold), np.arange(1, most + 1))
    angle = np.outer(np.arange(1, most + 1), np.arange(length) + 0.5) * (np.pi / length)
    return counts, critical, np.cos(angle)
