"""Scores of price forecasts: MAPE, directional symmetry, and the summary Z of the competition."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.time import as_stamp, as_stamps
from statarb._core.typing import BoolArray, FloatArray, IntArray, TimeLike
from statarb.errors import DataError, ParameterError

__all__ = [
    "TIME_BUDGET",
    "ForecastScore",
    "directional_symmetry",
    "dispersion",
    "forecast_score",
    "mape",
    "summary_score",
    "utilisation",
]

TIME_BUDGET = 300.0
"""Seconds between two steps of the competition: T_g."""

WEIGHTS = (1.0, -1.0, -1.0, -1.0)
"""Weights of D, M, R and U in the competition's Z."""

Period = TimeLike | tuple[TimeLike, TimeLike]


def mape(actual: FloatArray, forecast: FloatArray) -> FloatArray:
    """Mean absolute percentage error of each asset.

    Parameters
    ----------
    actual, forecast : (steps, assets)
        Prices, in USD. A step with a NaN on either side is not scored.

    Returns
    -------
    (assets,)
        ``100 / n * sum |y_t - f_t| / y_t`` over the n scored steps; NaN where no step is scored.

    Raises
    ------
    DataError
        Shapes that differ, an actual price that is not positive, an infinite price: names the step
        and the column.

    Notes
    -----
    The competition's definition (case statement, prediction scoring 1), with nothing added to the
    divisor.

    Examples
    --------
    >>> import numpy as np
    >>> mape(np.array([[100.0], [200.0]]), np.array([[101.0], [196.0]]))
    array([1.5])
    """
    actual, forecast, scored = _scored(actual, forecast)
    error = np.zeros(actual.shape)
    np.divide(np.abs(actual - forecast), actual, out=error, where=scored)
    return _ratio(100.0 * error.sum(axis=0), scored.sum(axis=0))


def directional_symmetry(actual: FloatArray, forecast: FloatArray) -> FloatArray:
    """Share of steps whose forecast moves the way the price moves, in percent.

    Parameters
    ----------
    actual, forecast : (steps, assets)
        Prices, in USD. A step with a NaN on either side is not scored.

    Returns
    -------
    (assets,)
        ``100 / (n - 1) * #{(y_t - y_{t-1}) (f_t - f_{t-1}) > 0}`` over neighbouring scored steps;
        NaN where fewer than two steps are scored.

    Raises
    ------
    DataError
        As for :func:`mape`.

    Notes
    -----
    An unchanged price counts as a miss: the competition's definition (case statement, prediction
    scoring 2). Signs are
    compared, not products, so that moves of 1e-200 are no miss by underflow.

    Examples
    --------
    >>> import numpy as np
    >>> actual = np.array([[1.0], [2.0], [2.0], [1.0], [3.0]])
    >>> forecast = np.array([[1.0], [3.0], [4.0], [2.0], [1.0]])
    >>> directional_symmetry(actual, forecast)
    array([50.])
    """
    actual, forecast, scored = _scored(actual, forecast)
    count = scored.sum(axis=0)
    hits = np.zeros(actual.shape[1])
    for column in range(actual.shape[1]):
        keep = scored[:, column]
        moved = np.sign(np.diff(actual[keep, column])) * np.sign(np.diff(forecast[keep, column]))
        hits[column] = np.count_nonzero(moved > 0.0)
    return _ratio(100.0 * hits, np.maximum(count - 1, 0))


def dispersion(errors: FloatArray) -> FloatArray:
    """Spread of an asset's MAPE over test periods, relative to its mean: R of one asset.

    Parameters
    ----------
    errors : (assets, periods)
        MAPE of each asset in each period; NaN where a period was not scored.

    Returns
    -------
    (assets,)
        Standard deviation (ddof 1) over mean, over the scored periods. NaN where fewer than two
        periods are scored, 0 where every error is 0.

    Examples
    --------
    >>> import numpy as np
    >>> dispersion(np.array([[1.0, 3.0]])).round(6)
    array([0.707107])
    """
    errors = np.asarray(errors, dtype=np.float64)
    scored = ~np.isnan(errors)
    count = scored.sum(axis=1)
    mean = _ratio(np.where(scored, errors, 0.0).sum(axis=1), count)
    squares = np.where(scored, (errors - mean[:, None]) ** 2, 0.0).sum(axis=1)
    deviation = np.sqrt(_ratio(squares, np.maximum(count - 1, 0)))
    spread = np.full(len(errors), np.nan)
    np.divide(deviation, mean, out=spread, where=mean > 0.0)
    spread[(mean == 0.0) & (count > 1)] = 0.0
    return spread


