"""Every command that predicts says what it cannot foretell, and ends with 3 for it."""

from __future__ import annotations

import pytest

from npol.cli.app import app
from npol.errors import ExitCode
from tests.cli.manifests import CLIENT, NAMESPACE

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}
"""
APPS = f"{NAMESPACE}---{WEB}---{CLIENT}"
THEIRS = """
---
apiVersion: crd.antrea.io/v1beta1
kind: NetworkPolicy
metadata: {name: theirs, namespace: shop}
spec: {}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]
"""
STORY = """
version: 1
name: shop
given: [apps.yaml]
peers:
  client: {namespace: shop, labels: {app: client}}
  stranger: {namespace: shop, labels: {app: stranger}}
  web: {namespace: shop, workload: deployment/web}
steps:
  - name: closed
    apply: [policy.yaml]
    flows:
      - {from: client, to: web, port: 80, expect: allow}
      - {from: stranger, to: web, port: 80, expect: deny}
"""
COMMANDS = pytest.mark.parametrize(
    ("command", "told"),
    [
        pytest.param(["plan", "s.npol.yaml"], "UNKNOWN", id="plan"),
        pytest.param(
            ["explain", "client -> web:80", "--story", "s.npol.yaml"],
            "predicted unknown",
            id="explain-story",
        ),
        pytest.param(
            ["explain", "shop/client -> shop/web:80", "apps.yaml", "policy.yaml"],
            "predicted",
            id="explain",
        ),
        pytest.param(["check", "--mutate", "s.npol.yaml"], "cannot be foretold: ", id="check"),
        pytest.param(["document", "s.npol.yaml"], "cannot be foretold: client", id="document"),
        pytest.param(["init", "--from-manifests", "."], "# left out: ", id="init"),
    ],
)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def told(command, apps):
        (tmp_path / "apps.yaml").write_text(apps)
        (tmp_path / "policy.yaml").write_text(POLICY)
        if command[0] != "init":
            (tmp_path / "s.npol.yaml").write_text(STORY)
        code = app(command, standalone_mode=False)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return told


@COMMANDS
def test_what_cannot_be_foretold_is_told_and_ends_with_3(run, command, told):
    """A policy of a kind that npol does not evaluate stands near every flow."""
    code, shown = run(command, APPS + THEIRS)

    assert told in shown
    assert code == ExitCode.UNKNOWN
