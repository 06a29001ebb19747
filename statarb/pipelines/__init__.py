"""Whole tasks in one call: the full pipeline, a league with its files, the forecasting task."""
