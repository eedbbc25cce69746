"""
NetworkPolicies with real packets: the specification, and what Calico adds to it.

Every claim asks a flow that is allowed and one that is not, so that neither a dead
network nor an unenforced policy can pass.
"""

import pytest

pytestmark = pytest.mark.lab

WEB = {"matchLabels": {"tier": "web"}}
B1 = ("b1", "lab-2")
IN, OUT, BOTH = ["Ingress"], ["Egress"], ["Ingress", "Egress"]


def named(app):
    return {"matchLabels": {"app": app}}


def test_without_a_policy_all_is_open(net):
    assert net.probe("other1", "b1") == "open"


@pytest.mark.parametrize("source", ["a1", "b1", "other1", "lab-2", "host2", "internet"])
def test_deny_all_ingress_is_silence(net, source):
    net.policy(policyTypes=IN)
    flows = [(source, "a2", 8080, "TCP"), (source, "a2", 8081, "UDP")]
    other = (source, "other1", 8080, "TCP")
    assert net.probe_all([*flows, other]) == ["timeout", "timeout", "open"], "other: not selected"


@pytest.mark.parametrize("target", ["a2", "b1", "other1", "host1", "host2", "internet"])
def test_deny_all_egress_is_silence(net, target):
    net.policy(podSelector=named("a1"), policyTypes=OUT)
    port = {"host1": 9100, "host2": 9100, "internet": 80}.get(target, 8080)
    assert net.probe("a1", target, port) == "timeout"
    assert net.probe("a2", target, port) == "open", "another pod is not selected"


def test_denied_pods_do_not_ping(net):
    net.policy(podSelector=named("a1"), policyTypes=OUT)
    assert not net.ping("a1", "b1")
    assert net.ping("b1", "a1"), "answers to what comes in go out"


def test_answers_go_back_whatever_the_other_direction_says(net):
    net.policy("in", podSelector=named("b1"), policyTypes=BOTH, ingress=[{}])
    assert net.probe("a1", "b1") == "open"
    assert net.probe("b1", "a1") == "timeout"


@pytest.mark.parametrize("rules", [[], None], ids=["empty-list", "missing"])
def test_no_rules_deny_everything(net, rules):
    net.policy(
        podSelector=named("b1"), policyTypes=IN, **({} if rules is None else {"ingress": rules})
    )
    assert net.probe("a1", "b1") == "timeout"


def test_an_empty_rule_allows_everything(net):
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{}])
    assert net.probe("other1", "b1") == "open"
    assert net.ping("internet", "b1")


def test_policies_add_up(net):
    net.policy("deny", policyTypes=IN)
    net.policy(
        "a1",
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"from": [{"podSelector": named("a1")}]}],
    )
    net.policy(
        "red",
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "red"}}}]}],
    )
    assert net.probe_all(
        [("a1", "b1", 8080, "TCP"), ("other1", "b1", 8080, "TCP"), ("a2", "b1", 8080, "TCP")]
    ) == ["open", "open", "timeout"]


def test_both_ends_must_allow(net):
    net.policy(
        "out",
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"podSelector": named("b1")}]}],
    )
    assert net.probe("a1", "b1") == "open"
    net.policy("in", podSelector=named("b1"), policyTypes=IN)
    assert net.probe("a1", "b1") == "timeout"
    assert net.probe("a1", "a2") == "timeout"


def test_a_pod_selector_means_the_policys_own_namespace(net):
    """`other1` carries the same labels as `a1`."""
    net.policy(
        podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [{"podSelector": named("a1")}]}]
    )
    assert net.probe("a1", "b1") == "open"
    assert net.probe("other1", "b1") == "timeout"


def test_a_namespace_selector_means_all_its_pods(net):
    net.policy(
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "red"}}}]}],
    )
    assert net.probe("other1", "b1") == "open"
    assert net.probe("other2", "b1") == "open"
    assert net.probe("a1", "b1") == "timeout"


def test_both_selectors_in_one_entry_must_match(net):
    peer = {"namespaceSelector": {"matchLabels": {"team": "red"}}, "podSelector": named("a1")}
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [peer]}])
    assert net.probe("other1", "b1") == "open"
    assert net.probe("other2", "b1") == "timeout"
    assert net.probe("a1", "b1") == "timeout"


