"""The door for story files."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

from npol.errors import Mistake, Mistakes, Position
from npol.model.change import Manifest
from npol.model.story import Story
from npol.model.story_settings import CanarySettings, Defaults, PodSettings, Settle
from npol.story import field_validators, files
from npol.story.changes import Changes
from npol.story.expansion import expand
from npol.story.field_validators import NotValid
from npol.story.flows import read_gap_budget
from npol.story.manifests import Shelf
from npol.story.mixed_manifests import LeftOver, identity
from npol.story.peers import check_overlay, read_peers
from npol.story.schema.story import CanaryEntry, DefaultsEntry, PodEntry, StoryEntry
from npol.story.steps import Steps, read_settle
from npol.story.yaml_node import YamlNode, in_order
from npol.yaml_positions import YamlDialect, load

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PIECES = ("peers", "steps")


def load_story(path: str, root: str | None = None, overlay: str | None = None) -> Story:
    """
    A story file and all that it names, every `same_as` written out. Nothing is asked of any
    cluster.

    Args:
        path: the file; positions repeat it as it is given here.
        root: the directory that manifests, and what the story itself may be a link to, must
            lie below; `find_root(path)` when left out.
        overlay: a --peers file, whose peers' fields win over those of the same name.

    Raises:
        Mistakes: everything that is wrong in the story, the overlay and the manifests.
        InputError: there is no such file.
    """
    return read_story(files.story_bytes(path, root), path, root, overlay)


def read_story(
    text: bytes, path: str, root: str | None = None, overlay: str | None = None
) -> Story:
    """
    As `load_story`, of text that is at hand; `path` says where it stands, and what its own
    paths are relative to.
    """
    mistakes: list[Mistake] = []
    story = _top(text, path, mistakes)
    over = _top(files.story_bytes(overlay, root), overlay, mistakes) if overlay else None
    found = _read(story, over, path, root or files.find_root(path), _lines(text))
    if mistakes or found is None:
        raise Mistakes(in_order(mistakes))
    return expand(found)


def _lines(text: bytes) -> list[str]:
    return _LINE_BREAK.split(text.decode("utf-8-sig"))


def _top(text: bytes, path: str, mistakes: list[Mistake]) -> YamlNode:
    """The one document of a file, a mapping."""
    documents = load(text, path, YamlDialect.STORY)
    if not documents:
        raise Mistakes([Mistake(Position(path), "the file is empty")])
    document, *others = documents
    if not isinstance(document.data, dict):
        raise Mistakes([Mistake(document.at(), "the file must hold a mapping, `key: value`")])
    mistakes.extend(document.duplicates)
    mistakes.extend(Mistake(o.at(), "a second document; one file is one story") for o in others)
    return YamlNode(document, (), document.data, mistakes)


def _read(
    story: YamlNode, over: YamlNode | None, path: str, root: str, lines: list[str]
) -> Story | None:
    entry = story.read(StoryEntry, hollow=_PIECES)
    shelf = Shelf(
        base=os.path.dirname(os.path.abspath(path)),
        label=os.path.dirname(path),
        root=root,
        namespace=_namespace(story),
        mistakes=story.mistakes,
    )
    left_over = LeftOver()
    given = _given(entry, story, shelf, left_over) if entry else ()
    peers = read_peers(story, over)
    if over:
        check_overlay(over, peers.names)
    known = {identity(manifest): manifest for manifest in given} if entry else None
    named = [s.data.get("name") for s in story.items("steps") if isinstance(s.data, dict)]
    changes = Changes(
        shelf=shelf,
        given=known,
        steps=[n for n in named if isinstance(n, str)],
        left_over=left_over,
    )
    steps = tuple(Steps(peers=peers, changes=changes, lines=lines).read(story))
    if entry is None:
        return None
    return Story(
        name=entry.name or re.sub(r"(\.npol)?\.ya?ml$", "", os.path.basename(path)),
        path=path,
        root=root,
        covers=tuple(entry.covers),
        given=given,
        defaults=_defaults(entry.defaults),
        peers=peers.read,
        steps=steps,
        tags=tuple(entry.tags),
        notes=left_over.notes(),
    )


def _namespace(story: YamlNode) -> str:
    """`defaults.namespace`, known also when another part of the story is wrong."""
    defaults = story.data.get("defaults")
    name = defaults.get("namespace") if isinstance(defaults, dict) else ""
    try:
        return field_validators.namespace(name) if isinstance(name, str) else ""
    except NotValid:
        return ""


def _given(
    entry: StoryEntry, story: YamlNode, shelf: Shelf, left_over: LeftOver
) -> tuple[Manifest, ...]:
    sources = zip(entry.given, story.one_or_more("given"), strict=True)
    return tuple(m for s, place in sources for m in left_over.for_given(shelf.take(s, place)))


def _defaults(entry: DefaultsEntry | None) -> Defaults:
    if entry is None:
        return Defaults()
    return Defaults(
        timeout=entry.timeout,
        settle=read_settle(entry.settle) if entry.settle else Settle(),
        pod=_pod(entry.pod) if entry.pod else PodSettings(),
        canary=_canary(entry.canary) if entry.canary else CanarySettings(),
        namespace=entry.namespace,
        converge_within=entry.converge_within or None,
        leak=entry.leak,
        at_most=read_gap_budget(entry.at_most),
        trust_packets=entry.trust == "packets",
        pairs=entry.pairs,
    )


def _pod(entry: PodEntry) -> PodSettings:
    """What was written, over the defaults of PodSettings."""
    written = entry.model_dump(include=entry.model_fields_set)
    known = {k: _frozen(v) for k, v in written.items() if v is not None}
    return replace(PodSettings(), **known)


def _canary(entry: CanaryEntry) -> CanarySettings:
    return CanarySettings(
        namespace=entry.namespace, image=entry.image, pull_secrets=tuple(entry.pull_secrets)
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
