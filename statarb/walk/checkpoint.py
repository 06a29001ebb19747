"""Checkpoints: blocks of work on disk, found again by a key of all that they depend on."""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.files import atomic_path, output_folder
from statarb.errors import DataError, ParameterError

__all__ = ["Checkpoint", "code_version", "content_key", "describe"]

SEAL = 32
"""Bytes of the SHA-256 that stands before the content of every file."""


class Checkpoint:
    """A folder of named blocks, each written whole and verified when it is read.

    Parameters
    ----------
    folder : path
        Parent folder; the blocks of one key lie in a folder of its own below it, so that nothing
        computed under other parameters, data or code is ever read.
    key : str
        See :func:`content_key`.
    """

    def __init__(self, folder: str | os.PathLike[str], key: str) -> None:
        self.folder = output_folder(Path(folder) / key[:16])
        self.key = key

    def write(self, name: str, content: Any) -> None:
        """Write one block under ``name``, whole or not at all.

        Raises
        ------
        DataError
            Where the folder is not writable or the disk is full.
        ParameterError
            Where the content cannot be pickled.
        """
        try:
            data = pickle.dumps(content, protocol=5)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise ParameterError(
                f"a checkpoint needs an investor that can be pickled: {error}; define its class in "
                "a module, or leave "
                "the checkpoint out"
            ) from error
        with atomic_path(self.folder / name) as temporary:
            temporary.write_bytes(self._seal(name, data) + data)

    def read(self, name: str) -> Any | None:
        """Return a block, or ``None`` where it is absent or does not match its checksum (then it is
        removed).

        Raises
        ------
        DataError
            Where it is there and cannot be read.
        """
        path = self.folder / name
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        seal, data = raw[:SEAL], raw[SEAL:]
        if self._seal(name, data) != seal:
            path.unlink(missing_ok=True)
            return None
        return pickle.loads(data)

    def remove(self, name: str) -> None:
        """Remove a block that is no longer needed."""
        (self.folder / name).unlink(missing_ok=True)

    def names(self, prefix: str) -> list[str]:
        """Names of the blocks that begin with ``prefix``, in order."""
        return sorted(
            path.name for path in self.folder.glob(f"{prefix}*") if not path.name.startswith(".")
        )

    def _seal(self, name: str, data: bytes) -> bytes:
        """Hash of a block, its key and its name: a block under another name is none."""
        return hashlib.sha256(f"{self.key}/{name}\0".encode() + data).digest()


def content_key(parts: Mapping[str, Any]) -> str:
    """Return a hash of everything that a result depends on: code, parameters, data, window.

    Parameters
    ----------
    parts : mapping of str to object
        What it depends on, by name; see :func:`describe` for what can be described.
    """
    text = json.dumps({name: describe(part) for name, part in parts.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def code_version() -> str:
    """Return a hash of the library's source: another version never reads the blocks of this one."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for source in sorted(root.rglob("*.py")):
        digest.update(source.relative_to(root).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def describe(thing: Any) -> Any:
    """Give what identifies a thing, in words that JSON can hold and that are the same in every
    process.

    An object is its class, the source of that class where it can be had, and its attributes; a
    function its code and what it closes over.

    Raises
    ------
    ParameterError
        Where something has no such description.
    """
    if thing is None or isinstance(thing, (bool, int, str)):
        return thing
    if isinstance(thing, float):
        return repr(thing)
    if isinstance(thing, (np.generic, np.ndarray)):
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(thing), allow_pickle=False)
        return hashlib.sha256(buffer.getvalue()).hexdigest()
    if isinstance(thing, pd.Series):
        thing = thing.to_frame()
    if isinstance(thing, pd.DataFrame):
        return [
            list(map(str, thing.columns)),
            list(map(str, thing.index)),
            *(describe(thing[name].to_numpy()) for name in thing),
        ]
    if isinstance(thing, Mapping):
        return {"mapping": [[describe(key), describe(value)] for key, value in thing.items()]}
    if isinstance(thing, (list, tuple)):
        return [describe(item) for item in thing]
    if isinstance(thing, (set, frozenset)):
        return {"set": sorted(json.dumps(describe(item)) for item in thing)}
    if inspect.ismethod(thing):
        return {"method": describe(thing.__func__), "of": describe(thing.__self__)}
    if inspect.isfunction(thing):
        closure = [cell.cell_contents for cell in thing.__closure__ or ()]
        held = [thing.__defaults__, thing.__kwdefaults__, closure]
        return {
            "function": thing.__qualname__,
            "code": _code(thing.__code__),
            "with": describe(held),
        }
    if isinstance(thing, type):
        return {"class": f"{thing.__module__}.{thing.__qualname__}", "source": _source(thing)}
    if isinstance(thing, functools.partial):
        return {"partial": describe(thing.func), "with": describe([thing.args, thing.keywords])}
    parameters = (
        thing.get_params(deep=False)
        if hasattr(thing, "get_params")
        else getattr(thing, "__dict__", None)
    )
    if parameters is None:
        try:
            return {"pickle": hashlib.sha256(pickle.dumps(thing, protocol=5)).hexdigest()}
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise ParameterError(
                f"a checkpoint cannot tell {thing!r} from another: {error}"
            ) from error
    return {"of": describe(type(thing)), "with": describe(parameters)}


def _code(code: CodeType) -> list[Any]:
    constants = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), constants]


def _source(thing: type) -> str | None:
    if getattr(thing, "__module__", "").startswith("statarb."):
        return None  # the code version covers it
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return None
