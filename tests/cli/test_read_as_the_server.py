"""Manifests that people write: `npol check` takes and refuses them as the API server does."""

from __future__ import annotations

import pytest

from npol.cli.app import app
from npol.errors import ExitCode

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: p
  namespace: shop
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{protocol: TCP, port: 80}]
"""


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def told(old, new):
        assert old in POLICY
        (tmp_path / "p.yaml").write_text(POLICY.replace(old, new))
        code = app(["check", "p.yaml"], standalone_mode=False)
        return code, capsys.readouterr().out

    return told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[Ingress]", "[{Ingress: true}]", "p.yaml:8:17: NP001"),
        ("protocol: TCP", "protocol: [TCP]", "p.yaml:11:24: NP001"),
        ("[Ingress]", "[Ingress, Egress, Ingress]", "p.yaml:8:16: NP001"),
        ("protocol: TCP", "protocol: ''", "p.yaml:11:24: NP001"),
        ("name: p", "name: a..b", "p.yaml:4:9: NP001"),
        ("  namespace: shop\n", "  namespace: shop\n  bogus: 1\n", "p.yaml:6:3: NP003"),
        ("networking.k8s.io/v1", "networking.k8s.io/v1beta1", "p.yaml:1:13: NP004"),
        ("kind: NetworkPolicy", "kind: NetworkPolicies", "p.yaml:2:7: NP004"),
        ("app: web", "app: '{{ .Values.app }}'", "unrendered template"),
        ("app: web", "app: '${APP}'", "unfilled variable"),
        ("spec:", "status: {}\nspec:", "p.yaml:6:1: NP003"),
    ],
)
def test_what_the_server_refuses_is_an_error_at_its_line(check, old, new, told):
    code, shown = check(old, new)

    assert told in shown
    assert code == ExitCode.DIFFERS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("203.0.113.0/24", "203.0.113.7/24"),
        ("203.0.113.0/24", "'0203.000.113.0/24'"),
        ("203.0.113.0/24", "'::ffff:203.0.113.0/120'"),
        ("app: web", "app: "),
        ("app: web", "on: web"),
        ("  namespace: shop\n", "  namespace: shop\n  annotations: {vault: '{{ with secret }}'}\n"),
        ("port: 80}", "port: 80.0}"),
    ],
)
def test_what_the_server_takes_is_no_error(check, old, new):
    code, shown = check(old, new)

    assert " error: " not in shown
    assert code == ExitCode.AS_EXPECTED


def test_a_key_of_a_map_that_the_server_puts_in_brackets_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {name: web, namespace: shop}\n"
        "spec:\n"
        "  containers:\n"
        "  - name: web\n"
        "    image: web\n"
        "    resources: {limits: {cpu: 1, corse: 1}}\n"
    )
    assert app(["check", "pod.yaml"], standalone_mode=False) == ExitCode.DIFFERS
    assert "pod.yaml:8:41: NP001 error: spec.containers[0].resources.limits.corse" in (
        capsys.readouterr().out
    )
