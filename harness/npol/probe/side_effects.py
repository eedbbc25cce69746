"""
Who else looks at a debug pod's labels, and whether anybody was disturbed. Pure.

Reads raw objects; `before` is from before the pods were made, `after` from when they run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from npol import selectors
from npol.model.inventory import Inventory, Obj
from npol.probe.debug_pod_manifest import CONTAINER


def objections(manifest: Mapping[str, Any], before: Inventory) -> Iterator[str]:
    """
    Why a debug pod must not be made.

    A Service with publishNotReadyAddresses sends traffic to pods that are not ready:
    EndpointSlice readiness is `publishNotReadyAddresses || podReady`.
    """
    labels = _pod_labels(manifest)
    namespace = manifest["metadata"]["namespace"]
    for service in _services_selecting(labels, namespace, before):
        if service["spec"].get("publishNotReadyAddresses"):
            yield (
                f"Service {namespace}/{service['metadata']['name']} selects its labels and "
                "publishes addresses that are not ready: it would get real traffic"
            )


def concerns(manifests: Iterable[Mapping[str, Any]], budgets: Iterable[Obj]) -> Iterator[str]:
    """
    PodDisruptionBudgets that count a debug pod.

    Its controller is one that the disruption controller does not know, so a budget in per
    cent cannot be computed, and evictions wait until the pod is gone.
    """
    labels = [(m["metadata"]["namespace"], _pod_labels(m)) for m in manifests]
    for budget in budgets:
        metadata = budget["metadata"]
        selector = (budget.get("spec") or {}).get("selector") or {}
        mine = [of for where, of in labels if where == metadata["namespace"]]
        if any(selectors.matches(selector, of) for of in mine):
            yield (
                f"PodDisruptionBudget {metadata['namespace']}/{metadata['name']} counts a debug "
                "pod: evictions there may wait until it is gone"
            )


def disturbances(
    made: Sequence[Obj], pods: Sequence[Obj], before: Inventory, after: Inventory
) -> Iterator[str]:
    """
    What the debug pods did to others, or others to them.

    Args:
        made: manifests, as they were sent.
        pods: the pods that run now, one for each.
    """
    for manifest, pod in zip(made, pods, strict=True):
        yield from _changed_by_others(manifest, pod)
        yield from _taken_for_endpoint(pod, after)
    for manifest in made:
        yield from _counts(manifest, before, after)


def _changed_by_others(manifest: Obj, pod: Obj) -> Iterator[str]:
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    if stay := _that_stay(pod):
        yield (
            f"an admission webhook put containers into {name} that stay and may answer for it: "
            f"{', '.join(stay)} (its annotation that leaves a pod out goes into "
            "`defaults.pod.annotations`)"
        )
    if manifest["kind"] == "Pod":
        meant = [o["uid"] for o in manifest["metadata"].get("ownerReferences") or ()]
        owners = [o["uid"] for o in pod["metadata"].get("ownerReferences") or ()]
        if owners != meant:
            yield f"{name} has another owner than it was given: a controller adopted it"


def _that_stay(pod: Obj) -> list[str]:
    """
    Containers that others added and that run beside ours.

    An init container that has ended is gone; one with `restartPolicy: Always` stays (KEP-753).
    """
    added = [c for c in pod["spec"].get("containers") or () if c["name"] != CONTAINER]
    initial = pod["spec"].get("initContainers") or ()
    return [c["name"] for c in (*added, *(c for c in initial if c.get("restartPolicy")))]


def _taken_for_endpoint(pod: Obj, after: Inventory) -> Iterator[str]:
    for slice_ in after.slices:
        for endpoint in slice_.get("endpoints") or ():
            target = (endpoint.get("targetRef") or {}).get("uid")
            ready = (endpoint.get("conditions") or {}).get("ready") is not False
            if target == pod["metadata"]["uid"] and ready:
                yield f"{slice_['metadata']['name']} lists {pod['metadata']['name']} as ready"


def _counts(manifest: Obj, before: Inventory, after: Inventory) -> Iterator[str]:
    """Of workloads that select its labels and had come to rest."""
    labels = _pod_labels(manifest)
    namespace = manifest["metadata"]["namespace"]
    for workload in before.workloads:
        metadata = workload["metadata"]
        selector = workload["spec"].get("selector") or {}
        if metadata.get("namespace") != namespace or not _at_rest(workload):
            continue
        if not selectors.matches(selector, labels):
            continue
        later = after.workload(namespace, str(workload.get("kind", "")), metadata["name"])
        same = later and later["metadata"].get("generation") == metadata.get("generation")
        if later and same and _replicas(later) != _replicas(workload):
            yield (
                f"{workload.get('kind')} {namespace}/{metadata['name']} has "
                f"{_replicas(later)} pods instead of {_replicas(workload)}"
            )


def _services_selecting(
    labels: Mapping[str, str], namespace: str, inventory: Inventory
) -> Iterator[Obj]:
    for service in inventory.services:
        selector = service["spec"].get("selector")
        here = service["metadata"].get("namespace") == namespace
        if here and selector and selector.items() <= labels.items():
            yield service


def _pod_labels(manifest: Mapping[str, Any]) -> Mapping[str, str]:
    bare = manifest["kind"] == "Pod"
    metadata = manifest["metadata"] if bare else manifest["spec"]["template"]["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    return labels


def _at_rest(workload: Obj) -> bool:
    return _replicas(workload) == int(workload["spec"].get("replicas", 1))


def _replicas(workload: Obj) -> int:
    return int((workload.get("status") or {}).get("replicas", 0))
