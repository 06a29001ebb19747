"""One investor through time: every decision from what was known, every trade by the rules."""

from statarb.walk.forward import walk_forward
from statarb.walk.run import Run

__all__ = ["Run", "walk_forward"]
