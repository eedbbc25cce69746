"""Why a rule does not fit a path: first the mistakes that people make."""

from __future__ import annotations

from npol.model.mismatch import Mismatch, MismatchCode
from npol.policy.evaluate.match import Path
from npol.policy.evaluate.rule_fit import RuleFit
from npol.policy.objects.entities import NAME_LABEL, Pod
from npol.policy.objects.netpol_types import Direction, PeerClause
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.selected_pods import namespaces_of, selects_nothing
from npol.selectors import Selector, spell, spell_labels


def mismatches(world: ClusterState, fit: RuleFit, path: Path) -> tuple[Mismatch, ...]:
    """What fails in the peer, then what fails in the ports."""
    found: tuple[Mismatch, ...] = ()
    if fit.peer and fit.peer_fit.holds is False:
        found += _dead_selector(world, fit, fit.peer, path) or fit.peer_fit.mismatches
    if fit.port and fit.port_fit.holds is False:
        found += _service_port(fit, path) or fit.port_fit.mismatches
    return found


def names_service_port(fit: RuleFit, path: Path) -> bool:
    """Whether the rule names the Service's port where the pod's is meant."""
    return path.translated and any(
        p.protocol is path.protocol and p.port == path.service_port for p in fit.rule.ports
    )


def _service_port(fit: RuleFit, path: Path) -> tuple[Mismatch, ...]:
    if not names_service_port(fit, path):
        return ()
    return (
        Mismatch(
            MismatchCode.SERVICE_PORT,
            has=str(path.service_port),
            number=path.port,
            where=fit.rule.direction.field,
        ),
    )


def _dead_selector(
    world: ClusterState, fit: RuleFit, peer: PeerClause, path: Path
) -> tuple[Mismatch, ...]:
    """A selector that selects nothing in this world is the likelier mistake."""
    if not selects_nothing(world, fit.policy, peer):
        return ()
    chosen = namespaces_of(world, peer, fit.policy.namespace)
    if peer.namespace_selector is not None and not chosen:
        return (_no_namespace(world, peer.namespace_selector),)
    other = path.target if fit.rule.direction is Direction.EGRESS else path.client
    pod = other if isinstance(other, Pod) else None
    return (
        Mismatch(
            MismatchCode.NO_POD_HAS,
            subject=str(pod) if pod else "",
            wanted=spell(peer.pod_selector or {}),
            has=spell_labels(pod.labels) if pod else "",
            where=", ".join(n.name for n in chosen),
        ),
    )


def _no_namespace(world: ClusterState, selector: Selector) -> Mismatch:
    """With the namespace whose name stands as some label's value."""
    values = (selector.get("matchLabels") or {}).values()
    meant = next((v for v in values if any(n.name == v for n in world.all_namespaces)), "")
    return Mismatch(
        MismatchCode.NO_NAMESPACE_HAS,
        subject=f"the namespace {meant}" if meant else "",
        wanted=spell(selector),
        has=f"{NAME_LABEL}={meant}",
    )
