"""Constants of the competition case: calendar, grid, window; light, and known to all floors."""

from __future__ import annotations

from typing import Final

__all__ = ["CASE", "DAYS", "DEPTH", "FEE", "START", "STEP", "STEPS"]

START: Final = "2018-01-25"
"""First decision, 00:00 UTC."""
DAYS: Final = ("2018-01-30", "2018-02-06", "2018-02-20", "2018-03-09", "2018-03-18")
"""Test days of the forecasting task."""
STEP: Final = "5min"
"""Step of the grid."""
STEPS: Final = 288
"""Steps of a test day."""
DEPTH: Final = 2016
"""Largest number of observations in a window: seven days."""
FEE: Final = 0.0025
"""Fee, as a share of the turnover."""
CASE: Final = "case"
"""Word for the case's start and numeraire where a panel holds them, else the panel's own."""
