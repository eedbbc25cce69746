"""Each mode does its whole work with exactly the rights that `npol doctor --rbac` prints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from npol.cli.app import app
from npol.cni.other_policy_kinds import KINDS
from npol.cni.preflight import missing_rights
from npol.errors import ExitCode
from npol.kube.connection import Mode, connect
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.rbac import Right, manifests, rights
from npol.kube.sender import Sender
from npol.model.expectation import Verdict
from npol.run import Options, StoryRun
from npol.story import load_story
from npol.yaml_positions import dump
from tests.live.conftest import permitted, start, wait_until

pytestmark = pytest.mark.live

SERVER = "registry.k8s.io/e2e-test-images/agnhost:2.53"
OPTIONAL = {
    ("get", "configmaps"),  # which engine, and how it is set up
    ("list", "nodes"),
    ("list", "daemonsets.apps"),
    ("get", "installations.operator.tigera.io"),
    ("get", "clusterinformations.crd.projectcalico.org"),
    ("get", "felixconfigurations.crd.projectcalico.org"),
    ("list", "ciliumnodes.cilium.io"),
}
"""What is read where it may be read; without it a run knows less, and says so."""

STORY = """
version: 1
name: rights
peers:
  client: {{namespace: {namespace}, labels: {{app: client}}}}
  web: {{namespace: {namespace}, service: web}}
steps:
  - name: open
    flows: [{{from: client, to: web, port: 80, expect: allow}}]
"""
CHANGES = """
  - name: deny all
    apply: [deny.yaml]
    flows: [{{from: client, to: web, port: 80, expect: deny}}]
  - name: rollback
    delete: [deny.yaml]
    same_as: open
