"""A namespace with targets of every temper and a source for every image."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pytest

from npol.errors import Position
from npol.kube.connection import Connection, Mode, connect
from npol.kube.exec import open_exec
from npol.kube.inventory import read
from npol.kube.objects import DEPLOYMENTS, LEASES, NAMESPACES, PODS, SERVICES, Ref
from npol.model.expectation import parse_expectation
from npol.model.probe import PodRef, Probe, ProbeKind
from npol.model.story import Flow, Peer, Step, Story
from npol.model.story_settings import Defaults, PodSettings
from npol.probe.framing import BOOTSTRAP
from npol.probe.prober import Prober
from npol.probe.sources import Sources
from tests.live.conftest import start, wait_until

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
IMAGES = {
    "netshoot": "docker.io/nicolaka/netshoot:v0.15",
    "agnhost": AGNHOST,
    "busybox": "docker.io/library/busybox:1.36",
    "nginx": "docker.io/library/nginx:1.27",
    "http-echo": "docker.io/hashicorp/http-echo:latest",
}
COMMANDS = {
    "netshoot": {"command": ["sleep", "1800"]},
    "agnhost": {"args": ["pause"]},
    "busybox": {"command": ["sleep", "1800"]},
    "nginx": {},
    "http-echo": {"args": ["-text=hi", "-listen=:8080"]},
}


def pod(namespace, name, image, *, labels=None, limits=None, **container):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {"app": name}},
        "spec": {
            "containers": [
                {"name": "main", "image": image, "resources": {"limits": limits or {}}, **container}
            ],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
        },
    }


def server(namespace, name, **options):
    args = ["netexec", "--http-port=80", "--udp-port=8081"]
    return pod(namespace, name, AGNHOST, args=args, **options)


def service(namespace, name, app):
    ports = [
        {"name": "http", "port": 80, "protocol": "TCP"},
        {"name": "udp", "port": 8081, "protocol": "UDP"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": app}, "ports": ports},
    }


def deny(namespace, app, direction):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{app}-{direction.lower()}", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": [direction]},
    }


@dataclass(frozen=True)
class Place:
    """A namespace of a module, and how to ask in it."""

    connection: Connection
    namespace: str
    probers: dict[str, Prober]

    def start(self, manifest) -> PodRef:
        return start(self.connection, manifest)

    def prober(self, pod: PodRef) -> Prober:
        if pod.uid not in self.probers:
            self.probers[pod.uid] = Prober(
                lambda: open_exec(self.connection, pod, ("sh", "-c", BOOTSTRAP)),
                pod,
                open_command=lambda argv: open_exec(self.connection, pod, argv),
            )
        return self.probers[pod.uid]

    def ask(self, pod: PodRef, *probes: Probe):
        return self.prober(pod).ask(probes, deadline=30)

    def cluster_ip(self, name) -> str:
        return self.connection.get(Ref(SERVICES, self.namespace, name))["spec"]["clusterIP"]

    def lease(self, namespace) -> dict:
        """The owner reference of a Lease that stands for a run's."""
        body = {
            "apiVersion": LEASES.api_version,
            "kind": "Lease",
            "metadata": {"name": "npol", "namespace": namespace},
        }
        found = self.connection.get(Ref(LEASES, namespace, "npol"))
        made = found or self.connection.create(body)
        return {
            "apiVersion": LEASES.api_version,
            "kind": "Lease",
            "name": "npol",
            "uid": made["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def sources(self, *peers: Peer, settings: PodSettings | None = None, targets=()) -> Sources:
        names = {p.name: p for p in (*peers, *targets)}
        flows = tuple(
            Flow(
                name=p.name,
                at=Position("story"),
                source=p.name,
                expect=parse_expectation("allow"),
                target=targets[0].name if targets else p.name,
                port=80,
            )
            for p in peers
        )
        story = Story(
            name="s",
            path="s",
            root=".",
            defaults=Defaults(pod=settings or PodSettings()),
            peers=names,
            steps=(Step(name="one", at=Position("story"), flows=flows),),
        )
        return Sources(
            self.connection,
            story,
            run_id=f"run-{secrets.token_hex(4)}",
            look=lambda: read(self.connection, [self.namespace], workloads=[self.namespace]),
            lease=self.lease,
        )


def connect_probe(key, address, port=80, **values) -> Probe:
    return Probe(key=key, kind=ProbeKind.CONNECT, address=address, port=port, **values)


@pytest.fixture(scope="module")
def place(target):
    name = f"npol-probe-{secrets.token_hex(4)}"
    connection = connect(kubeconfig=target.kubeconfig, context=target.context, mode=Mode.APPLY)
    connection.permit(namespaces=[name], kinds=[NAMESPACES, DEPLOYMENTS, PODS, SERVICES])
    connection.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    made = Place(connection, name, {})
    yield made
    for prober in made.probers.values():
        prober.close()
    connection.delete(Ref(NAMESPACES, "", name))
    wait_until(lambda: connection.get(Ref(NAMESPACES, "", name)) is None, f"{name} to go")
