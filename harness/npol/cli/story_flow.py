"""Flows of the command line between a story's peers."""

from __future__ import annotations

from dataclasses import replace

from npol.errors import InputError, Position
from npol.model.expectation import parse_expectation
from npol.model.pairing import end_in
from npol.model.story import Flow, Peer, Protocol, Story
from npol.policy.state.paired_flows import in_namespace
from npol.run.python_api import flow_entry


def flow_between_peers(text: str, story: Story) -> tuple[Flow, Story]:
    """
    `web -> db:5432` as a flow of a story; what it expects is `allow`. The story has its ends:
    `tenants/blue` is the peer `tenants` in the namespace `blue` that it may select.

    Raises:
        InputError: it is no flow, or an end is no peer.
    """
    entry = flow_entry(text, "allow")
    ends = [entry["from"], *([entry["to"]] if "to" in entry else [])]
    for name in ends:
        peer, _, namespace = name.partition("/")
        if namespace and peer in story.peers and story.peers[peer].namespaces is not None:
            one = in_namespace(story.peers[peer], namespace)
            story = replace(story, peers={**story.peers, one.name: one})
        if name not in story.peers or story.peers[name].namespaces is not None:
            known = ", ".join(map(_spelling, story.peers.values()))
            raise InputError(f"story {story.name!r} has no peer {name!r}", hint=f"peers: {known}")
    flow = Flow(
        name=text,
        at=Position(story.path),
        source=entry["from"],
        target=entry.get("to", ""),
        port=entry.get("port", 0),
        protocol=Protocol(entry.get("protocol", "tcp")),
        resolve=entry.get("resolve", ""),
        expect=parse_expectation("allow"),
    )
    return flow, story


def _spelling(peer: Peer) -> str:
    """How a flow of the command line names a peer."""
    return peer.name if peer.namespaces is None else end_in(peer.name, "NAMESPACE")
