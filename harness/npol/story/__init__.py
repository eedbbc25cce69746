"""
The door for story files: read, checked, all mistakes told at once.

    story = load_story("fixtures/baseline/baseline.npol.yaml")

`schema` says what may be written (and is the JSON Schema's source); `loading` reads a file by
it; what comes out are the frozen nouns of `npol.model.story`. `loading` is imported when it is
first used: whoever only looks at manifests need not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from npol.story.files import find_root, git_top, story_bytes
from npol.story.manifests import Survey, load_manifests, survey, survey_source

if TYPE_CHECKING:
    from npol.story.loading import load_story, read_story

_HOMES = {
    "load_story": "npol.story.loading",
    "read_story": "npol.story.loading",
}

__all__ = [
    "Survey",
    "find_root",
    "git_top",
    "load_manifests",
    "load_story",
    "read_story",
    "story_bytes",
    "survey",
    "survey_source",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'npol.story' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
