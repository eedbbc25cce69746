"""
What the API server takes: types, defaults and validation of objects, as plain JSON data.

One reading of the rules for whoever asks: the manifests' reader, `npol check` and the lab's own
API server. Pure functions; what a policy means is nobody's business here.
"""
