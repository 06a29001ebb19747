"""Fields of a panel: what it holds, as arrays and as frames."""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.time import Stamps, with_zone
from statarb._core.typing import AnyFloatArray, BoolArray, FloatArray, IntArray
from statarb.data import fill
from statarb.errors import ParameterError

__all__ = ["PanelFields", "read_only"]


class PanelFields:
    """What a panel holds: its grid, rows, assets and fields; see :class:`statarb.Panel`."""

    _grid: Stamps
    _rows: IntArray
    _stamps: Stamps
    _places: IntArray
    _zone: datetime.tzinfo | None
    _assets: pd.Index
    _arrays: dict[str, AnyFloatArray]
    _observed: BoolArray | None
    _table: pd.DataFrame
    _step: np.timedelta64
    _now: np.datetime64 | None
    numeraire: Hashable | None
    imputation: str | None
    looks_ahead: bool
    metadata: dict[str, Any]

    @property
    def assets(self) -> pd.Index:
        """Asset labels, in the order of the columns."""
        return self._assets

    @property
    def table(self) -> pd.DataFrame:
        """Asset table: columns ``symbol`` and ``name`` by asset."""
        return self._table

    @property
    def zone(self) -> datetime.tzinfo | None:
        """Zone in which times are shown; ``None``: naive, and UTC."""
        return self._zone

    @property
    def grid(self) -> pd.DatetimeIndex:
        """All times of the grid, in the panel's zone."""
        return with_zone(self._grid, self._zone)

    @property
    def grid_array(self) -> Stamps:
        """All times of the grid, datetime64[us] in UTC, read-only."""
        grid: Stamps = read_only(self._grid)
        return grid

    @property
    def times(self) -> pd.DatetimeIndex:
        """Times of the rows, in the panel's zone: those at which at least one asset has a price."""
        return with_zone(self._stamps, self._zone)

    @property
    def times_array(self) -> Stamps:
        """Times of the rows, datetime64[us] in UTC, read-only."""
        times: Stamps = read_only(self._stamps)
        return times

    @property
    def places(self) -> IntArray:
        """Positions of the rows in the grid of the whole panel, which a window keeps: two rows that
        are k apart have k - 1 times of the grid between them.
        """
        places: IntArray = read_only(self._places)
        return places

    @property
    def rows(self) -> IntArray:
        """Positions of the rows in the grid."""
        rows: IntArray = read_only(self._rows)
        return rows

    @property
    def step(self) -> pd.Timedelta:
        """Distance between neighbouring times of the grid."""
        return pd.Timedelta(self._step)

    @property
    def now(self) -> pd.Timestamp:
        """Time up to which the panel knows: the end of a window, else the last time of the grid."""
        now = self._grid[-1] if self._now is None else self._now
        return with_zone(np.array([now]), self._zone)[0]

    @property
    def now_stamp(self) -> np.datetime64:
        """The time :attr:`now` as datetime64[us] in UTC."""
        return np.datetime64(self._grid[-1] if self._now is None else self._now)

    @property
    def is_window(self) -> bool:
        """Whether the panel is a window: it ends at a time that was asked for."""
        return self._now is not None

    @property
    def is_imputed(self) -> bool:
        """Whether cells hold prices that were not quoted, so that prices do not tell what was."""
        return self._observed is not None

    @property
    def steps_since_last_row(self) -> int:
        """Whole steps from the last row to :attr:`now`; 0 where the last row is now."""
        now = self._grid[-1] if self._now is None else self._now
        return int((now - self._stamps[-1]) // self._step)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of assets: the shape of :meth:`array`."""
        return len(self._rows), len(self._assets)

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Number of times of the grid and of assets: the shape of :attr:`price`."""
        return len(self._grid), len(self._assets)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that the panel holds, ``price`` first."""
        return ("price", *(name for name in self._arrays if name != "price"))

    @property
    def price(self) -> pd.DataFrame:
        """Quoted price, grid x asset; NaN where there is none."""
        return self.field("price")

    @property
    def unrounded(self) -> pd.DataFrame:
        """Market capitalisation over circulating supply where both are given, else the quoted
        price; grid x asset.
        """
        return self._on_grid(self.array("unrounded"), np.nan)

    @property
    def observed(self) -> pd.DataFrame:
        """Whether the cell was quoted (and not filled by an imputation), grid x asset."""
        return self._on_grid(self.observed_array, False)

    @property
    def observed_array(self) -> BoolArray:
        """Whether the cell was quoted, rows x assets."""
        return self._observed if self._observed is not None else ~np.isnan(self._arrays["price"])

    def field(self, name: str) -> pd.DataFrame:
        """Return one field on the grid.

        Parameters
        ----------
        name : str
            One of :attr:`fields`.

        Returns
        -------
        DataFrame, grid x asset
            NaN where missing.

        Raises
        ------
        ParameterError
            Where the panel has no such field; lists those it has.
        """
        return self._on_grid(self.array(name), np.nan)

    def array(self, name: str = "price") -> AnyFloatArray:
        """Return one field as stored.

        Parameters
        ----------
        name : str
            One of :attr:`fields`; ``unrounded`` is the price where a panel has none.

        Returns
        -------
        (rows, assets)
            Read-only; NaN where missing.

        Raises
        ------
        ParameterError
            Where the panel has no such field; lists those it has.
        """
        found = self._arrays.get(name)
        if found is not None:
            return found
        if name == "unrounded":
            return self._arrays["price"]
        raise ParameterError(
            f"field must be one of {', '.join(map(repr, self.fields))}, got {name!r}"
        )

    def last_known(self, name: str = "price", *, max_age: int | None = None) -> FloatArray:
        """Return one field with the last value of each asset carried forward.

        Parameters
        ----------
        name : str
            A field of the panel.
        max_age : int, optional
            Oldest value that still counts, in steps of the grid; by default a value counts until
            the next one.

        Returns
        -------
        (rows, assets)
            A new array at every call; NaN before an asset's first value. Row i depends on rows up
            to i alone.

        Raises
        ------
        ParameterError
            No such field, or an age that is no integer of at least 0.
        """
        return fill.last_known(self.array(name), self._places, max_age=max_age)

    def log_returns(
        self, name: str = "price", *, max_gap: int | None = None, per_step: bool = False
    ) -> FloatArray:
        r"""Return each asset's log returns from quote to quote.

        Parameters
        ----------
        name : str
            A field of the panel: ``"price"`` or ``"unrounded"``.
        max_gap : int, optional
            Longest gap that a return may span, in steps of the grid: 1 leaves neighbours alone. By
            default any.
        per_step : bool
            Whether a return over k steps is divided by the root of k.

        Returns
        -------
        (rows, assets)
            Known at their row; NaN where an asset has no quote, none before it in the panel, or too
            long a gap. A missing quote never counts as a return of zero.

        Raises
        ------
        ParameterError
            No such field, or a gap that is no integer of at least 1.

        Notes
        -----
        With an asset's neighbouring quotes at the rows :math:`s < t`, k steps of the grid apart:

        .. math:: r_t = \ln P_t - \ln P_s, \quad \text{per step}: r_t / \sqrt{k}

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from statarb import Panel
        >>> days = pd.date_range("2020-01-01", periods=3)
        >>> panel = Panel.from_frame(pd.DataFrame({"a": [1.0, np.nan, 4.0]}, index=days), step="1D")
        >>> panel.log_returns()[:, 0].round(3).tolist()
        [nan, 1.386]
        >>> panel.log_returns(max_gap=1)[:, 0].tolist()
        [nan, nan]
        """
        return fill.log_returns(self.array(name), self._places, max_gap=max_gap, per_step=per_step)

    def columns_of(self, assets: Sequence[Hashable] | pd.Index) -> IntArray:
        """Return the positions of assets in the columns.

        Parameters
        ----------
        assets : sequence of labels
            In any order.

        Returns
        -------
        (n,) int64
            Positions in :attr:`assets`.

        Raises
        ------
        ParameterError
            An asset that the panel does not have; names the first such one.
        """
        column = self._assets.get_indexer(pd.Index(assets))
        if (column < 0).any():
            missing = pd.Index(assets).tolist()[int(np.flatnonzero(column < 0)[0])]
            alike = self._assets[
                (self._table["symbol"] == str(missing)) | (self._assets.map(str) == str(missing))
            ].tolist()
            known = f"{len(self._assets)} assets, {_some(self._assets)}" + (
                f"; did you mean {alike[0]!r}?" if alike else ""
            )
            raise ParameterError(f"asset {missing!r} is not in the panel ({known})")
        return column.astype(np.int64)

    def _on_grid(self, values: np.ndarray[Any, Any], missing: object) -> pd.DataFrame:
        if len(self._rows) != len(self._grid):
            whole = np.full((len(self._grid), values.shape[1]), missing, dtype=values.dtype)
            whole[self._rows] = values
            values = whole
        return pd.DataFrame(values, index=self.grid, columns=self._assets, copy=False)


def read_only(values: Any) -> Any:
    """Return a view of an array that cannot be written.

    Parameters
    ----------
    values : array
        Stays as it is.

    Returns
    -------
    array
    """
    view = values.view()
    view.flags.writeable = False
    return view


def _some(labels: pd.Index) -> str:
    shown = ", ".join(repr(label) for label in labels[:3])
    return f"{shown}, ..." if len(labels) > 3 else shown
