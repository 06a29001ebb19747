"""Compiled kernels of the replay and their plain reference."""
