"""`@dns`, `@apiserver` and `@node` as ends of flows: foretold from manifests, and by packets."""

from __future__ import annotations

import pytest

APPS = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec:
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector: {matchLabels: {app: web}}
  containers: [{name: db, image: nginx, ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
CLOSED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
STORY = """\
version: 1
name: platform
given: [apps.yaml]
peers:
  client: {namespace: shop, labels: {app: client}}
  web: {namespace: shop, service: web, pod: web}
  db: {namespace: shop, pod: db}
steps:
- name: open
  flows:
  - {from: client, to: "@dns", port: 53, protocol: udp, expect: allow}
  - {from: client, to: "@apiserver", port: 443, expect: allow}
  - {from: client, to: web, port: 80, expect: allow}
- name: closed
  apply: [closed.yaml]
  flows:
  - {from: client, to: "@dns", port: 53, protocol: udp, expect: deny}
  - {from: client, to: "@apiserver", port: 443, expect: deny}
  - {from: client, to: web, port: 80, expect: deny}
  - {from: "@node", to: web, port: 80, expect: allow}
  - {from: "@node", to: db, port: 80, expect: allow}
"""


@pytest.fixture
def written(tmp_path):
    files = {"apps.yaml": APPS, "closed.yaml": CLOSED, "s.npol.yaml": STORY}
    for name, text in files.items():
        (tmp_path / name).write_text(text)


def test_ends_of_the_platform_are_foretold(written, npol_here):
    done = npol_here("plan", "s.npol.yaml")

    assert "UNKNOWN" not in done.stdout
    assert done.returncode == 0


@pytest.mark.lab
@pytest.mark.nightly
def test_ends_of_the_platform_answer_as_foretold(written, npol_here, lab):
    cluster = ("--kubeconfig", lab.kubeconfig, "--context", "lab", "--create")
    done = npol_here("run", "s.npol.yaml", *cluster)

    assert done.returncode == 0, done.stdout
    assert "8 of 8 as expected" in done.stdout
    assert "by packets only" not in done.stdout
