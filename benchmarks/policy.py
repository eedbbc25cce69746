"""
How long the policy room takes for a big cluster: `python -m benchmarks.policy`.

1,000 pods of 200 workloads in 25 namespaces, 500 policies (1,000 for the lint). Exits with 1
if a figure is over its limit, which is the promise made in docs/semantics.md.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

from npol.policy.explain.explain import explain_flow
from npol.policy.lint import lint
from npol.policy.matrix.diff import difference
from npol.policy.matrix.matrix import matrix
from npol.policy.objects.dialects import CALICO
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import build

NAMESPACES, APPS, REPLICAS = 25, 8, 5


def pods() -> list[dict[str, Any]]:
    return [
        _pod(space, app, replica)
        for space in range(NAMESPACES)
        for app in range(APPS)
        for replica in range(REPLICAS)
    ]


def _pod(space: int, app: int, replica: int) -> dict[str, Any]:
    labels = {"app": f"a{app}", "tier": f"t{app % 3}", "pod": f"{space}-{app}-{replica}"}
    ports = [
        {"name": "http", "containerPort": 8000 + app},
        {"name": "metrics", "containerPort": 9090},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": f"n{space}",
            "name": f"a{app}-{replica}",
            "labels": labels,
        },
        "spec": {"containers": [{"ports": ports}], "nodeName": f"node{replica}"},
        "status": {
            "podIP": f"10.{space}.{app}.{replica}",
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def namespaces() -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": f"n{n}", "labels": {"team": f"t{n % 5}"}},
        }
        for n in range(NAMESPACES)
    ]


def services() -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": f"n{space}", "name": f"a{app}"},
            "spec": {
                "selector": {"app": f"a{app}"},
                "clusterIP": f"10.96.{space}.{app}",
                "ports": [{"port": 80, "targetPort": "http"}],
            },
        }
        for space in range(NAMESPACES)
        for app in range(APPS)
    ]


def policies(count: int, *, per_pod: bool = False) -> list[dict[str, Any]]:
    """`per_pod`: selectors that tell every pod from every other, the worst case."""
    dice = random.Random(1)
    return [_policy(n, dice, per_pod=per_pod) for n in range(count)]


def _policy(number: int, dice: random.Random, *, per_pod: bool) -> dict[str, Any]:
    space = number % NAMESPACES
    selector = {"app": f"a{dice.randrange(APPS)}"}
    if per_pod:
        selector = {"pod": f"{space}-{dice.randrange(APPS)}-{dice.randrange(REPLICAS)}"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": f"n{space}", "name": f"p{number}"},
        "spec": {
            "podSelector": {"matchLabels": selector},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [_peer(dice)], "ports": [_port(dice)]} for _ in range(2)],
            "egress": [{"to": [_peer(dice)], "ports": [_port(dice)]} for _ in range(2)],
        },
    }


def _peer(dice: random.Random) -> dict[str, Any]:
    app = {"podSelector": {"matchLabels": {"app": f"a{dice.randrange(APPS)}"}}}
    team = {"namespaceSelector": {"matchLabels": {"team": f"t{dice.randrange(5)}"}}}
    block = {"ipBlock": {"cidr": f"10.{dice.randrange(NAMESPACES)}.0.0/16"}}
    return dice.choice([app, team, {**app, **team}, block])


def _port(dice: random.Random) -> dict[str, Any]:
    named = {"port": dice.choice(["http", "metrics"])}
    return dice.choice([named, {"port": 8000 + dice.randrange(APPS)}])


def calico(count: int) -> list[dict[str, Any]]:
    """Policies of Calico's in three tiers, both kinds, and the tiers."""
    dice = random.Random(2)
    tiers = [
        _of_calico("Tier", {"name": f"tier{n}"}, {"order": 100 * (n + 1), "defaultAction": action})
        for n, action in enumerate(("Pass", "Deny"))
    ]
    return [*tiers, *(_calico_policy(number, dice) for number in range(count))]


