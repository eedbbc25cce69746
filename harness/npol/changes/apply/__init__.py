"""Changes on their way to the cluster."""
