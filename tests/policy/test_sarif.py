"""Findings in the words of code scanning and of GitHub's annotations."""

from __future__ import annotations

import re
from pathlib import Path

from npol.policy.lint import LintFinding, LintRule, lint
from npol.policy.lint.sarif import github_annotations, sarif
from tests.policy.worlds import documents

PAGE = (Path(__file__).parents[2] / "docs" / "lint.md").read_text()
TEXT = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {policyTypes: [Ingress], ingress: [{from: []}]}
"""


def test_sarif_names_rule_level_and_place():
    log = sarif(lint(documents(TEXT, "dir/my p.yaml")), version="1.2.3")

    (run,) = log["runs"]
    (result,) = run["results"]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "NP034"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["name"] == "empty-list"
    assert result["level"] == "warning"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "dir/my%20p.yaml"},
        "region": {"startLine": 4, "startColumn": 43},
    }


def test_each_rule_in_sarif_says_where_its_examples_are_and_how_it_is_answered():
    """Code scanning shows this text beside the finding."""
    findings = [LintFinding(rule=r, message="m", fix="", subject="s") for r in LintRule]
    (run,) = sarif(findings, version="1")["runs"]

    for rule in run["tool"]["driver"]["rules"]:
        told = re.search(r"docs/lint.md, (NP\d+ \S+)\. .*ignore (NP\d+) ", rule["help"]["text"])
        assert f"### {told[1]}\n" in PAGE
        assert told[2] == rule["id"]


def test_sarif_of_cluster_objects_has_a_logical_place_only():
    (document,) = documents(TEXT)

    log = sarif(lint([document.data]), version="1")

    (location,) = log["runs"][0]["results"][0]["locations"]
    assert location == {"logicalLocations": [{"fullyQualifiedName": "x/p spec.ingress[0].from"}]}


def test_annotation_escapes_what_workflow_commands_would_cut():
    found = lint(documents(TEXT, "a,b:c.yaml"))

    assert github_annotations(found) == [
        "::warning file=a%2Cb%3Ac.yaml,line=4,col=43,title=NP034::an empty `from` allows every "
        "peer - take `from` away if that is meant, or the rule if none is"
    ]


def test_nothing_found_is_a_valid_log():
    assert sarif([], version="1")["runs"][0]["results"] == []
