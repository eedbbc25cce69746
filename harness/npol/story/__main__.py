"""`python -m npol.story` writes the shipped JSON Schema anew, after a change of the models."""

import json
from pathlib import Path

from npol.story.schema.json_schema import schema

text = json.dumps(schema(), indent=2) + "\n"
Path(__file__).with_name("npol.schema.json").write_text(text, encoding="utf-8")
