"""The nouns: NetworkPolicies, pods, Services, namespaces, and how network plugins differ."""
