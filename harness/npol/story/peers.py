"""Peers, with what a --peers file says of them on this cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from npol.errors import edits
from npol.model.pairing import Pairing
from npol.model.story import Peer
from npol.story.field_validators import NotValid, did_you_mean, peer_name, shown
from npol.story.schema.peer import PeerEntry
from npol.story.yaml_node import MOST, YamlNode, merged


@dataclass(frozen=True, slots=True)
class Peers:
    """
    The peers of a story, and which of them may stand at which end; those in `selecting` stand for
    one in each of many namespaces.

    A peer with mistakes of its own is in `names`, `sources` and `targets`, so that flows that
    use it are not called wrong, too.
    """

    read: Mapping[str, Peer]
    names: frozenset[str]
    sources: frozenset[str]
    targets: frozenset[str]
    selecting: frozenset[str] = frozenset()

    @property
    def podless(self) -> frozenset[str]:
        """Peers without pods that could be reached one by one."""
        return frozenset(n for n, p in self.read.items() if p.host or p.address or p.external)

    def trouble_as_source(self, name: str) -> tuple[str, str] | None:
        """Message and hint when a flow cannot start at this peer."""
        if name not in self.names:
            return self._unknown(name)
        if name in self.sources:
            return None
        hint = "give it labels (of a debug pod), a workload or a pod"
        return f"peer {shown(name)} cannot be a source: nothing of it can run a probe", hint

    def trouble_as_target(self, name: str) -> tuple[str, str] | None:
        """Message and hint when a flow cannot end at this peer."""
        if name not in self.names:
            return self._unknown(name)
        if name in self.targets:
            return None
        hint = "give it a service, labels, a workload, a pod, a host or an address"
        return f"peer {shown(name)} cannot be a target: nothing says how to reach it", hint

    def trouble_with(self, pairing: Pairing, name: str) -> tuple[str, str] | None:
        """Message and hint where a peer is not spoken of as it must be."""
        if name not in self.read:
            return None
        if name in self.selecting and pairing is Pairing.NONE:
            return f"peer {shown(name)} selects namespaces", f"write `{Pairing.EACH} {name}`"
        if name not in self.selecting and pairing is not Pairing.NONE:
            hint = f"write {name} alone, or give it `namespaces: {{matchLabels: ...}}`"
            return f"peer {shown(name)} is one peer: it selects no namespaces", hint
        return None

    def _unknown(self, name: str) -> tuple[str, str]:
        known = sorted(self.names)
        listed = f"the peers are: {', '.join(known[:8])}{', ...' if known[8:] else ''}"
        hint = did_you_mean(name, known) or (listed if known else "the story has no peers")
        return f"no peer is called {shown(name)}", hint


LAB_PLACES = ("internet", "backup")
"""Places outside that need no entry: the lab's. On other clusters a --peers file says where."""
NODE = "@node"
PLATFORM = {
    "@dns": {"namespace": "kube-system", "service": "kube-dns"},
    "@apiserver": {"namespace": "default", "service": "kubernetes"},
    NODE: {"namespace": "default", "host_network": True, "node": "same"},
}
"""Peers that need no entry: Services that clusters have, and the node of a flow's target."""


def read_peers(story: YamlNode, overlay: YamlNode | None) -> Peers:
    """The peers of a story, each merged with the overlay's peer of that name."""
    read: dict[str, Peer] = {}
    names, sources, targets = set(), set(), set()
    selecting = set()
    for node in (*_nodes(story, overlay), *_platform(story, overlay)):
        name = str(node.path[-1])
        names.add(name)
        before = len(node.mistakes)
        entry = node.read(PeerEntry)
        if entry:
            _check(entry, node)
            read[name] = _peer(name, entry, node)
            if entry.namespaces:
                selecting.add(name)
        mistaken = len(node.mistakes) > before
        if mistaken or (entry and _asks(entry)):
            sources.add(name)
        if mistaken or (entry and _answers(entry)):
            targets.add(name)
    return Peers(
        read,
        names=frozenset(names),
        sources=frozenset(sources),
        targets=frozenset(targets),
        selecting=frozenset(selecting),
    )


def _nodes(story: YamlNode, overlay: YamlNode | None) -> Iterator[YamlNode]:
    peers = story.data.get("peers")
    if not isinstance(peers, dict):
        return
    parent = story.child("peers")
    for name in peers:
        if len(story.mistakes) > MOST:
            return
        try:
            peer_name(name) if isinstance(name, str) else _not_text(name)
        except NotValid as error:
            parent.wrong(str(error), error.hint, key=(name,))
            continue
        node = parent.child(name)
        yield merged(node, overlay.child(name)) if overlay and name in overlay.data else node


