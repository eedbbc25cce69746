"""One source for `given` and `apply`: each takes its part, and says what it left."""

from __future__ import annotations

import pytest

from npol.story import load_story

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
CHART = f"{SERVICE}---\n{POLICY}---\n{DEPLOYMENT}"


@pytest.fixture
def story(tmp_path):
    def load(given, *changes, **files):
        steps = "".join(f"- name: s{n}\n  {text}\n" for n, text in enumerate(changes))
        text = f"version: 1\nname: x\ngiven: [{given}]\nsteps:\n{steps}"
        (tmp_path / "x.npol.yaml").write_text(text)
        for name, content in files.items():
            (tmp_path / f"{name}.yaml").write_text(content)
        return load_story(str(tmp_path / "x.npol.yaml"), root=str(tmp_path))

    return load


def kinds(manifests):
    return [manifest.kind for manifest in manifests]


def test_a_chart_is_shared_between_given_and_the_changes(story):
    found = story("chart.yaml", "apply: chart.yaml", "delete: chart.yaml", chart=CHART)
    assert kinds(found.given) == ["Service", "Deployment"]
    assert [kinds(change.manifests) for change in found.changes] == [["NetworkPolicy"]] * 2
    assert found.notes == (
        "`given` left 1 policy to `apply` and `delete`",
        "`apply` and `delete` left 2 objects to `given`",
    )


def test_a_mixed_source_needs_no_given(story):
    found = story("other.yaml", "apply: chart.yaml", chart=CHART, other=SERVICE)
    assert kinds(found.applied) == ["NetworkPolicy"]


def test_an_object_of_given_that_a_mixed_file_writes_differently_is_changed(story):
    changed = f"{POLICY}---\n{DEPLOYMENT}spec: {{replicas: 2}}\n---\n{SERVICE}"
    found = story("chart.yaml", "apply: changed.yaml", chart=CHART, changed=changed)
    assert kinds(found.applied) == ["NetworkPolicy", "Deployment"]


def test_sources_of_one_sort_are_taken_whole(story):
    found = story("app.yaml, policy.yaml", "apply: policy.yaml", app=DEPLOYMENT, policy=POLICY)
    assert kinds(found.given) == ["Deployment", "NetworkPolicy"]
    assert found.notes == ()
