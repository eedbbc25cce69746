"""Which pods a peer of a story means: the one rule for what is measured and what is predicted."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.peer_selection import cron_job
from npol.model.story import Peer
from npol.policy.objects.entities import Pod
from npol.policy.state.cluster_state import ClusterState


def pods_of(state: ClusterState, peer: Peer) -> Iterator[Pod]:
    """
    The pods that a peer names by pod, workload and labels, and that can send or answer.

    A workload's pods are those that it made: others that bear its labels are not replaced by
    it, and do not roll with it. Of a fresh peer only its own debug pod is meant.
    """
    if peer.fresh and not peer.pod:  # it has not started yet
        return
    workload = peer.workload.lower()
    for pod in state.pods_in(peer.namespace):
        named = (pod.may_be_named or peer.fresh) and (not peer.pod or pod.name == peer.pod)
        made = not workload or workload in (pod.workload, pod.made_by, cron_job(pod.made_by))
        if named and made and peer.labels.items() <= pod.labels.items():
            yield pod