def _platform(story: YamlNode, overlay: YamlNode | None) -> Iterator[YamlNode]:
    """Peers of the platform that some step speaks of, as an overlay has them if it does."""
    steps = str(story.data.get("steps"))
    for name, fields in PLATFORM.items():
        if name not in steps:
            continue
        if overlay and name in overlay.data:
            fields = overlay.data[name]
        document = replace(story.document, data={"peers": {name: fields}})
        yield YamlNode(document, ("peers", name), fields, story.mistakes)


def _not_text(name: object) -> None:
    raise NotValid(f"a peer's name must be text, got {shown(name)}", f'quote it: "{name}"')


_ONE_NAMESPACE_ONLY = ("namespace", "pod", "host", "address", "external", "via", "fresh")
_DEBUG_ONLY = ("image", "node", "host_network", "fresh")
_IN_NAMESPACE = ("service", "workload", "pod", "labels", *_DEBUG_ONLY)
_NOT_FRESH = ("service", "host", "address", "external")


def _check(peer: PeerEntry, node: YamlNode) -> None:
    """Which fields go together."""
    has = peer.model_fields_set
    if not has:
        node.wrong("the peer is empty", "give it a namespace and labels, a service, ...")
    needs_namespace = [f for f in _IN_NAMESPACE if f in has]
    if needs_namespace and not (peer.namespace or peer.namespaces):
        node.wrong(f"`{needs_namespace[0]}` needs a `namespace:` beside it")
    if peer.namespaces:
        _check_selecting(peer, node)
    _check_place(peer, node)
    for first, second in (("workload", "pod"), ("service", "host"), ("service", "address")):
        if first in has and second in has:
            node.wrong(f"`{second}` and `{first}` exclude each other", key=(second,))
    if peer.container and not (peer.workload or peer.pod):
        node.wrong("`container` needs a `workload:` or a `pod:` to be in", key=("container",))
    if peer.via and not peer.host:
        node.wrong("`via` needs the `host:` that is reached so", key=("via",))
    for field in _NOT_FRESH:
        if field in has and peer.fresh:
            node.wrong(f"`{field}` leads to no debug pod, and `fresh` is one", key=(field,))
    for field in _DEBUG_ONLY:
        if field in has and (peer.workload or peer.pod):
            node.wrong(f"`{field}` is for debug pods; this peer is a running pod", key=(field,))


def _check_place(peer: PeerEntry, node: YamlNode) -> None:
    """
    A name that is a letter off a place of the lab's, with nothing beside it that says where it is.

    Other names may be a --peers file's, and their flows are skipped without it; a mistyped one
    would be skipped everywhere.
    """
    word = peer.external.lower()
    meant = next((p for p in LAB_PLACES if edits(word, p) <= 1 and p != peer.external), "")
    if meant and peer.model_fields_set == {"external"}:
        hint = f"did you mean '{meant}'? Of another place a --peers file says where it is"
        node.wrong(f"no place outside is called {shown(peer.external)}", hint, on=("external",))


def _check_selecting(peer: PeerEntry, node: YamlNode) -> None:
    assert peer.namespaces
    for field in _ONE_NAMESPACE_ONLY:
        if field in peer.model_fields_set:
            node.wrong(f"`{field}` and `namespaces` exclude each other", key=(field,))
    chosen = peer.namespaces
    if not (chosen.match_labels or chosen.match_expressions):
        hint = "give it matchLabels or matchExpressions"
        node.wrong("`namespaces` would select every namespace", hint, key=("namespaces",))
    for place, needs in enumerate(chosen.match_expressions):
        if bool(needs.values) is not needs.operator.endswith("In"):
            what = "needs" if needs.operator.endswith("In") else "has no"
            on = ("namespaces", "matchExpressions", place)
            node.wrong(f"{needs.operator} {what} `values`", on=on)


def _asks(peer: PeerEntry) -> bool:
    if peer.workload or peer.pod or peer.external:
        return True
    outside = peer.host or peer.address
    stands_for_service_only = peer.service and "labels" not in peer.model_fields_set
    return bool(peer.namespace or peer.namespaces) and not outside and not stands_for_service_only


def _answers(peer: PeerEntry) -> bool:
    inside = peer.service or peer.workload or peer.pod or peer.labels or peer.fresh
    return bool(inside or peer.host or peer.address or peer.external)


def _peer(name: str, entry: PeerEntry, node: YamlNode) -> Peer:
    return Peer(
        name=name,
        at=node.document.key_at(*node.path),
        via_namespace=entry.via.namespace if entry.via else "",
        via_service=entry.via.service if entry.via else "",
        namespaces=entry.namespaces.model_dump(by_alias=True) if entry.namespaces else None,
        **entry.model_dump(exclude={"via", "namespaces"}),
    )


def check_overlay(overlay: YamlNode, known: frozenset[str]) -> None:
    """Peers of the overlay that this story does not use are read all the same."""
    for name in overlay.data:
        if name not in known:
            overlay.child(name).read(PeerEntry)
