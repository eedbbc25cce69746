"""
The door for story files: read, checked, all mistakes told at once.

    story = load_story("fixtures/baseline/baseline.npol.yaml")

`schema` says what may be written (and is the JSON Schema's source); `loading` reads a file by
it; what comes out are the frozen nouns of `npol.model.story`.
"""

from npol.story.files import find_root
from npol.story.loading import load_story, read_story
from npol.story.manifests import Survey, load_manifests, survey, survey_source
from npol.story.schema.json_schema import schema

__all__ = [
    "Survey",
    "find_root",
    "load_manifests",
    "load_story",
    "read_story",
    "schema",
    "survey",
    "survey_source",
]
