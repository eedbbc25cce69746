"""The ends of a story's flows, looked for among the objects that the story itself gives."""

from __future__ import annotations

from collections.abc import Iterator

from npol.errors import Position, did_you_mean
from npol.model.story import Flow, FlowKind, Peer, Story
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.lint.near_names import nearest_namespace
from npol.policy.objects.entities import Service
from npol.policy.simulate.simulated_steps import scenes
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.peer_pods import pods_of


def story_ends(story: Story) -> Iterator[LintFinding]:
    """
    Labels, Services and ports of flows that are not there, and namespaces that are mistyped.

    Of a namespace in which a story gives nothing, nothing else is said: the cluster may have it.
    """
    given = {m.namespace for m in story.given}
    yield from _mistyped_namespaces(story)
    told: set[tuple[str, str]] = set()
    for scene in scenes(story):
        for asked in scene.asked:
            target = story.peers.get(asked.flow.target)
            if target is None or target.fresh or _place(target) not in given:
                continue
            trouble = _trouble(scene.world, target, asked.flow)
            if trouble and (key := (str(asked.flow.at), trouble[0])) not in told:
                told.add(key)
                what, fix = trouble
                yield _finding(story, asked.flow.at, f"{asked.flow.name}: {what}", fix)


def _mistyped_namespaces(story: Story) -> Iterator[LintFinding]:
    every = (*story.given, *story.applied)
    known = {m.name if m.kind == "Namespace" else m.namespace for m in every} - {""}
    for peer in story.peers.values():
        for name in filter(None, (peer.namespace, peer.via_namespace)):
            if name not in known and (meant := nearest_namespace(name, known)):
                message = f"peer {peer.name!r}: the story gives no namespace {name}"
                yield _finding(story, peer.at, message, f"did you mean {meant}?")


def _finding(story: Story, at: Position, message: str, fix: str) -> LintFinding:
    return LintFinding(
        rule=LintRule.NO_SUCH_END,
        message=message,
        fix=fix,
        subject=f"story {story.name}",
        at=at,
        about_policy=False,
    )


def _place(peer: Peer) -> str:
    return peer.via_namespace or peer.namespace


def _trouble(world: ClusterState, peer: Peer, flow: Flow) -> tuple[str, str] | None:
    """What is missing, and what is there instead."""
    name = peer.via_service or peer.service
    if flow.kind is FlowKind.DNS or not (name or peer.labels or peer.workload or peer.pod):
        return None
    if name:
        service = world.service(_place(peer), name)
        return _port_missing(service, flow) if service else _no_service(world, peer, name)
    if any(True for _ in pods_of(world, peer)):
        return None
    pods = world.pods_in(peer.namespace)
    if peer.workload or peer.pod:
        wanted = peer.workload or f"pod {peer.pod}"
        known = [p.workload or p.name for p in pods]
    else:
        wanted = "pod with " + ",".join(f"{k}={v}" for k, v in peer.labels.items())
        known = [f"{k}={v}" for p in pods for k, v in p.labels.items()]
    return f"the story gives no {wanted} in {peer.namespace}", _known(known)


def _no_service(world: ClusterState, peer: Peer, name: str) -> tuple[str, str]:
    known = [s.name for s in world.services if s.namespace == _place(peer)]
    hint = did_you_mean(name, known, _known(known))
    return f"the story gives no Service {_place(peer)}/{name}", hint


def _port_missing(service: Service, flow: Flow) -> tuple[str, str] | None:
    if service.external_name or service.port(flow.port, flow.protocol):
        return None
    has = [f"{p.port}/{p.protocol.value}" for p in service.ports]
    return f"{service} has no port {flow.port}/{flow.protocol.value}", f"it has {', '.join(has)}"


def _known(names: list[str]) -> str:
    return f"there: {', '.join(dict.fromkeys(names))}" if names else ""
