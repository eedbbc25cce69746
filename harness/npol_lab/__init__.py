"""The embedded cluster: an API server, nodes, controllers and a network in one process."""
