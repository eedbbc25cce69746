"""Policies of Cilium's own kinds, made by hypothesis: what L3 and L4 decide."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.policy.clusters import KEYS, NAMES, NAMESPACES, PORTS, PROTOCOLS, VALUES, selectors_by

PLACE = "io.kubernetes.pod.namespace"
AROUND = "io.cilium.k8s.namespace.labels."
ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
_ENTITIES = ["all", "cluster", "world", "host", "remote-node", "kube-apiserver", "none", "health"]
_labels = st.dictionaries(
    st.tuples(st.sampled_from(["", "", "k8s:", "any:"]), st.sampled_from(KEYS)).map("".join),
    st.sampled_from(VALUES),
    max_size=1,
)


_own = selectors_by(_labels)


def _selectors(namespaces):
    """Of pods, with the namespace left out, named, or asked for by its labels."""
    by_name = st.sampled_from(namespaces).flatmap(
        lambda name: _labels.map(lambda own: {"matchLabels": {**own, f"k8s:{PLACE}": name}})
    )
    by_label = st.sampled_from(VALUES).map(lambda value: {"matchLabels": {f"{AROUND}app": value}})
    everywhere = st.just({"matchExpressions": [{"key": PLACE, "operator": "Exists"}]})
    account = st.just({"matchLabels": {ACCOUNT: "default", f"k8s:{PLACE}": namespaces[0]}})
    return st.one_of(_own, by_name, by_name, by_label, everywhere, account)


def _some(entries):
    return st.lists(entries, min_size=1, max_size=2)


@st.composite
def _peers(draw, side, namespaces, networks, services):
    """One of the lists that a rule may have, now and then an empty one."""
    endpoints = {f"{side}Endpoints": draw(_some(_selectors(namespaces)))}
    kinds = [
        endpoints,
        endpoints,
        endpoints,
        {f"{side}Entities": draw(_some(st.sampled_from(_ENTITIES)))},
        {f"{side}CIDR": draw(_some(st.sampled_from(networks)))},
        {f"{side}CIDRSet": [{"cidr": "10.0.0.0/8", "except": [draw(st.sampled_from(networks))]}]},
        {f"{side}Endpoints": []},
        {},
    ]
    if services and side == "to":
        namespace, name = draw(st.sampled_from(services))
        place = {"serviceName": name, "namespace": namespace}
        kinds.append({"toServices": [{"k8sService": place}]})
    found = draw(st.sampled_from(kinds))
    inside = all(n.startswith("10.") for s in found.get(f"{side}CIDRSet", ()) for n in s["except"])
    return found if inside else endpoints


_entry = st.one_of(
    st.fixed_dictionaries(
        {"port": st.sampled_from([*map(str, PORTS[:2]), *NAMES])},
        optional={"protocol": st.sampled_from([*PROTOCOLS, "ANY"])},
    ),
    st.fixed_dictionaries(
        {"port": st.just("0")}, optional={"protocol": st.sampled_from(PROTOCOLS)}
    ),
    st.just({"port": str(PORTS[0]), "endPort": PORTS[1]}),
)
_groups = st.lists(
    st.fixed_dictionaries({}, optional={"ports": st.lists(_entry, min_size=1, max_size=2)}),
    max_size=2,
)


@st.composite
def _rule(draw, side, peers):
    rule = dict(draw(peers))
    if draw(st.integers(0, 2)) == 0:
        rule["toPorts"] = draw(_groups)
    elif draw(st.integers(0, 9)) == 0:
        rule["icmps"] = [{"fields": [{"type": 8, "family": "IPv4"}]}]
    return rule


@st.composite
def _spec(draw, subjects, namespaces, networks, services):
    found = {"endpointSelector": draw(subjects)}
    for direction, side in (("ingress", "from"), ("egress", "to")):
        peers = _peers(side, namespaces, networks, services)
        plain = _peers(side, namespaces, networks, [])
        found[direction] = draw(st.lists(_rule(side, peers), max_size=2))
        if draw(st.integers(0, 2)) == 0:
            found[f"{direction}Deny"] = draw(st.lists(_rule(side, plain), max_size=1))
    sides = ("ingress", "egress", "ingressDeny", "egressDeny")
    if not any(found.get(key) for key in sides):
        found["ingress"] = [{"fromEndpoints": [{}]}]
    if draw(st.integers(0, 2)) == 0:
        directions = draw(st.lists(st.sampled_from(["ingress", "egress"]), unique=True))
        found["enableDefaultDeny"] = {d: draw(st.booleans()) for d in directions}
    return found


@st.composite
def cilium_policies(draw, namespaces=NAMESPACES, networks=("0.0.0.0/0",), services=(), prefix="c"):
    """
    One to three, about pods in `namespaces` only: others may use the cluster, too.

    `networks`: CIDRs that rules may name; `services`: namespaces and names of Services.
    """
    made = []
    for number in range(draw(st.integers(1, 3))):
        clusterwide = draw(st.integers(0, 2)) == 0
        subjects = _own.map(lambda own: _within(own, namespaces)) if clusterwide else _own
        specs = _spec(subjects, [*namespaces], [*networks], [*services])
        body = {"spec": draw(specs)}
        if draw(st.integers(0, 4)) == 0:
            body = {"specs": [body["spec"], draw(specs)]}
        kind = "CiliumClusterwideNetworkPolicy" if clusterwide else "CiliumNetworkPolicy"
        place = {} if clusterwide else {"namespace": draw(st.sampled_from(namespaces))}
        meta = {"name": f"{prefix}-{number}", **place}
        made.append({"apiVersion": "cilium.io/v2", "kind": kind, "metadata": meta, **body})
    return made


def _within(selector, namespaces):
    among = {"key": PLACE, "operator": "In", "values": sorted(namespaces)}
    return {**selector, "matchExpressions": [*selector.get("matchExpressions", ()), among]}
