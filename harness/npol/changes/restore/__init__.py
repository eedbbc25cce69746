"""Objects brought back, and the proof that they are."""
