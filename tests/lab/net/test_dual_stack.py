"""A network of both families: each is served, translated and filtered on its own."""

import pytest

from npol_lab.families import IPV6
from tests.lab.net.conftest import SLICES, Packets

pytestmark = pytest.mark.lab

IN, OUT = ["Ingress"], ["Egress"]
FOUR, SIX = "10.96.0.20", "fd00:10:96::20"


@pytest.fixture(scope="module")
def cluster():
    packets = Packets(families=["IPv4", "IPv6"])
    packets.namespace("default")
    packets.pod("a")
    packets.pod("b", node="lab-2")
    packets.pod("c", node="lab-2", ports=[{"name": "web", "containerPort": 8443}])
    packets.pod("internet", node="internet", namespace="outside", hostNetwork=True, tcp=(80,))
    yield packets
    packets.close()


@pytest.fixture
def net(cluster):
    yield cluster
    cluster.clean()


def selecting(app):
    return {"matchLabels": {"app": app}}


def both(net, source, target, port=8080, protocol="TCP"):
    """What comes of a flow over IPv4, and over IPv6."""
    flows = [(source, name, port, protocol) for name in (target, f"{target}/6")]
    return net.probe_all(flows)


def serve(net, *pods, target=8080, protocol="TCP", **spec):
    """The Service `web` at FOUR and SIX, with one slice of each family."""
    entry = {"port": 80, "protocol": protocol, **spec.pop("entry", {})}
    given = {"clusterIP": FOUR, "clusterIPs": [FOUR, SIX], "ports": [entry], **spec}
    net.put("services", "web", namespace="default", spec=given)
    for kind, suffix in (("IPv4", ""), ("IPv6", "/6")):
        ends = [{"addresses": [net.ips[f"{p}{suffix}"]], "nodeName": "lab-2"} for p in pods]
        net.put(
            SLICES,
            f"web-{kind.lower()}",
            namespace="default",
            labels={"kubernetes.io/service-name": "web"},
            addressType=kind,
            endpoints=ends,
            ports=[{"port": target, "protocol": protocol}],
        )
    net.settle()


def test_a_pod_has_the_same_number_in_both_families(net):
    assert (net.ips["a"], net.ips["a/6"]) == ("10.244.1.2", "fd00:10:244:1::2")


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
@pytest.mark.parametrize("source", ["a", "c", "lab-1", "internet"])
def test_without_policies_both_families_are_open(net, source, protocol):
    port = 8080 if protocol == "TCP" else 8081
    assert both(net, source, "b", port, protocol) == ["open", "open"]


def test_a_pod_behind_a_node_sees_an_ipv6_client_s_own_address(net):
    assert net.look("a", "b/6")["text"].split() == ["b", net.ips["a/6"]]


def test_a_pod_reaches_places_outside_with_its_node_s_address(net):
    answer = net.look("a", "internet/6", 80)["text"]
    assert answer.split() == ["internet", "fd00:10:98:1::11"]


def test_deny_all_is_silence_in_both_families(net):
    net.policy(podSelector=selecting("b"), policyTypes=IN)
    assert both(net, "a", "b") == ["timeout", "timeout"]
    assert both(net, "a", "c") == ["open", "open"]


def test_a_block_of_all_ipv4_addresses_opens_no_ipv6(net):
    net.policy(
        podSelector=selecting("a"),
        policyTypes=OUT,
        egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
    )
    assert both(net, "a", "b") == ["open", "timeout"]


def test_a_block_of_ipv6_has_exceptions_and_opens_no_ipv4(net):
    block = {"cidr": "fd00:10:244::/48", "except": [f"{net.ips['c/6']}/128"]}
    net.policy(podSelector=selecting("a"), policyTypes=OUT, egress=[{"to": [{"ipBlock": block}]}])
    assert both(net, "a", "b") == ["timeout", "open"]
    assert both(net, "a", "c") == ["timeout", "timeout"]


def test_selected_pods_are_meant_with_all_their_addresses(net):
    net.policy(
        podSelector=selecting("b"),
        policyTypes=IN,
        ingress=[{"from": [{"podSelector": selecting("a")}]}],
    )
    assert both(net, "a", "b") == ["open", "open"]
    assert both(net, "c", "b") == ["timeout", "timeout"]


