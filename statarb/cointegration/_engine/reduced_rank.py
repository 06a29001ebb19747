"""Reduced rank regression of Johansen (1991), for any number of assets, by orthogonal factors."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from statarb._core.typing import FloatArray

__all__ = ["ReducedRank", "Trend", "reduced_rank"]

Trend = Literal["n", "ci", "c", "ct"]
"""Deterministic terms: none; a constant in the relations alone; a constant outside of them; a
constant outside and a line in the relations.
"""


class ReducedRank(NamedTuple):
    """Solution of a reduced rank regression.

    Parameters
    ----------
    eigenvalues : (assets,)
        Squared canonical correlations of differences and lagged levels, largest first.
    vectors : (assets, assets)
        Weights of the relations on the levels, by column, in the same order; scaled so that the
        lagged deviation, given the lags, has the variance 1 (deterministic terms included).
    adjustment : (assets, assets)
        Slopes of the differences on those deviations, assets x relations.
    rows : int
        Rows of the regression.
    """

    eigenvalues: FloatArray
    vectors: FloatArray
    adjustment: FloatArray
    rows: int


def reduced_rank(levels: FloatArray, lags: int, trend: Trend) -> ReducedRank:
    r"""Solve the reduced rank regression of differences on lagged levels.

    Parameters
    ----------
    levels : (times, assets)
        Complete, none constant.
    lags : int
        Lagged differences.
    trend : {"n", "ci", "c", "ct"}
        Deterministic terms.

    Returns
    -------
    ReducedRank

    Raises
    ------
    numpy.linalg.LinAlgError
        The lagged levels, or the differences, are linearly dependent.

    Notes
    -----
    .. math::

        \Delta x_t = \alpha\,(\beta' x_{t-1} + \rho_0 + \rho_1 t) + \mu
                     + \sum_{k=1}^{p} \Gamma_k\, \Delta x_{t-k} + \varepsilon_t

    with :math:`\rho_0` for ``"ci"``, :math:`\mu` for ``"c"``, :math:`\mu` and :math:`\rho_1` for
    ``"ct"`` (cases 2, 3 and 4 of Johansen 1995, Likelihood-based inference in cointegrated vector
    autoregressive models, section 5.7). Both sides are freed of the regressors without restriction
    by one orthogonal factor; the singular values of the product of orthonormal bases of what
    remains are the canonical correlations. Series are centred (but for ``"n"``) and scaled first,
    so that the answer does not depend on their units.
    """
    scale = np.sqrt(np.mean((levels - (levels.mean(axis=0) if trend != "n" else 0.0)) ** 2, axis=0))
    values = (levels - (levels.mean(axis=0) if trend != "n" else 0.0)) / scale
    changes = np.diff(values, axis=0)
    rows = len(changes) - lags
    change, level = changes[lags:], values[lags:-1]
    free = [changes[lags - m : len(changes) - m] for m in range(1, lags + 1)]
    if trend in ("c", "ct"):
        free.insert(0, np.ones((rows, 1)))
    if trend == "ci":
        level = np.hstack([level, np.ones((rows, 1))])
    elif trend == "ct":
        level = np.hstack([level, np.linspace(-1.0, 1.0, rows)[:, None]])
    if free:
        basis = np.linalg.qr(np.hstack(free))[0]
        for _ in range(2):  # the second pass removes the rounding of the first
            change = change - basis @ (basis.T @ change)
            level = level - basis @ (basis.T @ level)
    q_change, r_change = _orthonormal(change)
    q_level, r_level = _orthonormal(level)
    left, correlations, right = np.linalg.svd(q_change.T @ q_level, full_matrices=False)
    weights = np.linalg.solve(r_level, right.T) * np.sqrt(rows)
    adjustment = r_change.T @ (left * correlations) / np.sqrt(rows)
    assets = levels.shape[1]
    return ReducedRank(
        eigenvalues=correlations**2,
        vectors=weights[:assets] / scale[:, None],
        adjustment=adjustment * scale[:, None],
        rows=rows,
    )


def _orthonormal(block: FloatArray) -> tuple[FloatArray, FloatArray]:
    """QR factor of a block whose columns are independent."""
    q, r = np.linalg.qr(block)
    pivot = np.abs(np.diag(r))
    if not np.all(pivot > 1e-11 * np.sqrt(np.sum(r * r, axis=0))):
        raise np.linalg.LinAlgError("the columns are linearly dependent")
    return q, r
