"""
Checks that nothing could falsify: they read back what the run itself wrote.

Such a check is about objects that `given` or a step wrote once, that no step touches besides, and
whose manifests already say what is claimed. Where two writes follow each other, or a controller
fills in a status, a check can fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from npol.model.change import Apply, Change, Delete, Label, Manifest, Restore, Scale
from npol.model.inventory import Obj
from npol.model.story import StateCheck, Story
from npol.run.checks.drift import differences
from npol.run.checks.labels import labels_of
from npol.run.checks.objects import holds_for

Key = tuple[str, str, str]
"""Kind in lower case, namespace, name."""


def cannot_fail(check: StateCheck, story: Story, step: str, *, creates: bool) -> tuple[str, ...]:
    """
    Where a run wrote what a check in a step of an expanded story reads back, so that nothing could
    falsify it; () when something could.

    `creates`: whether the run makes what `given` lists.
    """
    written = written_once(story, step, creates=creates)
    claimed = list(_claimed(check, written))
    if not claimed or None in claimed:
        return ()
    return tuple(dict.fromkeys(f"{m.at.file}:{m.at.line}" for m in claimed if m))


def written_once(story: Story, step: str, *, creates: bool) -> dict[Key, Manifest]:
    """What a run has written exactly once, up to and with a step, and not touched otherwise."""
    found = {_key(m): m for m in story.given} if creates else {}
    touched: set[Key] = set()
    for change in _changes(story, step):
        if isinstance(change, Restore):
            return {}
        keys = list(_touches(change))
        touched.update(k for k in keys if k in found or not isinstance(change, Apply))
        if isinstance(change, Apply):
            found.update(zip(keys, change.manifests, strict=True))
    return {key: manifest for key, manifest in found.items() if key not in touched}


def _changes(story: Story, step: str) -> Iterator[Change]:
    for one in story.steps:
        yield from one.changes
        if one.name == step:
            return


def _touches(change: Change) -> Iterator[Key]:
    if isinstance(change, Label):
        yield change.kind, "" if change.kind == "namespace" else change.namespace, change.name
    elif isinstance(change, Scale):
        yield change.workload.kind.lower(), change.workload.namespace, change.workload.name
    elif isinstance(change, Apply | Delete):
        yield from map(_key, change.manifests)


def _key(manifest: Manifest) -> Key:
    return manifest.kind.lower(), manifest.namespace, manifest.name


def _claimed(check: StateCheck, written: Mapping[Key, Manifest]) -> Iterator[Manifest | None]:
    """For each object of a check the manifest that already says what is claimed, or None."""
    if check.kind == "applied":
        for manifest in check.wants["manifests"]:
            mine = written.get(_key(manifest))
            yield mine if mine and not differences(manifest.body, mine.body) else None
    elif check.kind == "labels":
        mine = _named(check.subject, check.namespace, written)
        yield mine if mine and _has(mine.body, check.wants["has"]) else None
    elif check.kind == "object":
        mine = _named(check.wants["ref"], check.namespace, written)
        yield mine if mine and _says(check, mine.body) else None


def _named(ref: str, namespace: str, written: Mapping[Key, Manifest]) -> Manifest | None:
    kind, _, name = ref.partition("/")
    kind = kind.partition(".")[0].lower()
    return written.get((kind, namespace, name)) or written.get((kind, "", name))


def _has(body: Obj, labels: Mapping[str, str]) -> bool:
    return labels.items() <= labels_of(body).items()


def _says(check: StateCheck, body: Obj) -> bool:
    """What is absent here may be filled in there. A status is never a manifest's."""
    return check.wants.get("exists") is not False and holds_for(check, body)
