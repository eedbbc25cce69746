"""Ingresses get the address of the controller that serves them."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.pods import is_ready
from npol_lab.node.images import known, parse
from npol_lab.node.ingress_config import accepted
from npol_lab.store import Event

INGRESSES = "ingresses.networking.k8s.io"
CLASSES = "ingressclasses.networking.k8s.io"


class Ingresses(Controller):
    """`status.loadBalancer`: the nodes that the controller's ready pods run on."""

    watches = (INGRESSES, CLASSES, "pods")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == INGRESSES and event.type != "DELETED":
            return [key_of(INGRESSES, event.object)]
        relevant = event.resource == CLASSES or _is_controller(event.object)
        return [key_of(INGRESSES, i) for i in self.all(INGRESSES)] if relevant else []

    def reconcile(self, key: Key) -> None:
        ingress = self.one(*key)
        if ingress is None:
            return
        addresses: list[Obj] = []
        if accepted([ingress], self.all(CLASSES)):
            pods = [p for p in self.all("pods") if _is_controller(p) and is_ready(p)]
            found = sorted({p["status"]["hostIP"] for p in pods if p["status"].get("hostIP")})
            addresses = [{"ip": address} for address in found]
        if (ingress.get("status", {}).get("loadBalancer") or {}).get("ingress", []) != addresses:
            status = {"loadBalancer": {"ingress": addresses} if addresses else {}}
            self.registry.set_status(INGRESSES, key.namespace, key.name, status)


def _is_controller(obj: Obj) -> bool:
    containers = obj.get("spec", {}).get("containers") or []
    return any(known(parse(c["image"])).behaviour == "ingress" for c in containers)
