"""What the verbs wrote into a folder, read back: runs, leagues, forecasts. A damaged file is named,
an absent one noted.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
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
from statarb.results.portfolio_csv import portfolio_blocks
from statarb.results.record import Record

__all__ = ["ForecastTables", "LeagueTables", "Results", "read_results"]

RUN_FILES = ("portfolio_sim.csv", "value.parquet", "orders.parquet", "utilisation.csv", "run.json")
FORECAST_FILES = ("metrics_MAPE.csv", "metrics_DS.csv", "metrics_R.csv", "forecast_league.csv")
LEAGUE_COLUMNS = ("investor", "decision_lag", "G", "total_return", "rank_G", "rank_return")
PATHS = ("value", "cash", "fees", "turnover")
ORDER_COLUMNS = ("time", "wanted_value", "traded_value", "reason")
ORDERS_AT_A_TIME = 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class LeagueTables:
    """A league as its folder holds it.

    Parameters
    ----------
    table : DataFrame
        ``league.csv``.
    values : DataFrame or None
        Value of each run by time, in USD; columns ``"<investor>, lag <decision lag>"``.
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
        Forecasts of level 1.
    missing : tuple of str
        What is not there, a line each.
    """

    folder: Path
    records: tuple[Record, ...]
    leagues: tuple[LeagueTables, ...]
    forecasts: tuple[ForecastTables, ...]
    missing: tuple[str, ...]


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
    missing: list[str] = []
    for one in [place, *inside]:
        where = "" if one == place else f"{one.name}/"
        metrics = _metrics(one / "metrics.json")
        if "G" in metrics or any((one / name).is_file() for name in RUN_FILES):
            records.append(_record(one, metrics if "G" in metrics else {}, where))
        if (one / "league.csv").is_file():
            leagues.append(_league(one, where, missing))
        if "Z" in metrics or any((one / name).is_file() for name in FORECAST_FILES):
            forecasts.append(_forecasts(one, metrics if "Z" in metrics else {}, where, missing))
    if not (records or leagues or forecasts):
        raise DataError(
            f"{place} holds nothing to report: none of metrics.json, value.parquet, "
            "portfolio_sim.csv, orders.parquet, "
            f"utilisation.csv, league.csv, metrics_MAPE.csv; run `statarb run --out {place}` first"
        )
    if not leagues:
        missing.append("the league of investors: there is no league.csv")
    if not records:
        missing.append(
            "value, weights, orders and time of a single run: there are no files of `statarb "
            "invest`"
        )
    if not forecasts:
        missing.append("level 1, the forecasts: there are no files of `statarb forecast`")
    named = _distinct(records)
    for record in named:
        missing += record.missing
    return Results(place, named, tuple(leagues), tuple(forecasts), tuple(missing))


def _metrics(path: Path) -> dict[str, Any]:
    """Read the figures of a run or of forecasts; empty where the file is not there."""
    metrics = _json(path)
    if metrics and not {"G", "Z"} & metrics.keys():
        raise DataError(
            f"{path} holds neither the figures of a run (G) nor of forecasts (Z); write it anew"
        )
    for name, kind, what in (
        ("decision_lag", int, "a whole number"),
        ("orders_by_reason", dict, "an object"),
        ("failures_by_reason", dict, "an object"),
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
    about = _json(path)
    for part, names in (
        ("rules", ("capital", "fee", "min_order", "max_order", "numeraire")),
        ("market", ("assets", "first", "last", "step_minutes")),
    ):
        found = about.get(part, dict.fromkeys(names))
        absent = [name for name in names if not isinstance(found, dict) or name not in found]
        if absent:
            raise DataError(
                f"{path}: {part} has no {', '.join(absent)}; run the verb that wrote it again"
            )
    if not isinstance(about.get("symbols", {}), dict) or not isinstance(
        about.get("overfitting", {}), dict
    ):
        raise DataError(
            f"{path}: symbols and overfitting must be objects; run the verb that wrote it again"
        )
    return about


def _record(folder: Path, metrics: Mapping[str, Any], where: str) -> Record:
    about = _about(folder / "run.json")
    missing = [] if about else [f"rules and market of the run: there is no {where}run.json"]
    paths = _stamped(folder / "value.parquet", PATHS)
    if paths is None:
        missing.append(f"value, drawdown, turnover and fees: there is no {where}value.parquet")
    elif (
        not np.isfinite(paths.to_numpy(dtype=np.float64)).all()
        or (paths["value"] < 0.0).any()
        or paths["value"].iloc[0] == 0
    ):
        raise DataError(
            f"{folder / 'value.parquet'}: amounts must be numbers, and a value positive at the "
            "start, never negative; "
            "run the investor again"
        )
    if not metrics and paths is not None:
        metrics = _computed(paths)
        missing.append("orders, failures and decision lag of the run: there is no "
        f"{where}metrics.json; what stands here of it "
                       "was computed from value.parquet")  # fmt: skip
    elif not metrics:
        missing.append(f"the figures of the run: there is no {where}metrics.json")
    limits = _stamped(folder / "limits.parquet", ("min_order", "max_order"))
    rules = about.get("rules", {})
    unlimited = rules.get("min_order") == 0.0 and rules.get("max_order") == "inf"
    orders = _if_there(folder / "orders.parquet")
    if orders is None:
        missing.append(f"orders against their limits: there is no {where}orders.parquet")
    elif limits is None and not unlimited:
        missing.append(f"the limits of the orders: there is no {where}limits.parquet")
    weights = _if_there(folder / "portfolio_sim.csv")
    if weights is None:
        missing.append(f"weights: there is no {where}portfolio_sim.csv")
    utilisation = _csv(folder / "utilisation.csv", ("time", "utilisation_percent"), {})
    if utilisation is None:
        missing.append(f"the time that each decision took: there is no {where}utilisation.csv")
    failures = _csv(
        folder / "failures.csv",
        ("time", "reason", "message"),
        {"time": str, "reason": str, "message": str},
    )
    if failures is None:
        missing.append(f"failures with their reasons: there is no {where}failures.csv")
    name = str(metrics.get("investor") or about.get("investor") or where.rstrip("/") or "the run")
    lag = metrics.get("decision_lag")
    return Record(
        label=name if lag is None else f"{name}, lag {lag}",
        metrics=metrics,
        about={**about, "where": where},
        paths=paths,
        utilisation=None
        if utilisation is None
        else _utilisation(folder / "utilisation.csv", utilisation),
        failures=failures,
        limits=limits,
        weight_source=None if weights is None else _weights_of(weights),
        order_source=None if orders is None else lambda: _orders_of(orders),
        missing=tuple(missing),
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
    path = folder / "league.csv"
    words = dict.fromkeys(("investor", "start", "end", "insolvent_at"), str)
    table = _csv(path, LEAGUE_COLUMNS, words)
    assert table is not None
    for name in LEAGUE_COLUMNS[1:]:
        # whoever is in hindsight, or never decided, has no rank
        bare = name in (
            "G",
            "rank_G",
            "rank_return",
        )
        if not pd.api.types.is_numeric_dtype(table[name]) or (
            not bare and table[name].isna().any()
        ):
            raise DataError(
                f"{path}: column {name} must hold numbers alone; run `statarb league` again"
            )
    if len(table) == 0:
        raise DataError(f"{path} holds no investor; run `statarb league` again")
    values = _stamped(folder / "league_values.parquet", ())
    if values is None:
        missing.append(
            f"the value of every investor over time: there is no {where}league_values.parquet"
        )
    wanted = ("investor", "decision_lag", "reason", "count", "first_time", "first_message")
    words = dict.fromkeys(("investor", "reason", "first_time", "first_message"), str)
    failures = _csv(folder / "league_failures.csv", wanted, words)
    if failures is None:
        missing.append(
            f"the failures of the league with their reasons: there is no {where}league_failures.csv"
        )
    about = _about(folder / "league.json")
    if not about:
        missing.append(
            "rules, market and probability of overfitting of the league: there is no "
            f"{where}league.json"
        )
    return LeagueTables(table, values, failures, about)


def _forecasts(
    folder: Path, metrics: Mapping[str, Any], where: str, missing: list[str]
) -> ForecastTables:
    if not metrics:
        missing.append(f"Z and U of the forecasts: there is no {where}metrics.json of them")
    tables = {}
    for name in ("MAPE", "DS", "R"):
        table = _csv(folder / f"metrics_{name}.csv", ("coinID",), {"coinID": str})
        if table is None:
            missing.append(f"{name} by asset: there is no {where}metrics_{name}.csv")
        else:
            table = table.set_index("coinID")
            if (
                not all(pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes)
                or table.shape[1] == 0
            ):
                raise DataError(
                    f"{folder / f'metrics_{name}.csv'} must hold numbers beside the assets; run "
                    "`statarb forecast` again"
                )
        tables[name] = table
    dispersion = tables["R"]
    league = _csv(
        folder / "forecast_league.csv", ("model", "Z", "M", "D", "R", "U"), {"model": str}
    )
    label = str(metrics.get("model") or where.rstrip("/") or "forecasts")
    return ForecastTables(
        label,
        metrics,
        tables["MAPE"],
        tables["DS"],
        None if dispersion is None else dispersion.iloc[:, 0],
        league,
    )


def _distinct(records: list[Record]) -> tuple[Record, ...]:
    """Put the folder behind labels that stand more than once."""
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
            _require(path, file.schema_arrow.names, ORDER_COLUMNS)
            for batch in file.iter_batches(ORDERS_AT_A_TIME, columns=list(ORDER_COLUMNS)):
                yield batch.to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _utilisation(path: Path, table: pd.DataFrame) -> pd.Series:
    times = pd.to_datetime(table["time"], errors="coerce", format="ISO8601")
    if times.isna().any() or not pd.api.types.is_numeric_dtype(table["utilisation_percent"]):
        raise DataError(f"{path}: a row needs a time and a number; run the investor again")
    return pd.Series(
        table["utilisation_percent"].to_numpy(dtype=np.float64),
        index=pd.DatetimeIndex(times),
        name="U",
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(content, dict):
        raise DataError(
            f"{path} must hold an object of JSON, got {type(content).__name__}; run the verb that "
            "wrote it again"
        )
    return content


def _stamped(path: Path, columns: tuple[str, ...]) -> pd.DataFrame | None:
    """Read a table with a column of times; None where the file is not there."""
    if not path.is_file():
        return None
    try:
        frame = pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    _require(path, list(frame.columns), ("time", *columns))
    if not pd.api.types.is_datetime64_any_dtype(frame["time"]) or len(frame) == 0:
        raise DataError(
            f"{path} must hold at least one row, and times in the column time; run the verb that "
            "wrote it again"
        )
    frame = frame.set_index("time")
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes):
        raise DataError(
            f"{path} must hold numbers beside the times; run the verb that wrote it again"
        )
    return frame


def _csv(
    path: Path, columns: tuple[str, ...], words: Mapping[str, Callable[[str], str]]
) -> pd.DataFrame | None:
    """Read a table of text; None where the file is not there. Columns in ``words`` are taken as
    they stand.
    """
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline()
        plain = {name: kind for name, kind in words.items() if name in header}
        frame = pd.read_csv(path, converters=plain)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    _require(path, list(frame.columns), columns)
    return frame


def _require(path: Path, found: list[str], wanted: tuple[str, ...]) -> None:
    absent = [name for name in wanted if name not in found]
    if absent:
        raise DataError(
            f"{path} has no column {', '.join(absent)}; it has {', '.join(map(str, found[:8]))}"
        )


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} cannot be read: {str(error).strip()[:200]}; run the verb that wrote it again"
    )
