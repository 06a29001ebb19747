"""Linear forecasters: last value, drift, and ridge regressions on the lags of all assets."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.forecasting._engine.rolling import Moments, RidgeFit, RollingMoments, rolling_ridge
from statarb.forecasting.base import BaseForecaster, register
from statarb.forecasting.features import ReturnFeatures, known_prices, quote_gap
from statarb.forecasting.lags import Design, LagForecaster

__all__ = ["CrossAssetRidge", "Drift", "LastValue", "ReducedRankRidge"]


@register("last_value")
class LastValue(BaseForecaster):
    """The price stays as it is: the benchmark that a forecast must beat."""

    def fit(self, window: Panel) -> Self:
        """Learn nothing.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        object
            The forecaster itself.
        """
        self.assets_ = window.assets
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return 0 for every asset that has a quote in the window.

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
        return self._series(window, np.zeros(len(window.assets)))

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
        known = known_prices(panel, depth=depth)[rows]
        return np.where(np.isnan(known), np.nan, 0.0), np.zeros(known.shape, dtype=np.bool_)


@register("drift")
class Drift(BaseForecaster):
    """The mean log return of the window goes on.

    Parameters
    ----------
    horizon : int
        Rows ahead.
    """

    def __init__(self, horizon: int = 1) -> None:
        self.horizon = check_integer("horizon", horizon, at_least=1)

    def fit(self, window: Panel) -> Self:
        """Estimate the mean log return per row between each asset's first and last quote of the
        window.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        object
            The forecaster itself.
        """
        price = window.array("price")
        self.assets_ = window.assets
        self.drift_ = np.zeros(price.shape[1])
        for column in range(price.shape[1]):
            quoted = np.flatnonzero(~np.isnan(price[:, column]))
            if len(quoted) > 1:
                first, last = quoted[0], quoted[-1]
                self.drift_[column] = np.log(price[last, column] / price[first, column]) / (
                    last - first
                )
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return the drift over the horizon.

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
        return self._series(window, self.drift_ * self.horizon)


@register("ridge")
class CrossAssetRidge(LagForecaster):
    """Ridge regression of every asset's next return on the last returns of all assets.

    Each return is divided by the size of the asset's last ``scale_rows`` returns, and clipped, so
    that quiet and volatile hours have equal weight and one jump does not decide. The moments of the
    training window are updated by adding the newest row and removing the oldest, so that a walk
    refits at every row at the cost of one update and one small solve.

    Parameters
    ----------
    lags : int
        Lags of each asset, in rows.
    alpha : float
        Ridge, as a share of each feature's sum of squares: a ridge of ``alpha * n`` on n rows of
        features of mean square 1.
    horizon : int
        Rows ahead; the answer is the sum of their returns.
    scale_rows : int or None
        Rows over which the size of an asset's returns is measured (mean absolute value); ``None``
        leaves returns as they are.
    clip : float or None
        Largest return in units of that size, on both sides of the regression.
    leaders : sequence of labels, optional
        Assets whose lags every regression has; each other asset adds its own lags. By default all
        assets, where there are at most 32; in larger panels those of :data:`LEADERS` that are
        there, else the first 20 columns.
    field : {"unrounded", "price"}
        Price whose returns are used. Quoted prices may hide moves by their rounding. The forecast
        is always of the quoted price: where the unrounded price differs from it, the forecast
        starts from the unrounded one.
    fields : sequence of str
        Further fields of the panel, as features of the leaders (at the last row, standardised over
        ``scale_rows``).
    scale_field : str, optional
        Field of the panel that gives the size of returns instead of ``scale_rows``: forecast
        volatilities, for a GARCH-standardised model.
    skip_stale : bool
        Whether rows are skipped in which no asset moved at all (a duplicated snapshot): such a row
        is no lag, and no model is trained to forecast it.

    Attributes
    ----------
    coef_ : (assets, features) array
        Coefficients of the shared features, in the order lag 1 of all leaders, lag 2, ..., further
        fields.
    own_coef_ : (assets, lags) array
        Coefficients of an asset's own lags; 0 for leaders.

    Notes
    -----
    A cell that was not quoted has a return of 0, as a feature and as a target: the last known price
    did not move. An asset that hardly trades is therefore forecast to move little. Training rows
    begin some way into the window (:attr:`min_rows`), so that no feature depends on rows before it.

    Ridge: A. E. Hoerl, R. W. Kennard (1970), Technometrics 12, 55-67. Lead and lag across assets:
    A. W. Lo, A. C. MacKinlay (1990), Review of Financial Studies 3, 175-205.

    Examples
    --------
    >>> CrossAssetRidge(lags=1)
    CrossAssetRidge(lags=1)
    """

    def __init__(
        self,
        lags: int = 2,
        alpha: float = 0.1,
        horizon: int = 1,
        scale_rows: int | None = 72,
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
        super().__init__(ReturnFeatures(*features))
        self.alpha = check_number("alpha", alpha, at_least=0.0)

    def fit(self, window: Panel) -> Self:
        """Estimate the regressions of all assets on the window.

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
        ParameterError
            A leader or a field that the panel does not have.
        """
        self._require_rows(len(window.times))
        design = self._design(window)
        end = np.array([len(design.target) - self.horizon])
        fitted = self._solve(design, end, end, len(design.target))
        self.assets_ = window.assets
        self.coef_ = fitted.shared.T
        self.own_coef_ = fitted.own.T
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return expected log returns over the horizon, from the last quoted price of each
        asset.

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
        self._require_rows(len(window.times))
        tail = self._tail(window)
        answer = self.coef_ @ tail.shared[-1]
        if tail.own_lags:
            answer += np.einsum("lc,cl->c", tail.own[-1].reshape(tail.own_lags, -1), self.own_coef_)
        return self._series(window, answer * tail.scale[-1] + quote_gap(window, self.field)[-1])

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
        design, begin = self._design_of(panel, rows, fits, depth)
        rows = rows - begin
        answers = self._solve(design, rows, fits - begin + 1 - self.horizon, depth).forecasts
        forecasts = answers * design.scale[rows] + design.gap[rows]
        return forecasts, np.zeros(forecasts.shape, dtype=np.bool_)

    def _solve(self, design: Design, rows: IntArray, ends: IntArray, depth: int) -> RidgeFit:
        return rolling_ridge(
            design.training_rows,
            design.own_lags,
            design.shared[rows],
            design.own[rows],
            np.asarray(ends, dtype=np.int64),
            self._span(design, depth),
            self.alpha,
        )


@register("reduced_rank_ridge")
class ReducedRankRidge(LagForecaster):
    """Three ridge regressions in turn: a common move of reduced rank, each asset's own lags, and
    the remainder on the lags of all.

    Most of what can be forecast is one or two moves that all assets make, some sooner than others.
    A regression of every asset on the lags of all estimates them as often as there are assets. This
    one shrinks towards them: a ridge regression of reduced rank first, then, on what it leaves, the
    asset's own lags, then a ridge on all lags with a strong penalty. All three are solved from the
    moments that :class:`CrossAssetRidge` carries along.

    Parameters
    ----------
    lags : int
        Lags of each asset, in rows.
    rank : int
        Common moves.
    alpha, own_alpha, rest_alpha : float
        Ridge of the three regressions, as a share of each feature's sum of squares; on all assets'
        lags (first and third) it grows in proportion to the lag.
    horizon, scale_rows, clip, leaders, field, fields, scale_field, skip_stale
        As for :class:`CrossAssetRidge`.

    Attributes
    ----------
    coef_ : (assets, features) array
        Coefficients of the shared features: lag 1 of all leaders, lag 2, ..., further fields.
    own_coef_ : (assets, lags) array
        Coefficients of each asset's own lags, in addition.

    Notes
    -----
    Reduced rank: A. J. Izenman (1975), Journal of Multivariate Analysis 5, 248-264, with a ridge
    (A. Mukherjee, J. Zhu 2011, Statistical Analysis and Data Mining 4, 612-622): the ridge
    coefficients B are projected on the first ``rank`` principal axes V of the fitted targets

    .. math:: B V V'
    """

    _own_lags_of = "all"

    def __init__(
        self,
        lags: int = 2,
        rank: int = 2,
        alpha: float = 0.05,
        own_alpha: float = 0.1,
        rest_alpha: float = 0.5,
        horizon: int = 1,
        scale_rows: int | None = 72,
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
        super().__init__(ReturnFeatures(*features))
        self.rank = check_integer("rank", rank, at_least=1)
        self.alpha = check_number("alpha", alpha, above=0.0)
        self.own_alpha = check_number("own_alpha", own_alpha, above=0.0)
        self.rest_alpha = check_number("rest_alpha", rest_alpha, above=0.0)

    def fit(self, window: Panel) -> Self:
        """Estimate the regressions of all assets on the window.

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
        self._require_rows(len(window.times))
        design = self._design(window)
        moments = self._moments(design, len(design.target))
        shared, own = self._coefficients(moments.before(len(design.target) - self.horizon))
        self.assets_ = window.assets
        self.coef_ = shared.T
        self.own_coef_ = own.T
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return expected log returns over the horizon, from the last quoted price of each
        asset.

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
        self._require_rows(len(window.times))
        tail = self._tail(window)
        answer = _answer(tail.shared[-1], tail.own[-1], self.coef_.T, self.own_coef_.T)
        return self._series(window, answer * tail.scale[-1] + quote_gap(window, self.field)[-1])

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
        design, begin = self._design_of(panel, rows, fits, depth)
        rows, fits = rows - begin, fits - begin
        moments = self._moments(design, depth)
        forecasts = np.empty((len(rows), len(panel.assets)))
        solved = -1
        for step, (row, fit) in enumerate(zip(rows, fits, strict=True)):
            if fit != solved:
                trained = moments.before(int(fit) + 1 - self.horizon)
                stages, solved = self._stages(trained), fit
            forecasts[step] = _answer_from(design.shared[row], design.own[row], trained, stages)
        return forecasts * design.scale[rows] + design.gap[rows], np.zeros(
            forecasts.shape, dtype=np.bool_
        )

    def coefficients_of(self, design: Design, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the coefficients of shared and own lags, trained on these rows of a design.

        Parameters
        ----------
        design : Design
            Features and targets.
        rows : (rows,) int
            Rows to train on, in any order.

        Returns
        -------
        shared, own : (features, assets), (lags, assets)
        """
        shared, own, target = design.shared[rows], design.own[rows], design.target[rows]
        lags, assets = design.own_lags, target.shape[1]
        mine = own.reshape(len(rows), lags, assets)
        return self._coefficients(
            Moments(
                shared=shared.T @ shared,
                target=shared.T @ target,
                cross=shared.T @ own,
                own=np.einsum("rac,rbc->abc", mine, mine),
                own_target=np.einsum("rac,rc->ac", mine, target),
            )
        )

    @staticmethod
    def scaled_forecasts(
        design: Design, rows: IntArray, shared: FloatArray, own: FloatArray
    ) -> FloatArray:
        """Return the forecasts of such coefficients, in units of the design's scale.

        Parameters
        ----------
        design : Design
            Features.
        rows : (rows,) int
            Rows to forecast from.
        shared, own : (features, assets), (lags, assets)
            Coefficients.

        Returns
        -------
        (rows, assets)
        """
        forecasts: FloatArray = design.shared[rows] @ shared
        assets = shared.shape[1]
        for lag in range(len(own)):
            forecasts += design.own[rows][:, lag * assets : (lag + 1) * assets] * own[lag]
        return forecasts

    def _moments(self, design: Design, depth: int) -> RollingMoments:
        return RollingMoments(design.training_rows, design.own_lags, self._span(design, depth))

    def _coefficients(self, moments: Moments) -> tuple[FloatArray, FloatArray]:
        """Coefficients of shared (features, assets) and own lags (lags, assets) from the moments of
        the training rows.
        """
        stages = self._stages(moments)
        first = stages.axes @ stages.common
        left = moments.target - moments.shared @ first
        by_asset = moments.cross.reshape(len(left), *stages.own.shape)
        for lag in range(len(stages.own)):
            left -= by_asset[:, lag] * stages.own[lag]
        third = np.linalg.solve(stages.matrix, left)
        return first + third, stages.own

    def _stages(self, moments: Moments) -> _Stages:
        """First and second regression, and the matrix of the third.

        The fitted targets enter by their products with each other alone, (features, features);
        nothing of the size of features times assets is solved for.
        """
        shared, target, cross, own, own_target = moments
        lags, assets = own_target.shape
        squares = np.diag(shared)
        penalty = np.where(squares > 0.0, squares, 1.0) * self._lag_of(len(shared))
        factor = np.linalg.cholesky(shared + np.diag(np.where(squares > 0.0, 1e-12 * squares, 1.0)))
        inverse = np.linalg.inv(shared + np.diag(self.alpha * penalty))
        fit = factor.T @ inverse
        sizes, sides = np.linalg.eigh(fit @ (target @ target.T) @ fit.T)
        leading = np.flatnonzero(sizes[-self.rank :] > 1e-14 * sizes[-1]) + max(
            0, len(sizes) - self.rank
        )
        to_common = (sides[:, leading] / np.sqrt(sizes[leading])).T @ fit
        common = to_common @ target
        axes = inverse @ (target @ common.T)
        own_left = own_target - np.einsum(
            "kac,kc->ac", (axes.T @ cross).reshape(-1, lags, assets), common
        )
        small = own.copy()
        for lag in range(lags):
            small[lag, lag] += np.where(own[lag, lag] > 0.0, self.own_alpha * own[lag, lag], 1.0)
        # One small system per asset, stacked.
        second = np.linalg.solve(small.transpose(2, 0, 1), own_left.T[:, :, None])[:, :, 0].T
        matrix = shared + np.diag(self.rest_alpha * penalty)
        return _Stages(axes, common, second, matrix)

    def _lag_of(self, features: int) -> FloatArray:
        """Lag of each shared feature; further fields count as lag 1."""
        count = features // (self.lags + len(self.fields))
        return np.concatenate(
            [np.repeat(np.arange(1.0, self.lags + 1.0), count), np.ones(count * len(self.fields))]
        )


class _Stages(NamedTuple):
    """Regressions of a :class:`ReducedRankRidge`.

    Attributes
    ----------
    axes, common : (features, rank), (rank, assets)
        Factors of the coefficients of the first regression.
    own : (lags, assets)
        Coefficients of the second regression.
    matrix : (features, features)
        Matrix of the third regression.
    """

    axes: FloatArray
    common: FloatArray
    own: FloatArray
    matrix: FloatArray


def _answer_from(
    asked: FloatArray, asked_own: FloatArray, moments: Moments, stages: _Stages
) -> FloatArray:
    """Forecasts (assets,) for the features of one row, without the coefficients of the third
    regression.

    With x the features, it answers ``x'A^-1 left``: ``A^-1 x`` takes one small system, ``A^-1
    left`` one for each asset.
    """
    turned = np.linalg.solve(stages.matrix, asked)
    common = (asked - turned @ moments.shared) @ stages.axes @ stages.common
    found: FloatArray = common + turned @ moments.target
    own = (asked_own - turned @ moments.cross).reshape(stages.own.shape)
    found += (own * stages.own).sum(axis=0)
    return found


def _answer(
    shared: FloatArray, own: FloatArray, weights: FloatArray, own_weights: FloatArray
) -> FloatArray:
    answer: FloatArray = shared @ weights + (own.reshape(own_weights.shape) * own_weights).sum(
        axis=0
    )
    return answer
