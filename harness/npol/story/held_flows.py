"""Flows that hold a connection open: what one connection has not."""

from __future__ import annotations

from npol.story.peers import Peers
from npol.story.schema.flow import FlowEntry
from npol.story.yaml_node import YamlNode


def check_hold(entry: FlowEntry, node: YamlNode, peers: Peers) -> None:
    if not entry.hold:
        return
    if entry.resolve:
        node.wrong("a look-up is over at once, nothing of it is held", on=("resolve",))
    if entry.to and entry.to.every_pod_of:
        node.wrong("`hold` keeps one connection open, not one to every pod", on=("to",))
    if entry.protocol == "sctp":
        node.wrong("sctp connections are not held", on=("protocol",))
    if entry.http and entry.http.body:
        node.wrong("`body` is not looked at while a connection is held", on=("http",))
    if entry.at_most:
        node.wrong("`--for` watches new connections, none that are held", on=("at_most",))
    ends = {"from": entry.source, "to": entry.to.peer if entry.to else ""}
    for end, name in ends.items():
        if (peer := peers.read.get(name)) and peer.fresh:
            node.wrong("a fresh pod was not there when the connection was opened", on=(end,))
