"""Lines as Hubble writes them, in few words."""

from __future__ import annotations

import json
from typing import Any

DENIED: dict[str, Any] = {"verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED"}
NAMESPACE = "k8s:io.cilium.k8s.namespace.labels."


def pod(name: str, address: str, *, workload: str = "", namespace: str = "shop", **labels) -> dict:
    """`app: NAME` unless labels are given."""
    told = labels or {"app": name}
    return {
        "address": address,
        "namespace": namespace,
        "pod_name": name,
        "labels": [
            *(f"k8s:{key}={value}" for key, value in told.items()),
            f"{NAMESPACE}kubernetes.io/metadata.name={namespace}",
        ],
        **({"workloads": [{"kind": "Deployment", "name": workload}]} if workload else {}),
    }


def place(entity: str, address: str) -> dict:
    return {"address": address, "labels": [f"reserved:{entity}"]}


def line(source: dict, target: dict, port: int, *, sport: int = 40000, **more) -> str:
    """A SYN that the target's node let in, unless `more` says otherwise."""
    protocol = more.pop("protocol", "TCP")
    flags = {"flags": {"SYN": True}} if protocol == "TCP" else {}
    ports = {"source_port": sport, "destination_port": port, **flags}
    ends = ({k: v for k, v in end.items() if k != "address"} for end in (source, target))
    flow = {
        "time": "2026-11-28T22:40:06Z",
        "verdict": "FORWARDED",
        "IP": {"source": source["address"], "destination": target["address"]},
        "l4": {protocol: ports},
        **dict(zip(("source", "destination"), ends, strict=True)),
        "Type": "L3_L4",
        "node_name": "node2",
        "event_type": {"type": 5},
        "traffic_direction": "INGRESS",
        "is_reply": False,
        **more,
    }
    return json.dumps({"flow": {k: v for k, v in flow.items() if v is not None}}) + "\n"
