"""Compiled kernels of the pair scans and their plain reference."""
