"""The base that every part rests on: checks, tables, files, time, parameters, compiled kernels."""
