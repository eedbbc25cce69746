"""The lab's flow records, by the way by which a cluster's are read: exec in its agents' pods."""

import contextlib
import threading
import time

import pytest

from npol.flow_records.record_watch import watch
from npol.kube.exec import open_exec
from npol.model.flow_record import ObservationPoint, RecordedPolicy, RecordVerdict
from npol.model.inventory import pod_ref
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.commands.connect import ping_commands
from npol.probe.commands.source_port import from_port
from npol.probe.toolbox import Toolbox

pytestmark = pytest.mark.lab

WITHIN = 30.0
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"


@pytest.fixture(scope="module")
def pods(api, core):
    """`client` and `web` in namespace shop, one on each node."""
    core.create_namespace({"metadata": {"name": "shop"}})
    for number, name in enumerate(("client", "web"), 1):
        container = {"name": "c", "image": AGNHOST, "args": ["netexec", "--http-port=80"]}
        core.create_namespaced_pod(
            "shop",
            {
                "metadata": {"name": name, "labels": {"app": name}},
                "spec": {"nodeName": f"lab-{number}", "containers": [container]},
            },
        )
    deadline = time.monotonic() + WITHIN
    while True:
        found = core.list_namespaced_pod("shop").items
        refs = [pod_ref(api.sanitize_for_serialization(pod)) for pod in found]
        if len(refs) == 2 and all(ref.ready for ref in refs):
            return {ref.name: ref for ref in refs}
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def records(connection, pods, monkeypatch):
    monkeypatch.delenv("NPOL_FLOW_RECORDS", raising=False)  # off on some runs of the suite
    watching = watch("auto", connection)
    watching.follow([pods["client"]], ["lab-1", "lab-2"])
    yield watching
    watching.close()


def told(records, address, port, protocol=Protocol.TCP):
    """The first record of a packet from this port; without a protocol, of a ping."""
    news = threading.Condition()

    def found():
        return records.store.of_probe(protocol, address, port, 0.0)

    def notify(*_):
        with news:
            news.notify_all()

    stop = records.store.listen(notify)
    with news:
        assert news.wait_for(found, WITHIN), records.notes()
    stop()
    return found()[0].record


def knock(connection, pods, port):
    """`client` asks `web` for a connection, from this port."""
    argv = ("nc", "-z", "-n", "-w", "1", "-p", str(port), pods["web"].ip, "80")
    run(connection, pods, argv)


def run(connection, pods, argv):
    """In `client`, to its end."""
    with contextlib.closing(open_exec(connection, pods["client"], argv)) as stream:
        while stream.status is None:
            assert stream.read(WITHIN)


def knocked_until(enforced, connection, pods, records, first_port):
    """The record of the first connection that finds a policy in force: that takes a moment."""
    for port in range(first_port, first_port + 20):
        knock(connection, pods, port)
        record = told(records, pods["client"].ip, port)
        if enforced(record):
            break
    return record


def policy(policies, name, **spec):
    body = {"metadata": {"name": name}, "spec": {"podSelector": {}, **spec}}
    policies.create_namespaced_network_policy("shop", body)


def test_an_open_flow_is_told_to_have_arrived(connection, pods, records):
    knock(connection, pods, 61100)
    record = told(records, pods["client"].ip, 61100)

    assert (record.verdict, record.point) == (
        RecordVerdict.FORWARDED,
        ObservationPoint.TO_ENDPOINT,
    )
    assert record.node == "lab-2"
    assert record.first
    assert record.source.labels == {"app": "client"}
    assert record.target.namespace_labels == {"kubernetes.io/metadata.name": "shop"}


def test_a_ping_is_known_by_its_identifier(connection, pods, records):
    probe = Probe(key="k", kind=ProbeKind.PING, address=pods["web"].ip, timeout=1.0)
    (command,) = ping_commands(probe, Toolbox(tools=frozenset({"ping"})))
    run(connection, pods, from_port(command, 61105).argv)

    record = told(records, pods["client"].ip, 61105, protocol=None)

    assert (record.verdict, record.target.address) == (RecordVerdict.FORWARDED, pods["web"].ip)


def test_a_denied_flow_is_told_to_be_dropped_and_an_allowed_one_by_which_policy(
    policies, connection, pods, records
):
    policy(policies, "deny", policyTypes=["Ingress"])
    dropped = knocked_until(
        lambda r: r.verdict is not RecordVerdict.FORWARDED, connection, pods, records, 61110
    )
    policy(policies, "let-in", policyTypes=["Ingress"], ingress=[{"ports": [{"port": 80}]}])
    allowed = knocked_until(
        lambda r: r.verdict is RecordVerdict.FORWARDED, connection, pods, records, 61130
    )

    assert (dropped.verdict, dropped.reason) == (RecordVerdict.DROPPED_BY_POLICY, "POLICY_DENIED")
    assert (dropped.node, dropped.policies) == ("lab-2", ())
    assert allowed.verdict is RecordVerdict.FORWARDED
    assert allowed.policies == (
        RecordedPolicy(kind="NetworkPolicy", namespace="shop", name="let-in"),
    )
