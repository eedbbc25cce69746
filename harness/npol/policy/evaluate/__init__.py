"""One flow, decided as networking.k8s.io/v1 specifies it."""
