"""Arrays of panels on disk: one Parquet file with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from statarb._core.files import atomic_path
from statarb._core.time import Stamps
from statarb._core.typing import IntArray
from statarb.errors import DataError

__all__ = [
    "Stored",
    "arrays_digest",
    "packed_grid",
    "plain_label",
    "read_arrays",
    "unpacked_grid",
    "write_arrays",
]

FORMAT = "statarb panel 2"
ROWS_PER_GROUP = 288

Arrays = Mapping[str, np.ndarray[Any, Any]]


class Stored(NamedTuple):
    """What a file holds: the header, the times of the rows, their arrays, and the checksum."""

    header: dict[str, Any]
    times: Stamps
    arrays: dict[str, np.ndarray[Any, Any]]
    digest: str


def write_arrays(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    times: Stamps,
    columns: Arrays,
    digest: str,
) -> None:
    """Write arrays: one row per stored time, one fixed-size list per field; the rest is metadata.

    Parameters
    ----------
    path : path
        The file; whole or not at all.
    header : mapping
        What JSON can hold.
    times : (rows,) datetime64[us]
        UTC.
    columns : mapping of str to (rows, assets) array
        The fields.
    digest : str
        Checksum, see :func:`arrays_digest`.
    """
    width = len(header["assets"])
    schema = pa.schema(
        [("time", pa.timestamp("us"))]
        + [
            (name, pa.list_(pa.from_numpy_dtype(values.dtype), width))
            for name, values in columns.items()
        ],
        metadata={"format": FORMAT, "panel": _json(header), "digest": digest},
    )
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        for low in range(0, len(times), ROWS_PER_GROUP):
            high = min(low + ROWS_PER_GROUP, len(times))
            arrays = [pa.array(times[low:high])]
            for values in columns.values():
                flat = pa.array(np.ascontiguousarray(values[low:high]).ravel())
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, width))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def read_arrays(path: str | os.PathLike[str]) -> Stored:
    """Read what :func:`write_arrays` wrote, group by group; the caller verifies the checksum.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Stored

    Raises
    ------
    DataError
        No file, no Parquet, no panel, or damaged.
    """
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
                    f"{source} is Parquet, but no panel of this version ({FORMAT}); give a file "
                    "written by Panel.save or `statarb ingest`"
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
        return Stored(header, times, arrays, stored["digest"])
    except DataError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{source} cannot be read as a panel: {error}; make it again with `statarb ingest`"
        ) from error


def arrays_digest(header: Mapping[str, Any], grid: Stamps, rows: IntArray, columns: Arrays) -> str:
    """Return the SHA-256 of header, grid and arrays.

    Parameters
    ----------
    header : mapping
        What JSON can hold.
    grid : (times,) datetime64[us]
        Times of the grid.
    rows : (rows,) int64
        Positions of the rows in the grid.
    columns : mapping of str to (rows, assets) array
        In any order.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(_json(header, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(grid).view(np.uint8).data)
    digest.update(np.ascontiguousarray(rows).view(np.uint8).data)
    for name in sorted(columns):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(columns[name]).view(np.uint8).data)
    return digest.hexdigest()


def plain_label(asset: Any) -> int | str:
    """Return a label as JSON can hold it.

    Parameters
    ----------
    asset : label
        An integer or text.

    Returns
    -------
    int or str

    Raises
    ------
    DataError
        Anything else.
    """
    if isinstance(asset, (int, np.integer)):
        return int(asset)
    if isinstance(asset, str):
        return asset
    raise DataError(
        f"a panel is saved with labels that are integers or text, got {asset!r} "
        f"({type(asset).__name__})"
    )


def packed_grid(grid: Stamps, step: np.timedelta64) -> dict[str, Any]:
    """Return a grid as first time and count where it is regular, else in full.

    Parameters
    ----------
    grid : (times,) datetime64[us]
        Times of the grid.
    step : timedelta64[us]
        Usual distance of its times.

    Returns
    -------
    dict
        Microseconds since 1970.
    """
    stamps = grid.astype(np.int64)
    if (np.diff(stamps) == int(step.astype(np.int64))).all():
        return {"first": int(stamps[0]), "count": len(stamps)}
    return {"stamps": stamps.tolist()}


def unpacked_grid(packed: Mapping[str, Any], step: int) -> Stamps:
    """Return the grid of :func:`packed_grid`.

    Parameters
    ----------
    packed : mapping
        As :func:`packed_grid` gives it.
    step : int
        Microseconds.

    Returns
    -------
    (times,) datetime64[us]
    """
    if "stamps" in packed:
        stamps = np.array(packed["stamps"], dtype=np.int64)
    else:
        stamps = packed["first"] + step * np.arange(packed["count"])
    grid: Stamps = stamps.astype("datetime64[us]")
    return grid


def _json(header: Mapping[str, Any], *, sort_keys: bool = False) -> str:
    try:
        return json.dumps(header, sort_keys=sort_keys)
    except TypeError as error:
        raise DataError(f"the metadata of a panel must be what JSON can hold: {error}") from error
