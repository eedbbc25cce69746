"""Whatever a client sends, the answer is the API's own: an object or a Status, never a crash."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npol.api_rules.resources import CREATE_ONLY, RESOURCES
from npol.api_rules.schema import ListOf, MapOf, Struct, resolved, structs
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Store

KINDS = [n for n, r in RESOURCES.items() if "create" in r.verbs and r.verbs != CREATE_ONLY]
WORDS = [
    "",
    "a",
    "web",
    "TCP",
    "None",
    "Always",
    "ClusterIP",
    "10.96.0.7",
    "1Gi",
    "a b",
    "NodePort",
]
SCALARS = {
    "str": st.sampled_from(WORDS),
    "bytes": st.sampled_from(["", "YQ==", "?"]),
    "bool": st.booleans(),
    "int32": st.integers(-2, 70_000),
    "int64": st.integers(-2, 70_000),
    "number": st.floats(0, 2),
    "time": st.sampled_from(["2026-01-01T00:00:00Z", "then"]),
    "microtime": st.sampled_from(["2026-01-01T00:00:00.000000Z"]),
    "intstr": st.one_of(st.integers(-1, 70_000), st.sampled_from([*WORDS, "25%"])),
    "quantity": st.sampled_from(["1", "100m", "1Gi", "-1", "x", 2, 0.5]),
    "any": st.one_of(st.none(), st.booleans(), st.dictionaries(st.sampled_from(WORDS), st.none())),
}
ODD = st.sampled_from([None, "odd", 7, [], {}, True])
DEPTH = 7


def values(type, depth):
    """Mostly of the type, sometimes not."""
    kind = resolved(type)
    right: st.SearchStrategy[Any]
    if depth == 0:
        return ODD
    if isinstance(kind, ListOf):
        right = st.lists(values(kind.item, depth - 1), max_size=2)
    elif isinstance(kind, MapOf):
        right = st.dictionaries(st.sampled_from(WORDS), values(kind.value, depth - 1), max_size=2)
    elif isinstance(kind, Struct):
        right = objects(kind, depth)
    else:
        right = SCALARS[kind.name]
    return st.integers(0, 30).flatmap(lambda n: ODD if n == 0 else right)


def objects(struct, depth):
    names = [n for n in struct.fields if n not in ("apiVersion", "kind")]
    if not names:
        return st.just({})
    chosen = st.lists(st.sampled_from(names), max_size=4, unique=True)
    return chosen.flatmap(
        lambda keys: st.fixed_dictionaries({k: values(struct.fields[k], depth - 1) for k in keys})
    )


@pytest.fixture(scope="module")
def registry():
    found = Registry(Store())
    found.create("namespaces", {"metadata": {"name": "default"}})
    return found


def attempt(call):
    with contextlib.suppress(StatusError):
        return call()


@pytest.mark.parametrize("resource", KINDS)
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_kind_takes_anything(registry, resource, data):
    kind = RESOURCES[resource]
    body = data.draw(objects(structs()[kind.kind], DEPTH))
    metadata = body.get("metadata")
    body["metadata"] = {**metadata, "name": "x"} if isinstance(metadata, dict) else {"name": "x"}
    body["metadata"].pop("namespace", None)
    made = attempt(lambda: registry.create(resource, body, dry_run=data.draw(st.booleans())))
    patch = data.draw(objects(structs()[kind.kind], DEPTH))
    if made is not None and registry.store.get(resource, made["metadata"].get("namespace"), "x"):
        where = (resource, made["metadata"].get("namespace"), "x")
        for type in ("merge", "strategic"):
            attempt(lambda type=type: registry.patch(*where, patch, type=type, manager="m"))
        config = {"apiVersion": kind.api_version, "kind": kind.kind, **patch}
        config.pop("metadata", None)
        attempt(lambda: registry.patch(*where, config, type="apply", manager="a", force=True))
        if registry.store.get(*where):
            registry.store.remove(*where)


@pytest.mark.parametrize("wrong", [{}, {"a": [1]}, ["b"], [{}]], ids=["a", "b", "c", "d"])
def test_a_patch_of_a_list_of_texts_may_hold_no_objects(registry, wrong, request):
    name = f"finalized-{request.node.callspec.id}"
    registry.create("configmaps", {"metadata": {"name": name, "namespace": "default"}})
    patch = {"metadata": {"finalizers": [wrong, "example.com/a"]}}

    with pytest.raises(StatusError) as refused:
        registry.patch("configmaps", "default", name, patch, type="strategic", manager="m")

    assert refused.value.code in (400, 422)
