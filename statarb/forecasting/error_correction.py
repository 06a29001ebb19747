"""Vector error correction of a cointegrated group of assets."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer
from statarb._core.numeric import varies
from statarb._core.typing import FloatArray, IntArray
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.base import BaseForecaster, register
from statarb.forecasting.features import LEADERS, known_prices

__all__ = ["VECM", "trace_rank"]

TRACE_5_PERCENT = (
    *(9.164546, 20.26184, 35.19275, 54.07904, 76.97277, 103.8473),
    *(134.6780, 169.5991, 208.4374, 251.2650, 298.1594, 348.9784),
)
"""5 % critical values of the trace statistic by the number of remaining unit roots, for a constant
inside the relations (case II of J. G. MacKinnon, A. A. Haug, L. Michelis 1999, Journal of Applied
Econometrics 14, 563-577).
"""

_LARGEST_GROUP = len(TRACE_5_PERCENT)


def trace_rank(levels: FloatArray, lags: int) -> int:
    """Return the number of relations by Johansen's trace test at 5 %, for a constant inside the
    relations.

    Parameters
    ----------
    levels : (rows, series)
        Log prices.
    lags : int
        Lags of their changes.

    Returns
    -------
    int
        From 0 to the number of series.
    """
    changes = np.diff(levels, axis=0)
    rows, series = len(changes) - lags, int(levels.shape[1])
    past = np.hstack([changes[lags - lag : len(changes) - lag] for lag in range(1, lags + 1)])
    level = np.column_stack([levels[lags:-1], np.ones(rows)])
    # Residuals of changes and levels on past changes, then their canonical correlations.
    basis, _ = np.linalg.qr(past)
    left, right = (part - basis @ (basis.T @ part) for part in (changes[lags:], level))
    # Columns in units of their size, so that the constant and the logs have the same weight.
    left, right = (np.linalg.qr(part / np.linalg.norm(part, axis=0))[0] for part in (left, right))
    squares = np.linalg.svd(left.T @ right, compute_uv=False)[:series] ** 2
    shares = np.log1p(-np.minimum(squares, 1.0 - 1e-15))
    corrected = rows - series * (lags + 1)
    for rank in range(series):
        statistic = -corrected * float(shares[rank:].sum())
        if statistic <= TRACE_5_PERCENT[series - rank - 1]:
            return rank
    return series


@register("vecm")
class VECM(BaseForecaster):
    """Vector error correction model of a cointegrated group: its prices return to their long-run
    relations.

    Estimated with statsmodels (maximum likelihood, constant inside the relations). Assets outside
    the group are expected to stay as they are.

    Parameters
    ----------
    group : sequence of labels, optional
        At most 12 assets. By default all assets of a panel of at most 12, else the first six of
        :data:`LEADERS` that it has.
    rank : int, optional
        Number of relations; by default by Johansen's trace test at 5 %, of the model that is
        fitted. Rank 0 leaves an autoregression of returns.
    lags : int
        Lags of returns.
    horizon, field
        As for :class:`Autoregression`.

    Attributes
    ----------
    rank_ : int

    Notes
    -----
    S. Johansen (1995), Likelihood-Based Inference in Cointegrated Vector Autoregressive Models. The
    trace statistic is taken times (n - k p) / n, with k series, p = lags + 1 and n observations:
    without it the test is far too large for many series (H. C. Reinsel, S. K. Ahn 1992, Journal of
    Time Series Analysis 13, 353-375).
    """

    refit_every = 288

    def __init__(
        self,
        group: Sequence[Hashable] | None = None,
        rank: int | None = None,
        lags: int = 1,
        horizon: int = 1,
        field: str = "unrounded",
    ) -> None:
        if group is not None and not 2 <= len(group) <= _LARGEST_GROUP:
            raise ParameterError(
                f"group must name from 2 to {_LARGEST_GROUP} assets, got {len(group)}"
            )
        self.group = group
        self.rank = None if rank is None else check_integer("rank", rank, at_least=0)
        self.lags = check_integer("lags", lags, at_least=1)
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.field = check_choice("field", field, ("unrounded", "price"))

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return 60 + self.lags

    def fit(self, window: Panel) -> Self:
        """Estimate the model on the group's log prices, gaps filled with the last price.

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
            An asset of the group that the panel does not have.
        """
        from statsmodels.tsa.vector_ar.vecm import VECM as VecmModel

        self._require_rows(len(window.times))
        self.assets_ = window.assets
        self.failed_ = np.zeros(len(window.assets), dtype=np.bool_)
        logs = self._logs(window)
        columns = self._columns(window)
        # An asset that was listed inside the window, or whose price does not change, is in no
        # relation.
        known = np.isfinite(logs[:, columns]).all(axis=0)
        columns = columns[known & varies(logs[:, columns], scale=1.0)]
        self.columns_ = columns
        self.rank_ = 0
        if len(columns) < 2:
            self.columns_ = columns[:0]
            return self
        values = logs[:, columns]
        try:
            rank = self.rank
            if rank is None:
                rank = trace_rank(values, self.lags)
            self.rank_ = min(rank, len(columns) - 1)
            fitted = VecmModel(
                values, k_ar_diff=self.lags, coint_rank=self.rank_, deterministic="ci"
            ).fit()
            self._keep(fitted)
        except np.linalg.LinAlgError:
            # Collinear prices: nothing can be estimated, the forecast is the last value and is
            # counted as such.
            self.failed_[columns] = True
            self.columns_ = columns[:0]
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
        logs = self._logs(window)
        quoted = np.log(known_prices(window)[-1])
        answer = np.zeros(len(window.assets))
        if len(self.columns_):
            values = logs[-self.lags - 1 :, self.columns_]
            level, changes = values[-1], list(np.diff(values, axis=0)[::-1])
            for _ in range(self.horizon):
                error = self.beta_.T @ level + self.constant_
                ahead = self.alpha_ @ error + self.gamma_ @ np.concatenate(changes)
                level, changes = level + ahead, [ahead, *changes[:-1]]
            answer[self.columns_] = level - quoted[self.columns_]
        return self._series(window, answer)

    def _keep(self, fitted: Any) -> None:
        self.alpha_ = np.asarray(fitted.alpha, dtype=np.float64)
        self.beta_ = np.asarray(fitted.beta, dtype=np.float64)
        self.gamma_ = np.asarray(fitted.gamma, dtype=np.float64)
        self.constant_ = np.asarray(fitted.const_coint, dtype=np.float64).ravel()
        if not all(
            np.isfinite(part).all()
            for part in (self.alpha_, self.beta_, self.gamma_, self.constant_)
        ):
            raise np.linalg.LinAlgError("the error correction model has no finite estimate")

    def _logs(self, window: Panel) -> FloatArray:
        price = np.asarray(window.array("price"), dtype=np.float64)
        fine = np.asarray(window.array(self.field), dtype=np.float64)
        return last_known(np.log(np.where(np.isnan(fine) | np.isnan(price), price, fine)))

    def _columns(self, window: Panel) -> IntArray:
        if self.group is not None:
            return window.columns_of(list(self.group))
        if len(window.assets) <= _LARGEST_GROUP:
            return np.arange(len(window.assets), dtype=np.int64)
        named = window.assets.get_indexer(pd.Index(LEADERS))
        named = named[named >= 0][:6]
        return named.astype(np.int64) if len(named) > 1 else np.arange(6, dtype=np.int64)
