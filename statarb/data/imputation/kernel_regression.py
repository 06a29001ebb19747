"""NP100: kernel regression on the other assets over a moving window."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.imputation.base import Imputer
from statarb.data.imputation.returns import carried_returns, fill_by_steps

__all__ = ["NP100"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NP100(Imputer):
    """Non-parametric multivariate regression with a moving window of 100 rows.

    A missing return is the average of the asset's returns s rows ago, s = 1..100, weighted by how
    alike the other assets' returns were to those of today: ``r_i(t) = sum_s K(d(t, s)) r_i(s) /
    sum_s K(d(t, s))``, ``K(d) = exp(-d / 2 h^2)``, d the squared distance over the assets quoted at
    t, each scaled by its standard deviation in the window. Nadaraya (1964), Theory of Probability
    and its Applications 9; Watson (1964), Sankhya A 26. The bandwidth follows the median of d
    (Garreau, Jitkrittum & Kanagawa 2017): ``2 h^2 = bandwidth^2 * median(d)``.

    Gaps of the others are carried over. Where nothing at all is quoted the expected return is 0.
    Uses rows up to t alone: does not look ahead, unless ``tie`` is set (or ``max_gap`` without
    ``fill_start``).

    Parameters
    ----------
    max_gap, fill_start, n_jobs
        As in :class:`Imputer`; there is one worker at most.
    length : int
        Rows of the moving window.
    bandwidth : float
        Factor on the bandwidth. Positive.
    tie : bool
        Tie the path over a gap to the quote at its far side. More exact, and looks ahead on a
        whole panel.
    """

    name: ClassVar[str] = "np100"

    length: int = 100
    bandwidth: float = 0.5
    tie: bool = False

    def __post_init__(self) -> None:
        """Check every setting once."""
        super().__post_init__()
        check_integer("length", self.length, at_least=2)
        check_number("bandwidth", self.bandwidth, above=0.0)
        check_choice("tie", self.tie, (True, False))

    @property
    def looks_ahead(self) -> bool:
        """Where paths are tied to the far side of a gap."""
        return self.tie or super().looks_ahead

    def fill(self, prices: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill the gaps in place; see :meth:`Imputer.fill`."""
        logs = np.log(prices)
        seen = ~np.isnan(logs)
        returns = carried_returns(logs)
        started = np.logical_or.accumulate(seen, axis=0)
        steps = np.zeros_like(logs)
        rows = np.flatnonzero(seen.any(axis=1))
        after_gap = np.zeros_like(seen)
        np.logical_and(seen[1:], ~seen[:-1], out=after_gap[1:])
        wanted = (started & ~seen) | (after_gap if self.tie else False)
        for place, row in enumerate(rows):
            columns = np.flatnonzero(wanted[row])
            if place > 0 and len(columns):
                past = rows[max(0, place - self.length) : place]
                steps[row, columns] = _expected(
                    returns[past], seen[past], returns[row], seen[row], columns, self.bandwidth
                )
        fill_by_steps(prices, logs, steps, elapsed, self.tie)
        return []


def _expected(
    past: FloatArray,
    seen: BoolArray,
    now: FloatArray,
    quoted: BoolArray,
    columns: IntArray,
    bandwidth: float,
) -> FloatArray:
    """Return the kernel regression of ``past[:, columns]`` (rows, assets) at the point ``now``
    (assets,), 0 where there is none.

    An asset's own return is never part of the distance, a row in which it was not quoted has no
    weight.
    """
    spread = past.std(axis=0)
    used = np.flatnonzero(quoted & (spread > 1e-12))
    apart = ((past[:, used] - now[used]) / spread[used]) ** 2
    distance = np.repeat(apart.sum(axis=1)[:, None], len(columns), axis=1)
    own = np.searchsorted(used, columns)
    inside = own < len(used)
    inside[inside] = used[own[inside]] == columns[inside]
    distance[:, inside] -= apart[:, own[inside]]
    others = len(used) - inside.astype(np.int64)
    width = bandwidth**2 * np.median(distance, axis=0)
    width[width <= 0.0] = 1.0
    weight = np.exp(-(distance - distance.min(axis=0)) / width) * seen[:, columns]
    total = weight.sum(axis=0)
    average = np.divide(
        (weight * past[:, columns]).sum(axis=0),
        total,
        out=np.zeros(len(columns)),
        where=total > 0.0,
    )
    return np.where(others > 0, average, 0.0)
