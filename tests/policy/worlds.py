"""Worlds and flows in few words, for tables of tests."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.policy.objects.entities import ExternalEndpoint, Traffic
from npol.policy.state.apply_changes import build
from npol.yaml_positions import YamlDialect, load

BASE = """
apiVersion: v1
kind: Namespace
metadata: {name: x, labels: {team: red}}
---
apiVersion: v1
kind: Namespace
metadata: {name: z, labels: {team: blue}}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}
---
apiVersion: v1
kind: Node
metadata: {name: cp, labels: {node-role.kubernetes.io/control-plane: ""}}
status: {addresses: [{type: InternalIP, address: 192.168.0.9}]}
"""

PODS = {
    # name: labels, addresses, node, ports, more of the spec, phase
    "x/a": ("app: a", ["10.0.0.1", "fd00::1"], "n1", "80", "", "Running"),
    "x/b": ("app: b", ["10.0.0.2", "fd00::2"], "n2", "3001", "", "Running"),
    "x/c": ("app: b, tier: c", ["10.0.0.3"], "n1", "3002", "", "Running"),
    "z/a": ("app: a", ["10.0.1.1"], "n2", "80", "", "Running"),
    "z/host": ("app: host", ["192.168.0.1"], "n1", "80", "hostNetwork: true,", "Running"),
    "z/far": ("app: host", ["192.168.0.2"], "n2", "80", "hostNetwork: true,", "Running"),
    "z/done": ("app: a", ["10.0.1.9"], "n2", "80", "", "Succeeded"),
}
"""Two names for one port: `web` is 3001 on x/b and 3002 on x/c."""

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: b, namespace: x}
spec: {selector: {tier: c}, clusterIP: 10.96.0.2, ports: [{port: 8080, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: both, namespace: x}
spec: {selector: {app: b}, clusterIP: 10.96.0.3, ports: [{port: 8080, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: x}
spec: {selector: {tier: c}, clusterIP: None, ports: [{port: 8080, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: self, namespace: x}
spec: {selector: {app: a}, clusterIP: 10.96.0.4, ports: [{port: 8080, targetPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: x}
spec: {selector: {app: nobody}, clusterIP: 10.96.0.5, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: x}
spec: {type: NodePort, selector: {app: a}, clusterIP: 10.96.0.6, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: local, namespace: x}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: a}, clusterIP: 10.96.0.7,
  ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
endpoints: [{addresses: [192.168.0.9]}]
ports: [{name: https, port: 6443}]
"""

PLACES = {
    "outside": ExternalEndpoint(name="outside", addresses=(ipaddress.ip_address("203.0.113.9"),)),
    "except": ExternalEndpoint(name="except", addresses=(ipaddress.ip_address("203.0.113.5"),)),
    "outside6": ExternalEndpoint(name="outside6", addresses=(ipaddress.ip_address("2001:db8::9"),)),
    "anywhere": ExternalEndpoint(name="anywhere"),
}


def pod_text(key):
    labels, addresses, node, port, more, phase = PODS[key]
    namespace, name = key.split("/")
    ips = ", ".join(f"{{ip: '{a}'}}" for a in addresses)
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{{labels}}}}}
spec:
  {{{more} nodeName: {node},
    containers: [{{name: c, ports: [{{name: web, containerPort: {port}}}]}}]}}
status: {{phase: {phase}, podIPs: [{ips}], conditions: [{{type: Ready, status: 'True'}}]}}
"""


def documents(text, file="world.yaml"):
    return load(text, file, YamlDialect.MANIFEST)


CLUSTER = [
    *documents(BASE),
    *(d for key in PODS for d in documents(pod_text(key))),
    *documents(SERVICES),
]


def policy(name, spec, namespace="x"):
    """A policy as raw data; `spec` is YAML."""
    (document,) = documents(f"spec: {spec}" if not spec.startswith("\n") else f"spec:{spec}")
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": document.data["spec"] or {},
    }


def world_with(*policies):
    return build([*CLUSTER, *policies])


def without_nodes(world):
    """The same, with no pod placed on a node."""
    return replace(world, pods=tuple(replace(pod, node="") for pod in world.pods))


def answers(world, asked):
    """What a table of cases says of a flow: by the specification, as Calico and as Cilium read."""
    words = {True: "allow", False: "deny", None: "?"}
    return tuple(words[decide(world, asked, d).allowed] for d in (SPEC, CALICO, CILIUM))


def by_dialect(expected):
    """The cell of such a table, where one answer may stand for all three."""
    return (expected,) * 3 if isinstance(expected, str) else expected


def traffic(world, text, family=4):
    """`x/a -> svc x/b:8080/tcp`; ends are pods, `svc NAME`, `node NAME` or places."""
    source, target = text.split(" -> ")
    target, _, port = target.rpartition(":")
    number, _, protocol = port.partition("/")
    return Traffic(
        source=_end(world, source),
        target=_end(world, target),
        port=int(number),
        protocol=Protocol(protocol or "tcp"),
        family=family,
    )


def _end(world, text):
    kind, _, name = text.rpartition(" ")
    if kind == "svc":
        return world.service(*name.split("/"))
    if kind == "node":
        return next(n for n in world.nodes if n.name == name)
    return PLACES.get(text) or world.pod(*text.split("/"))
