"""Why a clause does not fit, in words: the one place that makes them of a `Mismatch`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from npol.model.mismatch import Mismatch, MismatchCode, RulePart


def mismatch_words(mismatches: Iterable[Mismatch]) -> str:
    """What does not fit in a rule's peer, then what does not in its ports."""
    peer: list[str] = []
    ports: list[str] = []
    for mismatch in mismatches:
        part = ports if mismatch.code.part in (RulePart.PORT, RulePart.PROTOCOL) else peer
        part.append(_WORDS[mismatch.code](mismatch))
    return "; ".join(filter(None, (" and ".join(peer), *ports)))


def _labels(m: Mismatch) -> str:
    return f"{m.subject} has {m.has or 'none of these labels'}, not {m.wanted}"


def _hint(m: Mismatch) -> str:
    return f"; {m.subject} has {m.has}" if m.subject else ""


def _named_port(m: Mismatch) -> str:
    has = f"is {m.has}" if m.has else "does not exist"
    return f"port {m.wanted!r} {has} on {m.subject}, the flow goes to {m.number}"


def _service_port(m: Mismatch) -> str:
    return (
        f"Service port {m.has} is translated to pod port {m.number} before {m.where} policy "
        f"is judged, so the rule must name {m.number}"
    )


_WORDS: Mapping[MismatchCode, Callable[[Mismatch], str]] = {
    MismatchCode.NODE: lambda m: f"{m.subject} is never selected by labels",
    MismatchCode.HOST_NETWORK: lambda m: (
        f"{m.subject} is on its node's network, and is never selected by labels"
    ),
    MismatchCode.OUTSIDE: lambda m: (
        f"{m.subject} is outside the cluster, and is never selected by labels"
    ),
    MismatchCode.NO_POD: lambda m: f"{m.subject} is never selected by pods' labels",
    MismatchCode.NO_NODE: lambda m: f"{m.subject} is no node",
    MismatchCode.NODE_LABELS: _labels,
    MismatchCode.OWN_NAMESPACE_ONLY: lambda m: (
        f"a podSelector alone selects in its own namespace {m.subject} only"
    ),
    MismatchCode.NAMESPACE_LABELS: lambda m: f"namespace {_labels(m)}",
    MismatchCode.NO_NAMESPACE_HAS: lambda m: f"no namespace has {m.wanted}{_hint(m)}",
    MismatchCode.POD_LABELS: _labels,
    MismatchCode.NO_POD_HAS: lambda m: f"no pod in {m.where} has {m.wanted}{_hint(m)}",
    MismatchCode.ENGINE_NEVER_SELECTS: lambda m: (
        f"engine {m.has} never selects {m.subject} by ipBlock ({m.wanted})"
    ),
    MismatchCode.NO_PEERS: lambda m: "it names nobody",
    MismatchCode.ENTITY: lambda m: f"{m.subject} is not of the entity {m.wanted}",
    MismatchCode.INSIDE: lambda m: (
        f"{m.subject} is inside the cluster, and never meant by {m.wanted}"
    ),
    MismatchCode.NO_ENDPOINT: lambda m: (
        f"{m.subject} has no labels for Calico, and is in no network set that is {m.wanted}"
    ),
    MismatchCode.EXCLUDED: lambda m: f"{m.subject} is one of those left out: {m.wanted}",
    MismatchCode.EMPTY_GROUP: lambda m: f"no CiliumCIDRGroup {m.wanted} holds addresses",
    MismatchCode.NO_SERVICE: lambda m: f"{m.wanted} leads to no address that it could mean",
    MismatchCode.OTHER_FAMILY: lambda m: f"{m.wanted} holds no IPv{m.number} addresses",
    MismatchCode.OUTSIDE_BLOCK: lambda m: f"{m.subject} ({m.has}) is not in {m.wanted}",
    MismatchCode.SERVICE_ADDRESS: lambda m: (
        f"{m.wanted} is the address of {m.subject}, replaced by the pod's before policies act"
    ),
    MismatchCode.OTHER_PROTOCOL: lambda m: f"the rule is for {m.wanted}, the flow is {m.has}",
    MismatchCode.OTHER_PORT: lambda m: f"the rule allows {m.wanted}, the pod's port is {m.number}",
    MismatchCode.OTHER_TIER_PORT: lambda m: (
        f"the rule is for {m.wanted}, the pod's port is {m.number}"
    ),
    MismatchCode.OTHER_NAMED_PORT: _named_port,
    MismatchCode.NO_PORTS: lambda m: "it names no port",
    MismatchCode.NAME_NOT_LOOKED_UP: lambda m: (
        f"{m.subject} is on its node's network: port {m.wanted!r} is not looked up on it"
    ),
    MismatchCode.SERVICE_PORT: _service_port,
    MismatchCode.SOURCE_PORT: lambda m: (
        f"the rule is for clients' ports {m.wanted}, and clients get others"
    ),
}
