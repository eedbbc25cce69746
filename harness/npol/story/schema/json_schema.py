"""The JSON Schema of story files, for editors and pre-commit hooks."""

from __future__ import annotations

from typing import Any

from npol.story.schema.story import StoryEntry


def schema() -> dict[str, Any]:
    """Draft-07, which is what the YAML language server reads."""
    made = _tidy(StoryEntry.model_json_schema(ref_template="#/definitions/{model}"))
    definitions = made.pop("$defs")
    head = {"$schema": "http://json-schema.org/draft-07/schema#"}
    return {**head, **made, "definitions": definitions}


def _tidy(value: Any) -> Any:
    """Without the titles and defaults that pydantic makes of fields, which say nothing new."""
    if isinstance(value, list):
        return [_tidy(v) for v in value]
    if not isinstance(value, dict):
        return value
    is_field = {"description", "$ref"} & set(value) and "properties" not in value
    dropped = ("title", "default") if is_field else ()
    return {k: _tidy(v) for k, v in value.items() if k not in dropped}
