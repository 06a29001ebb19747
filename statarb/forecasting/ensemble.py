"""Ensembles of forecasters: mean, weights by past errors, and selection by past score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.base import BaseForecaster, Forecaster, as_forecaster, clone, register
from statarb.forecasting.blocks import forecast_rows
from statarb.forecasting.direction import StackedDirection
from statarb.forecasting.features import known_prices
from statarb.forecasting.innovations import HannanRissanenRidge
from statarb.forecasting.learned import MLP, GradientBoosting
from statarb.forecasting.linear import ReducedRankRidge
from statarb.forecasting.shaping import DirectionShaped, RoundedToTick

__all__ = [
    "Ensemble",
    "Selector",
    "case_forecaster",
    "case_stacked_forecaster",
    "default_forecaster",
    "full_ensemble",
    "innovation_ensemble",
    "linear_ensemble",
]

_LARGEST_LOSS = 4.0
"""Losses are cut here, in units of the mean absolute return: the bound that the rate of learning
needs.
"""


class Ensemble(BaseForecaster):
    r"""Weighted mean of the forecasts of several members.

    Parameters
    ----------
    members : sequence of Forecaster or str
        Forecasters, or registered names. All have the same horizon.
    weights : {"equal", "online"}
        ``online``: weights of each asset fall exponentially with the absolute errors that a member
        made before. The errors are those of the last ``validation`` rows of the window, forecast
        one by one by the member as fitted on the rows before them; then the members are fitted
        again, on the whole window.
    validation : int
        Rows whose errors decide.

    Attributes
    ----------
    weights_ : (members, assets) array
        Weights of the last fit; they sum to 1 over members.

    Notes
    -----
    Exponentially weighted average forecaster: N. Cesa-Bianchi, G. Lugosi (2006), Prediction,
    Learning, and Games, section 2.1; with L_m the sum of losses in [0, 1] of M members over n
    rounds

    .. math:: w_m \propto e^{-\eta L_m}, \qquad \eta = \sqrt{8 \ln M / n}

    An asset that a member does not forecast is averaged over the others.
    """

    def __init__(
        self, members: Sequence[Forecaster | str], weights: str = "equal", validation: int = 288
    ) -> None:
        self.members = members
        self.weights = check_choice("weights", weights, ("equal", "online"))
        self.validation = check_integer("validation", validation, at_least=2)
        self._forecasters = _forecasters(members)

    @property
    def _holds_out(self) -> bool:
        return self.weights != "equal"

    @property
    def horizon(self) -> int:
        """Rows ahead, of all members."""
        return int(getattr(self._forecasters[0], "horizon", 1))

    @property
    def refit_every(self) -> int:  # type: ignore[override]
        """Steps between fits that the slowest member asks for; at least a day of 5-minute steps
        where weights are learnt.
        """
        most = max(int(getattr(member, "refit_every", 1)) for member in self._forecasters)
        return max(most, 288) if self._holds_out else most

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        most = max(int(getattr(member, "min_rows", 1)) for member in self._forecasters)
        return most + (self.validation if self._holds_out else 0)

    def fit(self, window: Panel) -> Self:
        """Weigh the members by their errors in the window's last rows, and fit them on all of it.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        object
            The forecaster itself.

        Raises
        ------
        DataError
            Fewer rows than :attr:`min_rows`.
        """
        rows = len(window.times)
        self._require_rows(rows)
        self.assets_ = window.assets
        self.weights_ = self._weigh(window, rows - 1, rows)
        self.members_ = [clone(member).fit(window) for member in self._forecasters]
        failures = [getattr(member, "failed_", np.False_) for member in self.members_]
        self.failed_ = np.logical_and.reduce(
            [np.broadcast_to(one, (len(window.assets),)) for one in failures]
        )
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return the weighted mean of the members' expected log returns.

        Parameters
        ----------
        window : Panel
            Ends where the forecast may look; it may end later than the one of ``fit``.

        Returns
        -------
        Series
            Expected log return by asset over the horizon; NaN for an asset without a quote in the
            window.
        """
        self._require_fitted(window)
        answers = [
            member.predict(window).reindex(window.assets).to_numpy(dtype=np.float64)
            for member in self.members_
        ]
        return self._series(window, _mixed(np.stack(answers)[:, None], self.weights_)[0])

    def forecast_block(
        self, panel: Panel, rows: IntArray, fits: IntArray, depth: int
    ) -> tuple[FloatArray, BoolArray]:
        """Forecast a stretch of rows at once; see
        :class:`~statarb.forecasting.base.BlockForecaster`.

        Parameters
        ----------
        panel, rows, fits, depth
            As for :meth:`statarb.forecasting.base.BlockForecaster.forecast_block`.

        Returns
        -------
        forecasts, failed : (steps, assets)
            As there.
        """
        self._require_rows(min(depth, int(fits[0]) + 1))
        done = [
            forecast_rows(member, panel, rows, fits, depth=depth) for member in self._forecasters
        ]
        answers = np.stack([one.forecasts for one in done])
        forecasts = np.empty(answers.shape[1:])
        equal = None if self._holds_out else self._weigh(panel, int(fits[-1]), depth)
        for fit in np.unique(fits):
            steps = np.flatnonzero(fits == fit)
            weights = self._weigh(panel, int(fit), depth) if equal is None else equal
            forecasts[steps] = _mixed(answers[:, steps], weights)
        return forecasts, np.logical_and.reduce([one.failed for one in done])

    def _weigh(self, panel: Panel, last: int, depth: int) -> FloatArray:
        """Weights (members, assets) from the window that ends at row ``last``."""
        count, assets = len(self._forecasters), len(panel.assets)
        if not self._holds_out:
            return np.full((count, assets), 1.0 / count)
        forecasts, actual = self._past(panel, last, min(depth, last + 1))
        return self._weights_of(forecasts, actual)

    def _past(self, panel: Panel, last: int, depth: int) -> tuple[FloatArray, FloatArray]:
        """What members would have forecast for the window's last rows (members, rows, assets), and
        the realised returns (rows, assets).
        """
        before = last - self.validation
        rows = np.arange(before, last + 1 - self.horizon)
        fits = np.full(len(rows), before)
        part = [
            forecast_rows(one, panel, rows, fits, depth=depth - self.validation).forecasts
            for one in self._forecasters
        ]
        known = np.log(known_prices(panel, depth=depth))
        actual = known[rows + self.horizon] - known[rows]
        actual[~_quoted(panel)[rows + self.horizon]] = np.nan
        return np.stack(part), actual

    def _weights_of(self, forecasts: FloatArray, actual: FloatArray) -> FloatArray:
        loss, rounds = _losses(np.abs(forecasts - actual), actual)
        rate = np.sqrt(8.0 * np.log(max(len(forecasts), 2)) / np.maximum(rounds, 1))
        weights = np.exp(-rate * (loss - loss.min(axis=0)))
        return np.asarray(weights / weights.sum(axis=0), dtype=np.float64)


