"""What means more than one thing: a port of two containers, the addresses of a Service."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from npol.policy.evaluate.evaluate import decide
from npol.policy.lint import lint
from npol.policy.lint.findings import LintRule
from npol.policy.matrix.equivalence import Port
from npol.policy.matrix.matrix import matrix
from npol.policy.objects.dialects import CALICO, CILIUM, LAB, SPEC
from npol.policy.state.apply_changes import build
from npol.policy.suggest.suggest import suggest
from npol.report.mismatches import mismatch_words
from tests.policy.worlds import documents, policy, traffic

WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: x}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: x, labels: {app: client}}
spec: {containers: [{name: c}]}
status: {phase: Running, podIP: 10.0.0.1, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: x, labels: {app: server}}
spec:
  containers:
  - {name: one, ports: [{name: web, containerPort: 8080}]}
  - {name: two, ports: [{name: web, containerPort: 9090}]}
status: {phase: Running, podIP: 10.0.0.2, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: x}
spec:
  {type: LoadBalancer, selector: {app: server}, clusterIP: 10.96.0.2,
   externalIPs: [203.0.113.7], ports: [{port: 80, targetPort: web}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.8}, {ip: 203.0.113.9, ipMode: Proxy}]}}
"""
BY_NAME = policy(
    "by-name",
    "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress],"
    " ingress: [{ports: [{port: web}]}]}",
)


def world_of(*policies):
    return build([*documents(WORLD), *policies])


@pytest.mark.parametrize("dialect", [SPEC, CALICO, CILIUM], ids=lambda d: d.name)
@pytest.mark.parametrize(("port", "allowed"), [(8080, True), (9090, True), (7070, False)])
def test_policy_means_every_port_of_a_name(port, allowed, dialect):
    world = world_of(BY_NAME)

    assert decide(world, traffic(world, f"x/client -> x/server:{port}"), dialect).allowed is allowed


def test_service_means_the_first_port_of_a_name():
    """Source: FindPort in pkg/api/v1/pod/util.go, which the endpoints controllers use."""
    only_first = policy(
        "first",
        "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress],"
        " ingress: [{ports: [{port: 8080}]}]}",
    )
    world = world_of(only_first)

    assert decide(world, traffic(world, "x/client -> svc x/server:80"), SPEC).allowed is True


def test_every_port_of_a_name_is_suggested():
    """8080 through the Service in front of it, 9090 at the pod itself; another one is denied."""
    ports: dict[str, set[int]] = {}
    for flow in suggest(world_of(BY_NAME)).flows:
        ports.setdefault(flow.expect, set()).add(flow.port)

    assert ports == {"allow": {80, 9090}, "deny": {8123}}


def test_every_port_of_a_name_is_in_the_matrix():
    world = world_of(BY_NAME)
    wanted = [Port(number, "TCP") for number in (7070, 8080, 9090)]
    found = matrix(world, SPEC, ports=wanted)
    ends = world.pod("x", "client"), world.pod("x", "server")

    assert [found.answer(*ends, port) for port in wanted] == [False, True, True]


@pytest.mark.parametrize("name", ["web", "wbe"])
def test_lint_finds_a_name_in_whichever_container_has_it(name):
    second_only = WORLD.replace(
        "{name: one, ports: [{name: web,", "{name: one, ports: [{name: api,"
    )
    by_name = policy(
        "by-name",
        "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress],"
        f" ingress: [{{ports: [{{port: {name}}}]}}]}}",
    )

    found = {f.rule for f in lint([by_name], build(documents(second_only)))}

    assert (LintRule.NO_SUCH_NAMED_PORT in found) is (name == "wbe")


def test_explanation_tells_every_port_of_a_name():
    world = world_of(BY_NAME)
    decision = decide(world, traffic(world, "x/client -> x/server:7070"), SPEC)

    (path,) = decision.paths

    why = mismatch_words(path.ingress.non_matching[0].mismatches)
    assert "port 'web' is 8080 or 9090" in why


@pytest.mark.parametrize(
    ("address", "means_the_service"),
    [("10.96.0.2", True), ("203.0.113.7", True), ("203.0.113.8", True), ("203.0.113.9", False)],
)
def test_addresses_at_which_a_service_answers_mean_the_service(address, means_the_service):
    world = world_of()

    found = world.service_at(ipaddress.ip_address(address))

    assert (found is not None) is means_the_service


def test_block_of_a_services_external_address_opens_nothing_on_calico():
    """The address is replaced by a pod's before egress policy acts."""
    block = policy(
        "block",
        "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress],"
        " egress: [{to: [{ipBlock: {cidr: 203.0.113.7/32}}]}]}",
    )
    world = world_of(block)

    assert decide(world, traffic(world, "x/client -> svc x/server:80"), CALICO).allowed is False


NODES = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 10.9.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 10.9.0.2}]}
"""
FROM_CLIENT = policy(
    "from-client",
    "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress],"
    " ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}",
)


def at_external_address(server_node, dialect, traffic_policy="Cluster"):
    """What becomes of x/client on n1 that asks the Service at its externalIPs."""
    world = build([*documents(WORLD), *documents(NODES), FROM_CLIENT])
    nodes = {"client": "n1", "server": server_node}
    pods = tuple(replace(p, node=nodes.get(p.name, "")) for p in world.pods)
    kept = traffic_policy == "Local"
    services = tuple(replace(s, keeps_client_address=kept) for s in world.services)
    world = replace(world, pods=pods, services=services)
    asked = traffic(world, "x/client -> svc x/server:80")
    return decide(world, replace(asked, at_external_address=True), dialect).allowed


@pytest.mark.parametrize(
    ("server_node", "dialect", "allowed"),
    [
        pytest.param("n1", LAB, True, id="same-node"),
        pytest.param("n2", LAB, False, id="other-node"),
        pytest.param("", LAB, None, id="node-not-known"),
        pytest.param("n2", CALICO, None, id="not-measured"),
        pytest.param("n1", CALICO, True, id="same-node-not-measured"),
    ],
)
def test_pod_that_asks_at_an_external_address_is_seen_as_its_node_elsewhere(
    server_node, dialect, allowed
):
    assert at_external_address(server_node, dialect) is allowed


@pytest.mark.parametrize("server_node", ["n1", "n2", ""])
def test_external_traffic_policy_local_keeps_the_address_of_a_pod(server_node):
    assert at_external_address(server_node, LAB, "Local") is True


def test_headless_service_without_selector_translates_no_port():
    by_hand = """
apiVersion: v1
kind: Service
metadata: {name: hand, namespace: x}
spec: {clusterIP: None, ports: [{name: db, port: 5432, targetPort: 15432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: hand-1, namespace: x, labels: {kubernetes.io/service-name: hand}}
endpoints: [{addresses: [10.0.0.2], conditions: {ready: true}}]
ports: [{name: db, port: 15432}]
"""
    only_asked = policy(
        "asked",
        "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress],"
        " ingress: [{ports: [{port: 5432}]}]}",
    )
    world = world_of(only_asked, *documents(by_hand))

    assert decide(world, traffic(world, "x/client -> svc x/hand:5432"), SPEC).allowed is True
