"""Manifests: found in files and directories, read as kubectl reads them, unpacked."""

from __future__ import annotations

import pytest

from npol.errors import Mistakes, Position
from npol.model.change import Apply
from npol.story import load_manifests

HEAD = "version: 1\n"
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME, namespace: shop}
spec: {podSelector: {}}
"""
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"


def policy(name):
    return POLICY.replace("NAME", name)


@pytest.fixture
def applied(story):
    def of(files, *, apply="[all]", frame=""):
        text = f"{HEAD}{frame}steps:\n- name: one\n  apply: {apply}\n"
        (change,) = story(text, files).step("one").changes
        return change.manifests

    return of


def test_a_directory_is_read_in_the_order_of_names_with_what_lies_below(applied):
    files = {
        "all/20-b.yml": policy("b"),
        "all/10-dir/a.yaml": policy("a"),
        "all/30-c.json": '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",'
        ' "metadata": {"name": "c", "namespace": "shop"}, "spec": {"podSelector": {}}}',
        "all/.hidden.yaml": "not: this\n",
        "all/README.md": "nor this\n",
    }

    assert [m.name for m in applied(files)] == ["a", "b", "c"]


def test_documents_and_lists_are_unpacked_with_their_places(applied):
    items = policy("c").replace("\n", "\n  ")
    text = f"{policy('a')}---\n---\n{policy('b')}---\napiVersion: v1\nkind: List\nitems:\n- {items}"
    found = applied({"all/x.yaml": text})

    assert [m.name for m in found] == ["a", "b", "c"]
    assert [m.at.line for m in found] == [1, 7, 15]
    assert found[2].document.at("metadata", "name") == Position("all/x.yaml", 17, 20)


def test_server_written_fields_are_left_out_of_a_manifest(applied):
    text = POLICY.replace(
        "{name: NAME, namespace: shop}",
        "{name: a, namespace: shop, uid: u, resourceVersion: '1', generation: 2,"
        " creationTimestamp: '2026-01-01T00:00:00Z', managedFields: [], labels: {a: b}}",
    )
    (found,) = applied({"all/x.yaml": text})

    assert found.body["metadata"] == {"name": "a", "namespace": "shop", "labels": {"a": "b"}}


def test_the_namespace_of_the_story_is_for_objects_that_name_none(applied):
    nowhere = policy("a").replace(", namespace: shop", "")
    cluster_wide = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    frame = "defaults: {namespace: store}\ngiven: [given.yaml]\n"
    files = {
        "given.yaml": cluster_wide,
        "all/x.yaml": f"{nowhere}---\n{policy('b')}---\n{cluster_wide}spec: {{}}\n",
    }

    assert [m.namespace for m in applied(files, frame=frame)] == ["store", "shop", ""]


def test_the_document_of_a_manifest_keeps_what_was_written(applied):
    nowhere = policy("a").replace(", namespace: shop", "")
    (found,) = applied({"all/x.yaml": nowhere}, frame="defaults: {namespace: store}\n")

    assert found.document.data["metadata"] == {"name": "a"}


def test_objects_that_given_lists_may_be_changed(applied):
    frame = "given: [given]\n"
    files = {"given/web.yaml": DEPLOYMENT, "all/web.yaml": f"{DEPLOYMENT}spec: {{replicas: 2}}\n"}

    assert [m.kind for m in applied(files, frame=frame)] == ["Deployment"]


def test_other_objects_of_a_kind_that_given_lists_may_not(mistakes):
    other = DEPLOYMENT.replace("name: web", "name: other")
    text = f"{HEAD}given: [web.yaml]\nsteps:\n- name: one\n  delete: [other.yaml]\n"

    (told,) = mistakes(text, {"web.yaml": DEPLOYMENT, "other.yaml": other})
    assert told.startswith("other.yaml:1:1: apps/v1 Deployment shop/other may not be changed")


def test_templates_in_the_data_of_other_kinds_are_theirs(applied):
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: alerts, namespace: shop}\n"
        "data: {rule: '{{ $labels.pod }} is down', script: 'echo ${HOME}'}\n"
    )

    assert applied({"all/x.yaml": config}, frame="given: [all]\n")[0].kind == "ConfigMap"


def test_a_file_that_is_named_twice_is_complained_of_once(mistakes):
    text = f"{HEAD}steps:\n- name: one\n  apply: [bad.yaml]\n- name: two\n  delete: [bad.yaml]\n"

    assert mistakes(text, {"bad.yaml": "a: b\n"}) == [
        "bad.yaml:1:1: not a Kubernetes object: it has no `apiVersion:`"
    ]


def test_positions_repeat_the_path_of_the_story(write, tmp_path):
    from npol.story import load_story

    text = f"{HEAD}steps:\n- name: one\n  apply: [../policies/a.yaml]\n"
    write({"stories/s.npol.yaml": text, "policies/a.yaml": policy("a")})
    found = load_story("stories/s.npol.yaml", root=str(tmp_path))

    (change,) = found.steps[0].changes
    assert isinstance(change, Apply)
    assert change.manifests[0].at.file == "policies/a.yaml"


def test_links_inside_of_the_root_are_followed(write, tmp_path, story):
    write({"shared/a.yaml": policy("a"), "all/b.yaml": policy("b")})
    (tmp_path / "all" / "c.yaml").symlink_to("../shared/a.yaml")
    loaded = story(f"{HEAD}steps:\n- name: one\n  apply: [all]\n")

    assert [m.name for m in loaded.steps[0].changes[0].manifests] == ["b", "a"]


def test_a_story_of_another_name_is_told_how_stories_are_called(write):
    write({"cloudbuild.yaml": "steps: []\n", "story.yaml": "version: 1\nsteps: []\n"})

    with pytest.raises(Mistakes) as caught:
        load_manifests(".", "cloudbuild.yaml", "story.yaml")
    assert [str(m) for m in caught.value.mistakes] == [
        "cloudbuild.yaml:1:1: not a Kubernetes object: it has no `apiVersion:`",
        "story.yaml:1:1: a story, by its keys, is no manifest"
        " - call it NAME.npol.yaml: then it is read as a story, by pytest too",
    ]


def test_manifests_are_found_without_a_story(write):
    root = write({"all/a.yaml": policy("a"), "b.yaml": policy("b")})
    found = load_manifests(str(root), "b.yaml", "all")

    assert [m.name for m in found] == ["b", "a"]
    assert found[0].at.file == str(root / "b.yaml")


def test_manifests_without_a_story_tell_all_mistakes(write):
    write({"a.yaml": "a: b\n"})

    with pytest.raises(Mistakes) as caught:
        load_manifests(".", "a.yaml", "nowhere/b.yaml")
    assert [str(m) for m in caught.value.mistakes] == [
        "a.yaml:1:1: not a Kubernetes object: it has no `apiVersion:`",
        "nowhere/b.yaml:1:1: there is no 'nowhere/b.yaml'",
    ]
