"""The way back for runs that ended without it."""
