"""`npol explain --story` without `--at`: the step with most policies, said by name."""

from __future__ import annotations

from npol.cli.app import app
from tests.cli.manifests import APPS, HEAD

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
STORY = (
    HEAD
    + """\
steps:
  - {name: before, flows: [{from: client, to: web, port: 80, expect: allow}]}
  - {name: closed, apply: [policy.yaml], flows: [{from: client, to: web, port: 80, expect: deny}]}
  - {name: rollback, delete: [policy.yaml], same_as: before}
"""
)


def test_the_step_with_most_policies_is_explained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in {"apps.yaml": APPS, "policy.yaml": POLICY, "s.npol.yaml": STORY}.items():
        (tmp_path / name).write_text(text)

    app(["explain", "client -> web:80", "--story", "s.npol.yaml"], standalone_mode=False)
    shown = capsys.readouterr().out.splitlines()

    assert shown[0] == "after step 'closed' (the one with most policies; --at names another):"
    assert "predicted deny" in shown[1]
    assert shown[-1] == "read 1 policy, 2 pods, 0 Services, 1 namespace"
