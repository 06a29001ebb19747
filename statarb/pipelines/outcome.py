"""Outcome of a pipeline: what a terminal shows, and the same as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["Outcome"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a pipeline did.

    Parameters
    ----------
    text : str
        For a terminal.
    facts : mapping
        The same as plain numbers and words, which JSON can hold.
    """

    text: str
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        """Return the text."""
        return self.text
