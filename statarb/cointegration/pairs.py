"""Forecaster from cointegrated pairs: expected returns of assets from the reversion of spreads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.params import Parameters
from statarb._core.time import as_stamp
from statarb._core.typing import BoolArray, FloatArray, IntArray, TimeLike
from statarb.cointegration.kept_pairs import KeptPairs
from statarb.cointegration.pair_scan import COLUMNS
from statarb.cointegration.robust import best_explained, robust_pass
from statarb.cointegration.scan import scan_levels
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.data.refits import refit_rows
from statarb.errors import DataError, ParameterError

__all__ = ["PairsSignal"]

CANDIDATES = 20
"""Pairs tested again for each pair kept at most."""


class PairsSignal(Parameters):
    r"""Forecaster of the reversion of cointegrated pairs.

    :meth:`fit` scans a window and keeps the pairs that pass, :meth:`predict` gives the expected log
    return of each asset from the pairs kept. :meth:`walk` does both through time, with a scan every
    ``scan_every`` rows, as does an investor that it is given to. Where no pair passes there is no
    forecast.

    Parameters
    ----------
    horizon : int
        Rows ahead.
    scan_every : int
        Most rows from one scan to the next in a walk. Scans are made at fixed places of the panel's
        grid (:func:`statarb.data.refits.refit_rows`), so that forecasts do not depend on where a
        walk begins; more often while there are few rows.
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
    robust : bool
        Whether the pairs that pass are tested again with standard errors that allow for changing
        volatility (:func:`statarb.cointegration.robust.robust_pass`), and kept where they pass once
        more. Without it most pairs kept in a market with bursts of volatility are chance.

    Notes
    -----
    Prices are carried forward within the window, so that only late listings shorten the sample of a
    pair. For each pair kept, log y is regressed on log x; the residual's autoregression b and the
    slope :math:`\alpha` of each leg's next return on the residual s (:class:`Spread`,
    ``adjustment``) are fitted on the window. A leg's expected return over h rows is

    .. math:: \alpha\, s\, (1 - b^h) / (1 - b) ,

    and an asset's forecast is the mean over the pairs that it is part of. Between scans a row takes
    time in proportion to the pairs kept.

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
        robust: bool = True,
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
        self.robust = robust

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least, to fit."""
        most = self.max_lags if isinstance(self.lags, str) else self.lags
        return max(2 * most + 4, 30)

    @property
    def refit_every(self) -> int:
        """Rows between fits in a walk: ``scan_every``."""
        return self.scan_every

    def fit(self, window: Panel) -> Self:
        """Scan a window. Afterwards ``kept_`` holds the pairs kept, ``pairs_`` their tests as a
        table, ``scan_size_`` the number of tests made, and ``failed_`` by asset whether none could
        be made.

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
        self.kept_ = self._scan(window, _KnownLogs(window, self.field, 0, rows, rows), rows - 1)
        self.scan_size_ = self.kept_.tests
        self.failed_ = np.full(len(self.assets_), self.kept_.failed)
        return self

    @property
    def pairs_(self) -> pd.DataFrame:
        """Tests of the pairs kept by :meth:`fit`, best first; columns as of
        :meth:`PairScan.to_frame`.
        """
        return self.kept_.to_frame()[list(COLUMNS)]

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
        if not hasattr(self, "kept_"):
            raise ParameterError(
                "PairsSignal must be fitted before it predicts; call fit(window) first"
            )
        if not window.assets.equals(self.assets_):
            raise DataError(
                "PairsSignal predicts for the assets that it was fitted on; fit and predict on "
                "windows of one panel"
            )
        used = self.kept_.used
        price = window.array(self.field)
        last = price[-1, used].astype(np.float64)
        for place in np.flatnonzero(np.isnan(last)):
            quotes = price[:, used[place]]
            quoted = np.flatnonzero(~np.isnan(quotes))
            last[place] = quotes[quoted[-1]] if len(quoted) else np.nan
        forecast = np.full(len(self.assets_), np.nan)
        forecast[used] = self.kept_.expected(np.log(last)[None], [self.horizon])[0, 0]
        return pd.Series(forecast, index=window.assets, name="expected_return")

    def scans(self, panel: Panel, fits: IntArray, depth: int = DEPTH) -> list[KeptPairs]:
        """Scan windows, and return the pairs that each scan keeps.

        Parameters
        ----------
        panel : Panel
            All rows.
        fits : (scans,) int
            Position of the last row of each window; each is scanned once, negative ones are not.
        depth : int
            Rows of a window.

        Returns
        -------
        list of KeptPairs
            In order of their rows. Where nothing can be scanned (fewer than :attr:`min_rows` rows,
            fewer than two assets with enough quotes, prices that do not move) it holds no pair, and
            says why.
        """
        fits = np.unique(np.asarray(fits, dtype=np.int64))
        fits = fits[fits >= 0]
        if len(fits) == 0:
            return []
        logs = _KnownLogs(panel, self.field, int(fits[0]), int(fits[-1]) + 1, depth)
        return [self._scan(panel, logs, int(fit)) for fit in fits]

    def _scan(self, panel: Panel, logs: _KnownLogs, row: int) -> KeptPairs:
        """Scan the window that ends at a row."""
        low = max(0, row + 1 - logs.depth)
        time, rows = panel.times[row], row + 1 - low
        if rows < self.min_rows:
            reason = f"{rows} rows are fewer than the {self.min_rows} of a scan"
            return KeptPairs(row, time, panel.assets, reason=reason, failed=True)
        observed = panel.row_slice(low, row + 1).observed_array
        watched = np.flatnonzero(observed.mean(axis=0) >= self.min_observed)
        if len(watched) < 2:
            reason = "fewer than two assets have quotes in enough rows"
            return KeptPairs(row, time, panel.assets, reason=reason, failed=True)
        levels = logs.window(row, watched)
        tests = scan_levels(
            levels,
            panel.assets.take(watched) if len(watched) < len(panel.assets) else panel.assets,
            lags=self.lags,
            max_lags=self.max_lags,
            fdr=self.fdr,
            min_overlap=max(self.min_rows, min(100, rows)),
        )
        kept = tests.filter(
            pvalue_adjusted=self.level, half_life=self.half_life, one_direction=True
        )
        if self.robust and len(kept):
            kept = kept.head(CANDIDATES * self.max_pairs)
            kept = kept[robust_pass(kept, levels, level=self.level, method=self.fdr)]
            kept = kept[best_explained(kept, levels)]
        kept = kept.head(self.max_pairs)
        return KeptPairs.of(row, time, panel.assets, kept, watched, levels)

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
            Where no pair could be tested (see :meth:`scans`); there is no forecast there.
        """
        forecasts, failed = self.forecast_blocks(panel, rows, fits, depth, [self.horizon])
        return forecasts[0], failed

    def forecast_blocks(
        self,
        panel: Panel,
        rows: IntArray,
        fits: IntArray,
        depth: int,
        horizons: Sequence[int],
        *,
        scans: Sequence[KeptPairs] | None = None,
    ) -> tuple[list[FloatArray], BoolArray]:
        """Forecast over several horizons from the same scans.

        Parameters
        ----------
        panel, rows, fits, depth
            As for :meth:`forecast_block`.
        horizons : sequence of int
            Rows ahead; the parameter ``horizon`` is not asked.
        scans : sequence of KeptPairs, optional
            What :meth:`scans` returned for these ``fits`` (and perhaps others); by default they are
            made.

        Returns
        -------
        forecasts : list of (steps, assets)
            For each horizon what :meth:`forecast_block` returns for it, to the bit.
        failed : (steps, assets)
            As :meth:`forecast_block` returns it.
        """
        horizons = [check_integer("horizons", horizon, at_least=1) for horizon in horizons]
        rows, fits = np.asarray(rows, dtype=np.int64), np.asarray(fits, dtype=np.int64)
        shape = len(rows), len(panel.assets)
        forecasts = [np.full(shape, np.nan) for _ in horizons]
        failed = np.ones(shape, dtype=np.bool_)
        if len(rows) == 0:
            return forecasts, failed
        first = int(min(rows.min(), fits[fits >= 0].min(initial=rows.min())))
        logs = _KnownLogs(panel, self.field, first, int(rows.max()) + 1, depth)
        made = {kept.row: kept for kept in scans or ()}
        for fit in np.unique(fits[fits >= 0]):
            kept = made[fit] if fit in made else self._scan(panel, logs, int(fit))
            part = np.flatnonzero(fits == fit)
            failed[part] = kept.failed
            expected = kept.expected(logs.at(rows[part], kept.used), horizons)
            for forecast, values in zip(forecasts, expected, strict=True):
                forecast[np.ix_(part, kept.used)] = values
        return forecasts, failed

    def walk(
        self,
        panel: Panel,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        depth: int = DEPTH,
    ) -> pd.DataFrame:
        """Return the expected log returns at every row, scanning every ``scan_every`` rows.

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
            Times x assets; row t is known at t, and forecasts the ``horizon`` rows after it. What
            it says of a row does not depend on ``start`` and ``end``: the scans are those that an
            investor's walk over the panel makes.

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
        if first + 1 < self.min_rows:
            raise DataError(
                f"PairsSignal needs windows of at least {self.min_rows} rows to scan, got "
                f"{first + 1}; start later"
            )
        rows = np.arange(first, last, dtype=np.int64)
        fits = refit_rows(panel, rows, self.scan_every, self.min_rows)
        forecasts, _ = self.forecast_block(panel, rows, fits, depth)
        return pd.DataFrame(forecasts, index=panel.times[rows], columns=panel.assets)


