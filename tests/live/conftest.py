"""
A real cluster: any context may be given, by --kube-context or NPOL_TEST_CONTEXT.

Every module of tests works in a namespace of its own, which is gone when the module ends.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from npol.errors import Refused
from npol.kube.connection import Connection, Mode, connect
from npol.kube.objects import DEPLOYMENTS, NAMESPACES, PODS, Ref
from npol.model.probe import PodRef
from npol.model.story_settings import PodSettings
from npol.run import Options
from npol.run.enforcement_proof import prove_enforcement

IMAGE = "docker.io/nicolaka/netshoot:v0.15"
READY_WITHIN = 120.0
RIG_INTERNET = "internet: {address: 203.0.113.10}\n"
"""What answers outside the rig, which has no other way out."""


@dataclass(frozen=True)
class Target:
    """Which cluster is tested."""

    kubeconfig: str | None
    context: str


@pytest.fixture(scope="session")
def target(pytestconfig) -> Target:
    context = pytestconfig.getoption("--kube-context", None) or os.environ.get("NPOL_TEST_CONTEXT")
    if not context:
        pytest.fail("live tests need a cluster: --kube-context NAME or NPOL_TEST_CONTEXT=NAME")
    kubeconfig = pytestconfig.getoption("--kubeconfig", None) or os.environ.get("KUBECONFIG")
    return Target(kubeconfig, context)  # said outright: some tests run programs without ours


@pytest.fixture
def journals(tmp_path, monkeypatch) -> Path:
    """Where local journals are kept meanwhile."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "npol" / "runs"


@pytest.fixture
def options(target) -> Options:
    return Options(kubeconfig=target.kubeconfig, context=target.context, create=True)


@pytest.fixture
def overlay(target, tmp_path) -> str | None:
    """A file of peers for places that a cluster has elsewhere."""
    if target.context != "rig":
        return None
    file = tmp_path / "peers.yaml"
    file.write_text(RIG_INTERNET)
    return str(file)


@pytest.fixture(scope="session")
def connected(target) -> Callable[..., Connection]:
    """Connect to the cluster in a mode."""

    def to(mode: Mode = Mode.APPLY) -> Connection:
        return connect(kubeconfig=target.kubeconfig, context=target.context, mode=mode)

    return to


@pytest.fixture(scope="session")
def enforced(connected) -> bool:
    """Whether policies mean anything there, by the canary's packets."""
    connection = connected(Mode.APPLY)
    try:
        prove_enforcement(
            connection, run_id=f"live-{secrets.token_hex(3)}", settings=PodSettings(), within=10.0
        )
    except Refused as error:
        if "not enforced here" not in error.message:
            raise
        return False
    return True


@pytest.fixture(scope="module")
def namespace(connected):
    """A namespace of this module alone."""
    name = f"npol-live-{secrets.token_hex(4)}"
    connection = permitted(connected(), name)
    connection.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    connection.delete(Ref(NAMESPACES, "", name))
    wait_until(lambda: connection.get(Ref(NAMESPACES, "", name)) is None, f"{name} to go")


def permitted(connection: Connection, namespace: str) -> Connection:
    """May write there what tests write."""
    connection.permit(namespaces=[namespace], kinds=[NAMESPACES, DEPLOYMENTS])
    return connection


def pod_manifest(namespace: str, name: str, **spec) -> dict:
    """A pod that answers HTTP on port 8080 and has the usual tools."""
    server = (
        "while :; do printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok' "
        "| nc -l -p 8080 -q 0 -w 3; done"
    )
    container = {
        "name": "main",
        "image": IMAGE,
        "command": ["sh", "-c", server],
        "workingDir": "/tmp",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    security = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "containers": [container],
            "securityContext": security,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            **spec,
        },
    }


def start(connection: Connection, manifest: dict) -> PodRef:
    """Create a pod and wait until its containers are ready."""
    made = connection.create(manifest)
    ref = connection.ref_of(made)
    wait_until(lambda: _is_ready(connection.get(ref)), f"{ref} to be ready")
    pod = connection.get(ref)
    return PodRef(
        namespace=ref.namespace,
        name=ref.name,
        uid=pod["metadata"]["uid"],
        ip=pod["status"]["podIP"],
        node=pod["spec"]["nodeName"],
        container=pod["spec"]["containers"][0]["name"],
    )


def stop(connection: Connection, pod: PodRef) -> None:
    """Delete a pod and wait until it is gone."""
    ref = Ref(PODS, pod.namespace, pod.name)
    connection.delete(ref, uid=pod.uid, grace=0)
    wait_until(lambda: connection.get(ref) is None, f"{pod} to go")


def _is_ready(pod) -> bool:
    conditions = (pod or {}).get("status", {}).get("conditions") or ()
    return any(c["type"] == "ContainersReady" and c["status"] == "True" for c in conditions)


def is_gone(connection: Connection, ref: Ref) -> bool:
    return connection.get(ref) is None


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Poll the cluster; a real one has a clock of its own."""
    deadline = time.monotonic() + READY_WITHIN
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {READY_WITHIN:.0f} s for {what}")
        time.sleep(0.1)
