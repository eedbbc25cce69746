"""Sources that cannot send, with packets: their silence is nobody's denial."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from npol.kube.connection import Mode, connect
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import PODS
from npol.model.expectation import Verdict
from npol.model.probe import Role
from npol.report.reasons import reason_words
from npol.run import Options
from npol.run.settle_loop import settle
from npol_lab.session import Lab, LabOptions
from tests import shop
from tests.e2e.pod_network import in_network_of, processes_with

pytestmark = pytest.mark.lab

DEFAULTS = "{timeout: 400ms, settle: {within: 3s}}"
PLAIN, DUAL = "spec: {selector", "spec: {ipFamilyPolicy: PreferDualStack, selector"
SILENCE_CLIENT = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: silence, namespace: {0}}}
spec: {{podSelector: {{matchLabels: {{app: client}}}}, policyTypes: [Ingress, Egress]}}
"""
STORY = """
version: 1
name: {0}
given: [apps.yaml]
defaults: {1}
peers:
  client: {{namespace: {0}, labels: {{app: client}}}}
  web: {{namespace: {0}, service: web}}
steps:
  - name: closed
    apply: [{2}]
    flows: [{{from: client, to: web, port: 80, expect: deny}}]
"""


@pytest.fixture
def space():
    return f"mute-{secrets.token_hex(3)}"


@pytest.fixture
def options(lab):
    return options_for(lab)


def options_for(lab):
    """Without the data plane's records: a drop that they tell proves a deny by itself."""
    return Options(
        kubeconfig=str(lab.kubeconfig),
        context=lab.context,
        create=True,
        disposable=True,
        flow_records="off",
    )


@pytest.fixture
def story(tmp_path: Path, space):
    """One step that only denies: by the target's policy, or by one that silences the source."""

    def written(policy: str):
        path = Path(shop.write(tmp_path, space))
        (tmp_path / "silence.yaml").write_text(SILENCE_CLIENT.format(space))
        path.write_text(STORY.format(space, DEFAULTS, policy))
        return shop.read(str(tmp_path / "shop.npol.yaml"))

    return written


def cut_off(lab, namespace, peer, family="-4"):
    """
    The pods of npol that stand for a peer send to a neighbour that is not there, over one IP
    family; their own addresses still answer, for that needs no network.
    """
    there = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.READ_ONLY)
    pods = there.list(PODS, namespace)
    named = {p["status"]["podIP"]: p["metadata"].get("annotations") or {} for p in pods}
    cut = [ip for ip, notes in named.items() if notes.get("npol.dev/peer", "").startswith(peer)]
    for ip in cut:
        assert any(lead_astray(lab, pid, family) for pid in processes_with(ip)), ip
    return cut


def lead_astray(lab, pid, family):
    inside = [*in_network_of(lab, pid), "ip", family]
    said = subprocess.run([*inside, "route"], capture_output=True, text=True)
    way = next((r.split() for r in said.stdout.splitlines() if r.startswith("default")), None)
    if way is None:
        return False
    neighbour = ["replace", way[2], "lladdr", "02:00:00:00:00:99", "dev", way[4]]
    argv = [*inside, "neigh", *neighbour, "nud", "permanent"]
    return subprocess.run(argv, capture_output=True).returncode == 0


def controls(flow):
    return {e.role: e.answer for e in flow.evidence if e.role in (Role.SENDS, Role.BESIDE)}


def test_a_story_that_only_denies_proves_its_sources_by_what_they_may_send(story, options):
    report = shop.told(story("deny.yaml"), options)

    (flow,) = report.steps[0].flows
    assert flow.passed, flow.reason
    assert controls(flow)[Role.SENDS].outcome.value == "open"


def test_a_source_that_may_send_nothing_is_believed_with_the_pod_beside_it(story, options):
    report = shop.told(story("silence.yaml"), options)

    (flow,) = report.steps[0].flows
    assert flow.passed, flow.reason
    assert controls(flow)[Role.BESIDE].outcome.value == "open"
    (itself,) = (e.answer for e in flow.evidence if e.role is Role.SELF)
    assert itself.detail.startswith("it can send: ")
    assert report.restore
    assert report.restore.complete, report.restore.problems


def test_no_pod_beside_the_sources_is_left(story, options, lab):
    report = shop.told(story("silence.yaml"), options)

    there = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.READ_ONLY)
    assert shop.left(there, report.run_id) == []


def test_where_no_pod_may_run_beside_the_sources_the_report_says_so(story, options):
    report = shop.told(story("silence.yaml"), replace(options, pods_beside=False))

    (flow,) = report.steps[0].flows
    assert flow.passed, flow.reason
    (itself,) = (e.answer for e in flow.evidence if e.role is Role.SELF)
    assert "no pod of npol runs beside it: as asked (--no-canary)" in itself.detail


@pytest.mark.parametrize(
    ("policy", "peer", "told"),
    [
        pytest.param("deny.yaml", "client", "nothing from this source arrives", id="source"),
        pytest.param("silence.yaml", "beside", "nothing arrives from the source's node", id="node"),
    ],
)
def test_a_network_that_is_cut_denies_nothing(
    story, options, lab, space, monkeypatch, policy, peer, told
):
    def cut_and_settle(*args):
        assert cut_off(lab, STATE_NAMESPACE if peer == "beside" else space, peer)
        return settle(*args)

    monkeypatch.setattr("npol.run.flow_runner.settle", cut_and_settle)
    with shop.opened(story(policy), options) as run:
        (flow,) = run.reach("closed").flows

    assert flow.verdict is Verdict.UNKNOWN
    assert told in reason_words(flow.reason)


@pytest.mark.nightly
def test_a_source_whose_ipv6_alone_is_cut_denies_nothing(story, space, monkeypatch, tmp_path):
    def cut_and_settle(*args):
        assert cut_off(lab, space, "client", "-6")
        return settle(*args)

    story("deny.yaml")
    apps = tmp_path / "apps.yaml"
    apps.write_text(apps.read_text().replace(PLAIN, DUAL))
    monkeypatch.setattr("npol.run.flow_runner.settle", cut_and_settle)
    with Lab.start(LabOptions(ip_families=("IPv4", "IPv6"))) as lab:
        own = options_for(lab)
        with shop.opened(shop.read(str(tmp_path / "shop.npol.yaml")), own) as run:
            (flow,) = run.reach("closed").flows

    assert flow.verdict is Verdict.UNKNOWN
    assert reason_words(flow.reason).startswith("over IPv6 nothing from this source arrives")
