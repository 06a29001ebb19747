"""Simulated markets, and the inefficiencies that can be planted in them."""

from __future__ import annotations

from statarb.data.synthetic.market import simulate_market
from statarb.data.synthetic.planted import (
    PlantedDiffusion,
    PlantedPairs,
    PlantedTrend,
    PlantedVolatility,
)

__all__ = [
    "PlantedDiffusion",
    "PlantedPairs",
    "PlantedTrend",
    "PlantedVolatility",
    "simulate_market",
]
