"""A pod's node, as the subresource `binding` sets it."""

from __future__ import annotations

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry import errors

BINDING = ApiResource(plural="pods/binding", kind="Binding")


def bound(pod: Obj, node: str, now: str) -> Obj:
    """
    The pod on its node.

    Raises:
        StatusError: 409 for a pod that has one, or that is being deleted.
    """
    head, name = pod["metadata"], pod["metadata"]["name"]
    if "deletionTimestamp" in head:
        why = f"pod {name} is being deleted, cannot be assigned to a host"
        raise errors.conflict(BINDING, name, why)
    if pod["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise errors.conflict(BINDING, name, why)
    pod["spec"]["nodeName"] = node
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    conditions[:] = [c for c in conditions if c["type"] != "PodScheduled"]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    conditions.append({**scheduled, "lastTransitionTime": now})
    return pod
