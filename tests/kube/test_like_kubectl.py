"""
npol reaches the cluster that kubectl reaches, as the same user and by the same way.

`kubectl/answers.json` was recorded from kubectl 1.33 by tools/record_kubectl.py.
"""

from __future__ import annotations

import json
import operator
import re
import socket
from collections import Counter
from pathlib import Path

import pytest

from npol.errors import NpolError
from npol.kube import in_cluster
from npol.kube.channels import ExecBroken
from npol.kube.connection import Mode, connect
from npol.kube.exec import open_exec
from npol.kube.objects import PODS
from npol.kube.retry import RetryBudget
from npol.model.probe import PodRef
from tests.kube.kubectl.cases import CASES
from tests.kube.kubectl.servers import Authorities, Servers
from tests.kube.kubectl.world import CLEARED, laid_out

ANSWERS = json.loads((Path(__file__).parent / "kubectl" / "answers.json").read_text())
NAME = operator.attrgetter("name")
ONCE = RetryBudget(first=0.0, lost=0.0, throttled=0.0)
"""For what is refused: a first request waits 0.2 s at most then."""
PATIENT = RetryBudget(first=30.0, lost=0.0, throttled=0.0)
"""For what is answered: a busy machine may take longer than that."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with Servers(Authorities(tmp_path_factory.mktemp("pki"))) as found:
        yield found


@pytest.fixture
def world(servers, tmp_path, monkeypatch):
    """Lays a case out, with its environment and with names that lead to loopback."""

    def lay_out(case):
        found = laid_out(case, servers, tmp_path)
        for name in CLEARED:
            monkeypatch.delenv(name, raising=False)
        for name in ("HOME", *case.env):
            monkeypatch.setenv(name, found.environment[name])
        monkeypatch.setattr(in_cluster, "ACCOUNT", found.account)
        monkeypatch.setattr(socket, "getaddrinfo", to_loopback)
        return found

    return lay_out


look_up = socket.getaddrinfo


def to_loopback(host, *rest, **more):
    return look_up("127.0.0.1", *rest, **more)


def listed_pods(world, mode=Mode.READ_ONLY, patience=PATIENT):
    """The connection that asked for them."""
    connection = connect(
        kubeconfig=world.kubeconfig, context=world.case.context, patience=patience, mode=mode
    )
    connection.list(PODS, connection.settings.namespace)
    return connection


def test_every_case_was_recorded():
    assert set(ANSWERS) == {case.name for case in CASES}


def test_each_class_has_its_share_of_the_table():
    classes = Counter(case.name.partition(":")[0] for case in CASES)

    wanted = {"proxy", "merging", "plugin", "certificate", "token", "in-cluster", "broken"}
    assert set(classes) == wanted
    assert min(classes.values()) >= 8
    assert classes.total() >= 60


@pytest.mark.parametrize(
    "case", [case for case in CASES if not ANSWERS[case.name]["refused"]], ids=NAME
)
def test_npol_goes_where_kubectl_goes(case, world):
    place = world(case)
    listed_pods(place)

    assert place.outcome() == ANSWERS[case.name]


@pytest.mark.parametrize(
    "case", [case for case in CASES if ANSWERS[case.name]["refused"]], ids=NAME
)
def test_npol_refuses_what_kubectl_refuses(case, world):
    place = world(case)
    with pytest.raises(NpolError) as refused:
        listed_pods(place, patience=ONCE)

    assert place.servers.seen.request is None
    assert not re.search(r"\bt-1\b", str(refused.value)), "the token"


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case.name.startswith("proxy:") and not ANSWERS[case.name]["refused"]
    ],
    ids=NAME,
)
def test_an_exec_goes_the_same_way_as_a_request(case, world):
    place = world(case)
    connection = listed_pods(place, Mode.SMOKE)
    connection.permit(namespaces=["dev"])
    place.servers.seen.clear()

    with pytest.raises(ExecBroken, match="HTTP 404"):  # the servers know no exec
        open_exec(connection, PodRef(namespace="dev", name="web-0", uid="u", ip=""), ["true"])

    through = {place.servers.names(hop) for hop in place.servers.seen.through}
    assert through == set(ANSWERS[case.name]["through"])
