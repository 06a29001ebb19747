"""Compiled kernels of the quality report."""
