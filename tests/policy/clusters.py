"""Hypothesis-made clusters: raw namespaces, pods and policies, small enough to collide often."""

from __future__ import annotations

from hypothesis import strategies as st

NAMESPACES = ["x", "y"]
KEYS = ["app", "tier"]
VALUES = ["a", "b"]
PORTS = [80, 81, 82]
NAMES = ["web", "api"]
PROTOCOLS = ["TCP", "UDP"]

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2)


def _expression(key):
    some = st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True)
    valued = st.fixed_dictionaries(
        {"key": st.just(key), "operator": st.sampled_from(["In", "NotIn"]), "values": some}
    )
    bare = st.fixed_dictionaries(
        {"key": st.just(key), "operator": st.sampled_from(["Exists", "DoesNotExist"])}
    )
    return st.one_of(valued, bare)


selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": labels,
        "matchExpressions": st.lists(st.sampled_from(KEYS).flatmap(_expression), max_size=1),
    },
)

namespace_selectors = st.one_of(
    selectors,
    st.sampled_from(NAMESPACES).map(
        lambda name: {"matchLabels": {"kubernetes.io/metadata.name": name}}
    ),
)

ip_blocks = st.one_of(
    st.just({"cidr": "0.0.0.0/0"}),
    st.just({"cidr": "10.0.0.0/24"}),
    st.integers(0, 4).map(lambda n: {"cidr": f"10.0.0.{n}/32"}),
    st.integers(0, 4).map(lambda n: {"cidr": "10.0.0.0/24", "except": [f"10.0.0.{n}/32"]}),
    st.just({"cidr": "::/0"}),
)

peers = st.one_of(
    st.fixed_dictionaries({"podSelector": selectors}),
    st.fixed_dictionaries({"namespaceSelector": namespace_selectors}),
    st.fixed_dictionaries({"podSelector": selectors, "namespaceSelector": namespace_selectors}),
    st.fixed_dictionaries({"ipBlock": ip_blocks}),
)

ports = st.one_of(
    st.fixed_dictionaries(
        {"port": st.sampled_from(PORTS)}, optional={"protocol": st.sampled_from(PROTOCOLS)}
    ),
    st.fixed_dictionaries(
        {"port": st.sampled_from(NAMES)}, optional={"protocol": st.sampled_from(PROTOCOLS)}
    ),
    st.fixed_dictionaries({"protocol": st.sampled_from(PROTOCOLS)}),
    st.just({"port": 80, "endPort": 81}),
)


def rules(peers_field):
    """Mostly filled; missing and empty fields come, too."""
    filled = {
        peers_field: st.lists(peers, min_size=1, max_size=3),
        "ports": st.lists(ports, min_size=1, max_size=2),
    }
    no_ports = {peers_field: st.lists(peers, min_size=1, max_size=3)}
    sparse = {peers_field: st.lists(peers, max_size=1), "ports": st.lists(ports, max_size=1)}
    return st.one_of(
        st.fixed_dictionaries(filled),
        st.fixed_dictionaries(no_ports),
        st.fixed_dictionaries({}, optional=sparse),
    )


_rule_lists = {
    "ingress": st.lists(rules("from"), min_size=1, max_size=2),
    "egress": st.lists(rules("to"), min_size=1, max_size=2),
}
_types = st.lists(st.sampled_from(["Ingress", "Egress"]), max_size=2, unique=True)

specs = st.one_of(
    st.fixed_dictionaries({"podSelector": selectors, **_rule_lists}),
    st.fixed_dictionaries({"podSelector": st.just({}), "policyTypes": _types, **_rule_lists}),
    st.fixed_dictionaries(
        {},
        optional={
            "podSelector": selectors,
            "policyTypes": _types,
            "ingress": st.lists(rules("from"), max_size=1),
            "egress": st.lists(rules("to"), max_size=1),
        },
    ),
)


@st.composite
def container_ports(draw):
    numbers = draw(st.lists(st.sampled_from(PORTS), max_size=2, unique=True))
    names = draw(st.permutations(NAMES))
    return [
        {"containerPort": number, "name": name, "protocol": draw(st.sampled_from(PROTOCOLS))}
        for number, name in zip(numbers, names, strict=False)
    ]


@st.composite
def clusters(draw, max_policies=4):
    """`namespaces` (name -> labels), `pods` and `policies`, all raw."""
    return {
        "namespaces": {name: draw(labels) for name in NAMESPACES},
        "pods": [_pod(n, draw) for n in range(draw(st.integers(3, 6)))],
        "policies": [_policy(n, draw) for n in range(draw(st.integers(1, max_policies)))],
    }


def _pod(number, draw):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"p{number}",
            "namespace": draw(st.sampled_from(NAMESPACES)),
            "labels": draw(labels),
        },
        "spec": {"containers": [{"name": "c", "ports": draw(container_ports())}]},
        "status": {"podIP": f"10.0.0.{number}", "phase": "Running"},
    }


def _policy(number, draw):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"n{number}", "namespace": draw(st.sampled_from(NAMESPACES))},
        "spec": draw(specs),
    }


def objects(cluster):
    """Everything of a cluster as API objects."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels_}}
        for name, labels_ in cluster["namespaces"].items()
    ]
    return [*namespaces, *cluster["pods"], *cluster["policies"]]
