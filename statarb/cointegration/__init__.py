"""Cointegrated pairs and baskets, and their spreads."""
