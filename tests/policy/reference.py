"""The reference cluster of the original documents in short, for tests of sentences."""

from __future__ import annotations

from npol.policy.objects.entities import Pod
from npol.policy.state.apply_changes import build
from npol.policy.state.dns import with_dns
from tests.policy.worlds import documents

APPS = """
apiVersion: v1
kind: Namespace
metadata: {name: backend-dev, labels: {name: backend-dev}}
---
apiVersion: v1
kind: Namespace
metadata: {name: frontend-dev, labels: {name: frontend-dev}}
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend-sample, namespace: backend-dev}
spec:
  template:
    metadata: {labels: {app.kubernetes.io/name: backend-sample}}
    spec: {containers: [{name: b, ports: [{name: http, containerPort: 3001}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: backend-sample, namespace: backend-dev}
spec:
  selector: {app.kubernetes.io/name: backend-sample}
  clusterIP: 10.96.0.20
  ports: [{port: 80, targetPort: http}]
"""

DENY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: NAMESPACE}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""

ALLOW_DNS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-dns, namespace: frontend-dev}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
"""

FROM_FRONTEND = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-from-frontend, namespace: backend-dev}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: backend-sample}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {name: frontend-dev}}
    ports: [{port: 3001}]
"""

TO_BACKEND = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: to-backend, namespace: frontend-dev}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {name: backend-dev}}
    ports:
    - port: 80
"""

FRONTEND = Pod(namespace="frontend-dev", name="frontend", labels={"app": "frontend"})


def cluster(**files):
    """The reference cluster with policies from files: `deny="..."` is `deny.yaml`."""
    found = [d for name, text in files.items() for d in documents(text, f"{name}.yaml")]
    return with_dns(build([*documents(APPS, "apps.yaml"), *found])).with_pods([FRONTEND])
