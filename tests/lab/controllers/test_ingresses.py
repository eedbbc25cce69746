ING = "ingresses.networking.k8s.io"
RULE = {
    "host": "app.example.test",
    "http": {
        "paths": [
            {
                "path": "/",
                "pathType": "Prefix",
                "backend": {"service": {"name": "web", "port": {"number": 80}}},
            }
        ]
    },
}


def test_an_ingress_gets_the_address_of_its_controller(cluster, live):
    async def work():
        cluster.create(ING, "ours", {"ingressClassName": "nginx", "rules": [RULE]})
        cluster.create(ING, "theirs", {"ingressClassName": "traefik", "rules": [RULE]})
        image = "registry.k8s.io/ingress-nginx/controller:v1.11.3"
        pod = cluster.pod("ctl", node="lab-1", containers=[{"name": "c", "image": image}])
        cluster.report(pod)
        await cluster.settle()

    live(work, "Ingresses")
    assert cluster.get(ING, "ours")["status"]["loadBalancer"]["ingress"] == [{"ip": "10.98.1.11"}]
    assert not cluster.get(ING, "theirs").get("status", {}).get("loadBalancer")
