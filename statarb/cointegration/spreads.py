"""Spreads: a combination of log prices, its deviation, and the expected return of each leg."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import FLOOR, varies
from statarb._core.typing import FloatArray
from statarb.cointegration.hedge import HEDGE_METHODS, hedge_ratio
from statarb.cointegration.inputs import LogPrices, as_levels, as_series
from statarb.cointegration.kalman_hedge import kalman_hedge_ratio
from statarb.cointegration.ornstein_uhlenbeck import OrnsteinUhlenbeck, Thresholds, fit_ou
from statarb.cointegration.residual_tests import engle_granger
from statarb.errors import DataError, ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Spread", "hurst_exponent", "variance_ratio"]

HEDGES = (*HEDGE_METHODS, "kalman")


@dataclasses.dataclass(frozen=True, eq=False)
class Spread:
    """``weights . log prices - intercept``, and how each leg moves back after a deviation.

    Made by :meth:`fit`. What it says of rows after its sample uses nothing but the sample and those
    rows.

    Parameters
    ----------
    weights : Series
        By asset: 1 for y, minus the hedge ratio for each x.
    intercept : float
        Subtracted; the mean of the combination over the sample.
    process : OrnsteinUhlenbeck
        Fitted to the spread over the sample.
    adjustment : Series
        By asset: slope of the next log return on the spread's deviation from its mean. Their
        weighted sum is ``autoregression - 1``: together they say which leg does the reverting.
    hedge : str
        Method of the hedge ratio.
    """

    weights: pd.Series
    intercept: float
    process: OrnsteinUhlenbeck
    adjustment: pd.Series
    hedge: str

    @classmethod
    def fit(
        cls,
        log_prices: LogPrices,
        y: Hashable,
        x: Hashable | Sequence[Hashable],
        hedge: str | float | Sequence[float] = "ols",
    ) -> Spread:
        """Fit hedge ratio, process and adjustment to a sample.

        Parameters
        ----------
        log_prices : DataFrame, array or Panel
            Logs of prices, times x assets. Rows in which a leg is missing are left out.
        y : label
            Asset held.
        x : label or list of labels
            Asset or assets that hedge it.
        hedge : {"ols", "tls", "johansen", "minimum_half_life", "kalman"} or numbers
            Method (``"kalman"``: the filter's last slopes), or the hedge ratios themselves.

        Returns
        -------
        Spread

        Raises
        ------
        DataError
            Too few rows, a constant leg, collinear legs, a spread that does not move but for
            rounding, infinite values, duplicated labels or times.
        ParameterError
            An asset that is not there, a leg named twice, another method.

        Warns
        -----
        UserWarning
            Levels that look like prices: above 50, and never negative.
        """
        levels, assets, index = as_levels(log_prices)
        others = [x] if isinstance(x, (str, tuple)) or not isinstance(x, Sequence) else list(x)
        legs = pd.Index([y, *others])
        if not legs.is_unique:
            raise ParameterError(f"a spread's legs must be different assets, got {list(legs)}")
        place = assets.get_indexer(legs)
        if (place < 0).any():
            raise ParameterError(f"log_prices has no asset {legs[int(np.argmax(place < 0))]!r}")
        frame = pd.DataFrame(levels[place].T, index=index, columns=legs).dropna()
        slopes, method = _slopes(frame, hedge)
        weights = pd.Series(np.concatenate([[1.0], -slopes]), index=legs)
        combined = frame.to_numpy() @ weights.to_numpy()
        if len(combined) == 0:
            raise DataError(f"no row has all of {list(legs)}")
        if not varies(combined, scale=np.abs(frame.to_numpy() * weights.to_numpy()).max()):
            raise DataError(
                f"the spread of {y!r} with the hedge ratios {slopes.tolist()} on {others} does not "
                "move but for rounding: the legs are one price; there is no process to fit"
            )
        intercept = float(combined.mean())
        process = fit_ou(combined - intercept)
        before = combined[:-1] - combined[:-1].mean()
        returns = np.diff(frame.to_numpy(), axis=0)
        adjustment = pd.Series(before @ returns / (before @ before), index=legs)
        return cls(weights, intercept, process, adjustment, method)

    @property
    def half_life(self) -> float:
        """Steps until half of a deviation is expected to be gone."""
        return self.process.half_life

    @property
    def hedge_ratio(self) -> pd.Series:
        """By asset of x: log units to sell against one of y."""
        return -self.weights.iloc[1:]

    def value(self, log_prices: LogPrices) -> pd.Series:
        """Return the spread at each row.

        Parameters
        ----------
        log_prices : DataFrame, array or Panel
            Rows to judge, in any order of columns.

        Returns
        -------
        Series
            In order of time; NaN where a leg is missing.

        Raises
        ------
        ParameterError
            A leg that is not there.
        DataError
            Infinite values, duplicated labels or times.
        """
        legs = self._legs(log_prices)
        total = np.zeros(len(legs))
        for asset, weight in self.weights.items():
            total += weight * legs[asset].to_numpy()
        return pd.Series(total - self.intercept, index=legs.index)

    def _legs(self, log_prices: LogPrices) -> pd.DataFrame:
        """Log prices of the legs, times x legs."""
        levels, assets, index = as_levels(log_prices)
        place = assets.get_indexer(self.weights.index)
        if (place < 0).any():
            raise ParameterError(
                f"log_prices has no asset {self.weights.index[int(np.argmax(place < 0))]!r}"
            )
        return pd.DataFrame(levels[place].T, index=index, columns=self.weights.index)

    def zscore(self, log_prices: LogPrices, window: int | None = None) -> pd.Series:
        """Deviation from the mean in standard deviations; row t is known at t.

        Parameters
        ----------
        log_prices : DataFrame, array or Panel
            Rows to judge.
        window : int, optional
            Mean and standard deviation of the last ``window`` complete rows; by default those of
            the fitted process in the long run.

        Returns
        -------
        Series
            NaN where a leg is missing, in the first ``window - 1`` complete rows, and where the
            spread has not moved within the window.

        Raises
        ------
        ParameterError
            A leg that is not there, a window below 2.
        DataError
            Infinite values, duplicated labels or times.
        """
        values = self.value(log_prices)
        if window is None:
            return (values - self.process.mean) / self.process.stationary_sd
        complete = values.dropna()
        recent = complete.rolling(check_integer("window", window, at_least=2))
        mean, sd = recent.mean(), recent.std()
        rounding = FLOOR * (self._legs(log_prices) * self.weights).abs().sum(axis=1)
        moves = sd > rounding.reindex(complete.index)
        return ((complete - mean) / sd.where(moves)).reindex(values.index)

    def expected_return(self, log_prices: LogPrices, steps: int = 1) -> pd.DataFrame:
        r"""Expected log return of each leg over the next ``steps``, from the spread's reversion
        alone; row t is known at t.

        A long-only investor takes the legs that are to rise.

        Parameters
        ----------
        log_prices : DataFrame, array or Panel
            Rows to judge.
        steps : int
            Horizon.

        Returns
        -------
        DataFrame
            Times x legs. All 0 where the process does not revert; NaN where a leg is missing.

        Notes
        -----
        With the deviation s, the error-correction model :math:`r_{i,t+1} = \alpha_i s_t +
        \varepsilon` with the adjustment :math:`\alpha_i` of leg i, and the autoregression b of the
        deviation, h steps are expected to bring

        .. math:: \alpha_i\, s\, (1 + b + \dots + b^{h-1}) .

        The weighted sum over the legs is the expected change of the spread.
        """
        steps = check_integer("steps", steps, at_least=1)
        deviation = self.value(log_prices) - self.process.mean
        b = self.process.autoregression
        total = (1.0 - b**steps) / (1.0 - b) if b < 1.0 else 0.0
        moves = np.outer(deviation.to_numpy() * total, self.adjustment.to_numpy())
        return pd.DataFrame(moves, index=deviation.index, columns=self.weights.index)

    def thresholds(self, fee: float) -> Thresholds:
        """Best entry and exit, watched once per step (:meth:`OrnsteinUhlenbeck.thresholds`).

        Parameters
        ----------
        fee : float
            Of every trade of a leg, as a share of its value.

        Returns
        -------
        Thresholds

        Raises
        ------
        ParameterError
            A fee of 0 or less, or a spread that does not revert.
        """
        fee = check_number("fee", fee, above=0.0)
        return self.process.thresholds(2.0 * fee * float(self.weights.abs().sum()))

    def stability(self, log_prices: LogPrices, parts: int = 4) -> pd.DataFrame:
        """Fit the relation again in each of ``parts`` neighbouring stretches: a relation that holds
        looks alike in all.

        Parameters
        ----------
        log_prices : DataFrame, array or Panel
            Rows to cut, at least 30 complete ones per stretch.
        parts : int
            Stretches.

        Returns
        -------
        DataFrame
            One row per stretch: ``start``, ``end``, ``observations``, ``hedge_ratio`` of the first
            x, ``half_life``, ``mean`` and ``sd`` of this spread's values there, and ``tau`` and
            ``pvalue`` of Engle and Granger's test (lags by AIC) in the stretch. NaN where the
            stretch does not allow a fit.

        Raises
        ------
        DataError
            Fewer rows, infinite values, duplicated labels or times.
        ParameterError
            A leg that is not there, fewer than 2 parts.
        """
        parts = check_integer("parts", parts, at_least=2)
        frame = self._legs(log_prices).dropna()
        if len(frame) < 30 * parts:
            raise DataError(
                f"{len(frame)} rows have all legs; {parts} stretches need at least {30 * parts}"
            )
        rows = []
        method = self.hedge if self.hedge in HEDGES else "ols"
        y, x = self.weights.index[0], list(self.weights.index[1:])
        for positions in np.array_split(np.arange(len(frame)), parts):
            part = frame.iloc[positions]
            values = self.value(part)
            row: dict[str, Any] = {
                "start": part.index[0],
                "end": part.index[-1],
                "observations": len(part),
                "hedge_ratio": np.nan,
                "half_life": np.nan,
                "mean": values.mean(),
                "sd": values.std(),
                "tau": np.nan,
                "pvalue": np.nan,
            }
            if varies(part.to_numpy()).all():
                again = Spread.fit(part, y, x, method)
                row["hedge_ratio"], row["half_life"] = again.hedge_ratio.iloc[0], again.half_life
                test = engle_granger(part[y], part[x], max_lags=min(12, len(part) // 2 - 2))
                row["tau"], row["pvalue"] = test.statistic, test.pvalue
            rows.append(row)
        return pd.DataFrame(rows)

    def plot(self, log_prices: LogPrices, *, sds: float = 2.0, ax: Axes | None = None) -> Axes:
        """Draw the spread with its mean and a band around it.

        Parameters
        ----------
        log_prices : DataFrame, array or Panel
            Rows to draw.
        sds : float
            Half the width of the band, in standard deviations of the process in the long run; no
            band where it does not revert.
        ax : matplotlib Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ParameterError
            A leg that is not there, ``sds`` of 0 or less.
        """
        import matplotlib.pyplot as plt  # slow to import

        sds = check_number("sds", sds, above=0.0)
        values = self.value(log_prices)
        if ax is None:
            ax = plt.figure(figsize=(8.0, 3.0), layout="constrained").add_subplot()
        mean, band = self.process.mean, sds * self.process.stationary_sd
        ax.plot(values.index.to_numpy(), values.to_numpy(), lw=1.0)
        ax.axhline(mean, color="0.4", lw=0.8)
        if self.process.reverts:
            for edge in (mean - band, mean + band):
                ax.axhline(edge, color="0.4", lw=0.8, ls="--")
        first, *others = (
            f"{weight:+.3g} log {asset}".replace("+1 log", "log")
            for asset, weight in self.weights.items()
        )
        ax.set_title(" ".join([first, *others]), loc="left", fontsize="medium")
        ax.set_ylabel("spread (log units)")
        return ax


def _slopes(frame: pd.DataFrame, hedge: Any) -> tuple[FloatArray, str]:
    """Hedge ratios of a complete sample, and the name of the method."""
    explained, explaining = frame.iloc[:, 0], frame.iloc[:, 1:]
    if isinstance(hedge, str):
        check_choice("hedge", hedge, HEDGES)
        if hedge == "kalman":
            return kalman_hedge_ratio(explained, explaining).states.iloc[-1, :-1].to_numpy(
                dtype=np.float64
            ), hedge
        return hedge_ratio(explained, explaining, hedge).slopes.to_numpy(dtype=np.float64), hedge  # type: ignore[arg-type]
    given = np.atleast_1d(np.asarray(hedge, dtype=np.float64))
    if given.shape != (explaining.shape[1],) or not np.isfinite(given).all():
        raise ParameterError(
            f"hedge must hold one finite number for each of {list(explaining.columns)}, got "
            f"{hedge!r}"
        )
    return given, "given"


def hurst_exponent(values: Any, max_lag: int | None = None) -> float:
    r"""Exponent with which the moves of a series grow in time: .5 for a random walk, less for a
    series that reverts.

    Parameters
    ----------
    values : Series or array
        Missing values are left out.
    max_lag : int, optional
        Largest k; by default an eighth of the sample. Distances are the powers of 2 up to it.

    Returns
    -------
    float

    Raises
    ------
    DataError
        Fewer than 32 values, or values that do not move but for rounding.
    ParameterError
        A largest lag below 2, or above half the sample.

    Notes
    -----
    Slope H of a line through the logs of

    .. math:: \sqrt{\langle (X_{t+k} - X_t)^2 \rangle} \propto k^H

    (generalised exponent of order 2; Di Matteo 2007, Quant. Finance 7, 21-36).
    """
    series = as_series("values", values).dropna().to_numpy()
    if len(series) < 32:
        raise DataError(f"a Hurst exponent needs at least 32 values, got {len(series)}")
    largest = (
        len(series) // 8
        if max_lag is None
        else check_integer("max_lag", max_lag, at_least=2, at_most=len(series) // 2)
    )
    if not varies(series):
        raise DataError("the values do not move; they have no Hurst exponent")
    lags = 2 ** np.arange(int(np.log2(largest)) + 1)
    moves = np.array([np.sqrt(np.mean((series[k:] - series[:-k]) ** 2)) for k in lags])
    if (moves <= FLOOR * np.abs(series).max()).any():
        raise DataError(
            f"the values repeat every {lags[int(np.argmin(moves))]} steps; they have no Hurst "
            "exponent"
        )
    return float(np.polyfit(np.log(lags), np.log(moves), 1)[0])


def variance_ratio(values: Any, lags: int = 12) -> tuple[float, float, float]:
    """Variance of changes over many steps, over as many times that of one step; arch behind.

    Parameters
    ----------
    values : Series or array
        Missing values are left out.
    lags : int
        Steps of the longer changes, at least 2.

    Returns
    -------
    ratio, statistic, pvalue : float
        1 for a random walk, less for a series that reverts; z-statistic robust to changing
        variance, two-sided p-value (Lo and MacKinlay 1988, Rev. Financ. Stud. 1, 41-66).

    Raises
    ------
    DataError
        Fewer than ``4 lags`` values, or values that do not move.
    """
    from arch.unitroot import VarianceRatio  # slow to import

    lags = check_integer("lags", lags, at_least=2)
    series = as_series("values", values).dropna().to_numpy()
    if len(series) < 4 * lags:
        raise DataError(
            f"a variance ratio over {lags} steps needs at least {4 * lags} values, got "
            f"{len(series)}"
        )
    if not varies(series):
        raise DataError("the values do not move; they have no variance ratio")
    result = VarianceRatio(series, lags=lags)
    return float(result.vr), float(result.stat), float(result.pvalue)
