"""
What a kustomization takes: files and directories below the root, and nothing else.

kustomize fetches what looks like an address from whatever key it stands at, and starts git for it.
Where it would, and where a path leads out of the root, nothing is rendered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from npol.errors import Mistakes, Position
from npol.story import files
from npol.story.field_validators import NotValid, shown
from npol.yaml_positions import Document, Path, YamlDialect, load

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
PLUGINS = frozenset({"transformers", "generators", "validators"})
"""Keys of objects that tell kustomize what to do; they may stand there as text, too."""
_PATCHES = frozenset({"patches", "patchesstrategicmerge"})
"""Their texts may be patches themselves."""
LISTS = PLUGINS | _PATCHES | {"resources", "bases", "components", "crds", "configurations"}
"""Keys whose texts are paths; all keys are without regard to case, as in kustomize."""
TAKES = LISTS | {
    *("configmapgenerator", "secretgenerator", "patchesjson6902", "replacements", "openapi"),
}
_PATHS = frozenset({"path", "paths", "files", "env", "envs"})
"""Keys below them, and in plugins, whose texts are paths."""
_CHARTS = frozenset({"helmcharts", "helmchartinflationgenerator", "helmglobals"})
_LIST_OF_PLUGINS = frozenset({"apiversion", "kind", "metadata", "resources"})
_ADDRESS = re.compile(r"\s*https?:", re.I)
_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")
_ADVICE = "render it to a file first"


@dataclass(slots=True, kw_only=True)
class KustomizationReader:
    """One kustomization; `root` is a real path, `label_of` what messages call a path."""

    root: str
    label_of: Callable[[str], str]
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def read(self, directory: str) -> None:
        """
        Look at a kustomization's directory, a real path, and at every one below it.

        Raises:
            NotValid: it names what is not below the root, or cannot be read.
        """
        self._directory(directory, plugins_of="")

    def _directory(self, directory: str, *, plugins_of: str) -> None:
        """`plugins_of`: whom it tells what to do; the paths of plugins are relative to it."""
        if self._is_known(directory, plugins_of=plugins_of):
            return
        for name in KUSTOMIZATIONS:
            path = os.path.join(directory, name)
            if os.path.lexists(path):
                for document in self._documents(path):
                    self._kustomization(directory, document, plugins_of=plugins_of)

    def _is_known(self, path: str, *, plugins_of: str) -> bool:
        if len(self._seen) >= files.MAX_FILES:
            raise NotValid(f"more than {files.MAX_FILES} files are taken here", _ADVICE)
        known = (path, plugins_of) in self._seen
        self._seen.add((path, plugins_of))
        return known

    def _documents(self, path: str) -> list[Document]:
        real = os.path.realpath(path)
        if not files.is_below(real, self.root):
            raise NotValid(f"{shown(self.label_of(path))} is a link to a place outside of the root")
        label = self.label_of(path)
        try:
            return load(files.read_bytes(real, shown(label)), label, YamlDialect.MANIFEST)
        except Mistakes as error:
            raise NotValid(str(error.mistakes[0]), _ADVICE) from None

    def _kustomization(self, directory: str, document: Document, *, plugins_of: str) -> None:
        data = document.data if isinstance(document.data, dict) else {}
        for key, value in data.items():
            word = str(key).casefold()
            if word in _CHARTS:
                raise _refused(document.key_at(key), "has a chart fetched")
            if plugins_of and word not in _LIST_OF_PLUGINS:
                what = f"has {shown(key)} where plugins are listed, beside `resources`"
                raise _refused(document.key_at(key), what)
            if word not in TAKES:
                continue
            for path, text in _named(value, (key,), is_path=word in LISTS):
                self._take(directory, document.at(*path), text, word, plugins_of=plugins_of)

    def _take(self, directory: str, at: Position, text: str, key: str, *, plugins_of: str) -> None:
        plugins_of = plugins_of or (directory if key in PLUGINS else "")
        path = os.path.normpath(os.path.join(directory, text))
        inline = _objects(text) if plugins_of or key in _PATCHES else []
        if plugins_of:
            self._plugins(plugins_of, inline, at)
        if inline and not _is_address(text) and not os.path.lexists(path):
            return
        self._path(directory, at, text)
        real = os.path.realpath(path)
        if os.path.isdir(real):
            self._directory(real, plugins_of=plugins_of)
        elif plugins_of and not self._is_known(real, plugins_of=plugins_of):
            self._plugins(plugins_of, self._documents(real), None)

    def _plugins(self, directory: str, documents: list[Document], at: Position | None) -> None:
        """`at`: where their text stands, if it is no file. Not every `path` is one of files."""
        for document in documents:
            for path, text in _named(document.data, (), is_path=False):
                place = at or document.at(*path)
                if _is_address(text):
                    raise _fetched(place, text)
                self._inside(directory, place, text)

    def _path(self, directory: str, at: Position, text: str) -> None:
        """One that kustomize must find below the root; `KEY=PATH` where it reads a file's text."""
        if _is_address(text) or _is_of_git(text):
            raise _fetched(at, text)
        if not self._inside(directory, at, text):
            raise _refused(at, f"names {shown(text)}, which is not there")

    def _inside(self, directory: str, at: Position, text: str) -> bool:
        """Whether it is there; it is not outside of the root then."""
        short = text.rpartition("=")[2]
        paths = {os.path.normpath(os.path.join(directory, each)) for each in (text, short)}
        there = [path for path in paths if os.path.lexists(path)]
        if not all(files.is_below(os.path.realpath(path), self.root) for path in there):
            what = f"{at} names {shown(text)}, which is outside of the root {self.root}"
            raise NotValid(what, "pass a wider --root, or " + _ADVICE)
        return bool(there)


def _is_address(text: str) -> bool:
    """Whether kustomize would fetch it, whatever lies there under this name."""
    return "://" in text or any(map(_ADDRESS.match, text.split("=")))


def _is_of_git(text: str) -> bool:
    return _SCHEME.match(text) is not None or ("@" in text and ":" in text)


def _fetched(at: Position, text: str) -> NotValid:
    return _refused(at, f"names {shown(text)}, which would have to be fetched")


def _refused(at: Position, what: str) -> NotValid:
    return NotValid(f"{at} {what}", _ADVICE)


def _objects(text: str) -> list[Document]:
    """The objects that a text is, where it is no path."""
    try:
        found = load(text, "", YamlDialect.MANIFEST)
    except Mistakes:
        return []
    return found if any(isinstance(d.data, dict | list) for d in found) else []


def _named(value: Any, path: Path, *, is_path: bool) -> Iterator[tuple[Path, str]]:
    """The texts that are paths, each with where it stands."""
    if isinstance(value, str):
        if is_path:
            yield path, value
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _named(inner, (*path, number), is_path=is_path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _named(inner, (*path, key), is_path=str(key).casefold() in _PATHS)
