"""What of `given` is made on a cluster, in which order, and what is left out and why."""

from __future__ import annotations

from typing import Any, cast

import pytest

from npol.errors import InputError
from npol.kube.api_errors import ApiError
from npol.kube.objects import CLAIMS, resource_for
from npol.kube.signals import Stop
from npol.run import Options, create_given, given_objects
from npol.run.environment import RunEnvironment
from npol.story import read_story
from npol.story.manifest_validation import read_objects

STORY = b"""\
version: 1
given: [all.yaml]
defaults: {namespace: shop}
peers: {web: {namespace: shop, labels: {app: web}}}
steps: [{name: s, flows: [{from: web, resolve: web.shop, expect: allow}]}]
"""


class Cluster:
    """Serves the built-in kinds; of namespaces it has `shop`."""

    def resource(self, api_version, kind):
        return resource_for(api_version, kind)

    def get(self, ref):
        return {"metadata": {"name": ref.name}} if ref.name == "shop" else None


def objects(*texts):
    mistakes: list[Any] = []
    found = read_objects("\n---\n".join(texts).encode(), "all.yaml", "shop", mistakes)
    assert mistakes == []
    return found


def named(api_version, kind, name="a", more=""):
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}{more}}}\n"


DEPLOYMENT = named("apps/v1", "Deployment")
ROLE = named("rbac.authorization.k8s.io/v1", "ClusterRole")
HOOK = 'annotations: {{"helm.sh/hook": "{}"}}'
DEFINITION = (
    named("apiextensions.k8s.io/v1", "CustomResourceDefinition", "backups.x.io")
    + "spec: {group: x.io, scope: Namespaced, names: {plural: backups, kind: Backup},"
    + " versions: [{name: v1}]}\n"
)
BACKUP = named("x.io/v1", "Backup")


def choose(*texts, everything=False):
    found = given_objects.choose(
        cast(Any, Cluster()), objects(*texts), namespace="shop", everything=everything
    )
    return [f"{m.kind} {m.name}" for m in found.manifests], list(found.left_out), found.kinds


def test_a_cluster_gets_what_lies_in_namespaces():
    texts = [
        DEPLOYMENT,
        named("v1", "Secret"),
        named("rbac.authorization.k8s.io/v1", "Role"),
        named("v1", "PersistentVolumeClaim"),
    ]
    made, left, _ = choose(*texts)
    assert made == ["Secret a", "PersistentVolumeClaim a", "Role a", "Deployment a"]
    assert left == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ROLE, given_objects.CLUSTER_WIDE),
        (DEFINITION, given_objects.CLUSTER_WIDE),
        (BACKUP, given_objects.UNKNOWN),
        (named("apps/v1", "Deployment", more=", namespace: kube-system"), given_objects.PROTECTED),
        (named("v1", "Pod", more=", " + HOOK.format("test")), given_objects.NO_INSTALL),
        (named("v1", "Pod", more=", " + HOOK.format("pre-delete")), given_objects.NO_INSTALL),
    ],
    ids=["role", "definition", "custom", "protected", "test-hook", "delete-hook"],
)
def test_what_is_left_out_is_listed_with_its_reason(text, why):
    made, (line,), _ = choose(DEPLOYMENT, text)
    assert made == ["Deployment a"]
    assert line.startswith("left out: ")
    assert line.endswith(f"({why})")


def test_a_hook_that_an_installation_runs_is_made():
    job = named("batch/v1", "Job", more=", " + HOOK.format("pre-install,pre-delete"))
    assert choose(job)[0] == ["Job a"]


def test_everything_includes_definitions_and_their_objects():
    made, left, kinds = choose(BACKUP, ROLE, DEFINITION, everything=True)
    assert made == ["CustomResourceDefinition backups.x.io", "ClusterRole a", "Backup a"]
    assert left == []
    assert ("x.io/v1", "Backup") in {(k.api_version, k.kind) for k in kinds}


def test_a_namespace_that_manifests_take_for_granted_is_made_first():
    elsewhere = named("apps/v1", "Deployment", more=", namespace: elsewhere")
    assert choose(elsewhere, DEPLOYMENT)[0] == [
        "Namespace elsewhere",
        "Deployment a",
        "Deployment a",
    ]


def test_a_stateful_set_brings_the_right_to_take_its_claims_away():
    assert CLAIMS in choose(named("apps/v1", "StatefulSet"))[2]


def test_a_definition_is_waited_for_until_it_is_served(monkeypatch):
    asked = []

    class Late(Cluster):
        def resource(self, api_version, kind):
            asked.append(kind)
            if len(asked) < 3:
                raise InputError("not yet")
            return None

    monkeypatch.setattr(create_given, "POLL_EVERY", 0.0)
    create_given.await_definition(cast(Any, Late()), objects(DEFINITION)[0])
    assert asked == ["Backup"] * 3


CLAIM = named("v1", "PersistentVolumeClaim", "wrong")
FINE = named("v1", "PersistentVolumeClaim", "b") + (
    "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        pytest.param("wrong", "all.yaml:1:1: spec.accessModes: Required", id="known-to-npol"),
        pytest.param("b", "all.yaml:6:1", id="by-a-rule-that-npol-does-not-know"),
    ],
)
def test_what_a_server_does_not_take_is_named_with_its_line(name, where):
    class Server:
        def create_all(self, manifests):
            raise ApiError(f"create claims {name} in namespace shop: no", status=422)

    made = objects(CLAIM, FINE)
    with pytest.raises(ApiError) as refused:
        create_given.create_given(cast(Any, Cluster()), cast(Any, Server()), made, print)
    assert refused.value.hint.startswith(f"mend {where}")


def test_what_is_left_out_is_told_before_anything_is_sent(tmp_path):
    (tmp_path / "all.yaml").write_text(f"{DEPLOYMENT}---\n{ROLE}")
    story = read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    told: list[str] = []
    options = Options(kubeconfig=None, context="dev", create=True, notice=told.append)

    made = RunEnvironment(story, options, "run", Stop())._choose(cast(Any, Cluster()))

    assert [m.kind for m in made.manifests] == ["Deployment"]
    assert [line.startswith("left out: ClusterRole a (cluster-wide") for line in told] == [True]
