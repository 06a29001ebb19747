"""Linear forecasters: the last value, the drift, and the ridge regression on the lags of all coins."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Self

import numpy as np
import pandas as pd

from statarb._checks import check_choice, check_integer, check_number
from statarb._typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting._rolling import ANCHOR, rolling_ridge
from statarb.forecasting.base import BaseForecaster
from statarb.forecasting.features import CARRY, carried, check_fields, known_prices, lagged, moves, standardised_field

__all__ = ["LEADERS", "CrossAssetRidge", "Drift", "LastValue"]

LEADERS = (
    1442,
    1445,
    1456,
    1446,
    1453,
    1477,
    1452,
    1443,
    1457,
    1451,
    1460,
    1448,
    1454,
    1447,
    1449,
    1444,
    1450,
    1474,
    1455,
    1465,
)
"""The twenty coins of level 1, which lead the market; their lags serve every coin of a larger universe."""

_MOST_LEADERS = 32
_LEAST_TRAINING = 20


class LastValue(BaseForecaster):
    """The price stays as it is: the benchmark that a forecast must beat."""

    def fit(self, window: Panel) -> Self:
        """Learn nothing."""
        self.coins_ = window.coins
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return 0 for every coin that has a quote in the window."""
        self._require_fitted(window)
        return self._series(window, np.zeros(len(window.coins)))

    def forecast_block(self, panel: Panel, rows: IntArray, fits: IntArray, depth: int) -> tuple[FloatArray, BoolArray]:
        """Forecast a stretch of rows at once; see :class:`~statarb.forecasting.base.BlockForecaster`."""
        known = known_prices(panel, depth=depth)[rows]
        return np.where(np.isnan(known), np.nan, 0.0), np.zeros(known.shape, dtype=np.bool_)


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
        """Take the mean log return a row between each coin's first and last quote of the window."""
        price = window.array("price")
        self.coins_ = window.coins
        self.drift_ = np.zeros(price.shape[1])
        for column in range(price.shape[1]):
            quoted = np.flatnonzero(~np.isnan(price[:, column]))
            if len(quoted) > 1:
                first, last = quoted[0], quoted[-1]
                self.drift_[column] = np.log(price[last, column] / price[first, column]) / (last - first)
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return the drift over the horizon."""
        self._require_fitted(window)
        return self._series(window, self.drift_ * self.horizon)


@dataclasses.dataclass(frozen=True)
class _Design:
    """Features and targets of a panel, row by row, and what turns an answer into a return."""

    shared: FloatArray
    own: FloatArray
    own_lags: int
    target: FloatArray
    scale: FloatArray
    first: int


class CrossAssetRidge(BaseForecaster):
    """Ridge regression of every coin's next return on the last returns of all coins.

    The workhorse. Each return is divided by the root mean square of the coin's last ``scale_rows`` returns, and clipped, so
    that quiet and wild hours weigh alike and one jump does not decide. The moments of the training window are carried along
    by adding the newest row and taking the oldest away, so that a walk refits at every row for the price of one update and
    one small solve (:mod:`statarb.forecasting._rolling`).

    Parameters
    ----------
    lags : int
        Lags of each coin, in rows.
    alpha : float
        Ridge, as a share of each feature's sum of squares: a ridge of ``alpha * n`` on n rows of features of mean square 1.
    horizon : int
        Rows ahead; the answer is the sum of their returns.
    scale_rows : int or None
        Rows over which the size of a coin's returns is measured; ``None`` leaves returns as they are.
    clip : float or None
        Largest return in units of that size, on both sides of the regression.
    leaders : sequence of coin ids, optional
        Coins whose lags every regression has; each other coin adds its own lags. By default all coins, where there are at most
        32; in larger panels those of :data:`LEADERS` that are there, else the first 20 columns.
    field : {"unrounded", "price"}
        Price whose returns are used. Quoted prices may hide moves by their rounding. The forecast is always of the quoted
        price: where the unrounded price stands apart from it, the forecast starts from the unrounded one.
    fields : sequence of str
        Further fields of the panel, as features of the leaders (at the last row, standardised over ``scale_rows``).

    Attributes
    ----------
    coef_ : (coins, features) array
        Coefficients of the shared features, in the order lag 1 of all leaders, lag 2, ..., further fields.
    own_coef_ : (coins, lags) array
        Coefficients of a coin's own lags; 0 for leaders.

    Notes
    -----
    A cell that was not quoted has a return of 0, as a feature and as a target: the last known price did not move. A coin that
    hardly trades is therefore forecast to move little. Training rows begin ``scale_rows`` + 23 + ``lags`` rows into the
    window, so that no feature depends on rows before it.

    Ridge: A. E. Hoerl, R. W. Kennard (1970), Technometrics 12, 55-67. Lead and lag across assets: A. W. Lo, A. C. MacKinlay
    (1990), Review of Financial Studies 3, 175-205.

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
        scale_rows: int | None = 96,
        clip: float | None = 3.0,
        leaders: Sequence[Hashable] | None = None,
        field: str = "unrounded",
        fields: Sequence[str] = (),
    ) -> None:
        self.lags = check_integer("lags", lags, at_least=1)
        self.alpha = check_number("alpha", alpha, at_least=0.0)
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.scale_rows = None if scale_rows is None else check_integer("scale_rows", scale_rows, at_least=2)
        self.clip = None if clip is None else check_number("clip", clip, above=0.0)
        if leaders is not None and len(leaders) == 0:
            raise ParameterError("leaders must name at least one coin, got none; None uses all coins")
        self.leaders = leaders
        self.field = check_choice("field", field, ("unrounded", "price"))
        self.fields = fields

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return self._first + self.horizon + _LEAST_TRAINING

    @property
    def _first(self) -> int:
        return CARRY + (0 if self.scale_rows is None else self.scale_rows - 1) + self.lags - 1

    def fit(self, window: Panel) -> Self:
        """Estimate the regressions of all coins on the window.

        Raises
        ------
        DataError
            Fewer rows than :attr:`min_rows`.
        ParameterError
            A leader or a field that the panel does not have.
        """
        self._require_rows(len(window.times))
        design = self._design(window)
        end = len(design.target) - self.horizon
        _, shared, own = self._solve(design, np.array([end]), np.array([end]), len(design.target))
        self.coins_ = window.coins
        self.coef_ = shared.T
        self.own_coef_ = own.T
        self.failed_ = np.zeros(len(window.coins), dtype=np.bool_)
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return expected log returns over the horizon, from the last quoted price of each coin."""
        self._require_fitted(window)
        self._require_rows(len(window.times))
        tail = self._design(window.window(window.now, depth=self._first + 1))
        answer = self.coef_ @ tail.shared[-1]
        if tail.own_lags:
            answer += np.einsum("lc,cl->c", tail.own[-1].reshape(tail.own_lags, -1), self.own_coef_)
        return self._series(window, answer * tail.scale[-1] + self._gap(window, len(window.times))[-1])

    def forecast_block(self, panel: Panel, rows: IntArray, fits: IntArray, depth: int) -> tuple[FloatArray, BoolArray]:
        """Forecast a stretch of rows at once; see :class:`~statarb.forecasting.base.BlockForecaster`."""
        self._require_rows(min(depth, int(fits[0]) + 1))
        design = self._design(panel)
        answers, _, _ = self._solve(design, rows, fits + 1 - self.horizon, depth)
        forecasts = answers * design.scale[rows] + self._gap(panel, depth)[rows]
        return forecasts, np.zeros(forecasts.shape, dtype=np.bool_)

    def _solve(self, design: _Design, rows: IntArray, ends: IntArray, depth: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        count = depth - design.first - self.horizon
        return rolling_ridge(
            design.shared,
            design.own,
            design.own_lags,
            design.target,
            np.asarray(rows, dtype=np.int64),
            np.asarray(ends, dtype=np.int64),
            count,
            design.first,
            self.alpha,
            ANCHOR,
        )

    def _design(self, panel: Panel) -> _Design:
        check_fields(panel, self.fields)
        past = moves(panel, scale_rows=self.scale_rows, clip=self.clip, field=self.field)
        leading = self._leading(panel)
        everyone = len(leading) == len(panel.coins)
        shared = [lagged(past.scaled if everyone else np.ascontiguousarray(past.scaled[:, leading]), self.lags)]
        for name in self.fields:
            shared.append(standardised_field(panel, name, self.scale_rows or 96)[:, leading])
        own = np.zeros((len(past.scaled), 0))
        if not everyone:
            followers = past.scaled.copy()
            followers[:, leading] = 0.0
            own = lagged(followers, self.lags)
        target = np.zeros_like(past.returns)
        ahead = len(target) - self.horizon
        for step in range(1, self.horizon + 1):
            target[:ahead] += past.returns[step : step + ahead]
        scale = past.scale * np.sqrt(self.horizon)
        moving = scale > 0.0
        target = np.where(moving, target / np.where(moving, scale, 1.0), 0.0)
        if self.clip is not None:
            np.clip(target, -self.clip, self.clip, out=target)
        return _Design(
            shared[0] if len(shared) == 1 else np.hstack(shared),
            own,
            0 if everyone else self.lags,
            target,
            scale,
            past.first + self.lags - 1,
        )

    def _leading(self, panel: Panel) -> IntArray:
        """Columns of the leaders."""
        if self.leaders is not None:
            return panel.columns_of(self.leaders)
        if len(panel.coins) <= _MOST_LEADERS:
            return np.arange(len(panel.coins), dtype=np.int64)
        named = panel.coins.get_indexer(pd.Index(LEADERS))
        named = named[named >= 0]
        return np.sort(named).astype(np.int64) if len(named) else np.arange(len(LEADERS), dtype=np.int64)

    def _gap(self, panel: Panel, depth: int) -> FloatArray:
        """Log distance of the price that returns are taken of from the quoted one, rows x coins; NaN without a quote."""
        quoted = known_prices(panel, depth=depth)
        if self.field == "price" or panel.array("unrounded") is panel.array("price"):
            return np.where(np.isnan(quoted), np.nan, 0.0)
        price, fine = panel.array("price"), panel.array("unrounded")
        with np.errstate(invalid="ignore"):
            gap = np.log(fine / price)
        gap = np.where(np.isfinite(gap), gap, 0.0)
        gap[np.isnan(price)] = np.nan
        return carried(gap, depth)
