"""Findings that the author of a file has answered at their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from npol.cli.arguments.check import CheckArguments
from npol.cli.check import check
from npol.policy.lint import lint
from npol.story import survey
from npol.yaml_positions import YamlDialect, load

ROOT = Path(__file__).parents[2]
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec:
  podSelector: {}
  policyTypes: [Ingress]
"""


def ids(text):
    return [f.id for f in lint(load(text, "p.yaml", YamlDialect.MANIFEST))]


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        pytest.param("  ingress: [{}]\n", ["NP033"], id="no-comment"),
        pytest.param("  ingress: [{}]  # npol: ignore NP033 on purpose\n", [], id="at-its-line"),
        pytest.param("  # npol: ignore NP033 on purpose\n  ingress: [{}]\n", [], id="line-above"),
        pytest.param("  ingress: [{}]  # npol: ignore NP033, NP010 why\n", [], id="several"),
        pytest.param("  ingress: [{}]  # npol: ignore NP033\n", ["NP033"], id="no-reason"),
        pytest.param("  ingress: [{}]  # npol: ignore NP010 why\n", ["NP033"], id="another-rule"),
        pytest.param("  ingress: [{}]  # ignore NP033 why\n", ["NP033"], id="no-comment-to-npol"),
    ],
)
def test_comment_with_its_reason_answers_a_finding_at_its_line(rest, found):
    assert ids(POLICY + rest) == found


def test_a_comment_inside_a_list_answers_as_anywhere(tmp_path):
    body = POLICY.replace("\n", "\n  ").rstrip()
    text = f"apiVersion: v1\nkind: List\nitems:\n- {body}\n    ingress: [{{}}]"
    for comment, found in (("", ["NP033"]), ("  # npol: ignore NP033 on purpose", [])):
        (tmp_path / "p.yaml").write_text(f"{text}{comment}\n")

        manifests = survey(str(tmp_path), "p.yaml").manifests
        assert [f.id for f in lint(manifests)] == found


@pytest.mark.parametrize("story", sorted(ROOT.glob("fixtures/*/*.npol.yaml")), ids=lambda p: p.stem)
def test_shipped_stories_are_clean_or_say_why(story, capsys):
    assert check(CheckArguments(paths=[str(story)], root=str(ROOT))) == 0

    assert capsys.readouterr().out.startswith("0 finding(s)\n")
