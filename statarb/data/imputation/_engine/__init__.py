"""Compiled kernels of the imputation."""