"""


@pytest.fixture(scope="module")
def web(connected, namespace):
    """A server behind a Service."""
    admin = permitted(connected(), namespace)
    admin.permit(namespaces=[namespace], kinds=[admin.resource("v1", "Service")])
    container = {"name": "web", "image": SERVER, "args": ["netexec", "--http-port=8080"]}
    labels = {"app": "web"}
    pod = {"name": "web", "namespace": namespace, "labels": labels}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    start(admin, {"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": spec})
    ports = [{"port": 80, "targetPort": 8080}]
    admin.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {"selector": labels, "ports": ports},
        }
    )


@contextlib.contextmanager
def granted(target, mode: Mode, namespace: str, directory: Path) -> Iterator[str]:
    """A kubeconfig of an account with the printed roles, which go in the end."""
    account = f"npol-{namespace}"
    with config.new_client_from_config(target.kubeconfig, target.context) as api:
        core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
        with contextlib.ExitStack() as undo:
            for obj in manifests(mode, [namespace], account=account):
                _grant(core, rbac, obj, namespace, undo)
            yield str(_acting_as(target, account, directory))


def _grant(core, rbac, obj, namespace, undo):
    place, kind = obj["metadata"].get("namespace"), obj["kind"]
    if kind == "Namespace":
        with contextlib.suppress(client.ApiException):
            core.create_namespace(obj)
        return
    if kind == "ServiceAccount":
        core.create_namespaced_service_account(place, obj)
        undo.callback(core.delete_namespaced_service_account, obj["metadata"]["name"], place)
        return
    obj["metadata"]["name"] += f"-{namespace}"  # others' may be there
    if "roleRef" in obj:
        obj["roleRef"]["name"] += f"-{namespace}"
    word = {
        "Role": "namespaced_role",
        "RoleBinding": "namespaced_role_binding",
        "ClusterRole": "cluster_role",
        "ClusterRoleBinding": "cluster_role_binding",
    }[kind]
    where = (place,) if place else ()
    getattr(rbac, f"create_{word}")(*where, obj)
    undo.callback(getattr(rbac, f"delete_{word}"), obj["metadata"]["name"], *where)


def _acting_as(target, account, directory):
    from npol.kube.kubeconfig import pick

    settings = pick(target.kubeconfig, target.context)
    user = f"system:serviceaccount:{STATE_NAMESPACE}:{account}"
    content = settings.loadable({**settings.user, "as": user})
    content["contexts"][0]["name"] = "robot"
    path = directory / "robot.kubeconfig"
    path.write_text(dump(content))
    path.chmod(0o600)
    return path


@pytest.fixture
def sent(monkeypatch):
    """What every connection sends, by verb, resource and namespace."""
    seen = set()
    original = Sender.send

    def noted(self, sent):
        request = sent.request
        seen.add((request.verb, request.resource, request.namespace))
        return original(self, sent)

    monkeypatch.setattr(Sender, "send", noted)
    return seen


def deny_all(namespace):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [Mode.SMOKE, Mode.APPLY])
def test_a_mode_needs_no_more_than_its_printed_roles(target, namespace, web, sent, tmp_path, mode):
    text = STORY + (CHANGES if mode is Mode.APPLY else "")
    (tmp_path / "rights.npol.yaml").write_text(text.format(namespace=namespace))
    (tmp_path / "deny.yaml").write_text(dump(deny_all(namespace)))
    story = load_story(str(tmp_path / "rights.npol.yaml"), root=str(tmp_path))

    with granted(target, mode, namespace, tmp_path) as kubeconfig:
        run = StoryRun(story, Options(kubeconfig=kubeconfig, context="robot"))
        try:
            run.open()
            for step in story.steps:
                run.reach(step.name)
        finally:
            run.close()

    report = run.report()
    assert report.exit_code is ExitCode.AS_EXPECTED, report.error
    rows = rights(mode, [namespace])
    may = {(r.verb, ".".join(filter(None, [r.resource, r.group])), r.namespace) for r in rows}
    asks = {s for s in sent if s[1].startswith("/") or "reviews." in s[1]}
    others = {("list", kind.qualified) for kind in KINDS}
    # tried for all namespaces at once first, and one by one where that is refused
    at_once = {("list", resource, "") for verb, resource, _ in may if verb == "list"}
    assert {s for s in sent - may - asks - at_once if s[:2] not in OPTIONAL | others} == set()


WRONG = """
  - name: deny all
    apply: [deny.yaml]
    flows:
      - {{from: client, to: web, port: 80, expect: deny}}
      - {{name: too closed, from: client, to: web, port: 80, expect: allow}}
  - name: rollback
    delete: [deny.yaml]
    flows:
      - {{from: client, to: web, port: 80, expect: allow}}
      - {{name: too open, from: client, to: web, port: 80, expect: deny}}
