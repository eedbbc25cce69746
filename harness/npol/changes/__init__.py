"""What a run does to a cluster: written down before it is done, and given back."""
