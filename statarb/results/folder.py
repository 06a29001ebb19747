"""Result folders: one writer at a time, sets of files replaced as a whole, sealed by checksums."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from statarb._core.files import output_folder, write_json
from statarb.errors import DataError
from statarb.results.schema import SETS, FileSet

try:
    import fcntl
except ImportError:  # Windows has no advisory locks of this kind: there folders are not claimed
    fcntl = None  # type: ignore[assignment]

__all__ = ["Staged", "check_seal", "claimed", "claimed_file", "replaced"]

LOCK = ".statarb.lock"
FILES, DIGEST = "files", "digest"
"""Keys of the sealing JSON file: checksum by file, and one of all of them."""

_HELD: ContextVar[frozenset[Path]] = ContextVar("_HELD", default=frozenset())
"""Locks that the running task holds itself: it may claim a folder again on its way down."""


@dataclasses.dataclass(frozen=True)
class Staged:
    """A set of files on its way.

    Parameters
    ----------
    folder : Path
        Where to write the files of the set.
    about : dict
        What the sealing JSON file says beside the checksums; to be filled.
    """

    folder: Path
    about: dict[str, Any] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def claimed(folder: str | os.PathLike[str], *sets: FileSet) -> Iterator[Path]:
    """Hold a result folder, so that no other run writes into it meanwhile; take away what a killed
    run left there.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    *sets : FileSet
        What is going to be written.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    DataError
        Another run holds the folder; it cannot be written to; or it holds files that would be
        replaced in part.
    """
    place = output_folder(folder)
    with _lock(place / LOCK, f"another run is writing to {place}; wait for it, or give another"):
        for leftover in place.glob(".set-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for one in sets:
            _refuse_overlap(place, one)
        yield place


@contextlib.contextmanager
def claimed_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Hold a single file that is to be written; take away what a killed writer left beside it.

    Parameters
    ----------
    path : path
        The file; its folder is made where it does not exist.

    Yields
    ------
    Path
        The file.

    Raises
    ------
    DataError
        Another process is writing it, or the folder cannot be written to.
    """
    final = Path(path)
    place = output_folder(final.parent)
    with _lock(
        place / f".{final.name}.lock", f"another process is writing {final}; give another file"
    ):
        sweep(place, final.name)
        yield final


def sweep(folder: Path, *names: str) -> None:
    """Remove temporary files that killed writers of these files left in a folder that is held.

    Parameters
    ----------
    folder : Path
        The folder.
    *names : str
        Names of the files that were to be written.
    """
    for name in names:
        for leftover in folder.glob(f".{name}.tmp-*"):
            leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock(path: Path, held: str) -> Iterator[None]:
    """Hold an advisory lock, which ends with the process whatever ends it; its file is removed."""
    real = path.resolve()
    if real in _HELD.get() or not hasattr(fcntl, "flock"):
        yield
        return
    while True:
        try:
            handle = os.open(real, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise DataError(held) from error
        except OSError:  # a file system without locks: nothing to hold
            os.close(handle)
            yield
            return
        # whoever held the lock before has removed its file: then this one locks nothing
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == os.stat(real).st_ino:
                break
        os.close(handle)
    token = _HELD.set(_HELD.get() | {real})
    try:
        yield
    finally:
        _HELD.reset(token)
        real.unlink(missing_ok=True)
        os.close(handle)


@contextlib.contextmanager
def replaced(folder: str | os.PathLike[str], kind: FileSet) -> Iterator[Staged]:
    """Write a set of files in place of the one that is there: as a whole, or not at all.

    The files are written beside the old ones and moved when all of them are whole. The sealing
    file moves first: whoever reads between two moves, or after a kill between two moves, finds
    checksums that do not fit and is told so (:func:`check_seal`). An error while moving brings the
    old files back. Files of the old set that the new one does not have are removed.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    kind : FileSet
        What is written.

    Yields
    ------
    Staged
        Where to write, and what the sealing file shall say.

    Raises
    ------
    DataError
        Another run holds the folder; it cannot be written to; the disk is full. Nothing was
        changed.
    """
    with claimed(folder, kind) as place:
        work = Path(tempfile.mkdtemp(prefix=".set-", dir=place))
        try:
            staged = Staged(work / "new")
            staged.folder.mkdir()
            yield staged
            names = sorted(path.name for path in staged.folder.iterdir())
            files = {name: checksum(staged.folder / name) for name in names}
            seal = {FILES: files, DIGEST: _digest(files)}
            write_json(staged.folder / kind.about, {**staged.about, **seal})
            gone = sorted(_listed(place / kind.about).keys() - {*names, kind.about})
            _move(staged.folder, place, [kind.about, *names], gone, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _move(source: Path, target: Path, names: list[str], gone: list[str], work: Path) -> None:
    """Move files over others and remove those that are gone; on any error bring all back."""
    kept = work / "old"
    kept.mkdir()
    saved: list[str] = []
    placed: list[str] = []
    try:
        for name in [*names, *gone]:
            if (target / name).exists():
                # the sealing file (small) is copied, so that the folder never is without it
                save = shutil.copy2 if name == names[0] else os.replace
                save(target / name, kept / name)
                saved.append(name)
            if name in names:
                (source / name).replace(target / name)
                placed.append(name)
    except BaseException as error:
        for name in placed:
            (target / name).unlink()
        for name in saved:
            (kept / name).replace(target / name)
        if isinstance(error, OSError):
            raise DataError(
                f"cannot write to {target}: {error.strerror or error}; nothing was changed"
            ) from error
        raise


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _listed(about: Path) -> dict[str, str]:
    """Return the checksums that a sealing file lists; none where there is no such file.

    Names that lead out of the folder are not believed.
    """
    try:
        files = json.loads(about.read_text(encoding="utf-8"))[FILES]
        return {name: str(files[name]) for name in files if Path(name).name == name}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # damaged or of no set: it seals nothing


def _refuse_overlap(folder: Path, kind: FileSet) -> None:
    for other in SETS:
        shared = sorted(set(kind.files) & _listed(folder / other.about).keys())
        if other != kind and shared:
            raise DataError(
                f"{folder} holds the {other.name} of `{other.verb}`, whose {shared[0]} the "
                f"{kind.name} of `{kind.verb}` would replace; give another folder"
            )


def check_seal(folder: Path, kind: FileSet, about: Mapping[str, Any]) -> None:
    """Raise where the files of a set are not those that were written together.

    Parameters
    ----------
    folder : Path
        The folder.
    kind : FileSet
        Which set.
    about : mapping
        Content of its sealing file; one without checksums (written by hand) seals nothing. A file
        that is listed and absent was taken away, which is no mixture.

    Raises
    ------
    DataError
        A file that was changed, is damaged or belongs to another run.
    """
    if FILES not in about:
        return
    files = about[FILES]
    again = f"run `{kind.verb}` again, or give the folder as it was written"
    if not isinstance(files, dict) or about.get(DIGEST) != _digest(files):
        raise DataError(
            f"{folder / kind.about}: its list of files was changed or is damaged; {again}"
        )
    for name in sorted({*kind.files, *(name for name in files if Path(name).name == name)}):
        path = folder / name
        if name not in files and name in _shared(kind):
            continue  # of another set, which has its own seal
        if path.is_file() and _checksum_of(path) != files.get(name):
            raise DataError(
                f"{path} is not the file that {kind.about} lists: the files of {folder} are of "
                f"two runs, or this one was changed or damaged since; {again}"
            )


def _shared(kind: FileSet) -> set[str]:
    return {name for other in SETS if other != kind for name in other.files}


def _checksum_of(path: Path) -> str:
    try:
        return checksum(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
