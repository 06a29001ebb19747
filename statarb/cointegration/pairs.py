"""Forecaster from cointegrated pairs: expected returns of assets from the reversion of spreads."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.params import Parameters
from statarb._core.time import as_stamp
from statarb._core.typing import BoolArray, FloatArray, IntArray, TimeLike
from statarb.cointegration.pair_scan import PairScan
from statarb.cointegration.scan import scan_pairs
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError

__all__ = ["PairsSignal"]


class PairsSignal(Parameters):
    r"""Forecaster of the reversion of cointegrated pairs.

    :meth:`fit` scans a window and keeps the pairs that pass, :meth:`predict` gives the expected log
    return of each asset from the pairs kept. :meth:`walk` does both through time, with a scan every
    ``scan_every`` rows. Where no pair passes there is no forecast.

    Parameters
    ----------
    horizon : int
        Rows ahead.
    scan_every : int
        Rows from one scan to the next in :meth:`walk`.
    lags : {"aic", "bic"} or int
        Lagged differences of the tests (:func:`statarb.scan_pairs`).
    max_lags : int
        Most lags that a criterion may choose.
    fdr : {"bh", "by", None}
        Adjustment for the number of tests.
    level : float
        Largest adjusted p-value of a pair that is kept.
    half_life : (low, high)
        In rows. Faster reversion is mostly quote noise, slower reversion earns less than its risk.
    max_pairs : int
        Pairs kept at most, the best ones.
    min_observed : float
        Share of a window's rows that must quote an asset; assets with less take no part.
    field : {"price", "unrounded"}
        Prices that are scanned and watched.

    Notes
    -----
    Prices are carried forward within the window, so that only late listings shorten the sample of a
    pair. For each pair kept, log y is regressed on log x; the residual's autoregression b and the
    slope :math:`\alpha` of each leg's next return on the residual s (:class:`Spread`,
    ``adjustment``) are fitted on the window. A leg's expected return over h rows is

    .. math:: \alpha\, s\, (1 - b^h) / (1 - b) ,

    and an asset's forecast is the mean over the pairs that it is part of.

    The window's last row is known: a forecast at t uses rows up to t.
    """

    def __init__(
        self,
        horizon: int = 1,
        *,
        scan_every: int = 288,
        lags: Literal["aic", "bic"] | int = "aic",
        max_lags: int = 12,
        fdr: Literal["bh", "by"] | None = "bh",
        level: float = 0.05,
        half_life: tuple[float, float] = (2.0, 576.0),
        max_pairs: int = 100,
        min_observed: float = 0.5,
        field: str = "unrounded",
    ) -> None:
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.scan_every = check_integer("scan_every", scan_every, at_least=1)
        self.lags = (
            lags if isinstance(lags, str) else check_integer("lags", lags, at_least=0, at_most=100)
        )
        if isinstance(lags, str):
            check_choice("lags", lags, ("aic", "bic"))
        self.max_lags = check_integer("max_lags", max_lags, at_least=0, at_most=100)
        self.fdr = check_choice("fdr", fdr, ("bh", "by", None))
        self.level = check_number("level", level, above=0.0, at_most=1.0)
        low, high = half_life
        if not 0.0 <= low <= high:
            raise ParameterError(
                f"half_life must be (low, high) with 0 <= low <= high, in rows, got {half_life!r}"
            )
        self.half_life = half_life
        self.max_pairs = check_integer("max_pairs", max_pairs, at_least=1)
        self.min_observed = check_number("min_observed", min_observed, above=0.0, at_most=1.0)
        self.field = check_choice("field", field, ("price", "unrounded"))

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least, to fit."""
        most = self.max_lags if isinstance(self.lags, str) else self.lags
        return max(2 * most + 4, 30)

    def fit(self, window: Panel) -> Self:
        """Scan a window. Afterwards ``pairs_`` holds the tests of the pairs kept and ``scan_size_``
        the number of tests made.

        Parameters
        ----------
        window : Panel
            Ends at the row that forecasts may know.

        Returns
        -------
        PairsSignal
            Itself.

        Raises
        ------
        DataError
            A window of fewer than :attr:`min_rows` rows.
        """
        rows = len(window.rows)
        if rows < self.min_rows:
            raise DataError(
                f"PairsSignal needs windows of at least {self.min_rows} rows to scan, got {rows}"
            )
        self.assets_ = window.assets
        watched = np.flatnonzero(window.observed_array.mean(axis=0) >= self.min_observed)
        self.scan_size_ = 0
        self._fit_pairs(None, watched, np.empty((rows, 0)))
        if len(watched) >= 2:
            levels = np.log(window.last_known(self.field)[:, watched])
            overlap = max(self.min_rows, min(100, rows))
            scan = scan_pairs(levels, self.lags, self.max_lags, self.fdr, overlap)
            self.scan_size_ = int(scan.settings["tests"])
            kept = scan.filter(
                pvalue_adjusted=self.level, half_life=self.half_life, one_direction=True
            )
            self._fit_pairs(kept.head(self.max_pairs), watched, levels)
        return self

    def _fit_pairs(self, scan: PairScan | None, watched: IntArray, levels: FloatArray) -> None:
        """Fit what a forecast needs of each pair: relation, decay, and which leg moves."""
        table = (
            []
            if scan is None
            else [
                _fitted(levels[:, y], levels[:, x], h)
                for y, x, h in zip(scan.y, scan.x, scan.hedge_ratio, strict=True)
            ]
        )
        found = np.array(table, dtype=np.float64).reshape(-1, 4)
        self._y = watched[scan.y] if scan is not None else np.empty(0, dtype=np.int64)
        self._x = watched[scan.x] if scan is not None else np.empty(0, dtype=np.int64)
        self._hedge = scan.hedge_ratio.copy() if scan is not None else np.empty(0)
        self._mean, b, move_y, move_x = found.T
        with np.errstate(divide="ignore", invalid="ignore"):
            total = np.where(b < 1.0, (1.0 - b**self.horizon) / (1.0 - b), 0.0)
        self._gain_y, self._gain_x = move_y * total, move_x * total
        empty = pd.DataFrame(
            columns=[
                "y",
                "x",
                "hedge_ratio",
                "tau",
                "pvalue",
                "pvalue_adjusted",
                "lag",
                "half_life",
                "correlation",
            ]
        )
        self.pairs_ = empty if scan is None else scan.to_frame()
        if scan is not None:
            self.pairs_["y"], self.pairs_["x"] = (
                self.assets_.take(self._y),
                self.assets_.take(self._x),
            )
        self.failed_ = np.zeros(len(self.assets_), dtype=np.bool_)

    def predict(self, window: Panel) -> pd.Series:
        """Return the expected log return by asset over the horizon, from its last known price.

        Parameters
        ----------
        window : Panel
            Ends at the row that forecasts may know; of the assets that were fitted.

        Returns
        -------
        Series
            By asset; NaN for an asset in no pair.

        Raises
        ------
        ParameterError
            Before :meth:`fit`.
        DataError
            A window of other assets.
        """
        if not hasattr(self, "assets_"):
            raise ParameterError(
                "PairsSignal must be fitted before it predicts; call fit(window) first"
            )
        if not window.assets.equals(self.assets_):
            raise DataError(
                "PairsSignal predicts for the assets that it was fitted on; fit and predict on "
                "windows of one panel"
            )
        last = np.full(len(self.assets_), np.nan)
        used = np.union1d(self._y, self._x)
        last[used] = last_known(window.array(self.field)[:, used], window.places)[-1]
        return pd.Series(
            self._expected(np.log(last)[None])[0], index=window.assets, name="expected_return"
        )

    def _expected(self, levels: FloatArray) -> FloatArray:
        """Forecasts from log prices, rows x assets: each asset's mean over its pairs."""
        total, count = np.zeros(levels.shape), np.zeros(levels.shape)
        for pair in range(len(self._y)):
            y, x = self._y[pair], self._x[pair]
            deviation = levels[:, y] - self._hedge[pair] * levels[:, x] - self._mean[pair]
            known = ~np.isnan(deviation)
            for asset, gain in ((y, self._gain_y[pair]), (x, self._gain_x[pair])):
                total[known, asset] += gain * deviation[known]
                count[known, asset] += 1.0
        return np.where(count > 0.0, total / np.maximum(count, 1.0), np.nan)

    def forecast_block(
        self, panel: Panel, rows: IntArray, fits: IntArray, depth: int
    ) -> tuple[FloatArray, BoolArray]:
        """Forecast from many rows at once; the answers are those of :meth:`fit` and
        :meth:`predict`, window by window.

        Parameters
        ----------
        panel : Panel
            All rows.
        rows, fits : (steps,)
            Position of the last row of the window that is predicted from, and of that which is
            scanned.
        depth : int
            Rows of a window.

        Returns
        -------
        forecasts : (steps, assets)
            NaN = no forecast.
        failed : (steps, assets)
            All False.
        """
        rows, fits = np.asarray(rows, dtype=np.int64), np.asarray(fits, dtype=np.int64)
        price = panel.array(self.field)
        # a window of ``depth`` rows knows prices that are at most ``depth - 1`` rows old
        known = last_known(price, np.arange(len(price)), max_age=depth - 1)[rows]
        levels = np.log(known)
        forecasts = np.full(levels.shape, np.nan)
        model = self.clone()
        for fit in np.unique(fits):
            model.fit(panel.window(panel.times_array[fit], depth))
            part = fits == fit
            forecasts[part] = model._expected(levels[part])
        return forecasts, np.zeros(forecasts.shape, dtype=np.bool_)

    def walk(
        self,
        panel: Panel,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        depth: int = DEPTH,
    ) -> pd.DataFrame:
        """Return the expected log returns at every row, with a scan at the first one and every
        ``scan_every`` rows after it.

        Parameters
        ----------
        panel : Panel
            Rows at and before each time.
        start, end : time, optional
            First and last row; by default the first with a full window, and the last of the panel.
        depth : int
            Rows of a window.

        Returns
        -------
        DataFrame
            Times x assets; row t is known at t, and forecasts the ``horizon`` rows after it.

        Raises
        ------
        DataError
            No row in between, or too few before ``start``.
        """
        depth = check_integer("depth", depth, at_least=self.min_rows)
        stamps = panel.times_array
        first = (
            min(depth, len(stamps)) - 1
            if start is None
            else int(np.searchsorted(stamps, as_stamp("start", start), side="left"))
        )
        last = (
            len(stamps)
            if end is None
            else int(np.searchsorted(stamps, as_stamp("end", end), side="right"))
        )
        if first >= last:
            raise DataError(
                f"no row from {start} to {end}; the panel has rows from {panel.times[0]} to "
                f"{panel.times[-1]}"
            )
        rows = np.arange(first, last, dtype=np.int64)
        fits = rows - (rows - first) % self.scan_every
        forecasts, _ = self.forecast_block(panel, rows, fits, depth)
        return pd.DataFrame(forecasts, index=panel.times[rows], columns=panel.assets)


def _fitted(y: FloatArray, x: FloatArray, hedge: float) -> tuple[float, float, float, float]:
    """Mean of a spread, its autoregression, and how much of a deviation each leg takes back in the
    next row.
    """
    both = ~(np.isnan(y) | np.isnan(x))
    y, x = y[both], x[both]
    spread = y - hedge * x
    before = spread[:-1] - spread[:-1].mean()
    square = before @ before
    move_y, move_x = float(before @ np.diff(y) / square), float(before @ np.diff(x) / square)
    return float(spread.mean()), 1.0 + move_y - hedge * move_x, move_y, move_x
