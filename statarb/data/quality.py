"""Quality report: what of each asset, and of the market, can be trusted."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer, check_number, check_panel
from statarb._core.files import atomic_path, output_folder, write_json
from statarb._core.spreadsheet import guarded
from statarb._core.typing import FloatArray, IntArray
from statarb.data._engine.quality import ASSET_FIGURES, MAX_DECIMALS, asset_figures, market_rows
from statarb.data.panel import Panel

__all__ = ["QualityReport", "quality_report"]

ASSETS_PER_BLOCK = 64
LONGEST_COUNTED = DEPTH
FEW_QUOTES = 0.5


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class QualityReport:
    """Numbers on the quality of a panel; :func:`quality_report` makes it.

    Parameters
    ----------
    assets : DataFrame
        One row an asset, see Notes.
    market : Series
        Figures of the whole market by name.
    times : DataFrame
        By time of the grid: ``assets`` quoted, and ``stale``, whether every asset stood still.
    steps : DataFrame
        Distances between neighbouring rows: ``steps``, ``minutes``, ``count``, ``share`` (percent),
        most common first.
    gaps : DataFrame
        Times without any quote: ``after`` and ``until`` (the rows around it), ``steps`` missing,
        ``hours``; longest first.
    gap_lengths : Series
        Number of gaps of single assets by their length in steps; the last one counts the longer
        ones too.
    coverage : DataFrame
        Share of cells quoted, in percent, stretch of time (its start) x asset: the coverage map.

    Notes
    -----
    Columns of ``assets``, of observed cells alone:

    - ``symbol``, ``name``; ``quotes``, ``coverage`` (percent of the grid), ``coverage_listed``
      (percent of the grid from the first to the last quote), ``first``, ``last``;
    - ``late``, ``ended``: no quote in the first (last) day of the panel;
    - ``longest_gap`` in steps, between two quotes, and ``gap_after``, the quote before it;
    - ``unchanged``: percent of quotes equal to the one before; ``longest_still``: most such quotes
      in a row;
    - ``stale_snapshots``: quotes of the asset in rows in which all assets stand still;
    - ``decimals``: digits after the point that 99 % of the quotes do with (12: not rounded);
      ``usual_decimals``: digits that half of the moves do with, on both sides; ``tick`` the step
      that the latter make, ``precision_bp`` the tick as a share of the median price; ``coarse``:
      percent of quotes with at least three digits fewer than ``decimals``, rounded otherwise than
      the rest;
    - ``outliers``: returns whose modified z-score, ``0.6745 |r - median| / MAD``, is above the
      limit, ``largest_z`` the largest (Iglewicz & Hoaglin 1993, How to Detect and Handle Outliers;
      the mean deviation times 1.2533 where the MAD is 0);
    - ``jumps_by_ten``: moves by a power of ten (within 5 %) from one quote to the next, as from a
      slipped decimal point;
    - ``duplicates``: rows dropped when the quotes were read, since another one followed for the
      same cell; NaN: not known;
    - ``unrounded_gap_bp``: median distance of quoted and unrounded price, ``unrounded_off``:
      percent of quotes more than a tick and 1 bp away from it; NaN where the panel has no unrounded
      prices;
    - ``zero_volume``: percent of quotes with a volume of zero; NaN where there are none;
    - ``flags``: what stands out, in words.
    """

    assets: pd.DataFrame
    market: pd.Series
    times: pd.DataFrame
    steps: pd.DataFrame
    gaps: pd.DataFrame
    gap_lengths: pd.Series
    coverage: pd.DataFrame

    def __repr__(self) -> str:
        flagged = int((self.assets["flags"] != "").sum())
        return (
            f"QualityReport({len(self.assets)} assets, {flagged} with flags, "
            f"{len(self.times):,} times; print it for the figures)"
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``quality.csv`` (a row an asset), ``quality_gaps.csv`` and
        ``quality_market.json``; return the folder.
        """
        target = output_folder(folder)
        for name, frame, index in (
            ("quality.csv", self.assets, True),
            ("quality_gaps.csv", self.gaps, False),
        ):
            with atomic_path(target / name) as temporary:
                safe = frame.map(_text).rename(index=_text)
                safe.to_csv(
                    temporary,
                    index=index,
                    index_label="coinID" if index else None,
                    lineterminator="\n",
                )
        steps = [
            {str(key): value for key, value in row.items()} for row in self.steps.to_dict("records")
        ]
        write_json(
            target / "quality_market.json",
            {**{str(k): _plain(v) for k, v in self.market.items()}, "step_pattern": steps},
        )
        return target

    def __str__(self) -> str:
        """A few lines for people: the market, the step pattern, and how many assets stand out."""
        wide = max(len(str(name)) for name in self.market.index)
        lines = [f"{name:<{wide}}  {_shown(value)}" for name, value in self.market.items()]
        pattern = ", ".join(
            f"{row.minutes:g} min {row.share:.2f} %" for row in self.steps.head(4).itertuples()
        )
        lines.append(f"{'steps between rows':<{wide}}  {pattern}")
        flags = self.assets["flags"].str.split(", ").explode()
        counts = flags[flags != ""].value_counts()
        lines += [f"{'assets: ' + str(flag):<{wide}}  {count}" for flag, count in counts.items()]
        return "\n".join(lines)


