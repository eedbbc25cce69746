"""The door to the API server: connection, exec, engine, preflight, and the way back."""
