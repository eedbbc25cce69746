"""`npol document`: the page says what policies and story say, and stale pages are told."""

from __future__ import annotations

import os
import shutil

import pytest
import yaml

from tests.e2e.conftest import ROOT
from tests.e2e.shop import DENY, open_shop, write_shop

SHIPPED = ROOT / "fixtures/baseline"
PAGE = "NETWORK-POLICIES.md"
FRONTEND = "infra/manifests/network-policies/backend-dev/10-allow-from-frontend.yaml"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"


@pytest.fixture
def baseline(tmp_path):
    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    return tmp_path


def row(text, *cells):
    """The one row of a table that begins with these cells."""
    (found,) = (line for line in text.splitlines() if line.startswith(f"| {' | '.join(cells)} |"))
    return found


def test_the_shipped_page_is_what_its_story_says(npol_here):
    done = npol_here("document", SHIPPED / "baseline.npol.yaml", "--check", SHIPPED / PAGE)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_is_the_same_wherever_it_is_written_from(baseline, npol_here, monkeypatch):
    told = {npol_here("document", name).stdout for name in (baseline / "baseline.npol.yaml",)}
    for place in (baseline, baseline / "infra"):
        monkeypatch.chdir(place)
        told.add(npol_here("document", os.path.relpath(baseline / "baseline.npol.yaml")).stdout)
    assert told == {(SHIPPED / PAGE).read_text()}


def test_a_stale_page_is_told_by_what_differs(baseline, npol_here):
    file = baseline / FRONTEND
    file.write_text(file.read_text().replace("3001", "3002"))
    done = npol_here("document", "baseline.npol.yaml", "--check", PAGE)
    changed = [line for line in done.stdout.splitlines() if "allow-from-frontend" not in line]
    assert done.returncode == 1
    assert any(line.startswith("-") and "on TCP 3001" in line for line in changed)
    assert any(line.startswith("+") and "on TCP 3002" in line for line in changed)
    assert (baseline / PAGE).read_text() == (SHIPPED / PAGE).read_text()


def test_flows_are_told_with_the_policy_that_decides_and_the_step_that_asks(baseline, npol_here):
    text = npol_here("document", "baseline.npol.yaml").stdout
    call = row(text, "frontend", "backend:80/tcp /api/health", "allowed")
    closed = row(text, "stranger", "backend:80/tcp", "denied")
    assert f"ingress: backend-dev/allow-from-frontend ({FRONTEND}:12)" in call
    assert "egress: frontend-dev/allow-to-backend-dev-namespace" in call
    assert call.endswith("| the working rule |")
    assert "no rule of backend-dev/deny-all" in closed
    assert closed.endswith("| allow from ingress |")


def test_a_flow_open_before_the_policies_proves_no_rule(baseline, npol_here):
    text = npol_here("document", "baseline.npol.yaml").stdout
    assert "| none: by the policies" in row(text, "frontend", "backend:80/tcp", "allowed")


def test_another_step_is_another_page(baseline, npol_here):
    text = npol_here("document", "baseline.npol.yaml", "--at", "egress limited to port 80").stdout
    assert "variants/egress-port-80.yaml" in text
    assert row(text, "frontend", "backend:80/tcp /api/health", "denied")
    assert "`npol document baseline.npol.yaml --at 'egress limited to port 80'`" in text


def test_labels_that_nothing_carries_are_told(baseline, npol_here):
    file = baseline / "infra/manifests/apps/00-namespaces.yaml"
    file.write_text(file.read_text().replace("name: frontend-dev}", "name: other}"))
    file.write_text(file.read_text().replace("    name: frontend-dev\n", "    name: other\n"))
    text = npol_here("document", "baseline.npol.yaml").stdout
    needs = row(text, "namespaces", "`name=frontend-dev`")
    assert "| **nothing now** |" in needs
    assert f"{FRONTEND}:13" in needs


