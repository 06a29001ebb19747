"""Whether one forecaster is better than another: block-bootstrap intervals and the Diebold-Mariano
test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import FloatArray, IntArray
from statarb.errors import DataError, ParameterError
from statarb.forecasting.scores import ForecastScore, Period, dispersion, forecast_score

__all__ = [
    "DieboldMariano",
    "block_draws",
    "compare_forecasts",
    "diebold_mariano",
    "losses_of",
    "score_interval",
]


@dataclasses.dataclass(frozen=True)
class DieboldMariano:
    """Result of a Diebold-Mariano test.

    Attributes
    ----------
    difference : float
        Mean loss of the first forecast less that of the second; negative where the first is better.
    statistic : float
        Difference over its standard error, with the small-sample correction.
    p_value : float
        Two-sided, from Student's t with n - 1 degrees of freedom. NaN where the losses never
        differ.
    count : int
        Number of losses compared, n.
    """

    difference: float
    statistic: float
    p_value: float
    count: int


def diebold_mariano(
    first: FloatArray, second: FloatArray, *, horizon: int = 1, lags: int | None = None
) -> DieboldMariano:
    """Test whether two forecasts have the same expected loss.

    Parameters
    ----------
    first, second : (steps,)
        Loss of each forecast at each step, in order of time; steps with a NaN on either side are
        left out.
    horizon : int
        Steps ahead h that were forecast.
    lags : int, optional
        Autocovariances of the loss differences that the standard error takes in, weighted by
        Bartlett; by default the h - 1 unweighted ones of the original test, which for one step
        ahead is none.

    Raises
    ------
    DataError
        Losses of different lengths, or fewer than three to compare.

    Notes
    -----
    F. X. Diebold, R. S. Mariano (1995), Journal of Business & Economic Statistics 13, 253-263;
    small-sample correction
    sqrt((n + 1 - 2h + h (h - 1) / n) / n) and Student's t: D. Harvey, S. Leybourne, P. Newbold
    (1997), International Journal
    of Forecasting 13, 281-291, equations 8 and 9. Where the unweighted estimate of the variance is
    not positive, Bartlett's
    weights are used (W. K. Newey, K. D. West 1987, Econometrica 55, 703-708).

    Examples
    --------
    >>> import numpy as np
    >>> diebold_mariano(np.array([1.0, 2.0, 1.0, 2.0]), np.array([2.0, 2.0, 2.0, 3.0])).statistic
    -3.0
    """
    horizon = check_integer("horizon", horizon, at_least=1)
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise DataError(
            f"first and second must be losses of the same steps, got shapes {first.shape} and "
            f"{second.shape}"
        )
    difference = first - second
    difference = difference[~np.isnan(difference)]
    count = len(difference)
    if count < max(3, horizon + 1):
        raise DataError(
            f"a Diebold-Mariano test needs at least {max(3, horizon + 1)} common losses, got "
            f"{count}"
        )
    mean = float(difference.mean())
    most = (
        horizon - 1 if lags is None else check_integer("lags", lags, at_least=0, at_most=count - 1)
    )
    variance = _long_run_variance(difference - mean, most, bartlett=lags is not None)
    if variance <= 0.0:
        variance = _long_run_variance(difference - mean, most, bartlett=True)
    if variance <= 0.0:
        return DieboldMariano(mean, float("nan"), float("nan"), count)
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = float(mean / np.sqrt(variance / count) * np.sqrt(max(correction, 0.0)))
    return DieboldMariano(
        mean, statistic, float(2.0 * stats.t.sf(abs(statistic), count - 1)), count
    )


def _long_run_variance(centred: FloatArray, lags: int, *, bartlett: bool) -> float:
    total = float(centred @ centred)
    for lag in range(1, lags + 1):
        weight = 1.0 - lag / (lags + 1.0) if bartlett else 1.0
        total += 2.0 * weight * float(centred[lag:] @ centred[:-lag])
    return total / len(centred)


def losses_of(actual: pd.DataFrame, forecast: pd.DataFrame) -> pd.Series:
    """Mean absolute percentage error over assets at every step of ``actual``, matched by time and
    asset.

    Parameters
    ----------
    actual, forecast : DataFrame
        Prices, time x asset.

    Returns
    -------
    Series
        NaN where no asset is scored.
    """
    truth = actual[forecast.columns]
    error = 100.0 * (truth - forecast.reindex(truth.index)).abs() / truth
    return error.mean(axis=1)


def block_draws(count: int, draws: int, *, block: int = 1, seed: int = 0) -> IntArray:
    """Positions of a moving-block bootstrap of ``count`` periods, (draws, count).

    Parameters
    ----------
    count : int
        Periods.
    draws : int
        Resamples.
    block : int
        Neighbouring periods that are drawn together; blocks run over the end to the start
        (circular).
    seed : int
        Of the draws.

    Notes
    -----
    Circular block bootstrap: D. N. Politis, J. P. Romano (1992), in Exploring the Limits of
    Bootstrap, 263-270.
    """
    block = check_integer("block", block, at_least=1)
    starts = np.random.default_rng(seed).integers(0, count, (draws, -(-count // block)))
    positions = (starts[:, :, None] + np.arange(block)) % count
    return np.asarray(positions.reshape(draws, -1)[:, :count], dtype=np.int64)


def score_interval(
    score: ForecastScore,
    best: ForecastScore,
    *,
    draws: int = 2000,
    block: int = 1,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Difference in Z between two forecasters over the same periods, and its bootstrap interval
    over periods.

    Parameters
    ----------
    score, best : ForecastScore
        Of the same assets and periods.
    draws, block, seed
        As for :func:`block_draws`.
    level : float
        Probability that the interval covers the difference.

    Returns
    -------
    difference, low, high : float
        Z of ``score`` less Z of ``best``, and percentiles of the same over resampled periods. Whole
        periods are drawn, all assets at once, so that what moves all assets in a period stays
        together. NaN where fewer than two periods are scored.
    """
    level = check_number("level", level, above=0.0, below=1.0)
    count = score.mape.shape[1]
    if best.mape.shape != score.mape.shape:
        raise DataError(
            f"scores of the same assets and periods are needed, got {score.mape.shape} and "
            f"{best.mape.shape}"
        )
    if count < 2:
        return score.Z - best.Z, float("nan"), float("nan")
    drawn = []
    for places in block_draws(
        count, check_integer("draws", draws, at_least=1), block=block, seed=seed
    ):
        drawn.append(_resampled(score, places) - _resampled(best, places))
    tail = 100.0 * (1.0 - level) / 2.0
    low, high = np.nanpercentile(drawn, [tail, 100.0 - tail])
    return score.Z - best.Z, float(low), float(high)


