"""A small world for whole runs: one Service, one deny-all, one story of three steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

APP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {name: shop}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: registry.k8s.io/e2e-test-images/agnhost:2.53
      args: [netexec, --http-port=8080]
      ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
"""
HEAD = """
version: 1
name: shop
given: [app.yaml]
defaults: {timeout: 500ms, settle: {within: 2s}}
peers:
  client: {namespace: shop, labels: {app: client}}
  web: {namespace: shop, service: web}
steps:
"""
STEPS = """
  - name: open
    flows:
      - {name: the shop answers, from: client, to: web, port: 80, expect: allow, tags: [smoke]}
      - {name: its name resolves, from: client, resolve: web.shop, expect: allow}
  - name: deny all
    apply: [deny.yaml]
    flows:
      - {name: the shop is closed, from: client, to: web, port: 80, expect: deny, tags: [slow]}
  - name: rollback
    delete: [deny.yaml]
    same_as: open
"""


def write_shop(
    directory: Path, steps: str = STEPS, name: str = "shop.npol.yaml", head: str = HEAD
) -> Path:
    """The manifests and a story of these steps; the story's path."""
    directory.mkdir(exist_ok=True)
    (directory / "app.yaml").write_text(APP)
    (directory / "deny.yaml").write_text(DENY)
    story = directory / name
    story.write_text(head.lstrip() + steps.strip("\n") + "\n")
    return story


def slowed_down(story: str, seconds: int = 60) -> str:
    """The text of a story that waits in its second step, with its policy applied."""
    step = "    apply: [deny.yaml]\n"
    return story.replace(step, f"{step}    settle: {{within: {seconds}s, stable: 1000}}\n")


PATHS = {
    "Namespace": "namespaces",
    "Pod": "namespaces/shop/pods",
    "Service": "namespaces/shop/services",
}


def open_shop(server: Any) -> None:
    """The shop, put into a cluster by somebody else; its Service has a ready endpoint."""
    for body in yaml.safe_load_all(APP):
        server.ask("POST", f"/api/v1/{PATHS[body['kind']]}", body)
    await_endpoint(server, "shop")


def await_endpoint(server: Any, namespace: str) -> None:
    """Until a Service of the namespace has a ready endpoint."""
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    eventually(lambda: any(map(_is_ready, server.ask("GET", slices)["items"])))


def _is_ready(endpoint_slice: dict[str, Any]) -> bool:
    return any(e["conditions"].get("ready") for e in endpoint_slice["endpoints"] or ())


def eventually(condition: Callable[[], object], within: float = 60.0) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within
        time.sleep(0.05)
    return time.monotonic() - began
