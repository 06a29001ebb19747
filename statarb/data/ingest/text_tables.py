"""Text tables as people write them: separators, lines above the header, decimal commas, dates."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray
from statarb.errors import DataError

__all__ = ["numbers_of", "read_text_table"]

SEPARATORS = (",", ";", "\t", "|")
LINES_ABOVE = 10
"""Lines in which a header is looked for."""
THOUSANDS = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$")
COMMA_DECIMAL = re.compile(r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$")


def read_text_table(path: Path, is_header: Callable[[Sequence[str]], bool]) -> pd.DataFrame:
    """Read a CSV file, plain or gzipped, every field as text.

    Parameters
    ----------
    path : path
        UTF-8; fields separated by comma, semicolon, tab or bar.
    is_header : callable
        Whether the fields of a line, lower case and without blanks around, are a header. Text above
        it is left out.

    Returns
    -------
    DataFrame
        Its columns are the header's, or counts where the first line holds numbers.

    Raises
    ------
    DataError
        Neither a header nor a line of numbers among the first ten; shows the first line.
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        text = file.read()
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise DataError(f"{path} is empty")
    for number, line in enumerate(lines[:LINES_ABOVE]):
        for separator in SEPARATORS:
            fields = [field.strip().strip('"').strip().lower() for field in line.split(separator)]
            if is_header(fields):
                return _frame(path, lines[number:], separator, header=True)
    for separator in SEPARATORS:
        fields = [field.strip().strip('"') for field in lines[0].split(separator)]
        numbers = pd.to_numeric(pd.Series(fields[1:], dtype=str), errors="coerce")
        if len(fields) > 1 and numbers.notna().mean() > 0.5:
            return _frame(path, lines, separator, header=False)
    raise DataError(
        f"{path} has no header with a time and a close in its first {LINES_ABOVE} lines, and no "
        f"numbers in its first line: {lines[0][:120]!r}"
    )


def _frame(path: Path, lines: list[str], separator: str, *, header: bool) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.StringIO("\n".join(lines)),
            sep=separator,
            header=0 if header else None,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            index_col=False,
        )
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error


def numbers_of(name: str, column: pd.Series) -> FloatArray:
    """Return the numbers of a column, whatever wrote them.

    Parameters
    ----------
    name : str
        What messages call the column.
    column : Series
        Numbers, or text: with decimal points or commas, thousands apart by the other one or by
        blanks, a currency sign in front.

    Returns
    -------
    (rows,)
        NaN where there is no number.

    Raises
    ------
    DataError
        Where every comma could be a decimal sign as well as one of thousands (``1,234``).
    """
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    text = column.astype(str).str.strip().str.replace(r"[\s'$€£¥]", "", regex=True)
    plain = pd.to_numeric(text, errors="coerce")
    odd = text[plain.isna() & text.str.contains(",", regex=False)]
    if len(odd) == 0:
        return np.asarray(plain.to_numpy(dtype=np.float64, na_value=np.nan))
    thousands, decimal = odd.map(_matches(THOUSANDS)), odd.map(_matches(COMMA_DECIMAL))
    points = bool(text[plain.notna()].str.contains(".", regex=False).any())
    if (decimal & ~thousands).any() and not (thousands & ~decimal).any():
        text = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    elif (thousands & ~decimal).any() or points:
        text = text.str.replace(",", "", regex=False)
    elif thousands.any():
        raise DataError(
            f"{name} holds {odd.iloc[0]!r}, whose comma may separate decimals or thousands, and "
            "nothing in the column tells which; write numbers with a decimal point"
        )
    return np.asarray(pd.to_numeric(text, errors="coerce").to_numpy(np.float64, na_value=np.nan))


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.match(value) is not None
