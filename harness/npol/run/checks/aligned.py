"""`aligned`: a Service's selector and targetPort agree with its pods' labels and ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol import selectors
from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.story import StateCheck
from npol.policy.objects.entities import ContainerPort, Pod, Service, ServicePort
from npol.policy.state.service_backends import backends_of
from npol.run.checks.endpoints import ports_of, ready_addresses
from npol.run.checks.view import Observation, View, missing


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.AGREE)


def look(check: StateCheck, view: View) -> Observation:
    service = view.state.service(check.namespace, check.subject.partition("/")[2])
    if service is None:
        return missing(check)
    pods = [p for p in backends_of(view.state, service) if p.may_be_named]
    if not pods:
        selector = service.selector
        spelled = selectors.spell({"matchLabels": selector}) if selector else ""
        why = CheckFinding(code=FindingCode.NO_POD_CARRIES, wanted=spelled)
        return Observation(False, CheckFinding(code=FindingCode.NO_POD), (why,))
    wrong = tuple(_misfits(service, pods)) or tuple(_endpoints(service, view))
    ports = tuple(sorted({_spell(port, pods[0]) for port in service.ports}))
    return Observation(not wrong, CheckFinding(code=FindingCode.PORTS, names=ports), wrong)


def _misfits(service: Service, pods: Sequence[Pod]) -> Iterator[CheckFinding]:
    """Service ports that some selected pod declares no container port for."""
    for port in service.ports:
        for pod in pods:
            if declared_target(port, pod) is None:
                yield CheckFinding(
                    code=FindingCode.PORT_NOT_DECLARED,
                    subject=pod.name,
                    wanted=str(port.target),
                    names=tuple(map(_declared, pod.ports)),
                )


def _endpoints(service: Service, view: View) -> Iterator[CheckFinding]:
    listed = view.state.endpoints_of(service.namespace, service.name)
    if not ready_addresses(listed):
        yield CheckFinding(code=FindingCode.NO_READY_ENDPOINT)
    elif not ports_of(listed):
        yield CheckFinding(code=FindingCode.ENDPOINTS_WITHOUT_PORT)


def declared_target(port: ServicePort, pod: Pod) -> int | None:
    """The pod's port that a Service's port leads to; None where the pod does not declare it."""
    if isinstance(port.target, str):
        return next(iter(pod.ports_named(port.target, port.protocol)), None)
    declared = {p.number for p in pod.ports if p.protocol is port.protocol}
    return port.target if port.target in declared else None


def _declared(port: ContainerPort) -> str:
    return f"{port.number} ({port.name})" if port.name else str(port.number)


def _spell(port: ServicePort, pod: Pod) -> str:
    return f"{port.port} -> {port.target} -> {declared_target(port, pod) or 'nothing'}"
