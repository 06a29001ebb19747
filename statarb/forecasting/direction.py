"""Direction classifier: small networks that correct the log odds of a linear forecast."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.forecasting._engine.networks import Networks, train_networks
from statarb.forecasting.base import register
from statarb.forecasting.innovations import HannanRissanenRidge, second_pass
from statarb.forecasting.lags import Design
from statarb.forecasting.learned import DIGITS, moves_of_quotes
from statarb.forecasting.linear import ReducedRankRidge

__all__ = ["StackedDirection"]

_LARGEST_ODDS = 4.0
"""Largest log odds of the linear forecast: one forecast of many standard deviations is no
certainty.
"""

_STRETCH = 48
_LEAST_SHARE, _MOST_BEFORE = 5, 300


@dataclasses.dataclass(frozen=True)
class _Stack:
    """Trained model: linear coefficients of both passes, log odds per unit of the linear forecast,
    and networks.
    """

    first: tuple[FloatArray, FloatArray]
    second: tuple[FloatArray, FloatArray]
    slope: float
    networks: Networks


@register("stacked_direction")
class StackedDirection(HannanRissanenRidge):
    """Direction of the quote's next move, from a linear forecast and a bag of small networks that
    correct it.

    The linear forecast of :class:`HannanRissanenRidge`, with the distance of the unrounded price
    from the quote, times one number for all assets gives the log odds of a rise to start from.
    Networks with one hidden layer and one output per asset are trained on its errors, by the
    logistic loss over quotes that moved; the mean of the bag is added.

    In training, the odds to start from are those of linear forecasts made in order of time, each
    stretch of the window from coefficients of the rows before it: the networks see the errors of
    genuine forecasts.

    Parameters
    ----------
    networks, hidden, epochs, decay : int, int, int, float
        Networks in the bag, units of their hidden layer, passes over the training rows, weight
        decay.
    seed : int
        Of all that is drawn.
    scale_rows, rank, alpha, own_alpha, rest_alpha
        As for :class:`HannanRissanenRidge`.
    lags, horizon, clip, leaders, field, fields, scale_field, skip_stale
        As for :class:`HannanRissanenRidge`.

    Notes
    -----
    The answer is the expected sign of the quote's move, 2 p - 1, times the usual size of a move:
    use it for directions (``DirectionShaped(forecaster, direction=StackedDirection())``), and a
    ridge for prices. Where no quote of the window moved, or all moved in one direction, the
    forecast is the last value, and is counted as such.

    Stacking: D. H. Wolpert (1992), Neural Networks 5, 241-259. Mean of networks that differ by
    their seed: L. K. Hansen, P. Salamon (1990), IEEE Transactions on Pattern Analysis and Machine
    Intelligence 12, 993-1001.
    """

    refit_every = 48

    def __init__(
        self,
        networks: int = 6,
        hidden: int = 16,
        epochs: int = 30,
        decay: float = 1.0,
        seed: int = 0,
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
        linear = (scale_rows, rank, alpha, own_alpha, rest_alpha, lags, horizon, clip)
        super().__init__(*linear, leaders, field, fields, scale_field, skip_stale)
        self.networks = check_integer("networks", networks, at_least=1)
        self.hidden = check_integer("hidden", hidden, at_least=1)
        self.epochs = check_integer("epochs", epochs, at_least=1)
        self.decay = check_number("decay", decay, at_least=0.0)
        self.seed = check_integer("seed", seed, at_least=0)

    def _train(self, design: Design, rows: IntArray) -> tuple[Any, BoolArray]:
        assets = design.target.shape[1]
        (first, second), _ = super()._train(design, rows)
        later = second_pass(design, first)
        rows, linear = self._in_order_of_time(design, rows)
        moved = moves_of_quotes(design, rows, self.horizon)
        if not (moved > 0.0).any() or not (moved < 0.0).any():
            return None, np.ones(assets, dtype=np.bool_)
        away = linear + _gap(design, rows)
        slope = _log_odds(away[moved != 0.0], moved[moved != 0.0])
        start = np.clip(slope * away, -_LARGEST_ODDS, _LARGEST_ODDS)
        inputs = np.round(later.shared[rows], DIGITS)
        networks = train_networks(
            inputs, start, moved, self.networks, self.hidden, self.epochs, self.decay, self.seed
        )
        return _Stack(first, second, slope, networks), np.zeros(assets, dtype=np.bool_)

    def _in_order_of_time(self, design: Design, rows: IntArray) -> tuple[IntArray, FloatArray]:
        """Rows but the first ones, and their scaled linear forecasts, each from coefficients of
        rows before it alone.
        """
        begin = min(max(len(rows) // _LEAST_SHARE, 1), _MOST_BEFORE)
        parts = [np.zeros((0, design.target.shape[1]))]
        for low in range(begin, len(rows), _STRETCH):
            known, asked = rows[:low], rows[low : low + _STRETCH]
            model, _ = super()._train(design, known)
            parts.append(super()._apply(model, design, asked))
        return rows[begin:], np.concatenate(parts)

    def _apply(self, model: Any, design: Design, rows: IntArray) -> FloatArray:
        if model is None:
            return np.zeros((len(rows), design.target.shape[1]))
        low = max(int(rows.min()) - self._reach, 0)
        part, asked = design.part(low, int(rows.max()) + 1), rows - low
        later = second_pass(part, model.first)
        linear = ReducedRankRidge.scaled_forecasts(later, asked, *model.second)
        start = np.clip(model.slope * (linear + _gap(part, asked)), -_LARGEST_ODDS, _LARGEST_ODDS)
        odds = start + model.networks.predict(np.round(later.shared[asked], DIGITS))
        return np.asarray(np.tanh(0.5 * odds), dtype=np.float64)

    def _returns(
        self, model: Any, failed: BoolArray, design: Design, rows: IntArray, gap: FloatArray
    ) -> FloatArray:
        # A direction is one of the quote: it does not start from the unrounded price.
        return super()._returns(model, failed, design, rows, np.where(np.isnan(gap), np.nan, 0.0))


def _gap(design: Design, rows: IntArray) -> FloatArray:
    """Distance of the unrounded price from the quote, in units of the scale; within 9."""
    scale = design.scale[rows]
    return np.clip(
        np.where(
            scale > 0.0, np.nan_to_num(design.gap[rows]) / np.where(scale > 0.0, scale, 1.0), 0.0
        ),
        -9.0,
        9.0,
    )


def _log_odds(away: FloatArray, moved: FloatArray) -> float:
    """Log odds of a rise per unit of forecast: logistic regression without a constant, by Newton's
    method.
    """
    signed = np.clip(away, -9.0, 9.0) * moved
    squares = signed * signed
    slope = 0.0
    for _ in range(20):
        miss = expit(-slope * signed)
        # A little ridge, so that odds stay finite where the forecast never misses.
        step = (signed @ miss - 1e-3 * slope) / (squares @ (miss * (1.0 - miss)) + 1e-3)
        slope = float(np.clip(slope + step, -20.0, 20.0))
    return max(slope, 0.0)
