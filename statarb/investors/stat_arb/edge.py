"""Edge: how much of a forecast has come true so far, and what it is therefore worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.forecasting.base import clone
from statarb.investors.stat_arb.forecasts import forecasts_from

__all__ = ["Edge", "measured_edges", "shrinkage"]


@dataclasses.dataclass(frozen=True, eq=False)
class Edge:
    """Expected returns of a stretch of rows, after their record.

    Parameters
    ----------
    expected : (rows, assets)
        Expected log return from the trade on, over the horizon that was chosen; NaN where there is
        no forecast.
    trust : (rows,)
        Share of the forecasts that is believed, in [0, 1].
    horizon : (rows,)
        Rows ahead that were chosen.
    """

    expected: FloatArray
    trust: FloatArray
    horizon: FloatArray


def measured_edges(
    forecaster: Any,
    horizons: Sequence[int],
    panel: Panel,
    first: int,
    last: int,
    depth: int,
    *,
    lag: int,
    record: int,
    evidence: float,
    fee: float,
) -> Edge:
    """Forecast from the rows ``first`` to ``last - 1`` over each horizon, and keep the one with the
    best record.

    Parameters
    ----------
    forecaster : Forecaster
        One with a parameter ``horizon`` is asked for the return from the trade on: that over ``lag
        + horizon`` rows less that over ``lag`` rows. Another is taken to speak of its own horizon,
        counted from the trade.
    horizons : sequence of int
        Rows ahead.
    panel : Panel
        The market.
    first, last : int
        Rows, as positions in ``panel.times``.
    depth : int
        Most rows of a window.
    lag : int
        Rows between the last row seen and the trade.
    record : int
        Rows of past forecasts that are held against what came; 0 trusts the first horizon in full.
    evidence : float
        Standard errors by which the slope must stand out.
    fee : float
        Cost of a trade, for the choice among horizons.

    Returns
    -------
    Edge
        Of the rows ``first`` to ``last - 1``; what it says of a row rests on rows up to that one.
    """
    takes_horizon = "horizon" in getattr(forecaster, "get_params", dict)()
    spans = tuple(horizons) if takes_horizon else (int(getattr(forecaster, "horizon", 1)),)
    rows = last - first
    best = Edge(
        np.full((rows, len(panel.assets)), np.nan), np.zeros(rows), np.full(rows, float(spans[0]))
    )
    promise = np.full(rows, -np.inf)
    base, price = 0, np.empty((0, 0))
    if record > 0:
        base, price = _known_prices(panel, first - (record + lag + max(spans)), last, depth)
    for span in spans:
        back = 0 if record == 0 else record + lag + span
        start = max(0, first - back)
        forecast = _from_the_trade_on(
            forecaster, panel, start, last, depth, lag, span, takes_horizon
        )
        trust, gain = np.ones(rows), np.zeros(rows)
        if record > 0:
            came = np.full(forecast.shape, np.nan)
            ahead = len(forecast) - lag - span
            if ahead > 0:
                np.subtract(
                    price[start + lag + span - base :],
                    price[start + lag - base : last - span - base],
                    out=came[:ahead],
                )
            trust, gain = shrinkage(
                forecast, came, first - start, record, lag + span, evidence, fee
            )
        better = gain / span > promise
        promise = np.where(better, gain / span, promise)
        best.expected[better] = (trust[:, None] * forecast[first - start :])[better]
        best.trust[better] = trust[better]
        best.horizon[better] = span
    return best


def shrinkage(
    forecast: FloatArray,
    came: FloatArray,
    first: int,
    record: int,
    delay: int,
    evidence: float,
    fee: float,
) -> tuple[FloatArray, FloatArray]:
    """Slope of what came on what was forecast, shrunk by its uncertainty; and the gain that trading
    on it would have brought.

    Over the last ``record`` rows whose outcome is known, all assets together: ``b = sum f r / sum
    f^2``, its standard error se from the sums of each row (assets of one row move together), and
    ``trust = b max(0, 1 - (evidence se / b)^2)``, within [0, 1]: nothing where b is not
    ``evidence`` standard errors above zero, and nearly b where it is far above. The shape is that
    of James and Stein (1961), positive part. A forecast that comes true may still not pay: nothing
    is believed either where buying the assets that were forecast to gain more than the fee has not
    earned more than the fee.

    Parameters
    ----------
    forecast, came : (rows, assets)
        Forecasts, and what came (NaN: not known, or no forecast).
    first : int
        First row that an answer is wanted for.
    record, delay : int
        Rows of the record; rows until an outcome is known.
    evidence, fee : float
        Standard errors by which the slope must stand out; cost of a trade.

    Returns
    -------
    trust, gain : (rows - first,)
        In [0, 1]; mean over the record's rows of the sum, over assets forecast to gain more than
        the fee, of what came less the fee.
    """
    cross, square, earned = _row_sums(forecast, came, fee)
    rows = len(forecast) - first
    # the answer for row first + k rests on the forecasts of the record rows up to first + k -
    # delay, whose outcome is known
    views = []
    for values in (cross, square, earned):
        padded = np.concatenate([np.zeros(record + delay), values])
        # side by side in memory, so that each row is summed in the same order however many there
        # are
        views.append(
            np.ascontiguousarray(sliding_window_view(padded, record)[first + 1 : first + 1 + rows])
        )
    x, y, g = views
    total = y.sum(axis=1)
    some = total > 0.0
    safe = np.where(some, total, 1.0)
    slope = np.where(some, x.sum(axis=1) / safe, 0.0)
    error = np.sqrt(((x - slope[:, None] * y) ** 2).sum(axis=1)) / safe
    weak = np.divide(evidence * error, slope, out=np.ones_like(slope), where=slope > 0.0)
    trust = np.clip(slope * np.maximum(0.0, 1.0 - weak**2), 0.0, 1.0)
    gain = g.mean(axis=1)
    return np.where(gain > 0.0, trust, 0.0), gain


@kernel()
def _row_sums(
    forecast: FloatArray, came: FloatArray, fee: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sums over the assets of a row: forecast times outcome, forecast squared, and what came less
    the fee where it was forecast to be above the fee.
    """
    rows, assets = forecast.shape
    cross, square, earned = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    for row in range(rows):
        for asset in range(assets):
            f, r = forecast[row, asset], came[row, asset]
            if not (np.isnan(f) or np.isnan(r)):
                cross[row] += f * r
                square[row] += f * f
                if f > fee:
                    earned[row] += r - fee
    return cross, square, earned


def _known_prices(panel: Panel, first: int, last: int, depth: int) -> tuple[int, FloatArray]:
    """Return the first row, ``first`` or 0, and from it on the log of the last price known, of less
    than ``depth`` rows ago.
    """
    low = max(0, first + 1 - depth)
    begin = max(0, first)
    price = last_known(panel.array("price")[low:last], max_age=depth - 1)[begin - low :]
    return begin, np.log(price, out=price)


def _from_the_trade_on(
    forecaster: Any,
    panel: Panel,
    start: int,
    last: int,
    depth: int,
    lag: int,
    span: int,
    takes_horizon: bool,
) -> FloatArray:
    """Forecast from each row the return from the trade on, (rows, assets)."""
    if not takes_horizon:
        return forecasts_from(forecaster, panel, start, last, depth)
    whole = forecasts_from(
        clone(forecaster).set_params(horizon=lag + span), panel, start, last, depth
    )
    if lag == 0:
        return whole
    return whole - forecasts_from(
        clone(forecaster).set_params(horizon=lag), panel, start, last, depth
    )
