"""The policy document: what the policies mean, and what a story proves of them."""
