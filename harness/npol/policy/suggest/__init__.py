"""A first story for policies that have none."""
