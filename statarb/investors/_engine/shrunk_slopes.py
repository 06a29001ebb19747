"""Slope of realised returns on forecasts, shrunk by its long-run standard error: kernel and plain
reference.
"""

from __future__ import annotations

import math

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

__all__ = ["frequency_count", "row_sums", "shrunk_slope_reference", "shrunk_slopes"]


def frequency_count(rows: int, horizon: int) -> int:
    """Number of cosines that estimate the long-run variance of a track record; 0 where the record
    is shorter than two horizons.

    Parameters
    ----------
    rows : int
        Length T of the record.
    horizon : int
        Rows h over which outcomes overlap.

    Returns
    -------
    int
        ``min(0.4 T^(2/3), T / (2 h))``, rounded down. The first is the recommendation of Lazarus,
        Lewis, Stock and Watson (2018), which balances size and power; the second keeps the highest
        frequency, B / (2 T) per row, below 1 / (4 h), where the spectrum of a sum over h rows is
        still nearly that at frequency 0.
    """
    return int(min(0.4 * rows ** (2.0 / 3.0), rows / (2.0 * horizon)))


def shrunk_slope_reference(
    cross: FloatArray, square: FloatArray, horizon: int, critical: FloatArray
) -> float:
    """Shrunk slope of one track record, in numpy; see :func:`shrunk_slopes`.

    Parameters
    ----------
    cross, square : (rows,)
        Sums over the assets of a row: forecast times realised return, forecast squared.
    horizon : int
        Rows over which outcomes overlap.
    critical : (cosines + 1,)
        Critical value by number of cosines.

    Returns
    -------
    float
        In [0, 1].
    """
    known = np.flatnonzero(square > 0.0)
    if len(known) == 0:
        return 0.0
    cross, square = cross[known[0] :], square[known[0] :]
    rows = len(cross)
    count = frequency_count(rows, horizon)
    slope = cross.sum() / square.sum()
    if count == 0 or slope <= 0.0:
        return 0.0
    residual = cross - slope * square
    angle = np.pi * np.outer(np.arange(1, count + 1), np.arange(rows) + 0.5) / rows
    variance = 2.0 * np.mean((np.cos(angle) @ residual) ** 2)
    error = np.sqrt(variance) / square.sum()
    weak = critical[count] * error / slope if error > 0.0 else 0.0
    return float(min(1.0, slope * max(0.0, 1.0 - weak * weak)))


@kernel()
def shrunk_slopes(
    cross: FloatArray,
    square: FloatArray,
    ends: IntArray,
    length: int,
    counts: IntArray,
    critical: FloatArray,
    cosines: FloatArray,
    found: FloatArray,
) -> None:
    """Shrunk slope of the track record before each end.

    Parameters
    ----------
    cross, square : (rows,)
        Sums over the assets of a row: forecast times realised return, forecast squared.
    ends : (records,) int
        The record is the last ``length`` rows before an end; fewer where there are fewer.
    length : int
        Most rows of a record.
    counts : (length + 1,) int
        Number of cosines by length of the record, :func:`frequency_count`.
    critical : (cosines + 1,)
        Critical value by number of cosines.
    cosines : (cosines, length)
        ``cos(pi j (t + 1/2) / length)``, j from 1, for records of the full length.
    found : (records,)
        Filled with the shrunk slopes.
    """
    for place in range(len(ends)):
        found[place] = 0.0
        end = min(ends[place], len(cross))
        begin = max(0, end - length)
        # rows before the first forecast are no part of the record
        while begin < end and not square[begin] > 0.0:
            begin += 1
        rows = end - begin
        if rows < 1:
            continue
        count = counts[rows]
        total, slope = 0.0, 0.0
        for row in range(begin, end):
            total += square[row]
            slope += cross[row]
        slope /= total
        if count == 0 or not slope > 0.0:
            continue
        # long-run variance: mean square of the residual's lowest cosine coefficients
        power = 0.0
        for j in range(count):
            projection = 0.0
            for row in range(rows):
                wave = (
                    cosines[j, row]
                    if rows == length
                    else math.cos(math.pi * (j + 1) * (row + 0.5) / rows)
                )
                projection += wave * (cross[begin + row] - slope * square[begin + row])
            power += projection * projection
        error = math.sqrt(2.0 * power / count) / total
        weak = critical[count] * error / slope if error > 0.0 else 0.0
        found[place] = min(1.0, slope * max(0.0, 1.0 - weak * weak))


@kernel()
def row_sums(
    forecast: FloatArray, realised: FloatArray, fee: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sums over the assets of a row: forecast times realised return, forecast squared, and realised
    return less the fee where the forecast was above the fee.

    Parameters
    ----------
    forecast, realised : (rows, assets)
        NaN on either side leaves the cell out.
    fee : float
        Share of turnover.

    Returns
    -------
    (rows,), (rows,), (rows,)
        The three sums.
    """
    rows, assets = forecast.shape
    cross, square, earned = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    for row in range(rows):
        for asset in range(assets):
            f, r = forecast[row, asset], realised[row, asset]
            if not (np.isnan(f) or np.isnan(r)):
                cross[row] += f * r
                square[row] += f * f
                if f > fee:
                    earned[row] += r - fee
    return cross, square, earned