def utilisation(
    seconds: Mapping[object, float] | pd.Series | float, *, budget: float = TIME_BUDGET
) -> float:
    """Share of the time between two steps that the forecasts take, in percent: ``U = 100 * sum_c
    T_c / T_g``.

    Parameters
    ----------
    seconds : mapping of asset to float, Series or float
        Seconds that one forecast of each asset takes, or the sum over all assets.
    budget : float
        Seconds between two steps.

    Examples
    --------
    >>> utilisation({1442: 1.5, 1443: 1.5})
    1.0
    """
    check_number("budget", budget, above=0.0)
    if isinstance(seconds, (pd.Series, Mapping)):
        total = 0.0
        for asset, spent in seconds.items():
            total += check_number(f"seconds[{asset!r}]", spent, at_least=0.0)
    else:
        total = check_number("seconds", seconds, at_least=0.0)
    return 100.0 * total / budget


def summary_score(
    direction: float,
    error: float,
    spread: float,
    used: float,
    *,
    weights: tuple[float, float, float, float] = WEIGHTS,
) -> float:
    """Return ``Z``, the weighted sum of D, M, R and U; with the default weights ``Z = D - M - R -
    U``.
    """
    if len(weights) != 4:
        raise ParameterError(f"weights must be four numbers, for D, M, R and U, got {weights!r}")
    d, m, r, u = (check_number(f"weights[{place}]", weight) for place, weight in enumerate(weights))
    return d * direction + m * error + r * spread + u * used


@dataclasses.dataclass(frozen=True, eq=False)
class ForecastScore:
    """Scores of one forecaster over assets and test periods.

    Attributes
    ----------
    mape, directional_symmetry : DataFrame
        Percent, asset x period (1, 2, ...); NaN where an asset was not scored in a period.
    scored : DataFrame
        Number of steps scored, asset x period.
    missed : DataFrame
        Number of steps with an actual price and no forecast, asset x period. They are left out of
        the scores.
    dispersion : Series
        R of each asset.
    Z, M, D, R, U : float
        The summary: means of the tables over all scored cells (M, D), of the assets' R, the
        utilisation, and their weighted sum. R, and with it Z, is NaN where no asset is scored in
        two periods.
    weights : four floats
        Weights of D, M, R and U in Z.
    """

    mape: pd.DataFrame
    directional_symmetry: pd.DataFrame
    scored: pd.DataFrame
    missed: pd.DataFrame
    dispersion: pd.Series
    Z: float
    M: float
    D: float
    R: float
    U: float
    weights: tuple[float, float, float, float] = WEIGHTS


