"""Quotes in, panels out: what was quoted, when, and what was not."""
