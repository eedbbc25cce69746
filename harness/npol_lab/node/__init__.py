"""The nodes of a lab: what a kubelet and a container runtime do."""
