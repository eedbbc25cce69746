"""Rules about DNS, without which names do not resolve."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.story import Protocol
from npol.policy.lint.context import Checked, Scope
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.lint.selectors import superfluous_label
from npol.policy.objects.entities import NAME_LABEL, Pod
from npol.policy.objects.netpol_types import Direction, Policy, PortClause, Rule
from npol.policy.state.dns import PORT, dns_service, dns_traffic
from npol.policy.state.selected_pods import namespaces_of, selected_pods
from npol.policy.state.service_backends import backends_of
from npol.selectors import keys_of, labels_that_fit, spell, spell_labels

POD_PORTS = (PORT, 5353, "dns", "dns-udp", "dns-tcp")
"""What the pods behind port 53 listen on: OpenShift's on 5353."""


def dns(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    rules = checked.policy.rules(Direction.EGRESS)
    about_dns = [rule for rule in rules if _dns_clause(rule)]
    for rule in about_dns:
        yield from _wrong_pods(scope, checked, rule)
    if not rules:
        return  # a plain deny: what it forgets is for others to allow
    own = checked.policy
    if scope.selects_none(checked) and scope.may_be_mistyped(own.selector, [own.namespace]):
        return  # it isolates nobody, which is said
    asking = _asking(scope, own)
    if scope.ruled_beside(asking):
        return  # such a policy may allow it
    udp, tcp = (_resolves(scope, asking, p) for p in (Protocol.UDP, Protocol.TCP))
    forgotten = not about_dns and udp is False and tcp is False
    if forgotten and not any(_may_hold_dns(scope, rule) for rule in _rules_for(scope, asking)):
        message = "it isolates egress, and nothing allows DNS: no name will resolve"
        fix = _allow_dns(own)
        yield checked.finding(LintRule.DNS_FORGOTTEN, ("spec", "egress"), message, fix, at_key=True)
    elif about_dns and udp is not tcp:
        yield _one_protocol(checked, about_dns[0], Protocol.UDP if udp else Protocol.TCP)


def _allow_dns(policy: Policy) -> str:
    chosen = (peer.namespace_selector for rule in policy.all_rules for peer in rule.peers)
    if any("openshift" in spell(selector) for selector in chosen if selector):
        return (
            "allow UDP and TCP 5353 to the pods dns.operator.openshift.io/daemonset-dns=default "
            "in openshift-dns"
        )
    return "allow UDP and TCP 53 to the pods k8s-app=kube-dns in kube-system"


def _one_protocol(checked: Checked, rule: Rule, only: Protocol) -> LintFinding:
    clause = _dns_clause(rule)
    origin = clause.origin if clause else rule.origin
    if only is Protocol.TCP:
        message = "DNS is allowed over TCP only, and resolvers ask over UDP first"
        return checked.finding_at(
            LintRule.DNS_ONE_PROTOCOL, origin, message, "add protocol: UDP, port: 53"
        )
    message = "DNS is allowed over UDP only; answers that are too long come over TCP"
    return checked.finding_at(
        LintRule.DNS_ONE_PROTOCOL, origin, message, "add protocol: TCP, port: 53"
    )


def _dns_clause(rule: Rule) -> PortClause | None:
    return next((p for p in rule.ports if p.port in POD_PORTS), None)


def _may_hold_dns(scope: Scope, rule: Rule) -> bool:
    """Whether it selects namespaces by labels that the DNS's may bear: it was not seen."""
    service = dns_service(scope.world)
    if service is None or rule.ports or scope.seen.namespace(service.namespace).declared:
        return False
    selectors = (peer.namespace_selector for peer in rule.peers)
    return any(set(keys_of(s)) - {NAME_LABEL} for s in selectors if s)


def _asking(scope: Scope, policy: Policy) -> Pod:
    """The first pod that the policy selects, or one that carries its labels."""
    if pods := scope.selected(policy):
        return pods[0]
    labels = labels_that_fit(policy.selector)
    return Pod(namespace=policy.namespace, name="(any)", labels=labels)


def _rules_for(scope: Scope, pod: Pod) -> Iterator[Rule]:
    for policy in scope.seen.isolating(pod, Direction.EGRESS):
        yield from policy.rules(Direction.EGRESS)


def _resolves(scope: Scope, pod: Pod, protocol: Protocol) -> bool | None:
    key = (pod.namespace, spell_labels(pod.labels), protocol)
    if key not in scope.resolves:
        traffic = dns_traffic(scope.world, pod, protocol)
        from npol.policy.evaluate.evaluate import decide  # of use where egress is isolated

        decision = decide(scope.world, traffic, scope.dialect) if traffic else None
        paths = decision.paths if decision else ()
        scope.resolves[key] = paths[0].egress.allowed if paths else None
    return scope.resolves[key]


def _wrong_pods(scope: Scope, checked: Checked, rule: Rule) -> Iterator[LintFinding]:
    """The namespace is right (else its label is reported), the pods are not."""
    service = dns_service(scope.world)
    servers = backends_of(scope.world, service) if service else []
    if not servers or not rule.peers or any(p.ip_block for p in rule.peers):
        return
    chosen = [p for peer in rule.peers for p in selected_pods(scope.world, _ns(checked), peer)]
    spaces = {n.name for peer in rule.peers for n in namespaces_of(scope.world, peer, _ns(checked))}
    if not spaces or any(str(server) in {str(p) for p in chosen} for server in servers):
        return
    labels = spell_labels(service.selector) if service and service.selector else ""
    message = f"a rule for port {PORT} that selects none of the DNS pods, such as {servers[0]}"
    wanted = [peer.pod_selector for peer in rule.peers if peer.pod_selector]
    extra = next(filter(None, (superfluous_label(one, servers) for one in wanted)), "")
    fix = extra or f"they are in {servers[0].namespace} and have {labels}"
    yield checked.finding_at(LintRule.DNS_WRONG_PODS, rule.peers[0].origin, message, fix)


def _ns(checked: Checked) -> str:
    return checked.policy.namespace
