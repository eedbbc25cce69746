"""State checks: what each kind claims."""

from __future__ import annotations

from typing import Any

import pytest

from npol.story.schema.check import CHECKS

KINDS: Any = [
    pytest.param(
        "{endpoints: db, namespace: shop, port: 3001, ready: 1}",
        ("endpoints", "endpoints shop/db", "shop", "db", {"port": 3001, "ready": 1}),
        id="endpoints",
    ),
    pytest.param(
        "{endpoints: db, ready: 0}",
        ("endpoints", "endpoints store/db", "store", "db", {"ready": 0}),
        id="no-endpoints",
    ),
    pytest.param(
        "{endpoints: db}",
        ("endpoints", "endpoints store/db", "store", "db", {}),
        id="any-endpoints",
    ),
    pytest.param(
        "{ready: deployment/web, name: the web is up}",
        ("ready", "the web is up", "store", "deployment/web", {}),
        id="ready",
    ),
    pytest.param(
        "{ready: 'app=web,tier!=db'}",
        ("ready", "ready store/app=web,tier!=db", "store", "app=web,tier!=db", {}),
        id="ready-by-labels",
    ),
    pytest.param(
        "{rollout: statefulset/db, image: 'db:16'}",
        ("rollout", "rollout store/statefulset/db", "store", "statefulset/db", {"image": "db:16"}),
        id="rollout",
    ),
    pytest.param(
        "{labels: {namespace: shop}, has: {name: shop}}",
        ("labels", "labels namespace/shop", "", "namespace/shop", {"has": {"name": "shop"}}),
        id="labels-of-a-namespace",
    ),
    pytest.param(
        "{labels: {deployment: web}, has: {app: web}}",
        (
            "labels",
            "labels store/deployment/web",
            "store",
            "deployment/web",
            {"has": {"app": "web"}},
        ),
        id="labels-of-a-workload",
    ),
    pytest.param(
        "{object: Application.argoproj.io/shop, path: 'status.sync.status', equals: Synced}",
        (
            "object",
            "object store/Application.argoproj.io/shop status.sync.status",
            "store",
            "Application.argoproj.io/shop status.sync.status",
            {
                "ref": "Application.argoproj.io/shop",
                "path": ("status", "sync", "status"),
                "equals": "Synced",
            },
        ),
        id="object-field",
    ),
    pytest.param(
        '{object: Pod/x, path: "spec.containers[0].args[1]", equals: null}',
        (
            "object",
            "object store/Pod/x spec.containers[0].args[1]",
            "store",
            "Pod/x spec.containers[0].args[1]",
            {"ref": "Pod/x", "path": ("spec", "containers", 0, "args", 1), "equals": None},
        ),
        id="object-null",
    ),
    pytest.param(
        "{object: Pod/x, exists: false}",
        (
            "object",
            "object store/Pod/x",
            "store",
            "Pod/x",
            {"ref": "Pod/x", "path": (), "exists": False},
        ),
        id="object-absent",
    ),
    pytest.param(
        "{object: Pod/x, path: \"metadata.labels['a/b']\", matches: '^v[0-9]+$'}",
        (
            "object",
            "object store/Pod/x metadata.labels['a/b']",
            "store",
            "Pod/x metadata.labels['a/b']",
            {"ref": "Pod/x", "path": ("metadata", "labels", "a/b"), "matches": "^v[0-9]+$"},
        ),
        id="object-pattern",
    ),
    pytest.param(
        "{aligned: service/web}",
        ("aligned", "aligned store/service/web", "store", "service/web", {}),
        id="aligned",
    ),
    pytest.param(
        "{admits: deployment/web}",
        ("admits", "admits store/deployment/web", "store", "deployment/web", {}),
        id="admits",
    ),
    pytest.param(
        "{logs: deployment/web, contain: 'listening on', container: app}",
        (
            "logs",
            "logs store/deployment/web",
            "store",
            "deployment/web",
            {"contain": "listening on", "container": "app"},
        ),
        id="logs",
    ),
    pytest.param(
        "{listens: deployment/web, port: 3001}",
        (
            "listens",
            "listens store/deployment/web",
            "store",
            "deployment/web",
            {"port": 3001, "address": "0.0.0.0"},
        ),
        id="listens",
    ),
    pytest.param(
        "{prometheus: service/prometheus, namespace: monitoring, job: web, up: 2}",
        (
            "prometheus",
            "prometheus monitoring/service/prometheus",
            "monitoring",
            "service/prometheus",
            {"port": 9090, "job": "web", "up": 2},
        ),
        id="prometheus",
    ),
]


@pytest.mark.parametrize(("text", "expected"), KINDS)
def test_a_check_keeps_what_it_claims(text, expected, story):
    frame = "version: 1\ndefaults: {namespace: store}\nsteps:\n- name: one\n  state:\n"
    (check,) = story(f"{frame}  - {text}\n").step("one").checks

    found = (check.kind, check.name, check.namespace, check.subject, dict(check.wants))
    assert found == expected
    assert str(check.at) == "s.npol.yaml:6:5"


def test_an_applied_check_holds_the_manifests(story):
    text = "version: 1\nsteps:\n- name: one\n  state:\n  - {applied: [deny.yaml]}\n"
    (check,) = story(text).step("one").checks

    assert (check.name, check.subject) == ("applied deny.yaml", "deny.yaml")
    assert [m.name for m in check.wants["manifests"]] == ["deny"]


def test_every_kind_of_check_is_shown_here():
    shown = {expected[0] for _, expected in (param.values for param in KINDS)}

    assert shown == set(CHECKS) - {"applied"}
