"""What lies behind a proxy, read from Ingress objects and from nginx's configuration."""

from __future__ import annotations

import pytest

from npol.model.prediction import PredictedDecision
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import CILIUM
from npol.policy.objects.entities import ExternalEndpoint, Traffic
from npol.policy.simulate.flow_decision import decide_flow
from npol.policy.simulate.flow_resolution import ResolvedFlow
from npol.policy.simulate.proxy_chain import hops
from npol.policy.state.apply_changes import build
from tests.policy.stories import flow
from tests.policy.worlds import documents

CLUSTER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: edge, namespace: edge}
data:
  nginx.conf: |
    server {
      server_name site.test;
      location = /exact { proxy_pass http://api.app:9090; }
      location /api/ { proxy_pass http://api.app.svc.cluster.local; }
      location / { proxy_pass http://web.app/start; }
    }
    server { location / { return 404; } }
---
apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: edge, labels: {app: edge}}
spec:
  volumes: [{name: c, configMap: {name: edge}}]
  containers: [{ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: edge}
spec: {type: NodePort, selector: {app: edge}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: app}
data: {nginx.conf: "server { location /start { proxy_pass http://api/v1; } }"}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app, labels: {app: web}}
spec: {volumes: [{name: c, configMap: {name: web}}], containers: [{ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: app, labels: {app: api}}
spec: {containers: [{ports: [{containerPort: 3001}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: app}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: app}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 3001}, {port: 9090, targetPort: 3001}]}
"""

INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: site, namespace: app}
spec:
  rules:
  - host: site.test
    http:
      paths:
      - {path: /api, backend: {service: {name: api, port: {number: 80}}}}
      - {path: /, backend: {service: {name: web, port: {number: 80}}}}
"""

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: app}
spec: {podSelector: {matchLabels: {app: api}}}
"""


def world(*texts):
    return build([d for text in (CLUSTER, *texts) for d in documents(text, "site.yaml")])


def asked(world_):
    return Traffic(
        source=ExternalEndpoint(name="internet"), target=world_.service("edge", "edge"), port=80
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ["edge/edge -> app/web:80/tcp", "app/web -> app/api:80/tcp"]),
        ("/api/health", ["edge/edge -> app/api:80/tcp"]),
        ("/exact", ["edge/edge -> app/api:9090/tcp"]),
    ],
)
def test_hops_follow_the_location_that_fits(path, expected):
    there = world()

    assert [str(h) for h in hops(there, asked(there), "site.test", path)] == expected


def test_host_of_another_server_leads_nowhere_known():
    there = world()

    assert [str(h) for h in hops(there, asked(there), "other.test", "/api/x")]  # the only servers
    assert hops(there, asked(there), "site.test", "/")[0].source == there.pod("edge", "edge")


@pytest.mark.parametrize(("path", "service"), [("/api/x", "api"), ("/", "web")])
def test_ingress_rules_lead_to_their_backend(path, service):
    there = world(INGRESS)

    assert hops(there, asked(there), "site.test", path)[0].target.name == service


def test_proxies_that_call_each_other_end():
    loop = CLUSTER.replace("http://api/v1", "http://edge.edge/")
    there = build(documents(loop))

    assert len(hops(there, asked(there), "site.test", "/")) <= 4


LAYER_7 = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: api, namespace: app}
spec:
  endpointSelector: {matchLabels: {app: api}}
  ingress: [{toPorts: [{ports: [{port: "3001", protocol: TCP}], rules: {http: [{method: GET}]}}]}]
"""


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param("", PredictedDecision.ALLOW, id="open"),
        pytest.param(DENY, PredictedDecision.DENY_BEHIND_PROXY, id="closed"),
        pytest.param(LAYER_7, PredictedDecision.UNKNOWN, id="not-known"),
    ],
)
def test_what_a_proxy_asks_in_its_turn_decides_as_well(policy, expected):
    there = world(policy) if policy else world()
    first = asked(there)
    behind = hops(there, first, "site.test", "/api/health")
    resolved = ResolvedFlow(flow=flow("a -> b:80"), traffics=(first,), hops=behind)

    prediction = decide_flow(resolved, there, CILIUM, decide).prediction

    assert (prediction.decision, prediction.proxied) == (expected, True)
