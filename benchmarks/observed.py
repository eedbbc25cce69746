"""
`npol plan --observed` with 100,000 records: `python -m benchmarks.observed [RECORDS]`.

Lines of Hubble as it writes them (1.5 kB), of 200 workloads and 2,000 addresses outside, against
100 policies, in a process of its own. Exits with 1 if it takes 5 s of CPU or more, or 300 MB.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDS, SPACES, APPS, REPLICAS, OUTSIDE = 100_000, 20, 10, 3, 2_000
SECONDS, MEGABYTES = 5.0, 300.0

End = dict[str, Any]


def main() -> None:
    count = int((*sys.argv[1:], str(RECORDS))[0])
    with tempfile.TemporaryDirectory() as directory:
        flows, policies = Path(directory) / "flows.jsonl", Path(directory) / "policies.yaml"
        with flows.open("w") as file:  # a process begins with the memory of whoever starts it
            file.writelines(f"{json.dumps(r)}\n" for r in records(count))
        policies.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": rules()}))
        began = time.monotonic()
        last = plan(policies, flows)
        took = time.monotonic() - began
        size = flows.stat().st_size / 1e6
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"{count} records ({size:.0f} MB): {cpu:.1f} s of CPU, {took:.1f} s, {memory:.0f} MB")
    print(last)
    sys.exit(1 if cpu >= SECONDS or memory >= MEGABYTES else 0)


def plan(policies: Path, flows: Path) -> str:
    """Its last line; it ends with 1, for something is always cut."""
    command = [sys.executable, "-m", "npol", "plan", str(policies), "--root", str(policies.parent)]
    result = subprocess.run(
        [*command, "--observed", str(flows)], capture_output=True, text=True, env=os.environ
    )
    if result.returncode != 1:
        raise SystemExit(f"npol plan ended with {result.returncode}: {result.stderr}")
    return result.stdout.splitlines()[-1]


def records(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(7)
    for number in range(count):
        source = pod(*_where(draw))
        outside = draw.random() < 0.05
        target = place(draw.randrange(OUTSIDE)) if outside else pod(*_where(draw, near=source))
        yield record(number, source, target, draw.choice([80, 443, 5432, 8080]))


def _where(draw: random.Random, near: End | None = None) -> tuple[int, int, int]:
    space = int(near["namespace"].split("-")[1]) if near else draw.randrange(SPACES)
    return space, draw.randrange(APPS), draw.randrange(REPLICAS)


def pod(space: int, app: int, replica: int) -> End:
    prefix = "k8s:io.cilium.k8s.namespace.labels."
    return {
        "ID": 100 + replica,
        "identity": 10_000 + space * APPS + app,
        "cluster_name": "default",
        "namespace": f"space-{space}",
        "labels": [
            f"k8s:app=app-{app}",
            f"{prefix}kubernetes.io/metadata.name=space-{space}",
            f"{prefix}team=team-{space % 5}",
            "k8s:io.cilium.k8s.policy.cluster=default",
            "k8s:io.cilium.k8s.policy.serviceaccount=default",
            f"k8s:io.kubernetes.pod.namespace=space-{space}",
        ],
        "pod_name": f"app-{app}-6d8f9c7b5-x{replica}",
        "workloads": [{"name": f"app-{app}", "kind": "Deployment"}],
        "address": f"10.{space}.{app}.{replica + 1}",
    }


def place(number: int) -> End:
    address = f"203.0.{number // 250}.{number % 250 + 1}"
    return {"identity": 2, "labels": ["reserved:world"], "address": address}


def record(number: int, source: End, target: End, port: int) -> dict[str, Any]:
    ends = [{k: v for k, v in end.items() if k != "address"} for end in (source, target)]
    node = f"node{number % 5}"
    ingress = number % 2
    flow = {
        "time": f"2026-11-28T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.5Z",
        "uuid": f"4a59fb38-8aa5-47e4-afce-{number:012}",
        "emitter": {"name": "Hubble", "version": "1.20.2"},
        "verdict": "FORWARDED" if number % 10 else "DROPPED",
        **({} if number % 10 else {"drop_reason": 133, "drop_reason_desc": "POLICY_DENIED"}),
        "ethernet": {"source": "12:88:69:38:de:19", "destination": "f6:11:fc:52:fc:d5"},
        "IP": {
            "source": source["address"],
            "destination": target["address"],
            "ipVersion": "IPv4",
        },
        "l4": {
            "TCP": {
                "source_port": 32768 + number % 28000,
                "destination_port": port,
                "flags": {"SYN": True},
            }
        },
        "source": ends[0],
        "destination": ends[1],
        "Type": "L3_L4",
        "node_name": node,
        "node_labels": ["kubernetes.io/arch=amd64", f"kubernetes.io/hostname={node}"],
        "event_type": {"type": 5},
        "traffic_direction": "INGRESS" if ingress else "EGRESS",
        "policy_match_type": 1,
        "is_reply": False,
        "Summary": "TCP Flags: SYN",
    }
    return {"flow": flow, "node_name": node, "time": flow["time"]}


def rules() -> list[dict[str, Any]]:
    return [_rule(space, app) for space in range(SPACES) for app in range(0, APPS, 2)]


def _rule(space: int, app: int) -> dict[str, Any]:
    peers = [{"podSelector": {"matchLabels": {"app": f"app-{n}"}}} for n in range(app)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"app-{app}", "namespace": f"space-{space}"},
        "spec": {
            "podSelector": {"matchLabels": {"app": f"app-{app}"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers or [{"podSelector": {}}], "ports": [{"port": 8080}]}],
            "egress": [{"to": [{"ipBlock": {"cidr": "203.0.0.0/22"}}]}],
        },
    }


if __name__ == "__main__":
    main()
