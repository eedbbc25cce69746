"""Services with real packets, as kube-proxy serves them."""

import pytest

from npol_lab.net.services import exposed, rules_for

B1 = ("b1", "lab-2")
A2 = ("a2", "lab-1")


@pytest.mark.lab
@pytest.mark.parametrize("source", ["a1", "other2", "lab-1", "host2"])
def test_a_cluster_ip_leads_to_a_pod(net, source):
    net.service("web", "10.96.0.20", B1)
    assert net.look(source, "10.96.0.20", 80)["text"].startswith("b1 ")


@pytest.mark.lab
def test_a_cluster_ip_keeps_the_clients_address(net):
    net.service("web", "10.96.0.20", B1)
    assert net.look("a1", "10.96.0.20", 80)["text"].split() == ["b1", net.ips["a1"]]


@pytest.mark.lab
def test_a_service_serves_udp(net):
    net.service("web", "10.96.0.20", B1, target=8081, protocol="UDP")
    assert net.probe("a1", "10.96.0.20", 80, "UDP") == "open"
    assert net.probe("a1", "10.96.0.20", 80, "TCP") == "refused"


@pytest.mark.lab
def test_a_service_spreads_over_its_pods(net):
    net.service("web", "10.96.0.20", A2, B1)
    flows = [{"source": "a1", "ip": "10.96.0.20", "port": 80}] * 40
    texts = {answer["text"].split()[0] for answer in net.ask("probe", flows=flows)}
    assert texts == {"a2", "b1"}


@pytest.mark.lab
def test_session_affinity_keeps_a_client_at_one_pod(net):
    net.service("web", "10.96.0.20", A2, B1, sessionAffinity="ClientIP")
    flows = [{"source": "a1", "ip": "10.96.0.20", "port": 80}] * 20
    assert len({answer["text"] for answer in net.ask("probe", flows=flows)}) == 1


@pytest.mark.lab
def test_a_pod_reaches_itself_through_its_service_and_sees_the_node(net):
    net.service("web", "10.96.0.20", B1)
    assert net.look("b1", "10.96.0.20", 80)["text"].split() == ["b1", "10.98.1.12"]


@pytest.mark.lab
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_a_service_without_endpoints_refuses_at_once(net, protocol):
    net.service("empty", "10.96.0.21", protocol=protocol)
    assert net.probe("a1", "10.96.0.21", 80, protocol) == "refused"
    assert net.probe("lab-2", "10.96.0.21", 80, protocol) in ("refused", "unreachable")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("egress", "seen"),
    [
        pytest.param([{}], "refused", id="every-peer"),
        pytest.param([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], "refused", id="every-address"),
        pytest.param([], "timeout", id="deny-all"),
        pytest.param([{"to": [{"namespaceSelector": {}}]}], "timeout", id="namespaces"),
        pytest.param([{"ports": [{"port": 8080}]}], "timeout", id="the-pods-port"),
    ],
)
def test_a_service_without_endpoints_is_silent_where_its_address_is_not_allowed(net, egress, seen):
    """Measured on Calico: the address is not translated, so it is what policies judge."""
    net.service("empty", "10.96.0.21")
    policy = {"podSelector": {"matchLabels": {"app": "a1"}}, "policyTypes": ["Egress"]}
    net.policy(**policy, egress=egress)

    assert net.probe("a1", "10.96.0.21", 80) == seen


@pytest.mark.lab
@pytest.mark.parametrize(
    ("asked", "more"),
    [
        pytest.param("10.96.0.20", {}, id="cluster-ip"),
        pytest.param("10.98.1.12", {"node_port": 30080}, id="node-port"),
    ],
)
def test_a_udp_client_that_keeps_its_port_is_led_to_a_remaining_endpoint(net, asked, more):
    """As kube-proxy clears conntrack: the old translation would go on as long as the client."""
    udp = {"target": 8081, "protocol": "UDP", **more}
    port = more.get("node_port", 80)
    net.service("names", "10.96.0.20", A2, **udp)
    assert net.ask("hold", source="other2", ip=asked, port=port, protocol="UDP")[:2] == "a2"
    net.service("names", "10.96.0.20", A2, B1, **udp)
    assert net.ask("still_alive")[:2] == "a2", "its endpoint is still there"
    net.service("names", "10.96.0.20", B1, **udp)
    assert net.ask("still_alive")[:2] == "b1"


@pytest.mark.lab
def test_a_port_that_the_service_lacks_is_refused(net):
    net.service("web", "10.96.0.20", B1)
    assert net.probe("a1", "10.96.0.20", 81) == "refused"


@pytest.mark.lab
@pytest.mark.parametrize("node", ["10.98.1.11", "10.98.1.12"])
@pytest.mark.parametrize("source", ["internet", "backup", "a1", "lab-1"])
def test_a_node_port_answers_on_every_node(net, source, node):
    net.service("web", "10.96.0.20", B1, node_port=30080)
    assert net.probe(source, node, 30080) == "open"


@pytest.mark.lab
@pytest.mark.parametrize("node", ["10.98.1.11", "10.98.1.12"])
def test_a_node_port_shows_the_node_as_the_client(net, node):
    net.service("web", "10.96.0.20", B1, node_port=30080)
    assert net.look("internet", node, 30080)["text"].split() == ["b1", node]


