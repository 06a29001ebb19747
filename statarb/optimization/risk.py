"""Risk measures of single assets, and the decomposition of a portfolio's risk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.stats

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.tables import as_numbers, read_table
from statarb._core.typing import FloatArray
from statarb.errors import DataError
from statarb.optimization.inputs import Vector, by_asset
from statarb.optimization.labels import shown_at

__all__ = [
    "PortfolioRisk",
    "RiskMeasure",
    "asset_risk",
    "downside_deviation",
    "entropy",
    "expected_shortfall",
    "portfolio_risk",
    "value_at_risk",
    "variance",
]

RiskMeasure = Literal[
    "variance", "downside_deviation", "value_at_risk", "expected_shortfall", "entropy"
]


def variance(returns: FloatArray) -> FloatArray:
    """Return the variance of each column, with n in the denominator; NaN are left out.

    Parameters
    ----------
    returns : (times,) or (times, assets)
        Simple or log returns.

    Returns
    -------
    () or (assets,)
        In squared units of the returns; NaN without observations. Markowitz (1952).
    """
    return _by_column(returns, lambda column: float(np.var(column)))


def downside_deviation(returns: FloatArray, minimum_acceptable_return: float = 0.0) -> FloatArray:
    r"""Return the downside deviation of each column, the root of the second lower partial moment;
    NaN are left out.

    .. math:: \sqrt{\frac{1}{n} \sum_t \max(0, m - r_t)^2}

    Parameters
    ----------
    returns : (times,) or (times, assets)
        Returns.
    minimum_acceptable_return : float
        m, below which a return counts as a loss.

    Returns
    -------
    () or (assets,)
        Bawa (1975); Fishburn (1977), equation 1 with alpha = 2.
    """
    return _by_column(
        returns,
        lambda column: float(
            np.sqrt(np.mean(np.maximum(minimum_acceptable_return - column, 0.0) ** 2))
        ),
    )


def value_at_risk(returns: FloatArray, level: float = 0.95) -> FloatArray:
    """Return the historical value at risk of each column: the loss that is exceeded in a share ``1
    - level`` of cases at most.

    The estimator is minus the k-th smallest of n returns with ``k = floor(n (1 - level)) + 1``: the
    upper quantile of losses, as in Rockafellar & Uryasev (2002), definition 1. No distribution is
    assumed, and nothing is interpolated.

    Parameters
    ----------
    returns : (times,) or (times, assets)
        Returns; NaN are left out.
    level : float
        Confidence, in (0, 1).

    Returns
    -------
    () or (assets,)
        Positive where it is a loss.
    """
    level = check_number("level", level, above=0.0, below=1.0)
    return _by_column(returns, lambda column: -float(np.sort(column)[_tail(len(column), level)[0]]))


def expected_shortfall(returns: FloatArray, level: float = 0.95) -> FloatArray:
    """Return the historical expected shortfall of each column: the mean loss of the worst share ``1
    - level`` of cases.

    Where ``n (1 - level)`` is no integer, the next worst case counts with the fraction that is left
    (Acerbi & Tasche 2002, proposition 4.1), so that the measure is coherent; it equals the
    conditional value at risk of Rockafellar & Uryasev (2000).

    Parameters
    ----------
    returns : (times,) or (times, assets)
        Returns; NaN are left out.
    level : float
        Confidence, in (0, 1).

    Returns
    -------
    () or (assets,)
        Positive where it is a loss; at least the value at risk.
    """
    level = check_number("level", level, above=0.0, below=1.0)

    def tail(column: FloatArray) -> float:
        ordered = np.sort(column)
        whole, fraction = _tail(len(column), level)
        return -float(ordered[:whole].sum() + fraction * ordered[whole]) / (
            len(column) * (1.0 - level)
        )

    return _by_column(returns, tail)


def entropy(returns: FloatArray, spacing: int | None = None) -> FloatArray:
    """Return the differential entropy of each column by the estimator of Vasicek (1976), in nats.

    ``H = mean over i of log(n / (2 m) (x_(i+m) - x_(i-m)))`` with the order statistics x_(i), x_(i)
    = x_(1) below the first and x_(n) above the last. Entropy as a measure of a portfolio's risk:
    Philippatos & Wilson (1972); Dionisio, Menezes & Mendes (2006). It falls without bound as a
    series becomes constant; many equal values (stale quotes) give minus infinity.

    Parameters
    ----------
    returns : (times,) or (times, assets)
        Returns; NaN are left out.
    spacing : int, optional
        m, at least 1 and below n / 2; by default ``floor(sqrt(n) + 0.5)`` (Wieczorkowski &
        Grzegorzewski 1999).

    Returns
    -------
    () or (assets,)
        Multiplying the returns by k adds log k.
    """
    if spacing is not None:
        spacing = check_integer("spacing", spacing, at_least=1)

    def vasicek(column: FloatArray) -> float:
        if spacing is not None and 2 * spacing >= len(column):
            raise DataError(
                f"spacing must be below half the number of returns, {len(column)}, got {spacing}"
            )
        with np.errstate(divide="ignore"):
            return float(
                scipy.stats.differential_entropy(column, window_length=spacing, method="vasicek")
            )

    return _by_column(returns, vasicek)


def asset_risk(
    returns: pd.DataFrame | FloatArray,
    measure: RiskMeasure = "variance",
    *,
    minimum_acceptable_return: float = 0.0,
    level: float = 0.95,
) -> pd.Series[Any] | FloatArray:
    """Return the risk of each asset on a window.

    Parameters
    ----------
    returns : (times, assets) DataFrame or array
        Returns of the window; NaN are left out.
    measure : str
        ``variance``, ``downside_deviation``, ``value_at_risk``, ``expected_shortfall`` or
        ``entropy``.
    minimum_acceptable_return, level : float
        Minimum acceptable return of the downside deviation; confidence of value at risk and
        expected shortfall.

    Returns
    -------
    (assets,) Series or array
        Cash has a risk of 0.
    """
    check_choice(
        "measure",
        measure,
        ("variance", "downside_deviation", "value_at_risk", "expected_shortfall", "entropy"),
    )
    table = read_table("returns", returns)
    values = table.values
    if measure == "variance":
        found = variance(values)
    elif measure == "downside_deviation":
        found = downside_deviation(values, minimum_acceptable_return)
    elif measure == "value_at_risk":
        found = value_at_risk(values, level)
    elif measure == "expected_shortfall":
        found = expected_shortfall(values, level)
    else:
        found = entropy(values)
    labelled = table.kind in ("frame", "series")
    return pd.Series(found, index=table.labels, name=measure) if labelled else found


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PortfolioRisk:
    """Risk of a portfolio in two parts that add up to it. Cash is the last asset.

    Parameters
    ----------
    total : float
        Risk of the portfolio's own returns.
    weighted : float
        The part of the assets by themselves: the sum of ``assets``.
    interdependence : float
        The part of their pairs: the sum of ``pairs``.
    assets : (N + 1,) Series or array
        Each asset's term of the weighted part.
    pairs : (N + 1, N + 1) DataFrame or array
        The pairs' terms, symmetric, 0 on the diagonal.
    contribution : (N + 1,) Series or array
        Each asset's share in the total: its own term and half of its pairs' (Euler's theorem;
        Tasche 1999).
    """

    total: float
    weighted: float
    interdependence: float
    assets: pd.Series[Any] | FloatArray
    pairs: pd.DataFrame | FloatArray
    contribution: pd.Series[Any] | FloatArray

    def __repr__(self) -> str:
        """Return the total and its two parts; the tables are fields."""
        return (
            f"PortfolioRisk(total={self.total:.6g}, weighted={self.weighted:.6g}, "
            f"interdependence={self.interdependence:.6g}, "
            f"{len(self.assets) - 1} assets and cash)"
        )


def portfolio_risk(
    weights: Vector,
    returns: pd.DataFrame | FloatArray,
    measure: Literal["variance", "downside"] = "variance",
    *,
    minimum_acceptable_return: float = 0.0,
    form: Literal["own", "average"] = "own",
) -> PortfolioRisk:
    """Split a portfolio's risk into a part of the assets by themselves and a part of their pairs.

    With cash as one more asset, whose return is 0, the weights w sum to 1 and the total is
    ``w'Sw``, with

    - ``variance``: S the covariance matrix, n in the denominator (Markowitz 1952);
    - ``downside``: S_ij the mean of (r_i - m)(r_j - m) over the scenarios in which the portfolio is
      below the minimum acceptable return m, and 0 from the others: the exact second lower partial
      moment (Markowitz 1959, chapter 9), not an average of pairs.

    ``form="own"``: weighted part ``sum_i w_i^2 S_ii``, and pairs ``w_i w_j S_ij``.
    ``form="average"``: the weighted part is the weighted average of the assets' risks, ``sum_i w_i
    S_ii``, and pairs ``-w_i w_j (S_ii + S_jj - 2 S_ij) / 2`` are what spreading the money takes off
    it.

    Parameters
    ----------
    weights : (N,) Series, mapping or array
        Shares of the value; the rest is cash.
    returns : (times, N) DataFrame or array
        Returns of the window, without NaN.
    measure : {"variance", "downside"}
        What risk is.
    minimum_acceptable_return : float
        Minimum acceptable return of the downside.
    form : {"own", "average"}
        How the total is split.

    Returns
    -------
    PortfolioRisk

    Raises
    ------
    DataError
        NaN in the returns, or labels that do not match.
    """
    check_choice("measure", measure, ("variance", "downside"))
    check_choice("form", form, ("own", "average"))
    table = read_table("returns", returns)
    labels = table.labels if table.kind == "frame" else None
    values = table.values
    if table.kind not in ("frame", "matrix") or len(values) < 2:
        raise DataError(
            "returns must be a table of at least two rows, times x assets, got the shape "
            f"{np.shape(returns)}"
        )
    if np.isnan(values).any():
        column = int(np.flatnonzero(np.isnan(values).any(axis=0))[0])
        raise DataError(
            f"returns must be finite; the first asset with missing ones is "
            f"{shown_at(labels, column)}; fill its gaps or leave it out"
        )
    if labels is None and isinstance(weights, pd.Series):
        labels = weights.index
    w = by_asset("weights", weights, labels, values.shape[1], default=0.0)
    w = np.append(w, 1.0 - w.sum())
    values = np.column_stack([values, np.zeros(len(values))])
    below = values @ w < minimum_acceptable_return
    centred = (
        values - values.mean(axis=0)
        if measure == "variance"
        else (values - minimum_acceptable_return) * below[:, None]
    )
    moments = centred.T @ centred / len(values)
    own = np.diag(moments).copy()
    if form == "own":
        single, pairs = w * w * own, np.outer(w, w) * moments
    else:
        single, pairs = (
            w * own,
            -0.5 * np.outer(w, w) * (own[:, None] + own[None, :] - 2.0 * moments),
        )
    np.fill_diagonal(pairs, 0.0)
    contribution = single + pairs.sum(axis=1)
    names = None if labels is None else pd.Index([*labels, "cash"])
    return PortfolioRisk(
        total=float(np.mean((centred @ w) ** 2)),
        weighted=float(single.sum()),
        interdependence=float(pairs.sum()),
        assets=single if names is None else pd.Series(single, index=names),
        pairs=pairs if names is None else pd.DataFrame(pairs, index=names, columns=names),
        contribution=contribution if names is None else pd.Series(contribution, index=names),
    )


def _tail(n: int, level: float) -> tuple[int, float]:
    """Return how many whole cases, and which fraction of the next one, make a share ``1 - level``
    of n.
    """
    share = n * (1.0 - level)
    whole = min(int(np.floor(share + 1e-9)), n - 1)
    return whole, max(share - whole, 0.0)


def _by_column(returns: FloatArray, figure: Callable[[FloatArray], float]) -> FloatArray:
    values = as_numbers("returns", returns)
    if values.ndim not in (1, 2):
        raise DataError(
            f"returns must be a column or a table, times x assets, got the shape {values.shape}"
        )
    if np.isinf(values).any():
        raise DataError(
            f"returns must be finite, or NaN where missing; {int(np.isinf(values).sum())} are "
            "infinite"
        )
    found = []
    for column in values.reshape(len(values), -1).T:
        known = column[~np.isnan(column)]
        found.append(figure(known) if len(known) else np.nan)
    return np.array(found)[0] if values.ndim == 1 else np.array(found)