class Selector(Ensemble):
    """The one member with the best score in the window's last rows, asset by asset.

    Parameters
    ----------
    members : sequence of Forecaster or str
        Forecasters, or registered names; the first of equals is taken.
    score : {"error", "direction"}
        Least mean absolute error, or most moves whose sign was right.
    validation : int
        Rows whose score decides; as for :class:`Ensemble`, they are forecast by members fitted on
        the rows before them.
    """

    def __init__(
        self, members: Sequence[Forecaster | str], score: str = "error", validation: int = 288
    ) -> None:
        self.members = members
        self.score = check_choice("score", score, ("error", "direction"))
        self.validation = check_integer("validation", validation, at_least=2)
        self._forecasters = _forecasters(members)

    @property
    def _holds_out(self) -> bool:
        return True

    def _weights_of(self, forecasts: FloatArray, actual: FloatArray) -> FloatArray:
        if self.score == "direction":
            missed = (np.sign(forecasts) != np.sign(actual)).astype(np.float64)
            loss, _ = _losses(np.where(np.isnan(actual) | (actual == 0.0), np.nan, missed), actual)
        else:
            loss, _ = _losses(np.abs(forecasts - actual), actual)
        return np.asarray(np.arange(len(loss))[:, None] == loss.argmin(axis=0), dtype=np.float64)


def _losses(errors: FloatArray, actual: FloatArray) -> tuple[FloatArray, IntArray]:
    """Sum of losses in [0, 1], (members, assets), and the number of rounds; a missing forecast
    loses the most.
    """
    counted = ~np.isnan(actual)
    rounds = counted.sum(axis=0)
    size = np.where(counted, np.abs(actual), 0.0).sum(axis=0) / np.maximum(rounds, 1)
    size = np.where(size > 0.0, size, 1.0) * _LARGEST_LOSS
    loss = np.minimum(np.nan_to_num(errors, nan=np.inf) / size, 1.0)
    return np.where(counted, loss, 0.0).sum(axis=1), rounds


