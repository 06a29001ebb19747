"""Simulated markets."""
