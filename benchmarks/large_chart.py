"""
What a large chart costs: `python benchmarks/large_chart.py [WORKLOADS]`, in a lab; 60.

As many Deployments of images that no lab has, each with a Service, a ConfigMap and a policy that
lets in the one before it. `npol init` writes a story of them, `npol run` runs it, each as a whole
process with all that it starts and awaits. Prints CPU, memory of the largest process and time.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NAMESPACE, PORT = "npol-chart", 8080
NPOL = [sys.executable, "-m", "npol"]


def main() -> None:
    workloads = int((*sys.argv[1:], "60")[0])
    with tempfile.TemporaryDirectory() as name:
        objects = [obj for number in range(workloads) for obj in of_workload(number, workloads)]
        listed = {"apiVersion": "v1", "kind": "List", "items": [namespace(), *objects]}
        Path(name, "chart.yaml").write_text(json.dumps(listed))
        print(f"{len(objects)} objects, load {os.getloadavg()[0]:.0f}", flush=True)
        story = measure(name, "init", "--from-manifests", "chart.yaml")
        Path(name, "chart.npol.yaml").write_text(story)
        told = measure(name, "run", "chart.npol.yaml", "--lab", "--create")
        print(told.splitlines()[-1])


def measure(folder: str, *words: str) -> str:
    """What the command printed; its costs are printed."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*NPOL, *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"npol {words[0]}: {cpu:.1f} s of CPU, {after.ru_maxrss / 1024:.0f} MB, "
        f"{time.monotonic() - began:.0f} s, exit code {done.returncode}",
        flush=True,
    )
    return done.stdout


def namespace() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def of_workload(number: int, workloads: int) -> list[dict[str, Any]]:
    """A Deployment, its Service, its ConfigMap and the policy of its ingress."""
    name, labels = f"app-{number}", {"app": f"app-{number}"}
    before = {"podSelector": {"matchLabels": {"app": f"app-{(number - 1) % workloads}"}}}
    container = {
        "name": "main",
        "image": f"registry.example/{name}:1",
        "ports": [{"containerPort": PORT}],
        "envFrom": [{"configMapRef": {"name": name}}],
    }
    deployment = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    policy = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [before], "ports": [{"port": PORT}]}],
    }
    return [
        made("apps/v1", "Deployment", name, spec=deployment),
        made("v1", "Service", name, spec={"selector": labels, "ports": [{"port": PORT}]}),
        made("v1", "ConfigMap", name, data={"NAME": name}),
        made("networking.k8s.io/v1", "NetworkPolicy", name, spec=policy),
    ]


def made(version: str, kind: str, name: str, **content: object) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


if __name__ == "__main__":
    main()
