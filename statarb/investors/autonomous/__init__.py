"""The investor that chooses among investors."""
