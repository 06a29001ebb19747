"""Compiled and plain parsers of quote files."""
