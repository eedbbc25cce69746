"""A network of real packets without API server and kubelet: `inside.py` in new namespaces."""

import itertools
import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from npol_lab.availability import NAMESPACES

INSIDE = Path(__file__).with_name("inside.py")
UNSHARE = ("unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc")
POLICIES = "networkpolicies.networking.k8s.io"
SLICES = "endpointslices.discovery.k8s.io"


class Packets:
    """
    One network. Pods are known by their name; they answer on TCP 8080, 8443 and UDP 8081.

    `ips` has their addresses by name; with IPv6 in `families`, also by `NAME/6`.
    """

    def __init__(self, **options):
        self.id = f"npol{secrets.token_hex(3)}"
        command = [*UNSHARE, sys.executable, str(INSIDE), self.id, json.dumps(options)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(INSIDE.parents[3]), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        self.ips = {}
        self.counter = itertools.count()
        self.made = []
        self._answer()

    def _answer(self):
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def ask(self, what, **arguments):
        self.process.stdin.write(json.dumps([what, arguments]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def put(self, resource, name, *, namespace=None, labels=None, **rest):
        metadata = {"name": name, "uid": f"uid-{next(self.counter)}", "labels": labels or {}}
        if namespace:
            metadata["namespace"] = namespace
        self.ask("put", resource=resource, obj={"metadata": metadata, **rest})
        if (resource, namespace, name) not in self.made:
            self.made.append((resource, namespace, name))

    def remove(self, resource, namespace, name):
        self.ask("remove", resource=resource, namespace=namespace, name=name)
        self.made.remove((resource, namespace, name))

    def namespace(self, name, **labels):
        self.put("namespaces", name, labels={"kubernetes.io/metadata.name": name, **labels})

    def pod(
        self, name, *, namespace="default", node="lab-1", tcp=(8080, 8443), udp=(8081,), **spec
    ):
        ports = spec.pop("ports", [{"name": "web", "containerPort": 8080}])
        pod = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"uid-{next(self.counter)}",
                "labels": spec.pop("labels", {"app": name}),
            },
            "spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}], **spec},
            "status": {},
        }
        ips = self.ask("add_pod", pod=pod, tcp=list(tcp), udp=list(udp))["ips"]
        self.ips[name], *others = ips
        self.ips |= {f"{name}/6": ip for ip in others}
        return pod

    def service(self, name, ip, *pods, port=80, target=8080, protocol="TCP", **spec):
        """`pods`: (name, node) of those behind it; none: a Service without endpoints."""
        entry = {"port": port, "protocol": protocol}
        entry |= {"nodePort": spec.pop("node_port")} if "node_port" in spec else {}
        self.put(
            "services", name, namespace="default", spec={"clusterIP": ip, "ports": [entry], **spec}
        )
        endpoints = [
            {"addresses": [self.ips[pod]], "nodeName": node, "conditions": {"ready": True}}
            for pod, node in pods
        ]
        self.put(
            SLICES,
            name,
            namespace="default",
            labels={"kubernetes.io/service-name": name},
            endpoints=endpoints,
            ports=[{"port": target, "protocol": protocol}],
        )
        self.settle()

    def policy(self, name="policy", *, namespace="default", **spec):
        spec = {"podSelector": {}, **spec}
        self.put(POLICIES, name, namespace=namespace, spec=spec)
        return self.settle()

    def drop_policy(self, name="policy", *, namespace="default"):
        self.remove(POLICIES, namespace, name)
        self.settle()

    def settle(self):
        """Seconds until all was in force."""
        return self.ask("settled")

    def probe(self, source, target, port=8080, protocol="TCP", **patience):
        """The outcome of one flow; `target` is a pod's name or an address."""
        return self.look(source, target, port, protocol, **patience)["outcome"]

    def look(self, source, target, port=8080, protocol="TCP", **patience):
        """
        The same, with what the target answered: its name and the client's address.

        `patience`: `timeout`, in seconds, for an answer that a loaded machine may keep back.
        """
        ip = self.ips.get(target, target)
        flow = {"source": source, "ip": ip, "port": port, "protocol": protocol, **patience}
        return self.ask("probe", flows=[flow])[0]

    def probe_all(self, flows):
        """Outcomes of (source, target, port, protocol), all asked at once."""
        asked = [
            {"source": s, "ip": self.ips.get(t, t), "port": port, "protocol": protocol}
            for s, t, port, protocol in flows
        ]
        return [answer["outcome"] for answer in self.ask("probe", flows=asked)]

    def ping(self, source, target):
        """Whether an answer came."""
        argv = ["ping", "-c1", "-W1", "-q", self.ips.get(target, target)]
        return self.ask("run", source=source, argv=argv)["code"] == 0

    def run(self, source, *argv):
        return self.ask("run", source=source, argv=list(argv))

    def clean(self):
        """Take away what tests have put besides pods and namespaces."""
        for made in [m for m in self.made if m[0] not in ("pods", "namespaces")]:
            self.remove(*made)
        self.settle()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


@pytest.fixture(scope="package")
def cluster():
    """
    Pods a1, a2 (node 1) and b1 (node 2) in default; other1 (node 1), other2 (node 2) in `other`.

    `host1` and `host2` are on the nodes' own networks.
    """
    packets = Packets()
    packets.namespace("default", team="blue")
    packets.namespace("other", team="red")
    packets.namespace("kube-system")
    packets.pod("a1")
    packets.pod("a2", labels={"app": "a2", "tier": "web"})
    packets.pod("b1", node="lab-2", labels={"app": "b1", "tier": "web"})
    packets.pod("other1", namespace="other", labels={"app": "a1"})
    packets.pod("other2", namespace="other", node="lab-2", labels={"app": "b1"})
    host = {"hostNetwork": True, "tcp": (9100,), "udp": (), "labels": {"app": "a1"}}
    packets.pod("host1", **host)
    packets.pod("host2", node="lab-2", **host)
    outside = {"namespace": "outside", "hostNetwork": True, "udp": (8081,), "tcp": (80,)}
    packets.pod("internet", node="internet", **outside)
    packets.pod("backup", node="backup", **outside)
    yield packets
    packets.close()


@pytest.fixture
def net(cluster):
    """The cluster, without policies and Services."""
    yield cluster
    cluster.clean()
