"""Results of a scan of pairs, best first, as arrays."""

from __future__ import annotations

import dataclasses
import html
import os
from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.files import atomic_path
from statarb._core.typing import BoolArray, FloatArray
from statarb.cointegration._engine.engle_granger import OK, STATUS
from statarb.errors import ParameterError

__all__ = ["PairScan"]

COLUMNS = (
    "y",
    "x",
    "hedge_ratio",
    "tau",
    "pvalue",
    "pvalue_adjusted",
    "lag",
    "half_life",
    "correlation",
)
SHOWN = 20
"""Tests of a scan that are printed."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PairScan:
    """Engle-Granger tests of ordered pairs, sorted by p-value; arrays of one length, about 60 bytes
    per test.

    Made by :func:`statarb.scan_pairs`. Tests that could not be made come last, with NaN, lag -1 and
    a status. Printed, it shows its first tests as a table.

    Parameters
    ----------
    assets : Index
        Labels; ``y`` and ``x`` are positions in it.
    y, x : (tests,) int32
        Explained and explaining asset.
    hedge_ratio : (tests,)
        Slope of log y on log x: units of log x to sell against one of log y.
    tau : (tests,)
        t-ratio of the lagged residual in the augmented Dickey-Fuller regression.
    pvalue : (tests,)
        MacKinnon's asymptotic p-value.
    pvalue_adjusted : (tests,)
        Adjusted for the number of tests made.
    lag : (tests,) int16
        Lagged differences in the regression; -1 where there was none.
    half_life : (tests,)
        Half-life in steps of the first-order autoregression of the residual; inf where it does not
        revert. Quote noise makes it too short.
    correlation : (tests,)
        Correlation of the one-step log returns, of the common sample, each less its trend.
    observations : (tests,) int32
        Size of the common sample.
    status : (tests,) int8
        Position in :attr:`meaning`.
    settings : dict
        What :func:`statarb.scan_pairs` was called with, and the number of tests that the adjustment
        counted.
    """

    assets: pd.Index
    y: npt.NDArray[np.int32]
    x: npt.NDArray[np.int32]
    hedge_ratio: FloatArray
    tau: FloatArray
    pvalue: FloatArray
    pvalue_adjusted: FloatArray
    lag: npt.NDArray[np.int16]
    half_life: FloatArray
    correlation: FloatArray
    observations: npt.NDArray[np.int32]
    status: npt.NDArray[np.int8]
    settings: dict[str, Any]

    meaning = STATUS

    def __len__(self) -> int:
        return len(self.tau)

    def __getitem__(self, key: slice | BoolArray | npt.NDArray[np.integer[Any]]) -> PairScan:
        """Return some of the tests, in this order; p-values stay adjusted for all tests of the
        scan.
        """
        if not isinstance(key, (slice, np.ndarray)):
            raise ParameterError(
                f"a scan is indexed by a slice or an array, got {key!r}; for one pair use "
                "scan.pair(y, x)"
            )
        arrays = {name: getattr(self, name)[key] for name in (*COLUMNS, "observations", "status")}
        return dataclasses.replace(self, **arrays)

    def _summary(self) -> str:
        words = ", ".join(
            f"{count} {name}" for name, count in self.status_counts().items() if count
        )
        return f"PairScan({len(self)} tests of {len(self.assets)} assets: {words})"

    def _rest(self) -> str:
        return f"... {len(self) - SHOWN:,} more" if len(self) > SHOWN else ""

    def __repr__(self) -> str:
        if not len(self):
            return f"PairScan(0 tests of {len(self.assets)} assets)"
        table = self.to_frame(SHOWN).to_string(float_format="{:.4g}".format)
        return "\n".join(filter(None, (self._summary(), table, self._rest())))

    def _repr_html_(self) -> str:
        """Return the first tests as a table for notebooks."""
        table = self.to_frame(SHOWN).to_html(float_format="{:.4g}".format)
        return f"<p>{html.escape(self._summary())}</p>{table}<p>{self._rest()}</p>"

    def head(self, count: int = 10) -> PairScan:
        """Return the first tests.

        Parameters
        ----------
        count : int
            Number of tests.

        Returns
        -------
        PairScan
        """
        return self[: check_integer("count", count, at_least=0)]

    def pair(self, y: Hashable, x: Hashable) -> pd.Series:
        """Return one test.

        Parameters
        ----------
        y, x : label
            Explained and explaining asset.

        Returns
        -------
        Series
            The columns of :meth:`to_frame` with details.

        Raises
        ------
        ParameterError
            Where the scan holds no such test.
        """
        place = self.assets.get_indexer(pd.Index([y, x]))
        found = np.flatnonzero((self.y == place[0]) & (self.x == place[1]) & (place.min() >= 0))
        if len(found) == 0:
            raise ParameterError(f"the scan holds no test of {y!r} on {x!r}")
        return self[found[:1]].to_frame(details=True).iloc[0]

    def filter(
        self,
        *,
        pvalue: float | None = None,
        pvalue_adjusted: float | None = None,
        half_life: tuple[float, float] | None = None,
        hedge_ratio: tuple[float, float] | None = None,
        correlation: tuple[float, float] | None = None,
        one_direction: bool = False,
    ) -> PairScan:
        """Return the tests that were made and that meet all bounds given.

        Parameters
        ----------
        pvalue, pvalue_adjusted : float, optional
            Largest value.
        half_life, hedge_ratio, correlation : (low, high), optional
            Smallest and largest value, both included.
        one_direction : bool
            Whether to keep of ``y, x`` and ``x, y`` the better one alone.

        Returns
        -------
        PairScan
            In the same order.

        Raises
        ------
        ParameterError
            Bounds in the wrong order.
        """
        keep = self.status == OK
        for name, bound in (("pvalue", pvalue), ("pvalue_adjusted", pvalue_adjusted)):
            if bound is not None:
                keep &= getattr(self, name) <= bound
        for name, limits in (
            ("half_life", half_life),
            ("hedge_ratio", hedge_ratio),
            ("correlation", correlation),
        ):
            if limits is None:
                continue
            low, high = limits
            if not low <= high:
                raise ParameterError(
                    f"{name} must be (low, high) with low at most high, got {limits!r}"
                )
            values = getattr(self, name)
            keep &= (values >= low) & (values <= high)
        chosen = np.flatnonzero(keep)
        if one_direction:
            y, x = self.y[chosen].astype(np.int64), self.x[chosen].astype(np.int64)
            _, first = np.unique(
                np.minimum(y, x) * len(self.assets) + np.maximum(y, x), return_index=True
            )
            chosen = chosen[np.sort(first)]
        return self[chosen]

    def status_counts(self) -> dict[str, int]:
        """Count the tests by status."""
        counts = np.bincount(self.status, minlength=len(STATUS))
        return {name: int(count) for name, count in zip(STATUS, counts, strict=True)}

    def to_frame(self, limit: int | None = None, *, details: bool = False) -> pd.DataFrame:
        """Return a table, best first.

        Parameters
        ----------
        limit : int, optional
            Number of tests, from the best on; by default all.
        details : bool
            Whether to add the columns ``observations`` and ``status``, the latter in words.

        Returns
        -------
        DataFrame
            Columns ``y, x, hedge_ratio, tau, pvalue, pvalue_adjusted, lag, half_life,
            correlation``; ``y`` and ``x`` are labels.
        """
        part = self if limit is None else self.head(limit)
        columns: dict[str, Any] = {name: getattr(part, name) for name in COLUMNS}
        columns["y"], columns["x"] = self.assets.take(part.y), self.assets.take(part.x)
        if details:
            columns["observations"] = part.observations
            columns["status"] = np.array(STATUS)[part.status]
        return pd.DataFrame(columns)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the table with its details to a Parquet file, whole or not at all; label columns
        are dictionaries.

        Parameters
        ----------
        path : path
            File; replaced where it exists.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        labels = pa.array(self.assets)
        columns: dict[str, Any] = {
            name: pa.array(getattr(self, name)) for name in (*COLUMNS[2:], "observations")
        }
        columns["status"] = pa.DictionaryArray.from_arrays(pa.array(self.status), pa.array(STATUS))
        sides = {
            name: pa.DictionaryArray.from_arrays(pa.array(getattr(self, name)), labels)
            for name in ("y", "x")
        }
        with atomic_path(path) as temporary:
            pq.write_table(pa.table({**sides, **columns}), temporary)
