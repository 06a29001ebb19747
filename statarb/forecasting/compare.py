"""Comparison of forecasters: block-bootstrap intervals and the Diebold-Mariano test."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from statarb._core.checks import check_integer, check_number
from statarb._core.numeric import varies
from statarb._core.tables import Table, as_numbers
from statarb._core.time import usual_step
from statarb._core.typing import FloatArray, IntArray
from statarb.errors import DataError, ParameterError
from statarb.forecasting.scores import (
    ForecastScore,
    Period,
    dispersion,
    forecast_score,
    known_mean,
    matched,
    read_prices,
    span_of,
)

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

    Parameters
    ----------
    difference : float
        Mean loss of the first forecast less that of the second; negative where the first is better.
    statistic : float
        Difference over its standard error, with the small-sample correction.
    p_value : float
        Two-sided, from Student's t with n - 1 degrees of freedom. NaN where the differences of the
        losses do not vary.
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
    r"""Test whether two forecasts have the same expected loss.

    Parameters
    ----------
    first, second : (steps,)
        Loss of each forecast at each step, in order of time; steps with a NaN on either side are
        left out.
    horizon : int
        Steps ahead h that were forecast.
    lags : int, optional
        Autocovariances of the loss differences that enter the standard error, with Bartlett's
        weights; by default the h - 1 unweighted ones of the original test, which for one step
        ahead is none.

    Returns
    -------
    DieboldMariano

    Raises
    ------
    DataError
        Losses of different lengths, or fewer than three (or h + 1) to compare.
    ParameterError
        ``lags`` of as many steps as there are losses, or more.

    Notes
    -----
    F. X. Diebold, R. S. Mariano (1995), Journal of Business & Economic Statistics 13, 253-263;
    small-sample correction and Student's t: D. Harvey, S. Leybourne, P. Newbold (1997),
    International Journal of Forecasting 13, 281-291, equations 8 and 9:

    .. math::

        \sqrt{\frac{n + 1 - 2h + h (h - 1) / n}{n}} \;
        \frac{\bar d}{\sqrt{\hat\omega^2 / n}}

    with the mean of the n differences of losses and their long-run variance. Where the unweighted
    estimate of that variance is not positive, Bartlett's weights are used (W. K. Newey, K. D. West
    1987, Econometrica 55, 703-708).

    Examples
    --------
    >>> import numpy as np
    >>> diebold_mariano(np.array([1.0, 2.0, 1.0, 2.0]), np.array([2.0, 2.0, 2.0, 3.0])).statistic
    -3.0
    """
    horizon = check_integer("horizon", horizon, at_least=1)
    first, second = as_numbers("first", first), as_numbers("second", second)
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
    if not varies(difference, scale=max(np.nanmax(np.abs(first)), np.nanmax(np.abs(second)))):
        return DieboldMariano(mean, float("nan"), float("nan"), count)
    variance = _long_run_variance(difference, most, bartlett=lags is not None)
    if variance <= 0.0:
        variance = _long_run_variance(difference, most, bartlett=True)
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = float(mean / np.sqrt(variance / count) * np.sqrt(max(correction, 0.0)))
    return DieboldMariano(
        mean, statistic, float(2.0 * stats.t.sf(abs(statistic), count - 1)), count
    )


def _long_run_variance(values: FloatArray, lags: int, *, bartlett: bool) -> float:
    """Long-run variance from ``lags`` autocovariances, weighted by Bartlett or not at all."""
    if bartlett:
        from arch.covariance.kernel import Bartlett

        return float(np.squeeze(Bartlett(values, bandwidth=lags, force_int=True).cov.long_run))
    from statsmodels.tsa.stattools import acovf

    covariances = acovf(values, nlag=lags, fft=False)
    return float(covariances[0] + 2.0 * covariances[1:].sum())


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
        By time, in order; NaN where no asset is scored.

    Raises
    ------
    DataError
        Tables without times, or with a time twice.
    ParameterError
        An asset of ``forecast`` that ``actual`` does not have.
    """
    truth, guess = matched(read_prices("actual", actual), read_prices("forecast", forecast))
    error = 100.0 * np.abs(truth.values - guess) / truth.values
    return truth.frame(error).mean(axis=1)


