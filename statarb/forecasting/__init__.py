"""Forecasters: expected returns, one step ahead and more."""
