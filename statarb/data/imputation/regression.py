"""R1 and MARX1: regressions on the returns of all assets."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import scipy.linalg
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from statarb._core.checks import check_number
from statarb._core.typing import FloatArray
from statarb.data.imputation.base import Imputer
from statarb.data.imputation.returns import Returns, fill_by_steps, standardised_returns

__all__ = ["MARX1", "R1"]

ROWS_PER_BLOCK = 1024
"""Rows of one product; fixed, so that the number of workers changes nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Multivariate(Imputer):
    """Expected returns that are linear in the returns of all assets."""

    whole_sample: ClassVar[bool] = True

    def fill(self, prices: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill the gaps in place; see :meth:`Imputer.fill`."""
        logs = np.log(prices)
        returns = standardised_returns(logs, elapsed)
        usable = returns.scale > 0
        steps = np.zeros_like(logs)
        if usable.any():
            steps += returns.mean
            regressors, coefficients = self._regression(returns)
            blocks = [
                slice(low, low + ROWS_PER_BLOCK) for low in range(0, len(logs), ROWS_PER_BLOCK)
            ]

            done = Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(_expected)(regressors[block], coefficients, returns.scale, returns.largest)
                for block in blocks
            )
            for block, expected in zip(blocks, done, strict=True):
                steps[block] += expected
            steps[:, ~usable] = 0.0
        fill_by_steps(prices, logs, steps, elapsed, tie=True)
        return [int(column) for column in np.flatnonzero(~usable & ~np.isnan(logs).all(axis=0))]

    def _regression(self, returns: Returns) -> tuple[FloatArray, FloatArray]:
        """Return regressors (cells, assets) and coefficients (assets, assets) of the expected
        standardised returns.
        """
        raise NotImplementedError


def _expected(
    regressors: FloatArray, coefficients: FloatArray, scale: FloatArray, largest: FloatArray
) -> FloatArray:
    """Return the expected returns of a block of rows; one thread, so that no count changes bits."""
    with threadpool_limits(1, "blas"):
        expected: FloatArray = np.clip((regressors @ coefficients) * scale, -largest, largest)
    return expected


@dataclasses.dataclass(frozen=True, kw_only=True)
class R1(_Multivariate):
    """Multivariate regression of an asset's return on the returns of all others at the same time.

    ``E[r_i(t) | others] = mu_i + sum over j != i of beta_ij (r_j(t) - mu_j)`` with ``beta_ij =
    -Omega_ij / Omega_ii``, Omega the inverse of the covariance of returns: Little & Rubin (2019),
    ch. 4.2 (conditional means, after Buck 1960, J. R. Stat. Soc. B 22), with the coefficients read
    from the concentration matrix (Lauritzen 1996, Graphical Models, ch. 5). The covariance is
    shrunk after Ledoit & Wolf (2004, J. Multivariate Analysis 88) by scikit-learn, so that more
    assets than rows do no harm.

    The others' own gaps enter as straight lines. The path over a gap is tied to both its ends.
    Looks ahead on a whole panel.

    Parameters
    ----------
    max_gap, fill_start, n_jobs
        As in :class:`Imputer`.
    """

    name: ClassVar[str] = "r1"

    def _regression(self, returns: Returns) -> tuple[FloatArray, FloatArray]:
        from sklearn.covariance import LedoitWolf

        rows = returns.genuine.any(axis=1)
        fitted = LedoitWolf(store_precision=False, assume_centered=True).fit(returns.scaled[rows])
        covariance: FloatArray = fitted.covariance_
        still = np.diag(covariance) <= 0
        covariance[still, still] = 1.0
        count = len(covariance)
        covariance.flat[:: count + 1] *= 1.0 + 1e-10
        precision = scipy.linalg.cho_solve(
            scipy.linalg.cho_factor(covariance, lower=True), np.eye(count)
        )
        coefficients = -precision / np.diag(precision)
        np.fill_diagonal(coefficients, 0.0)
        return returns.scaled, coefficients


@dataclasses.dataclass(frozen=True, kw_only=True)
class MARX1(_Multivariate):
    """Multivariate autoregression of lag 1: an asset's return on the last returns of all assets,
    its own among them.

    ``E[r(t) | r(t-1)] = c + A r(t-1)``: Luetkepohl (2005), New Introduction to Multiple Time Series
    Analysis, eq. 2.1.1, fitted by ridge regression (Hoerl & Kennard 1970, Technometrics 12) with
    scikit-learn on standardised returns between neighbouring cells; the return of an asset that was
    not quoted counts as its mean there. Returns inside gaps enter as straight lines. The path over
    a gap is tied to both its ends. Looks ahead on a whole panel.

    Parameters
    ----------
    max_gap, fill_start, n_jobs
        As in :class:`Imputer`.
    ridge : float
        Penalty on the coefficients of standardised returns, as a share of the number of rows.
        Positive.
    """

    name: ClassVar[str] = "marx1"

    ridge: float = 0.1

    def __post_init__(self) -> None:
        """Check every setting once."""
        super().__post_init__()
        check_number("ridge", self.ridge, above=0.0)

    def _regression(self, returns: Returns) -> tuple[FloatArray, FloatArray]:
        from sklearn.linear_model import Ridge

        lagged = np.zeros_like(returns.scaled)
        lagged[1:] = returns.scaled[:-1]
        rows = (
            np.flatnonzero(returns.genuine[1:].any(axis=1) & returns.genuine[:-1].any(axis=1)) + 1
        )
        if len(rows) == 0:
            return lagged, np.zeros((lagged.shape[1], lagged.shape[1]))
        target = np.where(returns.genuine[rows], returns.scaled[rows], 0.0)
        regressors = np.where(returns.genuine[rows - 1], lagged[rows], 0.0)
        model = Ridge(
            alpha=self.ridge * len(rows), fit_intercept=False, solver="cholesky", copy_X=False
        )
        model.fit(regressors, target)
        coefficients: FloatArray = np.atleast_2d(model.coef_).T
        return lagged, np.ascontiguousarray(coefficients.reshape(lagged.shape[1], lagged.shape[1]))
