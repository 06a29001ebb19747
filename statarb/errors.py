"""The errors that statarb raises on purpose."""

from __future__ import annotations


class DataError(ValueError):
    """Data that cannot be used: says which file, time or asset, what was found and what is
    accepted.
    """


class ParameterError(ValueError):
    """An argument outside what is allowed: names the argument, the value got and what is
    allowed.
    """


class DataWarning(UserWarning):
    """Data of which a part was left out or is doubtful: says what and how much."""


class InfeasibleError(ValueError):
    """A problem without a feasible point: names the assets or bounds in conflict."""


class LookAheadError(ValueError):
    """A result that changed when only the future was changed: says where and by how much."""
