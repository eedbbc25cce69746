"""What the network knows about a pod: where it is and what policies may say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]
FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    uid: str
    namespace: str
    name: str = ""
    node: str
    ip: str
    labels: frozenset[tuple[str, str]]
    ports: tuple[tuple[str, str, int], ...]
    """Named container ports: name, protocol, number."""
    host_ports: tuple[tuple[str, int, int], ...] = ()
    """Protocol, the node's port, the container's."""
    account: str = ""
    """Its service account."""
    owner: tuple[str, str] | None = None
    """Kind and name of the workload that it belongs to."""


def pod_of(obj: Obj, ip: str) -> Pod:
    """The network's view of a Pod object that has this address."""
    metadata, spec = obj["metadata"], obj["spec"]
    return Pod(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=spec["nodeName"],
        ip=ip,
        labels=frozenset((metadata.get("labels") or {}).items()),
        ports=tuple(
            (port["name"], port.get("protocol") or "TCP", port["containerPort"])
            for port in _ports(spec)
            if port.get("name")
        ),
        host_ports=tuple(
            (port.get("protocol") or "TCP", port["hostPort"], port["containerPort"])
            for port in _ports(spec)
            if port.get("hostPort") and port.get("hostIP") in (None, "", "0.0.0.0")
        ),
        account=spec.get("serviceAccountName") or "",
        owner=_owner(metadata),
    )


def _owner(metadata: Obj) -> tuple[str, str] | None:
    """A ReplicaSet of a Deployment bears its name, and the hash of its template."""
    owners = [o for o in metadata.get("ownerReferences") or [] if o.get("controller")]
    if not owners:
        return None
    kind, name = owners[0]["kind"], owners[0]["name"]
    template = (metadata.get("labels") or {}).get("pod-template-hash", "")
    if kind == "ReplicaSet" and template and name.endswith(f"-{template}"):
        return "Deployment", name.removesuffix(f"-{template}")
    return kind, name


def _ports(spec: Obj) -> list[Obj]:
    """Init containers that stay (sidecars) have ports that count, too."""
    sidecars = [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    containers = [*spec["containers"], *sidecars]
    return [port for container in containers for port in container.get("ports") or []]


def is_judged(obj: Obj) -> bool:
    """
    Whether policies and their selectors see this Pod object at all.

    Not those on the host's network, which have the node's address, and not finished ones.
    """
    phase = (obj.get("status") or {}).get("phase")
    return not obj["spec"].get("hostNetwork") and phase not in FINISHED
