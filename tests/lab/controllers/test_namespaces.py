def test_every_namespace_gets_an_account_and_the_root_certificate(cluster, live):
    async def work():
        cluster.registry.delete("serviceaccounts", "demo", "default")
        cluster.registry.delete("configmaps", "demo", "kube-root-ca.crt")
        await cluster.settle()

    live(work, "RootCertificates", "ServiceAccounts")
    assert cluster.get("configmaps", "kube-root-ca.crt")["data"] == {"ca.crt": "CA"}
    assert cluster.get("serviceaccounts", "default") is not None


def test_a_deleted_namespace_is_emptied_and_goes(cluster, live):
    async def work():
        cluster.create("configmaps", "a")
        cluster.pod("p")
        cluster.registry.delete("namespaces", None, "demo")
        await cluster.settle()
        namespaces = next(c for c in cluster.parts if type(c).__name__ == "Namespaces")
        namespaces.look_at(("namespaces", "", "demo"))
        await cluster.settle()

    live(work)
    assert cluster.store.get("namespaces", None, "demo") is None
    assert cluster.store.list("configmaps", "demo") == []


def test_a_namespace_waits_for_its_pods_to_end(cluster, live):
    async def work():
        cluster.report(cluster.pod("p", node="lab-1"))
        cluster.registry.delete("namespaces", None, "demo")
        await cluster.settle()

    live(work, "Namespaces")
    namespace = cluster.store.get("namespaces", None, "demo")
    assert namespace["status"]["phase"] == "Terminating"
    remaining = namespace["status"]["conditions"][0]
    assert "pods. has 1 resource instances" in remaining["message"]
    assert "deletionTimestamp" in cluster.get("pods", "p")["metadata"]
