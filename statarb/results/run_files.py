"""Files of a run: one investor's weights, value, orders, times, failures and figures."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from statarb._core.files import atomic_path, write_json
from statarb._core.spreadsheet import guarded
from statarb._core.time import Stamps, step_text
from statarb._core.version import __version__
from statarb.backtest.replay import Replay
from statarb.data.panel import Panel
from statarb.errors import DataError
from statarb.results import schema
from statarb.results.case import is_case
from statarb.results.folder import replaced
from statarb.results.portfolio_csv import write_portfolio
from statarb.rules import TradingRules
from statarb.walk import Run

__all__ = ["market_facts", "rules_facts", "symbol_facts", "write_run", "write_table"]


def write_run(
    run: Run,
    folder: str | os.PathLike[str],
    panel: Panel | None = None,
    *,
    sources: pd.DataFrame | None = None,
    certificates: pd.DataFrame | None = None,
) -> Path:
    """Write a run: weights, value, orders, time of each decision, failures and figures.

    Parameters
    ----------
    run : Run
        What :func:`statarb.walk_forward` returned.
    folder : path
        Made where it does not exist. Gets ``portfolio_sim.csv``, ``value.parquet``,
        ``orders.parquet``, ``utilisation.csv``, ``failures.csv``, ``metrics.json``, ``run.json``
        (version, rules, market, and the checksum of each of the others) and, where orders are
        limited, ``limits.parquet`` (``time, min_order, max_order``, in the currency of the
        prices). They take the place of those of an earlier run all together or not at all.
    panel : Panel, optional
        The market that it ran on: ``run.json`` then names its quote files, and the symbols of its
        assets.
    sources : DataFrame, optional
        What each of the investor's sources promised and delivered, by default those of the run
        (``run.sources``), a row a decision and source:
        ``time, source`` (text)``, horizon`` (rows)``, shrinkage`` (0 to 1)``, promised`` (return
        over the horizon that was expected of the positions)``, delivered`` (what they returned, net
        of the market; NaN where not yet known)``, reason`` (text: why nothing was traded, empty
        where something was). Gets ``sources.parquet``.
    certificates : DataFrame, optional
        How far each answer of the optimizer can be from the optimum, by default those of the run
        (``run.certificates``): ``time, gap`` (relative
        duality gap)``, status`` (text)``, seconds``. Gets ``certificates.parquet``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        Where the folder cannot be made or written to, another run is writing to it, or it holds
        forecasts, which have a ``metrics.json`` too; a table without one of its columns.
    """
    sources = run.sources if sources is None else sources
    certificates = run.certificates if certificates is None else certificates
    further = (
        ("sources", sources, schema.SOURCE_COLUMNS, schema.SOURCES),
        ("certificates", certificates, schema.CERTIFICATE_COLUMNS, schema.CERTIFICATES),
    )
    for what, table, columns, _ in further:
        absent = [] if table is None else [name for name in columns if name not in table]
        if absent:
            raise DataError(
                f"{what} has no column {', '.join(absent)}; it must have {', '.join(columns)}"
            )
    with replaced(folder, schema.RUN) as staged:
        place = staged.folder
        write_portfolio(run.replay, place / schema.PORTFOLIO)
        _write_paths(run.replay, place / schema.VALUE)
        _write_orders(run.replay, place / schema.ORDERS)
        with atomic_path(place / schema.UTILISATION) as temporary:
            pl.DataFrame(
                {
                    schema.TIME: _utc(run.utilisation.index),
                    schema.UTILISATION_COLUMN: run.utilisation.to_numpy(),
                }
            ).write_csv(temporary, datetime_format="%Y-%m-%d %H:%M:%S%.f")
        failures = run.failures.set_axis(list(schema.FAILURE_COLUMNS), axis=1)
        write_table(failures, place / schema.FAILURES)
        if run.rules.limited:
            _write_limits(run, place / schema.LIMITS)
        for _, table, columns, name in further:
            if table is not None:
                times = _utc(pd.DatetimeIndex(table[schema.TIME]))
                with atomic_path(place / name) as temporary:
                    table[list(columns)].assign(**{schema.TIME: times}).to_parquet(
                        temporary, index=False, compression="zstd"
                    )
        write_json(place / schema.METRICS, run.metrics())
        staged.about.update(
            investor=run.investor,
            statarb=__version__,
            rules=rules_facts(run.rules),
            market=market_facts(run.grid, run.assets, run.step, panel),
            symbols=symbol_facts(panel),
        )
    return Path(folder)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, text so that no spreadsheet runs it, numbers with all their digits.

    Parameters
    ----------
    table : DataFrame
        Numbers, times and text.
    path : Path
        Where to write; the file appears whole or not at all.
    """
    safe = table.map(_cell)
    with atomic_path(path) as temporary:
        safe.to_csv(temporary, index=False)


