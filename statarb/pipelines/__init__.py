"""Whole tasks in one call: the full pipeline and the forecasting task."""