class _KnownLogs:
    """Logs of the last known prices in a stretch of rows, from which windows are cut.

    Parameters
    ----------
    panel : Panel
        The market.
    field : str
        Prices.
    first, last : int
        Windows end at the rows ``first`` to ``last - 1``.
    depth : int
        Rows of a window.
    """

    def __init__(self, panel: Panel, field: str, first: int, last: int, depth: int) -> None:
        self.depth = depth
        self._low = max(0, first + 1 - depth)
        self._price = panel.array(field)[self._low : last]
        # a window of ``depth`` rows knows prices that are at most ``depth - 1`` rows old
        known = last_known(self._price, max_age=depth - 1)
        self._logs: FloatArray = np.log(known, out=known)

    def at(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """(rows, columns): as the windows that end at these rows know them."""
        found: FloatArray = self._logs[np.ix_(rows - self._low, columns)]
        return found

    def window(self, row: int, columns: IntArray) -> FloatArray:
        """(columns, times), C order: the window that ends at a row, which knows nothing before its
        first one.
        """
        low, high = max(0, row + 1 - self.depth) - self._low, row + 1 - self._low
        levels = np.empty((len(columns), high - low))
        np.take(self._logs[low:high].T, columns, axis=0, out=levels, mode="clip")
        for place in np.flatnonzero(np.isnan(self._price[low, columns])):
            quoted = ~np.isnan(self._price[low:high, columns[place]])
            levels[place, : int(quoted.argmax()) if quoted.any() else len(quoted)] = np.nan
        return levels
