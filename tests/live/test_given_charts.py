"""A rendered chart of many kinds, made by `--create` on a real cluster, and taken away again."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys

import pytest

from npol.errors import ExitCode
from npol.kube.connection import Mode
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import (
    CLAIMS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    LEASES,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    SERVICES,
    STATEFUL_SETS,
    Ref,
    resource_for,
)
from npol.yaml_positions import dump
from tests.live.conftest import pod_manifest, wait_until

pytestmark = pytest.mark.live

PASSWORD = "purple-frog-live"
SERVER = "registry.k8s.io/e2e-test-images/agnhost:2.53"
RBAC = "rbac.authorization.k8s.io/v1"
VOLUMES = resource_for("v1", "PersistentVolume")
CLUSTER_ROLES = resource_for(RBAC, "ClusterRole")
KINDS = (
    *(CLAIMS, CONFIG_MAPS, DEPLOYMENTS, LEASES, NETWORK_POLICIES, PODS, SERVICES, STATEFUL_SETS),
    *(resource_for("v1", kind) for kind in ("Secret", "ServiceAccount")),
    *(resource_for(RBAC, kind) for kind in ("Role", "RoleBinding")),
)
STORY = """\
version: 1
name: rendered chart
given: [chart.yaml]
defaults: {{namespace: {namespace}, timeout: 1s}}
peers:
  client: {{namespace: {namespace}, labels: {{db-client: "true"}}}}
  stranger: {{namespace: {namespace}, labels: {{app: stranger}}}}
  db: {{namespace: {namespace}, labels: {{app: db}}, service: db}}
steps:
- name: before
  flows:
  - {{from: stranger, to: db, port: 80, expect: allow}}
- name: policies
  apply: [chart.yaml]
  flows:
  - {{from: client, to: db, port: 80, expect: allow}}
  - {{from: stranger, to: db, port: 80, expect: deny}}
"""


def chart(namespace):
    """What `helm template` would print of a database, its values and its rights."""
    spec = pod_manifest(namespace, "db")["spec"]
    (container,), security = spec["containers"], spec["securityContext"]
    del container["command"]
    container |= {
        "image": SERVER,
        "args": ["netexec", "--http-port=8080"],
        "ports": [{"containerPort": 8080, "name": "db"}],
        "envFrom": [{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "db"}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    app = {"app": "db"}
    size = {"resources": {"requests": {"storage": "1Mi"}}}
    claim = {"accessModes": ["ReadWriteOnce"], "storageClassName": namespace, **size}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    bound = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "db"}
    account = {"kind": "ServiceAccount", "name": "db"}
    pod = {
        "serviceAccountName": "db",
        "securityContext": {**security, "fsGroup": 65532},
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }
    stateful = {
        "serviceName": "db",
        "replicas": 1,
        "selector": {"matchLabels": app},
        "template": {"metadata": {"labels": app}, "spec": pod},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }
    own: list[tuple[str, str, dict]] = [
        ("v1", "Secret", {"stringData": {"PASSWORD": PASSWORD}}),
        ("v1", "ConfigMap", {"data": {"MODE": "fast"}}),
        ("v1", "ServiceAccount", {}),
        (RBAC, "Role", {"rules": rules}),
        (RBAC, "RoleBinding", {"roleRef": bound, "subjects": [account]}),
        ("v1", "Service", {"spec": {"selector": app, "ports": [{"port": 80, "targetPort": "db"}]}}),
        ("apps/v1", "StatefulSet", {"spec": stateful}),
        ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {
            "podSelector": {"matchLabels": app},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"db-client": "true"}}}]}],
        }}),
        (RBAC, "ClusterRole", {"rules": rules}),
    ]  # fmt: skip
    for version, kind, body in own:
        place = {} if kind == "ClusterRole" else {"namespace": namespace}
        name = namespace if kind == "ClusterRole" else "db"
        yield {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place}, **body}


@pytest.fixture(scope="module")
def volume(connected, namespace):
    """What a claim of the chart is bound to; a cluster's administrator has made it."""
    connection = connected(Mode.APPLY)
    connection.permit(namespaces=[namespace], kinds=[VOLUMES, NAMESPACES, DEPLOYMENTS])
    spec = {
        "capacity": {"storage": "1Mi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": namespace,
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": f"/tmp/{namespace}", "type": "DirectoryOrCreate"},
    }
    body = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace}}

    def again():
        """A retained volume is bound to a claim that is gone: it takes a new one to be free."""
        connection.delete(Ref(VOLUMES, "", namespace))
        wait_until(lambda: connection.get(Ref(VOLUMES, "", namespace)) is None, "the volume to go")
        connection.create({**body, "spec": spec})

    again()
    yield again
    connection.delete(Ref(VOLUMES, "", namespace))


@pytest.fixture
def run(target, tmp_path, namespace, volume, journals):
    """`npol ARGUMENTS` on the cluster, with the story of the chart in its directory."""
    volume()
    (tmp_path / ".git").mkdir()
    (tmp_path / "chart.yaml").write_text("---\n".join(map(dump, chart(namespace))))
    (tmp_path / "s.npol.yaml").write_text(STORY.format(namespace=namespace))

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "npol", *arguments, "--kubeconfig", target.kubeconfig,
             "--context", target.context],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
        )  # fmt: skip

    return run


@pytest.fixture
def state(connected, namespace):
    """Name and uid of every object that could be of the chart; a claim takes a moment to go."""
    connection = connected(Mode.READ_ONLY)

    def state():
        found = [o for kind in KINDS for o in connection.list(kind, namespace)]
        found += connection.list(CLUSTER_ROLES)
        return sorted((o["kind"], o["metadata"]["name"], o["metadata"]["uid"]) for o in found)

    return state


def journals_of(connected):
    found = connected(Mode.READ_ONLY).list(CONFIG_MAPS, STATE_NAMESPACE)
    return [str(o.get("data")) for o in found if o["metadata"]["name"].startswith("npol-2")]


def no_secret_in(text):
    kept = base64.b64encode(PASSWORD.encode()).decode().rstrip("=")
    return PASSWORD not in text and kept not in text


def test_a_rendered_chart_is_made_and_all_is_as_before(run, state, namespace):
    before = state()

    done = run("run", "s.npol.yaml", "--create", "-v")

    said = done.stdout
    assert done.returncode == 0, said
    assert no_secret_in(said)
    left_out = said.index(f"left out: ClusterRole {namespace}")
    assert left_out < said.index("journal: intent 1,"), "it is listed before anything is sent"
    wait_until(lambda: state() == before, "all to be as before")


@pytest.mark.parametrize("point", ["given.create.after", "policy.create.after"])
def test_a_run_that_is_killed_leaves_nothing_of_a_chart_after_recover(run, state, connected, point):
    before = state()
    killed = run("run", "s.npol.yaml", "--create", "-v", NPOL_FAIL_POINT=f"{point}:KILL:1")
    assert killed.returncode == -signal.SIGKILL, killed.stdout

    told = [*journals_of(connected), killed.stdout]

    def is_recovered():
        done = run("recover", "-v")
        told.append(done.stdout)
        assert done.returncode in (0, ExitCode.LOCK), done.stdout  # its watchdog is about it
        return done.returncode == 0

    wait_until(is_recovered, "nothing to be left for recover")
    assert all(map(no_secret_in, told))
    wait_until(lambda: state() == before, "all to be as before")
    wait_until(lambda: journals_of(connected) == [], "the journal to go")