@pytest.mark.lab
def test_a_local_node_port_shows_the_true_client_and_stays_on_its_node(net):
    net.service("web", "10.96.0.20", B1, node_port=30080, externalTrafficPolicy="Local")
    assert net.look("internet", "10.98.1.12", 30080)["text"].split() == ["b1", "203.0.113.10"]
    assert net.probe("internet", "10.98.1.11", 30080) == "timeout"
    assert net.probe("a1", "10.98.1.11", 30080) == "open", "pods take the ClusterIP's way"


@pytest.mark.lab
def test_an_internal_traffic_policy_keeps_clients_on_their_node(net):
    net.service("web", "10.96.0.20", A2, B1, internalTrafficPolicy="Local")
    flows = [{"source": "a1", "ip": "10.96.0.20", "port": 80}] * 20
    assert {a["text"].split()[0] for a in net.ask("probe", flows=flows)} == {"a2"}


@pytest.mark.lab
def test_a_node_port_without_endpoints_is_refused(net):
    net.service("empty", "10.96.0.21", node_port=30081)
    assert net.probe("internet", "10.98.1.11", 30081) == "refused"


@pytest.mark.lab
def test_a_host_port_leads_to_its_pod_on_its_own_node(net):
    ports = [{"containerPort": 8080, "hostPort": 8888}]
    net.pod("porter", node="lab-2", ports=ports)
    net.settle()
    answers = [net.look("internet", f"10.98.1.{n}", 8888) for n in (11, 12)]
    net.ask("remove_pod", name="porter")
    assert [a["outcome"] for a in answers] == ["refused", "open"]
    assert answers[1]["text"].split() == ["porter", "203.0.113.10"], "the client's own address"


def _service(name="web", **spec):
    spec = {"clusterIP": "10.96.0.20", "ports": [{"port": 80}], **spec}
    return {"metadata": {"namespace": "default", "name": name}, "spec": spec}


def _slice(*endpoints, ports=({"port": 8080},)):
    labels = {"kubernetes.io/service-name": "web"}
    metadata = {"namespace": "default", "name": "web-x", "labels": labels}
    return {"metadata": metadata, "endpoints": list(endpoints), "ports": list(ports)}


def _endpoint(address, **conditions):
    return {"addresses": [address], "nodeName": "lab-1", "conditions": conditions}


def _addresses(port):
    return [endpoint.address for endpoint in port.endpoints]


def test_only_ready_endpoints_are_used():
    (port,) = exposed(
        [_service()],
        [_slice(_endpoint("10.0.0.1", ready=True), _endpoint("10.0.0.2", ready=False))],
    )
    assert _addresses(port) == ["10.0.0.1"]


def test_ending_endpoints_serve_where_no_other_is_left():
    """KEP-1672: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/"""
    ending = _endpoint("10.0.0.2", ready=False, serving=True, terminating=True)
    (port,) = exposed([_service()], [_slice(ending, _endpoint("10.0.0.3", ready=False))])
    assert _addresses(port) == ["10.0.0.2"]


def test_an_unknown_readiness_counts_as_ready():
    (port,) = exposed([_service()], [_slice(_endpoint("10.0.0.1"))])
    assert _addresses(port) == ["10.0.0.1"]


def test_what_is_no_address_or_no_port_stands_in_no_rule():
    whole = [_endpoint(a) for a in ('10.0.0.1 }; include "x"', "fd00::1", "010.0.0.1")]
    numbers = ({"port": 8080}, {"port": 70000}, {})
    (port,) = exposed([_service()], [_slice(*whole, ports=numbers)])

    assert [(e.address, e.port) for e in port.endpoints] == [("10.0.0.1", 8080)]


def test_what_a_load_balancer_says_is_an_address():
    given = [{"ip": '10.0.0.9 . tcp . 80 : drop }; include "x"'}, {"ip": "10.0.0.9"}]
    service = _service() | {"status": {"loadBalancer": {"ingress": given}}}
    (port,) = exposed([service], [])

    assert port.external_addresses == ["10.0.0.9"]


def test_endpoints_are_found_by_the_name_of_the_port():
    service = _service(ports=[{"name": "web", "port": 80}, {"name": "admin", "port": 81}])
    slices = [_slice(_endpoint("10.0.0.1"), ports=[{"name": "admin", "port": 9000}])]
    web, admin = exposed([service], slices)
    assert web.endpoints == ()
    assert [e.port for e in admin.endpoints] == [9000]


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"clusterIP": "None"}, id="headless"),
        pytest.param({"type": "ExternalName", "clusterIP": ""}, id="external-name"),
    ],
)
def test_services_without_an_address_need_no_rules(spec):
    assert exposed([_service(**spec)], [_slice(_endpoint("10.0.0.1"))]) == []


def test_equal_choices_share_a_chain():
    service = _service(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])
    ports = [{"name": "a", "port": 8080}, {"name": "b", "port": 8080}]
    ruleset = rules_for("lab-1", exposed([service], [_slice(_endpoint("10.0.0.1"), ports=ports)]))
    assert len([name for name in ruleset.chains if name.startswith("balance_")]) == 1
