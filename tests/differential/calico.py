"""Clusters with Calico's own kinds beside all others that the lab enforces, made by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.differential.roster import NODES, PLACES, PODS, lab_clusters
from tests.differential.tiered import tier_policies
from tests.policy.clusters import KEYS, NAMES, NAMESPACES, PORTS, PROTOCOLS, VALUES, labels

RESOURCES = {
    "Tier": "tiers.projectcalico.org",
    "NetworkSet": "networksets.projectcalico.org",
    "GlobalNetworkSet": "globalnetworksets.projectcalico.org",
    "NetworkPolicy": "networkpolicies.projectcalico.org",
    "GlobalNetworkPolicy": "globalnetworkpolicies.projectcalico.org",
}
"""By kind, as the lab's store calls them."""
ACCOUNTS = ["cook", "clerk"]
TIERS = ["early", "middle", "late"]
_addresses = [*(p.address for p in PODS), *NODES.values(), *PLACES.values()]
NETS = ["0.0.0.0/0", "10.244.0.0/16", "10.244.1.0/24", *(f"{a}/32" for a in _addresses)]
"""The first is no network that a rule may deny."""
_keys, _values = st.sampled_from(KEYS), st.sampled_from(VALUES)
_sets = st.lists(_values, max_size=2, unique=True).map(
    lambda values: "{" + ", ".join(f"'{v}'" for v in values) + "}"
)
_atoms = st.one_of(
    st.builds("{} == '{}'".format, _keys, _values),
    st.builds("{} == '{}'".format, _keys, _values),
    st.builds('{} != "{}"'.format, _keys, _values),
    st.builds("has({})".format, _keys),
    st.builds("{} {} {}".format, _keys, st.sampled_from(["in", "not in"]), _sets),
    st.builds(
        "{} {} '{}'".format,
        _keys,
        st.sampled_from(["contains", "starts with", "ends with"]),
        _values,
    ),
    st.just("all()"),
)
_of_pods = st.one_of(
    _atoms,
    _atoms,
    st.builds("projectcalico.org/namespace == '{}'".format, st.sampled_from(NAMESPACES)),
    st.builds("pcns.{} == '{}'".format, _keys, _values),
    st.builds("projectcalico.org/serviceaccount == '{}'".format, st.sampled_from(ACCOUNTS)),
)
_of_namespaces = st.one_of(
    _atoms, st.builds("projectcalico.org/name == '{}'".format, st.sampled_from(NAMESPACES))
)


def _combined(atoms):
    """One of them mostly; two joined, the first one denied, both."""
    return st.one_of(
        atoms,
        atoms,
        atoms.map("!({})".format),
        st.builds("{} {} {}".format, atoms, st.sampled_from(["&&", "||"]), atoms),
        st.builds("!({} || {}) && {}".format, atoms, atoms, atoms),
    )


selectors = _combined(_of_pods)
namespace_selectors = st.one_of(_combined(_of_namespaces), st.just("all()"), st.just("global()"))
_nets = st.lists(st.sampled_from(NETS), min_size=1, max_size=2, unique=True)
_not_nets = st.lists(st.sampled_from(NETS[1:]), min_size=1, max_size=2, unique=True)
_accounts = st.fixed_dictionaries(
    {},
    optional={
        "names": st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=2, unique=True),
        "selector": _combined(_of_namespaces),
    },
)
_ends = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"selector": selectors}),
    st.fixed_dictionaries({"namespaceSelector": namespace_selectors}),
    st.fixed_dictionaries({"selector": selectors, "namespaceSelector": namespace_selectors}),
    st.fixed_dictionaries({"notSelector": selectors}, optional={"selector": selectors}),
    st.fixed_dictionaries({"serviceAccounts": _accounts}, optional={"selector": selectors}),
    st.fixed_dictionaries({"nets": _nets}, optional={"notNets": _not_nets}),
    st.fixed_dictionaries({"notNets": _not_nets}, optional={"selector": selectors}),
)
_ports = st.lists(
    st.sampled_from([*PORTS, *PORTS, f"{PORTS[0]}:{PORTS[1]}", *NAMES]), min_size=1, max_size=2
)
_ephemeral = st.sampled_from([["1024:65535"], [PORTS[0]]])
_actions = ["Allow", "Allow", "Allow", "Deny", "Deny", "Pass", "Log"]


