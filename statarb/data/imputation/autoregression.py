"""AR5X: each asset's autoregression of lags 1 to 5, and the most likely path through its gaps."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import scipy.linalg
from joblib import Parallel, delayed

from statarb._core.checks import check_integer
from statarb._core.typing import FloatArray
from statarb.data.imputation._engine.autoregression import normal_equations
from statarb.data.imputation._engine.gap_fill import interpolate
from statarb.data.imputation.base import Imputer
from statarb.data.imputation.returns import MIN_RETURNS

__all__ = ["AR5X", "fit_autoregression", "most_likely_path"]

ASSETS_PER_BLOCK = 32
"""Assets of one task; fixed, so that the number of workers changes nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AR5X(Imputer):
    """Univariate autoregression of an asset's log return on its lags 1 to 5.

    ``r(t) = c + phi_1 r(t-1) + ... + phi_5 r(t-5) + e(t)`` (Box & Jenkins 1970, Time Series
    Analysis, ch. 3.2), by least squares (statsmodels) over stretches without a gap. The gaps of
    an asset take the most likely values together: those that minimise the sum of ``e(t)^2`` with
    the quotes held fixed (Brubacher & Wilson 1976, J. R. Stat. Soc. C 25), which is what a Kalman
    smoother gives for a known start; at an open end these are the iterated forecasts. One banded
    system an asset. Looks ahead on a whole panel.

    Parameters
    ----------
    max_gap, fill_start, n_jobs
        As in :class:`Imputer`.
    lags : int
        Number of lags.
    """

    name: ClassVar[str] = "ar5x"
    whole_sample: ClassVar[bool] = True

    lags: int = 5

    def __post_init__(self) -> None:
        """Check every setting once."""
        super().__post_init__()
        check_integer("lags", self.lags, at_least=1)

    def fill(self, prices: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill the gaps in place; see :meth:`Imputer.fill`."""
        blocks = [
            slice(low, low + ASSETS_PER_BLOCK)
            for low in range(0, prices.shape[1], ASSETS_PER_BLOCK)
        ]
        done = Parallel(n_jobs=self.n_jobs)(
            delayed(_filled)(np.ascontiguousarray(prices[:, block].T), elapsed, self.lags)
            for block in blocks
        )
        simple: list[int] = []
        for block, (filled, short) in zip(blocks, done, strict=True):
            prices[:, block] = filled.T
            simple.extend(block.start + column for column in short)
        return simple


def _filled(prices: FloatArray, elapsed: FloatArray, lags: int) -> tuple[FloatArray, list[int]]:
    """Return (assets, cells) prices with their gaps filled, and the assets that had too few
    returns.
    """
    prices = np.array(prices)
    short = []
    for column, price in enumerate(prices):
        seen = np.flatnonzero(~np.isnan(price))
        if len(seen) == 0 or len(seen) == len(price) - seen[0]:
            continue
        first = int(seen[0])
        logs = np.log(price[first:])
        constant, phi = fit_autoregression(logs, lags)
        if len(phi) == 0:
            short.append(column)
            straight = logs[:, None]
            interpolate(straight, elapsed[first:])
            path = straight[:, 0]
        else:
            path = most_likely_path(logs, constant, phi)
        missing = np.isnan(price[first:])
        price[first:][missing] = np.exp(path[missing])
    return prices, short


def fit_autoregression(logs: FloatArray, lags: int) -> tuple[float, FloatArray]:
    """Fit ``r(t) = c + phi_1 r(t-1) + ...`` to the returns of log prices by least squares over
    stretches without a gap.

    Returns
    -------
    float, (lags,)
        c and phi; phi is empty where fewer than ``MIN_RETURNS + lags`` returns can be used, or too
        few of them move to tell the lags apart.
    """
    from statsmodels.regression.linear_model import OLS

    returns = np.diff(logs)
    if len(returns) <= lags:
        return 0.0, np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(returns, lags + 1)
    complete = windows[~np.isnan(windows).any(axis=1)]
    design = np.column_stack([np.ones(len(complete)), complete[:, -2::-1]])
    if len(complete) < MIN_RETURNS + lags or np.linalg.matrix_rank(design) <= lags:
        return 0.0, np.empty(0)
    params = np.asarray(OLS(complete[:, -1], design).fit().params)
    return float(params[0]), params[1:]


def most_likely_path(logs: FloatArray, constant: float, phi: FloatArray) -> FloatArray:
    """Return log prices with the gaps at the values that minimise the sum of squared innovations.

    Parameters
    ----------
    logs : (cells,)
        Log prices, the first of them a number.
    constant : float
    phi : (lags,)
        Of the autoregression of returns. Returns before the first cell count as their mean.

    Returns
    -------
    (cells,)
        The same numbers where there were any.
    """
    missing = np.isnan(logs)
    stationary = 1.0 - phi.sum()
    mean = constant / stationary if abs(stationary) > 1e-6 else 0.0
    drift = mean * np.arange(len(logs))
    level = logs - logs[0] - drift
    band, right = normal_equations(np.where(missing, 0.0, level), missing, phi)
    solved = scipy.linalg.solveh_banded(
        band, right, lower=True, check_finite=False, overwrite_ab=True, overwrite_b=True
    )
    path: FloatArray = np.where(missing, solved + drift + logs[0], logs)
    return path
