"""Scores of price forecasts: MAPE, directional symmetry, and the summary Z of the competition."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.tables import Table, as_numbers, read_table, shown
from statarb._core.time import Stamps, as_stamp
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
    r"""Mean absolute percentage error of each asset.

    Parameters
    ----------
    actual, forecast : (steps, assets)
        Prices, in USD. A step with a NaN on either side is not scored.

    Returns
    -------
    (assets,)
        Percent; NaN where no step is scored.

    Raises
    ------
    DataError
        Shapes that differ, an actual price that is not positive, an infinite price: names the step
        and the column.

    Notes
    -----
    Over the n scored steps, with nothing added to the divisor (case statement, prediction scoring
    1):

    .. math:: \mathit{MAPE} = \frac{100}{n} \sum_t \frac{|y_t - f_t|}{y_t}

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
    r"""Share of steps whose forecast moves the way the price moves, in percent.

    Parameters
    ----------
    actual, forecast : (steps, assets)
        Prices, in USD. A step with a NaN on either side is not scored.

    Returns
    -------
    (assets,)
        Percent of pairs of neighbouring scored steps; NaN where fewer than two steps are scored.

    Raises
    ------
    DataError
        As for :func:`mape`.

    Notes
    -----
    .. math::

        \mathit{DS} = \frac{100}{n - 1} \sum_t 1\{(y_t - y_{t-1}) (f_t - f_{t-1}) > 0\}

    An unchanged price counts as a miss: the competition's definition (case statement, prediction
    scoring 2). Signs are compared, not products, so that moves of 1e-200 are no miss by underflow.

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
    r"""Share of the time between two steps that the forecasts take, in percent.

    Parameters
    ----------
    seconds : mapping of asset to float, Series or float
        Seconds that one forecast of each asset takes, or the sum over all assets.
    budget : float
        Seconds between two steps.

    Returns
    -------
    float

    Raises
    ------
    ParameterError
        A negative time, or a budget that is not positive.

    Notes
    -----
    .. math:: U = \frac{100}{T_g} \sum_c T_c

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
    r"""Return Z, the weighted sum of D, M, R and U.

    Parameters
    ----------
    direction, error, spread, used : float
        D, M, R and U.
    weights : four floats
        Of D, M, R and U.

    Returns
    -------
    float

    Raises
    ------
    ParameterError
        Weights that are not four numbers.

    Notes
    -----
    With the default weights

    .. math:: Z = D - M - R - U
    """
    if len(weights) != 4:
        raise ParameterError(f"weights must be four numbers, for D, M, R and U, got {weights!r}")
    d, m, r, u = (check_number(f"weights[{place}]", weight) for place, weight in enumerate(weights))
    return d * direction + m * error + r * spread + u * used


@dataclasses.dataclass(frozen=True, eq=False)
class ForecastScore:
    """Scores of one forecaster over assets and test periods.

    Parameters
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

    Returns
    -------
    ForecastScore

    Raises
    ------
    DataError
        A period without a time of ``actual``; tables without times or with a time twice; prices
        that are not positive.
    ParameterError
        An asset that ``actual`` does not have; a period that ends before it starts; no period.
    """
    truth, guess = matched(read_prices("actual", actual), read_prices("forecast", forecast))
    if len(periods) == 0:
        raise ParameterError("periods must name at least one test period, got none")
    stamps = np.asarray(truth.stamps)
    shape = (len(truth.labels), len(periods))
    error, direction = (np.empty(shape) for _ in range(2))
    scored, missed = (np.empty(shape, dtype=np.int64) for _ in range(2))
    for number, period in enumerate(periods):
        low, high = span_of(period, stamps, length)
        if low >= high:
            raise DataError(
                f"periods[{number}] = {period!r} holds no time of actual ({_range(stamps)})"
            )
        y, f = truth.values[low:high], guess[low:high]
        error[:, number] = mape(y, f)
        direction[:, number] = directional_symmetry(y, f)
        known = ~np.isnan(y)
        scored[:, number] = (known & ~np.isnan(f)).sum(axis=0)
        missed[:, number] = (known & np.isnan(f)).sum(axis=0)
    spread = dispersion(error)
    m, d, r = (known_mean(part) for part in (error, direction, spread))
    u = utilisation(seconds, budget=budget)
    assets, numbers = truth.labels, pd.RangeIndex(1, len(periods) + 1, name="period")

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


def read_prices(name: str, table: object) -> Table:
    """Read a table of prices with times, in order of time.

    Parameters
    ----------
    name : str
        What messages call it.
    table : DataFrame
        Time x asset, of any library.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        No times, a time or a column twice, or something that is no number.
    """
    return read_table(name, table, times="required", infinite=True)


def matched(actual: Table, forecast: Table) -> tuple[Table, FloatArray]:
    """Return the actual prices of the assets that are forecast, and the forecasts for their times.

    Parameters
    ----------
    actual, forecast : Table
        Prices, time x asset.

    Returns
    -------
    actual : Table
        With the columns of ``forecast``.
    forecast : (rows, assets)
        NaN where there is none for a time.

    Raises
    ------
    ParameterError
        An asset of ``forecast`` that ``actual`` does not have.
    """
    place = actual.labels.get_indexer(forecast.labels)
    if (place < 0).any():
        raise ParameterError(
            f"asset {shown(forecast.labels[int(np.argmax(place < 0))])} of forecast is not a "
            "column of actual"
        )
    stamps, issued = np.asarray(actual.stamps), np.asarray(forecast.stamps)
    row = np.searchsorted(issued, stamps)
    inside = row < len(issued)
    inside[inside] = issued[row[inside]] == stamps[inside]
    guess = np.full((len(stamps), len(place)), np.nan)
    guess[inside] = forecast.values[row[inside]]
    chosen = np.ascontiguousarray(actual.values[:, place])
    return dataclasses.replace(actual, values=chosen, labels=forecast.labels), guess


def _scored(actual: FloatArray, forecast: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Check the two arrays, and return them with the mask of the steps that count."""
    actual, forecast = as_numbers("actual", actual), as_numbers("forecast", forecast)
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


def known_mean(values: FloatArray) -> float:
    """Mean of what is not NaN; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def span_of(period: Period, stamps: Stamps, length: str | pd.Timedelta) -> tuple[int, int]:
    """Return the rows [low, high) of a period.

    Parameters
    ----------
    period : time or (time, time)
        As for :func:`forecast_score`.
    stamps : (rows,) datetime64[us]
        Times in UTC, in order.
    length : str or Timedelta
        Length of a period given by its start.

    Returns
    -------
    low, high : int
    """
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


def _range(stamps: Stamps) -> str:
    return (
        f"{pd.Timestamp(stamps[0])} to {pd.Timestamp(stamps[-1])}"
        if len(stamps)
        else "which is empty"
    )
