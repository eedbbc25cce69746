"""Claims are bound to volumes at once, and both end as on a cluster."""

from __future__ import annotations

ONLY = ("Claims", "EphemeralClaims")
SIZE = {"requests": {"storage": "1Gi"}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": SIZE}


def claim(cluster, name="data", **spec):
    return cluster.create("persistentvolumeclaims", name, {**CLAIM, **spec})


def volume(cluster, name, **spec):
    source = {"nfs": {"server": "10.0.0.1", "path": "/x"}}
    given = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}, **source, **spec}
    return cluster.create("persistentvolumes", name, given, namespace=None)


def pod(cluster, **volume):
    spec = {"containers": [{"name": "a", "image": "b"}], "volumes": [{"name": "v", **volume}]}
    return cluster.create("pods", "user", spec)


def volumes(cluster):
    return cluster.store.list("persistentvolumes")


def test_a_claim_is_bound_whatever_class_it_names(cluster, live):
    async def work():
        claim(cluster, storageClassName="nobody-has-it")
        await cluster.settle()

    live(work, *ONLY)
    bound, made = cluster.get("persistentvolumeclaims", "data"), volumes(cluster)[0]
    assert bound["status"] == {
        "phase": "Bound",
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
    }
    assert bound["spec"]["volumeName"] == made["metadata"]["name"]
    assert (made["status"]["phase"], made["spec"]["claimRef"]["name"]) == ("Bound", "data")


def test_a_claim_takes_the_volume_that_it_names(cluster, live):
    async def work():
        volume(cluster, "archive")
        claim(cluster, volumeName="archive")
        await cluster.settle()

    live(work, *ONLY)
    assert [v["metadata"]["name"] for v in volumes(cluster)] == ["archive"]
    assert cluster.get("persistentvolumeclaims", "data")["status"]["capacity"] == {"storage": "5Gi"}


def test_a_claim_in_use_is_deleted_when_its_pod_is_gone(cluster, live):
    async def work():
        claim(cluster)
        pod(cluster, persistentVolumeClaim={"claimName": "data"})
        await cluster.settle()
        cluster.registry.delete("persistentvolumeclaims", "demo", "data")
        await cluster.settle()
        assert cluster.names("persistentvolumeclaims") == ["data"]
        cluster.registry.delete("pods", "demo", "user", grace=0)
        await cluster.settle()

    live(work, *ONLY)
    assert cluster.names("persistentvolumeclaims") == []
    assert volumes(cluster) == []


def test_a_volume_that_was_there_before_outlives_its_claim(cluster, live):
    async def work():
        volume(cluster, "archive")
        claim(cluster, volumeName="archive")
        await cluster.settle()
        cluster.registry.delete("persistentvolumeclaims", "demo", "data")
        await cluster.settle()

    live(work, *ONLY)
    assert [v["status"]["phase"] for v in volumes(cluster)] == ["Released"]


def test_a_pod_brings_its_claim_along(cluster, live):
    async def work():
        pod(cluster, ephemeral={"volumeClaimTemplate": {"spec": CLAIM}})
        await cluster.settle()

    live(work, *ONLY)
    made = cluster.get("persistentvolumeclaims", "user-v")
    assert made["status"]["phase"] == "Bound"
    assert made["metadata"]["ownerReferences"][0]["kind"] == "Pod"