def test_a_page_of_others_keeps_what_they_wrote(baseline, npol_here):
    whole = (baseline / PAGE).read_text()
    page = baseline / "observability.md"
    page.write_text(f"# Ours\n\n{whole.replace('denied', 'forgotten')}\nmore of ours\n")
    assert npol_here("document", "baseline.npol.yaml", "--output", page).returncode == 0
    assert page.read_text() == f"# Ours\n\n{whole}\nmore of ours\n"
    assert npol_here("document", "baseline.npol.yaml", "--check", page).returncode == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--output", "README.md"], "does not hold the marks", id="not-its-page"),
        pytest.param(["--check", "none.md"], "no such file", id="no-page"),
        pytest.param(["--output", "a", "--check", "b"], "one of them", id="both"),
        pytest.param(["--output", "no/such/page.md"], "No such file", id="no-directory"),
        pytest.param(["--at", "nowhere"], "has no step 'nowhere'", id="no-such-step"),
    ],
)
def test_a_document_that_cannot_be_written_is_bad_input(baseline, npol_here, options, said):
    before = (baseline / "README.md").read_text()
    done = npol_here("document", "baseline.npol.yaml", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert (baseline / "README.md").read_text() == before


@pytest.mark.parametrize("what", ["none.npol.yaml", "no/such/none.npol.yaml"])
def test_a_story_that_is_not_there_is_bad_input(npol_here, what):
    done = npol_here("document", what)
    assert done.returncode == 2
    assert "No such file" in done.stderr or "no such file" in done.stderr


def test_mistakes_are_told_by_their_paths_from_here(baseline, npol_here, monkeypatch):
    (baseline / "infra/wrong.npol.yaml").write_text("version: 1\nstep: []\n")
    done = npol_here("document", "infra/wrong.npol.yaml")
    assert done.returncode == 2
    assert "infra/wrong.npol.yaml:2:1" in done.stderr


def test_manifests_without_a_story_get_a_page_with_a_matrix(baseline, npol_here):
    text = npol_here("document", "infra/manifests").stdout
    (frontend,) = (n for n in text.splitlines() if n.startswith("| frontend-dev/frontend "))
    assert frontend.split("|")[2].strip() == "open"
    assert "apply -f network-policies/backend-dev/00-deny-all.yaml" in text


def test_a_directory_is_read_on_past_what_is_no_manifest(baseline, npol_here):
    """Stories, values of charts: what a page is of stands beside it."""
    done = npol_here("document", ".")

    assert "read 11 policies, 7 pods, 6 Services, 4 namespaces\nleft out: 4 doc" in done.stderr
    assert done.returncode == 0


# -- a cluster


@pytest.fixture(scope="module")
def shop(server):
    open_shop(server)


@pytest.fixture
def applied(server, shop):
    server.ask("POST", POLICIES, yaml.safe_load(DENY))
    yield
    for name in server.names(POLICIES):
        server.ask("DELETE", f"{POLICIES}/{name}")


@pytest.fixture
def there(lab):
    return "--kubeconfig", str(lab.kubeconfig), "--context", lab.context


@pytest.mark.lab
def test_a_clusters_page_names_its_engine_and_goes_stale_with_it(
    npol_here, server, applied, there, tmp_path
):
    story = write_shop(tmp_path)
    assert npol_here("document", story, *there, "--output", "page.md").returncode == 0
    text = (tmp_path / "page.md").read_text()
    assert "- enforcement engine: npol's lab, version " in text
    assert "- applied as its file says" in text
    assert npol_here("document", story, *there, "--check", "page.md").returncode == 0

    changed = server.ask("GET", f"{POLICIES}/deny-all")
    changed["spec"]["policyTypes"] = ["Ingress"]
    server.ask("PUT", f"{POLICIES}/deny-all", changed)
    server.ask("POST", POLICIES, {**yaml.safe_load(DENY), "metadata": {"name": "other"}})
    stale = npol_here("document", story, *there, "--check", "page.md")

    assert stale.returncode == 1
    assert "+- NOT as deny.yaml says: spec.policyTypes" in stale.stdout
    assert "+- applied, and in no file" in stale.stdout


@pytest.mark.lab
def test_a_policy_that_is_not_applied_is_told(npol_here, shop, there, tmp_path):
    text = npol_here("document", write_shop(tmp_path), *there).stdout
    assert "- shop/deny-all (deny.yaml:2)" in text.partition("Not applied")[2]
    assert row(text, "client", "web:80/tcp", "allowed")


@pytest.mark.lab
def test_the_rollback_on_the_page_is_the_one_of_the_dry_run(npol_here, applied, there, tmp_path):
    story = write_shop(tmp_path)
    planned = npol_here("rollback", story, *there, "--dry-run").stdout
    _, _, by_hand = planned.partition("by hand, in ")
    lines = [line.strip() for line in by_hand.splitlines() if "kubectl" in line]
    text = npol_here("document", story, *there).stdout
    assert lines
    assert [line for line in lines if line not in text] == []
    assert "-n shop get networkpolicy deny-all --ignore-not-found" in planned
    assert "the 2 flow(s) of step 'open' would be asked again" in planned
