"""Performance of a value path: the generalised asymmetric return G, and the measures beside it."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_number
from statarb._core.typing import FloatArray
from statarb.errors import DataError

__all__ = [
    "ReturnKind",
    "Score",
    "downside_deviation",
    "generalised_asymmetric_return",
    "maximum_drawdown",
    "score_path",
    "step_returns",
]

ReturnKind = Literal["log", "simple", "cumulative"]
KINDS: tuple[ReturnKind, ...] = ("log", "simple", "cumulative")


def step_returns(value: pd.Series | FloatArray, returns: ReturnKind = "log") -> FloatArray:
    """Return the returns of a value path.

    Parameters
    ----------
    value : (steps,)
        Value of the portfolio, positive at the start, never negative.
    returns : {"log", "simple", "cumulative"}
        ``ln(V(t) / V(t-1))``, ``V(t) / V(t-1) - 1``, or ``V(t) / V(start) - 1``.

    Returns
    -------
    (steps - 1,)
        The return of each step after the first. A path that ends at 0 has a last log return of
        ``-inf`` (simple: -1), and returns of 0 after it.

    Raises
    ------
    DataError
        Fewer than two values, a value that is negative or no number, a start at 0.
    """
    check_choice("returns", returns, KINDS)
    path = np.asarray(value, dtype=np.float64)
    if path.ndim != 1 or len(path) < 2:
        raise DataError(f"value must be a path of at least two values, got the shape {path.shape}")
    wrong = ~((path >= 0.0) & np.isfinite(path))
    if wrong.any() or path[0] == 0.0:
        place = int(np.argmax(wrong)) if wrong.any() else 0
        raise DataError(
            f"value must be finite, never negative and positive at the start, got {path[place]} at "
            f"step {place}"
        )
    if returns == "cumulative":
        cumulative: FloatArray = path[1:] / path[0] - 1.0
        return cumulative
    ratio = np.ones(len(path) - 1)
    np.divide(path[1:], path[:-1], out=ratio, where=path[:-1] > 0.0)
    if returns == "simple":
        return ratio - 1.0
    with np.errstate(divide="ignore"):
        logarithm: FloatArray = np.log(ratio)
    return logarithm


def downside_deviation(
    returns: FloatArray,
    *,
    minimum_acceptable: float = 0.0,
    order: float = 2.0,
    root: float | None = None,
) -> float:
    """Return the root of the lower partial moment: ``mean(max(minimum_acceptable - r,
    0)^order)^(1/root)``.

    Parameters
    ----------
    returns : (steps,)
        Returns.
    minimum_acceptable : float
        Return below which a step counts as a loss.
    order : float
        Order of the moment; 2 gives the semi-deviation.
    root : float, optional
        Root that is taken; by default the order. 1 gives the moment itself.

    Notes
    -----
    The lower partial moments of Bawa (1975) and Fishburn (1977).

    Examples
    --------
    >>> import numpy as np
    >>> downside_deviation(np.array([0.1, -0.2, 0.0, -0.2]))
    0.14142135623730953
    """
    check_number("minimum_acceptable", minimum_acceptable)
    check_number("order", order, above=0.0)
    power = check_number("root", order if root is None else root, above=0.0)
    short = np.maximum(minimum_acceptable - np.asarray(returns, dtype=np.float64), 0.0)
    largest = float(short.max()) if short.size else 0.0
    if largest == 0.0 or math.isinf(largest):
        return largest
    # scaled, so that the powers of tiny or large returns neither vanish nor overflow
    moment = float(np.mean((short / largest) ** order))
    return float(moment ** (1.0 / power) * largest ** (order / power))


def generalised_asymmetric_return(
    value: pd.Series | FloatArray,
    *,
    returns: ReturnKind = "log",
    minimum_acceptable: float = 0.0,
    order: float = 2.0,
    root: float | None = None,
) -> float:
    """Return G, the total return over the downside of the path: the score by which the case ranks
    investors.

    ``G = Rp / nu``, with ``Rp = V(end) / V(start) - 1`` and ``nu = mean over t of max(m - r(t),
    0)^order`` to the power ``1 / root``: with the defaults the root of the second lower partial
    moment of the log returns at a minimum acceptable return ``m`` of 0.

    Parameters
    ----------
    value : (steps,)
        Value of the portfolio, in order of time.
    returns : {"log", "simple", "cumulative"}
        How r(t) is computed; see :func:`step_returns`.
    minimum_acceptable : float
        Return per step below which a step counts as a loss.
    order, root : float
        Order of the lower partial moment, and the root that is taken of it (by default the same).

    Returns
    -------
    float
        0 where total return and downside are both 0 (cash); plus or minus infinity where only the
        downside is 0.

    Raises
    ------
    DataError
        Fewer than two values, a value that is negative or no number, a start at 0.

    Examples
    --------
    >>> generalised_asymmetric_return([100.0, 100.0])
    0.0
    >>> round(generalised_asymmetric_return([100.0, 90.0, 108.0]), 6)
    1.073809
    """
    path = np.asarray(value, dtype=np.float64)
    downside = downside_deviation(
        step_returns(path, returns), minimum_acceptable=minimum_acceptable, order=order, root=root
    )
    return _over(float(path[-1] / path[0] - 1.0), downside)


def maximum_drawdown(value: pd.Series | FloatArray) -> float:
    """Return the largest fall from a peak, as a share of the peak: ``max over t of 1 - V(t) /
    max(V(s), s <= t)``.
    """
    path = np.asarray(value, dtype=np.float64)
    return float(np.max(1.0 - path / np.maximum.accumulate(path)))


@dataclasses.dataclass(frozen=True)
class Score:
    """Scores of one value path. All are per step (not annualised) unless ``annual_steps`` was
    given.

    Attributes
    ----------
    G : float
        Total return over downside; see :func:`generalised_asymmetric_return`.
    total_return : float
        ``V(end) / V(start) - 1``.
    downside : float
        The root of the lower partial moment that divides the total return.
    volatility : float
        Standard deviation of the simple step returns (ddof 1), times ``sqrt(annual_steps)``; NaN
        for a single step.
    sortino : float
        Mean simple step return over its semi-deviation at 0 (Sortino and Price 1994), times
        ``sqrt(annual_steps)``.
    calmar : float
        Total return (with ``annual_steps``: the compound return a year) over the maximum drawdown
        (Young 1991).
    maximum_drawdown : float
        Largest fall from a peak, as a share of the peak.
    turnover : float
        Sum over the steps of the value bought and sold over the portfolio's value: 2 means that it
        was sold and bought back once. NaN where the path alone is known, as for the two below.
    exposure : float
        Mean share of the value that was not cash, after trading.
    fees : float
        Sum of the fees, in USD.
    final_value : float
        Value at the end, in USD.
    steps : int
        Number of returns.
    """

    G: float
    total_return: float
    downside: float
    volatility: float
    sortino: float
    calmar: float
    maximum_drawdown: float
    turnover: float
    exposure: float
    fees: float
    final_value: float
    steps: int


def score_path(
    value: pd.Series | FloatArray,
    *,
    cash: pd.Series | FloatArray | None = None,
    fees: pd.Series | FloatArray | None = None,
    turnover: pd.Series | FloatArray | None = None,
    returns: ReturnKind = "log",
    minimum_acceptable: float = 0.0,
    order: float = 2.0,
    root: float | None = None,
    annual_steps: float | None = None,
) -> Score:
    """Score a value path.

    Parameters
    ----------
    value : (steps,)
        Value before trading, in USD.
    cash, fees, turnover : (steps,), optional
        Cash after trading, fees paid and value traded at each step, in USD; for exposure, fees and
        turnover.
    returns, minimum_acceptable, order, root
        As for :func:`generalised_asymmetric_return`.
    annual_steps : float, optional
        Steps a year (365 x 288 for 5-minute steps): volatility and Sortino ratio are multiplied by
        its root, and the Calmar ratio takes the compound return a year. By default nothing is
        annualised.

    Returns
    -------
    Score
    """
    path = np.asarray(value, dtype=np.float64)
    path_returns = step_returns(path, returns)
    simple = step_returns(path, "simple")
    scale = (
        1.0
        if annual_steps is None
        else math.sqrt(check_number("annual_steps", annual_steps, above=0.0))
    )
    total = float(path[-1] / path[0] - 1.0)
    downside = downside_deviation(
        path_returns, minimum_acceptable=minimum_acceptable, order=order, root=root
    )
    drawdown = maximum_drawdown(path)
    yearly = (
        total
        if annual_steps is None
        else float((1.0 + total) ** (annual_steps / len(simple)) - 1.0)
    )
    paid = None if fees is None else np.asarray(fees, dtype=np.float64)
    left = path if paid is None else path - paid
    return Score(
        G=_over(total, downside),
        total_return=total,
        downside=downside,
        volatility=float(simple.std(ddof=1)) * scale if len(simple) > 1 else math.nan,
        sortino=_over(float(simple.mean()), downside_deviation(simple)) * scale,
        calmar=_over(yearly, drawdown),
        maximum_drawdown=drawdown,
        turnover=math.nan
        if turnover is None
        else float(_share(np.asarray(turnover, dtype=np.float64), path).sum()),
        exposure=math.nan
        if cash is None
        else float((1.0 - _share(np.asarray(cash, dtype=np.float64), left)).mean()),
        fees=math.nan if paid is None else float(paid.sum()),
        final_value=float(path[-1]),
        steps=len(simple),
    )


def _over(gain: float, risk: float) -> float:
    """Divide; 0 where both are 0, infinite where only the risk is."""
    if risk > 0.0:
        return gain / risk
    return 0.0 if gain == 0.0 else math.copysign(math.inf, gain)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide; where the whole is 0, all of it is cash."""
    share = np.ones(len(part))
    np.divide(part, whole, out=share, where=whole > 0.0)
    return share
