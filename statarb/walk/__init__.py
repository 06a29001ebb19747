"""Walk: one investor through time, many investors in a league."""

from statarb.walk.forward import walk_forward
from statarb.walk.run import Run
from statarb.walk.settings import DEPTH, WalkSettings

__all__ = ["DEPTH", "Run", "WalkSettings", "walk_forward"]