def quality_report(
    panel: Panel, *, outlier_z: float = 10.0, map_columns: int = 400
) -> QualityReport:
    """Measure the quality of a panel's quotes; cells filled by an imputation count as missing.

    Parameters
    ----------
    panel : Panel
        Any panel.
    outlier_z : float
        Modified z-score above which a return is an outlier. Returns of 5 minutes have fat tails: 10
        is far out.
    map_columns : int
        Largest number of stretches of time in the coverage map.

    Returns
    -------
    QualityReport
        Frames of numbers; ``statarb.report.quality_page`` draws them.

    Raises
    ------
    ParameterError
        A limit that is no positive number.
    """
    check_panel(panel)
    check_number("outlier_z", outlier_z, above=0.0)
    check_integer("map_columns", map_columns, at_least=1)
    price, observed = np.asarray(panel.array("price"), dtype=np.float64), panel.observed_array
    # gaps are times of the grid without a row: on a grid of trading days weekends are none
    cells = np.asarray(panel._rows, dtype=np.int64)
    size = len(panel.grid)
    places = min(map_columns, size)
    bins = panel._rows * places // size
    covered = np.zeros((places, len(panel.assets)))
    counts, stale = market_rows(price, observed, bins, covered)
    figures, lengths = _figures(panel, price, cells, outlier_z)
    assets = _coin_table(panel, figures, stale)
    width = np.bincount(np.arange(size) * places // size, minlength=places)
    starts = panel.grid[np.searchsorted(np.arange(size) * places // size, np.arange(places))]
    times = pd.DataFrame({"assets": 0, "stale": False}, index=panel.grid)
    times.iloc[panel._rows, 0] = counts
    times.iloc[panel._rows, 1] = stale
    gaps = _gaps(panel, cells)
    elapsed = np.asarray((panel._stamps - panel._grid[0]) // panel._step, dtype=np.int64)
    steps = _steps(panel, elapsed)
    known = lengths[1:]
    reach = int(np.flatnonzero(known)[-1]) + 1 if known.any() else 0
    return QualityReport(
        assets=assets,
        market=_market(panel, assets, counts, stale, gaps),
        times=times,
        steps=steps,
        gaps=gaps,
        gap_lengths=pd.Series(
            known[:reach], index=pd.RangeIndex(1, reach + 1, name="steps"), name="gaps"
        ),
        coverage=pd.DataFrame(100.0 * covered / width[:, None], index=starts, columns=panel.assets),
    )


def _figures(
    panel: Panel, price: FloatArray, cells: IntArray, outlier_z: float
) -> tuple[pd.DataFrame, IntArray]:
    """Run the kernel over blocks of assets, which it reads column by column."""
    lengths = np.zeros(LONGEST_COUNTED + 1, dtype=np.int64)
    found = np.empty((len(panel.assets), len(ASSET_FIGURES)))
    mask = panel._observed
    for low in range(0, len(panel.assets), ASSETS_PER_BLOCK):
        block = np.ascontiguousarray(price[:, low : low + ASSETS_PER_BLOCK].T)
        if mask is not None:
            block[~mask[:, low : low + ASSETS_PER_BLOCK].T] = np.nan
        for place, column in enumerate(block):
            found[low + place] = asset_figures(column, cells, outlier_z, lengths)
    return pd.DataFrame(found, index=panel.assets, columns=list(ASSET_FIGURES)), lengths


def _coin_table(panel: Panel, figures: pd.DataFrame, stale: Any) -> pd.DataFrame:
    observed = panel.observed_array
    size = len(panel.grid)
    stamps = np.append(panel._stamps, np.datetime64("NaT", "us"))
    rows = {
        name: figures[name].fillna(-1).to_numpy().astype(np.int64)
        for name in ("first", "last", "gap_after")
    }
    first, last = stamps[rows["first"]], stamps[rows["last"]]
    quotes = figures["quotes"].to_numpy()
    with np.errstate(invalid="ignore"):
        position = np.append(panel._rows, -1)
        span = np.where(quotes > 0, position[rows["last"]] - position[rows["first"]] + 1, np.nan)
        day = np.timedelta64(1, "D")
        late = (quotes > 0) & (first - panel._grid[0] >= day)
        ended = (quotes > 0) & (panel._grid[-1] - last >= day)
        decimals = figures["usual_decimals"].to_numpy()
        tick = np.where(decimals < MAX_DECIMALS, 10.0**-decimals, np.nan)
    gap, off = _unrounded(panel, tick)
    ingest = panel.metadata.get("ingest", {})
    known = ingest.get("duplicates_by_asset") if isinstance(ingest, dict) else None
    duplicates = [
        np.nan if known is None else float(known.get(str(asset), 0)) for asset in panel.assets
    ]
    table = pd.DataFrame(
        {
            "symbol": panel.table["symbol"],
            "name": panel.table["name"],
            "quotes": quotes.astype(np.int64),
            "coverage": 100.0 * quotes / size,
            "coverage_listed": 100.0 * quotes / span,
            "first": first,
            "last": last,
            "late": late,
            "ended": ended,
            "longest_gap": figures["longest_gap"].to_numpy().astype(np.int64),
            "gap_after": stamps[rows["gap_after"]],
            "unchanged": 100.0 * figures["unchanged"],
            "longest_still": figures["longest_still"],
            "stale_snapshots": observed[stale].sum(axis=0),
            "decimals": figures["decimals"],
            "usual_decimals": decimals,
            "tick": tick,
            "precision_bp": 1e4 * tick / figures["median_price"].to_numpy(),
            "coarse": 100.0 * figures["coarse"],
            "outliers": figures["outliers"],
            "largest_z": figures["largest_z"],
            "jumps_by_ten": figures["jumps_by_ten"],
            "duplicates": duplicates,
            "unrounded_gap_bp": gap,
            "unrounded_off": off,
            "zero_volume": _zero_volume(panel),
        },
        index=panel.assets,
    )
    table["flags"] = _flags(table)
    return table


def _unrounded(panel: Panel, tick: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return by asset the median distance of quoted and unrounded price in bp, and the percent of
    quotes that disagree.
    """
    gap, off = np.full(len(panel.assets), np.nan), np.full(len(panel.assets), np.nan)
    if "unrounded" not in panel.fields:
        return gap, off
    price, unrounded, observed = (
        panel.array("price"),
        panel.array("unrounded"),
        panel.observed_array,
    )
    for low in range(0, len(panel.assets), ASSETS_PER_BLOCK):
        block = slice(low, low + ASSETS_PER_BLOCK)
        quoted, exact = (
            np.ascontiguousarray(price[:, block].T),
            np.ascontiguousarray(unrounded[:, block].T),
        )
        both = observed[:, block].T & ~np.isnan(exact)
        for place in range(len(quoted)):
            kept = both[place]
            if kept.any():
                apart = np.abs(quoted[place, kept] - exact[place, kept])
                gap[low + place] = 1e4 * np.median(apart / quoted[place, kept])
                allowed = np.nan_to_num(tick[low + place]) + 1e-4 * quoted[place, kept]
                off[low + place] = 100.0 * np.mean(apart > allowed)
    return gap, off


def _zero_volume(panel: Panel) -> FloatArray:
    if "volume" not in panel.fields:
        return np.full(len(panel.assets), np.nan)
    volume, observed = panel.array("volume"), panel.observed_array
    known = (observed & ~np.isnan(volume)).sum(axis=0)
    zero = (observed & (volume == 0.0)).sum(axis=0)
    share: FloatArray = np.divide(
        100.0 * zero, known, out=np.full(len(known), np.nan), where=known > 0
    )
    return share


def _flags(table: pd.DataFrame) -> list[str]:
    """Say in words what stands out about each asset."""
    marks = {
        "no quote": table["quotes"] == 0,
        "listed late": table["late"],
        "ended": table["ended"],
        "thin": table["coverage_listed"] < 100.0 * FEW_QUOTES,
        "often unchanged": table["unchanged"] > 50.0,
        "coarse tick": table["precision_bp"] > 10.0,
        "rounded two ways": table["coarse"] > 10.0,
        "jumps by ten": table["jumps_by_ten"] > 0,
        "unrounded price disagrees": table["unrounded_off"] > 1.0,
        "no volume": table["zero_volume"] > 50.0,
    }
    names = np.array(list(marks))
    held = np.column_stack([np.asarray(mark, dtype=bool) for mark in marks.values()])
    return [", ".join(names[row]) for row in held]


def _gaps(panel: Panel, cells: IntArray) -> pd.DataFrame:
    missing = np.diff(cells) - 1
    where = np.flatnonzero(missing > 0)
    where = where[np.argsort(-missing[where], kind="stable")]
    hours = missing[where] * (panel.step / pd.Timedelta("1h"))
    return pd.DataFrame(
        {
            "after": panel.times[where],
            "until": panel.times[where + 1],
            "steps": missing[where],
            "hours": hours,
        },
    )


def _steps(panel: Panel, cells: IntArray) -> pd.DataFrame:
    distances, counts = np.unique(np.diff(cells), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    distances, counts = distances[order], counts[order]
    return pd.DataFrame(
        {
            "steps": distances,
            "minutes": distances * (panel.step / pd.Timedelta("1min")),
            "count": counts,
            "share": 100.0 * counts / max(counts.sum(), 1),
        }
    )


def _market(
    panel: Panel, assets: pd.DataFrame, counts: IntArray, stale: Any, gaps: pd.DataFrame
) -> pd.Series:
    rows, size = len(panel.times), len(panel.grid)
    figures: dict[str, Any] = {
        "assets": len(panel.assets),
        "first time": panel.grid[0],
        "last time": panel.grid[-1],
        "step in minutes": panel.step / pd.Timedelta("1min"),
        "times of the grid": size,
        "times with a quote": rows,
        "times without a quote, %": 100.0 * (size - rows) / size,
        "longest gap in hours": float(gaps["hours"].max()) if len(gaps) else 0.0,
        "cells with a quote, %": 100.0 * float(counts.sum()) / (size * len(panel.assets)),
        "stale snapshots": int(stale.sum()),
        "stale snapshots, % of rows": 100.0 * float(stale.sum()) / rows,
        "assets a row, median": float(np.median(counts)),
        "assets a row, fewest": int(counts.min()),
        "assets a row, most": int(counts.max()),
        "assets listed late": int(assets["late"].sum()),
        "assets ended": int(assets["ended"].sum()),
        "assets without a quote": int((assets["quotes"] == 0).sum()),
        "duplicates": float(assets["duplicates"].sum(min_count=1)),
        "outlying returns": float(assets["outliers"].sum()),
        "jumps by powers of ten": float(assets["jumps_by_ten"].sum()),
    }
    return pd.Series(figures, dtype=object)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, pd.Timestamp) else value


def _shown(value: Any) -> str:
    if isinstance(value, float) and np.isnan(value):
        return "not known"
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _text(cell: object) -> object:
    """Return a cell as it is written: text so that no spreadsheet runs it."""
    return guarded(cell) if isinstance(cell, str) else cell
