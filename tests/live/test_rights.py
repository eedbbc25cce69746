"""Each mode does its whole work with exactly the rights that `npol doctor --rbac` prints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from harness.cluster.connection import Connection, Mode
from harness.cluster.foreign import KINDS
from harness.cluster.guard import STATE_NAMESPACE
from harness.cluster.rbac import manifests, rights
from harness.documents import dump
from harness.errors import ExitCode
from harness.plan import expand
from harness.run import Options, StoryRun
from harness.story import load_story
from tests.live.conftest import permitted, start

pytestmark = pytest.mark.live

SERVER = "registry.k8s.io/e2e-test-images/agnhost:2.53"
OPTIONAL = {
    ("get", "configmaps"),  # which engine, and how it is set up
    ("list", "nodes"),
    ("list", "daemonsets.apps"),
    ("get", "installations.operator.tigera.io"),
    ("get", "clusterinformations.crd.projectcalico.org"),
    ("get", "felixconfigurations.crd.projectcalico.org"),
    ("list", "ciliumnodes.cilium.io"),
}
"""What is read where it may be read; without it a run knows less, and says so."""

STORY = """
version: 1
name: rights
peers:
  client: {{namespace: {namespace}, labels: {{app: client}}}}
  web: {{namespace: {namespace}, service: web}}
steps:
  - name: open
    flows: [{{from: client, to: web, port: 80, expect: allow}}]
"""
CHANGES = """
  - name: deny all
    apply: [deny.yaml]
    flows: [{{from: client, to: web, port: 80, expect: deny}}]
  - name: rollback
    delete: [deny.yaml]
    same_as: open
"""


@pytest.fixture(scope="module")
def web(connected, namespace):
    """A server behind a Service."""
    admin = permitted(connected(), namespace)
    admin.permit(namespaces=[namespace], kinds=[admin.resource("v1", "Service")])
    container = {"name": "web", "image": SERVER, "args": ["netexec", "--http-port=8080"]}
    labels = {"app": "web"}
    pod = {"name": "web", "namespace": namespace, "labels": labels}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    start(admin, {"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": spec})
    ports = [{"port": 80, "targetPort": 8080}]
    admin.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {"selector": labels, "ports": ports},
        }
    )


@contextlib.contextmanager
def granted(target, mode: Mode, namespace: str, directory: Path) -> Iterator[str]:
    """A kubeconfig of an account with the printed roles, which go in the end."""
    account = f"npol-{namespace}"
    with config.new_client_from_config(target.kubeconfig, target.context) as api:
        core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
        with contextlib.ExitStack() as undo:
            for obj in manifests(mode, [namespace], account=account):
                _grant(core, rbac, obj, namespace, undo)
            yield str(_acting_as(target, account, directory))


def _grant(core, rbac, obj, namespace, undo):
    place, kind = obj["metadata"].get("namespace"), obj["kind"]
    if kind == "Namespace":
        with contextlib.suppress(client.ApiException):
            core.create_namespace(obj)
        return
    if kind == "ServiceAccount":
        core.create_namespaced_service_account(place, obj)
        undo.callback(core.delete_namespaced_service_account, obj["metadata"]["name"], place)
        return
    obj["metadata"]["name"] += f"-{namespace}"  # others' may be there
    if "roleRef" in obj:
        obj["roleRef"]["name"] += f"-{namespace}"
    word = {
        "Role": "namespaced_role",
        "RoleBinding": "namespaced_role_binding",
        "ClusterRole": "cluster_role",
        "ClusterRoleBinding": "cluster_role_binding",
    }[kind]
    where = (place,) if place else ()
    getattr(rbac, f"create_{word}")(*where, obj)
    undo.callback(getattr(rbac, f"delete_{word}"), obj["metadata"]["name"], *where)


def _acting_as(target, account, directory):
    from harness.cluster.kubeconfig import pick

    settings = pick(target.kubeconfig, target.context)
    user = f"system:serviceaccount:{STATE_NAMESPACE}:{account}"
    content = settings.loadable({**settings.user, "as": user})
    content["contexts"][0]["name"] = "robot"
    path = directory / "robot.kubeconfig"
    path.write_text(dump(content))
    path.chmod(0o600)
    return path


@pytest.fixture
def sent(monkeypatch):
    """What every connection sends, by verb, resource and namespace."""
    seen = set()
    original = Connection._persist

    def noted(self, request, *rest):
        seen.add((request.verb, request.resource, request.namespace))
        return original(self, request, *rest)

    monkeypatch.setattr(Connection, "_persist", noted)
    return seen


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [Mode.SMOKE, Mode.APPLY])
def test_a_mode_needs_no_more_than_its_printed_roles(target, namespace, web, sent, tmp_path, mode):
    text = STORY + (CHANGES if mode is Mode.APPLY else "")
    (tmp_path / "rights.npol.yaml").write_text(text.format(namespace=namespace))
    deny = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    (tmp_path / "deny.yaml").write_text(dump(deny))
    story = expand(load_story(str(tmp_path / "rights.npol.yaml"), root=str(tmp_path)))

    with granted(target, mode, namespace, tmp_path) as kubeconfig:
        run = StoryRun(story, Options(kubeconfig=kubeconfig, context="robot"))
        try:
            run.open()
            for step in story.steps:
                run.reach(step.name)
        finally:
            run.close()

    report = run.report()
    assert report.exit_code is ExitCode.AS_EXPECTED, report.error
    rows = rights(mode, [namespace])
    may = {(r.verb, ".".join(filter(None, [r.resource, r.group])), r.namespace) for r in rows}
    asks = {s for s in sent if s[1].startswith("/") or "reviews." in s[1]}
    others = {("list", kind.qualified) for kind in KINDS}
    assert {s for s in sent - may - asks if s[:2] not in OPTIONAL | others} == set()
