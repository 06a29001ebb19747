"""Investors that trade on forecasts."""
