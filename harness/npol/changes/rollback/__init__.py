"""Taking back what a story left applied on purpose."""
