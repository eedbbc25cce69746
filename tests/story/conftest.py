"""A directory for stories and manifests, and a way to read what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from npol.errors import InputError
from npol.model.story import Story
from npol.story import load_story

Files = Mapping[str, str | bytes]
NAME = "s.npol.yaml"

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Files], Path]:
    """Files into a directory of their own, which is the working directory, too."""
    monkeypatch.chdir(tmp_path)

    def write_all(files: Files) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write_all


@pytest.fixture
def story(write: Callable[[Files], Path]) -> Callable[..., Story]:
    """The story of a text; `files` lie beside it."""

    def load(text: str, files: Files | None = None, overlay: str | None = None) -> Story:
        root = write({NAME: text, "deny.yaml": POLICY, **(files or {})})
        return load_story(NAME, root=str(root), overlay=overlay)

    return load


@pytest.fixture
def mistakes(story: Callable[..., Story], tmp_path: Path) -> Callable[..., list[str]]:
    """What is wrong with a text, line by line, without the directory that it happens to be in."""

    def complaints(text: str, files: Files | None = None, overlay: str | None = None) -> list[str]:
        with pytest.raises(InputError) as caught:
            story(text, files, overlay)
        return str(caught.value).replace(str(tmp_path), "ROOT").split("\n")

    return complaints
