"""Volatility of many series at once."""
