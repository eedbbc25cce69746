"""All pods to all pods at once, and what two states let through differently."""
