"""Small stories as values, for what is told without a cluster."""

from __future__ import annotations

from npol.errors import Position
from npol.model.change import Apply, Change, Delete, Manifest
from npol.model.expectation import parse_expectation
from npol.model.story import Flow, Peer, Protocol, Step, Story
from npol.story.expansion import expand
from tests.policy.worlds import CLUSTER, documents

AT = Position("story.npol.yaml")

PEERS = {
    "a": Peer(name="a", at=AT, namespace="x", labels={"app": "a"}),
    "b": Peer(name="b", at=AT, namespace="x", service="b"),
    "far": Peer(name="far", at=AT, namespace="z", labels={"app": "a"}),
    "pods": Peer(name="pods", at=AT, namespace="x", labels={"app": "b"}, service="both"),
    "tool": Peer(name="tool", at=AT, namespace="x", labels={"run": "tool"}),
    "partner": Peer(name="partner", at=AT, address="203.0.113.9"),
    "partner6": Peer(name="partner6", at=AT, address="2001:db8::9"),
    "cluster-ip": Peer(name="cluster-ip", at=AT, address="10.96.0.2"),
    "unread": Peer(name="unread", at=AT, address="10.96.44.3"),
    "one-pod": Peer(name="one-pod", at=AT, address="10.0.0.3"),
    "nobody": Peer(name="nobody", at=AT, namespace="x", workload="deployment/none"),
}


def manifests(*objects):
    """Raw objects as manifests, without a file of their own."""
    return tuple(Manifest(body=o, document=documents("{}", "none.yaml")[0], at=AT) for o in objects)


def given():
    return tuple(Manifest(body=d.data, document=d, at=AT) for d in CLUSTER)


def flow(text, expect="allow"):
    """`a -> b:8080/tcp`, `a -> b:8080 deny`, or `a ? name` for a look-up."""
    source, lookup, name = text.partition(" ? ")
    if lookup:
        return Flow(
            name=text,
            at=AT,
            source=source,
            resolve=name,
            protocol=Protocol.UDP,
            expect=parse_expectation(expect),
        )
    if text.endswith(" deny"):
        text, expect = text.removesuffix(" deny"), "deny"
    source, target = text.split(" -> ")
    target, _, port = target.partition(":")
    number, _, protocol = port.partition("/")
    return Flow(
        name=text,
        at=AT,
        source=source,
        target=target.removeprefix("every pod of "),
        every_pod=target.startswith("every pod of "),
        port=int(number),
        protocol=Protocol(protocol or "tcp"),
        expect=parse_expectation(expect),
    )


def step(name, *flows, apply=(), delete=(), same_as=""):
    changes: list[Change] = [Apply(at=AT, manifests=manifests(*apply))] if apply else []
    changes += [Delete(at=AT, manifests=manifests(*delete))] if delete else []
    return Step(
        name=name, at=AT, changes=tuple(changes), flows=tuple(map(flow, flows)), same_as=same_as
    )


def story(*steps):
    """As loaded: what `same_as` repeats is written out."""
    return expand(
        Story(
            name="story", path="story.npol.yaml", root=".", given=given(), peers=PEERS, steps=steps
        )
    )