def test_a_port_s_name_is_each_pod_s_own_number_in_both_families(net):
    net.policy(policyTypes=IN, ingress=[{"ports": [{"port": "web"}]}])
    assert both(net, "a", "b") == ["open", "open"]
    assert both(net, "a", "c") == ["timeout", "timeout"]
    assert both(net, "a", "c", 8443) == ["open", "open"]


def test_no_policy_cuts_neighbour_discovery(net):
    """A pod that may send to one pod only must still be able to ask who its router is."""
    allowed = [{"to": [{"podSelector": selecting("b")}]}]
    net.policy(podSelector=selecting("a"), policyTypes=OUT, egress=allowed)
    forget = net.run("a", "ip", "-6", "neigh", "del", IPV6.gateway, "dev", "eth0")
    assert forget["code"] == 0, forget
    assert both(net, "a", "b") == ["open", "open"]
    assert both(net, "a", "c") == ["timeout", "timeout"]


@pytest.mark.parametrize("source", ["a", "c", "lab-1"])
def test_a_service_answers_at_both_its_addresses(net, source):
    serve(net, "b")
    answers = [net.look(source, address, 80)["text"].split()[0] for address in (FOUR, SIX)]
    assert answers == ["b", "b"]


def test_a_service_spreads_over_its_pods_in_each_family(net):
    serve(net, "b", "c")
    flows = [{"source": "a", "ip": SIX, "port": 80, "timeout": 5}] * 40
    assert {answer["text"].split()[0] for answer in net.ask("probe", flows=flows)} == {"b", "c"}


def test_an_affine_service_keeps_an_ipv6_client_at_one_pod(net):
    serve(net, "b", "c", sessionAffinity="ClientIP")
    flows = [{"source": "a", "ip": SIX, "port": 80, "timeout": 5}] * 20
    assert len({answer["text"] for answer in net.ask("probe", flows=flows)}) == 1


def test_a_pod_reaches_itself_through_its_ipv6_service(net):
    serve(net, "b")
    assert net.look("b", SIX, 80)["text"].split() == ["b", "fd00:10:98:1::12"]


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_a_service_without_endpoints_refuses_in_both_families(net, protocol):
    serve(net, protocol=protocol)
    answers = net.probe_all([("a", address, 80, protocol) for address in (FOUR, SIX)])
    assert answers == ["refused", "refused"]


def test_a_node_port_answers_at_both_addresses_of_a_node(net):
    serve(net, "b", type="NodePort", entry={"nodePort": 30080})
    flows = [("internet", ip, 30080, "TCP") for ip in ("10.98.1.11", "fd00:10:98:1::11")]
    assert net.probe_all(flows) == ["open", "open"]


def test_a_policy_judges_a_service_s_pods_in_each_family(net):
    serve(net, "b")
    net.policy(
        podSelector=selecting("b"),
        policyTypes=IN,
        ingress=[{"from": [{"ipBlock": {"cidr": "fd00::/16"}}]}],
    )
    assert net.probe_all([("a", address, 80, "TCP") for address in (FOUR, SIX)]) == [
        "timeout",
        "open",
    ]


def test_udp_clients_of_an_ended_ipv6_endpoint_are_sent_on(net):
    serve(net, "b", target=8081, protocol="UDP")
    assert net.ask("hold", source="a", ip=SIX, port=80, protocol="UDP").startswith("b ")
    serve(net, "c", target=8081, protocol="UDP")
    assert net.ask("still_alive").startswith("c ")


def test_flow_records_tell_of_ipv6(net):
    net.policy(podSelector=selecting("b"), policyTypes=IN)
    assert net.probe("a", "b/6") == "timeout"
    told = net.ask("observe", node="lab-2", to_ip=[net.ips["b/6"]])
    flow = told[-1]["flow"]
    assert flow["IP"] == {
        "source": net.ips["a/6"],
        "destination": net.ips["b/6"],
        "ipVersion": "IPv6",
    }
    assert (flow["verdict"], flow["destination"]["pod_name"]) == ("DROPPED", "b")
    assert flow["l4"]["TCP"]["destination_port"] == 8080


def test_a_ping_over_ipv6_follows_the_policies(net):
    assert net.ping("a", "b/6")
    net.policy(podSelector=selecting("a"), policyTypes=OUT)
    assert not net.ping("a", "b/6")
