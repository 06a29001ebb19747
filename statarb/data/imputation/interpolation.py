"""LVCF and LINT: the last value, and straight lines."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from statarb._core.typing import FloatArray
from statarb.data._engine.fill import carry_forward
from statarb.data.imputation._engine.gap_fill import interpolate
from statarb.data.imputation.base import Imputer

__all__ = ["LINT", "LVCF"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LVCF(Imputer):
    """Last value carried forward: ``P(t) = P(a)``, a the time of the last quote before t.

    Source: Little & Rubin (2019), Statistical Analysis with Missing Data, 3rd ed., ch. 4. Needs
    nothing after t, unless ``max_gap`` is set without ``fill_start``.

    Parameters
    ----------
    max_gap, fill_start, n_jobs
        As in :class:`Imputer`.
    """

    name: ClassVar[str] = "lvcf"

    def fill(self, prices: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill the gaps in place; see :meth:`Imputer.fill`."""
        carry_forward(prices, np.arange(len(prices)), -1)
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class LINT(Imputer):
    """Linear interpolation: ``P(t) = P(a) + (P(b) - P(a)) (t - a) / (b - a)``, a and b the times of
    the quotes around t.

    A gap that is open at the end has no b: there the last value is carried forward. Source:
    Junninen et al. (2004), Methods for imputation of missing values in air quality data sets,
    Atmospheric Environment 38, eq. 1. Looks ahead on a whole panel.

    Parameters
    ----------
    max_gap, fill_start, n_jobs
        As in :class:`Imputer`.
    """

    name: ClassVar[str] = "lint"
    whole_sample: ClassVar[bool] = True

    def fill(self, prices: FloatArray, elapsed: FloatArray) -> list[int]:
        """Fill the gaps in place; see :meth:`Imputer.fill`."""
        interpolate(prices, elapsed)
        return []
