"""The network plugin: which one it is, how it is set up, and whether it enforces policies."""
