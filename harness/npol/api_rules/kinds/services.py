"""
Defaults of Services, and what their type brings and takes away.

Source: kubernetes `pkg/apis/core/v1/defaults.go` and `pkg/registry/core/service`.
"""

from __future__ import annotations

from npol.api_rules.objects import Obj

HEADLESS = "None"
AFFINITY_SECONDS = 10_800


def default_service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("type", "ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        client = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client.setdefault("timeoutSeconds", AFFINITY_SECONDS)
    elif spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port["targetPort"] = port.get("targetPort") or port.get("port")
    if has_cluster_ip(spec):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if has_node_ports(spec):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def has_cluster_ip(spec: Obj) -> bool:
    """Whether the type is one that has an address, a headless one included."""
    return spec.get("type") in ("ClusterIP", "NodePort", "LoadBalancer")


def has_node_ports(spec: Obj) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def prepare_service(obj: Obj) -> None:
    obj["status"] = {"loadBalancer": {}}
    _list_cluster_ip(obj["spec"])


def keep_allocations(new: Obj, old: Obj) -> None:
    """What a client left out that the server had allocated (`patchAllocatedValues`)."""
    after, before = new["spec"], old["spec"]
    if has_cluster_ip(after) and has_cluster_ip(before):
        if not after.get("clusterIP"):
            _take(before, after, "clusterIP")
        given = after["clusterIP"]
        if given != before["clusterIP"] and after.get("clusterIPs") == before["clusterIPs"]:
            after["clusterIPs"] = [given]
        if not after.get("clusterIPs") and after.get("clusterIP") == before.get("clusterIP"):
            _take(before, after, "clusterIPs")
        for key in ("ipFamilies", "ipFamilyPolicy"):
            if key not in after:
                _take(before, after, key)
    if has_cluster_ip(after):
        _list_cluster_ip(after)
    else:
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if after.get(key) == before.get(key):
                after.pop(key, None)
        after.pop("internalTrafficPolicy", None)
    if has_node_ports(after) and has_node_ports(before):
        _keep_node_ports(after, before)
    if not has_node_ports(after) and has_node_ports(before):
        _drop_node_ports(after, before)


def _list_cluster_ip(spec: Obj) -> None:
    """What a client gives as the one address is the first of the list."""
    if has_cluster_ip(spec) and spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def _take(before: Obj, after: Obj, key: str) -> None:
    if key in before:
        after[key] = before[key]


def _keep_node_ports(after: Obj, before: Obj) -> None:
    known = {(p["port"], p["protocol"]): p.get("nodePort") for p in before.get("ports") or []}
    for port in after.get("ports") or []:
        kept = known.get((port["port"], port["protocol"]))
        if kept and not port.get("nodePort"):
            port["nodePort"] = kept


def _drop_node_ports(after: Obj, before: Obj) -> None:
    """A type without node ports loses those that were allocated for it."""
    gone = {p.get("nodePort") for p in before.get("ports") or []}
    for port in after.get("ports") or []:
        if port.get("nodePort") in gone:
            port.pop("nodePort", None)
    after.pop("externalTrafficPolicy", None)
    after.pop("allocateLoadBalancerNodePorts", None)
