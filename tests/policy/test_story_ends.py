"""Ends of a story's flows that nothing in it gives: namespaces that are mistyped."""

from __future__ import annotations

import pytest

from npol.policy.lint.story_ends import story_ends
from npol.story import load_story

APPS = """\
apiVersion: v1
kind: Namespace
metadata: {name: storefront}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: orders, labels: {app: api}}
spec: {containers: [{name: c, image: web, ports: [{containerPort: 80}]}]}
"""
STORY = """\
version: 1
given: [apps.yaml]
peers:
  ui: {namespace: NAME, labels: {app: ui}}
  api: {namespace: orders, labels: {app: api}}
steps:
- name: now
  flows:
  - {from: ui, to: api, port: 80, expect: allow}
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "storefrnt",
            [
                "s.npol.yaml:4:3: NP080 warning: peer 'ui': the story gives no namespace storefrnt"
                " - did you mean storefront?"
            ],
        ),
        ("storefront", []),
        ("monitoring", []),
    ],
)
def test_a_namespace_that_is_nearly_one_that_the_story_gives_is_told(
    tmp_path, monkeypatch, name, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apps.yaml").write_text(APPS)
    (tmp_path / "s.npol.yaml").write_text(STORY.replace("NAME", name))

    assert [str(found) for found in story_ends(load_story("s.npol.yaml"))] == told
