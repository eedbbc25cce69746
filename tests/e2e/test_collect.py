"""`npol doctor --collect` and pytest's `--npol-collect`, in the lab: all that helps, no secret."""

from __future__ import annotations

import gzip
import json
import stat
import tarfile
import time

import pytest

from tests.e2e.shop import STEPS, write_shop

pytestmark = pytest.mark.lab
CANARY = "hunter2-canary-of-the-archive"
SECRET_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "keeper", "annotations": {"vault.example/word": CANARY}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "keeper",
                "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
                "args": ["netexec", "--http-port=8080"],
                "env": [{"name": "DB_PASSWORD", "value": CANARY}],
            }
        ],
    },
}
TALKER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "calico-node-abcde"},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "calico-node",
                "image": "docker.io/library/busybox:1.36",
                "command": ["sh", "-c", f"echo felix is up; echo token={CANARY}; sleep 600"],
            }
        ],
    },
}
WRONG = STEPS.replace("expect: deny", "expect: allow")


@pytest.fixture(scope="module")
def cluster(server):
    """A namespace with a secret in each place that may hold one, and an engine that talks."""
    for name in ("vault", "calico-system"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        server.ask("POST", "/api/v1/namespaces", body)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    posted = (
        ("vault/pods", SECRET_POD),
        ("vault/secrets", {**secret, "stringData": {"word": CANARY}}),
        ("vault/configmaps", {**config, "data": {"word": CANARY}}),
        ("calico-system/pods", TALKER),
    )
    for path, body in posted:
        server.ask("POST", f"/api/v1/namespaces/{path}", body)
    until = time.monotonic() + 30
    for path in ("vault/pods/keeper", "calico-system/pods/calico-node-abcde"):
        while not running(server.ask("GET", f"/api/v1/namespaces/{path}")):
            assert time.monotonic() < until
            time.sleep(0.05)


def running(pod):
    return pod["status"].get("phase") == "Running"


@pytest.fixture
def there(lab):
    return "--kubeconfig", str(lab.kubeconfig), "--context", lab.context


def files(archive):
    """Name -> text."""
    with tarfile.open(archive) as tar:
        return {name: tar.extractfile(name).read().decode() for name in tar.getnames()}


def test_an_archive_holds_what_explains_and_no_secret(npol_here, cluster, there, tmp_path, lab):
    path = tmp_path / "found.tar.gz"
    done = npol_here("doctor", *there, "--no-canary", "-n", "vault", "--collect", path)

    assert f"collected in {path}" in done.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = files(path)
    (keeper,) = json.loads(found["npol/namespaces/vault/pods.json"])
    assert keeper["spec"]["containers"][0]["env"] == [
        {"name": "DB_PASSWORD", "value": "(redacted)"}
    ]
    assert keeper["status"]["phase"] == "Running"
    log = found["npol/engine/calico-system/calico-node-abcde/calico-node.log"]
    assert log == "felix is up\ntoken=(redacted)\n"
    assert json.loads(found["npol/versions.json"])["engine"] == "npol's lab"
    assert json.loads(found["npol/access.json"])["list pods in namespace vault"] is True
    assert "RBAC         all that mode apply needs" in found["npol/doctor.txt"]
    assert {n["metadata"]["name"] for n in json.loads(found["npol/cluster/nodes.json"])} >= {
        "lab-1"
    }

    whole = gzip.decompress(path.read_bytes()).decode(errors="replace")
    token = json.loads(lab.kubeconfig.read_text())["users"][0]["user"]["token"]
    assert CANARY not in whole
    assert token not in whole


def test_collect_refuses_an_existing_archive_before_any_request(npol_here, there, tmp_path, server):
    path = tmp_path / "found.tar.gz"
    path.write_text("mine")
    before = server.requests()
    done = npol_here("doctor", *there, "--collect", path)
    assert done.returncode == 2
    assert "exists and is not overwritten" in done.stderr
    assert path.read_text() == "mine"
    assert server.requests() == before


def test_a_report_goes_into_the_archive(npol_here, cluster, there, tmp_path):
    story = write_shop(tmp_path, WRONG)
    ran = npol_here("run", story, *there, "--create", "--report", "run.json")
    assert ran.returncode == 1
    npol_here("doctor", *there, "--no-canary", "-n", "vault",
              "--collect", "x.tar.gz", "--report", "run.json")  # fmt: skip
    report = json.loads(files(tmp_path / "x.tar.gz")["npol/report.json"])
    assert report["report"]["steps"][1]["flows"][0]["verdict"] == "too closed"


# -- pytest


def test_a_failure_is_collected_while_its_policies_are_there(shop, named):
    write_shop(shop.path, WRONG)
    result = shop.runpytest_subprocess("--npol-collect=found.tar.gz", *named)

    assert "what helps to find the cause is in found.tar.gz" in result.stdout.str()
    found = files(shop.path / "found.tar.gz")
    policies = json.loads(found["shop/namespaces/shop/networkpolicies.json"])
    assert [p["metadata"]["name"] for p in policies] == ["deny-all"]
    assert json.loads(found["shop/report.json"])["report"]["story"] == "shop"
    assert [p for p in json.loads(found["shop/namespaces/shop/pods.json"])
            if p["metadata"]["name"] == "web"]  # fmt: skip


@pytest.mark.nightly
def test_without_a_failure_there_is_no_archive(shop, named):
    result = shop.runpytest_subprocess("--npol-collect=found.tar.gz", *named)
    assert result.ret == 0
    assert not (shop.path / "found.tar.gz").exists()


def test_an_archive_that_exists_ends_the_session_before_it_begins(shop, named):
    (shop.path / "found.tar.gz").write_text("mine")
    result = shop.runpytest_subprocess("--npol-collect=found.tar.gz", *named)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "exists and is not overwritten" in result.stderr.str()


@pytest.mark.nightly
def test_each_worker_has_an_archive_of_its_own(shop, named):
    write_shop(shop.path, WRONG)
    shop.runpytest_subprocess("-n1", "--npol-collect=found.tar.gz", *named)
    assert "shop/report.json" in files(shop.path / "found-gw0.tar.gz")