def forecast_score(
    actual: pd.DataFrame,
    forecast: pd.DataFrame,
    periods: Sequence[Period],
    seconds: Mapping[object, float] | pd.Series | float,
    *,
    length: str | pd.Timedelta = "1D",
    budget: float = TIME_BUDGET,
    weights: tuple[float, float, float, float] = WEIGHTS,
) -> ForecastScore:
    """Score price forecasts over test periods: MAPE and DS by asset and period, and the summary Z,
    M, D, R, U.

    Parameters
    ----------
    actual : DataFrame
        Quoted prices, time x asset; NaN where there was no quote (which is then not scored).
    forecast : DataFrame
        Forecasts, time x asset, the row at t being the forecast *for* t. Its assets are those
        scored; matched to ``actual`` by time and asset, never by position. NaN, or a time it does
        not have, is no forecast.
    periods : sequence of time, or of (time, time)
        A time starts a period of ``length``; a pair is a period from the first to the last of the
        two, both included.
    seconds : mapping of asset to float, Series or float
        Seconds that one forecast of each asset takes, or the sum over assets.
    length : str or Timedelta
        Length of the periods given by their start: one day holds 288 steps of 5 minutes.
    budget : float
        Seconds between two steps, T_g.
    weights : four floats
        Weights of D, M, R and U in Z.

    Raises
    ------
    DataError
        A period without a time of ``actual``; index or prices unfit.
    ParameterError
        An asset that ``actual`` does not have; a period that ends before it starts; no period.
    """
    stamps = as_stamps("actual", actual.index)
    issued = as_stamps("forecast", forecast.index)
    for name, frame in (("actual", actual), ("forecast", forecast)):
        if not frame.columns.is_unique:
            raise DataError(
                f"{name} has the column {frame.columns[frame.columns.duplicated()].tolist()[0]!r} "
                "twice"
            )
    place = actual.columns.get_indexer(forecast.columns)
    if (place < 0).any():
        raise ParameterError(
            f"asset {forecast.columns.tolist()[int(np.argmax(place < 0))]!r} of forecast is not a "
            "column of actual"
        )
    if len(periods) == 0:
        raise ParameterError("periods must name at least one test period, got none")
    truth = actual.to_numpy(dtype=np.float64)
    guess = forecast.to_numpy(dtype=np.float64)
    row_of = np.searchsorted(issued, stamps)
    found = row_of < len(issued)
    found[found] = issued[row_of[found]] == stamps[found]

    error, direction = (np.empty((len(place), len(periods))) for _ in range(2))
    scored, missed = (np.empty((len(place), len(periods)), dtype=np.int64) for _ in range(2))
    for number, period in enumerate(periods):
        low, high = _span(period, stamps, length)
        if low >= high:
            raise DataError(
                f"periods[{number}] = {period!r} holds no time of actual ({_range(stamps)})"
            )
        y = truth[low:high, place]
        f = np.full(y.shape, np.nan)
        inside = found[low:high]
        f[inside] = guess[row_of[low:high][inside]]
        error[:, number] = mape(y, f)
        direction[:, number] = directional_symmetry(y, f)
        known = ~np.isnan(y)
        scored[:, number] = (known & ~np.isnan(f)).sum(axis=0)
        missed[:, number] = (known & np.isnan(f)).sum(axis=0)
    spread = dispersion(error)
    m, d, r = _mean(error), _mean(direction), _mean(spread)
    u = utilisation(seconds, budget=budget)
    assets, numbers = forecast.columns, pd.RangeIndex(1, len(periods) + 1, name="period")

    def table(values: FloatArray | IntArray) -> pd.DataFrame:
        return pd.DataFrame(values, index=assets, columns=numbers)

    return ForecastScore(
        mape=table(error),
        directional_symmetry=table(direction),
        scored=table(scored),
        missed=table(missed),
        dispersion=pd.Series(spread, index=assets),
        Z=summary_score(d, m, r, u, weights=weights),
        M=m,
        D=d,
        R=r,
        U=u,
        weights=weights,
    )


def _scored(actual: FloatArray, forecast: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Check the two arrays, and return them with the mask of the steps that count."""
    actual, forecast = np.asarray(actual, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    if actual.ndim != 2 or actual.shape != forecast.shape:
        raise DataError(
            f"actual and forecast must have the same shape (steps, assets), got {actual.shape} and "
            f"{forecast.shape}"
        )
    with np.errstate(invalid="ignore"):
        bad = (actual <= 0.0) | np.isinf(actual)
    if bad.any():
        step, column = np.argwhere(bad)[0]
        raise DataError(
            "actual must hold positive finite prices, or NaN where there is none, got "
            f"{actual[step, column]} "
            f"in step {step}, column {column}"
        )
    if np.isinf(forecast).any():
        step, column = np.argwhere(np.isinf(forecast))[0]
        raise DataError(
            "forecast must hold finite prices, or NaN where there is none, got "
            f"{forecast[step, column]} "
            f"in step {step}, column {column}"
        )
    return actual, forecast, ~np.isnan(actual) & ~np.isnan(forecast)


def _ratio(numerator: FloatArray, count: IntArray) -> FloatArray:
    """Divide; NaN where the count is 0."""
    ratio = np.full(len(numerator), np.nan)
    np.divide(numerator, count, out=ratio, where=count > 0)
    return ratio


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _span(period: Period, stamps: np.ndarray, length: str | pd.Timedelta) -> tuple[int, int]:
    """Return the rows [low, high) of a period."""
    if isinstance(period, tuple):
        first, last = as_stamp("periods", period[0]), as_stamp("periods", period[1])
        if first > last:
            raise ParameterError(f"a period must not end before it starts, got {period!r}")
        return int(np.searchsorted(stamps, first)), int(np.searchsorted(stamps, last, side="right"))
    first = as_stamp("periods", period)
    try:
        span = pd.Timedelta(length)
    except ValueError as error:
        raise ParameterError(f"length must be a time span such as '1D', got {length!r}") from error
    if not span > pd.Timedelta(0):
        raise ParameterError(f"length must be a positive time span such as '1D', got {length!r}")
    stop = first + np.timedelta64(int(span // pd.Timedelta(1, unit="us")), "us")
    return int(np.searchsorted(stamps, first)), int(np.searchsorted(stamps, stop))


def _range(stamps: np.ndarray) -> str:
    return (
        f"{pd.Timestamp(stamps[0])} to {pd.Timestamp(stamps[-1])}"
        if len(stamps)
        else "which is empty"
    )
