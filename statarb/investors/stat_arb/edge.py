"""Edge: expected returns of a source of forecasts, shrunk by its track record."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from statarb._core.typing import FloatArray
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.investors.stat_arb.forecasts import (
    after_lag,
    forecasts_from,
    has_horizon,
    with_horizon,
)
from statarb.investors.track_record import shrinkage

__all__ = ["Edge", "measured_edges", "rows_for_forecasts"]


@dataclasses.dataclass(frozen=True, eq=False)
class Edge:
    """Expected returns of a stretch of rows, shrunk by the track record.

    Parameters
    ----------
    expected : (rows, assets)
        Expected log return from the trade on, over the horizon that was chosen; NaN where there is
        no forecast.
    shrinkage : (rows,)
        Factor of the forecasts, in [0, 1].
    horizon : (rows,)
        Rows ahead that were chosen.
    """

    expected: FloatArray
    shrinkage: FloatArray
    horizon: FloatArray


def rows_for_forecasts(forecaster: Any, horizons: Sequence[int], lag: int) -> int:
    """Rows that a window must have before there is any forecast.

    Parameters
    ----------
    forecaster : Forecaster
        One with ``min_rows`` says so itself.
    horizons : sequence of int
        Rows ahead.
    lag : int
        Rows between the last row seen and the trade.

    Returns
    -------
    int
        The least over the horizons.
    """
    if not has_horizon(forecaster):
        return int(getattr(forecaster, "min_rows", 1))
    return min(
        int(getattr(with_horizon(forecaster, lag + horizon), "min_rows", 1)) for horizon in horizons
    )


def measured_edges(
    forecaster: Any,
    horizons: Sequence[int],
    panel: Panel,
    first: int,
    last: int,
    depth: int,
    *,
    lag: int,
    track_record: int,
    z_threshold: float,
    fee: float,
) -> Edge:
    """Forecast from the rows ``first`` to ``last - 1`` over each horizon, and keep the one with the
    best track record.

    Parameters
    ----------
    forecaster : Forecaster
        One with a parameter ``horizon`` is asked for the return from the trade on: that over ``lag
        + horizon`` rows less that over ``lag`` rows. Another is taken to forecast over its own
        horizon, counted from the trade.
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
    track_record : int
        Rows of past forecasts used for calibration; 0 disables it: the first horizon is used, its
        forecasts unchanged.
    z_threshold : float
        Standard errors by which the slope must exceed zero.
    fee : float
        Cost of a trade, for the choice among horizons.

    Returns
    -------
    Edge
        Of the rows ``first`` to ``last - 1``; each row rests on rows up to that one.
    """
    takes_horizon = has_horizon(forecaster)
    spans = tuple(horizons) if takes_horizon else (int(getattr(forecaster, "horizon", 1)),)
    rows = last - first
    best = Edge(
        np.full((rows, len(panel.assets)), np.nan), np.zeros(rows), np.full(rows, float(spans[0]))
    )
    best_gain = np.full(rows, -np.inf)
    base, price = 0, np.empty((0, 0))
    if track_record > 0:
        base, price = _known_prices(panel, first - (track_record + lag + max(spans)), last, depth)

    start = first if track_record == 0 else max(0, first - (track_record + lag + max(spans)))

    @functools.lru_cache(maxsize=2)
    def forecast_over(horizon: int) -> FloatArray:
        asked = with_horizon(forecaster, horizon) if takes_horizon else forecaster
        return forecasts_from(asked, panel, start, last, depth)

    for span in spans:
        forecast = after_lag(forecast_over, lag, span) if takes_horizon else forecast_over(span)
        factor, gain = np.ones(rows), np.zeros(rows)
        if track_record > 0:
            realised = np.full(forecast.shape, np.nan)
            ahead = len(forecast) - lag - span
            if ahead > 0:
                np.subtract(
                    price[start + lag + span - base :],
                    price[start + lag - base : last - span - base],
                    out=realised[:ahead],
                )
            factor, gain = shrinkage(
                forecast,
                realised,
                first - start,
                track_record,
                lag + span,
                z_threshold,
                fee,
                horizon=span,
            )
        # horizons compete by their gain per row
        better = gain / span > best_gain
        best_gain = np.where(better, gain / span, best_gain)
        best.expected[better] = (factor[:, None] * forecast[first - start :])[better]
        best.shrinkage[better] = factor[better]
        best.horizon[better] = span
    return best


def _known_prices(panel: Panel, first: int, last: int, depth: int) -> tuple[int, FloatArray]:
    """Return the first row, ``first`` or 0, and from it on the log of the last price known, of less
    than ``depth`` rows ago.
    """
    low = max(0, first + 1 - depth)
    begin = max(0, first)
    price = last_known(panel.array("price")[low:last], max_age=depth - 1)[begin - low :]
    return begin, np.log(price, out=price)
