import pytest

CM = "configmaps"
ONLY = ("GarbageCollector",)


def reference(owner, **more):
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        **more,
    }


def owned(cluster, name, *references):
    return cluster.create(CM, name, metadata={"ownerReferences": list(references)})


def test_dependents_follow_their_last_owner(cluster, live):
    async def work():
        first, second = cluster.create(CM, "first"), cluster.create(CM, "second")
        owned(cluster, "both", reference(first), reference(second))
        owned(cluster, "one", reference(first))
        await cluster.settle()
        cluster.registry.delete(CM, "demo", "first")
        await cluster.settle()
        after_first = cluster.names(CM)
        cluster.registry.delete(CM, "demo", "second")
        await cluster.settle()
        return after_first

    assert live(work, *ONLY) == ["both", "second"]
    assert cluster.names(CM) == []


def test_chains_are_collected_to_their_end(cluster, live):
    async def work():
        top = cluster.create(CM, "top")
        middle = owned(cluster, "middle", reference(top))
        owned(cluster, "leaf", reference(middle))
        await cluster.settle()
        cluster.registry.delete(CM, "demo", "top")
        await cluster.settle()

    live(work, *ONLY)
    assert cluster.names(CM) == []


@pytest.mark.parametrize("what", ["another-namespace", "another-uid"])
def test_an_owner_that_does_not_exist_is_no_owner(cluster, live, what):
    async def work():
        cluster.registry.create("namespaces", {"metadata": {"name": "far"}})
        where = "far" if what == "another-namespace" else "demo"
        owner = cluster.create(CM, "owner", namespace=where)
        uid = owner["metadata"]["uid"] if where == "far" else "00000000-0000"
        owned(cluster, "child", {**reference(owner), "uid": uid})
        await cluster.settle()

    live(work, *ONLY)
    assert "child" not in cluster.names(CM)


def test_orphaning_keeps_the_dependents(cluster, live):
    async def work():
        owner = cluster.create(CM, "owner")
        owned(cluster, "child", reference(owner))
        await cluster.settle()
        cluster.registry.delete(CM, "demo", "owner", propagation="Orphan")
        await cluster.settle()

    live(work, *ONLY)
    assert cluster.names(CM) == ["child"]
    assert not cluster.get(CM, "child")["metadata"].get("ownerReferences")


def test_foreground_deletion_waits_for_dependents_that_block(cluster, live):
    async def work():
        owner = cluster.create(CM, "owner")
        child = owned(cluster, "child", reference(owner, blockOwnerDeletion=True))
        child["metadata"]["finalizers"] = ["npol.dev/hold"]
        cluster.registry.update(CM, child)
        await cluster.settle()
        cluster.registry.delete(CM, "demo", "owner", propagation="Foreground")
        await cluster.settle()
        held = cluster.names(CM)
        child = cluster.get(CM, "child")
        child["metadata"]["finalizers"] = []
        cluster.registry.update(CM, child)
        await cluster.settle()
        return held

    assert live(work, *ONLY) == ["child", "owner"]
    assert cluster.names(CM) == []


def test_an_owner_of_an_unserved_kind_is_taken_to_exist(cluster, live):
    """Who cannot be looked up may exist: a custom resource of a cluster that has it."""

    async def work():
        stranger = {"apiVersion": "argoproj.io/v1", "kind": "Thing", "name": "x", "uid": "u"}
        owned(cluster, "child", stranger)
        await cluster.settle()

    live(work, *ONLY)
    assert cluster.names(CM) == ["child"]
