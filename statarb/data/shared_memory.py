"""Panels for many processes: arrays in files that every worker maps into memory instead of
receiving a copy.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = ["SharedPanel", "shared"]


@dataclasses.dataclass(frozen=True)
class SharedPanel:
    """Name of a folder that holds a panel; small enough to be sent with every task.

    Parameters
    ----------
    folder : str
        Folder written by :func:`shared`. Workers on other machines must see it under the same name.
    """

    folder: str

    def open(self) -> Panel:
        """Return the panel over memory-mapped, read-only arrays; opened once a process.

        Raises
        ------
        DataError
            Where this machine does not see the folder.
        """
        return _open(self.folder)


@contextmanager
def shared(panel: Panel, folder: str | Path | None = None) -> Iterator[SharedPanel]:
    """Write a panel where workers can map it; the files are removed at the end.

    Parameters
    ----------
    panel : Panel
        What the workers need.
    folder : path, optional
        Parent folder, on a file system that all workers share; by default the machine's folder for
        temporary files.
    """
    place = Path(tempfile.mkdtemp(prefix="statarb-panel-", dir=folder))
    try:
        for name in panel.fields:
            np.save(place / f"{name}.npy", panel.array(name))
        if panel.is_imputed:
            np.save(place / "observed.npy", panel.observed_array)
        np.save(place / "times.npy", panel.times_array.astype(np.int64))
        (place / "header.json").write_text(
            json.dumps({**panel.header(), "fields": list(panel.fields)}), encoding="utf-8"
        )
        yield SharedPanel(str(place))
    finally:
        shutil.rmtree(place, ignore_errors=True)


@functools.lru_cache(maxsize=4)
def _open(folder: str) -> Panel:
    place = Path(folder)
    try:
        header = json.loads((place / "header.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"this worker does not see {place}: workers on other machines need a folder that all "
            "of them share "
            "(the checkpoint's folder is used where one is given)"
        ) from error
    names = [*header["fields"], *(["observed"] if (place / "observed.npy").exists() else [])]
    arrays = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in names}
    times = np.load(place / "times.npy").astype("datetime64[us]")
    return Panel.from_header(header, times, arrays)