def _resampled(score: ForecastScore, places: IntArray) -> float:
    error = score.mape.to_numpy()[:, places]
    spread = dispersion(error)
    direction = score.directional_symmetry.to_numpy()[:, places]
    return float(np.nanmean(direction) - np.nanmean(error) - np.nanmean(spread) - score.U)


def compare_forecasts(
    actual: pd.DataFrame,
    forecasts: Mapping[str, pd.DataFrame],
    periods: Sequence[Period],
    seconds: Mapping[str, float],
    *,
    benchmark: str = "last_value",
    draws: int = 2000,
    block: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank forecasters: scores, intervals of the distance from the best, and a test against a
    benchmark.

    Parameters
    ----------
    actual : DataFrame
        Quoted prices, time x asset.
    forecasts : mapping of str to DataFrame
        Price forecasts by name.
    periods : sequence of time or (time, time)
        Test periods, as for :func:`~statarb.forecasting.forecast_score`.
    seconds : mapping of str to float
        Time that one step of all assets takes.
    benchmark : str
        Name of the forecast that the Diebold-Mariano test compares with.
    draws, block, seed
        Bootstrap over periods: resamples, neighbouring periods drawn together, seed.

    Returns
    -------
    DataFrame
        A row a forecaster, best Z first (D - M - U where a single period leaves no R, and so no Z):
        ``model, Z, M, D, R, U``, ``behind_best, behind_low, behind_high`` (difference in Z from the
        best, with its 95 % interval), ``dm_difference, dm_statistic, dm_p_value`` (mean absolute
        percentage error against the benchmark; Bartlett standard error over a day's steps, since
        losses cluster).

    Raises
    ------
    ParameterError
        ``benchmark`` is not among the forecasts.
    """
    if benchmark not in forecasts:
        raise ParameterError(
            f"benchmark must be one of {', '.join(map(repr, forecasts))}, got {benchmark!r}"
        )
    scores = {
        name: forecast_score(actual, one, periods, seconds[name]) for name, one in forecasts.items()
    }
    order = sorted(scores, key=lambda name: (-_rank_by(scores[name]), name))
    scored = _within(actual, periods)
    reference = losses_of(scored, forecasts[benchmark]).to_numpy()
    table = []
    for name in order:
        score = scores[name]
        behind = score_interval(score, scores[order[0]], draws=draws, block=block, seed=seed)
        losses = losses_of(scored, forecasts[name]).to_numpy()
        test = diebold_mariano(losses, reference, lags=min(287, max(len(losses) // 4, 0)))
        table.append(
            {
                "model": name,
                **{key: getattr(score, key) for key in ("Z", "M", "D", "R", "U")},
                **dict(zip(("behind_best", "behind_low", "behind_high"), behind, strict=True)),
                "dm_difference": test.difference,
                "dm_statistic": test.statistic,
                "dm_p_value": test.p_value,
            }
        )
    return pd.DataFrame(table)


def _rank_by(score: ForecastScore) -> float:
    """Return Z; without its R where there is none."""
    value = score.Z if np.isfinite(score.Z) else score.D - score.M - score.U
    return value if np.isfinite(value) else -np.inf


def _within(actual: pd.DataFrame, periods: Sequence[Period]) -> pd.DataFrame:
    """Rows of the periods alone; a period given by its start is a day."""
    kept = np.zeros(len(actual), dtype=np.bool_)
    for period in periods:
        first, last = (
            period
            if isinstance(period, tuple)
            else (period, pd.Timestamp(period) + pd.Timedelta("1D"))
        )
        inside = (actual.index >= pd.Timestamp(first)) & (
            (actual.index <= pd.Timestamp(last))
            if isinstance(period, tuple)
            else (actual.index < pd.Timestamp(last))
        )
        kept |= np.asarray(inside)
    return actual.loc[kept]
