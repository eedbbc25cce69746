"""What goes wrong while a story is told never becomes a verdict: whole runs, with faults."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import urllib.request
from pathlib import Path

import pytest

from npol.errors import ExitCode
from npol.kube.channels import ExecBroken
from npol.kube.connection import Connection, Mode, connect
from npol.kube.objects import NAMESPACES, PODS, Ref
from npol.model.expectation import Verdict
from npol.model.result import StepResult
from npol.report.reasons import reason_words
from npol.run import Options, StoryRun
from npol.run.settle_loop import settle
from npol_lab.session import Lab
from tests import shop
from tests.e2e.conftest import Server

pytestmark = pytest.mark.lab

BRIEF = "{timeout: 500ms, settle: {within: 4s}}"
EXEC = {"resource": "pods", "subresource": "exec"}
WEB = "/apis/apps/v1/namespaces/{}/deployments/web"
BROKEN = ("rst", "success-without-output", "garbage")
BROKEN_SLOWLY = (
    "fin", "close-without-status", "silent", "flood", "swap-pod", "runtime-error",
    "exit-code-only", "no-handshake",
)  # fmt: skip
HARMLESS = ("close-without-status",)
"""A prober's answers have come by then, each with its nonce."""
ONLY_CLOSED = """
version: 1
name: {name}
given: [apps.yaml]
defaults: {defaults}
peers:
  client: {{namespace: {name}, labels: {{app: client}}}}
  web: {{namespace: {name}, service: web}}
steps:
  - name: closed
    apply: [deny.yaml]
    flows: [{{from: client, to: web, port: 80, expect: deny}}]
"""


def options(lab: Lab) -> Options:
    return Options(
        kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
    )


@pytest.fixture
def somebody(lab) -> Connection:
    """Another writer."""
    connection = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.APPLY)
    return connection


@pytest.fixture
def space(somebody):
    name = f"fault-{secrets.token_hex(3)}"
    somebody.permit(namespaces=[name], kinds=[somebody.resource("apps/v1", "Deployment")])
    return name


@pytest.fixture
def faulty(lab):
    """Script faults of the API server; they are gone after the test."""

    def add(match, **action):
        ask(lab, "POST", [{"match": match, "times": None, "after": 0, "action": action}])

    yield add
    ask(lab, "DELETE")


def ask(lab, method, rules=None):
    config = json.loads(lab.kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trusted = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
    )
    headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
    url, body = f"{cluster['server']}/npol-lab/faults", json.dumps(rules).encode()
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    urllib.request.urlopen(request, context=trusted, timeout=10).close()


@pytest.fixture
def run(lab, tmp_path, space):
    """The small story, opened; `only_closed`: nothing of it was ever seen open."""
    runs: list[StoryRun] = []

    def opened(only_closed: bool = False) -> StoryRun:
        path = shop.write(tmp_path, space, defaults=BRIEF)
        if only_closed:
            text = ONLY_CLOSED.format(name=space, defaults=BRIEF)
            (tmp_path / "shop.npol.yaml").write_text(text)
        runs.append(StoryRun(shop.read(path), options(lab)))
        runs[0].open()
        return runs[0]

    yield opened
    for made in runs:
        made.close()


def verdicts(step: StepResult) -> list[tuple[str, str]]:
    return [(f.verdict.value, reason_words(f.reason)) for f in step.flows]


def no_verdict(lab, directory, namespace, faulty, mode):
    """F19-F22, F85, F86: neither allow nor deny is fulfilled, and exit code 3 says it."""
    faulty(EXEC, exec=mode)
    path = shop.write(directory, namespace, defaults=BRIEF)

    report = shop.told(shop.read(path), options(lab))

    assert report.exit_code == ExitCode.UNKNOWN or mode in HARMLESS
    assert {r.verdict for r in report.results} <= {
        Verdict.AS_EXPECTED if mode in HARMLESS else Verdict.UNKNOWN
    }
    assert report.restore is not None
    assert report.restore.complete


