"""Arguments of the optimizer: aligned by asset, checked, and turned into arrays, with messages that
name the asset.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Hashable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.errors import DataError, ParameterError
from statarb.optimization._engine.sliding import transpose_clean
from statarb.optimization.labels import shown, shown_at

__all__ = [
    "ByAsset",
    "MissingPolicy",
    "Scenarios",
    "Vector",
    "asset_labels",
    "by_asset",
    "read_scenarios",
    "row_weights",
]

Vector: TypeAlias = "pd.Series[Any] | FloatArray | Mapping[Hashable, float]"
ByAsset: TypeAlias = "float | pd.Series[Any] | FloatArray | Mapping[Hashable, float]"
MissingPolicy = Literal["freeze", "sell", "error"]


@dataclasses.dataclass(frozen=True, eq=False)
class Scenarios:
    """Scenario returns as the solvers want them.

    Parameters
    ----------
    histories : (N, T)
        One row an asset, C order; 0 where missing.
    holes : (N,) int
        Missing scenarios of each asset.
    labels : Index or None
        Names of the assets.
    """

    histories: FloatArray
    holes: IntArray
    labels: pd.Index | None

    @classmethod
    def of(cls, scenarios: pd.DataFrame | FloatArray | Scenarios) -> Scenarios:
        """Return ``scenarios`` itself, or what :func:`read_scenarios` makes of it."""
        return scenarios if isinstance(scenarios, Scenarios) else read_scenarios(scenarios)


def read_scenarios(scenarios: pd.DataFrame | FloatArray) -> Scenarios:
    """Check scenario returns, T x N, once; the result can be passed on in their place, again and
    again.

    Parameters
    ----------
    scenarios : (T, N) DataFrame or array
        Simple returns, one row a scenario; NaN where an asset has none.

    Raises
    ------
    DataError
        Not two-dimensional, fewer than two scenarios, no asset, a column twice, an infinite return.
    """
    labels = scenarios.columns if isinstance(scenarios, pd.DataFrame) else None
    if labels is not None and not labels.is_unique:
        raise DataError(
            f"scenarios has the column {shown(labels[labels.duplicated()][0])} twice; an asset has "
            "one column"
        )
    try:
        values = np.asarray(scenarios, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"scenarios must hold numbers, scenarios x assets: {error}") from error
    if values.ndim != 2 or values.shape[1] == 0:
        raise DataError(
            "scenarios must be a table, scenarios x assets, with at least one asset, got the "
            f"shape {values.shape}"
        )
    if values.shape[0] < 2:
        raise DataError(
            f"scenarios must have at least two rows, got {values.shape[0]}; give a longer window"
        )
    histories, holes = np.empty(values.shape[::-1]), np.zeros(values.shape[1], np.int64)
    if transpose_clean(np.ascontiguousarray(values), histories, holes):
        row, column = (int(place[0]) for place in np.nonzero(np.isinf(values)))
        name = shown_at(labels, column)
        raise DataError(
            f"scenarios must be finite, or NaN where missing; {values[row, column]} stands in row "
            f"{row}, asset {name}; "
            "was a price 0?"
        )
    return Scenarios(histories, holes, labels)


def asset_labels(expected_return: Any, scenarios: pd.Index | None, assets: int) -> pd.Index | None:
    """Return the assets' labels: the columns of the scenarios, else the index of the expected
    returns, else none.
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
    """Return one number an asset, aligned by label.

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

    Raises
    ------
    DataError
        Labels or lengths that do not match, values not allowed; names the first asset.
    """
    if isinstance(values, Mapping):
        values = pd.Series(dict(values), dtype=np.float64)
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


def row_weights(
    times: int, given: FloatArray | pd.Series[Any] | None, half_life: float | None
) -> FloatArray:
    """Return scenario probabilities: given ones scaled to 1, exponential ones with this half-life
    in rows, or equal ones.

    Raises
    ------
    DataError
        Wrong length, negative, NaN, or all zero.
    """
    if given is not None:
        weights = np.array(given, dtype=np.float64)
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
    """Return which assets are excluded."""
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
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must hold numbers: {error}") from error
    if labels is None:
        if len(values) != assets:
            raise DataError(
                f"{name} has {len(values)} assets, scenarios has {assets}; give scenarios as a "
                "DataFrame to align them"
            )
        return np.array(values, dtype=np.float64)
    if values.index is labels or values.index.equals(labels):
        return np.array(values, dtype=np.float64)
    if not values.index.is_unique:
        raise DataError(
            f"{name} names {shown(values.index[values.index.duplicated()][0])} twice; an asset has "
            "one value"
        )
    place = labels.get_indexer(values.index)
    if (place < 0).any():
        raise DataError(
            f"{name} names the asset {shown(values.index[place < 0][0])}, which the scenarios do "
            "not have; "
            "their columns are the assets"
        )
    array = np.full(assets, np.nan if default is None else default)
    array[place] = values.to_numpy()
    if default is None and len(values) < assets:
        given = np.zeros(assets, np.bool_)
        given[place] = True
        raise DataError(
            f"{name} has no value for the asset "
            f"{shown_at(labels, int(np.flatnonzero(~given)[0]))}; give one for every asset"
        )
    return array