def _of_calico(kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec}


def _calico_policy(number: int, dice: random.Random) -> dict[str, Any]:
    place = {"namespace": f"n{number % NAMESPACES}"} if number % 2 else {}
    kind = "NetworkPolicy" if place else "GlobalNetworkPolicy"
    spec = {
        "tier": dice.choice(["tier0", "tier1", "default"]),
        "order": dice.randrange(2000),
        "selector": f"app in {{'a{dice.randrange(APPS)}', 'a{dice.randrange(APPS)}'}}",
        "ingress": [_calico_rule("source", dice) for _ in range(2)],
        "egress": [_calico_rule("destination", dice) for _ in range(2)],
    }
    return _of_calico(kind, {**place, "name": f"k{number}"}, spec)


def _calico_rule(side: str, dice: random.Random) -> dict[str, Any]:
    peer: dict[str, Any] = dice.choice(
        [
            {"selector": f"app == 'a{dice.randrange(APPS)}' && !has(gone)"},
            {"namespaceSelector": f"team == 't{dice.randrange(5)}'"},
            {"nets": [f"10.{dice.randrange(NAMESPACES)}.0.0/16"]},
        ]
    )
    ports = {"ports": [8000 + dice.randrange(APPS)]}
    ends: dict[str, Any] = {
        "destination": ports,
        side: {**peer, **(ports if side == "destination" else {})},
    }
    return {"action": dice.choice(["Allow", "Deny", "Pass"]), "protocol": "TCP", **ends}


def cluster_policies(count: int) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "policy.networking.k8s.io/v1alpha2",
            "kind": "ClusterNetworkPolicy",
            "metadata": {"name": f"c{number}"},
            "spec": {
                "tier": ("Admin", "Baseline")[number % 2],
                "priority": number,
                "subject": {"namespaces": {"matchLabels": {"team": f"t{number % 5}"}}},
                "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}],
            },
        }
        for number in range(count)
    ]


def measure(name: str, limit: float, job: Callable[[], object]) -> bool:
    """The best of three runs against a limit, in seconds of CPU: a quiet machine needs no more."""
    times = []
    for _ in range(3):
        started = time.process_time()
        job()
        times.append(time.process_time() - started)
    best = min(times)
    print(f"{name:<58} {best * 1000:8.1f} ms   limit {limit * 1000:6.0f} ms")
    return best <= limit


def main() -> int:
    cluster = [*namespaces(), *pods(), *services()]
    world = build([*cluster, *policies(500)])
    worst = build([*cluster, *policies(500, per_pod=True)])
    other = build([*cluster, *policies(500)[:-5], *policies(505)[-5:]])
    mixed = build([*cluster, *policies(90), *calico(100), *cluster_policies(10)])
    bare, many = build(cluster), policies(1000)
    traffic = _traffic(world)
    kept = [
        measure("build the world", 1.0, lambda: build([*cluster, *policies(500)])),
        measure("matrix, 1,000 pods x 500 policies", 1.0, lambda: matrix(world, CALICO)),
        measure("the same, no two pods alike", 3.0, lambda: matrix(worst, CALICO)),
        measure("matrix, 200 policies of all kinds on Calico", 1.0, lambda: matrix(mixed, CALICO)),
        measure("explain one flow there", 0.05, lambda: explain_flow(world, traffic, CALICO)),
        measure("lint of 1,000 policies in that cluster", 2.0, lambda: lint(many, bare)),
        measure("difference of two sets of 500 policies", 2.0, lambda: difference(world, other)),
    ]
    return 0 if all(kept) else 1


def _traffic(world: Any) -> Traffic:
    source, target = world.pod("n0", "a0-0"), world.service("n1", "a1")
    return Traffic(source=source, target=target, port=80)


if __name__ == "__main__":
    sys.exit(main())
