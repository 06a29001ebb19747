"""Phillips and Ouliaris's tests of named pairs; arch behind."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Literal

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice
from statarb.cointegration.inputs import LogPrices, as_levels
from statarb.errors import DataError, ParameterError

__all__ = ["phillips_ouliaris"]


def phillips_ouliaris(
    log_prices: LogPrices,
    pairs: Iterable[tuple[Hashable, Hashable]],
    *,
    test: Literal["Zt", "Za", "Pu", "Pz"] = "Zt",
    trend: Literal["c", "ct", "ctt"] = "c",
) -> pd.DataFrame:
    """Test named pairs (y, x) for cointegration without choosing lags: serial correlation enters by
    a long-run variance.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets. A pair is tested on the rows that have both assets.
    pairs : iterable of (y, x)
        Ordered pairs. A test takes milliseconds: meant for the best pairs of a scan.
    test : {"Zt", "Za", "Pu", "Pz"}
        Statistic; ``"Pz"`` does not depend on which asset is y.
    trend : {"c", "ct", "ctt"}
        Deterministic terms.

    Returns
    -------
    DataFrame
        Columns ``y, x, statistic, pvalue, observations, status``, in the order of ``pairs``; NaN
        and a status where the test could not be made.

    Raises
    ------
    DataError
        Infinite values, labels that stand twice.
    ParameterError
        An asset that is not there, an option that does not exist.

    Notes
    -----
    Phillips, P. C. B. and Ouliaris, S. (1990), Asymptotic properties of residual based tests for
    cointegration, Econometrica
    58, 165-193. Bartlett kernel with the bandwidth that arch chooses from the data.
    """
    # slow to import
    from arch.unitroot.cointegration import (
        phillips_ouliaris as arch_phillips_ouliaris,
    )

    check_choice("test", test, ("Zt", "Za", "Pu", "Pz"))
    check_choice("trend", trend, ("c", "ct", "ctt"))
    levels, assets, _ = as_levels(log_prices)
    rows = []
    for y, x in pairs:
        place = assets.get_indexer(pd.Index([y, x]))
        if (place < 0).any():
            raise ParameterError(
                f"pairs names the asset {(y, x)[int(np.argmax(place < 0))]!r}, which log_prices "
                "does not have"
            )
        both = levels[place][:, ~np.isnan(levels[place]).any(axis=0)]
        statistic, pvalue, status = np.nan, np.nan, "ok"
        if both.shape[1] < 30:
            status = "too few common observations"
        elif (np.ptp(both, axis=1) == 0.0).any():
            status = "constant"
        elif 1.0 - float(np.asarray(np.corrcoef(both))[0, 1]) ** 2 < 1e-6:
            status = "collinear"
        else:
            result = arch_phillips_ouliaris(both[0], both[1], trend=trend, test_type=test)
            statistic, pvalue = float(result.stat), float(result.pvalue)
        rows.append((y, x, statistic, pvalue, both.shape[1], status))
    if not rows:
        raise DataError("pairs must hold at least one pair, got none")
    return pd.DataFrame(rows, columns=["y", "x", "statistic", "pvalue", "observations", "status"])
