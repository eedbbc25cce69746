"""From a tool's exit code and words to an outcome. Pure."""
