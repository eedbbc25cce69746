"""
Peers that select namespaces, written out: one peer for each namespace, one flow for each pair.

Everything behind this knows ordinary peers and flows only; `FlowGroup` says what belongs together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from npol.model.pairing import FlowGroup, FlowPair, Pairing, end_in
from npol.model.story import Flow, Peer, Story
from npol.selectors import Labels, matches

Ends = tuple[Peer, Peer | None]
"""Source and target; a look-up has no target."""
Chosen = Mapping[str, Sequence[Peer]]
"""The peers that each selecting peer stands for, by its name."""


def selecting_peers(story: Story) -> list[Peer]:
    """The peers that stand for one in each of many namespaces, as far as flows speak of them."""
    used = {end for s in story.steps for f in s.flows for end in (f.source, f.target)}
    return [p for p in story.peers.values() if p.namespaces is not None and p.name in used]


def selected_namespaces(peer: Peer, namespaces: Mapping[str, Labels]) -> list[str]:
    """Those that a peer selects; `namespaces`: the labels of all that there are, by name."""
    selector = peer.namespaces
    if selector is None:
        return []
    return sorted(name for name, labels in namespaces.items() if matches(selector, labels))


def with_pairs(story: Story, namespaces: Mapping[str, Labels]) -> Story:
    """
    The story with its selecting peers and their flows written out.

    A flow without any pair stays as it is: whoever asks it finds that nobody is there.
    """
    chosen = {p.name: _in_each(p, namespaces) for p in selecting_peers(story)}
    if not chosen:
        return story
    steps = tuple(
        replace(
            step, flows=tuple(one for flow in step.flows for one in _paired(flow, story, chosen))
        )
        for step in story.steps
    )
    written_out = {peer.name: peer for found in chosen.values() for peer in found}
    story = replace(story, steps=steps)
    left = {peer.name for peer in selecting_peers(story)}
    peers = {n: p for n, p in story.peers.items() if p.namespaces is None or n in left}
    return replace(story, peers={**peers, **written_out})


def _in_each(peer: Peer, namespaces: Mapping[str, Labels]) -> list[Peer]:
    return [in_namespace(peer, name) for name in selected_namespaces(peer, namespaces)]


def in_namespace(peer: Peer, namespace: str) -> Peer:
    """A selecting peer in one namespace."""
    name = end_in(peer.name, namespace)
    return replace(peer, name=name, namespace=namespace, namespaces=None, chosen_by=peer.name)


def _paired(flow: Flow, story: Story, chosen: Chosen) -> Iterator[Flow]:
    if flow.source not in chosen and flow.target not in chosen:
        yield flow
        return
    sources = chosen.get(flow.source) or _ordinary(flow.source, story)
    targets = chosen.get(flow.target) or _ordinary(flow.target, story)
    pairs = _pairs_of(flow.pairing, sources, targets)
    asked = sorted(islice(pairs, story.defaults.pairs), key=_names)
    if not asked:
        yield flow
        return
    counted = flow.source if flow.source in chosen else flow.target
    group = FlowGroup(
        name=flow.name,
        source=f"{Pairing.EACH} {flow.source}" if flow.source in chosen else flow.source,
        target=f"{flow.pairing} {flow.target}" if flow.target in chosen else flow.target,
        peer=counted,
        namespaces=len(chosen[counted]),
        total=len(asked) + sum(1 for _ in pairs),
    )
    for source, target in asked:
        pair = FlowPair(source.name, target.name if target else "")
        yield replace(
            flow,
            name=f"{flow.name} ({pair})",
            source=source.name,
            target=target.name if target else "",
            pairing=Pairing.NONE,
            group=group,
            pair=pair,
        )


def _ordinary(name: str, story: Story) -> Sequence[Peer | None]:
    """The one peer of a name, unless it selects namespaces and found none."""
    peer = story.peers.get(name)
    return [] if peer and peer.namespaces is not None else [peer]


def _pairs_of(
    pairing: Pairing, sources: Sequence[Peer | None], targets: Sequence[Peer | None]
) -> Iterator[Ends]:
    """
    All pairs, in an order of which every beginning asks all sources, and all targets, equally
    often: turn by turn each source asks the target so many places further on. By how many is as
    good as random, and the same each time.
    """
    turns = sorted(range(len(targets)), key=_scattered)
    for further in turns:
        for place, source in enumerate(sources):
            target = targets[(place + further) % len(targets)]
            if source and _go_together(pairing, source, target):
                yield source, target


def _scattered(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def _go_together(pairing: Pairing, source: Peer, target: Peer | None) -> bool:
    if pairing is Pairing.OTHERS:
        return target is not None and target.namespace != source.namespace
    if pairing is Pairing.SAME:
        return target is not None and target.namespace == source.namespace
    return True


def _names(ends: Ends) -> tuple[str, str]:
    source, target = ends
    return source.name, target.name if target else ""