def test_two_entries_are_alternatives(net):
    """The "stray dash": the label in the own namespace, or any pod of the other namespace."""
    peers = [{"namespaceSelector": {"matchLabels": {"team": "red"}}}, {"podSelector": named("a1")}]
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"from": peers}])
    assert net.probe("other2", "b1") == "open"
    assert net.probe("a1", "b1") == "open"
    assert net.probe("a2", "b1") == "timeout"


def test_the_empty_namespace_selector_means_all_pods_and_nothing_else(net):
    net.policy(
        podSelector=named("a1"), policyTypes=OUT, egress=[{"to": [{"namespaceSelector": {}}]}]
    )
    assert net.probe("a1", "other2") == "open"
    assert net.probe("a1", "internet", 80) == "timeout"
    assert net.probe("a1", "host2", 9100) == "timeout", "selectors never match nodes"


@pytest.mark.parametrize(
    ("expression", "sources"),
    [
        pytest.param({"key": "tier", "operator": "In", "values": ["web", "db"]}, {"a2"}, id="in"),
        pytest.param({"key": "tier", "operator": "NotIn", "values": ["web"]}, {"a1"}, id="not-in"),
        pytest.param({"key": "tier", "operator": "Exists"}, {"a2"}, id="exists"),
        pytest.param({"key": "tier", "operator": "DoesNotExist"}, {"a1"}, id="does-not-exist"),
    ],
)
def test_match_expressions_select_pods(net, expression, sources):
    peer = {"podSelector": {"matchExpressions": [expression]}}
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [peer]}])
    assert {s for s in ("a1", "a2") if net.probe(s, "b1") == "open"} == sources


def test_match_expressions_select_namespaces(net):
    expression = {"key": "team", "operator": "NotIn", "values": ["blue"]}
    peer = {"namespaceSelector": {"matchExpressions": [expression]}}
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [peer]}])
    assert net.probe("other1", "b1") == "open"
    assert net.probe("a1", "b1") == "timeout"


def test_a_policy_selects_by_match_expressions(net):
    net.policy(
        podSelector={"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, policyTypes=IN
    )
    assert net.probe("other1", "b1") == "timeout"
    assert net.probe("other1", "a1") == "open"


def test_ports_name_the_pods_port_not_the_services(net):
    net.service("web", "10.96.0.20", B1)
    net.policy(podSelector=named("a1"), policyTypes=OUT, egress=[{"ports": [{"port": 80}]}])
    assert net.probe("a1", "10.96.0.20", 80) == "timeout"
    net.policy(
        "right", podSelector=named("a1"), policyTypes=OUT, egress=[{"ports": [{"port": 8080}]}]
    )
    assert net.probe("a1", "10.96.0.20", 80) == "open"
    assert net.probe("a1", "b1", 8080) == "open"


def test_a_rule_with_ports_allows_only_these(net):
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"ports": [{"port": 8080}]}])
    assert net.probe("a1", "b1", 8080) == "open"
    assert net.probe("a1", "b1", 8443) == "timeout"
    assert net.probe("a1", "b1", 8081, "UDP") == "timeout"


def test_a_port_without_protocol_is_tcp(net):
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"ports": [{"port": 8081}]}])
    assert net.probe("a1", "b1", 8081, "UDP") == "timeout"
    assert net.probe("a1", "b1", 8081, "TCP") == "refused", "allowed, nobody listens"


def test_udp_ports_are_udp_only(net):
    net.policy(
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"ports": [{"port": 8081, "protocol": "UDP"}]}],
    )
    assert net.probe("a1", "b1", 8081, "UDP") == "open"
    assert net.probe("a1", "b1", 8081, "TCP") == "timeout"


def test_an_end_port_makes_a_range(net):
    net.policy(
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"ports": [{"port": 8000, "endPort": 8080}]}],
    )
    assert net.probe("a1", "b1", 8080) == "open"
    assert net.probe("a1", "b1", 8443) == "timeout"


def test_overlapping_ports_are_all_allowed(net):
    ports = [{"port": 8000, "endPort": 8100}, {"port": 8080}, {"port": 8090, "endPort": 9000}]
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"ports": ports}])
    assert net.probe("a1", "b1", 8080) == "open"
    assert net.probe("a1", "b1", 8443) == "open"


