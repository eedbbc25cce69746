"""A story whose `given` and `apply` name whole charts, as they were rendered."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys

import pytest

from npol_lab.session import Lab, LabOptions
from tests.charts.corpus import path_of

STORY = """\
version: 1
name: whole charts
given: [database.yaml, operator.yaml]
defaults: {namespace: shop, timeout: 0.8s}
peers:
  client: {namespace: shop, labels: {orders-db-client: "true"}}
  stranger: {namespace: shop, labels: {app: stranger}}
  db: {namespace: shop, labels: {app: orders-db}, service: orders-db}
steps:
- name: before
  flows:
  - {from: stranger, to: db, port: 5432, expect: allow}
- name: policies
  apply: [database.yaml, operator.yaml]
  flows:
  - {from: client, to: db, port: 5432, expect: allow}
  - {from: stranger, to: db, port: 5432, expect: deny}
- name: rollback
  delete: [database.yaml, operator.yaml]
  same_as: before
"""
SECRETS = ("purple-frog", "green-newt")

pytestmark = pytest.mark.lab


@pytest.fixture
def told(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "charts.npol.yaml").write_text(STORY)
    for chart in ("database", "operator"):
        shutil.copy(path_of(chart), tmp_path)

    def run(*arguments):
        line = [sys.executable, "-m", "npol", "run", "charts.npol.yaml", *arguments]
        return subprocess.run(
            line, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
        )

    return run


def test_a_story_of_whole_charts_holds_in_a_lab(told):
    done = told("-vv")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "note: `given` left 2 policies to `apply` and `delete`" in said
    assert "note: `apply` and `delete` left 16 objects to `given`" in said
    assert "note: 3 stand-ins for 3 images, 2 exec probes taken as passed" in said
    hidden = [*SECRETS, *(base64.b64encode(s.encode()).decode() for s in SECRETS)]
    assert [secret for secret in hidden if secret in said] == []


@pytest.mark.nightly
@pytest.mark.parametrize("option", ["--create", "--create=all"])
def test_a_cluster_keeps_what_counts_for_all_of_it_unless_asked(told, option):
    with Lab.start(LabOptions()) as lab:
        done = told(option, "--kubeconfig", str(lab.kubeconfig), "--context", lab.context)
        left = remaining(lab)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert left == []
    assert ("left out: " in said) is (option == "--create")
    assert ("ClusterRole store-operator" in said) is (option == "--create")
    assert ("Backup nightly" in said) is (option == "--create")


def remaining(lab):
    """What a run has left that it made: nothing but its own state."""
    kinds = "namespaces,crds,clusterroles,validatingwebhookconfigurations,persistentvolumes"
    found = subprocess.run(
        ["kubectl", "--kubeconfig", str(lab.kubeconfig), "get", kinds, "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [n for n in found.stdout.split() if "store" in n or "shop" in n or "pvc-" in n]
