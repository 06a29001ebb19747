"""Arguments of the optimizer: aligned by asset, checked, and turned into arrays."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Collection, Hashable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.numeric import sum_slack
from statarb._core.tables import as_numbers, read_table, shown
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.errors import DataError, ParameterError
from statarb.optimization._engine.sliding import transpose_clean
from statarb.optimization.labels import shown_at

__all__ = [
    "ByAsset",
    "MissingPolicy",
    "Scenarios",
    "Vector",
    "asset_labels",
    "by_asset",
    "excluded",
    "groups_of",
    "held_weights",
    "read_scenarios",
    "row_weights",
]

Vector: TypeAlias = "pd.Series[Any] | FloatArray | Mapping[Hashable, float]"
ByAsset: TypeAlias = "float | pd.Series[Any] | FloatArray | Mapping[Hashable, float]"
MissingPolicy = Literal["freeze", "sell", "error"]


@dataclasses.dataclass(frozen=True, eq=False)
class Scenarios:
    """Scenario returns as the solvers want them; made by :func:`read_scenarios`.

    Parameters
    ----------
    scenarios_by_asset : (N, T)
        One row per asset, C order; 0 where missing.
    missing : (N,) int
        Number of missing scenarios of each asset.
    labels : Index or None
        Names of the assets.
    order : (T,) int or None
        Where each row stood in the table that was read, if it was not in order of time.
    index : Index or None
        Labels of the rows, in order.
    """

    scenarios_by_asset: FloatArray
    missing: IntArray
    labels: pd.Index | None
    order: IntArray | None = None
    index: pd.Index | None = None

    @classmethod
    def of(cls, scenarios: pd.DataFrame | FloatArray | Scenarios) -> Scenarios:
        """Return ``scenarios`` itself, or what :func:`read_scenarios` makes of it.

        Parameters
        ----------
        scenarios : (T, N) DataFrame or array, or Scenarios
            Scenario returns.

        Returns
        -------
        Scenarios
        """
        return scenarios if isinstance(scenarios, Scenarios) else read_scenarios(scenarios)


def read_scenarios(scenarios: pd.DataFrame | FloatArray) -> Scenarios:
    """Check scenario returns, T x N, once; the result can be passed on in their place, again and
    again.

    Parameters
    ----------
    scenarios : (T, N) DataFrame or array
        Simple returns, one row per scenario; NaN (or NA) where an asset has none. Rows with times
        are put in order of time.

    Returns
    -------
    Scenarios

    Raises
    ------
    DataError
        Not two-dimensional, fewer than two scenarios, no asset, a duplicated column or time, an
        infinite return, prices in place of returns.

    Warns
    -----
    UserWarning
        Where no return of any asset is zero or negative in twenty rows or more.
    """
    labels, order, index = None, None, None
    if isinstance(scenarios, np.ndarray) and scenarios.dtype == np.float64:
        # not copied: reading is a good part of a solve
        values: FloatArray = scenarios
    else:
        table = read_table("scenarios", scenarios, infinite=True)
        values = table.values if table.kind in ("frame", "matrix") else table.values[:, 0]
        if table.kind == "frame":
            labels, order, index = table.labels, table.order, table.index
    if values.ndim != 2 or values.shape[1] == 0:
        raise DataError(
            "scenarios must be a table, scenarios x assets, with at least one asset, got the "
            f"shape {values.shape}"
        )
    if values.shape[0] < 2:
        raise DataError(
            f"scenarios must have at least two rows, got {values.shape[0]}; give a longer window"
        )
    by_asset_ = np.empty(values.shape[::-1])
    missing, smallest = np.zeros(values.shape[1], np.int64), np.empty(values.shape[1])
    if transpose_clean(np.ascontiguousarray(values), by_asset_, missing, smallest):
        row, column = (int(place[0]) for place in np.nonzero(np.isinf(values)))
        raise DataError(
            f"scenarios must be finite, or NaN where missing; got {values[row, column]} in row "
            f"{row}, asset {shown_at(labels, column)}; was a price 0?"
        )
    _refuse_prices(values, smallest, labels)
    return Scenarios(by_asset_, missing, labels, order, index)


def _refuse_prices(values: FloatArray, smallest: FloatArray, labels: pd.Index | None) -> None:
    """Raise where a column can hardly be returns: never a loss, and a typical gain of half the
    price or more.
    """
    positive = np.flatnonzero((smallest > 0.0) & np.isfinite(smallest))
    for column in positive:
        known = values[~np.isnan(values[:, column]), column]
        if len(known) >= 5 and float(np.median(known)) >= 0.5:
            raise DataError(
                f"scenarios must be simple returns, such as 0.01 for 1 %; those of asset "
                f"{shown_at(labels, int(column))} are never zero or negative, with a median of "
                f"{float(np.median(known)):.6g}: prices or gross returns? give "
                "prices.pct_change().iloc[1:], or subtract 1"
            )
    if len(positive) == values.shape[1] and len(values) >= 20:
        warnings.warn(
            f"none of the {values.size} scenario returns is zero or negative; were prices or gross "
            "returns given in place of simple returns?",
            UserWarning,
            stacklevel=4,
        )


def asset_labels(expected_return: Any, scenarios: pd.Index | None, assets: int) -> pd.Index | None:
    """Return the assets' labels: the columns of the scenarios, else the index of the expected
    returns, else none.

    Parameters
    ----------
    expected_return : Series, mapping or array
        As in :meth:`.MeanDownsideRisk.solve`.
    scenarios : Index or None
        Columns of the scenarios.
    assets : int
        N.

    Returns
    -------
    Index or None
    """
    if scenarios is not None:
        return scenarios
    if isinstance(expected_return, pd.Series):
        if len(expected_return) != assets:
            raise DataError(
                f"expected_return has {len(expected_return)} assets, scenarios has {assets}; give "
                "one for each column"
            )
        return expected_return.index
    return None


def by_asset(
    name: str,
    values: ByAsset,
    labels: pd.Index | None,
    assets: int,
    *,
    default: float | None = None,
    at_least: float | None = None,
    above: float | None = None,
    missing: bool = False,
    infinite: bool = False,
    remedy: str = "",
) -> FloatArray:
    """Return one number per asset, aligned by label.

    Parameters
    ----------
    name : str
        The argument, for messages.
    values : scalar, Series, mapping or (N,) array
        A scalar stands for every asset; an array is taken by position.
    labels : Index or None
        The assets.
    assets : int
        N.
    default : float, optional
        For assets that a Series or mapping leaves out; without it every asset must be given.
    at_least, above : float, optional
        Bounds.
    missing, infinite : bool
        Whether NaN, or infinity, is allowed.
    remedy : str
        What to do about NaN, for the message.

    Returns
    -------
    (N,)

    Raises
    ------
    DataError
        Labels or lengths that do not match, values not allowed; names the first asset.
    """
    if isinstance(values, Mapping):
        values = pd.Series(dict(values), dtype=object)
    if isinstance(values, pd.Series):
        array = _aligned(name, values, labels, assets, default)
    else:
        try:
            array = np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{name} must hold numbers, one for each asset, got {type(values).__name__}"
            ) from error
        if array.ndim == 0:
            array = np.full(assets, float(array))
        if array.shape != (assets,):
            raise DataError(
                f"{name} must have one number for each of the {assets} assets, got the shape "
                f"{array.shape}"
            )
    wrong: BoolArray = np.zeros(assets, np.bool_)
    if not missing:
        wrong |= np.isnan(array)
    if not infinite:
        wrong |= np.isinf(array)
    with np.errstate(invalid="ignore"):
        if at_least is not None:
            wrong |= array < at_least
        if above is not None:
            wrong |= array <= above
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        allowed = "a number" if infinite else "a finite number"
        allowed += "" if at_least is None else f" of at least {at_least:g}"
        allowed += "" if above is None else f" above {above:g}"
        label = shown_at(labels, first)
        raise DataError(
            f"{name} must be {allowed} for each asset; {int(wrong.sum())} are not, first "
            f"{array[first]} of asset {label}" + (remedy if np.isnan(array[first]) else "")
        )
    return array


def held_weights(previous: Vector | None, labels: pd.Index | None, assets: int) -> FloatArray:
    """Return the weights held before trading.

    Parameters
    ----------
    previous : (N,) Series, mapping or array, optional
        Shares of the value; nothing is held by default.
    labels : Index or None
        The assets.
    assets : int
        N.

    Returns
    -------
    (N,)
        Not negative: what is negative by the rounding of its precision is 0.

    Raises
    ------
    DataError
        Negative weights, or a sum above 1, by more than the rounding of the precision that they
        came in.
    """
    if previous is None:
        return np.zeros(assets)
    held = by_asset("previous", previous, labels, assets, default=0.0)
    slack = sum_slack(_precision(previous))
    if held.min(initial=0.0) < -slack:
        worst = int(np.argmin(held))
        raise DataError(
            f"previous must be a finite number of at least 0 for each asset, got {held[worst]:.6g} "
            f"of asset {shown_at(labels, worst)}; short positions are not supported"
        )
    total = float(held.sum())
    if total > 1.0 + slack:
        raise DataError(
            f"previous sums to {total:.9g}, above 1: weights held are shares of the value before "
            "trading, the rest of which is cash; divide the value of each position by the value of "
            "the portfolio"
        )
    held = np.maximum(held, 0.0)
    # a hair above 1 would leave nothing feasible where nothing may be sold
    return held / total if total > 1.0 + 1e-12 else held


def _precision(weights: Any) -> Any:
    """Return the coarsest type of floats in which weights came in."""
    if isinstance(weights, Mapping):
        kinds = {np.dtype(type(each)) for each in weights.values() if isinstance(each, np.floating)}
        return min(kinds, key=lambda kind: kind.itemsize, default=np.dtype(np.float64))
    dtype = getattr(weights, "dtype", None)
    kind = getattr(dtype, "numpy_dtype", dtype)
    return kind if isinstance(kind, np.dtype) else np.dtype(np.float64)


def row_weights(
    table: Scenarios, given: FloatArray | pd.Series[Any] | None, half_life: float | None
) -> FloatArray:
    """Return scenario probabilities: given ones scaled to 1, exponential ones with this half-life
    in rows, or equal ones.

    Parameters
    ----------
    table : Scenarios
        The scenarios.
    given : (T,) Series or array, optional
        A Series with the index of the scenarios is aligned with them; else by position, in the
        order of the table that was read.
    half_life : float, optional
        Rows, the last one newest.

    Returns
    -------
    (T,)
        With a sum of 1.

    Raises
    ------
    DataError
        Wrong length, negative, NaN, or all zero.
    """
    times = table.scenarios_by_asset.shape[1]
    if given is not None:
        weights = as_numbers("scenario_weights", given)
        if (
            isinstance(given, pd.Series)
            and table.index is not None
            and table.index.is_unique
            and len(given) == times
            and given.index.is_unique
            and given.index.isin(table.index).all()
        ):
            weights = as_numbers("scenario_weights", given.reindex(table.index))
        elif table.order is not None and weights.shape == (times,):
            weights = weights[table.order]
        if weights.shape != (times,):
            raise DataError(
                f"scenario_weights must have one number for each of the {times} scenarios, got "
                f"{weights.shape}"
            )
        if not np.isfinite(weights).all() or (weights < 0.0).any() or not weights.sum() > 0.0:
            raise DataError("scenario_weights must be finite, not negative, and not all zero")
    elif half_life is not None:
        weights = 0.5 ** (np.arange(times - 1, -1, -1) / half_life)
    else:
        weights = np.ones(times)
    normed: FloatArray = weights / weights.sum()
    return normed


def groups_of(
    groups: Mapping[Hashable, Hashable] | pd.Series[Any] | None,
    caps: Mapping[Hashable, float] | None,
    labels: pd.Index | None,
    assets: int,
) -> tuple[IntArray | None, FloatArray | None]:
    """Return the group of each asset (-1 for none) and the caps, in the order in which ``caps``
    names them.

    Parameters
    ----------
    groups, caps : mapping, optional
        Group of each asset, and the cap of each group.
    labels : Index or None
        The assets.
    assets : int
        N.

    Returns
    -------
    (N,) int or None, (G,) or None
    """
    if groups is None or caps is None:
        if (groups is None) != (caps is None):
            raise ParameterError(
                "groups and group_caps must be given together: the group of each asset, and the "
                "cap of each group"
            )
        return None, None
    names = list(caps)
    values = [check_number(f"group_caps[{name!r}]", caps[name], at_least=0.0) for name in names]
    known = pd.Index(range(assets)) if labels is None else labels
    given = dict(groups)
    unknown = [asset for asset in given if asset not in known]
    if unknown:
        raise DataError(
            f"groups names the asset {shown(unknown[0])}, which is not among the {assets} assets"
        )
    stray = [group for group in caps if group not in set(given.values())]
    if stray:
        raise DataError(f"group_caps names the group {shown(stray[0])}, which no asset belongs to")
    place = {name: position for position, name in enumerate(names)}
    member = np.array([place.get(given.get(asset), -1) for asset in known], dtype=np.int64)
    return member, np.array(values)


def excluded(exclude: Collection[Hashable], labels: pd.Index | None, assets: int) -> BoolArray:
    """Return which assets are excluded.

    Parameters
    ----------
    exclude : collection of assets
        By label, or by position where there are no labels.
    labels : Index or None
        The assets.
    assets : int
        N.

    Returns
    -------
    (N,) bool
    """
    known = pd.Index(range(assets)) if labels is None else labels
    unknown = [asset for asset in exclude if asset not in known]
    if unknown:
        raise DataError(
            f"exclude names the asset {shown(unknown[0])}, which is not among the {assets} assets"
        )
    return np.asarray(known.isin(list(exclude)), dtype=np.bool_)


def _aligned(
    name: str, values: pd.Series[Any], labels: pd.Index | None, assets: int, default: float | None
) -> FloatArray:
    """Return a Series in the order of the assets."""
    numbers = as_numbers(name, values)
    if labels is None:
        if len(values) != assets:
            raise DataError(
                f"{name} has {len(values)} assets, scenarios has {assets}; give scenarios as a "
                "DataFrame to align them"
            )
        return numbers.copy()
    if values.index is labels or values.index.equals(labels):
        return numbers.copy()
    if not values.index.is_unique:
        raise DataError(
            f"{name} has a duplicated label {shown(values.index[values.index.duplicated()][0])}; "
            "an asset has one value"
        )
    place = labels.get_indexer(values.index)
    if (place < 0).any():
        raise DataError(
            f"{name} names the asset {shown(values.index[place < 0][0])}, which the scenarios do "
            "not have; "
            "their columns are the assets"
        )
    array = np.full(assets, np.nan if default is None else default)
    array[place] = numbers
    if default is None and len(values) < assets:
        given = np.zeros(assets, np.bool_)
        given[place] = True
        raise DataError(
            f"{name} has no value for the asset "
            f"{shown_at(labels, int(np.flatnonzero(~given)[0]))}; give one for every asset"
        )
    return array
