"""Objects of `given` that a run waits for, or does not."""

from types import SimpleNamespace
from typing import Any

import pytest

from npol.errors import Refused
from npol.kube.api_errors import Unreachable
from npol.kube.objects import EVENTS, PODS, Ref
from npol.run import given_workloads
from npol.run.given_workloads import ready_at_the_end, wait_until_ready
from npol.run.not_ready import why_not_ready
from npol.story import read_story

STORY = b"""\
version: 1
given: [web.yaml]
peers: {web: {namespace: shop, labels: {app: web}}}
steps: [{name: s, flows: [{from: web, resolve: web.shop, expect: allow}]}]
"""
POD = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: []}}"
READY = {
    "metadata": {"name": "web", "namespace": "shop"},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
NOT_READY = {
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "uid": "w"},
    "status": {"phase": "Pending"},
}


UNREACHABLE = Unreachable("no answer")


def warning(name, uid, message):
    about = {"involvedObject": {"name": name, "uid": uid}}
    return {**about, "type": "Warning", "reason": "Unhealthy", "message": message}


class Cluster:
    """Answers with one state after the other, the last one for ever."""

    def __init__(self, *states, events=(), pods=()):
        self.states = list(states)
        self.events = events
        self.pods = list(pods)

    def list(self, resource, namespace, *, selector="", fields=""):
        if self.events is UNREACHABLE:
            raise UNREACHABLE
        return list(self.events) if resource is EVENTS else self.pods

    def ref_of(self, body):
        return Ref(PODS, "shop", "web")

    def get(self, ref):
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


@pytest.fixture
def wait(tmp_path, monkeypatch):
    (tmp_path / "web.yaml").write_text(POD)
    story = read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    monkeypatch.setattr(given_workloads, "POLL", 0.0)

    def waited(*states, create, within=180.0):
        monkeypatch.setattr(given_workloads, "READY_WITHIN", within)
        cluster: Any = Cluster(*states)
        wait_until_ready(cluster, story.given, created=create)
        return cluster.states

    return waited


def test_bare_pod_of_given_is_waited_for(wait):
    assert wait(None, NOT_READY, READY, create=True) == [READY]


def test_what_fails_meanwhile_is_said_without_waiting_for_workloads(tmp_path):
    (tmp_path / "web.yaml").write_text(POD)
    story = read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    cluster: Any = Cluster(NOT_READY)

    ready = ready_at_the_end(cluster, story.given, created=True)

    with pytest.raises(Refused, match="no debug pod"), ready:
        raise Refused("no debug pod")


def test_pod_that_never_gets_ready_is_named(wait):
    with pytest.raises(Refused, match=r"not ready after 0 s: Pod shop/web\n"):
        wait(NOT_READY, create=True, within=0.0)


def test_object_that_the_story_does_not_create_is_not_waited_for(wait):
    """Without --create it is the user's: its flows say that it is missing."""
    assert wait(None, create=False, within=0.0) == [None]


@pytest.mark.parametrize(
    ("kind", "pods", "events", "why"),
    [
        (
            "Deployment",
            [{**NOT_READY, "metadata": {"name": "web-1", "namespace": "shop", "uid": "u"}}],
            [warning("web-1", "u", "Readiness probe failed: 503")],
            "Unhealthy: Readiness probe failed: 503 (pod web-1)",
        ),
        (
            "Pod",
            [],
            [warning("web", "w", "gRPC")],
            "Unhealthy: gRPC (pod web)",
        ),
        (
            "Deployment",
            [],
            [warning("web-5f", "r", "exceeded quota")],
            "Unhealthy: exceeded quota",
        ),
        ("Deployment", [], [warning("other", "o", "x")], ""),
        ("Deployment", [], UNREACHABLE, ""),
    ],
    ids=["pod", "bare-pod", "quota", "about-others", "may-not-be-read"],
)
def test_a_workload_that_is_not_ready_says_why(kind, pods, events, why):
    live = {
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": "w"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {},
    }
    cluster: Any = Cluster(live, events=events, pods=pods)
    workload: Any = SimpleNamespace(body={}, name="web", namespace="shop")

    assert why_not_ready(cluster, workload) == why
