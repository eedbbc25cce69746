"""Directories as they lie there: values, charts, stories and dumps beside the manifests."""

from __future__ import annotations

import os
import re

import pytest

from npol.cli.app import app
from npol.errors import ExitCode
from tests.cli.manifests import APPS, HEAD

DUMP = """
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: api-5d4f8-x2x9z
    namespace: shop
    labels: {app: api}
    uid: 0d2a4e0e-3c4b-4d0e-9a8f-0c1b2a3d4e5f
    resourceVersion: "812"
    creationTimestamp: "2026-11-28T10:00:00Z"
    ownerReferences:
    - {apiVersion: apps/v1, kind: ReplicaSet, name: api-5d4f8, uid: u1, controller: true}
    managedFields: [{manager: kubelet, operation: Update, apiVersion: v1, fieldsType: FieldsV1}]
  spec: {nodeName: n1, containers: [{name: api, image: api, ports: [{containerPort: 80}]}]}
  status: {phase: Running, podIPs: [{ip: 10.1.2.3}]}
"""
POLICIES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicyList
items:
- metadata: {name: closed, namespace: shop}
  spec: {podSelector: {}, policyTypes: [Ingress]}
"""
STORY = HEAD + "steps: [{name: open, flows: [{from: client, to: web, port: 80, expect: allow}]}]\n"
FILES = {
    "apps.yaml": APPS,
    "dump.yaml": DUMP,
    "policies.yaml": POLICIES,
    "shop.npol.yaml": STORY,
    "values.yaml": "replicas: 2\n",
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    for name, text in FILES.items():
        (tmp_path / "m" / name).write_text(text)

    def told(*command):
        code = app(list(command), standalone_mode=False)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return told


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "shop/client -> shop/web:80", "m"],
        ["explain", "shop/closed", "m"],
        ["plan", "m/policies.yaml", "--against", "m/apps.yaml"],
        ["document", "m"],
        ["init", "--from-manifests", "m"],
    ],
    ids=" ".join,
)
def test_what_lies_beside_manifests_is_read_past(run, command):
    code, shown = run(*command)

    assert "read 1 policy, " in shown
    assert ("3 pods" in shown) == ("plan" not in command)
    assert code == ExitCode.AS_EXPECTED


def test_files_of_two_directories_outside_of_git_have_their_common_parent_for_a_root(run, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "m/policies.yaml").rename(tmp_path / "other/policies.yaml")
    code, shown = run("explain", "shop/closed", "m", "other/policies.yaml")

    assert "read 1 policy, 3 pods" in shown
    assert code == ExitCode.AS_EXPECTED


def test_a_first_story_names_a_schema_that_is_there_and_has_no_anchors(run, tmp_path):
    _, shown = run("init", "--from-manifests", "m/apps.yaml", "m/policies.yaml")

    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", shown)
    assert os.path.isfile(os.path.join(tmp_path, named[1]))
    assert re.search(r"^ +\| from \\ to", shown, re.MULTILINE)
    assert not re.search(r"[:-] [&*]\w", shown)


@pytest.mark.parametrize("story", ["s/shop.npol.yaml", "{here}/s/shop.npol.yaml"])
@pytest.mark.parametrize("policies", ["m/p", "./m/p", "m/p/policies.yaml", "{here}/m/p"])
def test_a_policy_that_a_story_and_a_folder_hold_is_written_down_once(
    run, tmp_path, story, policies
):
    for folder in ("s", "m/p"):
        (tmp_path / folder).mkdir()
    (tmp_path / "m/policies.yaml").rename(tmp_path / "m/p/policies.yaml")
    applied = STORY.replace("apps.yaml", "../m/apps.yaml").replace(
        "{name: open,", "{name: open, apply: [../m/p/policies.yaml],"
    )
    (tmp_path / "s/shop.npol.yaml").write_text(applied)
    paths = [path.format(here=tmp_path) for path in (story, policies)]
    code, shown = run("check", "--root", str(tmp_path), *paths)

    assert "NP007" not in shown
    assert "read 1 policy, " in shown
    assert code == ExitCode.AS_EXPECTED
