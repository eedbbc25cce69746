"""A story without a cluster: the state after each step, and what its flows would do."""
