"""Sources of forecasts that the candidates trade on."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.forecasting.linear import CrossAssetRidge, ReducedRankRidge
from statarb.investors.stat_arb.forecasts import after_lag, forecasts_from

__all__ = ["SOURCES", "Source", "forecasts_of"]


@dataclasses.dataclass(frozen=True)
class Source:
    """A forecaster, a horizon and a window.

    Parameters
    ----------
    model : {"ridge", "reduced_rank_ridge"}
        Forecaster.
    horizon : int
        Rows from the trade on.
    depth : int
        Most rows that the forecaster is fitted on.
    """

    model: str
    horizon: int
    depth: int

    @property
    def name(self) -> str:
        """Model, horizon and window, as ``ridge(horizon=6, depth=2016)``."""
        return f"{self.model}(horizon={self.horizon}, depth={self.depth})"

    def forecaster(self, horizon: int) -> Any:
        """Return the forecaster over some rows.

        Parameters
        ----------
        horizon : int
            Rows ahead, from the last row seen.

        Returns
        -------
        Forecaster
            Not fitted.
        """
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
"""Sources of the candidates: two forecasters, three horizons, two windows."""


def forecasts_of(
    sources: Sequence[Source], panel: Panel, first: int, last: int, depth: int, lag: int
) -> FloatArray:
    """Forecast from the rows ``first`` to ``last - 1`` the log return over each source's horizon,
    from the trade on.

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
        Expected log returns; NaN where there is no forecast, as long as a window is too short.
    """
    made: dict[tuple[str, int, int], FloatArray] = {}

    def forecast_over(source: Source, horizon: int) -> FloatArray:
        rows = min(depth, source.depth)
        key = (source.model, horizon, rows)
        if key not in made:
            made[key] = forecasts_from(source.forecaster(horizon), panel, first, last, rows)
        return made[key]

    found = np.empty((last - first, len(sources), len(panel.assets)))
    for place, source in enumerate(sources):
        found[:, place] = after_lag(functools.partial(forecast_over, source), lag, source.horizon)
    return found
