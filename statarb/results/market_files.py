"""Files of a market study: overview, correlations, volatility, pairs, quality of the quotes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from statarb._core.files import atomic_path
from statarb._core.version import __version__
from statarb.data.overview import MarketOverview
from statarb.data.panel import Panel
from statarb.data.quality import QualityReport
from statarb.errors import DataError
from statarb.results import schema
from statarb.results.folder import check_seal, replaced
from statarb.results.parse import json_object, long_table, stamped_table
from statarb.results.run_files import symbol_facts

__all__ = ["MarketStudy", "read_market_study", "write_market_study"]

CORRELATION_LABEL = "asset"


@dataclasses.dataclass(frozen=True, eq=False)
class MarketStudy:
    """A market, measured; what was not measured is None.

    Parameters
    ----------
    overview : MarketOverview or None
        Assets quoted, index, correlations.
    sigma : DataFrame or None
        Volatility of the next return, time x asset, known at its time.
    coverage : DataFrame or None
        Of :func:`statarb.volatility.coverage_table`.
    pairs : DataFrame or None
        Tests of pairs, of the last sample, best first.
    persistence : DataFrame or None
        Of :func:`statarb.cointegration.pair_persistence`.
    spreads : DataFrame or None
        Paths of spreads (:func:`statarb.cointegration.spread_path`) below one another, with the
        columns ``spread`` (their number, from 0)``, y, x, hedge_ratio, half_life, time`` before.
    quality : QualityReport or None
        Written to the files of :meth:`QualityReport.save`; not read back.
    notes : mapping of str to str
        By part of the study, what it was made of: which assets, rows and models.
    left_out : mapping of str to str
        By part of the study, why there is none.
    symbols : mapping of str to str
        Symbol by asset id; filled when it is read.
    """

    overview: MarketOverview | None = None
    sigma: pd.DataFrame | None = None
    coverage: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    persistence: pd.DataFrame | None = None
    spreads: pd.DataFrame | None = None
    quality: QualityReport | None = None
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    symbols: Mapping[str, str] = dataclasses.field(default_factory=dict)


def write_market_study(
    study: MarketStudy, folder: str | os.PathLike[str], panel: Panel | None = None
) -> Path:
    """Write a market study.

    Parameters
    ----------
    study : MarketStudy
        What was measured.
    folder : path
        Made where it does not exist. Gets ``market_study.json`` (version, what each part was made
        of or why there is none, symbols, and the checksum of each of the others) and, of the parts
        that there are, ``overview.parquet``, ``correlation.parquet``, ``volatility.parquet``,
        ``value_at_risk.parquet``, ``pairs.parquet``, ``pair_persistence.parquet``,
        ``spreads.parquet``, ``quality.csv``, ``quality_gaps.csv`` and ``quality_market.json``.
        They take the place of those of an earlier study all together or not at all.
    panel : Panel, optional
        The market; gives the symbols of its assets.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        Where the folder cannot be made or written to, or another run is writing to it.
    """
    tables: dict[str, pd.DataFrame | None] = {
        schema.VOLATILITY: None if study.sigma is None else _by_time(study.sigma),
        schema.COVERAGE: _columns(study.coverage, schema.COVERAGE_COLUMNS),
        schema.PAIRS: _columns(study.pairs, schema.PAIR_COLUMNS),
        schema.PERSISTENCE: _columns(study.persistence, schema.PERSISTENCE_COLUMNS),
        schema.SPREADS: _columns(study.spreads, schema.SPREAD_COLUMNS),
    }
    if study.overview is not None:
        tables[schema.OVERVIEW] = _by_time(study.overview.times)
        tables[schema.CORRELATION] = study.overview.correlation.rename(
            index=str, columns=str
        ).reset_index(names=CORRELATION_LABEL)
    with replaced(folder, schema.MARKET_STUDY) as staged:
        for name, table in tables.items():
            if table is not None:
                with atomic_path(staged.folder / name) as temporary:
                    table.to_parquet(temporary, index=False, compression="zstd")
        if study.quality is not None:
            study.quality.save(staged.folder)
        staged.about.update(
            statarb=__version__,
            notes=dict(study.notes),
            left_out=dict(study.left_out),
            symbols=symbol_facts(panel) or dict(study.symbols),
        )
    return Path(folder)


def read_market_study(folder: Path) -> MarketStudy:
    """Read the market study of a folder; what is not there is None.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    MarketStudy
        Assets are named by their ids as text.

    Raises
    ------
    DataError
        A file that is damaged, or of another run.
    """
    about = json_object(folder / schema.MARKET_ABOUT)
    check_seal(folder, schema.MARKET_STUDY, about)
    for part in ("notes", "left_out", "symbols"):
        found = about.get(part, {})
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise DataError(
                f"{folder / schema.MARKET_ABOUT}: {part} must hold texts; run "
                f"`{schema.MARKET_STUDY.verb}` again"
            )
    times = stamped_table(folder / schema.OVERVIEW, schema.OVERVIEW_COLUMNS)
    return MarketStudy(
        overview=None if times is None else MarketOverview(times, _correlation(folder)),
        sigma=stamped_table(folder / schema.VOLATILITY, ()),
        coverage=long_table(folder / schema.COVERAGE, schema.COVERAGE_COLUMNS, text=("asset",)),
        pairs=long_table(folder / schema.PAIRS, schema.PAIR_COLUMNS, text=("y", "x")),
        persistence=long_table(
            folder / schema.PERSISTENCE, schema.PERSISTENCE_COLUMNS, times=("start", "end")
        ),
        spreads=long_table(
            folder / schema.SPREADS,
            schema.SPREAD_COLUMNS,
            text=("y", "x"),
            times=(schema.TIME,),
            truth=("fitted",),
        ),
        notes=about.get("notes", {}),
        left_out=about.get("left_out", {}),
        symbols=about.get("symbols", {}),
    )


def _correlation(folder: Path) -> pd.DataFrame:
    """Read the correlations; empty where the file is not there."""
    path = folder / schema.CORRELATION
    label = (CORRELATION_LABEL,)
    found = long_table(path, label, text=label)
    if found is None:
        return pd.DataFrame(dtype=np.float64)
    assets = found[CORRELATION_LABEL].tolist()
    matrix = long_table(path, (*label, *assets), text=label)
    assert matrix is not None  # it was there a line ago
    return matrix.set_index(CORRELATION_LABEL).astype(np.float64)


def _by_time(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its times, in UTC without a zone, as the first column."""
    times = table.index.to_numpy(dtype="datetime64[us]")
    named = table.rename(columns=str)
    return named.set_axis(pd.Index(times, name=schema.TIME)).reset_index()


def _columns(table: pd.DataFrame | None, names: tuple[str, ...]) -> pd.DataFrame | None:
    """Return the columns of a file, labels of assets as text and times in UTC without a zone."""
    if table is None:
        return None
    kept = table[list(names)].copy()
    for name in kept:
        if pd.api.types.is_datetime64_any_dtype(kept[name]):
            kept[name] = kept[name].to_numpy(dtype="datetime64[us]")
        elif name in ("asset", "y", "x"):
            kept[name] = kept[name].astype(str)
    return kept
