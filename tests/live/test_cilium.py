"""Cilium's own kinds where Cilium is the network plugin: the shipped story, and random cases."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from npol.errors import ExitCode
from npol.kube.connection import Mode
from tests import shop
from tests.differential.ciliums import PLACE, cilium_policies
from tests.differential.test_live import PODS, SERVICES, Live, asked, in_each
from tests.live.test_stories import ROOT
from tests.policy.clusters import policies

pytestmark = [
    pytest.mark.live,
    pytest.mark.nightly,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("journals", "served"),
]

CASES = 60
WITHOUT = 20
"""Cases of which two flows each lose what decides them."""
OUTSIDE = "203.0.113.10"
"""What answers outside the rig, at port 80."""
KUBELET = 10250
API_SERVER = ("@apiserver", 443, "tcp")


@pytest.fixture(scope="module")
def connection(connected):
    return connected(Mode.SMOKE)


@pytest.fixture(scope="module")
def served(connection):
    groups = {group["name"] for group in connection.raw("GET", "/apis")["groups"]}
    if "cilium.io" not in groups:
        pytest.skip("the network plugin is not Cilium")


def test_the_shipped_story_holds(options, overlay):
    story = shop.read(str(ROOT / "fixtures/cilium/cilium.npol.yaml"), overlay)

    report = shop.told(story, options)

    assert shop.wrong(report) == []
    assert (report.error, report.exit_code) == ("", ExitCode.AS_EXPECTED)


def _policy(kind, spec, **meta):
    return {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": meta, "spec": spec}


class Own(Live):
    """A run that may change Cilium's policies, with the nodes and a place outside as targets."""

    @property
    def prefix(self):
        return next(iter(self.spaces.values()))

    @property
    def nobody(self):
        labels = {"no": "body", f"k8s:{PLACE}": self.prefix}
        nowhere = {"endpointSelector": {"matchLabels": labels}, "ingress": [{}]}
        return (
            _policy("CiliumClusterwideNetworkPolicy", nowhere, name=f"{self.prefix}-nobody"),
            _policy("CiliumNetworkPolicy", nowhere, name="nobody", namespace=self.prefix),
        )

    @property
    def ends(self):
        alive = [("own-p0", *other) for other in self.others if other != API_SERVER]
        asked = [*((f"own-{name}", name, 80, "tcp") for name in PODS), ("p0", *API_SERVER), *alive]
        return [self._flow(*flow, word="allow") for flow in asked]

    def peers(self):
        nodes = {
            node["metadata"]["name"]: {"address": address["address"]}
            for node in self.connection.raw("GET", "/api/v1/nodes")["items"]
            for address in node["status"]["addresses"]
            if address["type"] == "InternalIP"
        }
        host = {"namespace": self.prefix, "host_network": True, "node": "same"}
        own = {f"own-{name}": host for name in PODS}
        return {**super().peers(), **nodes, **own, "outside": {"address": OUTSIDE}}

    @property
    def services(self):
        return [(self.spaces[letter], name) for name, (letter, _) in SERVICES.items()]

    @property
    def others(self):
        """What is no pod, with a port at which it answers."""
        nodes = [n for n in self.peers() if n.startswith("node")]
        return [
            ("outside", 80, "tcp"),
            API_SERVER,
            *((node, KUBELET, "tcp") for node in nodes),
        ]


@pytest.fixture(scope="module")
def own(served, target, connection, tmp_path_factory):
    made = Own(target, connection, tmp_path_factory.mktemp("cilium"))
    yield made
    restored = made.run.close()
    assert restored.complete, restored.problems


@st.composite
def asked_of(draw, others):
    """Of pods and Services, and from each pod of something that is none."""
    beside = [(source, *draw(st.sampled_from(others))) for source in PODS]
    node = draw(st.sampled_from([*PODS]))
    return [*draw(asked()), *beside, (f"own-{node}", node, 80, "tcp")]


@st.composite
def cases(draw, own):
    """Cilium's policies, NetworkPolicies mostly beside them, and what is asked."""
    networks = ["0.0.0.0/0", "10.0.0.0/8", f"{OUTSIDE}/32", "203.0.113.0/24"]
    networks += [f"{address}/32" for address in own.addresses]
    among = [*own.spaces.values()]
    theirs = cilium_policies(among, networks, own.services, prefix=own.prefix)
    plain = policies(own.specs, max_policies=1, namespaces=among)
    made = [*draw(theirs), *draw(st.one_of(st.just([]), plain))]
    return made, draw(asked_of(own.others))


def test_evaluator_agrees_with_a_real_cluster_on_ciliums_own_kinds(own):
    found = in_each(CASES, cases(own), lambda made, flows, _: own.differences(made, flows))

    assert found == []
    own.assert_decided(CASES)


def test_what_is_named_decides(own):
    assert in_each(WITHOUT, cases(own), own.differences_without) == []
    assert own.counted["changed"] > WITHOUT / 2
