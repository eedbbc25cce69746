"""Flows of the command line between a story's peers."""

from __future__ import annotations

from npol.errors import InputError, Position
from npol.model.expectation import parse_expectation
from npol.model.story import Flow, Protocol, Story
from npol.run.python_api import flow_entry


def flow_between_peers(text: str, story: Story) -> Flow:
    """
    `web -> db:5432` as a flow of a story; what it expects is `allow`.

    Raises:
        InputError: it is no flow, or an end is no peer.
    """
    entry = flow_entry(text, "allow")
    ends = [entry["from"], *([entry["to"]] if "to" in entry else [])]
    for name in ends:
        if name not in story.peers:
            known = ", ".join(story.peers)
            raise InputError(f"story {story.name!r} has no peer {name!r}", hint=f"peers: {known}")
    return Flow(
        name=text,
        at=Position(story.path),
        source=entry["from"],
        target=entry.get("to", ""),
        port=entry.get("port", 0),
        protocol=Protocol(entry.get("protocol", "tcp")),
        resolve=entry.get("resolve", ""),
        expect=parse_expectation("allow"),
    )
