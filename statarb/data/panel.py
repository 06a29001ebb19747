"""Panel: what was quoted, when, and what was not."""

from __future__ import annotations

import datetime
import os
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.tables import check_labels
from statarb._core.time import Stamps, as_zone, step_text, usual_step
from statarb._core.typing import AnyFloatArray, BoolArray, IntArray
from statarb.data import storage
from statarb.data.asof import joined_field
from statarb.data.gridding import asset_table, check_rows, closed, gridded_tables
from statarb.data.panel_fields import read_only
from statarb.data.panel_files import PanelFiles
from statarb.data.panel_windows import PanelWindows
from statarb.errors import DataError, ParameterError

__all__ = ["Panel"]

BITCOIN = 1442
"""Id of BTC in the case's data, in whose units its order limits are stated."""


class Panel(PanelWindows, PanelFiles):
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
            name: read_only(values) for name, values in arrays.items()
        }
        self._observed: BoolArray | None = None if observed is None else read_only(observed)
        self._table = asset_table(table, assets)
        self._step = usual_step(self._grid) if step is None else np.timedelta64(step, "us")
        self._now: np.datetime64 | None = None
        self.numeraire: Hashable | None = numeraire
        self.imputation = imputation
        self.looks_ahead = looks_ahead
        self.metadata: dict[str, Any] = dict(metadata or {})

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

    # -- other assets, arrays or grids -------------------------------------------------------------

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

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled or copied panel; its arrays are read-only again, which numpy does not
        remember.
        """
        self.__dict__.update(
            state, _arrays={name: read_only(values) for name, values in state["_arrays"].items()}
        )
        self._observed = None if self._observed is None else read_only(self._observed)

    def __repr__(self) -> str:
        share = (
            100.0 * float(self.observed_array.sum()) / (len(self._grid) * max(len(self._assets), 1))
        )
        return (
            f"Panel({len(self._assets)} assets x {len(self._grid)} times of "
            f"{step_text(self.step)}, "
            f"{self.grid[0]} to {self.now}, {share:.1f} % observed)"
        )
