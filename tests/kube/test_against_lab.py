"""Connection and exec against the lab's API server, with its faults: another server's reading."""

from __future__ import annotations

import random

import pytest

from npol.errors import InputError
from npol.kube.channels import ExecBroken
from npol.kube.connection import ApiError, LostReply, Mode, Unreachable, connect
from npol.kube.exec import run_once
from npol.kube.objects import NETWORK_POLICIES, Ref
from npol.kube.retry import RetryBudget
from npol.model.probe import PodRef
from tests.lab.api.conftest import serving

EXEC = {"resource": "pods", "subresource": "exec"}
MODES = (
    "fin", "rst", "close-without-status", "silent", "success-without-output", "garbage", "flood",
    "runtime-error", "exit-code-only",
)  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("lab")) as cluster:
        cluster.namespace("dev")
        yield cluster


@pytest.fixture
def faulty(lab):
    """Script faults; they are gone after the test."""

    def add(match, times=1, after=0, **action):
        rule = {"match": match, "times": times, "after": after, "action": action}
        assert lab.request("POST", "/npol-lab/faults", [rule]).code < 300

    yield add
    lab.request("DELETE", "/npol-lab/faults")


@pytest.fixture(scope="module")
def box(lab):
    made = lab.running_pod("dev", "box")
    return PodRef(namespace="dev", name="box", uid=made["metadata"]["uid"], ip="10.244.1.5")


def to(lab, mode=Mode.APPLY, **patience):
    return connect(
        kubeconfig=str(lab.kubeconfig), context="lab", mode=mode, patience=RetryBudget(**patience)
    )


def policy(name):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "dev"},
        "spec": {"podSelector": {}},
    }


def test_a_healthy_exec_is_a_result(lab, box):
    result = run_once(to(lab), box, ["sh", "-c", "echo out; echo err >&2; exit 7"], timeout=5)

    assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")


@pytest.mark.parametrize("mode", MODES)
def test_each_fault_of_an_exec_is_broken(lab, box, faulty, mode):
    faulty(EXEC, exec=mode)

    with pytest.raises(ExecBroken):
        run_once(to(lab), box, ["echo", "hi"], timeout=0.5)

    assert run_once(to(lab), box, ["echo", "hi"], timeout=5).stdout == "hi\n"


def wrong_results(lab, box, faulty, count, seed):
    """How many of `count` execs with random faults came back as a result that is not theirs."""
    chosen, connection, wrong = random.Random(seed), to(lab), 0
    for number in range(count):
        mode = chosen.choice((*MODES, None))
        if mode:
            faulty(EXEC, exec=mode)
        code = chosen.choice((0, 1, 28))
        argv = ["sh", "-c", f"echo {number}; exit {code}"]
        try:
            result = run_once(connection, box, argv, timeout=0.3 if mode else 10)
        except ExecBroken:
            wrong += mode is None
        else:
            wrong += (result.exit_code, result.stdout) != (code, f"{number}\n")
        lab.request("DELETE", "/npol-lab/faults")
    return wrong


def test_no_fault_becomes_a_result(lab, box, faulty):
    assert wrong_results(lab, box, faulty, 40, seed=1) == 0


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_no_fault_becomes_a_result_in_two_thousand(lab, box, faulty):
    assert wrong_results(lab, box, faulty, 2000, seed=2) == 0


@pytest.mark.parametrize("action", [{"status": 503}, {"drop": "before"}, {"drop": "after"}])
def test_a_request_that_is_safe_to_repeat_gets_through(lab, faulty, action):
    connection = to(lab)
    everything = {"resource": "networkpolicies.networking.k8s.io"}
    ref = Ref(NETWORK_POLICIES, "dev", "repeated")

    faulty(everything, **action)
    made = connection.apply(policy("repeated"))
    faulty(everything, **action)
    assert connection.get(ref)["metadata"]["uid"] == made["metadata"]["uid"]
    faulty(everything, **action)
    connection.delete(ref, uid=made["metadata"]["uid"])
    assert connection.get(ref) is None


@pytest.mark.parametrize("action", [{"drop": "after"}, {"drop": "before"}, {"status": 504}])
def test_a_lost_reply_can_be_resolved_by_reading(lab, faulty, action):
    connection = to(lab)
    faulty({"resource": "networkpolicies.networking.k8s.io", "verb": "create"}, **action)

    with pytest.raises(LostReply):
        connection.create(policy("lost"))

    done = connection.get(Ref(NETWORK_POLICIES, "dev", "lost")) is not None
    assert done is (action == {"drop": "after"})
    connection.delete(Ref(NETWORK_POLICIES, "dev", "lost"))


def test_a_throttled_server_is_waited_for(lab, faulty):
    faulty({"resource": "networkpolicies.networking.k8s.io"}, times=2, status=429, retryAfter=1)

    assert to(lab).list(NETWORK_POLICIES, "dev") == []


def test_time_runs_out_in_words(lab, faulty):
    faulty({"resource": "networkpolicies.networking.k8s.io"}, times=None, drop="before")
    connection = to(lab, first=1.0)

    with pytest.raises(Unreachable, match="does not answer"):
        connection.list(NETWORK_POLICIES, "dev")


def test_time_runs_out_with_the_servers_last_words(lab, faulty):
    faulty({"resource": "networkpolicies.networking.k8s.io"}, times=None, status=503)
    connection = to(lab, first=1.0, lost=1.0)

    with pytest.raises(ApiError, match="HTTP 503"):
        connection.list(NETWORK_POLICIES, "dev")


def test_why_a_lab_does_not_serve_a_kind_is_told_in_its_words(lab):
    with pytest.raises(InputError, match="CiliumNetworkPolicy: the lab enforces no policies"):
        to(lab).resource("cilium.io/v2", "CiliumNetworkPolicy")
