"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from statarb.errors import DataError

__all__ = ["atomic_path", "json_text", "output_folder", "write_json", "write_text"]


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside ``path``; on success it takes the final name, on failure it is
    removed.

    A reader therefore sees the old file or the whole new one, never a half.

    Raises
    ------
    DataError
        Where the folder does not exist or cannot be written to, or the disk is full.
    """
    final = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.tmp-", dir=final.parent)
    except OSError as error:
        raise DataError(
            f"cannot write {final}: {error.strerror}; give a folder that exists and is writable"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(final)
    except OSError as error:
        raise DataError(
            f"cannot write {final}: {error.strerror or error}; nothing was changed"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder ``path`` where it does not exist yet, see that it can be written to, and
    return it.

    Raises
    ------
    DataError
        Where it cannot be made or written to, or is a file.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the folder {folder}: {error.strerror}; give a path that is writable and "
            "not a file"
        ) from error
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise DataError(
            f"cannot write to the folder {folder}: {error.strerror}; give another one"
        ) from error
    return folder


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write ``content`` as indented JSON (numbers that JSON has no word for become ``null``), whole
    or not at all.
    """
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Return ``content`` as indented JSON; numbers that JSON has no word for become ``null`` (NaN)
    or text (infinity).
    """
    return json.dumps(_plain(content), indent=2, allow_nan=False) + "\n"


def _plain(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    if hasattr(content, "item") and getattr(content, "ndim", 0) == 0:
        content = content.item()
    if isinstance(content, float) and not math.isfinite(content):
        return None if math.isnan(content) else ("inf" if content > 0 else "-inf")
    return content
