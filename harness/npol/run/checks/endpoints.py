"""`endpoints`: how many of a Service's endpoints are ready, and on which port."""

from __future__ import annotations

from npol.model.inventory import Inventory, Obj
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View

SERVICE = "kubernetes.io/service-name"


def wanted(check: StateCheck) -> str:
    count = check.wants.get("ready")
    port = check.wants.get("port")
    return ("some" if count is None else str(count)) + " ready" + (f" on {port}" if port else "")


def look(check: StateCheck, view: View) -> Observation:
    slices = slices_of(view.inventory, check.namespace, check.subject)
    ready, ports = ready_addresses(slices), ports_of(slices)
    count, port = check.wants.get("ready"), check.wants.get("port")
    right_count = bool(ready) if count is None else len(ready) == count
    right_port = not port or not ready or port in ports
    listed = ", ".join(map(str, ports)) or "no port"
    return Observation(right_count and right_port, f"{len(ready)} ready on {listed}")


def slices_of(inventory: Inventory, namespace: str, service: str) -> list[Obj]:
    """The EndpointSlices of a Service."""
    return [
        s
        for s in inventory.slices
        if s["metadata"].get("namespace") == namespace
        and (s["metadata"].get("labels") or {}).get(SERVICE) == service
    ]


def ready_addresses(slices: list[Obj]) -> set[str]:
    """Addresses that are ready; no condition counts as ready (KEP-752)."""
    return {
        address
        for s in slices
        for e in s.get("endpoints") or []
        if (e.get("conditions") or {}).get("ready") is not False
        for address in e["addresses"]
    }


def ports_of(slices: list[Obj]) -> list[int]:
    return sorted({p["port"] for s in slices for p in s.get("ports") or []})
