"""The evaluator and the lab's packets agree on clusters nobody thought of."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given

from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import LAB
from npol.policy.objects.entities import ExternalEndpoint, Pod, Service, Traffic
from npol.policy.state.apply_changes import build
from npol_lab.net.tier_policies import KINDS as TIER_KINDS
from tests.differential.calico import RESOURCES
from tests.differential.roster import PODS, lab_clusters, objects, places, slices
from tests.examples import thorough
from tests.lab.net.conftest import POLICIES, SLICES, Packets
from tests.policy.clusters import PORTS

pytestmark = pytest.mark.lab

PATIENCE = 5.0
"""Seconds for a flow that should be open: only a loaded machine needs them."""
SILENCE = 0.4
"""Seconds of silence that count as closed, with nothing else under way."""
AT_ONCE = 300
"""Flows in one batch: each takes a socket at either end."""
NOBODY = frozenset({"refused", "timeout", "unreachable"})
"""What may become of a flow to a Service without pods: refused, unless its egress is closed."""


@dataclass(frozen=True)
class Foretold:
    """One flow, the outcomes that fit its prediction, and who may answer."""

    traffic: Traffic
    outcomes: frozenset[str]
    answering: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return self.outcomes == {"open"}

    def __str__(self):
        return f"{self.traffic}, foretold {sorted(self.outcomes)} by {sorted(self.answering)}"

    def asked(self, patience):
        return {
            "source": self.traffic.source.name,
            "ip": str(self.traffic.target.addresses[0]),
            "port": self.traffic.port,
            "protocol": self.traffic.protocol.name,
            "timeout": patience,
        }

    def fits(self, answer):
        if answer["outcome"] not in self.outcomes:
            return False
        return answer["outcome"] != "open" or answer["text"].split()[0] in self.answering


class Lab:
    """One network for all clusters: the pods stay, the objects around them change."""

    def __init__(self):
        self.packets = Packets()
        self.counted = Counter()
        ports = {"tcp": PORTS, "udp": PORTS}
        self.uids = {}
        for pod in PODS:
            where = {"node": pod.node, "hostNetwork": pod.host_network}
            made = self.packets.pod(pod.name, namespace=pod.namespace, **where, **ports)
            self.uids[pod.name] = made["metadata"]["uid"]
        for place in places():
            where = {"namespace": "outside", "node": place.name, "hostNetwork": True}
            self.packets.pod(place.name, **where, **ports)
        assert [self.packets.ips[p.name] for p in PODS] == [p.address for p in PODS]

    def differences(self, cluster):
        """The flows that did what was not foretold, one line each."""
        self._put(cluster)
        try:
            foretold = list(foretell(cluster))
            answers = [*self._ask([f for f in foretold if f.is_open], PATIENCE)]
            answers += self._ask([f for f in foretold if not f.is_open], SILENCE)
        finally:
            self.packets.clean()
        self.counted["clusters"] += 1
        self.counted.update(answer["outcome"] for _, answer in answers)
        return [f"{f}: {answer}" for f, answer in answers if not f.fits(answer)]

    def _put(self, cluster):
        for name, labels in cluster["namespaces"].items():
            self.packets.namespace(name, **labels)
        for pod in cluster["pods"]:
            metadata = pod["metadata"] | {"uid": self.uids[pod["metadata"]["name"]]}
            self.packets.ask("put", resource="pods", obj=pod | {"metadata": metadata})
        nodes = [o for o in objects(cluster) if o["kind"] == "Node"]
        named = {"services": cluster["services"], SLICES: slices(cluster), "nodes": nodes}
        named |= {
            resource: [p for p in cluster.get("tiers", ()) if p["kind"] == kind]
            for resource, kind in TIER_KINDS.items()
        }
        named |= {
            resource: [o for o in cluster.get("calico", ()) if RESOURCES[o["kind"]] == resource]
            for resource in RESOURCES.values()
        }
        named["serviceaccounts"] = cluster.get("accounts", ())
        for resource, made in {**named, POLICIES: cluster["policies"]}.items():
            for obj in made:
                rest = {k: v for k, v in obj.items() if k not in ("metadata", "kind", "apiVersion")}
                self.packets.put(resource, **obj["metadata"], **rest)
        self.packets.settle()

    def _ask(self, foretold, patience):
        for first in range(0, len(foretold), AT_ONCE):
            batch = foretold[first : first + AT_ONCE]
            flows = [f.asked(patience) for f in batch]
            yield from zip(batch, self.packets.ask("probe", flows=flows), strict=True)


def foretell(cluster):
    world = build(objects(cluster))
    assert not world.refused
    for traffic in every_flow(world, cluster):
        yield _foretold(world, traffic)


def every_flow(world, cluster):
    """Every flow that a pod of its own address takes part in."""
    sources = [*world.pods, *world.nodes, *places()]
    for source, target in itertools.product(sources, [*world.pods, *places(), *world.services]):
        if _is_policed(source) or _is_policed(target) or _reaches(source, target):
            for port, protocol in _ports(target, cluster):
                yield Traffic(source=source, target=target, port=port, protocol=protocol)


def _is_policed(end):
    return isinstance(end, Pod) and not end.host_network


def _reaches(source, target):
    return isinstance(target, Service) and not isinstance(source, ExternalEndpoint)


def _ports(target, cluster):
    if isinstance(target, Service):
        return [(port.port, port.protocol) for port in target.ports]
    return [(port, Protocol[protocol]) for port, protocol in cluster["asked"]]


def _foretold(world, traffic):
    """A Service leads to one of its pods: the open ones answer, the others are mute."""
    paths = decide(world, traffic, LAB).paths
    answers = {path.allowed for path in paths}
    assert None not in answers, traffic
    if not answers:
        return Foretold(traffic, NOBODY)
    outcomes = frozenset("open" if answer else "timeout" for answer in answers)
    names = frozenset(path.path.target.name for path in paths if path.allowed)
    return Foretold(traffic, outcomes, names)


@pytest.fixture(scope="module")
def lab():
    made = Lab()
    yield made
    print(dict(made.counted))
    made.packets.close()


@pytest.mark.timeout(300)
@thorough(12)
@given(cluster=lab_clusters())
def test_evaluator_agrees_with_packets(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@thorough(500)
@given(cluster=lab_clusters())
def test_evaluator_agrees_with_packets_in_hundreds(lab, cluster):
    differences = lab.differences(cluster)
    assert not differences, "\n".join(differences)