def test_a_protocol_alone_means_all_its_ports(net):
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"ports": [{"protocol": "TCP"}]}])
    assert net.probe("a1", "b1", 8443) == "open"
    assert net.probe("a1", "b1", 8081, "UDP") == "timeout"


@pytest.mark.parametrize(
    "ports", [[{"protocol": "TCP"}], [{"protocol": "TCP", "port": 1, "endPort": 65535}]]
)
def test_a_rule_with_ports_drops_ping(net, ports):
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"ports": ports}])
    assert net.probe("a1", "b1") == "open"
    assert not net.ping("a1", "b1")


def test_a_rule_without_ports_allows_ping(net):
    net.policy(
        podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [{"podSelector": named("a1")}]}]
    )
    assert net.ping("a1", "b1")
    assert not net.ping("a2", "b1")


def test_a_named_port_is_each_target_pods_own(net):
    ports = [{"name": "web", "containerPort": 8443}]
    net.pod("odd", ports=ports)
    net.policy(podSelector={}, policyTypes=IN, ingress=[{"ports": [{"port": "web"}]}])
    assert net.probe_all(
        [
            ("a1", "a2", 8080, "TCP"),
            ("a1", "odd", 8443, "TCP"),
            ("a1", "a2", 8443, "TCP"),
            ("a1", "odd", 8080, "TCP"),
        ]
    ) == ["open", "open", "timeout", "timeout"]
    net.ask("remove_pod", name="odd")


def test_a_named_port_in_egress_is_the_destinations(net):
    net.policy(
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"namespaceSelector": {}}], "ports": [{"port": "web"}]}],
    )
    assert net.probe("a1", "other2", 8080) == "open"
    assert net.probe("a1", "other2", 8443) == "timeout"


def test_a_named_port_that_no_pod_declares_allows_nothing(net):
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{"ports": [{"port": "nope"}]}])
    assert net.probe("a1", "b1") == "timeout"


@pytest.mark.parametrize(("declared", "outcome"), [("UDP", "open"), ("TCP", "timeout")])
def test_a_named_port_has_a_protocol(net, declared, outcome):
    net.pod("odd", ports=[{"name": "echo", "containerPort": 8081, "protocol": declared}])
    net.policy(
        podSelector=named("odd"),
        policyTypes=IN,
        ingress=[{"ports": [{"port": "echo", "protocol": "UDP"}]}],
    )
    patience = {"timeout": 5.0} if outcome == "open" else {}
    answer = net.probe("a1", "odd", 8081, "UDP", **patience)
    net.ask("remove_pod", name="odd")
    assert answer == outcome


def test_an_ip_block_outside_opens_only_that(net):
    net.policy(
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 80}]}],
    )
    assert net.probe("a1", "internet", 80) == "open"
    assert net.probe("a1", "backup", 80) == "timeout"


def test_an_exception_is_cut_out_of_its_block(net):
    block = {"cidr": "203.0.0.0/8", "except": ["203.0.113.10/32"]}
    net.policy(podSelector=named("a1"), policyTypes=OUT, egress=[{"to": [{"ipBlock": block}]}])
    assert net.probe("a1", "internet", 80) == "timeout"
    net.policy(
        "near",
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"ipBlock": block | {"except": ["203.0.113.11/32"]}}]}],
    )
    assert net.probe("a1", "internet", 80) == "open"


def test_an_exception_does_not_forbid_what_another_rule_allows(net):
    block = {"cidr": "0.0.0.0/0", "except": ["203.0.113.0/24"]}
    net.policy(
        "block", podSelector=named("a1"), policyTypes=OUT, egress=[{"to": [{"ipBlock": block}]}]
    )
    net.policy(
        "rest",
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"ipBlock": {"cidr": "203.0.113.10/32"}}]}],
    )
    assert net.probe("a1", "internet", 80) == "open"


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_the_block_of_everything_selects_pods_too(net, direction):
    """As Calico does; Cilium does not."""
    key = {"ingress": "from", "egress": "to"}[direction]
    net.policy(
        policyTypes=[direction.capitalize()],
        **{direction: [{key: [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]},
    )
    assert net.probe("a1", "b1") == "open"


def test_the_block_of_a_pods_address_opens_the_pod_by_address_and_by_service(net):
    net.service("web", "10.96.0.20", B1)
    net.policy(
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"ipBlock": {"cidr": f"{net.ips['b1']}/32"}}]}],
    )
    assert net.probe("a1", "b1") == "open"
    assert net.probe("a1", "10.96.0.20", 80) == "open"
    assert net.probe("a1", "a2") == "timeout"


