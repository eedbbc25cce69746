"""Why a rule does not fit a path, in words: first the mistakes that people make."""

from __future__ import annotations

from collections.abc import Iterator

from npol.policy.evaluate.decision import RuleFit
from npol.policy.evaluate.match import Path, spell_labels
from npol.policy.objects.entities import NAME_LABEL, Namespace, Pod
from npol.policy.objects.netpol_types import Direction, PeerClause, Policy
from npol.policy.state.cluster_state import ClusterState
from npol.selectors import Selector, spell


def reason(world: ClusterState, fit: RuleFit, path: Path) -> str:
    """One clause of a sentence; what fails in the peer, then what fails in the ports."""
    parts = []
    if fit.peer and fit.peer_fit.holds is False:
        parts.append(_dead_selector(world, fit, fit.peer, path) or fit.peer_fit.text)
    if fit.port and fit.port_fit.holds is False:
        parts.append(_service_port(fit, path) or fit.port_fit.text)
    return "; ".join(p for p in (*parts, fit.undefined_by_spec) if p)


def names_service_port(fit: RuleFit, path: Path) -> bool:
    """Whether the rule names the Service's port where the pod's is meant."""
    return path.translated and any(
        p.protocol is path.protocol and p.port == path.service_port for p in fit.rule.ports
    )


def _service_port(fit: RuleFit, path: Path) -> str:
    if not names_service_port(fit, path):
        return ""
    return (
        f"Service port {path.service_port} is translated to pod port {path.port} before "
        f"{fit.rule.direction.field} policy is judged, so the rule must name {path.port}"
    )


def selects_nothing(world: ClusterState, policy: Policy, peer: PeerClause) -> bool:
    """Whether a peer's selectors select no pod of this world."""
    if peer.ip_block is not None:
        return False
    return not any(True for _ in selected_pods(world, policy.namespace, peer))


def selected_pods(world: ClusterState, policy_namespace: str, peer: PeerClause) -> Iterator[Pod]:
    """The pods that a peer's selectors select now."""
    for namespace in namespaces_of(world, peer, policy_namespace):
        yield from world.select(namespace.name, peer.pod_selector or {})


def _dead_selector(world: ClusterState, fit: RuleFit, peer: PeerClause, path: Path) -> str:
    """A selector that selects nothing in this world is the likelier mistake."""
    if not selects_nothing(world, fit.policy, peer):
        return ""
    chosen = namespaces_of(world, peer, fit.policy.namespace)
    if peer.namespace_selector is not None and not chosen:
        hint = _name_hint(world, peer.namespace_selector)
        return f"no namespace has {spell(peer.namespace_selector)}{hint}"
    where = ", ".join(n.name for n in chosen)
    return f"no pod in {where} has {spell(peer.pod_selector or {})}{_pod_hint(fit, path)}"


def namespaces_of(
    world: ClusterState, peer: PeerClause, policy_namespace: str
) -> tuple[Namespace, ...]:
    """The namespaces whose pods a peer may select; of those not declared, the name is known."""
    if peer.namespace_selector is None:
        return (world.namespace(policy_namespace),)
    return world.select_namespaces(peer.namespace_selector)


def _name_hint(world: ClusterState, selector: Selector) -> str:
    for value in (selector.get("matchLabels") or {}).values():
        if any(n.name == value for n in world.all_namespaces):
            return f"; the namespace {value} has {NAME_LABEL}={value}"
    return ""


def _pod_hint(fit: RuleFit, path: Path) -> str:
    other = path.target if fit.rule.direction is Direction.EGRESS else path.client
    return f"; {other} has {spell_labels(other.labels)}" if isinstance(other, Pod) else ""
