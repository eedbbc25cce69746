"""`aligned`: a Service's selector and targetPort agree with its pods' labels and ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol import selectors
from npol.model.story import StateCheck
from npol.policy.objects.entities import ContainerPort, Pod, Service, ServicePort
from npol.policy.state.service_backends import backends_of
from npol.run.checks.endpoints import ports_of, ready_addresses
from npol.run.checks.view import Observation, View, missing


def wanted(check: StateCheck) -> str:
    return "selector, targetPort, containerPort and endpoints agree"


def look(check: StateCheck, view: View) -> Observation:
    service = view.state.service(check.namespace, check.subject.partition("/")[2])
    if service is None:
        return missing(check)
    pods = [p for p in backends_of(view.state, service) if p.may_be_named]
    if not pods:
        selector = service.selector
        spelled = selectors.spell({"matchLabels": selector}) if selector else "nothing"
        return Observation(
            False, "no pod", f"no running pod carries {spelled}, which the Service selects"
        )
    wrong = list(_misfits(service, pods)) or list(_endpoints(service, view))
    ports = ", ".join(sorted({_spell(port, pods[0]) for port in service.ports}))
    return Observation(not wrong, ports, "; ".join(wrong))


def _misfits(service: Service, pods: Sequence[Pod]) -> Iterator[str]:
    """Service ports that some selected pod declares no container port for."""
    for port in service.ports:
        for pod in pods:
            if declared_target(port, pod) is None:
                declared = ", ".join(map(_declared, pod.ports)) or "none"
                yield (
                    f"targetPort {port.target} is no container port of "
                    f"pod {pod.name}, which declares {declared}"
                )


def _endpoints(service: Service, view: View) -> Iterator[str]:
    listed = view.state.endpoints_of(service.namespace, service.name)
    if not ready_addresses(listed):
        yield "no endpoint is ready"
    elif not ports_of(listed):
        yield "the endpoints have no port"


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
