"""Compiled kernels of the simulated market."""
