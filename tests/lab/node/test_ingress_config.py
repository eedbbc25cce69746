import pytest

from npol_lab.node.ingress_config import World, accepted, render

SERVICE = {
    "metadata": {"name": "app", "namespace": "demo"},
    "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 3001}]},
}
SLICE = {
    "metadata": {"namespace": "demo", "labels": {"kubernetes.io/service-name": "app"}},
    "ports": [{"name": "http", "port": 3001}],
    "endpoints": [
        {"addresses": ["10.244.1.2"], "conditions": {"ready": True}},
        {"addresses": ["10.244.1.3"], "conditions": {"ready": False}},
    ],
}


def ingress(path="/api", kind="Prefix", *, host="app.example.test", annotations=None, **spec):
    backend = {"service": {"name": "app", "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": path, "pathType": kind, "backend": backend}]}}
    return {
        "metadata": {"name": "i", "namespace": "demo", "annotations": annotations or {}},
        "spec": {"ingressClassName": "nginx", "rules": [rule], **spec},
    }


def rendered(found, slices=(SLICE,)):
    return render(World(ingresses=[found], classes=[], services=[SERVICE], slices=slices))


def test_requests_go_to_the_ready_pods_at_their_own_port():
    text = rendered(ingress())

    assert "upstream demo-app-80 { server 10.244.1.2:3001 max_fails=0;" in text
    assert "10.244.1.3" not in text


@pytest.mark.parametrize(
    ("path", "kind", "lines"),
    [
        ("/api", "Prefix", ['location "/api/" {', 'location = "/api" {']),
        ("/api", "Exact", ['location = "/api" {']),
        ("/", "Prefix", ['location "/" {']),
        ("/a b{", "ImplementationSpecific", ['location "/a b{" {']),
    ],
)
def test_path_types_become_locations(path, kind, lines):
    text = rendered(ingress(path, kind))

    assert all(line in text for line in lines)


def test_a_backend_without_ready_pods_is_503():
    assert "return 503;" in rendered(ingress(), slices=())


def test_annotations_set_timeouts_and_rewrites():
    prefix = "nginx.ingress.kubernetes.io/"
    text = rendered(
        ingress(
            "/x/(.*)",
            annotations={f"{prefix}proxy-connect-timeout": "1", f"{prefix}rewrite-target": "/$1"},
        )
    )

    assert "proxy_connect_timeout 1s;" in text
    assert 'rewrite "^/x/(.*)" "/$1" break;' in text


@pytest.mark.parametrize(
    ("name", "ours"), [("nginx", True), ("internal", True), ("traefik", False), (None, True)]
)
def test_only_ingresses_of_our_class_are_served(name, ours):
    classes = [{"metadata": {"name": "internal"}, "spec": {"controller": "k8s.io/ingress-nginx"}}]
    found = ingress()
    found["spec"]["ingressClassName"] = name

    assert bool(accepted([found], classes)) is ours
