"""Which pods are behind a Service, and at which ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from npol.api_rules.objects import Obj
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.owners import labels_of
from npol_lab.controllers.pods import is_finished
from npol_lab.families import BY_NAME, IPV4
from npol_lab.store import Event

Port = dict[str, Any]


class ServiceFollower(Controller):
    """A controller that looks at a Service whenever it or a pod behind it changes."""

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == "services":
            return [key_of("services", event.object)]
        if event.resource == "pods":
            return self._of_pod(event)
        name = service_of(event.resource, event.object)
        return [Key("services", event.object["metadata"]["namespace"], name)] if name else []

    def _of_pod(self, event: Event) -> list[Key]:
        found = []
        for service in self.all("services", event.object["metadata"]["namespace"]):
            sides = (event.object, event.old)
            if any(pod is not None and selects(service, pod) for pod in sides):
                found.append(key_of("services", service))
        return found

    def behind(self, service: Obj) -> list[Obj]:
        """The pods that a Service selects and that have an address, by name."""
        pods = self.all("pods", service["metadata"]["namespace"])
        found = [p for p in pods if selects(service, p) and _is_reachable(p)]
        return sorted(found, key=lambda p: p["metadata"]["name"])


def service_of(resource: str, obj: Obj) -> str:
    """The Service that an Endpoints or an EndpointSlice object belongs to."""
    if resource == "endpoints":
        return str(obj["metadata"]["name"])
    return str(labels_of(obj).get("kubernetes.io/service-name", ""))


def selects(service: Obj, pod: Obj) -> bool:
    selector = service["spec"].get("selector")
    if not selector or service["spec"].get("type") == "ExternalName":
        return False
    labels = labels_of(pod)
    return all(labels.get(k) == v for k, v in selector.items())


def _is_reachable(pod: Obj) -> bool:
    return not is_finished(pod) and bool(pod.get("status", {}).get("podIP"))


def families_of(service: Obj) -> list[str]:
    """The families that the API server has given it, its first one first."""
    return service["spec"].get("ipFamilies") or [IPV4.name]


def pod_address(pod: Obj, family: str) -> str:
    """A pod's address of a family; "" for none."""
    status = pod["status"]
    listed = [entry["ip"] for entry in status.get("podIPs") or []] or [status["podIP"]]
    return next((ip for ip in listed if BY_NAME[family].is_of(ip)), "")


def ports_of(service: Obj, pod: Obj) -> list[Port]:
    """
    The Service's ports as numbers of this pod. A named port that the pod does not
    declare is left out.
    """
    found = []
    for port in service["spec"].get("ports") or []:
        number = target_port(port, pod)
        if number is not None:
            entry = {"name": port.get("name") or "", "port": number}
            entry["protocol"] = port.get("protocol") or "TCP"
            if port.get("appProtocol"):
                entry["appProtocol"] = port["appProtocol"]
            found.append(entry)
    return found


def target_port(port: Port, pod: Obj) -> int | None:
    target: int | str = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    for declared in _declared(pod):
        same = declared.get("protocol", "TCP") == (port.get("protocol") or "TCP")
        if declared.get("name") == target and same:
            return int(declared["containerPort"])
    return int(target) if target.isdigit() else None


def _declared(pod: Obj) -> Iterator[Port]:
    sidecars = [
        c for c in pod["spec"].get("initContainers") or [] if c.get("restartPolicy") == "Always"
    ]
    for container in [*(pod["spec"].get("containers") or []), *sidecars]:
        yield from container.get("ports") or []


def target_ref(pod: Obj) -> Obj:
    metadata = pod["metadata"]
    return {
        "kind": "Pod",
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "uid": metadata["uid"],
    }


def has_own_hostname(service: Obj, pod: Obj) -> bool:
    spec = pod["spec"]
    return bool(spec.get("hostname")) and spec.get("subdomain") == service["metadata"]["name"]