def test_the_block_of_a_cluster_ip_opens_nothing(net):
    net.service("web", "10.96.0.20", B1)
    net.policy(
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"ipBlock": {"cidr": "10.96.0.20/32"}}]}],
    )
    assert net.probe("a1", "10.96.0.20", 80) == "timeout"
    assert net.probe("a1", "b1") == "timeout"


def test_an_ipv6_block_selects_nothing_here(net):
    net.policy(
        podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [{"ipBlock": {"cidr": "::/0"}}]}]
    )
    assert net.probe("a1", "b1") == "timeout"


@pytest.mark.parametrize("where", ["a1", "127.0.0.1"])
def test_a_pod_always_reaches_its_own_address(net, where):
    net.policy(policyTypes=BOTH)
    assert net.probe("a1", where) == "open"


def test_a_pod_does_not_reach_itself_through_its_service_under_deny_all(net):
    net.service("web", "10.96.0.20", B1)
    net.policy(policyTypes=BOTH)
    assert net.probe("b1", "10.96.0.20", 80) == "timeout"


@pytest.mark.parametrize("denied", BOTH)
def test_each_direction_alone_blocks_a_pods_own_service(net, denied):
    net.service("web", "10.96.0.20", B1)
    net.policy(policyTypes=[denied])
    assert net.probe("b1", "10.96.0.20", 80) == "timeout"


def test_the_own_node_always_reaches_its_pods(net):
    """So kubelet probes go on under deny-all."""
    net.policy(policyTypes=BOTH)
    assert net.probe("lab-2", "b1") == "open"
    assert net.probe("host2", "b1") == "open", "a host-network pod counts as its node"
    assert net.probe("lab-1", "b1") == "timeout"
    assert net.probe("host1", "b1") == "timeout"


def test_selectors_never_match_host_network_pods_elsewhere(net):
    """host1 and host2 carry the label app=a1."""
    net.policy(
        podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [{"namespaceSelector": {}}]}]
    )
    assert net.probe("a1", "b1") == "open"
    assert net.probe("host1", "b1") == "timeout"


def test_another_node_is_judged_by_its_address(net):
    net.policy(
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"from": [{"ipBlock": {"cidr": "10.98.1.11/32"}}]}],
    )
    assert net.probe("host1", "b1") == "open"
    assert net.probe("a1", "b1") == "timeout"


def test_egress_of_host_network_pods_is_not_judged(net):
    net.policy(podSelector=named("a1"), policyTypes=OUT)
    assert net.probe("a1", "b1") == "timeout"
    assert net.probe("host1", "b1") == "open"


def test_ingress_to_host_network_pods_is_not_judged(net):
    net.policy(podSelector=named("a1"), policyTypes=IN)
    assert net.probe("b1", "a1") == "timeout"
    assert net.probe("b1", "host1", 9100) == "open"


@pytest.mark.parametrize("node", ["host1", "host2"])
def test_egress_to_a_node_needs_a_block(net, node):
    net.policy(podSelector=named("a1"), policyTypes=OUT)
    assert net.probe("a1", node, 9100) == "timeout"
    net.policy(
        "nodes",
        podSelector=named("a1"),
        policyTypes=OUT,
        egress=[{"to": [{"ipBlock": {"cidr": "10.98.1.0/24"}}]}],
    )
    assert net.probe("a1", node, 9100) == "open"


