"""`npol doctor` on a real cluster: what it finds in a namespace, and what it collects of it."""

from __future__ import annotations

import gzip
import json
import tarfile

import pytest

from npol.cli.arguments.doctor import DoctorArguments
from npol.cli.doctor import doctor
from tests.live.conftest import permitted, pod_manifest, start

pytestmark = pytest.mark.live
CANARY = "hunter2-canary-of-the-archive"


@pytest.fixture(scope="module")
def keeper(connected, namespace):
    """A pod with a secret in its environment, and a policy whose label nothing carries."""
    connection = permitted(connected(), namespace)
    pod = pod_manifest(namespace, "keeper")
    pod["spec"]["containers"][0]["env"] = [{"name": "DB_PASSWORD", "value": CANARY}]
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "misses", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}},
    }
    connection.create(policy)
    return start(connection, pod)


def test_doctor_finds_what_is_wrong_and_collects_without_secrets(
    target, namespace, keeper, tmp_path, capsys
):
    path = tmp_path / "found.tar.gz"
    arguments = DoctorArguments(
        context=target.context,
        kubeconfig=target.kubeconfig,
        namespaces=[namespace],
        canary=False,
        collect=str(path),
    )
    code = doctor(arguments)

    said = capsys.readouterr().out
    assert code == 1
    assert "podSelector app=nobody selects no pod" in said
    with tarfile.open(path) as tar:
        pods = json.load(tar.extractfile(f"npol/namespaces/{namespace}/pods.json"))
        events = json.load(tar.extractfile(f"npol/namespaces/{namespace}/events.json"))
        readme = tar.extractfile("npol/README.txt").read().decode()
    assert [p["metadata"]["uid"] for p in pods] == [keeper.uid]
    assert {e["reason"] for e in events} >= {"Started"}
    assert "not read" not in readme
    assert CANARY not in gzip.decompress(path.read_bytes()).decode(errors="replace")
