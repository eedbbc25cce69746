"""Which pods a peer means: one rule for what is measured and what is predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from npol.model.story import Peer
from npol.selectors import Labels

DEBUG_POD = "npol.dev/peer"
"""Annotation of the debug pods of any run."""
FINISHED = ("Succeeded", "Failed")
WORKLOADS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
)


class NamedPod(Protocol):
    """What a peer tells pods by."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Labels: ...
    @property
    def workload(self) -> str: ...


P = TypeVar("P", bound=NamedPod)


def named_by(peer: Peer, pods: Iterable[P]) -> Iterator[P]:
    """
    The pods, of those of its namespace, that a peer names by pod, workload and labels.

    A workload's pods are those that it made: others that bear its labels are not replaced by
    it, and do not roll with it.
    """
    workload = peer.workload.lower()
    for pod in pods:
        named = not peer.pod or pod.name == peer.pod
        made = not workload or pod.workload == workload
        if named and made and peer.labels.items() <= pod.labels.items():
            yield pod


def may_be_named(metadata: Mapping[str, Any], phase: object) -> bool:
    """Whether a pod may be one of a peer's: neither finished, nor terminating, nor a debug pod."""
    leaving = bool(metadata.get("deletionTimestamp"))
    return not leaving and phase not in FINISHED and not is_debug(metadata)


def is_debug(metadata: Mapping[str, Any]) -> bool:
    """Whether it is a debug pod of some run (`npol.probe.debug_pod_manifest`)."""
    annotations = metadata.get("annotations")
    return isinstance(annotations, Mapping) and DEBUG_POD in annotations


def owning_workload(owners: Iterable[Mapping[str, Any]], labels: Labels) -> str:
    """The workload behind a pod; a ReplicaSet with a template hash speaks for its Deployment."""
    for owner in owners:
        kind, name = str(owner.get("kind") or ""), str(owner.get("name") or "")
        hashed = labels.get("pod-template-hash")
        if kind == "ReplicaSet" and hashed and name.endswith(f"-{hashed}"):
            kind, name = "Deployment", name.removesuffix(f"-{hashed}")
        if kind in WORKLOADS:
            return f"{kind.lower()}/{name}"
    return ""
