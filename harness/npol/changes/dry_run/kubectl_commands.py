"""The kubectl commands that do the same by hand, a line per namespace at best. Pure text."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npol.changes.journal_types import Key
from npol.changes.state.compare import reborn
from npol.changes.state.snapshot import key_of
from npol.model.change import Apply, Delete, Manifest
from npol.model.story import Story
from npol.yaml_positions import dump

END = "END_OF_POLICY"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubectlCommand:
    """
    One command for one namespace ("": for the cluster); paths in it are relative to the story's
    directory.
    """

    namespace: str
    line: str


def directory_of(story: Story) -> str:
    """Where the commands are to be run."""
    return os.path.dirname(os.path.abspath(story.path))


def delete_commands(
    story: Story, manifests: Sequence[Manifest], context: str
) -> list[KubectlCommand]:
    """
    `kubectl delete`, one line per namespace, for these manifests of a story: by files, or by names
    where a file holds more.
    """
    by_namespace: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        by_namespace.setdefault(manifest.namespace, []).append(manifest)
    found = []
    verb = ("delete", "--ignore-not-found")
    for namespace, inside in by_namespace.items():
        if all(_is_whole(file, story, inside) for file in _by_file(inside)):
            found.append(_of_one_namespace(story, inside, context, namespace, verb))
        else:
            found += delete_by_name([key_of(m.body) for m in inside], context)
    return found


def apply_commands(
    story: Story, manifests: Sequence[Manifest], context: str
) -> list[KubectlCommand]:
    """
    `kubectl apply`: one line per namespace for the files that are about one, a line of its own
    for a file that is about several, and the objects themselves where a file cannot be applied
    as it lies there. What is rendered has no file: a comment names it.
    """
    filed = [m for m in manifests if not m.at.is_rendered and os.path.isfile(m.at.file)]
    found = [
        _of_one_file(story, inside, context, file)
        if file
        else _of_one_namespace(story, inside, context, namespace, ("apply",))
        for (namespace, file), inside in _lines_of(story, filed).items()
    ]
    rendered = ", ".join(str(key_of(m.body)) for m in manifests if m not in filed)
    if found and rendered:
        found.append(KubectlCommand(namespace="", line=f"# rendered, in no file: {rendered}"))
    return found


def _lines_of(story: Story, manifests: Iterable[Manifest]) -> dict[tuple[str, str], list[Manifest]]:
    """What goes into one line: by namespace, or by a file that has a line of its own."""
    found: dict[tuple[str, str], list[Manifest]] = {}
    for file, inside in _by_file(manifests).items():
        namespaces = {m.namespace for m in inside}
        alone = len(namespaces) > 1 or not _is_whole(file, story, inside)
        found.setdefault(("", file) if alone else (namespaces.pop(), ""), []).extend(inside)
    return found


def _by_file(manifests: Iterable[Manifest]) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        found.setdefault(manifest.at.file, []).append(manifest)
    return found


def _of_one_file(
    story: Story, inside: Sequence[Manifest], context: str, file: str
) -> KubectlCommand:
    """kubectl takes no `-n` where objects name several; an object that names none needs one."""
    if _is_whole(file, story, inside) and all(map(_is_placed, inside)):
        words = ["apply", "-f", os.path.relpath(file, directory_of(story))]
        return KubectlCommand(namespace="", line=_line(context, "", words))
    start = _line(context, "", ["apply", "-f", "-"])
    objects = "---\n".join(dump(m.body) for m in inside)
    return KubectlCommand(namespace="", line=f"{start} <<'{END}'\n{objects}{END}")


def _is_placed(manifest: Manifest) -> bool:
    """Whether the file itself says where it goes."""
    written = (manifest.document.data.get("metadata") or {}).get("namespace", "")
    return str(written or "") == manifest.namespace


def put_back_command(before: Mapping[str, Any], context: str, *, exists: bool) -> KubectlCommand:
    """A command that holds the policy that it puts back."""
    namespace = before["metadata"].get("namespace", "")
    verb = "replace" if exists else "create"
    start = _line(context, namespace, [verb, "-f", "-"])
    return KubectlCommand(
        namespace=namespace, line=f"{start} <<'{END}'\n{dump(reborn(before))}{END}"
    )


def delete_by_name(policies: Iterable[Key], context: str) -> list[KubectlCommand]:
    """`kubectl delete` by name, for policies that no file of ours describes."""
    return _by_name("delete", policies, context)


def get_commands(policies: Iterable[Key], context: str) -> list[KubectlCommand]:
    """`kubectl get` of these, one line per namespace and kind: what is still there."""
    return _by_name("get", policies, context)


def _by_name(verb: str, policies: Iterable[Key], context: str) -> list[KubectlCommand]:
    together: dict[tuple[str, str], list[str]] = {}
    for key in policies:
        together.setdefault((key.namespace, _kind_word(key)), []).append(key.name)
    return [
        KubectlCommand(
            namespace=namespace,
            line=_line(context, namespace, [verb, word, *names, "--ignore-not-found"]),
        )
        for (namespace, word), names in together.items()
    ]


def _kind_word(key: Key) -> str:
    """A kind as kubectl takes it; short names and plurals of several groups are alike."""
    if key.is_network_policy:
        return "networkpolicy"
    return f"{key.kind.lower()}.{key.api_version.rpartition('/')[0]}"


def policies_of(story: Story, kinds: tuple[type, ...] = (Apply,)) -> list[Manifest]:
    """The policies that a story applies (or deletes), in order, each object once."""
    found: dict[Key, Manifest] = {}
    for change in story.changes:
        if isinstance(change, kinds) and isinstance(change, Apply | Delete):
            for manifest in change.manifests:
                key = key_of(manifest.body)
                if key.is_policy:
                    found.setdefault(key, manifest)
    return list(found.values())


def other_policies_of(story: Story) -> tuple[Key, ...]:
    """The policies of other kinds than NetworkPolicy that a story changes."""
    keys = (key_of(manifest.body) for manifest in policies_of(story, (Apply, Delete)))
    return tuple(key for key in keys if not key.is_network_policy)


def _of_one_namespace(
    story: Story,
    inside: Iterable[Manifest],
    context: str,
    namespace: str,
    verb: tuple[str, ...],
) -> KubectlCommand:
    paths = [os.path.relpath(file, directory_of(story)) for file in _by_file(inside)]
    words = [*verb, *(w for path in paths for w in ("-f", path))]
    return KubectlCommand(namespace=namespace, line=_line(context, namespace, words))


def _is_whole(file: str, story: Story, wanted: Sequence[Manifest]) -> bool:
    """Whether a file is there, and the story knows of nothing else in it."""
    named = [m for c in story.changes if isinstance(c, Apply | Delete) for m in c.manifests]
    inside = {m.at for m in (*story.given, *named) if m.at.file == file}
    there = os.path.isfile(file) and not any(at.is_rendered for at in inside)
    return there and inside == {m.at for m in wanted if m.at.file == file}


def _line(context: str, namespace: str, words: Sequence[str]) -> str:
    place = ["-n", namespace] if namespace else []
    return shlex.join(["kubectl", "--context", context, *place, *words])