def _cell(value: Any) -> Any:
    """Return a cell as it is written: text guarded, times in UTC without a zone."""
    if isinstance(value, pd.Timestamp) and value.tzinfo is not None:
        return value.tz_convert("UTC").tz_localize(None)
    return guarded(value) if isinstance(value, str) else value


def rules_facts(rules: TradingRules) -> dict[str, Any]:
    """Return the rules as plain numbers and words, by field.

    Parameters
    ----------
    rules : TradingRules
        Capital, fee and order limits.

    Returns
    -------
    dict
    """
    facts = dataclasses.asdict(rules)
    numeraire = facts["numeraire"]
    facts["numeraire"] = (
        numeraire if numeraire is None or isinstance(numeraire, int) else str(numeraire)
    )
    return facts


def market_facts(
    grid: pd.DatetimeIndex, assets: pd.Index, step: pd.Timedelta, panel: Panel | None = None
) -> dict[str, Any]:
    """Return what market it was: assets, span and step of the grid, currency and quote files where
    they are known.

    Parameters
    ----------
    grid : DatetimeIndex
        Times of the market.
    assets : Index
        Its assets.
    step : Timedelta
        Step of the grid.
    panel : Panel, optional
        The market itself.

    Returns
    -------
    dict
        ``currency`` is there for the case's market alone.
    """
    facts: dict[str, Any] = {
        "assets": len(assets),
        "first": str(grid[0]),
        "last": str(grid[-1]),
        "step_minutes": float(step / pd.Timedelta(1, unit="min")),
        "step": step_text(step),
    }
    if is_case(assets, step):
        facts["currency"] = schema.CASH
    if panel is not None:
        facts["quotes"] = int(panel.observed_array.sum())
        facts["files"] = [
            str(file["name"]) for file in panel.metadata.get("ingest", {}).get("files", [])
        ]
    return facts


def symbol_facts(panel: Panel | None) -> dict[str, str]:
    """Return the symbols by asset; none where the market is not given.

    Parameters
    ----------
    panel : Panel, optional
        The market.

    Returns
    -------
    dict
    """
    return (
        {}
        if panel is None
        else {str(asset): str(symbol) for asset, symbol in panel.table["symbol"].items()}
    )


def _utc(times: pd.Index) -> Stamps:
    """Return times as the files hold them: UTC, without a zone."""
    return times.to_numpy(dtype="datetime64[us]")


def _write_paths(replay: Replay, path: Path) -> None:
    columns = {name: getattr(replay, name).to_numpy() for name in schema.PATHS}
    with atomic_path(path) as temporary:
        table = pa.table({schema.TIME: pa.array(_utc(replay.times)), **columns})
        pq.write_table(table, temporary, compression="zstd")


def _write_orders(replay: Replay, path: Path) -> None:
    """Write the orders block by block: there may be millions."""
    blocks = (
        pa.Table.from_pandas(
            block.assign(**{schema.TIME: _utc(pd.DatetimeIndex(block[schema.TIME]))}),
            preserve_index=False,
        )
        for block in replay.order_blocks()
    )
    with atomic_path(path) as temporary:
        first = next(blocks)
        with pq.ParquetWriter(temporary, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for block in blocks:
                writer.write_table(block)


def _write_limits(run: Run, path: Path) -> None:
    """Write the order limits in the currency of the prices."""
    unit = run.replay.numeraire_price.to_numpy()
    limits = {name: getattr(run.rules, name) * unit for name in schema.LIMIT_COLUMNS}
    with atomic_path(path) as temporary:
        pl.DataFrame({schema.TIME: _utc(run.replay.times), **limits}).write_parquet(temporary)
