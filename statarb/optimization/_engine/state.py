"""State of the fast solver: arrays bundled for its kernels.

All of them hold numbers for N assets, T scenarios (the rows) and a working set of at most
``capacity`` assets. Weights are scaled: weight times volatility, with the total that may be
invested as 1.

This file counts among those with ``@kernel()`` functions: where a field changes, all are compiled
anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from statarb._core.typing import BoolArray, Float32Array, FloatArray, IntArray

__all__ = [
    "AssetTerms",
    "Candidates",
    "Norms",
    "Reference",
    "ScenarioRows",
    "Scratch",
    "WorkingSet",
    "empty_scratch",
    "empty_working_set",
]


class AssetTerms(NamedTuple):
    """What the problem says of each asset alone; one number per asset in every field.

    Parameters
    ----------
    lower, upper : (N,)
        Bounds of the scaled weight.
    previous : (N,)
        Scaled weight held before trading, where the cost has its kink.
    fee : (N,)
        Cost of one unit traded.
    budget : (N,)
        What one unit held takes of the budget.
    budget_fee : (N,)
        What one unit traded takes of the budget in addition.
    expected_return : (N,)
        Of one unit held.
    """

    lower: FloatArray
    upper: FloatArray
    previous: FloatArray
    fee: FloatArray
    budget: FloatArray
    budget_fee: FloatArray
    expected_return: FloatArray


class ScenarioRows(NamedTuple):
    """The scenarios.

    Parameters
    ----------
    by_asset : (N, T)
        Returns in float64, one row per asset.
    by_row : (T, N) or (0, 0)
        The same in float32, one row per scenario; empty where no copy is kept.
    weight : (T,)
        Weight of each scenario.
    target : (T,)
        Return below which a scenario counts as a loss.
    """

    by_asset: FloatArray
    by_row: Float32Array
    weight: FloatArray
    target: FloatArray


class WorkingSet(NamedTuple):
    """The assets on which Newton's method works; the first k places of each field are in use.

    Parameters
    ----------
    members : (capacity,) int
        The assets.
    last_used : (capacity,) int
        Solve in which each of them last was away from its bound and from the weight held.
    inside : (N,) bool
        Whether an asset is a member.
    returns : (T, capacity)
        The members' returns, one row per scenario, so that inactive scenarios are not read.
    active : (T,) bool
        Scenarios at or below their target, as ``curvature`` counts them.
    curvature : (capacity, capacity)
        H: sum over the active scenarios of weight_t C_t C_t', C_t a row of ``returns``.
    """

    members: IntArray
    last_used: IntArray
    inside: BoolArray
    returns: FloatArray
    active: BoolArray
    curvature: FloatArray


class Scratch(NamedTuple):
    """Work space of Newton's method, as wide as the working set can be.

    Parameters
    ----------
    factor : (capacity, capacity)
        Cholesky factor of the free assets' curvature.
    free, segment : (capacity,) int
        The free assets, and for each asset the segment it moves on: -1 sell, 1 buy, 0 fixed.
    direction, along_budget, row : (capacity,)
        Newton's direction, the curvature's inverse times the budget's row, and a row to append.
    diagonal, ridge : (capacity,)
        Diagonal of the regularised curvature, and what regularises it.
    weight, gradient : (capacity,)
        Scaled weights of the members, and the gradient of risk less expected return there.
    model_weight, model_gradient : (capacity,)
        The same in the quadratic model.
    step : (capacity,)
        Step of the weights.
    terms : AssetTerms
        The members' terms, (capacity,) each.
    """

    factor: FloatArray
    free: IntArray
    segment: IntArray
    direction: FloatArray
    along_budget: FloatArray
    row: FloatArray
    diagonal: FloatArray
    ridge: FloatArray
    weight: FloatArray
    gradient: FloatArray
    model_weight: FloatArray
    model_gradient: FloatArray
    step: FloatArray
    terms: AssetTerms


class Reference(NamedTuple):
    """A point at which the products of pricing are known.

    Parameters
    ----------
    slope : (T,)
        u0, the slope of the risk in every scenario there.
    product : (N,)
        A u0, one product per asset.
    drift : (1,)
        Error of ``product`` per unit of the largest norm of an asset; negative: no reference.
    """

    slope: FloatArray
    product: FloatArray
    drift: FloatArray


class Norms(NamedTuple):
    """Sizes of the assets' returns.

    Parameters
    ----------
    squares : (N,)
        Sum of squared returns over the rows.
    max_squares : (N,)
        Largest value that ``squares`` has had since the reference was computed.
    """

    squares: FloatArray
    max_squares: FloatArray


class Candidates(NamedTuple):
    """What pricing found.

    Parameters
    ----------
    asset : (N,) int
        Assets that would move, the first ``count`` places.
    gain : (N,)
        First-order gain of each.
    """

    asset: IntArray
    gain: FloatArray


def empty_working_set(assets: int, times: int, capacity: int) -> WorkingSet:
    """Return a working set without members.

    Parameters
    ----------
    assets, times : int
        N and T.
    capacity : int
        Largest number of members.

    Returns
    -------
    WorkingSet
    """
    return WorkingSet(
        members=np.zeros(capacity, np.int64),
        last_used=np.zeros(capacity, np.int64),
        inside=np.zeros(assets, np.bool_),
        returns=np.zeros((times, capacity)),
        active=np.zeros(times, np.bool_),
        curvature=np.zeros((capacity, capacity)),
    )


def empty_scratch(capacity: int) -> Scratch:
    """Return work space for a working set of ``capacity`` assets.

    Parameters
    ----------
    capacity : int
        Largest number of members.

    Returns
    -------
    Scratch
    """
    # rows of one array: neighbours in memory, as they are used together
    work = np.zeros((10 + len(AssetTerms._fields), capacity))
    free, segment = np.zeros((2, capacity), np.int64)
    rows: list[Any] = [*work[:10], AssetTerms(*work[10:])]
    return Scratch(np.zeros((capacity, capacity)), free, segment, *rows)