@pytest.mark.parametrize("mode", BROKEN)
def test_broken_execs_give_no_verdict(lab, tmp_path, space, faulty, mode):
    no_verdict(lab, tmp_path, space, faulty, mode)


@pytest.mark.nightly
@pytest.mark.parametrize("mode", BROKEN_SLOWLY)
def test_execs_broken_in_any_way_give_no_verdict(lab, tmp_path, space, faulty, mode):
    no_verdict(lab, tmp_path, space, faulty, mode)


def test_an_exec_that_never_works_is_told_before_any_step(run, somebody, space, faulty):
    faulty(EXEC, status=403)

    with pytest.raises(ExecBroken, match=f"{space}/npol-.*before anything was asked") as told:
        run()

    assert "kubectl exec" in told.value.hint
    assert somebody.get(Ref(NAMESPACES, "", space)) is None


def test_a_change_by_others_makes_the_verdicts_invalid(run, somebody, space):
    told = run()
    assert [v for v, _ in verdicts(told.reach("open"))] == ["as expected"]
    somebody.create(policy(space))

    found = verdicts(told.reach("closed"))

    assert [v for v, _ in found] == ["invalid"]
    assert "somebody else changed the cluster meanwhile" in found[0][1]


def relabel_the_target(_, somebody, space):
    (web,) = somebody.list(PODS, space, selector="app=web")
    path = f"/api/v1/namespaces/{space}/pods/{web['metadata']['name']}"
    somebody.raw("PATCH", path, body={"metadata": {"labels": {"team": "b"}}}, patch="merge")


def add_a_policy_elsewhere(server, _, space):
    path = "/apis/networking.k8s.io/v1/namespaces/kube-system/networkpolicies"
    server.ask("POST", path, policy("kube-system"))


def cut_off_by_a_policy_for_the_whole_cluster(server, _, space):
    rule = {"name": "all", "action": "Deny", "from": [{"namespaces": {}}]}
    here = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": space}}}
    kind = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy"}
    spec = {"tier": "Admin", "priority": 9, "subject": here, "ingress": [rule]}
    path = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"
    server.ask("POST", path, kind | {"metadata": {"name": space}, "spec": spec})


@pytest.mark.parametrize(
    ("meddle", "told"),
    [
        pytest.param(relabel_the_target, "the labels of pod", id="labels-of-the-target"),
        pytest.param(
            add_a_policy_elsewhere, "kube-system/others was created", id="policy-elsewhere"
        ),
        pytest.param(
            cut_off_by_a_policy_for_the_whole_cluster,
            "ClusterNetworkPolicy fault-",
            id="another-kind",
        ),
    ],
)
def test_changes_by_others_in_mid_step_make_verdicts_invalid(
    run, lab, somebody, space, monkeypatch, meddle, told
):
    """Policies of every kind and namespace that is looked at, and labels of the pods asked."""

    def settle_and_meddle(*args):
        meddle(Server(Path(lab.kubeconfig)), somebody, space)
        return settle(*args)

    monkeypatch.setattr("npol.run.flow_runner.settle", settle_and_meddle)
    found = verdicts(run().reach("open"))

    assert [v for v, _ in found] == ["invalid"]
    assert told in found[0][1]


def test_a_target_that_died_denies_nothing(run, somebody, space):
    """Its policy would deny, too; but the silence of the dead is no proof of it."""
    told = run()
    told.reach("open")
    somebody.raw("PATCH", WEB.format(space), body={"spec": {"replicas": 0}}, patch="merge")

    found = verdicts(told.reach("closed"))

    assert [v for v, _ in found] == ["unknown"]


def test_a_target_that_was_never_seen_is_asked_from_inside(run):
    """Nothing was open before the deny: the pod itself says that it lives."""
    assert [v for v, _ in verdicts(run(only_closed=True).reach("closed"))] == ["as expected"]


def policy(namespace):
    """Anybody's, for pods that are not there."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "others", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}},
    }
