"""Hedge ratios over a whole sample, and over a rolling window."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from statsmodels.regression.rolling import RollingOLS

from statarb._core.checks import check_choice, check_integer
from statarb._core.numeric import FLOOR
from statarb._core.typing import FloatArray
from statarb.cointegration._engine.reduced_rank import reduced_rank
from statarb.cointegration.critical_values import rows_needed
from statarb.cointegration.inputs import as_relation
from statarb.errors import DataError

__all__ = ["HEDGE_METHODS", "Hedge", "hedge_ratio", "rolling_hedge_ratio"]

Method = Literal["ols", "tls", "johansen", "minimum_half_life"]


@dataclasses.dataclass(frozen=True, eq=False)
class Hedge:
    """A linear relation ``y = intercept + slopes . x`` among log prices.

    Parameters
    ----------
    slopes : Series
        One number per asset of x.
    intercept : float
        Makes the mean of the residual 0 over the sample.
    method : str
        How it was found.
    """

    slopes: pd.Series
    intercept: float
    method: str


def hedge_ratio(
    y: pd.Series, x: pd.Series | pd.DataFrame, method: Method = "ols", *, lags: int = 1
) -> Hedge:
    r"""Fit the relation between log y and one or more log x over a whole sample.

    Parameters
    ----------
    y : Series
        Log price.
    x : Series or DataFrame
        Log prices of the assets that explain. Rows in which anything is missing are left out.
    method : {"ols", "tls", "johansen", "minimum_half_life"}
        ``"ols"``: least squares in y. ``"tls"``: least squares of the distance from the line, which
        treats all assets alike, so that x on y is the same relation. ``"johansen"``: the strongest
        relation of Johansen's test with a constant. ``"minimum_half_life"``: the combination with
        the smallest first-order autocorrelation, that is the fastest reversion. It also finds
        bounce between bid and ask, which reverts at once and cannot be traded.
    lags : int
        Lagged differences for ``"johansen"``.

    Returns
    -------
    Hedge

    Raises
    ------
    DataError
        Fewer complete rows than the fit needs, a constant asset, collinear assets; for
        ``"johansen"`` and ``"minimum_half_life"``, y that is a combination of x.
    ParameterError
        Another method.

    Warns
    -----
    UserWarning
        Levels that look like prices: above 50, and never negative.

    Notes
    -----
    ``"minimum_half_life"`` minimises over weights w, with centred log prices :math:`p_t` (Box and
    Tiao 1977, Biometrika 64, 355-365; d'Aspremont 2011, Quant. Finance 11, 351-364),

    .. math:: \frac{\sum_t w' p_t\, p_{t-1}' w}{\sum_t w' p_{t-1}\, p_{t-1}' w} ,

    an eigenvalue problem. With as few rows as ``"johansen"`` refuses, the answer says little.
    """
    check_choice("method", method, tuple(HEDGE_METHODS))
    lags = check_integer("lags", lags, at_least=1)
    relation = as_relation(y, x)
    assets = len(relation.names) + 1
    relation.must_have(
        rows_needed(assets, lags) if method == "johansen" else 10 + assets, "a hedge ratio"
    )
    relation.must_vary()
    if method in ("johansen", "minimum_half_life"):
        relation.must_not_be_exact(f"method={method!r}")
    values = relation.values
    mean = values.mean(axis=0)
    weights = HEDGE_METHODS[method](values - mean, lags)
    slopes = -weights[1:] / weights[0]
    return Hedge(
        pd.Series(slopes, index=relation.names), float(mean[0] - slopes @ mean[1:]), method
    )


def _least_squares(centred: FloatArray, lags: int) -> FloatArray:
    scale = np.sqrt(np.mean(centred**2, axis=0))
    standard = centred / scale
    slopes = np.linalg.lstsq(standard[:, 1:], standard[:, 0], rcond=None)[0]
    return np.concatenate([[1.0], -slopes * scale[0] / scale[1:]])


def _total_least_squares(centred: FloatArray, lags: int) -> FloatArray:
    direction: FloatArray = np.linalg.svd(centred, full_matrices=False)[2][-1]
    return direction


def _johansen(centred: FloatArray, lags: int) -> FloatArray:
    try:
        relations: FloatArray = reduced_rank(centred, lags, "c").vectors
    except np.linalg.LinAlgError as error:
        raise DataError(
            "a combination of the returns does not vary beyond the lags: method='johansen' has no "
            "answer; use method='ols' or fewer lags"
        ) from error
    return relations[:, 0]


def _minimum_half_life(centred: FloatArray, lags: int) -> FloatArray:
    scale = np.sqrt(np.mean(centred**2, axis=0))
    standard = centred / scale
    now = standard[1:] - standard[1:].mean(axis=0)
    before = standard[:-1] - standard[:-1].mean(axis=0)
    product = now.T @ before
    direction: FloatArray = eigh(0.5 * (product + product.T), before.T @ before)[1][:, 0]
    return np.asarray(direction / scale)


HEDGE_METHODS: dict[str, Callable[[FloatArray, int], FloatArray]] = {
    "ols": _least_squares,
    "tls": _total_least_squares,
    "johansen": _johansen,
    "minimum_half_life": _minimum_half_life,
}


def rolling_hedge_ratio(y: pd.Series, x: pd.Series, window: int) -> pd.DataFrame:
    """Least squares of log y on log x over the last ``window`` complete rows; statsmodels'
    ``RollingOLS`` behind.

    Parameters
    ----------
    y, x : Series
        Log prices.
    window : int
        Rows, at least 3.

    Returns
    -------
    DataFrame
        Columns ``slope``, ``intercept``; index of the rows that ``y`` and ``x`` share, in order.
        Row t is known at t. NaN in the first ``window - 1`` complete rows, where a price is
        missing, and where x does not vary within the window.

    Raises
    ------
    DataError
        No numbers, infinite values, a duplicated time.
    ParameterError
        A window below 3.
    """
    window = check_integer("window", window, at_least=3)
    relation = as_relation(y, x)
    relation.must_have(1, "a rolling hedge ratio")
    out = pd.DataFrame(np.nan, index=relation.index, columns=["slope", "intercept"])
    values = relation.values
    if len(values) < window:
        return out
    centre = values.mean(axis=0)  # cancels but for rounding: keeps the digits of prices far from 1
    design = np.column_stack([np.ones(len(values)), values[:, 1] - centre[1]])
    model = RollingOLS(values[:, 0] - centre[0], design, window)
    fitted = np.asarray(model.fit(params_only=True, reset=window).params)
    recent = pd.Series(values[:, 1]).rolling(window)
    moves = recent.max() - recent.min() > FLOOR * recent.max().abs()  # at least its sd
    fitted[~moves.to_numpy()] = np.nan
    slope = fitted[:, 1]
    intercept = fitted[:, 0] + centre[0] - slope * centre[1]
    out.loc[relation.complete] = np.column_stack([slope, intercept])
    return out
