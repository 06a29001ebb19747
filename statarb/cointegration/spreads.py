"""Spread: a combination of log prices, where it stands, and what its reversion is worth to each
leg.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.tsa.stattools import coint

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.cointegration.hedge import hedge_ratio, kalman_hedge_ratio
from statarb.cointegration.inputs import LogPrices, as_levels, as_series
from statarb.cointegration.ornstein_uhlenbeck import OrnsteinUhlenbeck, Thresholds, fit_ou
from statarb.errors import DataError, ParameterError

__all__ = ["Spread", "hurst_exponent", "variance_ratio"]

HEDGES = ("ols", "tls", "johansen", "minimum_half_life", "kalman")


@dataclasses.dataclass(frozen=True, eq=False)
class Spread:
    """``weights . log prices - intercept``, and how each leg moves when it is off.

    Made by :meth:`fit`. Everything that it says about rows after its sample uses nothing but the
    sample and those rows.

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

        Raises
        ------
        DataError
            Too few rows, a constant leg, collinear legs, a spread that does not move.
        ParameterError
            An asset that is not there, a leg named twice, another method.
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
        """Return the spread at each row; NaN where a leg is missing."""
        levels, assets, index = as_levels(log_prices)
        place = assets.get_indexer(self.weights.index)
        if (place < 0).any():
            raise ParameterError(
                f"log_prices has no asset {self.weights.index[int(np.argmax(place < 0))]!r}"
            )
        total = np.zeros(levels.shape[1])
        for position, weight in zip(place, self.weights, strict=True):
            total += weight * levels[position]
        return pd.Series(total - self.intercept, index=index)

    def zscore(self, log_prices: LogPrices, window: int | None = None) -> pd.Series:
        """Deviation from the mean in standard deviations; row t is known at t.

        Parameters
        ----------
        log_prices : DataFrame, array or Panel
            Rows to judge.
        window : int, optional
            Mean and standard deviation of the last ``window`` rows; by default those of the fitted
            process in the long run.
        """
        values = self.value(log_prices)
        if window is None:
            return (values - self.process.mean) / self.process.stationary_sd
        recent = values.rolling(check_integer("window", window, at_least=2))
        sd = recent.std()
        return (values - recent.mean()) / sd.where(sd > 0.0)

    def expected_return(self, log_prices: LogPrices, steps: int = 1) -> pd.DataFrame:
        """Expected log return of each leg over the next ``steps``, from the spread's reversion
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
        With the deviation s and the error-correction model ``return_i = adjustment_i s + noise``,
        the deviation decays by the
        factor b = autoregression a step, and leg i is expected to move by ``adjustment_i s (1 + b +
        ... + b^(steps-1))``. The
        weighted sum over the legs is the expected change of the spread.
        """
        steps = check_integer("steps", steps, at_least=1)
        deviation = self.value(log_prices) - self.process.mean
        b = self.process.autoregression
        total = (1.0 - b**steps) / (1.0 - b) if b < 1.0 else 0.0
        moves = np.outer(deviation.to_numpy() * total, self.adjustment.to_numpy())
        return pd.DataFrame(moves, index=deviation.index, columns=self.weights.index)

    def thresholds(self, fee: float) -> Thresholds:
        """Best entry and exit where every trade of a leg costs ``fee`` of its value
        (:meth:`OrnsteinUhlenbeck.thresholds`).
        """
        fee = check_number("fee", fee, above=0.0)
        return self.process.thresholds(2.0 * fee * float(self.weights.abs().sum()))

    def stability(self, log_prices: LogPrices, parts: int = 4) -> pd.DataFrame:
        """Fit the relation again in each of ``parts`` neighbouring stretches: a relation that holds
        looks alike in all.

        Returns
        -------
        DataFrame
            One row a stretch: ``start``, ``end``, ``observations``, ``hedge_ratio`` of the first x,
            ``half_life``, ``mean`` and ``sd`` of this spread's values there, and ``tau`` and
            ``pvalue`` of Engle and Granger's test (statsmodels, AIC) in the stretch. NaN where the
            stretch does not allow a fit.
        """
        parts = check_integer("parts", parts, at_least=2)
        levels, assets, index = as_levels(log_prices)
        frame = pd.DataFrame(
            levels[assets.get_indexer(self.weights.index)].T,
            index=index,
            columns=self.weights.index,
        ).dropna()
        if len(frame) < 30 * parts:
            raise DataError(
                f"{len(frame)} rows have all legs; {parts} stretches need at least {30 * parts}"
            )
        rows = []
        method = self.hedge if self.hedge in HEDGES else "ols"
        for positions in np.array_split(np.arange(len(frame)), parts):
            part = frame.iloc[positions]
            values = self.value(part)
            row: dict[str, Any] = {
                "start": part.index[0],
                "end": part.index[-1],
                "observations": len(part),
            }
            row |= {
                "hedge_ratio": np.nan,
                "half_life": np.nan,
                "mean": values.mean(),
                "sd": values.std(),
            }
            row |= {"tau": np.nan, "pvalue": np.nan}
            if np.all(np.ptp(part.to_numpy(), axis=0) > 0.0):
                again = Spread.fit(
                    part, self.weights.index[0], list(self.weights.index[1:]), method
                )
                row["hedge_ratio"], row["half_life"] = again.hedge_ratio.iloc[0], again.half_life
                lags = min(12, len(part) // 2 - 2)
                row["tau"], row["pvalue"], _ = coint(
                    part.iloc[:, 0], part.iloc[:, 1:], maxlag=lags, autolag="aic"
                )
            rows.append(row)
        return pd.DataFrame(rows)


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
    """Exponent H with which ``sd(X_{t+k} - X_t)`` grows in k: .5 for a random walk, less for a
    series that reverts.

    Parameters
    ----------
    values : Series or array
        Missing values are left out.
    max_lag : int, optional
        Largest k; by default an eighth of the sample. Distances are the powers of 2 up to it.

    Raises
    ------
    DataError
        Fewer than 32 values, or values that do not move.

    Notes
    -----
    Slope of a line through the logs (generalised exponent of order 2; Di Matteo 2007, Quant.
    Finance 7, 21-36).
    """
    series = as_series("values", values).dropna().to_numpy()
    if len(series) < 32:
        raise DataError(f"a Hurst exponent needs at least 32 values, got {len(series)}")
    largest = (
        len(series) // 8
        if max_lag is None
        else check_integer("max_lag", max_lag, at_least=2, at_most=len(series) // 2)
    )
    lags = 2 ** np.arange(int(np.log2(largest)) + 1)
    moves = np.array([np.sqrt(np.mean((series[k:] - series[:-k]) ** 2)) for k in lags])
    if (moves == 0.0).any():
        raise DataError("the values do not move; they have no Hurst exponent")
    return float(np.polyfit(np.log(lags), np.log(moves), 1)[0])


def variance_ratio(values: Any, lags: int = 12) -> tuple[float, float, float]:
    """Variance of ``lags``-step changes over ``lags`` times that of one step; arch behind.

    Parameters
    ----------
    values : Series or array
        Missing values are left out.
    lags : int
        At least 2.

    Returns
    -------
    ratio, statistic, pvalue
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
    if np.ptp(series) == 0.0:
        raise DataError("the values do not move; they have no variance ratio")
    result = VarianceRatio(series, lags=lags)
    return float(result.vr), float(result.stat), float(result.pvalue)
