"""Files of another kind, given by mistake: named for what they are, never a traceback."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile

import pandas as pd
import pytest

import statarb as sa

TEXT = "time,refID_coin,price\n2018-01-17 11:25:00,1442,10800.0\n"


def _zipped() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("quotes.csv", TEXT)
    return held.getvalue()


def _parquet() -> bytes:
    held = io.BytesIO()
    pd.DataFrame({"price": [1.0]}).to_parquet(held)
    return held.getvalue()


OTHER_KINDS = {
    "Parquet": _parquet(),
    "ZIP": _zipped(),
    "bzip2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(20),
    "UTF-16": TEXT.encode("utf-16"),
    "no CSV text": bytes(range(1, 9)) + b"\r" + bytes(200),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_named_as_quotes_and_as_coin_table(kind, tmp_path):
    file = tmp_path / "given"
    file.write_bytes(OTHER_KINDS[kind])
    for read in (sa.read_quotes, sa.read_coins):
        with pytest.raises(sa.DataError, match=kind):
            read(file)


def test_a_panel_is_told_from_other_files_and_folders(tmp_path):
    file = tmp_path / "quotes.csv"
    file.write_text(TEXT)
    with pytest.raises(sa.DataError, match="no Parquet file at all"):
        sa.Panel.load(file)
    for read in (sa.Panel.load, sa.read_coins):
        with pytest.raises(sa.DataError, match="a folder, not a file"):
            read(tmp_path)