def _mixed(answers: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted mean over members, (rows, assets), of those that have an answer."""
    known = ~np.isnan(answers)
    share = np.where(known, weights[:, None, :], 0.0)
    total = share.sum(axis=0)
    # A selected member without a forecast leaves nothing to average: then all others have equal
    # weights.
    share = np.where((total <= 0.0) & known, 1.0, share)
    total = share.sum(axis=0)
    mixed = (np.where(known, answers, 0.0) * share).sum(axis=0)
    return np.where(total > 0.0, mixed / np.where(total > 0.0, total, 1.0), np.nan)


def _quoted(panel: Panel) -> BoolArray:
    return ~np.isnan(panel.array("price"))


def _forecasters(members: Sequence[Forecaster | str]) -> tuple[Forecaster, ...]:
    """Return the members as objects; refuse an empty ensemble, and one of several horizons."""
    if isinstance(members, str) or len(members) == 0:
        raise ParameterError(
            f"members must be a sequence of at least one forecaster, got {members!r}"
        )
    found = tuple(as_forecaster(one) for one in members)
    horizons = [int(getattr(member, "horizon", 1)) for member in found]
    if len(set(horizons)) > 1:
        raise ParameterError(
            f"members must forecast the same number of rows ahead, got horizons {horizons}"
        )
    return found


@register("linear_ensemble")
def linear_ensemble() -> Forecaster:
    """Return the mean of three reduced-rank ridges that measure the size of moves over 2, 6 and 16
    hours of 5-minute rows.

    Returns
    -------
    Ensemble
    """
    return Ensemble([ReducedRankRidge(scale_rows=rows) for rows in (24, 72, 192)])


@register("ensemble")
def full_ensemble(engine: str = "sklearn") -> Forecaster:
    """Return the mean of the linear ensemble's members, the perceptron and both boosted trees.

    Parameters
    ----------
    engine : {"sklearn", "lightgbm"}
        Library of the trees.

    Returns
    -------
    Ensemble
    """
    linear = [ReducedRankRidge(scale_rows=rows) for rows in (24, 72, 192)]
    return Ensemble(
        [
            *linear,
            MLP(),
            GradientBoosting("direction", engine=engine),
            GradientBoosting("return", engine=engine),
        ]
    )


@register("innovation_ensemble")
def innovation_ensemble() -> Forecaster:
    """Return the mean of three Hannan-Rissanen ridges that measure the size of moves over 8, 16 and
    24 hours of 5-minute rows.

    Returns
    -------
    Ensemble
    """
    return Ensemble([HannanRissanenRidge(scale_rows=rows) for rows in (96, 192, 288)])


@register("default")
def default_forecaster() -> Forecaster:
    """Return the library's default: the linear ensemble, rounded to the tick of the quotes.

    Returns
    -------
    RoundedToTick
        Its price forecasts are plain expected quotes; :func:`case_forecaster` is the one whose path
        is shaped for the case's directional symmetry.
    """
    return RoundedToTick(linear_ensemble())


@register("case_default")
def case_forecaster() -> Forecaster:
    """Return the model of the case's forecasting task: the default forecaster, direction-shaped.

    The shaping gives accuracy for the case's score; elsewhere it only makes errors larger.

    Returns
    -------
    DirectionShaped
    """
    return DirectionShaped(default_forecaster())


@register("case_stacked")
def case_stacked_forecaster() -> Forecaster:
    """Return the innovation ensemble, rounded to the tick, shaped by the mean direction of ridges
    and stacked networks.

    Three reduced-rank ridges and three stacked directions, on moves measured over 2, 6 and 16 hours
    of 5-minute rows; for the case's score, as :func:`case_forecaster`.

    Returns
    -------
    DirectionShaped
    """
    sizes = (24, 72, 192)
    stacked = [StackedDirection(networks=2, scale_rows=rows) for rows in sizes]
    direction = Ensemble([*stacked, *(ReducedRankRidge(scale_rows=rows) for rows in sizes)])
    return DirectionShaped(RoundedToTick(innovation_ensemble()), direction=direction)
