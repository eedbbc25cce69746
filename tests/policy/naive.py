"""
A third reading of the specification, as naive as it can be: raw manifests, no classes, no speed.

It follows the field descriptions of kubernetes/api networking/v1/types.go, sentence by sentence,
and shares no code with the package. `blocks_select_pods` and `rules_outrank_types` are all that
it asks of an engine.
"""

from __future__ import annotations

import ipaddress


def flow_is_allowed(
    cluster, source, target, port, protocol, *, blocks_select_pods, rules_outrank_types=False
):
    """`cluster` holds raw `namespaces`, `pods` and `policies`; the ends are pods of it."""
    if source is target:
        return True
    flow = (target, port, protocol, blocks_select_pods, rules_outrank_types)
    out = _direction(cluster, "Egress", source, target, *flow)
    in_ = _direction(cluster, "Ingress", target, source, *flow)
    return out and in_


def _direction(cluster, direction, pod, other, target, port, protocol, blocks, outrank):
    isolated = False
    for policy in cluster["policies"]:
        spec = policy["spec"]
        if policy["metadata"]["namespace"] != pod["metadata"]["namespace"]:
            continue
        if not selects(spec.get("podSelector") or {}, pod["metadata"].get("labels") or {}):
            continue
        written = outrank and spec.get(direction.lower())
        if direction not in policy_types(spec) and not written:
            continue
        isolated = True
        for rule in spec.get(direction.lower()) or []:
            peers = rule.get("from" if direction == "Ingress" else "to")
            if not _some_peer(cluster, policy, peers, other, blocks):
                continue
            if _some_port(rule.get("ports"), target, port, protocol):
                return True
    return not isolated


def policy_types(spec):
    """What the API server writes where a manifest says nothing."""
    if spec.get("policyTypes"):
        return spec["policyTypes"]
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _some_peer(cluster, policy, peers, other, blocks):
    if not peers:
        return True
    return any(_peer(cluster, policy, peer, other, blocks) for peer in peers)


def _peer(cluster, policy, peer, other, blocks):
    if peer.get("ipBlock"):
        return blocks and _in_block(peer["ipBlock"], other["status"]["podIP"])
    space = other["metadata"]["namespace"]
    if peer.get("namespaceSelector") is None:
        if space != policy["metadata"]["namespace"]:
            return False
    else:
        labels = dict(cluster["namespaces"][space])
        labels["kubernetes.io/metadata.name"] = space
        if not selects(peer["namespaceSelector"], labels):
            return False
    if peer.get("podSelector") is None:
        return True
    return selects(peer["podSelector"], other["metadata"].get("labels") or {})


def _in_block(block, address):
    address = ipaddress.ip_address(address)
    if address not in ipaddress.ip_network(block["cidr"]):
        return False
    return all(address not in ipaddress.ip_network(e) for e in block.get("except") or [])


def _some_port(ports, target, port, protocol):
    if not ports:
        return True
    return any(_port(entry, target, port, protocol) for entry in ports)


def _port(entry, target, port, protocol):
    if entry.get("protocol", "TCP") != protocol:
        return False
    wanted = entry.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        for container in target["spec"]["containers"]:
            for declared in container.get("ports") or []:
                if declared.get("name") == wanted and declared.get("protocol", "TCP") == protocol:
                    return declared["containerPort"] == port
        return False
    return wanted <= port <= entry.get("endPort", wanted)


def selects(selector, labels):
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions") or []:
        key, values = expression["key"], expression.get("values")
        verdict = {
            "In": key in labels and labels[key] in (values or []),
            "NotIn": key not in labels or labels[key] not in (values or []),
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }[expression["operator"]]
        if not verdict:
            return False
    return True