"""


def told(story, options):
    run = StoryRun(story, options)
    try:
        run.open()
        for step in story.steps:
            run.reach(step.name)
    finally:
        run.close()
    return run.report()


@pytest.mark.timeout(300)
def test_without_the_right_to_exec_in_agents_the_verdicts_are_the_same(
    target, namespace, web, tmp_path, monkeypatch
):
    monkeypatch.delenv("NPOL_FLOW_RECORDS", raising=False)
    (tmp_path / "rights.npol.yaml").write_text((STORY + WRONG).format(namespace=namespace))
    (tmp_path / "deny.yaml").write_text(dump(deny_all(namespace)))
    story = load_story(str(tmp_path / "rights.npol.yaml"), root=str(tmp_path))

    with granted(target, Mode.APPLY, namespace, tmp_path) as kubeconfig:
        limited = told(story, Options(kubeconfig=kubeconfig, context="robot"))
    whole = told(story, Options(kubeconfig=target.kubeconfig, context=target.context))

    flows = [[f for step in report.steps for f in step.flows] for report in (limited, whole)]
    assert [f.verdict for f in flows[0]] == [f.verdict for f in flows[1]]
    assert {f.verdict for f in flows[0]} == {
        Verdict.AS_EXPECTED,
        Verdict.TOO_CLOSED,
        Verdict.TOO_OPEN,
    }
    assert not any(f.proof for f in flows[0])
    print(f"{sum(f.proof is not None for f in flows[1])} proven with all rights; {limited.notes}")


@pytest.fixture
def npol(capsys):
    """Run a command in this process: its exit code, and all that it said."""

    def run(*arguments):
        capsys.readouterr()
        code = app([*map(str, arguments)], standalone_mode=False)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.mark.timeout(300)
def test_read_only_needs_no_more_than_its_printed_roles(
    target, namespace, web, sent, npol, tmp_path
):
    (tmp_path / "deny.yaml").write_text(dump(deny_all(namespace)))

    with granted(target, Mode.READ_ONLY, namespace, tmp_path) as kubeconfig:
        there = ("--kubeconfig", kubeconfig, "--context", "robot")
        answers = {
            "doctor": npol("doctor", "--mode", "read-only", "-n", namespace, *there),
            "explain": npol("explain", f"{namespace}/web -> {namespace}/web:80", *there),
            "check": npol("check", tmp_path / "deny.yaml", "--root", tmp_path, *there),
            "init": npol("init", "--from-cluster", "-n", namespace, *there),
        }

    assert "all that mode read-only needs" in answers["doctor"][1]
    assert "predicted allow" in answers["explain"][1]
    assert {name: code for name, (code, _) in answers.items() if name != "doctor"} == {
        "explain": 0,
        "check": 0,
        "init": 0,
    }, answers
    assert {s for s in sent if s[0] not in ("get", "list") and "reviews." not in s[1]} == set()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", Mode)
def test_any_right_that_is_missing_is_named_alone(target, namespace, tmp_path, mode):
    with granted(target, mode, namespace, tmp_path) as kubeconfig:
        connection = connect(kubeconfig=kubeconfig, context="robot", mode=mode)
        for right in rights(mode, [namespace]):
            if right.namespace == namespace:
                with taken_away(target, mode, right):
                    named(connection, right)


def test_doctor_says_which_right_is_missing(target, namespace, npol, tmp_path):
    right = Right(verb="list", group="", resource="pods", namespace=namespace)
    with granted(target, Mode.READ_ONLY, namespace, tmp_path) as kubeconfig:
        connection = connect(kubeconfig=kubeconfig, context="robot", mode=Mode.READ_ONLY)
        with taken_away(target, Mode.READ_ONLY, right):
            named(connection, right)
            code, said = npol(
                *("doctor", "--mode", "read-only", "-n", namespace),
                *("--kubeconfig", kubeconfig, "--context", "robot"),
            )
    assert (code, f"may not {right}" in said) == (1, True), said


def named(connection, right):
    """The API server needs a moment to hear of changed roles."""

    def alone():
        found = missing_rights(connection, [right.namespace])
        return [f.what for f in found] == [f"may not {right}"]

    wait_until(alone, f"{right} alone to be missing")


@contextlib.contextmanager
def taken_away(target, mode, right):
    """Without one verb of the role for as long as it is needed."""
    name = f"npol-{mode.value}-{right.namespace}"
    with config.new_client_from_config(target.kubeconfig, target.context) as api:
        rbac = client.RbacAuthorizationV1Api(api)
        whole = rbac.read_namespaced_role(name, right.namespace).rules
        rbac.patch_namespaced_role(
            name, right.namespace, {"rules": [less for r in whole for less in without(r, right)]}
        )
        yield
        rbac.patch_namespaced_role(name, right.namespace, {"rules": whole})


def without(rule, right):
    """A rule of a role as one or two, with everything but this right."""
    if right.group not in rule.api_groups or right.resource not in rule.resources:
        return [rule]
    others = [r for r in rule.resources if r != right.resource]
    verbs = [v for v in rule.verbs if v != right.verb]
    made = [(others, rule.verbs), ([right.resource], verbs)]
    return [
        client.V1PolicyRule(api_groups=rule.api_groups, resources=resources, verbs=verbs)
        for resources, verbs in made
        if resources and verbs
    ]
