"""`npol explain --story` without `--at`: the step with most policies, said by name."""

from __future__ import annotations

import pytest

from npol.cli.app import app
from npol.errors import ExitCode, InputError
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


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in {"apps.yaml": APPS, "policy.yaml": POLICY, "s.npol.yaml": STORY}.items():
        (tmp_path / name).write_text(text)

    def told(*command):
        code = app(list(command), standalone_mode=False)
        shown = capsys.readouterr()
        return code, (shown.out + shown.err).splitlines()

    return told


def test_the_step_with_most_policies_is_explained(run):
    _, shown = run("explain", "client -> web:80", "--story", "s.npol.yaml")

    assert shown[0] == "after step 'closed' (the one with most policies; --at names another):"
    assert "predicted deny" in shown[1]
    assert shown[-1] == "read 1 policy, 2 pods, 0 Services, 1 namespace"


@pytest.mark.parametrize(
    "where",
    [["client -> web:80", "--story", "s.npol.yaml"], ["shop/client -> shop/web:80", "apps.yaml"]],
    ids=["story", "files"],
)
def test_to_leave_out_a_policy_that_is_not_there_is_an_error(run, where):
    with pytest.raises(InputError, match="there is no policy 'shop/deny-al' here") as caught:
        run("explain", *where, "--without", "shop/deny-al")

    in_story = "--story" in where
    meant = "did you mean 'shop/deny-all'?" if in_story else "the policies here: none"
    assert caught.value.hint == meant


def test_to_leave_out_a_policy_that_is_there_is_answered(run):
    command = ("explain", "client -> web:80", "--story", "s.npol.yaml")
    code, shown = run(*command, "--without", "shop/deny-all")

    assert code == ExitCode.AS_EXPECTED
    assert "  without shop/deny-all: allow" in shown


def test_plan_tells_one_step_of_a_story_and_refuses_one_that_it_does_not_have(run):
    code, shown = run("plan", "s.npol.yaml", "--at", "closed")
    assert code == ExitCode.AS_EXPECTED
    assert [line for line in shown if line.startswith("step ")] == ["step 'closed': 1 flow(s)"]

    with pytest.raises(InputError, match="has no step 'closd'") as caught:
        run("plan", "s.npol.yaml", "--at", "closd")
    assert caught.value.hint == "did you mean 'closed'?"
