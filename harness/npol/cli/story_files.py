"""The stories that are named on a command line: files, and directories of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from npol.errors import InputError
from npol.model.next_command import npol_command
from npol.model.story import Story
from npol.story import load_story, story_bytes
from npol.story_suffixes import STORY_SUFFIXES

PATTERNS = tuple(f"*{suffix}" for suffix in STORY_SUFFIXES)
_KIND = re.compile(r"^kind:\s*(\S+)", re.MULTILINE)
_API_VERSION = re.compile(r"^apiVersion:", re.MULTILINE)


def load_stories(paths: Sequence[str], *, root: str | None, overlay: str | None) -> list[Story]:
    """
    Every story that is named, or lies below what is named.

    Raises:
        InputError: a file is no story, a directory has none.
    """
    files = story_files(paths)
    for file in files:
        _refuse_manifest(file, root)
    return [load_story(file, root=root, overlay=overlay) for file in files]


def story_files(paths: Sequence[str]) -> list[str]:
    """Each file once, in the order in which it was named first."""
    return list(dict.fromkeys(file for path in paths for file in _files(path)))


def _files(path: str) -> Iterator[str]:
    if not Path(path).is_dir():
        yield path
        return
    below = (f for pattern in PATTERNS for f in Path(path).rglob(pattern))
    found = sorted({str(f) for f in below if not _of_a_volume(f.relative_to(path))})
    if not found:
        raise InputError(
            f"{path}: no story lies below it", hint=f"stories are called {PATTERNS[0]}"
        )
    yield from found


def _of_a_volume(file: Path) -> bool:
    """Whether a ConfigMap's volume keeps it; what people see are links beside such a folder."""
    return any(part.startswith("..") for part in file.parts)


def _refuse_manifest(file: str, root: str | None) -> None:
    """What people try first; the schema's complaints about it would be ten lines."""
    try:
        text = story_bytes(file, root).decode()
    except (InputError, UnicodeDecodeError):
        return  # loading it says why
    kind = _KIND.search(text)
    if kind and _API_VERSION.search(text):
        first = npol_command("init", "--from-manifests", path=file)
        raise InputError(
            f"{file} is a Kubernetes manifest ({kind[1]}), and no story",
            hint=f"make a first story of it: {first} > first.npol.yaml",
        )
