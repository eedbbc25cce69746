"""The journal of a run: in the cluster, on this machine, and back from both."""
