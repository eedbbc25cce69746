"""Rules about ports: those of pods, those of Services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npol.model.story import Protocol
from npol.policy.lint.certain import replaced_in_clause
from npol.policy.lint.context import Checked, Scope
from npol.policy.lint.findings import CertainFix, LintFinding, LintRule
from npol.policy.objects.entities import NAME_LABEL, Pod, Service
from npol.policy.objects.netpol_types import Direction, PortClause, Rule
from npol.policy.state.service_backends import target_port
from npol.selectors import matches

_UNSEEN = {NAME_LABEL: "a namespace that no manifest shows"}


def ports_without_listener(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    for rule in checked.policy.all_rules:
        if not rule.ports or any(p.ip_block for p in rule.peers):
            continue
        pods = scope.destinations(checked.policy, rule)
        for clause in rule.ports:
            yield from _check(scope, checked, rule, clause, pods)


def _check(
    scope: Scope, checked: Checked, rule: Rule, clause: PortClause, pods: Sequence[Pod]
) -> Iterator[LintFinding]:
    if not pods or clause.port is None or any(_has(scope, pod, clause) for pod in pods):
        return
    is_number = not isinstance(clause.port, str)
    found = _service_of(scope, clause, pods) if is_number and not _reaches_beyond(rule) else None
    if found:
        service, pod, number = found
        message = (
            f"{clause.port} is the port of {service}; it is translated to pod port {number} "
            f"({pod}) before {rule.direction.field} policy is judged"
        )
        beside = any(_allows(pod, other, number) for other in _beside(rule, clause))
        fix = f"{clause.port} never matches here; {number} beside it does the work"
        yield checked.finding_at(
            LintRule.SERVICE_PORT,
            clause.origin,
            message,
            fix if beside else f"name {number}",
            harmless=beside,
            certain=None if beside else _renumbered(scope, checked, clause, pods),
        )
    elif all(pod.ports for pod in pods) and not _reaches_beyond(rule):
        yield _nobody_listens(checked, clause, pods)


def _renumbered(
    scope: Scope, checked: Checked, clause: PortClause, pods: Sequence[Pod]
) -> CertainFix | None:
    """The pods' port in the place of their Service's, where it is the same for all of them."""
    found = [_service_of(scope, clause, [pod]) for pod in pods]
    numbers = {service[2] if service else None for service in found}
    number = numbers.pop()
    if numbers or clause.end_port or not number:
        return None
    return replaced_in_clause(checked.source, clause.origin, "port", number)


def _nobody_listens(checked: Checked, clause: PortClause, pods: Sequence[Pod]) -> LintFinding:
    declared = sorted({(p.number, p.protocol.name, p.name) for pod in pods for p in pod.ports})
    has = ", ".join(f"{n}/{proto}{f' ({name})' if name else ''}" for n, proto, name in declared)
    named = isinstance(clause.port, str)
    noun = "has a port named" if named else "declares port"
    message = f"no pod of this rule {noun} {clause.port} on {clause.protocol.name}"
    rule = LintRule.NO_SUCH_NAMED_PORT if named else LintRule.PORT_WITHOUT_LISTENER
    return checked.finding_at(rule, clause.origin, message, f"{pods[0]} and its like have {has}")


def _reaches_beyond(rule: Rule) -> bool:
    """Whether pods in namespaces that no manifest shows may be meant, such as the DNS."""
    if rule.direction is Direction.INGRESS:
        return False
    chosen = [peer.namespace_selector for peer in rule.peers]
    return not rule.peers or any(s is not None and matches(s, _UNSEEN) for s in chosen)


def _beside(rule: Rule, clause: PortClause) -> list[PortClause]:
    return [p for p in rule.ports if p is not clause and p.protocol is clause.protocol]


def _allows(pod: Pod, clause: PortClause, number: int) -> bool:
    if isinstance(clause.port, str):
        return number in pod.ports_named(clause.port, clause.protocol)
    return clause.port is None or clause.port <= number <= (clause.end_port or clause.port)


def _has(scope: Scope, pod: Pod, clause: PortClause) -> bool:
    if isinstance(clause.port, str):
        return bool(pod.ports_named(clause.port, clause.protocol))
    low = clause.port or 1
    high = clause.end_port or low
    declared = {p.number for p in pod.ports if p.protocol is clause.protocol}
    if clause.protocol is Protocol.TCP:
        declared |= pod.ports_besides
    declared |= {
        port.target
        for service in scope.seen.services_of(pod)
        for port in service.ports
        if isinstance(port.target, int) and port.protocol is clause.protocol
    }
    return any(low <= number <= high for number in declared)


def _service_of(
    scope: Scope, clause: PortClause, pods: Sequence[Pod]
) -> tuple[Service, Pod, int] | None:
    """A Service with the clause's port in front of one of the pods, which has another."""
    for pod in pods:
        for service in scope.seen.services_of(pod):
            port = service.port(int(clause.port or 0), clause.protocol)
            number = target_port(service, port, pod, port.port) if port else None
            if number and number != clause.port:
                return service, pod, number
    return None
