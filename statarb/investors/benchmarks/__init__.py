"""Benchmark investors: fixed rules, classic portfolios and trading rules."""
