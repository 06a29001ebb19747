"""Compiled kernels of the fast solver."""
