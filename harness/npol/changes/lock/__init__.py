"""One run per namespace."""
