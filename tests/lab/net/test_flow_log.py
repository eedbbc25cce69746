"""What the lab's rules decided, told as Hubble tells it: each first packet, once."""

import itertools

import pytest

pytestmark = pytest.mark.lab

PORTS = itertools.count(61000)
WEB = {"matchLabels": {"app": "b1"}}
FROM_A1 = [{"from": [{"podSelector": {"matchLabels": {"app": "a1"}}}]}]
TO_B1 = [{"to": [{"podSelector": WEB}]}]


def named(app):
    return {"matchLabels": {"app": app}}


@pytest.fixture
def told(net):
    """Asks one flow with nc from a port of its own; what each node told of it."""

    def ask(source, target, port=8080, *, udp=False):
        chosen = next(PORTS)
        mode = ("-u", "-v", "-z") if udp else ("-z",)
        net.run(
            source,
            *("timeout", "0.7"),  # before a first packet is sent again
            "nc",
            *mode,
            "-n",
            "-w1",
            "-p",
            str(chosen),
            net.ips.get(target, target),
            str(port),
        )
        found = []
        for node in ("lab-1", "lab-2"):
            flows = [line["flow"] for line in net.ask("observe", node=node) if "flow" in line]
            found += [
                f for f in flows if chosen in [p.get("source_port") for p in f["l4"].values()]
            ]
        return found

    return ask


def summed(flow):
    kind = {4: "to-endpoint", 5: "policy-verdict"}[flow["event_type"]["type"]]
    return flow["node_name"], flow["traffic_direction"], flow["verdict"], kind


def names(flow, key):
    return [(p["kind"], p["namespace"], p["name"]) for p in flow.get(key, [])]


def test_without_policies_the_target_s_node_tells_that_a_packet_arrived(net, told):
    (flow,) = told("a1", "b1")

    assert summed(flow) == ("lab-2", "INGRESS", "FORWARDED", "to-endpoint")
    assert (flow["source"]["pod_name"], flow["destination"]["pod_name"]) == ("a1", "b1")
    assert "k8s:app=a1" in flow["source"]["labels"]
    assert flow["IP"]["source"] == net.ips["a1"]
    assert flow["IP"]["destination"] == net.ips["b1"]
    assert flow["l4"]["TCP"]["destination_port"] == 8080
    assert flow["l4"]["TCP"]["flags"] == {"SYN": True}
    assert flow["is_reply"] is False


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_a_default_deny_is_told_by_the_target_s_node_and_names_nobody(net, told, udp):
    net.policy(podSelector=WEB, policyTypes=["Ingress"])

    flows = told("a1", "b1", 8081 if udp else 8080, udp=udp)

    assert {summed(f) for f in flows} == {("lab-2", "INGRESS", "DROPPED", "policy-verdict")}
    assert {f["drop_reason_desc"] for f in flows} == {"POLICY_DENIED"}
    assert not any("ingress_denied_by" in f for f in flows)


def test_a_denied_way_out_is_told_by_the_source_s_node(net, told):
    net.policy(podSelector=named("a1"), policyTypes=["Egress"])

    flows = told("a1", "b1")

    assert {summed(f) for f in flows} == {("lab-1", "EGRESS", "DROPPED", "policy-verdict")}


def test_what_a_policy_allows_is_told_with_its_name_in_each_direction(net, told):
    net.policy("out", podSelector=named("a1"), policyTypes=["Egress"], egress=TO_B1)
    net.policy("in", podSelector=WEB, policyTypes=["Ingress"], ingress=FROM_A1)
    net.policy("deny", podSelector={}, policyTypes=["Ingress", "Egress"])

    out, into = told("a1", "b1")

    assert summed(out) == ("lab-1", "EGRESS", "FORWARDED", "policy-verdict")
    assert names(out, "egress_allowed_by") == [("NetworkPolicy", "default", "out")]
    assert summed(into) == ("lab-2", "INGRESS", "FORWARDED", "policy-verdict")
    assert names(into, "ingress_allowed_by") == [("NetworkPolicy", "default", "in")]


def test_a_service_s_packet_is_told_with_its_endpoint(net, told):
    net.service("web", "10.96.7.7", ("b1", "lab-2"))

    (flow,) = told("a1", "10.96.7.7", 80)

    assert flow["IP"]["destination"] == net.ips["b1"]
    assert flow["l4"]["TCP"]["destination_port"] == 8080


def test_a_ping_is_told_with_its_identifier(net):
    net.policy(podSelector=WEB, policyTypes=["Ingress"])
    net.run("a1", "ping", "-c1", "-W1", "-e", "4711", net.ips["b1"])
    lines = net.ask("observe", node="lab-2", from_ip=[net.ips["a1"]])
    pings = [x["flow"]["l4"].get("ICMPv4") for x in lines]

    assert pings[-1] == {"type": 8, "identifier": 4711}


def test_a_place_outside_is_told_as_the_node_that_it_is_here(net, told):
    net.policy(podSelector=named("a1"), policyTypes=["Egress"])

    (flow,) = told("a1", "203.0.113.10", 80)

    assert flow["destination"]["labels"] == ["reserved:remote-node"]


def test_who_follows_is_told_at_once_of_what_comes_and_first_of_what_was(net, told):
    told("a1", "b1")
    before = len(net.ask("observe", node="lab-2"))

    assert len(net.ask("observe", node="lab-2", count=before)) == before


def test_a_pod_s_own_network_leads_to_no_agent(net):
    assert net.ask("observed_elsewhere", pod="a1") == "Connection refused"


def guard(action):
    peers = {"action": action, "from": [{"namespaces": {}}]}
    return {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "ingress": [peers]}


@pytest.mark.parametrize(
    ("kind", "namespace", "called"),
    [
        ("globalnetworkpolicies", None, "GlobalNetworkPolicy"),
        ("networkpolicies", "default", "CalicoNetworkPolicy"),
    ],
)
def test_a_rule_of_calicos_own_kinds_is_named(net, told, kind, namespace, called):
    spec = {"selector": "app == 'b1'", "ingress": [{"action": "Deny"}]}
    net.put(f"{kind}.projectcalico.org", "guard", namespace=namespace, spec=spec)
    net.settle()

    (flow,) = told("a1", "b1")

    (policy,) = flow["ingress_denied_by"]
    assert summed(flow) == ("lab-2", "INGRESS", "DROPPED", "policy-verdict")
    assert (policy["kind"], policy["name"], policy.get("namespace")) == (called, "guard", namespace)


@pytest.mark.parametrize(
    ("action", "verdict", "key"),
    [("Deny", "DROPPED", "ingress_denied_by"), ("Accept", "FORWARDED", "ingress_allowed_by")],
)
def test_a_rule_of_a_tier_is_named_with_its_kind(net, told, action, verdict, key):
    kind = "clusternetworkpolicies.policy.networking.k8s.io"
    net.policy(podSelector=WEB, policyTypes=["Ingress"])
    net.put(kind, "guard", spec=guard(action))
    net.settle()

    (flow,) = told("a1", "b1")

    (policy,) = flow[key]
    assert summed(flow) == ("lab-2", "INGRESS", verdict, "policy-verdict")
    assert (policy["kind"], policy["name"]) == ("ClusterNetworkPolicy", "guard")
    assert "namespace" not in policy
    assert "k8s:io.cilium.k8s.policy.derived-from=ClusterNetworkPolicy" in policy["labels"]
