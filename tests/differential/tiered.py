"""Clusters with policies in tiers around their NetworkPolicies, made by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.differential.roster import NODES, PLACES, PODS, lab_clusters
from tests.policy.clusters import (
    NAMES,
    NAMESPACES,
    PORTS,
    PROTOCOLS,
    namespace_selectors,
    selectors,
)

_spaces = namespace_selectors(NAMESPACES)
_pods = st.fixed_dictionaries({"namespaceSelector": _spaces, "podSelector": selectors})
_selections = st.one_of(
    st.fixed_dictionaries({"namespaces": _spaces}), st.fixed_dictionaries({"pods": _pods})
)
_addresses = [*(p.address for p in PODS), *NODES.values(), *PLACES.values()]
_networks = st.lists(
    st.sampled_from(["0.0.0.0/0", "10.244.0.0/16", "::/0", *(f"{a}/32" for a in _addresses)]),
    min_size=1,
    max_size=2,
    unique=True,
)
_hosts = [{"matchLabels": {"kubernetes.io/hostname": name}} for name in NODES]
_targets = st.one_of(
    _selections,
    st.fixed_dictionaries({"networks": _networks}),
    st.fixed_dictionaries({"nodes": st.sampled_from([{}, *_hosts])}),
)
_numbers = st.one_of(
    st.fixed_dictionaries({"number": st.sampled_from(PORTS)}),
    st.just({"range": {"start": PORTS[0], "end": PORTS[1]}}),
)
_transports = st.tuples(st.sampled_from(PROTOCOLS), _numbers).map(
    lambda pair: {pair[0].lower(): {"destinationPort": pair[1]}}
)
_protocols = st.one_of(
    _transports, st.sampled_from(NAMES).map(lambda n: {"destinationNamedPort": n})
)
_old_ports = st.one_of(
    st.tuples(st.sampled_from(PROTOCOLS), st.sampled_from(PORTS)).map(
        lambda pair: {"portNumber": {"protocol": pair[0], "port": pair[1]}}
    ),
    st.just({"portRange": {"protocol": "TCP", "start": PORTS[0], "end": PORTS[1]}}),
    st.sampled_from(NAMES).map(lambda name: {"namedPort": name}),
)


_NAMED = {"destinationNamedPort", "namedPort"}
"""Nobody but pods has such ports."""


@st.composite
def _rules(draw, side, peers, actions, field, ports):
    rule = {
        "action": draw(st.sampled_from(actions)),
        side: draw(st.lists(peers, min_size=1, max_size=2)),
    }
    if draw(st.booleans()):
        of_pods = all({"namespaces", "pods"} & peer.keys() for peer in rule[side])
        allowed = ports if of_pods else ports.filter(lambda port: not _NAMED & port.keys())
        rule[field] = draw(st.lists(allowed, min_size=1, max_size=2))
    return rule


@st.composite
def _spec(draw, actions, field, ports, subjects=_selections, targets=_targets):
    incoming = _rules("from", _selections, actions, field, ports)
    outgoing = _rules("to", targets, actions, field, ports)
    return {
        "subject": draw(subjects),
        "ingress": draw(st.lists(incoming, max_size=3)),
        "egress": draw(st.lists(outgoing, max_size=3)),
    }


@st.composite
def tier_policies(draw, *, ties=False):
    """Up to four; `ties`: some share a priority, and which comes first nobody can foretell."""
    newest = _spec(["Accept", "Deny", "Pass"], "protocols", _protocols)
    made = []
    for number in range(draw(st.integers(1, 4))):
        tier = draw(st.sampled_from(["Admin", "Admin", "Baseline"]))
        spec = {"tier": tier, "priority": number // (1 + ties) * 7, **draw(newest)}
        made.append(_policy("ClusterNetworkPolicy", "v1alpha2", f"c{number}", spec))
    if draw(st.booleans()):
        spec = {"priority": 900, **draw(_spec(["Allow", "Deny", "Pass"], "ports", _old_ports))}
        made.append(_policy("AdminNetworkPolicy", "v1alpha1", "old", spec))
    if all(p["spec"].get("tier") != "Baseline" for p in made) and draw(st.booleans()):
        spec = draw(_spec(["Allow", "Deny"], "ports", _old_ports))
        made.append(_policy("BaselineAdminNetworkPolicy", "v1alpha1", "default", spec))
    return made


@st.composite
def cluster_network_policies(draw, namespaces, networks, *, prefix):
    """
    One to four, for a cluster that others use, too: they are about pods in `namespaces` only.

    `networks`: CIDRs that egress rules may name. Kinds and fields of the standard channel only.
    No Pass in the Baseline tier: Cilium 1.20.2 closes by it what NetworkPolicies allow
    (docs/semantics.md).
    """
    subjects = _selections.map(lambda selection: _within(selection, namespaces))
    named = st.lists(st.sampled_from(networks), min_size=1, max_size=2, unique=True)
    targets = st.one_of(_selections, st.fixed_dictionaries({"networks": named}))
    actions = {"Admin": ["Accept", "Deny", "Pass"], "Baseline": ["Accept", "Deny"]}
    specs = {
        tier: _spec(some, "protocols", _protocols, subjects, targets)
        for tier, some in actions.items()
    }
    tiers = [draw(st.sampled_from(["Admin", "Baseline"])) for _ in range(draw(st.integers(1, 4)))]
    return [
        _policy(
            "ClusterNetworkPolicy",
            "v1alpha2",
            f"{prefix}-{number}",
            {"tier": tier, "priority": number * 7, **draw(specs[tier])},
        )
        for number, tier in enumerate(tiers)
    ]


def _within(selection, namespaces):
    """The same among the pods of these namespaces."""
    own = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": sorted(namespaces),
    }

    def narrowed(selector):
        return {**selector, "matchExpressions": [*selector.get("matchExpressions", ()), own]}

    if "namespaces" in selection:
        return {"namespaces": narrowed(selection["namespaces"])}
    pods = selection["pods"]
    return {"pods": {**pods, "namespaceSelector": narrowed(pods["namespaceSelector"])}}


def _policy(kind, version, name, spec):
    return {
        "apiVersion": f"policy.networking.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


@st.composite
def tiered_clusters(draw):
    """As `lab_clusters`, with `tiers`."""
    return {**draw(lab_clusters()), "tiers": draw(tier_policies())}
