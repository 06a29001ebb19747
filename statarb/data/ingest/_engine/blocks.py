"""Blocks: a quote file, plain or gzipped, is read piece by piece, each piece whole lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from statarb.errors import DataError

__all__ = ["QuoteFile"]

LONGEST_LINE = 64 << 20

_OTHER_KINDS = (
    (
        b"PAR1",
        "a Parquet file; quotes are CSV, and a panel (market.parquet) is opened by Panel.load",
    ),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"BZh", "compressed by bzip2; unpack it first, or pack it with gzip"),
    (b"\xfd7zXZ", "compressed by xz; unpack it first, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it first, or pack it with gzip"),
    (b"\xff\xfe", "text in UTF-16; turn it into UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "text in UTF-16; turn it into UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
)
"""First bytes of files that are often given by mistake, and what to do about them."""


class QuoteFile:
    """An open quote file: its header, and then its rows in blocks of bytes that end with a line
    end.

    Parameters
    ----------
    path : Path
        Plain or gzipped (told by its first bytes, not by its name).
    block : int
        Size of a block, in bytes.
    """

    def __init__(self, path: Path, block: int = 8 << 20) -> None:
        self.path = path
        self._block = block
        try:
            self._raw: BinaryIO = path.open("rb")
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        zipped = self._raw.read(2) == b"\x1f\x8b"
        self._raw.seek(0)
        self._file: BinaryIO = gzip.GzipFile(fileobj=self._raw, mode="rb") if zipped else self._raw  # type: ignore[assignment]
        self._carry = b""
        try:
            self.header = self._first_line()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> QuoteFile:
        """Give the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; again does nothing."""
        self._file.close()
        self._raw.close()

    @property
    def done(self) -> int:
        """Bytes read so far, as they lie on disk."""
        return self._raw.tell()

    def blocks(self) -> Iterator[memoryview]:
        """Yield the rest of the file; the last block gets a line end where the file has none.

        A block is gone when the next one is asked for: all share one buffer.
        """
        buffer = bytearray(max(self._block, 2 * len(self._carry)) + 1)
        filled = len(self._carry)
        buffer[:filled] = self._carry
        self._carry = b""
        while True:
            got = self._read_into(memoryview(buffer)[filled:-1])
            filled += got
            cut = buffer.rfind(b"\n", 0, filled) + 1
            if got == 0:
                if filled and buffer[filled - 1] != 10:
                    buffer[filled] = 10
                    filled += 1
                if filled:
                    yield memoryview(buffer)[:filled]
                return
            if cut:
                yield memoryview(buffer)[:cut]
                buffer[: filled - cut] = buffer[cut:filled]
                filled -= cut
            elif filled >= len(buffer) - 1:
                if filled > LONGEST_LINE:
                    raise DataError(
                        f"{self.path} has a line of more than {LONGEST_LINE >> 20} MB; is it a "
                        "table of quotes?"
                    )
                buffer = buffer + bytearray(len(buffer))

    def _first_line(self) -> str:
        start = b""
        while b"\n" not in start and len(start) < LONGEST_LINE:
            piece = self._read(1 << 16)
            if not piece:
                break
            start += piece
        line, _, self._carry = start.partition(b"\n")
        for signature, what in _OTHER_KINDS:
            if start.startswith(signature):
                raise DataError(f"{self.path} is {what}")
        header = line.decode("utf-8-sig", errors="replace").strip("\r\n")
        if not header.strip():
            state = "empty" if not start.strip() else "without a header: its first line is blank"
            raise DataError(
                f"{self.path} is {state}; give a CSV file with a header and at least one row"
            )
        if any(ord(letter) < 32 and letter != "\t" for letter in header):
            raise DataError(
                f"{self.path} is no CSV text with lines: its header would be {header[:40]!r}; give "
                "CSV in UTF-8"
            )
        return header

    def _read(self, size: int) -> bytes:
        piece = bytearray(size)
        return bytes(piece[: self._read_into(memoryview(piece))])

    def _read_into(self, buffer: memoryview) -> int:
        try:
            return self._file.readinto(buffer) or 0  # type: ignore[attr-defined]
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                f"{self.path} is a damaged gzip file ({error}); copy it again, or check it with "
                "`gzip --test`"
            ) from error
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror or error}") from error
