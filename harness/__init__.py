"""npol: proves with real packets which flows a cluster's NetworkPolicies let through."""

__version__ = "0.1.0"
