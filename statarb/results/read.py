"""Reading of result folders: runs, leagues, forecasts.

A damaged file, and files of two runs, are errors that name the file; an absent file is noted.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from statarb._core.typing import FloatArray
from statarb.backtest.performance import score_path
from statarb.errors import DataError
from statarb.results import schema
from statarb.results.folder import check_seal
from statarb.results.market_files import MarketStudy, read_market_study
from statarb.results.parse import (
    csv_table,
    damaged,
    if_there,
    json_object,
    long_table,
    require_columns,
    stamped_table,
)
from statarb.results.portfolio_csv import portfolio_blocks
from statarb.results.record import Record
from statarb.results.schema import FileSet

__all__ = ["ForecastTables", "LeagueTables", "Results", "read_results"]

ORDERS_AT_A_TIME = 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class LeagueTables:
    """A league as its folder holds it.

    Parameters
    ----------
    table : DataFrame
        ``league.csv``.
    values : DataFrame or None
        Value of each run by time, in the currency of the prices; columns
        ``"<investor>, lag <decision lag>"``.
    failures : DataFrame or None
        Decisions that could not be used, by run and reason.
    about : mapping
        ``league.json``; empty where it is not there.
    """

    table: pd.DataFrame
    values: pd.DataFrame | None
    failures: pd.DataFrame | None
    about: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class ForecastTables:
    """Forecasts as their folder holds them.

    Parameters
    ----------
    label : str
        Name of the model; of the folder, where that is not known.
    metrics : mapping
        ``metrics.json`` of the forecasts; empty where it is not there.
    mape, directional_symmetry : DataFrame or None
        Percent, asset x period.
    dispersion : Series or None
        R by asset.
    league : DataFrame or None
        ``forecast_league.csv``.
    """

    label: str
    metrics: Mapping[str, Any]
    mape: pd.DataFrame | None
    directional_symmetry: pd.DataFrame | None
    dispersion: pd.Series | None
    league: pd.DataFrame | None


@dataclasses.dataclass(frozen=True)
class Results:
    """All results of a folder and of the folders in it.

    Parameters
    ----------
    folder : Path
        The folder.
    records : tuple of Record
        Runs of single investors.
    leagues : tuple of LeagueTables
        Leagues.
    forecasts : tuple of ForecastTables
        Forecasts of the test days.
    missing : tuple of str
        What is not there, a line each.
    markets : tuple of MarketStudy
        Studies of the market.
    """

    folder: Path
    records: tuple[Record, ...]
    leagues: tuple[LeagueTables, ...]
    forecasts: tuple[ForecastTables, ...]
    missing: tuple[str, ...]
    markets: tuple[MarketStudy, ...] = ()


def read_results(folder: str | os.PathLike[str]) -> Results:
    """Read what ``statarb run``, ``invest``, ``league`` and ``forecast`` wrote into a folder, and
    into the folders in it.

    Parameters
    ----------
    folder : path
        Given to one of the verbs with ``--out``, or holding such folders (``lag1``, ``lag0``,
        ``forecast``, ...).

    Returns
    -------
    Results

    Raises
    ------
    DataError
        No such folder, nothing in it that can be reported, or a file that cannot be read, which is
        named.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DataError(
            f"{place} is not a folder; give the one that `statarb run`, `invest`, `league` or "
            "`forecast` wrote"
        )
    try:
        inside = sorted(
            path for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")
        )
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from error
    records: list[Record] = []
    leagues: list[LeagueTables] = []
    forecasts: list[ForecastTables] = []
    markets: list[MarketStudy] = []
    missing: list[str] = []
    for one in [place, *inside]:
        where = "" if one == place else f"{one.name}/"
        metrics = _metrics(one / schema.METRICS)
        if "G" in metrics or _any(one, schema.RUN):
            records.append(_record(one, metrics if "G" in metrics else {}, where))
        if _any(one, schema.LEAGUE):
            leagues.append(_league(one, where, missing))
        if "Z" in metrics or _any(one, schema.FORECASTS):
            forecasts.append(_forecasts(one, metrics if "Z" in metrics else {}, where, missing))
        if _any(one, schema.MARKET_STUDY):
            markets.append(read_market_study(one))
    if not (records or leagues or forecasts or markets):
        names = dict.fromkeys(name for kind in schema.SETS for name in kind.files)
        raise DataError(
            f"{place} holds nothing to report: none of {', '.join(names)}; run `statarb run --out "
            f"{place}` first"
        )
    if not leagues:
        missing.append(f"the league of investors: there is no {schema.LEAGUE_TABLE}")
    if not records:
        missing.append(
            "value, weights, orders and time of a single run: there are no files of `statarb "
            "invest`"
        )
    if not forecasts:
        missing.append("the forecasts: there are no files of `statarb forecast`")
    named = _distinct(records)
    for record in named:
        missing += record.missing
    return Results(place, named, tuple(leagues), tuple(forecasts), tuple(missing), tuple(markets))


