"""Pairs in later samples: which are found again, and how a spread goes on after its fit."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer, check_number
from statarb.cointegration.inputs import LogPrices, as_levels
from statarb.cointegration.pair_scan import PairScan
from statarb.cointegration.scan import scan_pairs
from statarb.cointegration.spreads import Spread
from statarb.errors import DataError

__all__ = ["PairPersistence", "pair_persistence", "spread_path"]


@dataclasses.dataclass(frozen=True, eq=False)
class PairPersistence:
    """Scans of samples that share no row, and how many pairs of each the next one shows again.

    Parameters
    ----------
    table : DataFrame
        A row a sample: ``start``, ``end``, ``pairs`` (tested, both directions as one), ``found``
        (adjusted p-value at most ``level``, half-life at least ``shortest``), ``again`` (of those,
        found in the next sample too), and ``chance``, the mean of ``again`` if what one sample
        finds said nothing of the other; the last two are NaN for the last sample.
    scans : tuple of PairScan
        Of each sample.
    level, shortest : float
        Largest adjusted p-value and smallest half-life of a pair that is found.
    """

    table: pd.DataFrame
    scans: tuple[PairScan, ...]
    level: float
    shortest: float = 0.0


def pair_persistence(
    log_prices: LogPrices,
    *,
    rows: int = 2016,
    samples: int = 8,
    level: float = 0.05,
    shortest: float = 0.0,
    **options: Any,
) -> PairPersistence:
    r"""Scan neighbouring samples for pairs, and count those that are found again.

    Parameters
    ----------
    log_prices : DataFrame, array or Panel
        Logs of prices, times x assets, at least two assets.
    rows : int
        Rows of a sample; where there are fewer than twice as many, the data are cut in halves.
    samples : int
        Most samples: the last ones, up to the last row.
    level : float
        Largest adjusted p-value of a pair that counts as found.
    shortest : float
        Smallest half-life of a pair that counts as found, in steps; the noise of quotes reverts
        within a few.
    **options
        Of :func:`statarb.scan_pairs`.

    Returns
    -------
    PairPersistence

    Raises
    ------
    DataError
        Too few rows for two samples, and as for :func:`statarb.scan_pairs`.
    ParameterError
        Fewer than two samples, a level outside (0, 1).

    Notes
    -----
    Where n of the N pairs that a sample tests are found, and m of the M of the next one, then

    .. math:: n\, m / M

    of the former are found again on average if the findings are independent.
    """
    rows = check_integer("rows", rows, at_least=1)
    samples = check_integer("samples", samples, at_least=2)
    level = check_number("level", level, above=0.0, below=1.0)
    shortest = check_number("shortest", shortest, at_least=0.0)
    levels, assets, index = as_levels(log_prices)
    length = levels.shape[1]
    if length < 2:
        raise DataError(f"log_prices has {length} rows; two samples need at least two")
    size = min(rows, length // 2)
    count = min(samples, length // size)
    starts = [length - size * (count - place) for place in range(count)]
    frame = pd.DataFrame(levels.T, index=index, columns=assets)
    scans = tuple(scan_pairs(frame.iloc[start : start + size], **options) for start in starts)
    bounds = (shortest, np.inf)
    sets = [_pairs(scan.filter(pvalue_adjusted=level, half_life=bounds)) for scan in scans]
    pairs = [len(_pairs(scan.filter())) for scan in scans]
    again, chance = np.full(count, np.nan), np.full(count, np.nan)
    for place, (one, other) in enumerate(itertools.pairwise(sets)):
        again[place] = len(np.intersect1d(one, other))
        tested = pairs[place + 1]
        chance[place] = len(one) * len(other) / tested if tested else 0.0
    table = pd.DataFrame(
        {
            "start": [index[start] for start in starts],
            "end": [index[start + size - 1] for start in starts],
            "pairs": pairs,
            "found": [len(one) for one in sets],
            "again": again,
            "chance": chance,
        }
    )
    return PairPersistence(table, scans, level, shortest)


def _pairs(scan: PairScan) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Number the unordered pairs of a scan."""
    y, x = scan.y.astype(np.int64), scan.x.astype(np.int64)
    return np.unique(np.minimum(y, x) * len(scan.assets) + np.maximum(y, x))


def spread_path(spread: Spread, log_prices: LogPrices, until: Any = None) -> pd.DataFrame:
    """Return a spread over time with its mean and standard deviation, in and after its sample.

    Parameters
    ----------
    spread : Spread
        As fitted.
    log_prices : DataFrame, array or Panel
        Rows to show.
    until : time, optional
        Last row of the sample that the spread was fitted to; by default the last one shown.

    Returns
    -------
    DataFrame
        By time: ``value``, ``mean`` and ``sd`` of the fitted process in the long run (where it has
        none, since it does not revert or does so within a step, the standard deviation over the
        sample), and ``fitted``, whether the row is in the sample. Rows in which a leg is missing
        are left out.

    Raises
    ------
    ParameterError
        A leg that is not there.
    DataError
        Infinite values, duplicated labels or times.
    """
    values = spread.value(log_prices).dropna()
    inside = np.ones(len(values), bool) if until is None else np.asarray(values.index <= until)
    sd = spread.process.stationary_sd
    return pd.DataFrame(
        {
            "value": values,
            "mean": spread.process.mean,
            "sd": sd if np.isfinite(sd) else values[inside].std(),
            "fitted": inside,
        }
    )
