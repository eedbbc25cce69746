"""Paths in manifests that lead out of their volumes, refused in the API server's words."""

import pytest

from npol_lab.registry import Registry, StatusError
from npol_lab.store import Store

BACK = "must not contain '..'"
ITEM = {"key": "k", "path": "../../x"}


@pytest.fixture
def registry():
    registry = Registry(Store())
    registry.create("namespaces", {"metadata": {"name": "demo"}})
    return registry


def refusal(registry, *, volume=None, mount=None):
    mounts = [] if mount is None else [{"name": "v", "mountPath": "/v", **mount}]
    container = {"name": "c", "image": "x", "volumeMounts": mounts}
    volumes = [{"name": "v", **(volume or {"emptyDir": {}})}]
    pod = {
        "metadata": {"name": "p", "namespace": "demo"},
        "spec": {"containers": [container], "volumes": volumes},
    }
    with pytest.raises(StatusError) as caught:
        registry.create("pods", pod)
    return [(c["field"], c["message"]) for c in caught.value.status()["details"]["causes"]]


@pytest.mark.parametrize(
    ("volume", "field", "value", "rule"),
    [
        ({"hostPath": {"path": "/../etc"}}, "hostPath.path", "/../etc", BACK),
        (
            {"configMap": {"name": "c", "items": [ITEM]}},
            "configMap.items[0].path",
            "../../x",
            BACK,
        ),
        (
            {"secret": {"secretName": "s", "items": [{"key": "k", "path": "/x"}]}},
            "secret.items[0].path",
            "/x",
            "must be a relative path",
        ),
        (
            {"secret": {"secretName": "s", "items": [{"key": "k", "path": "..x"}]}},
            "secret.items[0].path",
            "..x",
            "must not start with '..'",
        ),
        (
            {"projected": {"sources": [{"configMap": {"name": "c", "items": [ITEM]}}]}},
            "projected.sources[0].configMap.items[0].path",
            "../../x",
            BACK,
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "a/../../t"}}]}},
            "projected.sources[0].serviceAccountToken.path",
            "a/../../t",
            BACK,
        ),
        (
            {
                "downwardAPI": {
                    "items": [{"path": "../l", "fieldRef": {"fieldPath": "metadata.labels"}}]
                }
            },
            "downwardAPI.path",
            "../l",
            BACK,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_volume_that_names_a_way_out_is_refused(registry, volume, field, value, rule):
    expected = (f"spec.volumes[0].{field}", f'Invalid value: "{value}": {rule}')

    assert refusal(registry, volume=volume) == [expected]


@pytest.mark.parametrize(
    ("mount", "field", "message"),
    [
        ({"subPath": "../.."}, "subPath", f'Invalid value: "../..": {BACK}'),
        ({"subPath": "/etc"}, "subPath", 'Invalid value: "/etc": must be a relative path'),
        ({"subPathExpr": "$(X)/.."}, "subPathExpr", f'Invalid value: "$(X)/..": {BACK}'),
    ],
)
def test_a_mount_that_names_a_way_out_is_refused(registry, mount, field, message):
    where = f"spec.containers[0].volumeMounts.{field}"

    assert refusal(registry, mount=mount) == [(where, message)]


def test_names_with_dots_are_no_way_out(registry):
    container = {"name": "c", "image": "x"}
    items = [{"key": "k", "path": "a..b/...c"}]
    volume = {"name": "v", "configMap": {"name": "c", "items": items}}
    spec = {"containers": [container], "volumes": [volume]}

    assert registry.create("pods", {"metadata": {"name": "p", "namespace": "demo"}, "spec": spec})
