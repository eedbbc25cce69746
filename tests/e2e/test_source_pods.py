"""A workload of several pods asks from each of them, with packets."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from pathlib import Path

import pytest

from npol.kube.connection import Mode, connect
from npol.kube.objects import PODS, Ref
from npol.model.expectation import Verdict
from npol.report.reasons import reason_words
from npol.run import Options
from npol.run.settle_loop import settle
from tests import shop

pytestmark = [pytest.mark.lab, pytest.mark.without_records]

DEFAULTS = "{timeout: 400ms, settle: {within: 10s}}"
CLIENTS = """---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: clients, namespace: {0}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: clients}}}}
  template:
    metadata: {{labels: {{app: clients}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {{name: c, image: "registry.k8s.io/e2e-test-images/agnhost:2.53", args: [pause]}}
"""
ONLY_THE_FIRST = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: only-the-first, namespace: {0}}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  ingress:
    - from:
        - podSelector: {{matchLabels: {{statefulset.kubernetes.io/pod-name: clients-0}}}}
"""
STORY = """
version: 1
name: {0}
given: [apps.yaml]
defaults: {1}
peers:
  clients: {{namespace: {0}, workload: statefulset/clients}}
  web: {{namespace: {0}, service: web}}
steps:
  - name: before
    flows: [{{from: clients, to: web, port: 80, expect: allow}}]
  - name: denied
    apply: [first.yaml]
    flows: [{{from: clients, to: web, port: 80, expect: deny}}]
  - name: allowed
    flows: [{{from: clients, to: web, port: 80, expect: allow}}]
"""


@pytest.fixture
def space():
    return f"pods-{secrets.token_hex(3)}"


@pytest.fixture
def options(lab):
    return Options(
        kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
    )


@pytest.fixture
def story(tmp_path: Path, space):
    path = Path(shop.write(tmp_path, space))
    (tmp_path / "apps.yaml").write_text(shop.APPS.format(namespace=space) + CLIENTS.format(space))
    (tmp_path / "first.yaml").write_text(ONLY_THE_FIRST.format(space))
    path.write_text(STORY.format(space, DEFAULTS))
    return shop.read(str(path))


def test_a_pod_that_the_policies_tell_apart_is_named(story, options):
    report = shop.told(story, options)

    before, denied, allowed = (step.flows[0] for step in report.steps)
    assert before.passed, reason_words(before.reason)
    assert [one.pod.name for one in before.by_pod] == ["clients-0", "clients-1"]
    assert denied.verdict is Verdict.TOO_OPEN
    assert "clients-0" in reason_words(denied.reason)
    assert allowed.verdict is Verdict.TOO_CLOSED
    assert "clients-1" in reason_words(allowed.reason)


def test_a_pod_that_is_replaced_in_mid_step_is_asked_as_its_successor(
    story, options, lab, space, monkeypatch
):
    """The first round meets the old pod; its successor has the answer."""
    somebody = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.APPLY)
    somebody.permit(namespaces=[space])
    gone: list[str] = []

    def replace_and_settle(*args):
        if not gone:
            old = somebody.get(Ref(PODS, space, "clients-1"))
            assert old
            gone.append(old["metadata"]["uid"])
            somebody.delete(Ref(PODS, space, "clients-1"), uid=gone[0])
        return settle(*args)

    monkeypatch.setattr("npol.run.flow_runner.settle", replace_and_settle)
    with shop.opened(story, options) as run:
        (flow,) = run.reach("before").flows

    assert flow.passed, reason_words(flow.reason)
    assert gone[0] not in {one.pod.uid for one in flow.by_pod}
    assert "clients-0" in {one.pod.name for one in flow.by_pod}


def test_a_target_that_comes_in_mid_step_is_asked(story, options, lab, space, monkeypatch):
    """The first rounds find nobody to ask; ends are looked up again before that is given up."""
    pods = replace(story.peers["web"], service="", labels={"app": "web"})
    (flow,) = story.steps[0].flows
    step = replace(story.steps[0], flows=(replace(flow, port=8080),))
    story = replace(story, peers={**story.peers, "web": pods}, steps=(step,))
    somebody = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.APPLY)
    somebody.permit(namespaces=[space], kinds=[somebody.resource("apps/v1", "Deployment")])
    web = f"/apis/apps/v1/namespaces/{space}/deployments/web"
    rounds: list[int] = []

    def settle_and_scale(*args):
        if not rounds:
            somebody.raw("PATCH", web, body={"spec": {"replicas": 1}}, patch="merge")
        rounds.append(1)
        return settle(*args)

    with shop.opened(story, options) as run:
        somebody.raw("PATCH", web, body={"spec": {"replicas": 0}}, patch="merge")
        deadline = time.monotonic() + 60
        while somebody.list(PODS, space, selector="app=web"):
            assert time.monotonic() < deadline
        monkeypatch.setattr("npol.run.flow_runner.settle", settle_and_scale)
        (flow,) = run.reach("before").flows

    assert flow.passed, reason_words(flow.reason)
    assert flow.target_pods
