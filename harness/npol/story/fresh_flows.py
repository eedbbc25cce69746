"""Flows with an end that has just started: what can be measured of them."""

from __future__ import annotations

from npol.story.peers import Peers
from npol.story.schema.flow import FlowEntry
from npol.story.yaml_node import YamlNode


def check_fresh(entry: FlowEntry, http: bool, node: YamlNode, peers: Peers) -> None:
    """`http`: whether a request is sent over it."""
    to = (entry.to.peer or entry.to.every_pod_of) if entry.to else ""
    source, target = peers.read.get(entry.source), peers.read.get(to)
    starts, ends = bool(source and source.fresh), bool(target and target.fresh)
    if not starts and not ends:
        if entry.leak is not None:
            node.wrong("`leak` needs an end that is `fresh: true`", key=("leak",))
        return
    if starts and ends:
        node.wrong("both ends are fresh: the one that asks must know where to", on=("to",))
    if entry.resolve or entry.protocol not in ("", "tcp"):
        node.wrong("a fresh pod is measured by TCP connections", "use `to:` and `port:`")
    if ends and http:
        node.wrong("a fresh pod takes connections, and answers no requests", "expect allow")
    if starts and target and target.host and not target.via_service:
        hint = "give its `address:`, or the Service that it is reached `via:`"
        node.wrong("a fresh pod asks addresses from its first instant on", hint, on=("to",))
