"""`endpoints`: how many of a Service's endpoints are ready, and on which port."""

from __future__ import annotations

from collections.abc import Iterable

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.story import StateCheck
from npol.policy.objects.entities import Endpoint
from npol.policy.objects.netpol_types import Address
from npol.run.checks.view import Observation, View


def wanted(check: StateCheck) -> CheckClaim:
    port = check.wants.get("port")
    return CheckClaim(ClaimCode.READY, str(port) if port else "", check.wants.get("ready"))


def look(check: StateCheck, view: View) -> Observation:
    listed = [e for e in view.state.endpoints_of(check.namespace, check.subject) if e.ready]
    ready, ports = ready_addresses(listed), ports_of(listed)
    count, port = check.wants.get("ready"), check.wants.get("port")
    right_count = bool(ready) if count is None else len(ready) == count
    on_port = ready_addresses(e for e in listed if not port or port in e.ports.values())
    names = tuple(map(str, ports))
    seen = CheckFinding(code=FindingCode.READY_ON, count=len(ready), names=names)
    return Observation(right_count and on_port == ready, seen)


def ready_addresses(listed: Iterable[Endpoint]) -> set[Address]:
    return {e.address for e in listed if e.ready}


def ports_of(listed: Iterable[Endpoint]) -> list[int]:
    return sorted({number for e in listed for number in e.ports.values()})
