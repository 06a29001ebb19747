"""Storage of a panel: its file, its header and its digest."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from statarb.data import storage
from statarb.data.panel_fields import PanelFields

__all__ = ["PanelFiles"]


class PanelFiles(PanelFields):
    """What is written of a panel and compared with others; see :class:`statarb.Panel`."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the panel to one Parquet file, with a checksum; whole or not at all.

        Parameters
        ----------
        path : path
            The file.

        Raises
        ------
        DataError
            Labels that are neither integers nor text, or metadata that JSON cannot hold.
        """
        storage.write_arrays(path, self.header(), self._stamps, self._columns(), self.digest())

    def digest(self) -> str:
        """Return a hash of all that the panel holds; equal panels have equal digests on every
        machine.
        """
        return storage.arrays_digest(self.header(), self._grid, self._rows, self._columns())

    def header(self) -> dict[str, Any]:
        """Return what the panel holds beside its arrays, as JSON can hold it.

        Returns
        -------
        dict
            Times in microseconds since 1970; :meth:`from_header` makes a panel of it.

        Raises
        ------
        DataError
            A label that is neither an integer nor text.
        """
        return {
            "assets": [storage.plain_label(asset) for asset in self._assets],
            "symbol": [str(symbol) for symbol in self._table["symbol"]],
            "name": [str(name) for name in self._table["name"]],
            "grid": storage.packed_grid(self._grid, self._step),
            "places": None if self._places is self._rows else self._places.tolist(),
            "step": int(self._step.astype(np.int64)),
            "now": None if self._now is None else int(self._now.astype(np.int64)),
            "zone": None if self._zone is None else str(self._zone),
            "numeraire": None if self.numeraire is None else storage.plain_label(self.numeraire),
            "imputation": self.imputation,
            "looks_ahead": self.looks_ahead,
            "metadata": self.metadata,
        }

    def equals(self, other: object) -> bool:
        """Whether ``other`` is a panel with the same grid, assets, arrays and mask, bit for bit.

        Parameters
        ----------
        other : object
            Anything.

        Returns
        -------
        bool
        """
        return (
            isinstance(other, PanelFiles)
            and np.array_equal(self._grid, other._grid)
            and np.array_equal(self._rows, other._rows)
            and self._assets.equals(other._assets)
            and self._arrays.keys() == other._arrays.keys()
            and all(
                np.array_equal(values, other._arrays[name], equal_nan=True)
                for name, values in self._arrays.items()
            )
            and np.array_equal(self.observed_array, other.observed_array)
        )

    def _columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the stored arrays by name, ``observed`` among them where the panel is imputed."""
        columns: dict[str, np.ndarray[Any, Any]] = {name: self.array(name) for name in self.fields}
        if self._observed is not None:
            columns["observed"] = self._observed
        return columns
