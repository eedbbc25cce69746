"""A story that holds connections of each kind: over HTTP, plain TCP and UDP, under a policy."""

from __future__ import annotations

from pathlib import Path

from tests import shop

CLIENT = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: caller, namespace: {namespace}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: caller}}}}
  template:
    metadata: {{labels: {{app: caller}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {{name: caller, image: "docker.io/nicolaka/netshoot:v0.15", command: [sleep, infinity]}}
"""
STORY = """
version: 1
name: {namespace}
given: [apps.yaml]
defaults: {{timeout: 1s, settle: {{within: {within}}}}}
peers:
  client: {{namespace: {namespace}, {source}}}
  web: {{namespace: {namespace}, service: web}}
  pod: {{namespace: {namespace}, labels: {{app: web}}}}
steps:
  - name: open
    flows: [{{from: client, to: web, port: 80, expect: allow}}]
  - name: closed
    apply: [deny.yaml]
    flows:
      - {{from: client, to: web, port: 80, expect: deny}}
{under}
  - name: open again
    delete: [deny.yaml]
    flows:
      - {{from: client, to: web, port: 80, expect: allow}}
{after}
"""
HELD = {
    "request": "to: web, port: 80, http: {path: /hostname}",
    "connection": "to: web, port: 80",
    "datagrams": "to: pod, port: 8081, protocol: udp",
}
DEBUG_POD, RUNNING_POD = "labels: {app: client}", "workload: deployment/caller"


def write(
    directory: Path,
    namespace: str,
    *,
    under: str = "{calico: lives, cilium: cut}",
    source: str = DEBUG_POD,
    within: str = "20s",
    several: int = 1,
) -> str:
    """The story's files; `several`: connections of each kind. The path of the story."""
    path = Path(shop.write(directory, namespace, steps=""))
    with (directory / "apps.yaml").open("a") as apps:
        apps.write(CLIENT.format(namespace=namespace))
    path.write_text(
        STORY.format(
            namespace=namespace,
            source=source,
            within=within,
            under=_flows(under, several),
            after=_flows("lives", several),
        )
    )
    return str(path)


def _flows(expect: str, several: int) -> str:
    """Each is asked for by its own path or name: a flow that asks the same has the same one."""
    flows = []
    for name, what in HELD.items():
        for number in range(several if name == "request" else 1):
            more = what.replace("/hostname", f"/hostname?n={number}")
            flow = f"name: {name} {number}, from: client, {more}, hold: open, expect: {expect}"
            flows.append(f"      - {{{flow}}}")
    return "\n".join(flows)
