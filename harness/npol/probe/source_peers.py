"""Which pods a story's sources are: running ones, debug pods, and the nodes of those. Pure."""

from __future__ import annotations

from npol.judge.targets import no_place, place_pod, resolve, selected_pods
from npol.model.inventory import Inventory
from npol.model.probe import PodRef
from npol.model.story import Peer, Story
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.from_inventory import cluster_state


def debug_pod_peers(story: Story) -> list[Peer]:
    """Peers that are sources, or fresh targets, and have no running pod of their own."""
    flows = [flow for step in story.steps for flow in step.flows]
    used = {flow.source for flow in flows} | {
        flow.target for flow in flows if flow.target and story.peers[flow.target].fresh
    }
    return [p for name, p in story.peers.items() if name in used and needs_debug_pod(p)]


def needs_debug_pod(peer: Peer) -> bool:
    """Whether a peer has no running pod of its own to ask from."""
    return not (peer.workload or peer.pod or peer.external)


def running_pod(peer: Peer, state: ClusterState) -> PodRef | None:
    """The pod of a workload or a place outside, best a ready one."""
    if peer.external:
        return place_pod(peer.external, state)
    pods = [p for p in selected_pods(peer, state) if p.ip]
    return min(pods, key=lambda pod: (not pod.ready, pod.name), default=None)


def why_none_runs(peer: Peer) -> str:
    if peer.external:
        return str(no_place(peer.external))
    what = peer.workload or f"pod {peer.pod}"
    return f"peer {peer.name!r}: {what} has no running pod in {peer.namespace}"


def instead_of_running(peer: Peer) -> str:
    """What asks for a peer whose pods come and go: a debug pod that policies take for one."""
    if not peer.workload:
        return ""
    return (
        f"write `labels:`, those of its pods, in the place of `workload: {peer.workload}`: a debug "
        "pod with these labels asks instead"
    )


def target_node(story: Story, peer: Peer, inventory: Inventory) -> str:
    """The node of the first target of a peer's flows that has one; "" while none has."""
    state = cluster_state(inventory)
    flows = [f for s in story.steps for f in s.flows if f.source == peer.name]
    for flow in (f for f in flows if f.target):
        target = resolve(flow, story.peers[flow.target], state)
        for pod in target.pods:
            if pod.node:
                return pod.node
    return ""
