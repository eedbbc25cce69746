"""Argo CD, Kyverno and admission beside the policies: seen, told, and left alone."""

import pytest
import yaml

from tests.e2e.conftest import ROOT
from tests.e2e.shop import write_shop

pytestmark = pytest.mark.lab
PLATFORM = ROOT / "fixtures/platform"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
CLUSTER_POLICIES = "/apis/kyverno.io/v1/clusterpolicies"
NAMESPACES = "/api/v1/namespaces"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
PATHS = {
    "CustomResourceDefinition": DEFINITIONS,
    "Application": APPLICATIONS,
    "ClusterPolicy": CLUSTER_POLICIES,
    "Namespace": NAMESPACES,
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
}
ARGO = {"labels": {"argocd.argoproj.io/instance": "shop-policies"}}
FLUX = {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop-policies"}}


def objects(*files):
    for file in files:
        yield from yaml.safe_load_all(file.read_text())


@pytest.fixture(scope="module")
def platform(server):
    """Argo CD's and Kyverno's objects and the applications, put there by somebody else."""
    manifests = PLATFORM / "objects"
    for body in objects(
        manifests / "definitions.yaml",
        PLATFORM / "apps.yaml",
        manifests / "applications.yaml",
        manifests / "policies.yaml",
    ):
        path = PATHS[body["kind"]].format(namespace=body["metadata"].get("namespace"))
        server.ask("POST", path, body)


@pytest.fixture
def patched(server):
    """Merge a patch into an object; what it was is put back at the end."""
    before = []

    def patch(path, body):
        before.append((path, server.ask("GET", path)))
        server.ask("PATCH", path, body, kind="application/merge-patch+json")

    yield patch
    for path, body in reversed(before):
        now = server.ask("GET", path)["metadata"]["resourceVersion"]
        body["metadata"]["resourceVersion"] = now
        server.ask("PUT", path, body)


@pytest.fixture
def told(npol_here, lab, platform):
    """A story of the platform on the lab as on any cluster: exit code, and what was said."""

    def run(story):
        where = ("--kubeconfig", lab.kubeconfig, "--context", lab.context)
        done = npol_here("run", PLATFORM / f"{story}.npol.yaml", *where)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_platform_as_agreed_is_told_as_expected(told):
    code, said = told("triage")

    assert code == 0, said
    assert "check object argocd/Application.argoproj.io/root status.sync.status  Synced" in said
    assert "15 of 15 as expected" in said


@pytest.mark.parametrize(
    ("path", "patch", "failure"),
    [
        pytest.param(
            f"{APPLICATIONS}/root",
            {"status": {"sync": {"status": "OutOfSync"}}},
            ("argocd/Application.argoproj.io/root status.sync.status", "Synced", "OutOfSync"),
            id="out-of-sync",
        ),
        pytest.param(
            f"{APPLICATIONS}/frontend-sample",
            {"status": {"health": {"status": "Degraded"}}},
            ("frontend-sample status.health.status", "Healthy", "Degraded"),
            id="degraded",
        ),
        pytest.param(
            f"{APPLICATIONS}/backend-sample",
            {"spec": {"destination": {"namespace": "default"}}},
            ("backend-sample spec.destination.namespace", "backend-dev", "default"),
            id="wrong-destination",
        ),
        pytest.param(
            f"{CLUSTER_POLICIES}/require-resource-limits",
            {"spec": {"validationFailureAction": "Audit"}},
            ("require-resource-limits spec.validationFailureAction", "^[Ee]nforce$", "Audit"),
            id="relaxed-too-far",
        ),
    ],
)
def test_a_failed_platform_check_names_wanted_and_seen_value(told, patched, path, patch, failure):
    patched(path, patch)

    code, said = told("triage")

    subject, wanted, seen = failure
    assert code == 1, said
    line = next(line for line in said.splitlines() if subject in line)
    assert wanted in line
    assert line.endswith(f"seen {seen}")
    assert "14 of 15 as expected, 1 wrong answer" in said


def test_tightened_policies_are_not_there_until_they_are(told, patched):
    assert told("tightened")[0] == 1

    patched(
        f"{CLUSTER_POLICIES}/require-run-as-non-root",
        {"spec": {"validationFailureAction": "enforce"}},
    )
    rules = [{"validate": {"pattern": {"spec": {"containers": [{"image": "ghcr.io/*"}]}}}}]
    patched(f"{CLUSTER_POLICIES}/require-image-registry", {"spec": {"rules": rules}})
    code, said = told("tightened")

    assert code == 0, said
    assert "check admits backend-dev/deployment/backend-sample  admitted by a dry run" in said


def test_a_rollout_that_admission_refuses_is_told_in_its_words_and_makes_nothing(
    told, patched, server
):
    pods = f"{NAMESPACES}/backend-dev/pods"
    before = server.names(pods)
    restricted = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    patched(f"{NAMESPACES}/backend-dev", restricted)

    code, said = told("triage")

    assert code == 1, said
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in said
    assert "14 of 15 as expected, 1 wrong answer" in said
    assert server.names(pods) == before


@pytest.mark.parametrize(
    ("owned", "owner"),
    [
        pytest.param(ARGO, "Argo CD (label argocd.argoproj.io/instance=shop-policies)", id="argo"),
        pytest.param(
            FLUX, "Flux (label kustomize.toolkit.fluxcd.io/name=shop-policies)", id="flux"
        ),
    ],
)
def test_a_policy_that_git_owns_is_not_replaced_and_its_owner_is_named(
    npol_here, lab, server, tmp_path, owned, owner
):
    body = {"metadata": {"name": "deny-all", **owned}, "spec": {"podSelector": {}}}
    if "shop" not in server.names(NAMESPACES):
        server.ask("POST", NAMESPACES, {"metadata": {"name": "shop"}})
    made = server.ask("POST", POLICIES, body)
    step = "  - name: deny all\n    apply: [deny.yaml]\n    replace: true\n"
    ask = "    flows: [{from: client, resolve: web.shop, expect: dns timeout}]\n"
    story = write_shop(tmp_path, step + ask)

    done = npol_here("run", story, "--kubeconfig", lab.kubeconfig, "--context", lab.context)

    now = server.ask("GET", f"{POLICIES}/deny-all")
    server.ask("DELETE", f"{POLICIES}/deny-all")
    assert done.returncode == 4
    assert owner in done.stdout + done.stderr
    assert "--allow-gitops" in done.stdout + done.stderr
    assert now == made
