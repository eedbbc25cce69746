"""Debug pods that a cluster does not admit: said before anything is made, in its own words."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from npol.errors import Refused
from npol.kube.objects import LEASES, NAMESPACES, PODS, Ref
from npol.run import Options, StoryRun
from npol.story import load_story
from tests.live.conftest import permitted, wait_until

pytestmark = pytest.mark.live

STORY = """
version: 1
name: refused
peers:
  client: {{namespace: {namespace}, labels: {{app: client}}, host_network: {host}}}
steps:
  - name: open
    flows: [{{from: client, resolve: kubernetes.default, expect: allow}}]
"""


@pytest.fixture
def connection(connected, namespace):
    return permitted(connected(), namespace)


@contextmanager
def quota(connection, namespace):
    """No pod may be made."""
    connection.permit(
        namespaces=[namespace], kinds=[connection.resource("v1", "ResourceQuota"), NAMESPACES]
    )
    ref = connection.ref_of(
        connection.create(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "none", "namespace": namespace},
                "spec": {"hard": {"pods": "0"}},
            }
        )
    )
    wait_until(lambda: "status" in (connection.get(ref) or {}), "the quota to be counted")
    yield
    connection.delete(ref)


@contextmanager
def restricted(connection, namespace):
    """Only pods of the standard `restricted` may be made."""
    ref, label = Ref(NAMESPACES, "", namespace), "pod-security.kubernetes.io/enforce"
    connection.patch(ref, {"metadata": {"labels": {label: "restricted"}}})
    yield
    connection.patch(ref, {"metadata": {"labels": {label: None}}})


@pytest.mark.parametrize(
    ("admission", "host", "words"),
    [
        pytest.param(quota, "false", "exceeded quota: none", id="quota"),
        pytest.param(restricted, "true", 'violates PodSecurity "restricted', id="pod-security"),
    ],
)
def test_a_debug_pod_that_is_not_admitted_is_told_before_anything_is_made(
    target, connection, namespace, tmp_path, admission, host, words
):
    path = tmp_path / "refused.npol.yaml"
    path.write_text(STORY.format(namespace=namespace, host=host))
    story = load_story(str(path), root=str(tmp_path))
    run = StoryRun(story, Options(kubeconfig=target.kubeconfig, context=target.context))

    with admission(connection, namespace), pytest.raises(Refused, match=words):
        run.open()

    assert connection.list(PODS, namespace) == []
    assert connection.list(LEASES, namespace) == []
