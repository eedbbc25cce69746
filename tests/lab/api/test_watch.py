"""Lists in pages, and watches: where they begin, what they show, how they end."""

from __future__ import annotations

import http.client
import json
import ssl
from urllib.parse import urlencode

import pytest

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture
def here(cluster, request):
    """A namespace of this test alone, and its configmaps' path."""
    name = cluster.namespace(f"w{abs(hash(request.node.name)) % 10**9}")
    return f"/api/v1/namespaces/{name}/configmaps"


@pytest.fixture
def put(cluster, here):
    def named(name, **labels):
        answer = cluster.request("POST", here, {"metadata": {"name": name, "labels": labels}})
        assert answer.code == 201, answer.message
        return answer.json["metadata"]["resourceVersion"]

    return named


@pytest.fixture
def watch(cluster, here):
    opened = []

    def on(*, accept="application/json", **query):
        context = ssl.create_default_context(cafile=str(cluster.authority))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", cluster.port, timeout=10, context=context
        )
        opened.append(connection)
        headers = {"Authorization": f"Bearer {cluster.token}", "Accept": accept}
        path = f"{here}?{urlencode({'watch': '1', **query})}"
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    yield on
    for connection in opened:
        connection.close()


def event(stream):
    found = json.loads(stream.readline())
    return found["type"], found["object"]["metadata"]["name"]


def test_a_watch_without_a_version_begins_with_what_is_there(put, watch):
    put("a")
    stream = watch()
    assert event(stream) == ("ADDED", "a")
    put("b")
    assert event(stream) == ("ADDED", "b")


def test_a_watch_goes_on_from_a_version(cluster, here, put, watch):
    version = put("a")
    put("b")
    merge = "application/merge-patch+json"
    cluster.request("PATCH", f"{here}/a", {"data": {"x": "1"}}, type=merge)
    cluster.request("DELETE", f"{here}/b")
    stream = watch(resourceVersion=version)
    assert [event(stream) for _ in range(3)] == [
        ("ADDED", "b"),
        ("MODIFIED", "a"),
        ("DELETED", "b"),
    ]


def test_a_watch_sees_objects_enter_and_leave_its_selection(cluster, here, put, watch):
    put("a")
    stream = watch(labelSelector="x=1")
    merge = "application/merge-patch+json"
    for value in ("1", "1", "2"):
        labels = {"metadata": {"labels": {"x": value}, "annotations": {"n": value + "n"}}}
        cluster.request("PATCH", f"{here}/a", labels, type=merge)
    put("b", x="1")
    cluster.request("DELETE", f"{here}/b")
    seen = [event(stream) for _ in range(4)]
    assert seen == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b"), ("DELETED", "b")]


def test_a_watch_ends_when_its_time_is_up(put, watch):
    put("a")
    lines = watch(timeoutSeconds=1).read().splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["ADDED"]


def test_a_watch_from_a_forgotten_version_is_gone(cluster, put, watch):
    version = put("a")
    put("b")
    cluster.request("POST", "/npol-lab/forget-history")
    stream = watch(resourceVersion=version)
    assert stream.status == 200
    error = json.loads(stream.readline())
    assert (error["type"], error["object"]["code"], error["object"]["reason"]) == (
        "ERROR",
        410,
        "Expired",
    )


def test_bookmarks_tell_how_far_a_watch_has_come(cluster, put, watch, monkeypatch):
    from npol_lab.api import watching

    monkeypatch.setattr(watching, "BOOKMARK_EVERY", 0.05)
    put("a")
    stream = watch(allowWatchBookmarks="true")
    assert event(stream) == ("ADDED", "a")
    bookmark = json.loads(stream.readline())
    assert bookmark["type"] == "BOOKMARK"
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) >= cluster.registry.store.revision


def test_a_watch_can_be_a_table(put, watch):
    put("a")
    stream = watch(accept=TABLE)
    first = json.loads(stream.readline())["object"]
    put("b")
    second = json.loads(stream.readline())["object"]
    assert [c["name"] for c in first["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["columnDefinitions"] == []
    assert [t["rows"][0]["cells"][0] for t in (first, second)] == ["a", "b"]


def test_a_list_comes_in_pages(cluster, here, put):
    for name in "abcde":
        put(name)
    names, token, left = [], "", []
    while True:
        page = cluster.request("GET", f"{here}?limit=2&continue={token}").json
        names += [o["metadata"]["name"] for o in page["items"]]
        left.append(page["metadata"].get("remainingItemCount"))
        token = page["metadata"].get("continue")
        if not token:
            break
    assert names == list("abcde")
    assert left == [3, 1, None]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("labelSelector=x", ["a", "b"]),
        ("labelSelector=!x", ["c"]),
        ("labelSelector=x in (1,3),y!=2", ["a"]),
        ("labelSelector=x notin (1)", ["b", "c"]),
        ("fieldSelector=metadata.name=b", ["b"]),
        ("fieldSelector=metadata.name!=b,metadata.namespace!=x", ["a", "c"]),
    ],
)
def test_lists_are_selected(cluster, here, put, selector, names):
    put("a", x="1")
    put("b", x="2", y="2")
    put("c")
    key, value = selector.split("=", 1)
    found = cluster.request("GET", f"{here}?{urlencode({key: value})}").json["items"]
    assert [o["metadata"]["name"] for o in found] == names


def test_a_collection_is_deleted_by_selection(cluster, here, put):
    put("a", x="1")
    put("b")
    deleted = cluster.request("DELETE", f"{here}?labelSelector=x").json
    assert [o["metadata"]["name"] for o in deleted["items"]] == ["a"]
    assert [o["metadata"]["name"] for o in cluster.request("GET", here).json["items"]] == ["b"]


@pytest.mark.parametrize(
    ("field", "value", "hits"),
    [
        ("status.phase", "Running", True),
        ("spec.nodeName", "lab-1", True),
        ("spec.nodeName", "lab-2", False),
        ("status.podIP", "10.244.1.5", True),
        ("spec.hostNetwork", "false", True),
    ],
)
def test_pods_are_selected_by_their_fields(cluster, here, field, value, hits):
    namespace = here.split("/")[4]
    cluster.running_pod(namespace, "p")
    query = urlencode({"fieldSelector": f"{field}={value}"})
    found = cluster.request("GET", f"/api/v1/namespaces/{namespace}/pods?{query}").json["items"]
    assert bool(found) is hits


def test_a_body_that_is_too_large_is_refused(cluster, here):
    body = {"metadata": {"name": "large"}, "data": {"x": "y" * 4_000_000}}
    answer = cluster.request("POST", here, body)
    assert (answer.code, answer.json["reason"]) == (413, "RequestEntityTooLarge")
