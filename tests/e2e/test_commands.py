"""The commands that need no cluster, on the baseline's files."""

import json
import shutil

import pytest

from npol.yaml_positions import YamlDialect, load
from tests.e2e.conftest import ROOT
from tests.e2e.shop import DENY, HEAD, STEPS, write_shop

MANIFESTS = "infra/manifests"
PORT_80 = "variants/egress-port-80.yaml"
CALL = "frontend-dev/frontend -> backend-dev/backend-sample:80"


@pytest.fixture
def baseline(tmp_path):
    """The baseline's files, where commands run."""
    shutil.copytree(ROOT / "fixtures/baseline", tmp_path, dirs_exist_ok=True)
    return tmp_path


def lines(done):
    return done.stdout.splitlines()


# -- plan


def test_plan_foretells_that_the_baseline_holds(baseline, npol_here):
    done = npol_here("plan", "baseline.npol.yaml")
    assert done.returncode == 0
    assert lines(done)[-1].startswith("0 flow(s) will fail")


def test_plan_foretells_a_failure_with_its_line_and_cause(baseline, npol_here):
    done = npol_here("plan", "broken-story.yaml")
    assert done.returncode == 1
    assert "  FAILS broken-story.yaml:23:" in done.stdout
    assert "expected http 200, predicted deny" in done.stdout
    assert f"{PORT_80}:16" in done.stdout
    assert lines(done)[-1].startswith("1 flow(s) will fail")


UNFORETOLD = """\
version: 1
peers:
  web: {{namespace: shop, labels: {{app: web}}}}
  db: {{namespace: shop, service: nowhere}}
steps:
  - {{name: only, flows: [{{name: f, from: web, to: db, port: 80, expect: {}}}]}}
"""


@pytest.mark.parametrize("expect", ["allow", "deny"])
def test_plan_lists_what_cannot_be_foretold(tmp_path, npol_here, expect):
    """The same story turned round is no more foretold than the story."""
    (tmp_path / "s.npol.yaml").write_text(UNFORETOLD.format(expect))

    done = npol_here("plan", "s.npol.yaml")

    assert done.returncode == 3
    assert f"  UNKNOWN s.npol.yaml:6:26: f: expected {expect}, predicted unknown: " in done.stdout
    assert lines(done)[-1].startswith("0 flow(s) will fail, 1 cannot be foretold")


def test_plan_compares_two_sets_of_manifests(baseline, npol_here):
    shutil.copytree(baseline / MANIFESTS, baseline / "older")
    (baseline / "older/network-policies/backend-dev/15-allow-from-ingress.yaml").unlink()
    done = npol_here("plan", MANIFESTS, "--against", "older")
    assert done.returncode == 0
    assert "ingress/" in done.stdout
    assert "backend-dev/backend-sample" in done.stdout
    same = npol_here("plan", MANIFESTS, "--against", MANIFESTS)
    assert lines(same) == [
        "no flow opens or closes",
        "read 10 policies, 4 pods, 4 Services, 3 namespaces",
    ]


# -- check


@pytest.fixture
def unanswered(baseline):
    """The baseline without the comment that answers the Service's port in a rule."""
    file = baseline / PORT_80
    text, _, _ = file.read_text().partition("  # npol: ignore")
    file.write_text(text + "\n")
    return baseline


def test_check_finds_the_services_port_in_a_rule(unanswered, npol_here):
    done = npol_here("check", "baseline.npol.yaml")
    assert done.returncode == 1
    assert f"{PORT_80}:16:11: NP021 error: 80 is the port of Service" in done.stdout
    assert any(line.endswith("finding(s)") for line in lines(done))


def test_check_of_sound_manifests_ends_with_zero(baseline, npol_here):
    done = npol_here("check", MANIFESTS)
    assert done.returncode == 0
    assert "error" not in done.stdout


def test_check_writes_sarif(unanswered, npol_here):
    done = npol_here("check", "--format", "sarif", "baseline.npol.yaml")
    assert done.returncode == 1
    (run,) = json.loads(done.stdout)["runs"]
    assert run["tool"]["driver"]["name"] == "npol"
    found = {(r["ruleId"], r["level"]) for r in run["results"]}
    assert ("NP021", "error") in found


def test_an_annotation_holds_no_command_of_its_own(tmp_path, npol_here):
    """A policy's name stands in the message of a finding."""
    text = DENY.replace("name: deny-all", 'name: "::add-mask::x ##[group]y"')
    (tmp_path / "evil.yaml").write_text(text)

    shown = npol_here("check", "--format", "github", "evil.yaml").stdout

    assert [line for line in shown.splitlines() if not line.startswith("::")] == []
    assert "add-mask" in shown
    assert "::add-mask" not in shown
    assert "##[" not in shown


def test_check_writes_annotations_for_github(unanswered, npol_here):
    done = npol_here("check", "--format", "github", "baseline.npol.yaml")
    assert done.returncode == 1
    assert f"::error file={PORT_80},line=16,col=11,title=NP021::" in done.stdout


def test_check_tells_what_no_flow_exercises(tmp_path, npol_here):
    write_shop(tmp_path)
    whole = npol_here("check", "--coverage", "shop.npol.yaml")
    assert lines(whole)[-1].startswith("coverage: ")
    write_shop(tmp_path, STEPS.partition("    flows:\n      - {name: the shop is closed")[0])
    less = npol_here("check", "--coverage", "shop.npol.yaml")
    assert "no flow exercises this" in less.stdout
    assert "deny.yaml:" in less.stdout


