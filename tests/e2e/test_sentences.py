"""Rows where a document is wrong or unclear: the command that one would ask, and its sentence."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from npol.errors import ExitCode
from tests.e2e.conftest import ROOT

POLICIES = "infra/manifests/network-policies"
FROM_FRONTEND = f"{POLICIES}/backend-dev/10-allow-from-frontend.yaml"
FROM_INGRESS = f"{POLICIES}/backend-dev/15-allow-from-ingress.yaml"
WIDE = f"{POLICIES}/frontend-dev/allow-to-backend-dev-namespace.yaml"
CALL = ("explain", "frontend -> backend:80", "--story", "baseline.npol.yaml", "--at")
EN_DASH_POD = """\
apiVersion: v1
kind: Pod
metadata: {name: shell, namespace: frontend}
spec:
  containers:
  - name: shell
    image: docker.io/nicolaka/netshoot:v0.15
    command: [curl, "\N{EN DASH}-max-time", "2", "http://user-api.backend:8080/user/123"]
"""
SITE = f"""\
version: 1
name: the site
given: [infra/manifests/apps]
peers:
  stranger: {{namespace: ingress, labels: {{app: stranger}}}}
  site: {{host: app.example.test, via: {{namespace: ingress, service: ingress-nginx}}}}
steps:
  - name: port 80
    apply: [{POLICIES}, variants/egress-port-80.yaml]
    flows:
      - {{name: the site loads, from: stranger, to: site, port: 80, http: {{}}, expect: http 200}}
"""
NO_TOOL = """\
version: 1
name: from inside nginx
given: [exercises/apps.yaml]
defaults: {timeout: 500ms, settle: {within: 3s}}
peers:
  inside: {namespace: exercise, pod: frontend}
  backend: {namespace: exercise, service: backend}
steps:
  - name: no policy
    flows: [{from: inside, to: backend, port: 80, http: {path: /}, expect: deny}]
"""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A command in a copy of `fixtures/<where>`, after `prepare`, and what it must say."""

    row: str
    where: str
    command: tuple[str, ...]
    says: tuple[str, ...]
    code: int = 0
    prepare: Callable[[Path], object] = lambda _: None


