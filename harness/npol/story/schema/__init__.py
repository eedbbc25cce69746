"""Story files as written: pydantic models, which are the JSON Schema's source, too."""
