"""Sources: the forecasts that candidates trade on, each believed as far as it has come true."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.forecasting.linear import CrossAssetRidge, ReducedRankRidge
from statarb.investors.stat_arb.forecasts import forecasts_from

__all__ = ["SOURCES", "Record", "Source", "forecasts_of"]


@dataclasses.dataclass(frozen=True)
class Source:
    """A forecaster, a horizon and a window.

    Parameters
    ----------
    model : {"ridge", "reduced_rank_ridge"}
        Forecaster.
    span : int
        Horizon L: rows from the trade on.
    depth : int
        Window D: most rows that the forecaster is fitted on.
    """

    model: str
    span: int
    depth: int

    @property
    def name(self) -> str:
        """Model, horizon and window in one word."""
        return f"{self.model} L{self.span} D{self.depth}"

    def forecaster(self, horizon: int) -> Any:
        """Return the forecaster for the next ``horizon`` rows."""
        return (
            CrossAssetRidge(horizon=horizon)
            if self.model == "ridge"
            else ReducedRankRidge(horizon=horizon)
        )


SOURCES = (
    Source("reduced_rank_ridge", 1, 2016),
    Source("ridge", 1, 2016),
    Source("ridge", 1, 576),
    Source("ridge", 6, 2016),
    Source("ridge", 24, 2016),
)
"""What the candidates trade on: two forecasters, three horizons, two windows."""


def forecasts_of(
    sources: Sequence[Source], panel: Panel, first: int, last: int, depth: int, lag: int
) -> FloatArray:
    """Forecast from the rows ``first`` to ``last - 1`` the log return over each source's span, from
    the trade on.

    What is expected between the last row seen and the trade is taken off: the forecast over ``lag +
    span`` rows less the one over ``lag`` rows.

    Parameters
    ----------
    sources : sequence of Source
        Forecasters, horizons, windows; a forecast that two of them need is made once.
    panel : Panel
        The market.
    first, last : int
        Rows, as positions in ``panel.times``.
    depth : int
        Most rows of a window.
    lag : int
        Rows between the last row seen and the trade.

    Returns
    -------
    (rows, sources, assets)
        NaN where there is no forecast, as long as a window is too short.
    """
    made: dict[tuple[str, int, int], FloatArray] = {}

    def forecast(source: Source, horizon: int) -> FloatArray:
        deep = min(depth, source.depth)
        key = (source.model, horizon, deep)
        if key not in made:
            made[key] = forecasts_from(source.forecaster(horizon), panel, first, last, deep)
        return made[key]

    found = np.empty((last - first, len(sources), len(panel.assets)))
    for place, source in enumerate(sources):
        found[:, place] = forecast(source, lag + source.span)
        if lag > 0:
            found[:, place] -= forecast(source, lag)
    return found


class Record:
    """What of a source's forecasts came true over the last rows, and so how far the next one is
    believed.

    Over the last ``rows`` forecasts f whose outcome r is known, all assets together: the slope ``b
    = sum f r / sum f^2``, its standard error s from the sums of each row (assets of a row move
    together), and the share ``b (1 - (evidence s / b)^2)`` in [0, 1]: 0 where b is not ``evidence``
    standard errors above zero. It is the slope of
    :func:`statarb.investors.stat_arb.edge.shrinkage`, taken in row by row; whether trading on it
    pays is what the shadows find out.

    Parameters
    ----------
    span, lag : int
        Rows that a forecast is for; rows between the last row seen and the trade.
    rows : int
        Length of the record.
    evidence : float
        Standard errors by which the slope must stand out.
    """

    def __init__(self, span: int, lag: int, rows: int, evidence: float) -> None:
        self.span, self.lag, self.evidence = span, lag, evidence
        self.share = 0.0
        self._cross, self._square = np.zeros(rows), np.zeros(rows)
        self._place = 0
        self._forecasts: deque[FloatArray] = deque(maxlen=lag + span + 1)
        self._prices: deque[FloatArray] = deque(maxlen=span + 1)

    def update(self, forecast: FloatArray, log_price: FloatArray) -> float:
        """Take in a row, and return the share of its forecast that is to be believed.

        Parameters
        ----------
        forecast : (assets,)
            Made from this row; NaN = none.
        log_price : (assets,)
            Last known at this row; NaN = none yet.
        """
        self._forecasts.append(forecast)
        self._prices.append(log_price)
        if len(self._forecasts) == self._forecasts.maxlen:
            past, came = self._forecasts[0], self._prices[-1] - self._prices[0]
            both = ~(np.isnan(past) | np.isnan(came))
            f, r = past[both], came[both]
            self._cross[self._place], self._square[self._place] = f @ r, f @ f
            self._place = (self._place + 1) % len(self._cross)
            self.share = self._believed()
        return self.share

    def _believed(self) -> float:
        total = float(self._square.sum())
        slope = float(self._cross.sum()) / total if total > 0.0 else 0.0
        if slope <= 0.0:
            return 0.0
        left = self._cross - slope * self._square
        weak = self.evidence * float(np.sqrt(left @ left)) / (total * slope)
        return min(1.0, slope * max(0.0, 1.0 - weak * weak))