def edit(file: str, was: str, becomes: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert was in text
        (root / file).write_text(text.replace(was, becomes))

    return change


def beside(file: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / file).write_text(text)


def two_sets(gone: str, *more: str) -> Callable[[Path], object]:
    """`older` and `newer` sets of manifests: `newer` lacks a file, and has others."""

    def copy(root: Path) -> None:
        shared = [f for f in more if f.endswith("reports-open.yaml")]
        for name, extra in (("older", shared), ("newer", more)):
            shutil.copytree(root / "infra/manifests", root / name)
            for file in extra:
                shutil.copy(root / file, root / name)
        (root / "newer" / gone.removeprefix("infra/manifests/")).unlink()

    return copy


ROWS = [
    Told(
        row="REF-4",
        where="baseline",
        command=(*CALL, "egress limited to port 80"),
        says=(
            "Service backend-dev/backend-sample port 80 goes to backend-dev/backend-sample-0 port "
            "3001: policies are judged on 3001, never on 80",
            "frontend-dev/allow-to-backend-dev-namespace (variants/egress-port-80.yaml:16) does "
            "not fit: Service port 80 is translated to pod port 3001 before egress policy is "
            "judged, so the rule must name 3001",
        ),
    ),
    Told(
        row="REF-4",
        where="baseline",
        prepare=beside("site.npol.yaml", SITE),
        command=("plan", "site.npol.yaml"),
        code=1,
        says=(
            "the site loads: expected http 200, predicted deny behind the proxy",
            "before egress policy is judged, so the rule must name 3001",
        ),
    ),
    Told(
        row="REF-5",
        where="baseline",
        command=("explain", "frontend-dev/allow-to-backend-dev-namespace", "infra/manifests"),
        says=(
            "to every pod in namespaces with name=backend-dev: backend-dev (2 pods now, "
            "deployment/backend-sample, deployment/reports), on every port",
        ),
    ),
    Told(
        row="REF-5",
        where="baseline",
        command=(*CALL, "allow from ingress"),
        says=(
            "would allow it: add a policy frontend-dev/allow-to-backend-sample that allows the "
            "egress of frontend-dev/npol-frontend on TCP 3001",
        ),
    ),
    Told(
        row="REF-5",
        where="baseline",
        prepare=two_sets(
            WIDE, "variants/reports-open.yaml", "variants/egress-least-privilege.yaml"
        ),
        command=("plan", "newer", "--against", "older"),
        says=(
            "closes: frontend-dev/frontend -> backend-dev/reports every port\n1 difference(s)\n",
        ),
    ),
    Told(
        row="REF-6",
        where="baseline",
        command=(*CALL, "the page's port, literally"),
        says=(
            "backend-dev/allow-from-frontend (variants/ingress-port-80.yaml:16) does not fit: "
            "Service port 80 is translated to pod port 3001 before ingress policy is judged, so "
            "the rule must name 3001",
            "would allow it: in backend-dev/allow-from-frontend (variants/ingress-port-80.yaml:16) "
            "allow TCP 3001",
        ),
    ),
    Told(
        row="NPOL-002",
        where="baseline",
        command=("explain", "backend-dev/deny-all", "infra/manifests"),
        says=(
            "it isolates them for ingress, and allows none",
            "note: a pod's own node always reaches it: the kubelet's probes go on, and the pods "
            "stay Ready under any policy",
        ),
    ),
    Told(
        row="NPOL-004",
        where="baseline",
        command=(*CALL, "allow from frontend, ingress side only"),
        says=(
            f"backend-dev/allow-from-frontend ({FROM_FRONTEND}:12) allows its ingress, but a flow "
            "needs the egress of its source and the ingress of its target",
        ),
    ),
    Told(
        row="NPOL-008",
        where="baseline",
        prepare=two_sets(FROM_INGRESS),
        command=("plan", "newer", "--against", "older"),
        says=(
            "closes: ingress/ingress-nginx -> backend-dev/backend-sample 3001/tcp\n"
            "1 difference(s)\n",
        ),
    ),
    Told(
        row="NPOL-008",
        where="baseline",
        command=("plan", "baseline.npol.yaml"),
        says=(
            "step 'one allow taken away': ",
            "step 'rollback': ",
            "0 flow(s) will fail, by prediction for calico",
        ),
    ),
    Told(
        row="NPOL-TRIAGE-003",
        where="baseline",
        prepare=edit(FROM_FRONTEND, "{app: backend}", "{app: backend-sample}"),
        command=("check", "infra/manifests"),
        says=(
            f"{FROM_FRONTEND}:9:5: NP010 warning: podSelector app=backend-sample selects no pod in "
            "backend-dev - pods there have app=backend,app.kubernetes.io/name=backend-sample",
        ),
    ),
    Told(
        row="TUT-9",
        where="tutorial",
        command=("check", "apps", "policies/dns-as-the-tutorial-has-it.yaml"),
        says=(
            "policies/dns-as-the-tutorial-has-it.yaml:13:11: NP011 warning: no namespace that is "
            "known here has name=kube-system - select kubernetes.io/metadata.name=kube-system",
        ),
    ),
    Told(
        row="TUT-9",
        where="tutorial",
        command=(
            *("explain", "backend -> database:5432", "--story", "tutorial.npol.yaml"),
            *("--at", "anatomy of a policy"),
        ),
        says=(
            "names do not resolve; allow egress to the DNS pods on UDP and TCP 53",
            "note: the packets would pass, but the name does not resolve: applications fail",
        ),
    ),
    Told(
        row="WEB-3",
        where="webapp",
        prepare=beside("shell.yaml", EN_DASH_POD),
        command=("check", "shell.yaml"),
        code=1,
        says=(
            "shell.yaml:8:21: NP006 error: '\N{EN DASH}-max-time' begins with an en dash: a tool "
            "takes it for a name, not for an option; then it does not run, which is not the same "
            "as blocked - write '--max-time'",
        ),
    ),
    Told(
        row="WEB-3",
        where="webapp",
        command=(
            *("explain", "web-app -> user-api:8080", "--story", "webapp.npol.yaml"),
            *("--at", "allow DNS"),
        ),
        says=(
            "predicted deny",
            "isolated by frontend/default-deny (policies/default-deny.yaml:2), "
            "frontend/allow-dns-access (policies/allow-dns-access.yaml:2), and none of their rules "
            "allows it",
        ),
    ),
    Told(
        row="TIER-5",
        where="three-tier",
        command=("check", "apps", "policies/dbpolicy-stray-dash.yaml"),
        says=(
            "policies/dbpolicy-stray-dash.yaml:18:11: NP013 warning: two peers, either of which is "
            "enough: pods with app=backend in three-tier alone, or every pod of namespaces with "
            "name=prod - if pods that are both were meant, take away the dash before the second "
            "selector",
        ),
    ),
    Told(
        row="TIER-5",
        where="three-tier",
        command=(
            *("explain", "staging-backend -> database:3306", "--story", "three-tier.npol.yaml"),
            *("--at", "the stray dash", "--engine", "cilium"),
        ),
        says=(
            "predicted deny (dialect cilium)",
            "does not fit: a podSelector alone selects in its own namespace three-tier only",
        ),
    ),
    Told(
        row="TIER-8",
        where="three-tier",
        command=("check", "apps", "as-written/dbpolicy-short.yaml"),
        code=1,
        says=(
            "as-written/dbpolicy-short.yaml:17:11: NP014 warning: name in a podSelector is a label "
            "of pods, and no pod here has it",
            "as-written/dbpolicy-short.yaml:36:7: NP002 error: key 'ports' stands twice here, "
            "first at as-written/dbpolicy-short.yaml:33:7 - the last one wins",
        ),
    ),
]
WITH_PACKETS = [
    Told(
        row="TUT-10",
        where="tutorial",
        prepare=beside("inside.npol.yaml", NO_TOOL),
        command=("run", "inside.npol.yaml", "--create"),
        code=3,
        says=(
            "probe did not run: the image has no curl or wget that could ask this",
            "the probe did not run, which says nothing about any policy",
        ),
    ),
    Told(
        row="NPOL-TRIAGE-001",
        where="baseline",
        command=("doctor", "--namespaces", "kube-system,default", "--no-canary"),
        says=("kube-system: 3 of 3 pods Ready",),
    ),
]


def ids(rows: list[Told]) -> list[str]:
    return [f"{told.row}-{told.command[0]}-{number}" for number, told in enumerate(rows)]


def leave_findings_unanswered(root: Path) -> None:
    """Take the comments away by which the fixtures answer what `check` finds in them."""
    for file in root.rglob("*.yaml"):
        text = file.read_text()
        file.write_text(re.sub(r"  # npol: ignore .*", "", text))


@pytest.fixture
def asked(tmp_path, npol_here):
    def ask(told: Told, *options: object) -> None:
        shutil.copytree(ROOT / "fixtures" / told.where, tmp_path, dirs_exist_ok=True)
        leave_findings_unanswered(tmp_path)
        told.prepare(tmp_path)
        done = npol_here(*told.command, *options)
        said = done.stdout + done.stderr
        assert done.returncode == told.code, said
        flat = " ".join(said.split())
        for sentence in told.says:
            assert " ".join(sentence.split()) in flat, said

    return ask


@pytest.mark.parametrize("told", ROWS, ids=ids(ROWS))
def test_a_command_says_what_the_document_does_not(asked, told):
    asked(told)


@pytest.mark.lab
@pytest.mark.parametrize("told", WITH_PACKETS, ids=ids(WITH_PACKETS))
def test_a_command_on_a_cluster_says_what_the_document_does_not(asked, told, lab):
    asked(told, "--kubeconfig", lab.kubeconfig, "--context", lab.context)


def test_every_doubted_row_has_its_sentence():
    text = (ROOT / "docs/rows.md").read_text()

    doubted = set(re.findall(r"^\| ([A-Z0-9-]+) ! \|", text, re.M))

    assert doubted == {told.row for told in (*ROWS, *WITH_PACKETS)}


@pytest.mark.parametrize(
    "command",
    [("plan", "webapp.npol.yaml"), ("explain", "frontend/default-deny", "."), ("check", "apps")],
    ids=lambda command: command[0],
)
def test_an_engine_that_there_is_not_is_refused_with_its_neighbour(tmp_path, npol_here, command):
    shutil.copytree(ROOT / "fixtures/webapp", tmp_path, dirs_exist_ok=True)

    done = npol_here(*command, "--engine", "clium")

    assert done.returncode == ExitCode.BAD_INPUT
    assert "no engine is called 'clium'\n  try: did you mean 'cilium'?" in done.stderr
