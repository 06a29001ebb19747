"""Rejects: why a row of a quote file was not used, how many were not, and the file that lists
them.
"""

from __future__ import annotations

import csv
import enum
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from statarb._core.files import atomic_path
from statarb._core.spreadsheet import guarded

__all__ = ["Reason", "RejectLog", "open_rejects"]


class Reason(enum.IntEnum):
    """What is wrong with a row, in the order in which it is looked for: the first that applies is
    the one counted.
    """

    NONE = 0
    FIELDS = 1
    STAMP = 2
    NUMBER = 3
    UNKNOWN_COIN = 4
    PRICE_MISSING = 5
    PRICE_INFINITE = 6
    PRICE_NEGATIVE = 7
    PRICE_ZERO = 8
    STRAY_STAMP = 9

    @property
    def label(self) -> str:
        """The words that files and tables show."""
        return _LABELS[self]


_LABELS = {
    Reason.NONE: "good",
    Reason.FIELDS: "wrong number of fields",
    Reason.STAMP: "unparseable stamp",
    Reason.NUMBER: "unparseable number",
    Reason.UNKNOWN_COIN: "coin id not in the table",
    Reason.PRICE_MISSING: "price missing",
    Reason.PRICE_INFINITE: "price infinite",
    Reason.PRICE_NEGATIVE: "price negative",
    Reason.PRICE_ZERO: "price zero",
    Reason.STRAY_STAMP: "stamp far from all others",
}


class RejectLog:
    """Counts of rejected rows by reason; writes each of them where a file is open.

    Parameters
    ----------
    writer : csv writer, optional
        Gets one row (file, line, reason, text) a reject.
    """

    def __init__(self, writer: Any = None) -> None:
        self._writer = writer
        self._counts = np.zeros(len(Reason), dtype=np.int64)
        self.first: tuple[str, int, Reason] | None = None
        self.first_stray: tuple[str, int] | None = None

    @property
    def wants_text(self) -> bool:
        """Whether rejected rows are written, and their text is therefore needed."""
        return self._writer is not None

    @property
    def total(self) -> int:
        """Number of rejected rows."""
        return int(self._counts.sum())

    def add(self, file: str, line: int, reason: Reason, text: str) -> None:
        """Count one reject, and write it where a file is open; ``line`` 1 is the header."""
        self._counts[reason] += 1
        if self.first is None:
            self.first = (file, line, reason)
        if reason is Reason.STRAY_STAMP and self.first_stray is None:
            self.first_stray = (file, line)
        if self._writer is not None:
            self._writer.writerow((guarded(file), line, reason.label, guarded(text)))

    def wants_lines(self, codes: npt.NDArray[np.int8]) -> bool:
        """Whether the lines of these rejects are needed: to be written, or to be named."""
        return (
            self.wants_text
            or self.first is None
            or (self.first_stray is None and bool((codes == Reason.STRAY_STAMP).any()))
        )

    def count(self, codes: npt.NDArray[np.int8]) -> None:
        """Count rejects without their text; 0 is no reject."""
        counts = np.bincount(codes, minlength=len(Reason))
        counts[Reason.NONE] = 0
        self._counts += counts

    def by_reason(self) -> dict[str, int]:
        """Return the number of rejects by label, every reason listed."""
        return {
            reason.label: int(self._counts[reason])
            for reason in Reason
            if reason is not Reason.NONE
        }


@contextmanager
def open_rejects(path: str | os.PathLike[str] | None) -> Iterator[RejectLog]:
    """Give a log that writes to ``path``: columns ``file, line, reason, text``; the file appears
    when all is read.
    """
    if path is None:
        yield RejectLog()
        return
    with (
        atomic_path(Path(path)) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "line", "reason", "text"))
        yield RejectLog(writer)
