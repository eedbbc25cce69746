"""What a story would change, and the kubectl commands that do the same."""
