"""Panels on disk: one Parquet file with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from statarb._core.files import atomic_path
from statarb.data.frames import closed
from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = ["load_panel", "panel_digest", "save_panel"]

FORMAT = "statarb panel 1"
ROWS_A_GROUP = 288


def save_panel(panel: Panel, path: str | os.PathLike[str]) -> None:
    """Write a panel: one row a stored time, one fixed-size list a field; the rest stands in the
    file's metadata.
    """
    columns: dict[str, np.ndarray[Any, Any]] = {name: panel.array(name) for name in panel.fields}
    if panel._observed is not None:
        columns["observed"] = panel._observed
    width = len(panel.assets)
    header = header_text(panel)
    schema = pa.schema(
        [("time", pa.timestamp("us"))]
        + [
            (name, pa.list_(pa.from_numpy_dtype(values.dtype), width))
            for name, values in columns.items()
        ],
        metadata={"format": FORMAT, "panel": header, "digest": panel.digest()},
    )
    times = panel._stamps
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        for low in range(0, len(times), ROWS_A_GROUP):
            high = min(low + ROWS_A_GROUP, len(times))
            arrays = [pa.array(times[low:high])]
            for values in columns.values():
                flat = pa.array(np.ascontiguousarray(values[low:high]).ravel())
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, width))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def load_panel(path: str | os.PathLike[str]) -> Panel:
    """Read a panel group by group, and verify its checksum."""
    source = Path(path)
    if not source.is_file():
        what = "a folder, not a file" if source.is_dir() else "no such file"
        raise DataError(f"{what}: {source}; give a file written by Panel.save or `statarb ingest`")
    try:
        with source.open("rb") as begin:
            if begin.read(4) != b"PAR1":
                raise DataError(
                    f"{source} is no panel (no Parquet file at all); give a file written by "
                    "`statarb ingest`"
                )
        with pq.ParquetFile(source) as file:
            stored = {
                key.decode(): value.decode()
                for key, value in (file.schema_arrow.metadata or {}).items()
            }
            if stored.get("format") != FORMAT:
                raise DataError(
                    f"{source} is Parquet, but no panel; give a file written by Panel.save or "
                    "`statarb ingest`"
                )
            header = json.loads(stored["panel"])
            names = [name for name in file.schema_arrow.names if name != "time"]
            shape = (file.metadata.num_rows, len(header["assets"]))
            arrays = {
                name: np.empty(
                    shape, dtype=file.schema_arrow.field(name).type.value_type.to_pandas_dtype()
                )
                for name in names
            }
            times = np.empty(shape[0], dtype="datetime64[us]")
            low = 0
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                high = low + table.num_rows
                times[low:high] = table["time"].to_numpy()
                for name in names:
                    chunk = table[name].combine_chunks()
                    arrays[name][low:high] = (
                        chunk.flatten()
                        .to_numpy(zero_copy_only=False)
                        .reshape(table.num_rows, shape[1])
                    )
                low = high
        panel = assemble(header, times, arrays)
        digest = stored["digest"]
    except DataError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{source} cannot be read as a panel: {error}; make it again with `statarb ingest`"
        ) from error
    if panel.digest() != digest:
        raise DataError(
            f"{source} is damaged: its content does not match its checksum; make it again with "
            "`statarb ingest`"
        )
    return panel


def panel_digest(panel: Panel) -> str:
    """Return the SHA-256 of header, grid and arrays."""
    digest = hashlib.sha256(header_text(panel, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(panel._grid).view(np.uint8).data)
    digest.update(np.ascontiguousarray(panel._rows).view(np.uint8).data)
    for name in sorted(panel.fields):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(panel.array(name)).view(np.uint8).data)
    if panel._observed is not None:
        digest.update(np.ascontiguousarray(panel._observed).view(np.uint8).data)
    return digest.hexdigest()


def header_text(panel: Panel, *, sort_keys: bool = False) -> str:
    """Return the header as JSON; raise :class:`DataError` where the metadata is not what JSON can
    hold.
    """
    try:
        return json.dumps(panel_header(panel), sort_keys=sort_keys)
    except TypeError as error:
        raise DataError(f"the metadata of a panel must be what JSON can hold: {error}") from error


def panel_header(panel: Panel) -> dict[str, Any]:
    """Return what a panel holds beside its arrays, as JSON can hold it; times in microseconds since
    1970.

    Raises
    ------
    DataError
        Where a label is neither an integer nor text.
    """
    return {
        "assets": [_label(asset) for asset in panel.assets],
        "symbol": [str(symbol) for symbol in panel.table["symbol"]],
        "name": [str(name) for name in panel.table["name"]],
        "grid": _packed_grid(panel),
        "step": int(panel._step.astype(np.int64)),
        "now": None if panel._now is None else int(panel._now.astype(np.int64)),
        "numeraire": None if panel.numeraire is None else _label(panel.numeraire),
        "imputation": panel.imputation,
        "looks_ahead": panel.looks_ahead,
        "metadata": panel.metadata,
    }


def _label(asset: Any) -> int | str:
    if isinstance(asset, (int, np.integer)):
        return int(asset)
    if isinstance(asset, str):
        return asset
    raise DataError(
        f"a panel is saved with labels that are integers or text, got {asset!r} "
        f"({type(asset).__name__})"
    )


def _packed_grid(panel: Panel) -> dict[str, Any]:
    """Give the grid as first, last and step where it is regular, else in full; microseconds since
    1970.
    """
    grid = panel._grid.astype(np.int64)
    step = int(panel._step.astype(np.int64))
    if (np.diff(grid) == step).all():
        return {"first": int(grid[0]), "count": len(grid)}
    return {"stamps": grid.tolist()}


def assemble(
    header: dict[str, Any], times: np.ndarray[Any, Any], arrays: dict[str, np.ndarray[Any, Any]]
) -> Panel:
    """Return the panel of a header, the times of its rows and their arrays, ``observed`` among them
    where the mask was kept.
    """
    packed = header["grid"]
    if "stamps" in packed:
        grid = np.array(packed["stamps"], dtype=np.int64).astype("datetime64[us]")
    else:
        grid = (packed["first"] + header["step"] * np.arange(packed["count"])).astype(
            "datetime64[us]"
        )
    assets = pd.Index(header["assets"])
    table = pd.DataFrame({"symbol": header["symbol"], "name": header["name"]}, index=assets)
    observed = arrays.pop("observed", None)
    panel = Panel(
        grid,
        np.searchsorted(grid, times).astype(np.int64),
        assets,
        closed(arrays),
        observed=observed,
        table=table,
        step=np.timedelta64(header["step"], "us"),
        numeraire=header["numeraire"],
        imputation=header["imputation"],
        looks_ahead=header["looks_ahead"],
        metadata=header["metadata"],
    )
    if header["now"] is not None:
        panel._now = np.datetime64(header["now"], "us")
    return panel
