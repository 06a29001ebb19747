"""Panel: what was quoted, when, and what was not."""

from __future__ import annotations

import datetime
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer
from statarb._core.tables import check_labels
from statarb._core.time import Stamps, as_stamp, as_zone, step_text, usual_step, with_zone
from statarb._core.typing import AnyFloatArray, BoolArray, FloatArray, IntArray, TimeLike
from statarb.data import fill, storage
from statarb.data.asof import joined_field
from statarb.data.gridding import asset_table, check_rows, closed, gridded_tables
from statarb.errors import DataError, ParameterError

__all__ = ["Panel"]

BITCOIN = 1442
"""Id of BTC in the case's data, in whose units its order limits are stated."""


class Panel:
    """Prices of many assets over time, on a grid, with the mask of what was observed.

    A panel has a *grid* of times, and *rows*: those times of the grid at which at least one asset
    has a price. Only rows are stored, as float64 arrays, time x asset, C order, read-only. The
    frames (:attr:`price` and its like) show the whole grid, with NaN where nothing was observed;
    the arrays (:meth:`array`) show the rows alone. After a gap the last row is lag 1.

    A *window* of a panel is a panel too: read-only views of at most ``depth`` rows, nothing after
    its end (:meth:`window`). The grid of a window is its rows; it has all columns of the panel, and
    no metadata, which tells of the whole panel.

    Panels are made by :func:`statarb.read_quotes`, :meth:`from_frame`, :meth:`load` or
    :func:`statarb.simulate_market`.

    Parameters
    ----------
    grid : (times,) datetime64[us]
        Strictly increasing, UTC.
    rows : (rows,) int64
        Positions in ``grid`` of the stored rows, strictly increasing.
    assets : Index
        Asset labels, unique.
    arrays : mapping of str to (rows, assets) array
        ``price`` (float64) and, where known, ``unrounded`` (float64), ``volume``, ``market_cap``
        and any further field. NaN where missing.
    observed : (rows, assets) bool, optional
        What was quoted; by default every cell with a price. It differs after an imputation.
    table : DataFrame, optional
        Columns ``symbol`` and ``name`` by asset.
    step : timedelta64, optional
        Distance between neighbouring times of the grid; by default the most common one.
    numeraire : label, optional
        Asset in whose units order limits are usually stated.
    imputation : str, optional
        Method that filled missing cells.
    looks_ahead : bool
        Whether a filled cell may depend on later ones.
    metadata : dict, optional
        Anything worth keeping that JSON can hold: how the panel was read, what was planted.
    zone : tzinfo, optional
        Zone in which times are shown; by default they are naive, and UTC.

    Notes
    -----
    A row at time t is known at t.
    """

    def __init__(
        self,
        grid: Stamps,
        rows: IntArray,
        assets: pd.Index,
        arrays: Mapping[str, AnyFloatArray],
        *,
        observed: BoolArray | None = None,
        table: pd.DataFrame | None = None,
        step: np.timedelta64 | None = None,
        numeraire: Hashable | None = None,
        imputation: str | None = None,
        looks_ahead: bool = False,
        metadata: Mapping[str, Any] | None = None,
        zone: datetime.tzinfo | None = None,
    ) -> None:
        shape = (len(rows), len(assets))
        if "price" not in arrays:
            raise DataError(f"a panel needs the array 'price', got {sorted(arrays)}")
        for name, values in [
            *arrays.items(),
            *([("observed", observed)] if observed is not None else []),
        ]:
            if values.shape != shape:
                raise DataError(
                    f"array {name!r} must have the shape (rows, assets) = {shape}, got "
                    f"{values.shape}"
                )
        check_labels("a panel", assets)
        self._grid: Stamps = np.asarray(grid, dtype="datetime64[us]")
        self._rows: IntArray = np.asarray(rows, dtype=np.int64)
        check_rows(self._grid, self._rows)
        self._stamps: Stamps = self._grid[self._rows]
        self._places: IntArray = self._rows
        self._zone: datetime.tzinfo | None = zone
        self._assets = assets
        self._arrays: dict[str, AnyFloatArray] = {
            name: _read_only(values) for name, values in arrays.items()
        }
        self._observed: BoolArray | None = None if observed is None else _read_only(observed)
        self._table = asset_table(table, assets)
        self._step = usual_step(self._grid) if step is None else np.timedelta64(step, "us")
        self._now: np.datetime64 | None = None
        self.numeraire: Hashable | None = numeraire
        self.imputation = imputation
        self.looks_ahead = looks_ahead
        self.metadata: dict[str, Any] = dict(metadata or {})

    # -- making ------------------------------------------------------------------------------------

    @classmethod
    def from_frame(
        cls,
        prices: pd.DataFrame,
        *,
        unrounded: pd.DataFrame | None = None,
        volume: pd.DataFrame | None = None,
        market_cap: pd.DataFrame | None = None,
        table: pd.DataFrame | None = None,
        step: str | pd.Timedelta | None = None,
        numeraire: Hashable | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Panel:
        """Make a panel of a table of prices: any assets, any step.

        Parameters
        ----------
        prices : DataFrame
            Times x assets. Positive; NaN where there was no quote. Of pandas (nullable and Arrow
            dtypes too), polars, Arrow or whatever narwhals reads. The index are times, or one
            column holds them; naive times are UTC. Rows are put in order of time. The times become
            the panel's grid as they are, unless ``step`` is given; frames of the panel show them in
            the zone that they came in.
        unrounded, volume, market_cap : DataFrame, optional
            Further fields with the same times and columns.
        table : DataFrame, optional
            Columns ``symbol`` and ``name``, indexed by the columns of ``prices``.
        step : str or Timedelta, optional
            Puts the rows on a regular grid of this step from the first time to the last: times are
            floored to it, the last row of a cell counts, and cells without a row are missing.
        numeraire : label, optional
            Asset in whose units order limits are stated.
        metadata : mapping, optional
            Anything worth keeping that JSON can hold.

        Raises
        ------
        DataError
            A time that is there twice, duplicated columns, an asset labelled as cash (``"USD"``), a
            price that is zero, negative or infinite, no price at all; a field with other times, or
            without one of the columns; a numeraire that is no column.
        ParameterError
            A step that is no positive time span.

        Notes
        -----
        A row stamped t must be known at t. Stamp daily closes by the close (or the day after), not
        by the day's start, and
        candles by their end: :func:`statarb.read_ohlcv` does it.

        Examples
        --------
        Any prices will do. Two assets by day, one of them listed on the second day:

        >>> import pandas as pd
        >>> days = pd.date_range("2020-01-01 22:00", periods=4, freq="D")
        >>> quotes = {"gold": [10.0, 11.0, 10.5, 10.0], "wood": [None, 2.0, 2.1, 2.2]}
        >>> prices = pd.DataFrame(quotes, index=days)
        >>> panel = Panel.from_frame(prices)
        >>> panel.shape, panel.step
        ((4, 2), Timedelta('1 days 00:00:00'))
        >>> panel.observed["wood"].tolist()
        [False, True, True, True]

        Ticks at odd times go on a regular grid: times are floored, the last price of a cell counts,
        empty cells are missing. (A price that is to be used at its cell's time must be known by
        then: shift the index by a step where that matters.)

        >>> clock = ["09:00:07", "09:04:30", "09:11:00"]
        >>> when = pd.to_datetime([f"2020-01-01 {time}" for time in clock])
        >>> ticks = pd.DataFrame({"gold": [10.0, 10.1, 10.3]}, index=when)
        >>> Panel.from_frame(ticks, step="5min").price["gold"].tolist()
        [10.1, nan, 10.3]

        A decision at t looks at a window, which shows nothing after t; what a trade costs stands in
        its own object, and the limits of the case are off for assets that it does not know:

        >>> panel.window(days[2], depth=2).price["gold"].tolist()
        [11.0, 10.5]
        >>> from statarb import TradingRules
        >>> TradingRules(capital=1_000.0, fee=0.001).without_limits().limited
        False

        From long rows (time, asset, price) ``frame.pivot(index="time", columns="asset",
        values="price")`` makes the table. A further series joins by :meth:`with_field`.
        """
        extra = {"unrounded": unrounded, "volume": volume, "market_cap": market_cap}
        found = gridded_tables(
            prices, {name: frame for name, frame in extra.items() if frame is not None}, step
        )
        if numeraire is not None and numeraire not in found.assets:
            raise DataError(f"numeraire {numeraire!r} is not a column of prices")
        if numeraire is None and BITCOIN in found.assets:
            numeraire = BITCOIN
        return cls(
            found.grid,
            found.rows,
            found.assets,
            found.arrays,
            zone=found.zone,
            table=table,
            step=None
            if step is None
            else pd.Timedelta(step).to_timedelta64().astype("timedelta64[us]"),
            numeraire=numeraire,
            metadata=metadata,
        )

    # -- what it holds -----------------------------------------------------------------------------

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
        grid: Stamps = _read_only(self._grid)
        return grid

    @property
    def times(self) -> pd.DatetimeIndex:
        """Times of the rows, in the panel's zone: those at which at least one asset has a price."""
        return with_zone(self._stamps, self._zone)

    @property
    def times_array(self) -> Stamps:
        """Times of the rows, datetime64[us] in UTC, read-only."""
        times: Stamps = _read_only(self._stamps)
        return times

    @property
    def places(self) -> IntArray:
        """Positions of the rows in the grid of the whole panel, which a window keeps: two rows that
        are k apart have k - 1 times of the grid between them.
        """
        places: IntArray = _read_only(self._places)
        return places

    @property
    def rows(self) -> IntArray:
        """Positions of the rows in the grid."""
        rows: IntArray = _read_only(self._rows)
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
        >>> days = pd.date_range("2020-01-01", periods=3)
        >>> panel = Panel.from_frame(pd.DataFrame({"a": [1.0, np.nan, 4.0]}, index=days), step="1D")
        >>> panel.log_returns()[:, 0].round(3).tolist()
        [nan, 1.386]
        >>> panel.log_returns(max_gap=1)[:, 0].tolist()
        [nan, nan]
        """
        return fill.log_returns(self.array(name), self._places, max_gap=max_gap, per_step=per_step)

    # -- parts -------------------------------------------------------------------------------------

    def between(self, start: TimeLike | None = None, end: TimeLike | None = None) -> Panel:
        """Return the panel from ``start`` to ``end``, both included, as views.

        Parameters
        ----------
        start, end : time, optional
            By default the first and the last time of the grid; naive times are UTC.

        Returns
        -------
        Panel

        Raises
        ------
        ParameterError
            ``start`` after ``end``, or either is no time.
        DataError
            No time of the grid, or no row, lies between them.
        """
        first = self._grid[0] if start is None else as_stamp("start", start)
        last = self._grid[-1] if end is None else as_stamp("end", end)
        if first > last:
            raise ParameterError(
                f"start must not be after end, got start={pd.Timestamp(first)} and "
                f"end={pd.Timestamp(last)}"
            )
        low = int(np.searchsorted(self._grid, first, side="left"))
        high = int(np.searchsorted(self._grid, last, side="right"))
        low_row = int(np.searchsorted(self._rows, low, side="left"))
        high_row = int(np.searchsorted(self._rows, high, side="left"))
        if low_row >= high_row:
            raise DataError(
                f"no quote between {pd.Timestamp(first)} and {pd.Timestamp(last)}; the panel runs "
                "from "
                f"{pd.Timestamp(self._grid[0])} to {pd.Timestamp(self._grid[-1])}"
            )
        return self._part(
            self._grid[low:high], self._rows[low_row:high_row] - low, low_row, high_row, None
        )

    def window(self, t: TimeLike, depth: int | None = DEPTH) -> Panel:
        """Return what is known at ``t``: the last ``depth`` rows up to and with ``t``, as read-only
        views.

        Parameters
        ----------
        t : time
            End of the window. A row at ``t`` is part of it; nothing after ``t`` is. A window of a
            window ends no later than it.
        depth : int or None
            Largest number of rows (times at which something was quoted); ``None`` gives all of the
            past.

        Returns
        -------
        Panel
            A window: it knows nothing after ``t``.

        Raises
        ------
        DataError
            No row at or before ``t``.
        ParameterError
            ``t`` is no time, or ``depth`` is below 1.
        """
        stamp = as_stamp("t", t)
        if self._now is not None:
            stamp = min(stamp, self._now)
        if depth is not None:
            depth = check_integer("depth", depth, at_least=1)
        return self._window(stamp, depth)

    def row_slice(self, first: int, last: int) -> Panel:
        """Return some rows as a window that ends at the last of them.

        Parameters
        ----------
        first, last : int
            Positions in :attr:`times`: the rows ``first`` to ``last - 1``.

        Returns
        -------
        Panel
        """
        return self._part(self._stamps[first:last], None, first, last, self._stamps[last - 1])

    def select(self, assets: Iterable[Hashable]) -> Panel:
        """Return the panel with these assets alone, in this order. Rows in which none of them has a
        price are no rows.

        Parameters
        ----------
        assets : iterable of labels
            Each once.

        Returns
        -------
        Panel
            Its columns in the order of ``assets``.

        Raises
        ------
        ParameterError
            An asset that the panel does not have, or has been named twice; no asset.
        DataError
            None of the assets has a price.
        """
        if isinstance(assets, str) or not isinstance(assets, Iterable):
            raise ParameterError(
                f"assets must be a list of labels, got {assets!r}; give [{assets!r}]"
            )
        wanted = pd.Index(list(assets))
        if len(wanted) == 0:
            raise ParameterError("assets must name at least one asset, got none")
        if not wanted.is_unique:
            raise ParameterError(f"assets names {wanted[wanted.duplicated()].tolist()[0]!r} twice")
        column = self.columns_of(wanted)
        arrays = {
            name: np.ascontiguousarray(values[:, column]) for name, values in self._arrays.items()
        }
        observed = (
            None if self._observed is None else np.ascontiguousarray(self._observed[:, column])
        )
        some = ~np.isnan(arrays["price"]).all(axis=1)
        if not some.any():
            raise DataError(f"none of the assets {list(wanted)[:5]} has a price in the panel")
        if not some.all():
            arrays = {name: values[some] for name, values in arrays.items()}
            observed = None if observed is None else observed[some]
        numeraire = self.numeraire if self.numeraire in wanted else None
        return self._like(
            self._grid, self._rows[some], wanted, closed(arrays), observed, numeraire=numeraire
        )

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

    def with_arrays(
        self,
        arrays: Mapping[str, AnyFloatArray],
        *,
        rows: IntArray | None = None,
        observed: BoolArray | None = None,
        imputation: str | None = None,
        looks_ahead: bool | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Panel:
        """Return a panel on the same grid with other arrays; what is not given stays as it is.

        Parameters
        ----------
        arrays : mapping of str to (rows, assets) array
            Fields that are new or replaced; NaN where missing.
        rows : (rows,) int64, optional
            Positions in the grid of other rows than now. All arrays are new then: fields that are
            not given are dropped.
        observed : (rows, assets) bool, optional
            What was quoted; with ``rows``, by default every cell with a price.
        imputation : str, optional
            Method that filled missing cells.
        looks_ahead : bool, optional
            Whether a filled cell may depend on later ones.
        metadata : mapping, optional
            Entries that are added to the panel's own.

        Returns
        -------
        Panel

        Raises
        ------
        DataError
            Shapes that do not agree, or rows that are no increasing positions in the grid.
        """
        kept: dict[str, AnyFloatArray] = {} if rows is not None else dict(self._arrays)
        return self._like(
            self._grid,
            self._rows if rows is None else rows,
            self._assets,
            {**kept, **arrays},
            self._observed if observed is None and rows is None else observed,
            imputation=self.imputation if imputation is None else imputation,
            looks_ahead=self.looks_ahead if looks_ahead is None else looks_ahead,
            metadata={**self.metadata, **(metadata or {})},
        )

    def with_field(
        self,
        name: str,
        frame: pd.DataFrame | pd.Series,
        *,
        max_age: str | pd.Timedelta | None = None,
    ) -> Panel:
        """Return the panel with a further field, joined as of its times: a value stamped s is known
        from s on.

        Each cell takes the last number of ``frame`` stamped at or before the cell's time, never a
        later one. Stamp a value by the time at which it was published: the close of a day is known
        when the day is over.

        Parameters
        ----------
        name : str
            Name of the field; one of that name is replaced.
        frame : DataFrame or Series
            Times x assets (columns are labels; assets that it lacks get NaN, columns that are no
            assets are left out), or a Series by time that holds for every asset, such as an index.
            Any step; strictly increasing times.
        max_age : str or Timedelta, optional
            Oldest value that still counts; by default a value counts until the next one.

        Returns
        -------
        Panel

        Raises
        ------
        ParameterError
            A name that is reserved, or an age that is no time span.
        DataError
            Times or assets that do not meet those of the panel; anything but finite numbers and
            NaN.

        Examples
        --------
        >>> import pandas as pd
        >>> days = pd.date_range("2020-01-01", periods=3)
        >>> panel = Panel.from_frame(pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=days))
        >>> asked = pd.to_datetime(["2020-01-01 18:00", "2020-01-03 00:00"])
        >>> mood = pd.Series([0.5, -0.5], index=asked)
        >>> panel.with_field("mood", mood).field("mood")["a"].tolist()
        [nan, 0.5, -0.5]
        """
        return self.with_arrays(
            {name: joined_field(self._stamps, self._assets, name, frame, max_age)}
        )

    # -- storage -----------------------------------------------------------------------------------

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

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Panel:
        """Read a panel written by :meth:`save`.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        Panel

        Raises
        ------
        DataError
            The file is missing, is no panel, or its content does not match its checksum.
        """
        stored = storage.read_arrays(path)
        try:
            panel = cls.from_header(stored.header, stored.times, stored.arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path} cannot be read as a panel: {error}; make it again with `statarb ingest`"
            ) from error
        if panel.digest() != stored.digest:
            raise DataError(
                f"{path} is damaged: its content does not match its checksum; make it again with "
                "`statarb ingest`"
            )
        return panel

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

    @classmethod
    def from_header(
        cls, header: Mapping[str, Any], times: Stamps, arrays: Mapping[str, np.ndarray[Any, Any]]
    ) -> Panel:
        """Make a panel of a :meth:`header`, the times of its rows and their arrays.

        Parameters
        ----------
        header : mapping
            As :meth:`header` gives it.
        times : (rows,) datetime64[us]
            UTC.
        arrays : mapping of str to (rows, assets) array
            The fields, and ``observed`` where the panel is imputed.

        Returns
        -------
        Panel
        """
        grid = storage.unpacked_grid(header["grid"], header["step"])
        assets = pd.Index(header["assets"])
        table = pd.DataFrame({"symbol": header["symbol"], "name": header["name"]}, index=assets)
        fields = {name: values for name, values in arrays.items() if name != "observed"}
        panel = cls(
            grid,
            np.searchsorted(grid, times).astype(np.int64),
            assets,
            closed(fields),
            observed=arrays.get("observed"),
            table=table,
            step=np.timedelta64(header["step"], "us"),
            numeraire=header["numeraire"],
            imputation=header["imputation"],
            looks_ahead=header["looks_ahead"],
            metadata=header["metadata"],
            zone=None if header["zone"] is None else as_zone(header["zone"]),
        )
        if header["places"] is not None:
            panel._places = np.array(header["places"], dtype=np.int64)
        if header["now"] is not None:
            panel._now = np.datetime64(header["now"], "us")
        return panel

    def replaced(
        self,
        grid: Stamps,
        rows: IntArray,
        arrays: Mapping[str, AnyFloatArray],
        *,
        observed: BoolArray | None = None,
        now: np.datetime64 | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Panel:
        """Return a panel of the same assets with another grid and other arrays.

        For tools that make markets of markets, as the checks of causality do; nothing of the old
        arrays is kept.

        Parameters
        ----------
        grid : (times,) datetime64[us]
            UTC, strictly increasing.
        rows : (rows,) int64
            Positions of the rows in ``grid``.
        arrays : mapping of str to (rows, assets) array
            All fields.
        observed : (rows, assets) bool, optional
            What was quoted; by default every cell with a price.
        now : datetime64[us], optional
            Makes the panel a window that ends then.
        metadata : mapping, optional
            By default none.

        Returns
        -------
        Panel
        """
        made = self._like(grid, rows, self._assets, arrays, observed, metadata=metadata or {})
        made._now = now
        return made

    def _columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the stored arrays by name, ``observed`` among them where the panel is imputed."""
        columns: dict[str, np.ndarray[Any, Any]] = {name: self.array(name) for name in self.fields}
        if self._observed is not None:
            columns["observed"] = self._observed
        return columns

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
            isinstance(other, Panel)
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled or copied panel; its arrays are read-only again, which numpy does not
        remember.
        """
        self.__dict__.update(
            state, _arrays={name: _read_only(values) for name, values in state["_arrays"].items()}
        )
        self._observed = None if self._observed is None else _read_only(self._observed)

    def __repr__(self) -> str:
        share = (
            100.0 * float(self.observed_array.sum()) / (len(self._grid) * max(len(self._assets), 1))
        )
        return (
            f"Panel({len(self._assets)} assets x {len(self._grid)} times of "
            f"{step_text(self.step)}, "
            f"{self.grid[0]} to {self.now}, {share:.1f} % observed)"
        )

    # -- inside ------------------------------------------------------------------------------------

    def _window(self, stamp: np.datetime64, depth: int | None) -> Panel:
        """Return the window that ends at ``stamp``; no checks of types, for the walk."""
        high = int(np.searchsorted(self._stamps, stamp, side="right"))
        if high == 0:
            raise DataError(
                f"the window up to {pd.Timestamp(stamp)} is empty: the first quote is at "
                f"{pd.Timestamp(self._stamps[0])}"
            )
        low = 0 if depth is None else max(0, high - depth)
        return self._part(self._stamps[low:high], None, low, high, stamp)

    def _like(
        self,
        grid: Stamps,
        rows: IntArray,
        assets: pd.Index,
        arrays: Mapping[str, AnyFloatArray],
        observed: BoolArray | None,
        **changed: Any,
    ) -> Panel:
        """Return a panel of other arrays that keeps the rest, but for what is in ``changed``."""
        names = ("table", "step", "numeraire", "imputation", "looks_ahead", "metadata", "zone")
        made = Panel(
            grid,
            rows,
            assets,
            arrays,
            observed=observed,
            **{name: getattr(self, name) for name in names} | changed,
        )
        made._now = self._now
        return made

    def _part(
        self, grid: Stamps, rows: IntArray | None, low: int, high: int, now: np.datetime64 | None
    ) -> Panel:
        part = Panel.__new__(Panel)
        part._grid = grid
        part._stamps = self._stamps[low:high]
        part._rows = np.arange(high - low, dtype=np.int64) if rows is None else rows
        part._places = self._places[low:high]
        part._zone = self._zone
        part._assets = self._assets
        part._arrays = {name: values[low:high] for name, values in self._arrays.items()}
        part._observed = None if self._observed is None else self._observed[low:high]
        part._table = self._table
        part._step = self._step
        part._now = now
        part.numeraire = self.numeraire
        part.imputation = self.imputation
        part.looks_ahead = self.looks_ahead
        # it tells of the whole panel, and so of what comes later
        part.metadata = self.metadata if now is None else {}
        return part

    def _on_grid(self, values: np.ndarray[Any, Any], missing: object) -> pd.DataFrame:
        if len(self._rows) != len(self._grid):
            whole = np.full((len(self._grid), values.shape[1]), missing, dtype=values.dtype)
            whole[self._rows] = values
            values = whole
        return pd.DataFrame(values, index=self.grid, columns=self._assets, copy=False)


def _read_only(values: Any) -> Any:
    view = values.view()
    view.flags.writeable = False
    return view


def _some(labels: pd.Index) -> str:
    shown = ", ".join(repr(label) for label in labels[:3])
    return f"{shown}, ..." if len(labels) > 3 else shown
