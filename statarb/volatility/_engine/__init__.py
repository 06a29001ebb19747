"""Compiled GARCH kernels and their plain reference."""
