"""One investor through time: every decision from what was known, every trade by the rules."""

from statarb.walkforward.run import Run
from statarb.walkforward.walk import walk_forward

__all__ = ["Run", "walk_forward"]
