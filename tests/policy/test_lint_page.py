"""The page of the lint's rules: each of its examples is what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from npol.policy.lint import LintRule, lint, of_files
from npol.policy.lint.story_claims import story_claims
from npol.policy.lint.story_ends import story_ends
from npol.policy.state.apply_changes import build
from npol.policy.state.cluster_state import ClusterState
from npol.story import load_story, survey
from tests.policy.worlds import policy

PAGE = (Path(__file__).parents[2] / "docs" / "lint.md").read_text()
_BLOCK = r".*?```yaml\n# {}\n(?P<{}>.*?)```"
_SECTION = r"^### (?P<id>NP\d{3}) " + _BLOCK.format("bad", "bad") + _BLOCK.format("good", "good")
EXAMPLES = {
    match["id"]: (match["bad"], match["good"])
    for match in re.finditer(_SECTION, PAGE, re.MULTILINE | re.DOTALL)
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "status": {"podIPs": [{"ip": "10.1.2.3"}]},
}
SHOP = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: 8080}]}
"""
DEFAULT_DENY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
APPLIED = {
    "NP035": build([policy("web", "{podSelector: {}, policyTypes: [Egress]}", "shop")]),
    "NP040": build([POD]),
    "NP045": build([{**POD, "status": {"podIPs": [{"ip": "10.1.2.3"}, {"ip": "fd00::3"}]}}]),
}
"""What is in the cluster that an example is for."""


def found(text, directory, applied):
    file = directory / "example.yaml"
    file.write_text(text)
    read = survey(str(directory), str(file.name))
    findings = [*of_files(read.unreadable, read.left_out), *lint(read.manifests, applied)]
    return [f.id for f in findings]


def found_in_story(text, directory):
    (directory / "shop.yaml").write_text(SHOP)
    (directory / "policy.yaml").write_text(DEFAULT_DENY)
    (directory / "example.npol.yaml").write_text(text)
    story = load_story(str(directory / "example.npol.yaml"), root=str(directory))
    return [f.id for f in (*story_ends(story), *story_claims(story))]


def test_each_rule_has_its_examples():
    assert list(EXAMPLES) == [rule.id for rule in LintRule]


@pytest.mark.parametrize("id_", EXAMPLES)
def test_the_examples_of_a_rule_are_what_they_say(id_, tmp_path):
    def told(text):
        if text.startswith("version:"):
            return found_in_story(text, tmp_path)
        return found(text, tmp_path, APPLIED.get(id_, ClusterState()))

    bad, good = EXAMPLES[id_]

    assert id_ in told(bad)
    assert told(good) == []
