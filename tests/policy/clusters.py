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


def selectors_by(match_labels):
    """Selectors of pods or namespaces, with these `matchLabels`."""
    return st.fixed_dictionaries(
        {},
        optional={
            "matchLabels": match_labels,
            "matchExpressions": st.lists(st.sampled_from(KEYS).flatmap(_expression), max_size=1),
        },
    )


selectors = selectors_by(labels)


def namespace_selectors(namespaces):
    by_name = [{"matchLabels": {"kubernetes.io/metadata.name": name}} for name in namespaces]
    return st.one_of(selectors, st.sampled_from(by_name))


def ip_blocks(network, addresses):
    """All, `network`, or single ones of the addresses inside it, also as exceptions."""
    hosts = st.sampled_from([f"{address}/32" for address in addresses])
    return st.one_of(
        st.just({"cidr": "0.0.0.0/0"}),
        st.just({"cidr": network}),
        hosts.map(lambda host: {"cidr": host}),
        hosts.map(lambda host: {"cidr": network, "except": [host]}),
        st.just({"cidr": "::/0"}),
    )


def peers(blocks, namespaces):
    spaces = namespace_selectors(namespaces)
    return st.one_of(
        st.fixed_dictionaries({"podSelector": selectors}),
        st.fixed_dictionaries({"namespaceSelector": spaces}),
        st.fixed_dictionaries({"podSelector": selectors, "namespaceSelector": spaces}),
        st.fixed_dictionaries({"ipBlock": blocks}),
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


made_up_blocks = ip_blocks("10.0.0.0/24", [f"10.0.0.{n}" for n in range(5)])
made_up_peers = peers(made_up_blocks, NAMESPACES)


def rules(peers_field, peers=made_up_peers):
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


_types = st.lists(st.sampled_from(["Ingress", "Egress"]), max_size=2, unique=True)


def specs(blocks, namespaces=NAMESPACES):
    """Specs of policies whose `ipBlock`s are among `blocks`."""
    some = peers(blocks, namespaces)
    incoming, outgoing = rules("from", some), rules("to", some)
    both = {
        "ingress": st.lists(incoming, min_size=1, max_size=2),
        "egress": st.lists(outgoing, min_size=1, max_size=2),
    }
    sparse = {
        "podSelector": selectors,
        "policyTypes": _types,
        "ingress": st.lists(incoming, max_size=1),
        "egress": st.lists(outgoing, max_size=1),
    }
    return st.one_of(
        st.fixed_dictionaries({"podSelector": selectors, **both}),
        st.fixed_dictionaries({"podSelector": st.just({}), "policyTypes": _types, **both}),
        st.fixed_dictionaries({}, optional=sparse),
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
        "policies": draw(policies(specs(made_up_blocks), max_policies=max_policies)),
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


def policies(specs, *, max_policies, namespaces=NAMESPACES):
    """From one to `max_policies`, named n0, n1, ..."""
    placed = st.tuples(st.sampled_from(namespaces), specs)
    return st.lists(placed, min_size=1, max_size=max_policies).map(
        lambda found: [_policy(n, *one) for n, one in enumerate(found)]
    )


def _policy(number, namespace, spec):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"n{number}", "namespace": namespace},
        "spec": spec,
    }


def objects(cluster):
    """Everything of a cluster as API objects."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels_}}
        for name, labels_ in cluster["namespaces"].items()
    ]
    return [*namespaces, *cluster["pods"], *cluster["policies"]]
