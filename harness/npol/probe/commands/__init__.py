"""Which command asks a question, by the tool that a source has. Pure."""
