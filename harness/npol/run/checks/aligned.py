"""`aligned`: a Service's selector and targetPort agree with its pods' labels and ports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npol import selectors
from npol.model.inventory import Obj
from npol.model.story import StateCheck
from npol.run.checks.endpoints import ports_of, ready_addresses, slices_of
from npol.run.checks.view import Observation, View, missing, named, running_pods


def wanted(check: StateCheck) -> str:
    return "selector, targetPort, containerPort and endpoints agree"


def look(check: StateCheck, view: View) -> Observation:
    service = named(check, view.inventory)
    if service is None:
        return missing(check)
    selector = service["spec"].get("selector") or {}
    pods = [
        p
        for p in running_pods(view.inventory, check.namespace)
        if selector and selectors.matches({"matchLabels": selector}, _labels(p))
    ]
    if not pods:
        spelled = selectors.spell({"matchLabels": selector}) if selector else "nothing"
        return Observation(
            False, "no pod", f"no running pod carries {spelled}, which the Service selects"
        )
    wrong = list(_misfits(service, pods)) or list(_endpoints(service, view))
    ports = ", ".join(sorted({_spell(service, p, pods) for p in service["spec"]["ports"]}))
    return Observation(not wrong, ports, "; ".join(wrong))


def _misfits(service: Obj, pods: list[Obj]) -> Iterator[str]:
    """Service ports that some selected pod declares no container port for."""
    for port in service["spec"].get("ports") or []:
        for pod in pods:
            if target_port(port, pod) is None:
                declared = ", ".join(map(_declared, _ports(pod))) or "none"
                yield (
                    f"targetPort {port.get('targetPort', port['port'])} is no container port of "
                    f"pod {pod['metadata']['name']}, which declares {declared}"
                )


def _endpoints(service: Obj, view: View) -> Iterator[str]:
    meta = service["metadata"]
    slices = slices_of(view.inventory, meta["namespace"], meta["name"])
    if not ready_addresses(slices):
        yield "no endpoint is ready"
    elif not ports_of(slices):
        yield "the endpoints have no port"


def target_port(port: Obj, pod: Obj) -> int | None:
    """The pod's port that a Service's port leads to; None where the pod does not declare it."""
    target = port.get("targetPort", port["port"])
    protocol = port.get("protocol", "TCP")
    for declared in _ports(pod):
        same = declared.get("protocol", "TCP") == protocol
        if same and target in (declared["containerPort"], declared.get("name")):
            return int(declared["containerPort"])
    return None


def _ports(pod: Obj) -> list[dict[str, Any]]:
    return [p for c in pod["spec"]["containers"] for p in c.get("ports") or []]


def _declared(port: dict[str, Any]) -> str:
    name = f" ({port['name']})" if port.get("name") else ""
    return f"{port['containerPort']}{name}"


def _spell(service: Obj, port: Obj, pods: list[Obj]) -> str:
    number = target_port(port, pods[0])
    return f"{port['port']} -> {port.get('targetPort', port['port'])} -> {number or 'nothing'}"


def _labels(pod: Obj) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}