def block_draws(count: int, draws: int, *, block: int = 1, seed: int = 0) -> IntArray:
    """Positions of a circular block bootstrap of ``count`` periods, (draws, count).

    Parameters
    ----------
    count : int
        Periods.
    draws : int
        Resamples.
    block : int
        Neighbouring periods that are drawn together; blocks continue from the end to the start
        (circular). At most half of the periods, so that there is something to resample.
    seed : int
        Of the draws.

    Returns
    -------
    (draws, count) int64

    Raises
    ------
    ParameterError
        A block longer than half of the periods, or a number out of range.

    Notes
    -----
    D. N. Politis, J. P. Romano (1992), in Exploring the Limits of Bootstrap, 263-270; drawn by
    ``arch.bootstrap.CircularBlockBootstrap``.
    """
    from arch.bootstrap import CircularBlockBootstrap

    count = check_integer("count", count, at_least=1)
    draws = check_integer("draws", draws, at_least=1)
    block = check_integer("block", block, at_least=1)
    if block > max(1, count // 2):
        raise ParameterError(
            f"block must be at most {max(1, count // 2)}, half of the {count} periods, got "
            f"{block}: longer blocks leave nothing to resample"
        )
    source = CircularBlockBootstrap(
        block, np.arange(count), seed=np.random.default_rng(check_integer("seed", seed, at_least=0))
    )
    return np.array([data[0] for data, _ in source.bootstrap(draws)], dtype=np.int64)


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
        Of the same assets and periods, with the same weights.
    draws, block, seed
        As for :func:`block_draws`.
    level : float
        Probability that the interval covers the difference.

    Returns
    -------
    difference, low, high : float
        Z of ``score`` less Z of ``best``, and percentiles of the same over resampled periods. Whole
        periods are drawn, all assets at once, so that what moves all assets in a period stays
        together. The bounds are NaN where fewer than two periods are scored.

    Raises
    ------
    DataError
        Scores of other assets or periods.
    ParameterError
        Scores with other weights; a ``block`` longer than half of the periods.
    """
    level = check_number("level", level, above=0.0, below=1.0)
    count = score.mape.shape[1]
    if best.mape.shape != score.mape.shape:
        raise DataError(
            f"scores of the same assets and periods are needed, got {score.mape.shape} and "
            f"{best.mape.shape}"
        )
    if score.weights != best.weights:
        raise ParameterError(
            f"score and best must have the same weights, got {score.weights} and {best.weights}"
        )
    if count < 2:
        return score.Z - best.Z, float("nan"), float("nan")
    drawn = []
    for places in block_draws(
        count, check_integer("draws", draws, at_least=1), block=block, seed=seed
    ):
        drawn.append(_resampled(score, places) - _resampled(best, places))
    tail = 100.0 * (1.0 - level) / 2.0
    known = np.array(drawn)[np.isfinite(drawn)]
    if len(known) == 0:
        return score.Z - best.Z, float("nan"), float("nan")
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return score.Z - best.Z, float(low), float(high)


def _resampled(score: ForecastScore, places: IntArray) -> float:
    """Z of the periods drawn, with the score's own weights; NaN where nothing of them is scored."""
    error = score.mape.to_numpy()[:, places]
    direction = score.directional_symmetry.to_numpy()[:, places]
    m, d, r = (known_mean(part) for part in (error, direction, dispersion(error)))
    weighted = (w * part for w, part in zip(score.weights, (d, m, r, score.U), strict=True) if w)
    return float(sum(weighted))


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
        One row per forecaster, best Z first (D - M - U where a single period leaves no R, and so no
        Z): ``model, Z, M, D, R, U``; ``behind_best, behind_low, behind_high`` (difference in Z from
        the best, with its 95 % interval); ``dm_difference, dm_statistic, dm_p_value`` (mean
        absolute percentage error against the benchmark; Bartlett standard error over a day's steps,
        since losses cluster; NaN where fewer than three steps are scored).

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
    truth = read_prices("actual", actual)
    day = max(int(np.timedelta64(1, "D") // usual_step(np.asarray(truth.stamps))), 1)
    scored = _within(truth, periods)
    reference = losses_of(scored, forecasts[benchmark]).to_numpy()
    table = []
    for name in order:
        score = scores[name]
        behind = score_interval(score, scores[order[0]], draws=draws, block=block, seed=seed)
        losses = losses_of(scored, forecasts[name]).to_numpy()
        common = int(np.isfinite(losses - reference).sum())
        test = DieboldMariano(float("nan"), float("nan"), float("nan"), common)
        if common >= 3:
            test = diebold_mariano(losses, reference, lags=min(day - 1, common // 4))
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


def _within(actual: Table, periods: Sequence[Period]) -> pd.DataFrame:
    """Rows of the periods alone; a period given by its start is a day."""
    stamps = np.asarray(actual.stamps)
    kept = np.zeros(len(stamps), dtype=np.bool_)
    for period in periods:
        low, high = span_of(period, stamps, "1D")
        kept[low:high] = True
    return actual.frame().loc[kept]
