"""Programs that the lab serves itself, on sockets made inside a pod's network."""