def test_check_lists_the_mutants_that_survive(tmp_path, npol_here):
    write_shop(tmp_path, STEPS.partition("    flows:\n      - {name: the shop is closed")[0])
    done = npol_here("check", "--mutate", "shop.npol.yaml")
    assert done.returncode == 1
    assert lines(done)[:2] == ["0 finding(s)", "read 1 policy, 1 pod, 1 Service, 1 namespace"]
    told = "\n".join(f"    {line}" for line in lines(done)[2:])
    assert told.startswith("    survived: shop/deny-all (deny.yaml:2): policy removed\n")
    assert told in (ROOT / "docs/mutation.md").read_text()


def test_flow_that_check_adds_is_noticed(tmp_path, npol_here):
    write_shop(tmp_path)
    done = npol_here("check", "--mutate", "shop.npol.yaml")
    assert "policy removed" not in done.stdout
    assert "mutation of shop: 1 of 3 noticed, 1 survived" in done.stdout


# -- explain


def test_explain_tells_why_a_flow_is_open(baseline, npol_here):
    done = npol_here("explain", CALL, MANIFESTS)
    assert done.returncode == 0
    assert ": predicted allow" in lines(done)[0]
    assert "10-allow-from-frontend.yaml:" in done.stdout


def test_explain_tells_what_it_would_be_without_a_policy(baseline, npol_here):
    policy = "backend-dev/allow-from-frontend"
    done = npol_here("explain", CALL, MANIFESTS, "--without", policy)
    assert done.returncode == 0
    assert f"  without {policy}: deny" in done.stdout


def test_explain_tells_a_policy_in_sentences(baseline, npol_here):
    done = npol_here("explain", "backend-dev/allow-from-frontend", MANIFESTS)
    assert done.returncode == 0
    assert "3001" in done.stdout
    assert "frontend-dev" in done.stdout


@pytest.mark.parametrize(
    ("step", "predicted"),
    [("before policies", "allow"), ("deny all", "deny"), ("the working rule", "allow")],
)
def test_explain_looks_at_a_storys_step(baseline, npol_here, step, predicted):
    story = ("--story", "baseline.npol.yaml", "--at", step)
    done = npol_here("explain", "frontend -> backend:80", *story)
    assert done.returncode == 0
    assert lines(done)[0] == f"after step {step!r}:"
    assert f"predicted {predicted}" in done.stdout


# -- init, doctor, report


def test_init_writes_a_story_that_holds_by_prediction(baseline, npol_here):
    done = npol_here("init", "--from-manifests", MANIFESTS, "--name", "first")
    assert done.returncode == 0
    (document,) = load(done.stdout.encode(), "first.npol.yaml", YamlDialect.STORY)
    assert document.data["name"] == "first"
    (baseline / "first.npol.yaml").write_text(done.stdout)
    assert npol_here("plan", "first.npol.yaml").returncode == 0


@pytest.mark.parametrize("mode", ["read-only", "smoke", "apply"])
def test_doctor_prints_the_rights_of_a_mode(npol_here, mode):
    done = npol_here("doctor", "--rbac", mode, "--namespaces", "shop,other")
    assert done.returncode == 0
    objects = [d.data for d in load(done.stdout.encode(), "rbac.yaml", YamlDialect.MANIFEST)]
    roles = [o for o in objects if o["kind"] == "Role"]
    assert {"shop", "other"} <= {r["metadata"]["namespace"] for r in roles}
    writes = {v for r in roles for rule in r["rules"] for v in rule["verbs"]
              if "networkpolicies" in rule["resources"]}  # fmt: skip
    assert ("create" in writes) == (mode == "apply")


def test_doctor_prints_the_rights_of_a_story(tmp_path, npol_here):
    head = HEAD.replace("steps:", "")
    looks = """
steps:
  - name: open
    state: [{logs: deployment/web, namespace: shop, contain: hello}]
  - name: relabelled
    label: {pod: web, namespace: shop, set: {app: other}}
"""
    story = write_shop(tmp_path, looks, head=head)
    done = npol_here("doctor", "--rbac", "apply", "--story", story)
    assert done.returncode == 0, done.stderr
    objects = [d.data for d in load(done.stdout.encode(), "rbac.yaml", YamlDialect.MANIFEST)]
    (role,) = (o for o in objects if o["kind"] == "Role" and o["metadata"]["namespace"] == "shop")
    verbs = {(r, v) for rule in role["rules"] for r in rule["resources"] for v in rule["verbs"]}
    assert {("pods/log", "get"), ("pods", "patch")} <= verbs


@pytest.mark.lab
def test_report_shows_an_earlier_run_in_every_shape(tmp_path, npol_here, lab):
    write_shop(tmp_path)
    cluster = ("--kubeconfig", lab.kubeconfig, "--context", "lab")
    ran = npol_here("run", "shop.npol.yaml", *cluster, "--create", "--report", "run.json")
    assert ran.returncode == 0
    assert lines(ran)[-1].endswith(", restored; cluster lab: exit code 0")
    shown = npol_here("report", "run.json")
    assert shown.returncode == 0
    assert "the shop is closed" in shown.stdout or "deny all" in shown.stdout
    assert "# " in npol_here("report", "run.json", "--format", "md").stdout
    assert "<html" in npol_here("report", "run.json", "--format", "html").stdout
    again = npol_here("report", "run.json", "--format", "json").stdout
    assert json.loads(again) == json.loads((tmp_path / "run.json").read_text())