def _any(folder: Path, kind: FileSet) -> bool:
    """Whether a folder holds files of a set, of those that no other set has."""
    others = {name for other in schema.SETS if other != kind for name in other.files}
    return any((folder / name).is_file() for name in {*kind.files, kind.about} - others)


def _metrics(path: Path) -> dict[str, Any]:
    """Read the figures of a run or of forecasts; empty where the file is not there."""
    metrics = json_object(path)
    if metrics and not {"G", "Z"} & metrics.keys():
        raise DataError(
            f"{path} holds neither the figures of a run (G) nor of forecasts (Z); write it anew"
        )
    for name, kind, what in (
        ("decision_lag", int, "a whole number"),
        ("orders_by_reason", dict, "an object"),
        ("failures_by_reason", dict, "an object"),
        ("left_out", dict, "an object"),
        ("days", list, "a list"),
        ("raw", dict, "an object"),
        ("shaped", dict, "an object"),
        ("last_value", dict, "an object"),
    ):
        if not isinstance(metrics.get(name, kind()), kind):
            raise DataError(
                f"{path}: {name} must be {what}, got {metrics[name]!r}; run the verb that wrote it "
                "again"
            )
    return metrics


def _about(path: Path) -> dict[str, Any]:
    """Read what was run: version, rules and market; empty where the file is not there."""
    about = json_object(path)
    for part, names, kinds in (
        ("rules", schema.RULES_KEYS, {"numeraire": (int, str, type(None))}),
        ("market", schema.MARKET_KEYS, {"first": (str,), "last": (str,)}),
    ):
        if part not in about:
            continue
        found = about[part] if isinstance(about[part], dict) else {}
        absent = [name for name in names if name not in found]
        if absent:
            raise DataError(
                f"{path}: {part} has no {', '.join(absent)}; run the verb that wrote it again"
            )
        for name in names:
            value = found[name]
            number = isinstance(value, (int, float)) or (name == "max_order" and value == "inf")
            fine = isinstance(value, kinds[name]) if name in kinds else number
            if not fine or isinstance(value, bool):
                raise DataError(
                    f"{path}: {name} of {part} cannot be {value!r}; run the verb that wrote it "
                    "again"
                )
    for name in ("symbols", "overfitting", "reasons", "left_out"):
        if not isinstance(about.get(name, {}), dict):
            raise DataError(f"{path}: {name} must be an object; run the verb that wrote it again")
    return about


