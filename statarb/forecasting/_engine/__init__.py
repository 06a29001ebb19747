"""Compiled kernels of the rolling regressions and the small networks."""
