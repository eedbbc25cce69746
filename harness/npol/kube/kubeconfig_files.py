"""The files of one kubeconfig path, and their entries by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.errors import InputError
from npol.yaml_positions import YamlDialect, load

LARGEST = 32_000_000
"""Bytes of one file; a fleet's may have thousands of clusters with their certificates."""


@dataclass(slots=True, repr=False)
class KubeconfigEntries:
    """All files of one kubeconfig path, entries by name, with the file of each."""

    path: str
    contexts: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    clusters: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    users: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)


def _path(kubeconfig: str | None) -> str:
    return kubeconfig or os.environ.get("KUBECONFIG") or os.path.join("~", ".kube", "config")


def present_files(kubeconfig: str | None) -> list[str]:
    """The files that are there; a given path is one file first, as for kubectl."""
    path = _path(kubeconfig)
    whole = os.path.expanduser(path)
    if kubeconfig and os.path.exists(whole):
        return [whole]
    files = [os.path.expanduser(part) for part in path.split(os.pathsep) if part]
    return [file for file in files if os.path.exists(file)]


def read_entries(kubeconfig: str | None) -> KubeconfigEntries:
    path, files = _path(kubeconfig), present_files(kubeconfig)
    if not files:
        raise InputError(
            f"there is no kubeconfig at {path}",
            hint="give --kubeconfig FILE, or set KUBECONFIG",
        )
    merged = KubeconfigEntries(path)
    for file in files:
        _merge(merged, file, _content(file))
    return merged


def _content(file: str) -> Mapping[str, Any]:
    try:
        with open(file, "rb") as handle:
            documents = load(handle.read(), file, YamlDialect.MANIFEST, limit=LARGEST)
    except OSError as error:
        raise InputError(f"{file}: the kubeconfig cannot be read: {error.strerror}") from None
    if not documents:  # empty, or comments only
        return {}
    content = documents[0].data
    if len(documents) != 1 or not isinstance(content, dict):
        raise InputError(f"{file}: a kubeconfig is one YAML mapping, and this is none")
    if content.get("apiVersion", "v1") != "v1" or content.get("kind", "Config") != "Config":
        raise InputError(f"{file}: a kubeconfig is of apiVersion v1, kind Config, and this is not")
    return content


def _merge(merged: KubeconfigEntries, file: str, content: Mapping[str, Any]) -> None:
    for section, key in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
        table = getattr(merged, section)
        place = f"{file}: {section}"
        found: dict[str, dict[str, Any]] = {}
        for name, entry in _entries(content.get(section), key, place):
            if name in found:
                raise InputError(f"{place}: {name!r} stands twice")
            found[name] = entry
        for name, entry in found.items():
            table.setdefault(name, (file, entry))


def _entries(section: Any, key: str, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if section is None:
        return
    if not isinstance(section, list):
        raise InputError(f"{place} is not a list")
    for number, item in enumerate(section, 1):
        if not isinstance(item, dict) or not isinstance(item.get(key) or {}, dict):
            raise InputError(f"{place}: entry {number} is not a name with a {key}")
        yield str(item.get("name", "")), dict(item.get(key) or {})
