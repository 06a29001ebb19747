"""Who decides: the wanted weights from a window and the holdings."""