class TestNodePorts:
    """b1 runs on lab-2 (10.98.1.12)."""

    @pytest.fixture(autouse=True)
    def _service(self, net):
        net.service("web", "10.96.0.20", B1, node_port=30080)

    def _both(self, net, source="internet"):
        return [net.probe(source, f"10.98.1.{n}", 30080) for n in (11, 12)]

    def test_deny_all_blocks_every_node(self, net):
        net.policy(policyTypes=IN)
        assert self._both(net) == ["timeout", "timeout"]

    def test_the_block_of_everything_opens_every_node(self, net):
        net.policy(policyTypes=IN, ingress=[{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])
        assert self._both(net) == ["open", "open"]

    def test_the_clients_block_opens_the_pods_own_node_only(self, net):
        net.policy(policyTypes=IN, ingress=[{"from": [{"ipBlock": {"cidr": "203.0.113.10/32"}}]}])
        assert self._both(net) == ["timeout", "open"]
        assert self._both(net, "backup") == ["timeout", "timeout"]


class TestEmptyServices:
    @pytest.fixture(autouse=True)
    def _service(self, net):
        net.service("empty", "10.96.0.21")

    def test_refusal_is_no_policy(self, net):
        net.policy(podSelector=named("b1"), policyTypes=IN)
        assert net.probe("a1", "10.96.0.21", 80) == "refused"

    def test_denied_egress_is_silent_even_there(self, net):
        net.policy(podSelector=named("a1"), policyTypes=OUT)
        assert net.probe("a1", "10.96.0.21", 80) == "timeout"


@pytest.mark.parametrize(("protocol", "port"), [("TCP", 8080), ("UDP", 8081)])
def test_established_connections_live_on(net, protocol, port):
    """UDP as well, from the source port that was answered before."""
    net.ask("hold", source="a1", ip=net.ips["b1"], port=port, protocol=protocol)
    net.policy(policyTypes=BOTH)
    assert net.probe("a1", "b1", port, protocol) == "timeout", "a new one is judged"
    assert net.ask("still_alive").startswith({"TCP": "still there", "UDP": "b1"}[protocol])


def test_a_policy_that_goes_leaves_nothing_denied(net):
    net.policy(policyTypes=BOTH)
    net.drop_policy()
    assert net.probe("a1", "b1") == "open"


def test_a_changed_policy_replaces_its_rules(net):
    net.policy(
        podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [{"podSelector": named("a1")}]}]
    )
    net.drop_policy()
    net.policy(
        podSelector=named("b1"), policyTypes=IN, ingress=[{"from": [{"podSelector": named("a2")}]}]
    )
    assert net.probe("a1", "b1") == "timeout"
    assert net.probe("a2", "b1") == "open"


def test_new_labels_of_a_namespace_count(net):
    net.policy(
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"new": "yes"}}}]}],
    )
    assert net.probe("other1", "b1") == "timeout"
    net.namespace("other", team="red", new="yes")
    net.settle()
    assert net.probe("other1", "b1") == "open"
    net.namespace("other", team="red")


def test_new_labels_of_a_running_pod_count(net):
    pod = net.pod("turncoat", node="lab-2")
    net.policy(
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"from": [{"podSelector": named("friend")}]}],
    )
    assert net.probe("turncoat", "b1") == "timeout"
    pod["metadata"]["labels"] = {"app": "friend"}
    net.ask("put", resource="pods", obj=pod)
    net.settle()
    assert net.probe("turncoat", "b1") == "open"
    net.ask("remove_pod", name="turncoat")


def test_a_finished_pod_is_nobodys_peer(net):
    pod = net.pod("done", node="lab-2")
    net.policy(
        podSelector=named("b1"),
        policyTypes=IN,
        ingress=[{"from": [{"podSelector": named("done")}]}],
    )
    assert net.probe("done", "b1") == "open"
    pod["status"] = {"phase": "Succeeded"}
    net.ask("put", resource="pods", obj=pod)
    net.settle()
    assert net.probe("done", "b1") == "timeout"
    net.ask("remove_pod", name="done")


def test_a_fresh_pod_is_never_open_before_its_policies(net):
    net.policy(policyTypes=IN)
    for number in range(5):
        name = f"fresh{number}"
        net.pod(name, node="lab-2")
        assert net.probe("a1", name) == "timeout"
        net.ask("remove_pod", name=name)


def test_missing_policy_types_default_as_the_api_server_does(net):
    net.policy(podSelector=named("b1"), egress=[{"to": [{"podSelector": named("a1")}]}])
    assert net.probe("a2", "b1") == "timeout"
    assert net.probe("b1", "a1") == "open"
    assert net.probe("b1", "a2") == "timeout"


def test_stated_policy_types_win_over_sections(net):
    net.policy(podSelector=named("b1"), policyTypes=IN, ingress=[{}], egress=[])
    assert net.probe("b1", "a1") == "open"
    assert net.probe("a1", "b1") == "open"


def test_policies_are_in_force_soon_after_the_store_changed(net):
    assert net.policy(policyTypes=IN) < 0.5, "about 10 ms on an idle machine"
