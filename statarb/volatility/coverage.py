"""Coverage of values at risk: how often returns fell below, by asset and level, with tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb.errors import ParameterError
from statarb.volatility.evaluation import christoffersen, kupiec, value_at_risk
from statarb.volatility.inputs import read_pair

__all__ = ["coverage_table"]

COLUMNS = (
    "asset",
    "level",
    "observations",
    "exceeded",
    "rate",
    "unconditional",
    "independence",
    "conditional",
)


def coverage_table(
    returns: Any,
    sigma: Any,
    levels: Sequence[float] = (0.01, 0.05),
    *,
    distribution: Literal["normal", "t"] = "normal",
    nu: Any = None,
) -> pd.DataFrame:
    """Count how often returns fell below the value at risk of a volatility forecast, and test it.

    Parameters
    ----------
    returns : DataFrame or array, time x asset
        Log returns; NaN where an asset has none.
    sigma : same shape
        Standard deviation of the return of the same row, as forecast before it: of
        :func:`statarb.rolling_volatility` on rows, shifted by one. A row with a NaN on either side
        does not count.
    levels : sequence of float
        Probabilities of the values at risk, in (0, 1).
    distribution, nu
        As in :func:`value_at_risk`.

    Returns
    -------
    DataFrame
        A row an asset and level, assets in their order: ``asset, level, observations, exceeded,
        rate`` (share exceeded), and p-values: ``unconditional`` of :func:`kupiec`,
        ``independence`` and ``conditional`` of :func:`christoffersen`. An asset with fewer than
        two observations is left out.

    Raises
    ------
    DataError
        Tables of different shape, index or columns.
    ParameterError
        No level, or one outside (0, 1).
    """
    chosen = [check_number("levels", level, above=0.0, below=1.0) for level in levels]
    if not chosen:
        raise ParameterError("levels must hold at least one probability, got none")
    first, second = read_pair(("returns", returns), ("sigma", sigma))
    labels = first.labels if first.kind == "frame" else range(first.values.shape[1])
    rows: list[tuple[Any, ...]] = []
    limits = {
        level: value_at_risk(second.values, level, distribution=distribution, nu=nu)
        for level in chosen
    }
    for column, asset in enumerate(labels):
        known = ~(np.isnan(first.values[:, column]) | np.isnan(second.values[:, column]))
        if int(known.sum()) < 2:
            continue
        for level in chosen:
            exceeded = (first.values[:, column] < limits[level][:, column])[known].astype(float)
            often = kupiec(exceeded, level)
            alone = christoffersen(exceeded, kind="independence")
            both = christoffersen(exceeded, level)
            counts = (often.observations, often.exceeded, often.rate)
            rows.append((asset, level, *counts, often.pvalue, alone.pvalue, both.pvalue))
    return pd.DataFrame(rows, columns=list(COLUMNS))
