"""
Rules about what the platform itself asks of pods, and pods of it.

The API server's address is rarely known, and it is no pod: only a rule for every peer, or one with
an ipBlock, may mean it. Probes of the kubelet need no rule: they come from the pod's own node,
which every measured network plugin lets in.
"""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.story import Protocol
from npol.policy.lint.context import Checked, Scope
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.lint.platform_objects import ServiceCall
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, PortClause, Rule
from npol.policy.state.service_backends import target_port
from npol.selectors import matches, spell

API_SERVER_PORTS = (443, 6443)


def called_by_the_api_server(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    if Direction.INGRESS not in checked.policy.directions:
        return
    for call in scope.platform.calls:
        found = _called_pod(scope, checked, call)
        if found and not scope.ruled_beside(found[0]) and not _may_enter(scope, *found):
            what = "the webhook" if call.rule is LintRule.CUTS_WEBHOOK else "the API"
            message = (
                f"it cuts off {what} of {call.caller}: nothing lets the API server reach "
                f"{found[0]} on {found[1]}"
            )
            fix = f"allow ingress to port {found[1]} without `from`, or from the API server's block"
            yield checked.finding(call.rule, ("spec", "podSelector"), message, fix)


def _called_pod(scope: Scope, checked: Checked, call: ServiceCall) -> tuple[Pod, int] | None:
    """A pod behind the Service that this policy selects, as the first that isolates it."""
    service = scope.seen.service(call.namespace, call.name)
    if service is None or call.namespace != checked.policy.namespace:
        return None
    port = service.port(call.port, Protocol.TCP)
    for one in scope.selected(checked.policy) if port else ():
        services = scope.seen.services_of(one)
        is_first = _isolates_first(scope, checked, one, Direction.INGRESS)
        if is_first and not one.host_network and service in services:
            assert port  # else there is no pod to look at
            number = target_port(service, port, one, port.port)
            return (one, number) if number else None
    return None


def _isolates_first(scope: Scope, checked: Checked, one: Pod, direction: Direction) -> bool:
    """Whether it is the first of the policies that isolate a pod: only that one is blamed."""
    policies = scope.seen.isolating(one, direction)
    return policies[:1] == (checked.policy,)


def _may_enter(scope: Scope, one: Pod, number: int) -> bool:
    policies = scope.seen.isolating(one, Direction.INGRESS)
    rules = (rule for policy in policies for rule in policy.rules(Direction.INGRESS))
    return any(_may_mean_no_pod(r) and _names_port(r, one, number) for r in rules)


def _may_mean_no_pod(rule: Rule) -> bool:
    return not rule.peers or any(peer.ip_block for peer in rule.peers)


def _names_port(rule: Rule, one: Pod, number: int) -> bool:
    return not rule.ports or any(_is_port(clause, one, number) for clause in rule.ports)


def _is_port(clause: PortClause, one: Pod, number: int) -> bool:
    if clause.protocol is not Protocol.TCP:
        return False
    if isinstance(clause.port, str):
        return number in one.ports_named(clause.port, Protocol.TCP)
    return clause.port is None or clause.port <= number <= (clause.end_port or clause.port)


def asking_the_api_server(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    """Of workloads whose account has a role bound to it."""
    if Direction.EGRESS not in checked.policy.directions:
        return
    for asking in scope.platform.asking.get(checked.policy.namespace, ()):
        is_first = _is_first(scope, checked, asking.pod, Direction.EGRESS)
        if is_first and not scope.ruled_beside(asking.pod) and not _may_ask(scope, asking.pod):
            message = (
                f"{asking.name} has permissions by its ServiceAccount {asking.detail}, and "
                "nothing lets it reach the API server"
            )
            fix = "allow egress to the API server's block on TCP 443 and 6443"
            yield checked.finding(LintRule.CUTS_FROM_API_SERVER, ("spec",), message, fix)


def _may_ask(scope: Scope, one: Pod) -> bool:
    policies = scope.seen.isolating(one, Direction.EGRESS)
    rules = [rule for policy in policies for rule in policy.rules(Direction.EGRESS)]
    return any(
        (_may_mean_no_pod(rule) or _names_api_server(rule)) and _names_port(rule, one, number)
        for rule in rules
        for number in API_SERVER_PORTS
    )


def _names_api_server(rule: Rule) -> bool:
    """
    Whether a peer has the API server's own pods in mind. They are hostNetwork ones, of which the
    API leaves open whether a selector means them; OVN-Kubernetes takes them so.
    """
    words = (
        spell(selector)
        for peer in rule.peers
        for selector in (peer.pod_selector, peer.namespace_selector)
        if selector
    )
    return any("apiserver" in word for word in words)


def _is_first(scope: Scope, checked: Checked, one: Pod, direction: Direction) -> bool:
    """Whether the policy isolates such a pod, and is the first that does."""
    if one.host_network or one.namespace != checked.policy.namespace:
        return False
    if not matches(checked.policy.selector, one.labels):
        return False
    return _isolates_first(scope, checked, one, direction)


def scraped(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    """Of pods whose annotations ask to be scraped, where no rule at all names the port."""
    if Direction.INGRESS not in checked.policy.directions:
        return
    for one in scope.platform.scraped.get(checked.policy.namespace, ()):
        if not _is_first(scope, checked, one.pod, Direction.INGRESS):
            continue
        if scope.ruled_beside(one.pod):
            continue
        policies = scope.seen.isolating(one.pod, Direction.INGRESS)
        rules = [rule for policy in policies for rule in policy.rules(Direction.INGRESS)]
        if not any(_names_port(rule, one.pod, int(one.detail)) for rule in rules):
            yield checked.finding(
                LintRule.CUTS_SCRAPING,
                ("spec", "podSelector"),
                f"{one.name} is to be scraped on port {one.detail}, and no rule names it",
                f"allow ingress to port {one.detail} from the pods that scrape",
            )
