"""Every command says at its end what it read, and what of that its answer knows nothing of."""

from __future__ import annotations

import pytest

from npol.cli.app import app
from npol.errors import ExitCode
from tests.cli.manifests import APPS, HEAD

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [TYPE]}
"""
THEIRS = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: theirs, namespace: elsewhere}
spec: {endpointSelector: {}, ingress: [{}]}
"""
STORY = (
    HEAD.replace("[apps.yaml]", "[apps.yaml, theirs.yaml]")
    + """\
steps:
  - name: closed
    apply: [policy.yaml]
    flows:
      - {from: client, to: web, port: 80, expect: deny}
"""
)
COMMANDS = {
    "check": ["check", "m"],
    "check-files": ["check", "apps.yaml", "theirs.yaml", "policy.yaml"],
    "check-story": ["check", "s.npol.yaml"],
    "check-coverage": ["check", "s.npol.yaml", "--coverage"],
    "check-mutate": ["check", "s.npol.yaml", "--mutate"],
    "plan": ["plan", "s.npol.yaml"],
    "plan-against": ["plan", "m", "--against", "apps.yaml"],
    "explain": ["explain", "shop/client -> shop/web:80", "m"],
    "explain-policy": ["explain", "shop/closed", "m"],
    "explain-story": ["explain", "client -> web:80", "--story", "s.npol.yaml"],
    "document": ["document", "m"],
    "document-story": ["document", "s.npol.yaml"],
    "init": ["init", "--from-manifests", "m"],
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()

    def told(policy, command):
        files = {"apps.yaml": APPS, "theirs.yaml": THEIRS, "policy.yaml": policy}
        for name, text in files.items():
            (tmp_path / name).write_text(text)
            (tmp_path / "m" / name).write_text(text)
        (tmp_path / "m/values.yaml").write_text("replicas: 2\n")
        (tmp_path / "s.npol.yaml").write_text(STORY)
        code = app(command, standalone_mode=False)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return told


@pytest.mark.parametrize("name", COMMANDS)
def test_what_was_read_and_what_not_is_said(run, name):
    """Kinds of one network plugin alone say which one the files are for."""
    code, shown = run(POLICY.replace("TYPE", "Ingress"), COMMANDS[name])

    assert "read 2 policies, 2 pods, 0 Services, 1 namespace\n" in shown
    assert "not evaluated" not in shown
    assert ("left out: 1 document(s)" in shown) == ("m" in COMMANDS[name])
    assert code == ExitCode.AS_EXPECTED


@pytest.mark.parametrize("name", ["check", "check-story", "plan", "plan-against", "explain-story"])
def test_kinds_that_the_plugin_does_not_read_are_not_evaluated(run, name):
    command = [*COMMANDS[name], "--engine", "calico"]
    _, shown = run(POLICY.replace("TYPE", "Ingress"), command)

    assert "read 1 policy, 2 pods, 0 Services, 1 namespace\n" in shown
    assert "not evaluated: 1 CiliumNetworkPolicy\n" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_a_refused_policy_is_said_also_where_another_of_its_name_is_taken(run, name):
    """Whichever stands first: one of them is not what its author meant."""
    both = f"{POLICY.replace('TYPE', 'Inbound')}---{POLICY.replace('TYPE', 'Ingress')}"
    code, shown = run(both, COMMANDS[name])

    assert "read 3 policies, 2 pods, 0 Services, 1 namespace\n" in shown
    assert "refused by the API server, so without effect: NetworkPolicy shop/closed\n" in shown
    assert code == (ExitCode.DIFFERS if "check" in name else ExitCode.UNKNOWN)


def test_what_only_the_agent_refuses_is_said_to_be_refused_by_it(run):
    both = THEIRS.replace(
        "ingress: [{}]", "ingress: [{fromEntities: [all], fromCIDR: [10.0.0.0/8]}]"
    )
    code, shown = run(both.replace("name: theirs", "name: mixed"), COMMANDS["plan-against"])

    assert "CiliumNetworkPolicy elsewhere/mixed has no effect, Cilium's agent refuses it: " in shown
    line = "refused by Cilium's agent, so without effect: CiliumNetworkPolicy elsewhere/mixed\n"
    assert line in shown
    assert code == ExitCode.UNKNOWN
