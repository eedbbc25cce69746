"""Objects with revisions, and who follows them."""

from __future__ import annotations

import asyncio

import pytest

from npol_lab.store import HISTORY, Gone, Store


def configmap(name, **data):
    return {"metadata": {"name": name, "namespace": "ns"}, "data": data}


def test_every_write_has_a_revision_of_its_own():
    store = Store()
    first = store.put("configmaps", configmap("a"))
    second = store.put("configmaps", configmap("a", x="1"))
    gone = store.remove("configmaps", "ns", "a")
    revisions = [int(o["metadata"]["resourceVersion"]) for o in (first, second, gone)]
    assert revisions == sorted(set(revisions))
    assert store.revision == revisions[-1]


def test_objects_read_from_the_store_are_copies():
    store = Store()
    given = configmap("a", x="1")
    store.put("configmaps", given)
    given["data"]["x"] = "2"
    store.get("configmaps", "ns", "a")["data"]["x"] = "3"
    store.list("configmaps")[0]["data"]["x"] = "4"
    assert store.get("configmaps", "ns", "a")["data"] == {"x": "1"}


def test_a_subscription_tells_what_exists_and_then_what_happens():
    async def run():
        store = Store()
        store.put("configmaps", configmap("a"))
        store.put("secrets", configmap("s"))
        events = store.subscribe("configmaps")
        store.put("configmaps", configmap("a", x="1"))
        store.put("secrets", configmap("t"))
        store.remove("configmaps", "ns", "a")
        events.close()
        return [(e.type, e.object["data"], e.old and e.old["data"]) async for e in events]

    assert asyncio.run(run()) == [
        ("ADDED", {}, None),
        ("MODIFIED", {"x": "1"}, {}),
        ("DELETED", {"x": "1"}, {"x": "1"}),
    ]


def test_history_goes_back_to_a_revision():
    store = Store()
    first = int(store.put("configmaps", configmap("a"))["metadata"]["resourceVersion"])
    store.put("secrets", configmap("s"))
    store.put("configmaps", configmap("b"))
    assert [e.object["metadata"]["name"] for e in store.since("configmaps", first)] == ["b"]


@pytest.mark.parametrize("forget", [Store.forget_history, None], ids=["forgotten", "overflown"])
def test_history_that_is_gone_is_not_made_up(forget):
    store = Store()
    old = int(store.put("configmaps", configmap("a"))["metadata"]["resourceVersion"])
    store.put("configmaps", configmap("a", x="1"))
    if forget:
        forget(store)
    else:
        for n in range(HISTORY):
            store.put("configmaps", configmap("a", x=str(n)))
    with pytest.raises(Gone, match=f"too old resource version: {old}"):
        store.since("configmaps", old)
    assert store.since("configmaps", store.revision) == []
