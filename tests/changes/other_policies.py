"""Policies of other kinds than NetworkPolicy for scripted runs: sets of makers, one a kind."""

from npol.changes.journal_types import Key

TIERS = "policy.networking.k8s.io/v1alpha2"
CALICO = "projectcalico.org/v3"
CILIUM = "cilium.io/v2"
NAMES = ("created", "existing", "doomed")


def cluster_policy(name, priority=10, shop="shop"):
    return {
        "apiVersion": TIERS,
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "tier": "Admin",
            "priority": priority,
            "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": shop}}},
            "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}],
        },
    }


def global_policy(name, order=10, shop="shop"):
    """Calico's own."""
    return {
        "apiVersion": CALICO,
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "order": order,
            "namespaceSelector": f"projectcalico.org/name == '{shop}'",
            "ingress": [{"action": "Deny"}],
        },
    }


def own_policy(name, port=10, shop="shop"):
    """Cilium's own, in a namespace."""
    ports = [{"ports": [{"port": str(port), "protocol": "TCP"}]}]
    return {
        "apiVersion": CILIUM,
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": name, "namespace": shop},
        "spec": {"endpointSelector": {}, "ingress": [{"toPorts": ports}]},
    }


def clusterwide_policy(name, port=10, shop="shop"):
    """The same of the whole cluster."""
    inside = {"matchLabels": {"k8s:io.kubernetes.pod.namespace": shop}}
    spec = {**own_policy(name, port)["spec"], "endpointSelector": inside}
    kind = "CiliumClusterwideNetworkPolicy"
    return {"apiVersion": CILIUM, "kind": kind, "metadata": {"name": name}, "spec": spec}


SETS = {
    "": (),
    "lab": (cluster_policy, global_policy),
    "tiers": (cluster_policy,),
    "cilium": (own_policy, clusterwide_policy),
}


def name_of(what, shop):
    """Policies of the whole cluster are named apart from those of other tests."""
    return f"{shop}-{what}"


def keys(chosen, shop="shop"):
    bodies = (make(name_of(what, shop), shop=shop) for make in SETS[chosen] for what in NAMES)
    return tuple(
        Key(
            body["apiVersion"],
            body["kind"],
            body["metadata"].get("namespace", ""),
            body["metadata"]["name"],
        )
        for body in bodies
    )


def found_of(chosen, shop="shop"):
    """What is there before a run."""
    return [
        make(name_of(what, shop), shop=shop)
        for make in SETS[chosen]
        for what in ("existing", "doomed")
    ]


def work_on(chosen, transaction, shop="shop"):
    """Every kind of change of them."""
    created, existing, doomed = (name_of(what, shop) for what in NAMES)
    for make in SETS[chosen]:
        transaction.apply(make(created, shop=shop))
    transaction.mark("others")
    for make in SETS[chosen]:
        transaction.apply(make(existing, 20, shop=shop))
        transaction.delete(make(doomed, shop=shop))
    transaction.restore_to("others")
    for make in SETS[chosen]:
        transaction.apply(make(existing, 30, shop=shop))
        transaction.delete(make(doomed, shop=shop))