def _record(folder: Path, metrics: Mapping[str, Any], where: str) -> Record:
    about = _about(folder / schema.RUN_ABOUT)
    check_seal(folder, schema.RUN, about)
    missing = (
        [] if about else [f"rules and market of the run: there is no {where}{schema.RUN_ABOUT}"]
    )
    paths = stamped_table(folder / schema.VALUE, schema.PATHS)
    if paths is None:
        missing.append(f"value, drawdown, turnover and fees: there is no {where}{schema.VALUE}")
    elif (
        not np.isfinite(paths.to_numpy(dtype=np.float64)).all()
        or (paths["value"] < 0.0).any()
        or paths["value"].iloc[0] == 0
    ):
        raise DataError(
            f"{folder / schema.VALUE}: amounts must be numbers, and a value positive at the "
            "start, never negative; "
            "run the investor again"
        )
    if not metrics and paths is not None:
        metrics = _computed(paths)
        missing.append(
            "orders, failures and decision lag of the run: there is no "
            f"{where}{schema.METRICS}; the other figures were computed from {schema.VALUE}"
        )
    elif not metrics:
        missing.append(f"the figures of the run: there is no {where}{schema.METRICS}")
    limits = stamped_table(folder / schema.LIMITS, schema.LIMIT_COLUMNS)
    rules = about.get("rules", {})
    unlimited = rules.get("min_order") == 0.0 and rules.get("max_order") == "inf"
    orders = if_there(folder / schema.ORDERS)
    if orders is None:
        missing.append(f"orders against their limits: there is no {where}{schema.ORDERS}")
    elif limits is None and not unlimited:
        missing.append(f"the limits of the orders: there is no {where}{schema.LIMITS}")
    weights = if_there(folder / schema.PORTFOLIO)
    if weights is None:
        missing.append(f"weights: there is no {where}{schema.PORTFOLIO}")
    utilisation = csv_table(
        folder / schema.UTILISATION, (schema.TIME, schema.UTILISATION_COLUMN), ()
    )
    if utilisation is None:
        missing.append(f"the time that each decision took: there is no {where}{schema.UTILISATION}")
    failures = csv_table(folder / schema.FAILURES, schema.FAILURE_COLUMNS, schema.FAILURE_COLUMNS)
    if failures is None:
        missing.append(f"failures with their reasons: there is no {where}{schema.FAILURES}")
    name = str(metrics.get("investor") or about.get("investor") or where.rstrip("/") or "the run")
    lag = metrics.get("decision_lag")
    return Record(
        label=name if lag is None else schema.path_label(name, lag),
        metrics=metrics,
        about={**about, "where": where},
        paths=paths,
        utilisation=None
        if utilisation is None
        else _utilisation(folder / schema.UTILISATION, utilisation),
        failures=failures,
        limits=limits,
        weight_source=None if weights is None else _weights_of(weights),
        order_source=None if orders is None else lambda: _orders_of(orders),
        missing=tuple(missing),
        sources=long_table(
            folder / schema.SOURCES,
            schema.SOURCE_COLUMNS,
            text=("source", schema.REASON),
            times=(schema.TIME,),
        ),
        certificates=long_table(
            folder / schema.CERTIFICATES,
            schema.CERTIFICATE_COLUMNS,
            text=("status",),
            times=(schema.TIME,),
        ),
    )


def _computed(paths: pd.DataFrame) -> dict[str, Any]:
    """Score a path whose figures are not there."""
    if len(paths) < 2:
        return {}
    score = score_path(
        paths["value"], cash=paths["cash"], fees=paths["fees"], turnover=paths["turnover"]
    )
    return {
        "G": score.G,
        "total_return": score.total_return,
        "downside": score.downside,
        "final_value": score.final_value,
        "fees_paid": score.fees,
        "turnover": float(paths["turnover"].sum()),
        "maximum_drawdown": score.maximum_drawdown,
        "exposure": score.exposure,
        "steps": len(paths),
        "start": str(paths.index[0]),
        "end": str(paths.index[-1]),
    }


def _league(folder: Path, where: str, missing: list[str]) -> LeagueTables:
    about = _about(folder / schema.LEAGUE_ABOUT)
    check_seal(folder, schema.LEAGUE, about)
    path = folder / schema.LEAGUE_TABLE
    table = csv_table(path, schema.LEAGUE_COLUMNS, schema.LEAGUE_WORDS)
    if table is None:
        raise DataError(
            f"{path} is missing beside {schema.LEAGUE_ABOUT}; run `statarb league` again"
        )
    bounds = [name for name in schema.LEAGUE_BOUNDS if name in table]
    for name in (*schema.LEAGUE_COLUMNS[1:], *bounds):
        # an investor in hindsight, or one that never decided, has no rank
        bare = name in ("G", "rank_G", "rank_return", *bounds)
        if not pd.api.types.is_numeric_dtype(table[name]) or (
            not bare and table[name].isna().any()
        ):
            raise DataError(
                f"{path}: column {name} must hold numbers alone; run `statarb league` again"
            )
    if len(table) == 0:
        raise DataError(f"{path} holds no investor; run `statarb league` again")
    lags = table[schema.LAG].to_numpy(dtype=np.float64)
    if (lags != np.rint(lags)).any() or (lags < 0.0).any():
        raise DataError(
            f"{path}: column {schema.LAG} must hold whole numbers from 0; run `statarb league` "
            "again"
        )
    table[schema.LAG] = lags.astype(np.int64)
    values = stamped_table(folder / schema.LEAGUE_VALUES, ())
    if values is None:
        missing.append(
            f"the value of every investor over time: there is no {where}{schema.LEAGUE_VALUES}"
        )
    failures = csv_table(
        folder / schema.LEAGUE_FAILURES, schema.LEAGUE_FAILURE_COLUMNS, schema.LEAGUE_FAILURE_WORDS
    )
    if failures is None:
        missing.append(
            "the failures of the league with their reasons: there is no "
            f"{where}{schema.LEAGUE_FAILURES}"
        )
    if not about:
        missing.append(
            "rules, market and probability of overfitting of the league: there is no "
            f"{where}{schema.LEAGUE_ABOUT}"
        )
    return LeagueTables(table, values, failures, about)


