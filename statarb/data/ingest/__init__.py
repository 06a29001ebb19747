"""Files into panels, and panels into files."""
