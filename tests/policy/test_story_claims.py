"""Policies that a story's flows name and no file of it has."""

from __future__ import annotations

import pytest

from npol.policy.lint.story_claims import story_claims
from npol.story import load_story

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
STORY = """\
version: 1
peers:
  client: {namespace: shop, labels: {app: client}}
  web: {namespace: shop, labels: {app: web}}
steps:
- name: closed
  CHANGE
  flows:
  - {from: client, to: web, port: 80, expect: deny, because: {policy: NAME}}
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deny.yaml").write_text(POLICY)

    def of(name, change="apply: [deny.yaml]"):
        text = STORY.replace("CHANGE", change).replace("NAME", name)
        (tmp_path / "s.npol.yaml").write_text(text)
        return [str(found) for found in story_claims(load_story("s.npol.yaml"))]

    return of


@pytest.mark.parametrize(
    ("name", "meant"), [("defaul-deny", "default-deny"), ("shp/default-deny", "shop/default-deny")]
)
def test_a_name_that_no_policy_has_is_told_with_the_nearest_one(told, name, meant):
    (found,) = told(name)

    assert found.startswith("s.npol.yaml:9:")
    assert f"NP081 warning: client -> web:80: the story has no policy '{name}'" in found
    assert f"did you mean '{meant}'?" in found


@pytest.mark.parametrize("name", ["default-deny", "shop/default-deny"])
def test_policies_by_either_name_are_known(told, name):
    assert told(name) == []


@pytest.mark.parametrize(
    "change", ["trust: packets\n  apply: [deny.yaml]", "label: {namespace: shop, set: {a: b}}"]
)
def test_where_the_clusters_own_policies_may_decide_nothing_is_told(told, change):
    assert told("defaul-deny", change) == []


def test_a_policy_that_the_story_deletes_is_one_of_its_own(told):
    assert told("default-deny", "delete: [deny.yaml]") == []
    assert told("defaul-deny", "delete: [deny.yaml]")
