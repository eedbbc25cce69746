"""Packets between pods, nodes and places, before any policy."""

import pytest

from tests.live.conftest import wait_until

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    ("source", "target", "port", "protocol"),
    [
        pytest.param("a1", "a2", 8080, "TCP", id="same-node"),
        pytest.param("a1", "b1", 8080, "TCP", id="other-node"),
        pytest.param("a1", "b1", 8081, "UDP", id="other-node-udp"),
        pytest.param("a1", "a1", 8080, "TCP", id="itself"),
        pytest.param("a1", "127.0.0.1", 8080, "TCP", id="loopback"),
        pytest.param("a1", "host1", 9100, "TCP", id="own-node"),
        pytest.param("a1", "host2", 9100, "TCP", id="other-nodes-address"),
        pytest.param("lab-1", "a1", 8080, "TCP", id="kubelet-to-its-pod"),
        pytest.param("lab-1", "b1", 8080, "TCP", id="node-to-remote-pod"),
        pytest.param("a1", "internet", 80, "TCP", id="outside"),
        pytest.param("a1", "backup", 8081, "UDP", id="outside-udp"),
        pytest.param("internet", "b1", 8080, "TCP", id="from-outside"),
    ],
)
def test_network_connects(net, source, target, port, protocol):
    assert net.probe(source, target, port, protocol) == "open"


def test_network_keeps_the_source_address_between_pods(net):
    assert net.look("a1", "b1")["text"].split() == ["b1", net.ips["a1"]]


def test_pods_appear_outside_with_the_address_of_their_node(net):
    assert net.look("a1", "internet", 80)["text"].split() == ["internet", "10.98.1.11"]


def test_a_port_without_listener_is_refused(net):
    assert net.probe("a1", "b1", 9) == "refused"
    assert net.probe("a1", "b1", 9, "UDP") == "refused"


def test_an_unassigned_address_is_unreachable(net):
    assert net.probe("a1", "198.51.100.7", 80) == "unreachable"


def test_pods_ping(net):
    assert net.ping("a1", "b1")
    assert net.ping("a1", "internet")


def test_a_pod_has_its_name_and_its_own_processes(net):
    told = net.run("b1", "sh", "-c", "hostname; echo $$")
    name, number = told["output"].split()
    assert name == "b1"
    assert int(number) < 100, "a process number of the pod's own namespace"


def test_the_exit_status_of_a_program_comes_back(net):
    assert net.run("a1", "sh", "-c", "exit 7")["code"] == 7


def test_a_removed_pod_is_gone_with_its_processes(net):
    pod = net.pod("brief")
    address = net.ips["brief"]
    net.ask("remove_pod", name=pod["metadata"]["name"])
    assert net.probe("a1", address) in ("timeout", "unreachable")


def test_addresses_rest_before_they_are_given_again(net):
    net.pod("first")
    first = net.ips["first"]
    net.ask("remove_pod", name="first")
    net.pod("second")
    assert net.ips["second"] != first
    net.ask("remove_pod", name="second")


def test_a_pod_that_cannot_be_made_leaves_nothing(net):
    before = net.ask("counts")
    for _ in range(3):
        with pytest.raises(RuntimeError, match="ip link add"):
            net.ask("add_broken_pod", node="lab-1")

    def no_more():
        """Less it may be: who was asked to end before may still have been there."""
        return all(now <= then for now, then in zip(net.ask("counts"), before, strict=True))

    wait_until(no_more, "its process to end")


def test_a_refused_netlink_request_says_what_was_asked(net):
    with pytest.raises(RuntimeError, match=r"No such device.*ip link del index 4242"):
        net.ask("delete_link", index=4242)
