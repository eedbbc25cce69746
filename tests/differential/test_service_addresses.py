"""
The evaluator and the lab's packets agree at every address at which a Service answers: ClusterIPs,
externalIPs, load balancers' addresses by `ipMode`, nodePorts on each node; from pods, nodes and
outside, in both IP families.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import LAB
from npol.policy.objects.entities import ExternalEndpoint, Traffic
from npol.policy.state.apply_changes import build
from npol.policy.state.service_backends import backends_of
from npol_lab.families import IPV4, IPV6
from tests.differential.test_lab import NOBODY, PATIENCE, SILENCE
from tests.examples import thorough
from tests.lab.net.conftest import POLICIES, SLICES, Packets
from tests.policy.clusters import KEYS, NAMESPACES, VALUES, ip_blocks, labels, policies, specs

pytestmark = pytest.mark.lab

FAMILIES = (IPV4, IPV6)
NODES = {"lab-1": 1, "lab-2": 2}
PODS = {"p0": ("x", "lab-1"), "p1": ("x", "lab-2"), "p2": ("y", "lab-1"), "p3": ("y", "lab-2")}
PORT = 8080
INTERNET = {"IPv4": "203.0.113.10", "IPv6": "2001:db8:113::10"}
NETWORK = {"IPv4": "203.0.113.", "IPv6": "2001:db8:113::"}
"""Of addresses for clients outside: what no node translates gets lost there."""

_four = ip_blocks("10.0.0.0/8", ["10.244.1.2", "10.244.2.2", "10.98.1.11", "10.98.1.12"])
_six = st.sampled_from(["::/0", "fd00:10:244::/48", "fd00:10:244:1::/64", "fd00:10:98:1::/64"])
blocks = st.one_of(_four, _six.map(lambda cidr: {"cidr": cidr}))


@st.composite
def services(draw, number):
    """One port, and an address of every kind in each family."""
    key, value = draw(st.sampled_from(KEYS)), draw(st.sampled_from(VALUES))
    return {
        "number": number,
        "namespace": draw(st.sampled_from(NAMESPACES)),
        "selector": {key: value} if draw(st.integers(0, 3)) else {},
        "policy": draw(st.sampled_from(["Cluster", "Local"])),
        "mode": draw(st.sampled_from(["VIP", "Proxy"])),
    }


@st.composite
def dual_clusters(draw):
    return {
        "namespaces": {name: draw(labels) for name in NAMESPACES},
        "labels": {name: draw(labels) for name in PODS},
        "services": [draw(services(n)) for n in range(2)],
        "policies": draw(policies(specs(blocks), max_policies=4)),
    }


@dataclass(frozen=True)
class Asked:
    """One flow, the outcomes that fit its prediction, and who may answer."""

    source: str
    ip: str
    port: int
    what: str
    outcomes: frozenset[str]
    names: frozenset[str]

    @property
    def is_open(self):
        return self.outcomes == {"open"}

    def flow(self, patience):
        return {"source": self.source, "ip": self.ip, "port": self.port, "timeout": patience}

    def fits(self, answer):
        if answer["outcome"] not in self.outcomes:
            return False
        return answer["outcome"] != "open" or answer["text"].split()[0] in self.names


class DualLab:
    """One network of both families: the pods stay, what is around them changes."""

    def __init__(self):
        self.packets = Packets(families=["IPv4", "IPv6"])
        self.uids = {}
        for name, (namespace, node) in PODS.items():
            made = self.packets.pod(name, namespace=namespace, node=node, tcp=(PORT,), udp=())
            self.uids[name] = made["metadata"]["uid"]
        where = {"namespace": "outside", "node": "internet", "hostNetwork": True}
        self.packets.pod("internet", **where, tcp=(), udp=())

    def ips(self, name):
        return [self.packets.ips[name], self.packets.ips[f"{name}/6"]]

    def differences(self, cluster):
        pods = [self._pod(cluster, name) for name in PODS]
        made = [_service(s) for s in cluster["services"]]
        self._put(cluster, pods, made)
        try:
            foretold = list(foretell(cluster, pods, made))
            late = [f for f in foretold if f.is_open], [f for f in foretold if not f.is_open]
            answers = [*self._ask(late[0], PATIENCE), *self._ask(late[1], SILENCE)]
        finally:
            self.packets.clean()
        assert answers
        return [f"{f}: {answer}" for f, answer in answers if not f.fits(answer)]

    def _ask(self, foretold, patience):
        flows = [f.flow(patience) for f in foretold]
        return zip(foretold, self.packets.ask("probe", flows=flows), strict=True)

    def _pod(self, cluster, name):
        namespace, node = PODS[name]
        ips = self.ips(name)
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": self.uids[name],
                "labels": cluster["labels"][name],
            },
            "spec": {"nodeName": node, "containers": [{"name": "c", "ports": []}]},
            "status": {
                "podIP": ips[0],
                "podIPs": [{"ip": ip} for ip in ips],
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }

    def _put(self, cluster, pods, made):
        for name, given_labels in cluster["namespaces"].items():
            self.packets.namespace(name, **given_labels)
        for pod in pods:
            self.packets.ask("put", resource="pods", obj=pod)
        slices = [piece for service in made for piece in _slices(service, pods)]
        named = {"services": made, SLICES: slices, POLICIES: cluster["policies"]}
        for resource, objects in named.items():
            for obj in objects:
                rest = {k: v for k, v in obj.items() if k not in ("metadata", "kind", "apiVersion")}
                self.packets.put(resource, **obj["metadata"], **rest)
        self.packets.settle()


def _service(given):
    number, ports = given["number"], {"port": 80, "targetPort": PORT, "protocol": "TCP"}
    balanced = [
        {"ip": f"{NETWORK[f.name]}{30 + number}", "ipMode": given["mode"]} for f in FAMILIES
    ]
    ips = [f"10.96.7.{number + 1}", f"fd00:10:96::7:{number + 1}"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"s{number}", "namespace": given["namespace"]},
        "spec": {
            "type": "LoadBalancer",
            "selector": given["selector"] or {"nobody": "here"},
            "clusterIP": ips[0],
            "clusterIPs": ips,
            "externalIPs": [f"{NETWORK[f.name]}{20 + number}" for f in FAMILIES],
            "externalTrafficPolicy": given["policy"],
            "ports": [{**ports, "nodePort": 30080 + number}],
        },
        "status": {"loadBalancer": {"ingress": balanced}},
    }


def _slices(service, pods):
    metadata, selector = service["metadata"], service["spec"]["selector"]
    behind = [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == metadata["namespace"]
        and selector.items() <= pod["metadata"]["labels"].items()
    ]
    for family in FAMILIES:
        yield {
            "metadata": {
                "name": f"{metadata['name']}-{family.version}",
                "namespace": metadata["namespace"],
                "labels": {"kubernetes.io/service-name": metadata["name"]},
            },
            "addressType": family.name,
            "ports": [{"port": PORT, "protocol": "TCP"}],
            "endpoints": [
                {
                    "addresses": [ip["ip"]],
                    "nodeName": pod["spec"]["nodeName"],
                    "conditions": {"ready": True},
                }
                for pod in behind
                for ip in pod["status"]["podIPs"]
                if family.is_of(ip["ip"])
            ],
        }


def _nodes():
    for name, number in NODES.items():
        addresses = [{"type": "InternalIP", "address": f.node_address(number)} for f in FAMILIES]
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name},
            "status": {"addresses": addresses},
        }


def foretell(cluster, pods, made):
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n, "labels": given_labels}}
        for n, given_labels in cluster["namespaces"].items()
    ]
    world = build([*spaces, *_nodes(), *pods, *made, *cluster["policies"]])
    assert not world.refused
    for service, obj in zip(world.services, made, strict=True):
        for family in FAMILIES:
            yield from Foreseen(world, service, obj["spec"], family).everything()


class Foreseen:
    """What is to be seen of one Service in one family."""

    def __init__(self, world, service, spec, family):
        self.world, self.service, self.spec, self.family = world, service, spec, family
        self.local = spec["externalTrafficPolicy"] == "Local"
        self.nodes = {node.name: node for node in world.nodes}
        self.node_port = spec["ports"][0]["nodePort"]

    def everything(self):
        ends = [*self.world.pods, *self.world.nodes]
        for source in ends:
            for address in self._of_family(self.spec["clusterIPs"]):
                yield self._seen(source, address, 80, "ClusterIP", self._paths(source))
            for address in self._of_family(self.spec["externalIPs"]):
                yield self._seen(source, address, 80, "externalIP", self._outer(source))
            yield self._balanced(source)
        for name, node in self.nodes.items():
            address = str(node.address(self.family.version))
            for source in ends:
                yield self._by_node(source, node, address)
            outside = ExternalEndpoint(
                name="internet", addresses=(ipaddress.ip_address(INTERNET[self.family.name]),)
            )
            what = f"nodePort of {name}"
            yield self._seen(outside, address, self.node_port, what, self._entering(outside, node))

    def _of_family(self, addresses):
        return [address for address in addresses if self.family.is_of(address)]

    def _paths(self, source, **traffic):
        asked = Traffic(
            source=source, target=self.service, port=80, family=self.family.version, **traffic
        )
        return decide(self.world, asked, LAB).paths

    def _outer(self, source):
        return self._paths(source, at_external_address=True)

    def _balanced(self, source):
        """A load balancer's address is a Service's where nodes answer for it (KEP-1860)."""
        given = self.service.external_addresses[len(self.spec["externalIPs"]) :]
        wanted = [a for a in map(str, given) if self.family.is_of(a)]
        if wanted:
            return self._seen(source, wanted[0], 80, "load balancer", self._outer(source))
        address = f"{NETWORK[self.family.name]}{30 + int(self.service.name[1:])}"
        lost = frozenset({"timeout", "unreachable"})
        return Asked(source.name, address, 80, "left to the balancer", lost, frozenset())

    def _by_node(self, source, node, address):
        """The own node translates at once; else, and where nobody answers, a node is asked."""
        what, own = f"nodePort of {node.name}", getattr(source, "node", source.name)
        answered = bool(backends_of(self.world, self.service))
        if own == node.name and answered:
            return self._seen(source, address, self.node_port, what, self._outer(source))
        there = Traffic(
            source=source,
            target=node,
            port=self.node_port,
            protocol=Protocol.TCP,
            family=self.family.version,
        )
        if decide(self.world, there, LAB).allowed is False:
            silent = frozenset({"timeout"})
            return Asked(source.name, address, self.node_port, what, silent, frozenset())
        paths = self._entering(self.nodes[own], node) if answered else ()
        return self._seen(source, address, self.node_port, what, paths)

    def _entering(self, client, node):
        """What comes to a node from elsewhere: seen as the client there, as the node elsewhere."""
        if self.local:
            return [p for p in self._paths(client) if p.path.target.node == node.name]
        there, onwards = self._paths(client), self._paths(node)
        if isinstance(client, ExternalEndpoint):
            there = [p for p in there if p.path.source is client]
        near = [p for p in there if p.path.target.node == node.name]
        return [*near, *(p for p in onwards if p.path.target.node != node.name)]

    def _seen(self, source, address, port, what, paths):
        answers = {path.allowed for path in paths}
        assert None not in answers, (source, self.service, what)
        words = frozenset("open" if answer else "timeout" for answer in answers)
        names = frozenset(path.path.target.name for path in paths if path.allowed)
        return Asked(source.name, address, port, what, words or NOBODY, names)


def known(who, traffic_policy):
    """All pods of `x` are behind both Services, and let in whom `who` says."""
    selector = {KEYS[0]: VALUES[0]}
    service = {"namespace": "x", "selector": selector, "policy": traffic_policy, "mode": "VIP"}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "known", "namespace": "x"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": who}]},
    }
    return {
        "namespaces": {name: {} for name in NAMESPACES},
        "labels": dict.fromkeys(PODS, selector),
        "services": [{**service, "number": n} for n in range(2)],
        "policies": [policy],
    }


PODS_OF_X = [{"podSelector": {}}]
NODES_OF_4 = [{"ipBlock": {"cidr": "10.98.1.0/24"}}]


@pytest.fixture(scope="module")
def lab():
    made = DualLab()
    yield made
    made.packets.close()


@pytest.mark.timeout(300)
@thorough(1)
@given(cluster=dual_clusters())
@example(cluster=known(PODS_OF_X, "Cluster"))
@example(cluster=known(PODS_OF_X, "Local"))
@example(cluster=known(NODES_OF_4, "Cluster"))
def test_every_address_of_a_service_does_what_is_foretold(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@thorough(100)
@given(cluster=dual_clusters())
def test_every_address_of_a_service_does_what_is_foretold_in_hundreds(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)
