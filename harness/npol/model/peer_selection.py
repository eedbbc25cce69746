"""What a pod is told by: whether a peer may mean it, and which workload made it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

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
ENDS = (*WORKLOADS, "Pod", "Service")
"""Kinds that flows go from and to."""
HASHES = (
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
)
"""Labels that name one pod or one revision: no policy should select by them."""


def may_be_named(metadata: Mapping[str, Any], phase: object) -> bool:
    """Whether a pod may be one of a peer's: neither finished, nor terminating, nor a debug pod."""
    leaving = bool(metadata.get("deletionTimestamp"))
    return not leaving and phase not in FINISHED and not is_debug(metadata)


def is_debug(metadata: Mapping[str, Any]) -> bool:
    """Whether it is a debug pod of some run (`npol.probe.debug_pod_manifest`)."""
    annotations = metadata.get("annotations")
    return isinstance(annotations, Mapping) and DEBUG_POD in annotations


def owning_workload(owners: Iterable[Mapping[str, Any]]) -> str:
    """The workload that made an object: `replicaset/web-5d4f`; "" for none."""
    for owner in sorted(owners, key=lambda o: not o.get("controller")):
        if owner.get("kind") in WORKLOADS:
            return f"{str(owner['kind']).lower()}/{owner.get('name') or ''}"
    return ""


def cron_job(workload: str) -> str:
    """The CronJob of a Job that was not read: its name is that and the minute it was due."""
    found = re.fullmatch(r"job/(.+)-\d{8}", workload)
    return f"cronjob/{found[1]}" if found else ""


def unseen_owner(workload: str, labels: Labels) -> str:
    """The Deployment of a ReplicaSet that was not read: its name is that and the pods' hash."""
    hashed = labels.get("pod-template-hash")
    kind, _, name = workload.partition("/")
    if kind == "replicaset" and hashed and name.endswith(f"-{hashed}"):
        return f"deployment/{name.removesuffix(f'-{hashed}')}"
    return workload


def lasting(labels: Labels) -> dict[str, str]:
    """The labels that outlive a pod and its revision."""
    return {k: v for k, v in labels.items() if k not in HASHES}
