"""What stands in for images that the lab does not have."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from npol_lab.node.stand_ins import (
    STAND_INS,
    Listened,
    ends_at_once,
    listened,
    selects,
    stand_ins_of,
)

NAMESPACE = "demo"
UNKNOWN = "registry.example.com/shop/api:3"


def container(name="main", image=UNKNOWN, **spec):
    return {"name": name, "image": image, **spec}


def pod(*containers, init=(), annotations=None, owner="", **spec):
    head = {"name": "p", "labels": {"app": "p"}, "annotations": annotations or {}}
    head |= {"ownerReferences": [{"kind": owner}]} if owner else {}
    inner = {"containers": list(containers), "initContainers": list(init), **spec}
    return {"metadata": head, "spec": inner}


def service(port, target=None, protocol="TCP", **spec):
    ports = [{"port": port, "protocol": protocol} | ({"targetPort": target} if target else {})]
    return {"spec": {"selector": {"app": "p"}, "ports": ports, **spec}}


def ports(own, *services, others=()):
    return [(p.port, p.protocol) for p in listened(pod(own, *others), own, services)]


@pytest.mark.parametrize(
    ("own", "services", "expected"),
    [
        ({"ports": [{"containerPort": 80}]}, [], [(80, "TCP")]),
        ({"ports": [{"containerPort": 53, "protocol": "UDP"}]}, [], [(53, "UDP")]),
        ({"ports": [{"containerPort": 9, "protocol": "SCTP"}]}, [], []),
        ({"readinessProbe": {"httpGet": {"port": 8081}}}, [], [(8081, "TCP")]),
        ({"livenessProbe": {"grpc": {"port": 50051}}}, [], [(50051, "TCP")]),
        ({"livenessProbe": {"tcpSocket": {"port": 5, "host": "10.0.0.9"}}}, [], []),
        ({}, [service(80, 8080)], [(8080, "TCP")]),
        ({}, [service(80)], [(80, "TCP")]),
        ({}, [service(53, protocol="UDP")], [(53, "UDP")]),
        ({}, [service(80, "web")], []),
        ({}, [service(7000), service(7001)], [(7000, "TCP"), (7001, "TCP")]),
    ],
    ids=[
        "declared",
        "udp",
        "sctp",
        "http-probe",
        "grpc-probe",
        "elsewhere",
        "target",
        "port",
        "udp-service",
        "name",
        "two",
    ],
)
def test_a_stand_in_listens_where_somebody_means_it(own, services, expected):
    assert ports(container(**own), *services) == expected


def test_a_port_that_another_container_declares_is_left_to_it():
    other = container("other", "nginx:1.27", ports=[{"containerPort": 80}])
    own = container(readinessProbe={"tcpSocket": {"port": 80}})
    assert ports(own, service(80), others=[other]) == []


def test_what_nobody_declares_is_the_first_containers():
    first, second = container(), container("second")
    assert listened(pod(first, second), second, [service(80)]) == []
    assert listened(pod(first, second), first, [service(80)]) == [Listened(80)]


def test_a_port_that_is_probed_by_https_speaks_it():
    named = [{"containerPort": 443, "name": "web"}, {"containerPort": 80}]
    probe = {"httpGet": {"port": "web", "scheme": "HTTPS"}}
    own = container(ports=named, readinessProbe=probe)
    assert listened(pod(own), own, []) == [Listened(80), Listened(443, tls=True)]


def test_a_port_that_is_probed_in_two_ways_speaks_https_if_one_of_them_does():
    named = [{"containerPort": 8443, "name": "web"}]
    https = {"httpGet": {"port": "web", "scheme": "HTTPS"}}
    own = container(ports=named, readinessProbe=https, livenessProbe={"tcpSocket": {"port": 8443}})
    assert listened(pod(own), own, []) == [Listened(8443, tls=True)]


def test_images_of_the_table_are_not_stood_in_for():
    known = container("known", "nginx:1.27")
    missing = container("missing", "does-not-exist:1")
    own, before = container(), container("before")
    assert stand_ins_of(pod(own, known, missing, init=[before])) == [before, own]


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        (pod(container()), False),
        (pod(container(), owner="Job"), True),
        (pod(container(), owner="ReplicaSet"), False),
        (pod(container(), restartPolicy="Never"), False),
        (pod(container(), annotations={"helm.sh/hook": "test"}, restartPolicy="Never"), True),
        (pod(container(), annotations={"helm.sh/hook": "test"}), False),
    ],
    ids=["plain", "job", "replicaset", "bare", "hook", "hook-that-stays"],
)
def test_what_has_something_to_do_has_done_it(made, ends):
    assert ends_at_once(made, made["spec"]["containers"][0]) is ends


@pytest.mark.parametrize("sidecar", [True, False])
def test_an_init_container_has_ended_unless_it_stays(sidecar):
    before = container("before", **({"restartPolicy": "Always"} if sidecar else {}))
    assert ends_at_once(pod(container(), init=[before]), before) is not sidecar


def test_a_service_selects_by_all_its_labels():
    assert selects(service(80), pod(container()))
    assert not selects({"spec": {"selector": {"app": "q"}}}, pod(container()))
    assert not selects({"spec": {}}, pod(container()))


HARD = container(
    command=["/bin/bash", "-ec", ". /opt/lib/x.sh"],
    env=[{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "made-by-a-hook", "key": "pw"}}}],
    readinessProbe={"exec": {"command": ["isready"]}, "initialDelaySeconds": 600},
    livenessProbe={"grpc": {"port": 50051}, "initialDelaySeconds": 600},
    startupProbe={"httpGet": {"path": "/up", "port": 8080}, "initialDelaySeconds": 600},
    lifecycle={"preStop": {"exec": {"command": ["/wait-shutdown"]}}},
)
BEFORE = container("before", command=["/bin/sh", "-c", "exit 1"])


def test_a_pod_of_unknown_images_is_ready_whatever_it_would_run(node):
    async def work():
        async with node.running():
            node.create(containers=[HARD], initContainers=[BEFORE])
            await node.until(node.ready)

    asyncio.run(work())
    assert node.pod()["metadata"]["annotations"] == {STAND_INS: "before,main"}
    told = [message for _, reason, message in node.events() if reason == "StandIn"]
    assert len(told) == 2
    assert all(f'the lab does not have "{UNKNOWN}"' in message for message in told)


def test_a_stand_in_answers_http_on_every_path(node):
    async def work():
        async with node.running():
            node.create(containers=[container(ports=[{"containerPort": 8080}])])
            await node.until(node.ready)
            return await asked(node, 8080)

    assert asyncio.run(work()).startswith(b"HTTP/1.0 200")


async def asked(node, port):
    reader, writer = await asyncio.open_connection(node.pod()["status"]["podIP"], port)
    writer.write(b"GET /any/path HTTP/1.0\r\n\r\n")
    try:
        return await reader.read(1000)
    finally:
        writer.close()


def test_a_stand_in_follows_its_services(node):
    async def work():
        async with node.running():
            made = node.create(containers=[container()])
            made["metadata"]["labels"] = {"app": "p"}
            node.registry.update("pods", made)
            await node.until(node.ready)
            head = {"name": "s", "namespace": NAMESPACE}
            node.registry.create("services", {"metadata": head, **service(9090)})
            await node.until(lambda: listens(node, 9090))
            return await asked(node, 9090)

    assert asyncio.run(work()).startswith(b"HTTP/1.0 200")


def listens(node, port):
    with socket.socket() as probe:
        return probe.connect_ex((node.pod()["status"]["podIP"], port)) == 0


def test_what_a_hook_would_make_is_mounted_empty_and_filled_when_it_comes(node):
    volumes = [
        {"name": "cert", "secret": {"secretName": "late"}},
        {"name": "other", "csi": {"driver": "files.example.com"}},
    ]

    def mounted():
        places = node.kubelet.pods[node.pod()["metadata"]["uid"]].volumes.paths
        return sorted(f for f in os.listdir(places["cert"].root) if not f.startswith(".."))

    async def work():
        async with node.running():
            node.create(containers=[container()], volumes=volumes)
            await node.until(node.ready)
            assert mounted() == []
            head = {"name": "late", "namespace": NAMESPACE}
            node.registry.create("secrets", {"metadata": head, "stringData": {"tls.crt": "x"}})
            await node.until(lambda: mounted() == ["tls.crt"])

    asyncio.run(work())


def test_a_strict_node_runs_everything_as_written(node):
    node.kubelet.host.strict = True

    async def work():
        async with node.running():
            probe = {"exec": {"command": ["isready"]}, "initialDelaySeconds": 600}
            ports = [{"containerPort": 8080}]
            node.create(containers=[container(ports=ports, readinessProbe=probe)])
            await node.until(lambda: "running" in node.container()["state"])
            assert not node.ready()

    asyncio.run(work())
    assert "annotations" not in node.pod()["metadata"]
    assert "StandIn" not in [reason for _, reason, _ in node.events()]
