"""Text cells of CSV files that spreadsheets show as text, and never run as formulas."""

from __future__ import annotations

import re

__all__ = ["guarded", "unguarded"]

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What a spreadsheet takes for the beginning of a formula, behind any guards."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def guarded(text: str) -> str:
    """Return the text of a cell with an apostrophe in front where a spreadsheet would run it.

    Spreadsheets evaluate a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage
    return, also when it comes from a file (CWE-1236). An apostrophe in front makes it text.

    Parameters
    ----------
    text : str
        An identifier, a name or a message from outside.

    Returns
    -------
    str
        The same text where it is harmless or a number; :func:`unguarded` gives it back in any case.

    Examples
    --------
    >>> guarded("=HYPERLINK(A1)"), guarded("-0.5"), guarded("BTC")
    ("'=HYPERLINK(A1)", '-0.5', 'BTC')
    """
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return the text that :func:`guarded` was given.

    Parameters
    ----------
    text : str
        A cell as it stands in a file.

    Returns
    -------
    str
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text
