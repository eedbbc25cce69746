"""Checks that nothing could falsify, told apart from those that something could."""

import pytest

from npol.run.checks import cannot_fail
from npol.story import load_story

GIVEN = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {name: shop, team: a}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: root, namespace: argocd}
spec: {destination: {namespace: shop}}
status: {sync: {status: Synced}}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""
STORY = """
version: 1
given: [given.yaml]
steps:
  - name: before
    state:
      - {labels: {namespace: shop}, has: {name: shop}}
  - name: change
    CHANGE
    state:
      - CHECK
"""
CHANGES = "apply: [deny.yaml]"
LABEL = "label: {namespace: shop, set: {team: b}}"
TWICE = "change: [{apply: other.yaml}, {apply: deny.yaml}]"
BACK = "change: [{apply: deny.yaml}, {restore: before}]"
DELETED = "change: [{apply: deny.yaml}, {delete: deny.yaml}]"
NAMED = "{labels: {namespace: shop}, has: {name: shop}}"
APPLIED = "{applied: deny.yaml}"
SYNCED = (
    "{object: Application.argoproj.io/root, namespace: argocd,"
    " path: status.sync.status, equals: Synced}"
)


@pytest.fixture
def judge(tmp_path):
    def judge_it(check, change=CHANGES, **run):
        files = {"given.yaml": GIVEN, "deny.yaml": POLICY, "other.yaml": POLICY}
        files["s.npol.yaml"] = STORY.replace("CHANGE", change).replace("CHECK", check)
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "other.yaml").write_text(POLICY.replace("{}", "{matchLabels: {app: web}}"))
        story = load_story(str(tmp_path / "s.npol.yaml"), root=str(tmp_path))
        check = story.step("change").checks[0]
        return cannot_fail(check, story, "change", **{"creates": True, **run})

    return judge_it


@pytest.mark.parametrize(
    ("check", "line"),
    [
        pytest.param(NAMED, "given.yaml:2", id="label-of-a-given-namespace"),
        pytest.param(
            "{labels: {deployment: web}, namespace: shop, has: {app: web}}",
            "given.yaml:6",
            id="label-of-given-pods",
        ),
        pytest.param(APPLIED, "deny.yaml:2", id="applied-by-this-very-step"),
        pytest.param(
            "{object: NetworkPolicy/deny, namespace: shop, exists: true}",
            "deny.yaml:2",
            id="there-because-it-was-put-there",
        ),
        pytest.param(
            "{object: namespace/shop, path: metadata.labels.team, matches: '^[ab]$'}",
            "given.yaml:2",
            id="field-of-a-given-object",
        ),
    ],
)
def test_a_check_that_reads_back_what_the_run_wrote_is_self_fulfilling(judge, check, line):
    (place,) = judge(check)

    assert place.endswith(line)


@pytest.mark.parametrize(
    ("check", "change", "run"),
    [
        pytest.param(NAMED, CHANGES, {"creates": False}, id="somebody-else-made-it"),
        pytest.param(NAMED, LABEL, {}, id="a-step-labels-it"),
        pytest.param(NAMED.replace("name: shop}}", "x: y}}"), CHANGES, {}, id="not-what-it-says"),
        pytest.param(APPLIED, TWICE, {}, id="the-second-of-two-writes"),
        pytest.param(APPLIED, BACK, {}, id="something-was-put-back"),
        pytest.param(APPLIED, DELETED, {}, id="it-was-deleted"),
        pytest.param("{applied: other.yaml}", CHANGES, {}, id="applied-from-elsewhere"),
        pytest.param(
            "{object: NetworkPolicy/other, namespace: shop, exists: false}",
            CHANGES,
            {},
            id="not-there",
        ),
        pytest.param(SYNCED, CHANGES, {}, id="a-status-is-its-controllers"),
        pytest.param("{ready: app=web, namespace: shop}", CHANGES, {}, id="kubelets-say-it"),
        pytest.param("{endpoints: web, namespace: shop}", CHANGES, {}, id="controllers-say-it"),
    ],
)
def test_a_check_of_a_value_that_others_can_change_counts(judge, check, change, run):
    assert judge(check, change, **run) == ()
