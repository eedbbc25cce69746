"""The lab's network: namespaces, links, Services, policies and names, all with real packets."""
