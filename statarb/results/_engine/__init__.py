"""Compiled kernels that write and read the portfolio file."""
