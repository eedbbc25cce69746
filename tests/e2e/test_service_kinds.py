"""Services of odd kinds, and a workload that adopted its pods: prediction and packets agree."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from npol.model.expectation import Verdict
from npol.model.result import Witnesses
from npol.report.reasons import reason_words
from npol.run import Options
from tests import shop

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

TEMPLATE = """
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [netexec, --http-port=8080]
          ports: [{containerPort: 8080, name: http}]
"""
APPS = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: NS}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: plain, namespace: NS, labels: {{app: web}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:{TEMPLATE}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: NS}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:{TEMPLATE}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: unready, namespace: NS}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: unready}}}}
  template:{TEMPLATE.replace("app: web", "app: unready")}
      readinessGates: [{{conditionType: example.com/never}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: NS}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: http}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: alias, namespace: NS}}
spec: {{type: ExternalName, externalName: web.NS.svc.cluster.local}}
---
apiVersion: v1
kind: Service
metadata: {{name: away, namespace: NS}}
spec: {{type: ExternalName, externalName: db.example.test}}
---
apiVersion: v1
kind: Service
metadata: {{name: bare, namespace: NS}}
spec: {{clusterIP: None, selector: {{app: web}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: unready, namespace: NS}}
spec:
  publishNotReadyAddresses: true
  selector: {{app: unready}}
  ports: [{{port: 80, targetPort: 8080}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: from-client, namespace: NS}}
spec:
  podSelector: {{}}
  policyTypes: [Ingress]
  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: client}}}}}}]}}]
"""
STORY = """
version: 1
name: NS
given: [apps.yaml]
defaults: {timeout: 500ms, settle: {within: 3s}}
peers:
  client: {namespace: NS, labels: {app: client}}
  other: {namespace: NS, labels: {app: other}}
  deployment: {namespace: NS, workload: deployment/web}
  alias: {namespace: NS, service: alias}
  away: {namespace: NS, service: away}
  bare: {namespace: NS, service: bare}
  unready: {namespace: NS, service: unready}
steps:
  - name: asked
    apply: [apps.yaml]
    flows:
"""
TARGETS = {"alias": 80, "bare": 8080, "unready": 80, "deployment": 8080}


@pytest.fixture
def report(lab, tmp_path: Path):
    space = f"kinds-{secrets.token_hex(3)}"
    flows = [
        f"- {{name: {source}-{name}, from: {source}, to: {name}, port: {port}, expect: {word}}}"
        for source, word in (("client", "allow"), ("other", "deny"))
        for name, port in {**TARGETS, "away": 80}.items()
    ]
    (tmp_path / "apps.yaml").write_text(APPS.replace("NS", space))
    story = tmp_path / "kinds.npol.yaml"
    story.write_text(STORY.replace("NS", space) + "".join(f"      {flow}\n" for flow in flows))
    options = Options(
        kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
    )
    return shop.told(shop.read(str(story)), options)


def test_prediction_and_packets_agree_on_every_kind(report):
    found = {f.name: f for f in report.steps[0].flows}

    for source in ("client", "other"):
        for name in TARGETS:
            flow = found[f"{source}-{name}"]
            assert (flow.verdict, flow.witnesses) == (
                Verdict.AS_EXPECTED,
                Witnesses.AGREE,
            ), (flow.name, reason_words(flow.reason))
    adopted = [pod.name for pod in found["client-deployment"].target_pods]
    assert [name.startswith("plain-") for name in adopted] == [True], adopted
    away = found["client-away"]
    assert (away.verdict, away.witnesses) == (Verdict.AS_EXPECTED, Witnesses.AGREE)
