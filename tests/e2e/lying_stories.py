"""Stories of lying worlds: a flow for each pair of a source and a target, a step for each turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.packet_worlds import PacketWorld

WITHIN = 30.0
"""Longer than any lie: what is true in the end is decided, on a slow machine, too."""
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def written(
    directory: Path, space: str, steps: Sequence[Sequence[PacketWorld]], behind: str
) -> str:
    """The story's files; the path of the story."""
    directory.mkdir()
    pairs = range(len(steps[0]))
    peers: dict[str, Any] = {}
    for n in pairs:
        peers[f"client-{n}"] = {"namespace": space, "labels": {"app": f"client-{n}"}}
        peers[f"web-{n}"] = {"namespace": space, behind: f"web-{n}"}
        deny = policy(space, f"deny-{n}", app=f"web-{n}")
        (directory / f"deny-{n}.yaml").write_text(json.dumps(deny))
    (directory / "quiet.yaml").write_text(json.dumps(policy(space, "quiet")))
    (directory / "given.yaml").write_text("\n---\n".join(map(json.dumps, _given(space, pairs))))
    story = {
        "version": 1,
        "name": space,
        "given": ["given.yaml"],
        "defaults": {"timeout": "500ms", "settle": {"within": f"{WITHIN:g}s"}},
        "peers": peers,
        "steps": [
            {"name": f"{space} open", "flows": [_flow(n, "allow", behind) for n in pairs]},
            *(_step(f"{space} {number}", worlds, behind) for number, worlds in enumerate(steps)),
        ],
    }
    path = directory / "lies.npol.yaml"
    path.write_text(json.dumps(story))
    return str(path)


def _step(name: str, worlds: Sequence[PacketWorld], behind: str) -> dict[str, Any]:
    files: dict[str, list[str]] = {}
    for number, world in enumerate(worlds):
        if world.before is not world.after:
            way = "delete" if world.after else "apply"
            files.setdefault(way, []).append(f"deny-{number}.yaml")
    change = [{way: names} for way, names in (files or {"apply": ["quiet.yaml"]}).items()]
    flows = [_flow(number, world.expect, behind) for number, world in enumerate(worlds)]
    return {"name": name, "change": change, "flows": flows}


def _flow(pair: int, expect: str, behind: str) -> dict[str, Any]:
    port = 80 if behind == "service" else 8080
    return {"from": f"client-{pair}", "to": f"web-{pair}", "port": port, "expect": expect}


def _given(space: str, pairs: Sequence[int]) -> Iterator[dict[str, Any]]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
    for n in pairs:
        labels = {"app": f"web-{n}"}
        named = {"name": f"web-{n}", "namespace": space}
        server = {"name": "web", "image": IMAGE, "args": ["netexec", "--http-port=8080"]}
        spec = {
            "terminationGracePeriodSeconds": 0,
            "containers": [server | {"ports": [{"containerPort": 8080}]}],
        }
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**named, "labels": labels},
            "spec": spec,
        }
        ports = [{"port": 80, "targetPort": 8080}]
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": named,
            "spec": {"selector": labels, "ports": ports},
        }


def policy(space: str, name: str, *, app: str = "nobody") -> dict[str, Any]:
    """One that lets nothing in; by itself it selects nobody."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": space},
        "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"]},
    }