@st.composite
def _rules(draw, far, services):
    """`far`: the end of a rule that is the peer of the selected pods."""
    rule = {"action": draw(st.sampled_from(_actions))}
    end = draw(_ends)
    if services and draw(st.integers(0, 6)) == 0:
        end = {"services": draw(st.sampled_from(services))}
    near = draw(_ends) if draw(st.integers(0, 4)) == 0 else {}
    ends = {"source": end, "destination": near}
    if far == "destination":
        ends = {"source": near, "destination": end}
    match draw(st.integers(0, 7)):
        case 0:
            rule["notProtocol"] = draw(st.sampled_from([*PROTOCOLS, 6, "ICMP"]))
        case 1:
            nets = any({"nets", "notNets"} & end.keys() for end in ends.values())
            rule["ipVersion"] = 4 if nets else draw(st.sampled_from([4, 6]))
        case 2 | 3:
            rule["protocol"] = draw(st.sampled_from([*PROTOCOLS, 17, "ICMP"]))
        case 4 | 5 if "services" not in ends["destination"]:
            rule["protocol"] = draw(st.sampled_from(PROTOCOLS))
            side = draw(st.sampled_from(["ports", "ports", "notPorts"]))
            ends["destination"] = {**ends["destination"], side: draw(_ports)}
        case 6 if "services" not in ends["destination"]:
            side = draw(st.sampled_from(["ports", "notPorts"]))
            ends["destination"] = {**ends["destination"], side: [draw(st.sampled_from(NAMES))]}
        case 7:
            rule["protocol"] = draw(st.sampled_from(PROTOCOLS))
            ends["source"] = {**ends["source"], "ports": draw(_ephemeral)}
    return {**rule, **{side: end for side, end in ends.items() if end}}


@st.composite
def _policy(draw, number, services):
    namespaced = draw(st.booleans())
    spec = {
        "tier": draw(st.sampled_from(["default", "default", *TIERS])),
        "ingress": draw(st.lists(_rules("source", services), max_size=3)),
        "egress": draw(st.lists(_rules("destination", services), max_size=3)),
    }
    if draw(st.booleans()):
        spec["order"] = draw(st.sampled_from([1, 1, 2.5, 999, 1000, 1001]))
    if draw(st.booleans()):
        spec["selector"] = draw(selectors)
    if draw(st.integers(0, 3)) == 0:
        spec["serviceAccountSelector"] = draw(_combined(_of_namespaces))
    if draw(st.integers(0, 2)) == 0:
        types = st.lists(st.sampled_from(["Ingress", "Egress"]), min_size=1, unique=True)
        spec["types"] = draw(types)
    if not namespaced and draw(st.booleans()):
        spec["namespaceSelector"] = draw(_combined(_of_namespaces))
    kind = "NetworkPolicy" if namespaced else "GlobalNetworkPolicy"
    namespace = draw(st.sampled_from(NAMESPACES)) if namespaced else None
    return _object(kind, f"k{number}", spec, namespace=namespace)


@st.composite
def _network_sets(draw):
    made = []
    for number in range(draw(st.integers(0, 3))):
        namespace = draw(st.sampled_from([None, *NAMESPACES]))
        kind = "NetworkSet" if namespace else "GlobalNetworkSet"
        spec = {"nets": draw(_nets)}
        name = f"n{number}"
        made.append(_object(kind, name, spec, namespace=namespace, labels=draw(labels)))
    return made


_orders = {
    "early": st.sampled_from([5, 500]),
    "middle": st.sampled_from([5, 5_000, 1_000_000]),
    "late": st.one_of(st.none(), st.sampled_from([2_000_000, 20_000_000])),
}


@st.composite
def _tier(draw, name):
    order, action = draw(_orders[name]), draw(st.sampled_from(["Deny", "Pass"]))
    spec = {"defaultAction": action} | ({} if order is None else {"order": order})
    return _object("Tier", name, spec)


def _object(kind, name, spec, *, namespace=None, labels=None):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    metadata |= {"labels": labels} if labels else {}
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


def _account(name, namespace, labels):
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }


@st.composite
def calico_clusters(draw):
    """As `lab_clusters`, with `tiers` (policies), `calico` (objects) and `accounts`."""
    cluster = draw(lab_clusters())
    services = [
        {key: service["metadata"][key] for key in ("name", "namespace")}
        for service in cluster["services"]
    ]
    policies = [draw(_policy(n, services)) for n in range(draw(st.integers(1, 5)))]
    pods = [
        {**pod, "spec": {**pod["spec"], "serviceAccountName": draw(st.sampled_from(ACCOUNTS))}}
        for pod in cluster["pods"]
    ]
    return {
        **cluster,
        "pods": pods,
        "tiers": draw(st.one_of(st.just([]), tier_policies())),
        "calico": [
            *(draw(_tier(name)) for name in TIERS),
            *draw(_network_sets()),
            *policies,
        ],
        "accounts": [
            _account(name, namespace, draw(labels)) for name in ACCOUNTS for namespace in NAMESPACES
        ],
    }