def _forecasts(
    folder: Path, metrics: Mapping[str, Any], where: str, missing: list[str]
) -> ForecastTables:
    check_seal(folder, schema.FORECASTS, json_object(folder / schema.FORECAST_ABOUT))
    if not metrics:
        missing.append(f"Z and U of the forecasts: there is no {where}{schema.METRICS} of them")
    tables = {}
    for name, what in (
        (schema.MAPE, "MAPE"),
        (schema.DIRECTION, "DS"),
        (schema.DISPERSION, "R"),
    ):
        table = csv_table(folder / name, (schema.ASSET_ID,), (schema.ASSET_ID,))
        if table is None:
            missing.append(f"{what} by asset: there is no {where}{name}")
        else:
            table = _by_asset(folder / name, table.set_index(schema.ASSET_ID))
        tables[name] = table
    dispersion = tables[schema.DISPERSION]
    league = csv_table(
        folder / schema.FORECAST_LEAGUE, schema.FORECAST_LEAGUE_COLUMNS, ("model", "group")
    )
    label = str(metrics.get("model") or where.rstrip("/") or "forecasts")
    return ForecastTables(
        label,
        metrics,
        tables[schema.MAPE],
        tables[schema.DIRECTION],
        None if dispersion is None else dispersion.iloc[:, 0],
        league,
    )


def _by_asset(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Return a metric file, where it holds numbers and each of its rows names an asset of its
    own.
    """
    wrong = ""
    if table.shape[1] == 0 or not all(map(pd.api.types.is_numeric_dtype, table.dtypes)):
        wrong = "must hold numbers beside the assets"
    elif (table.index.str.strip() == "").any():
        wrong = f"has no asset in row {int(np.argmax(table.index.str.strip() == '')) + 1}"
    elif not table.index.is_unique:
        wrong = f"has asset {table.index[table.index.duplicated()][0]!r} in two rows"
    if wrong:
        raise DataError(f"{path} {wrong}; run `statarb forecast` again")
    return table.astype(np.float64)


def _distinct(records: list[Record]) -> tuple[Record, ...]:
    """Put the folder behind labels that are not unique."""
    labels = [record.label for record in records]
    return tuple(
        record
        if labels.count(record.label) == 1
        else dataclasses.replace(record, label=f"{record.label} ({record.about['where'] or './'})")
        for record in records
    )


def _weights_of(path: Path) -> Callable[[], tuple[list[str], Iterator[FloatArray]]]:
    def read() -> tuple[list[str], Iterator[FloatArray]]:
        blocks = portfolio_blocks(path)
        names, first = next(blocks)
        return names[:-1], itertools.chain([first], (weights for _, weights in blocks))

    return read


def _orders_of(path: Path) -> Iterator[pd.DataFrame]:
    try:
        with pq.ParquetFile(path) as file:
            require_columns(path, file.schema_arrow.names, schema.ORDER_COLUMNS)
            for batch in file.iter_batches(ORDERS_AT_A_TIME, columns=list(schema.ORDER_COLUMNS)):
                block = batch.to_pandas()
                sizes = (schema.TARGET_VALUE, schema.TRADED_VALUE)
                if not all(pd.api.types.is_numeric_dtype(block[name]) for name in sizes):
                    raise DataError(
                        f"{path} must hold numbers in {' and '.join(sizes)}; run the investor again"
                    )
                yield block
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error


def _utilisation(path: Path, table: pd.DataFrame) -> pd.Series:
    # read as text: numbers would be taken for nanoseconds since 1970
    times = pd.to_datetime(table[schema.TIME].astype(str), errors="coerce", format="ISO8601")
    taken = table[schema.UTILISATION_COLUMN]
    wrong = not pd.api.types.is_numeric_dtype(taken) or taken.isna().any()
    if times.isna().any() or wrong or len(table) == 0:
        raise DataError(f"{path}: a row needs a time and a number; run the investor again")
    return pd.Series(
        taken.to_numpy(dtype=np.float64),
        index=pd.DatetimeIndex(times),
        name="U",
    )
