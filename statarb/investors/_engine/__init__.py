"""Kernels of the investors: arrays in, arrays out."""
