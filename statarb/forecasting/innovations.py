"""Hannan-Rissanen ridge: regression on the last returns and their own forecasts, in two passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from statarb._core.checks import check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.forecasting.base import register
from statarb.forecasting.features import CARRY, ReturnFeatures, lagged
from statarb.forecasting.lags import Design, LagForecaster
from statarb.forecasting.learned import LearnedForecaster
from statarb.forecasting.linear import ReducedRankRidge

__all__ = ["HannanRissanenRidge"]


@register("hannan_rissanen_ridge")
class HannanRissanenRidge(LearnedForecaster):
    """Ridge regression on the last return of every asset and on the forecast that had been made of
    it.

    A quote that averages over the last minutes responds to a shock twice, at once and one row
    later. Its returns have a moving-average part, which a regression on their lags approximates by
    many of them. The last return together with its own forecast needs one: their difference is the
    last shock. A :class:`ReducedRankRidge` on lagged returns gives the forecasts (first pass); a
    second one learns from the last returns and those forecasts.

    Parameters
    ----------
    scale_rows : int or None
        Rows over which the size of an asset's returns is measured.
    alpha, own_alpha, rest_alpha : float
        Ridge of both passes, as for :class:`ReducedRankRidge`.
    rank, lags, horizon, clip, leaders, field, fields, scale_field, skip_stale
        As for :class:`ReducedRankRidge`; ``lags`` are those of the first pass.

    Attributes
    ----------
    model_ : tuple
        Coefficients (shared, own) of the first and of the second pass.

    Notes
    -----
    Regression on lagged innovations of a long autoregression: E. J. Hannan, J. Rissanen (1982),
    Biometrika 69, 81-94; here on returns and forecasts, which span the same space, each with a
    ridge. The first pass forecasts the training rows from coefficients that were estimated on them:
    with some 1900 rows to an effective ten coefficients per asset the bias is small.
    """

    _own_lags_of = "all"
    refit_every = 24

    def __init__(
        self,
        scale_rows: int | None = 192,
        rank: int = 2,
        alpha: float = 0.05,
        own_alpha: float = 0.1,
        rest_alpha: float = 1.0,
        lags: int = 2,
        horizon: int = 1,
        clip: float | None = 3.0,
        leaders: Sequence[Hashable] | None = None,
        field: str = "unrounded",
        fields: Sequence[str] = (),
        scale_field: str | None = None,
        skip_stale: bool = True,
    ) -> None:
        features = (
            lags,
            horizon,
            scale_rows,
            clip,
            leaders,
            field,
            fields,
            scale_field,
            skip_stale,
        )
        LagForecaster.__init__(self, ReturnFeatures(*features))
        self.rank = rank
        self.alpha = check_number("alpha", alpha, above=0.0)
        self.own_alpha = check_number("own_alpha", own_alpha, above=0.0)
        self.rest_alpha = check_number("rest_alpha", rest_alpha, above=0.0)
        self._passes()

    @property
    def _first(self) -> int:
        # A forecast of the last return was made up to CARRY rows before, and that of the row before
        # this looks as far back.
        return super()._first + CARRY

    @property
    def _reach(self) -> int:
        """Rows before a row that its forecast is made from."""
        return CARRY + 1

    def _passes(self) -> tuple[ReducedRankRidge, ReducedRankRidge]:
        first, second = (
            ReducedRankRidge(
                lags, self.rank, self.alpha, self.own_alpha, self.rest_alpha, fields=self.fields
            )
            for lags in (self.lags, 2)
        )
        return first, second

    def _train(self, design: Design, rows: IntArray) -> tuple[Any, BoolArray]:
        first, second = self._passes()
        weights = first.coefficients_of(design, rows)
        later = second_pass(design, weights)
        return (weights, second.coefficients_of(later, rows)), np.zeros(
            design.target.shape[1], dtype=np.bool_
        )

    def _apply(self, model: Any, design: Design, rows: IntArray) -> FloatArray:
        weights, later = model
        low = max(int(rows.min()) - self._reach, 0)
        part = second_pass(design.part(low, int(rows.max()) + 1), weights)
        return ReducedRankRidge.scaled_forecasts(part, rows - low, *later)


def second_pass(design: Design, weights: tuple[FloatArray, FloatArray]) -> Design:
    """Return a design whose lag 2 gives way to the forecasts of lag 1 that a first pass made one
    row before.

    Parameters
    ----------
    design : Design
        Of the first pass, with own lags of every asset.
    weights : tuple of array
        Its coefficients, of shared (features, assets) and own lags (lags, assets).
    """
    count, assets = design.target.shape
    forecast = np.zeros((count, assets))
    forecast[1:] = ReducedRankRidge.scaled_forecasts(design, np.arange(count - 1), *weights)
    forecast = lagged(forecast, 1, design.fresh)
    leaders = len(design.leading)
    fields = design.shared[:, design.shared.shape[1] - design.further :]
    return dataclasses.replace(
        design,
        shared=np.hstack([design.shared[:, :leaders], forecast[:, design.leading], fields]),
        own=np.hstack([design.own[:, :assets], forecast]),
        own_lags=2,
    )
