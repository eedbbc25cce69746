"""
What a round of probes costs: `python benchmarks/prober.py [context [kubeconfig]]`; else a lab.

Nine pods ask each other (81 flows), all open, then all denied: one exec for each flow with
15 workers, beside one exec for each source, kept open. Prints seconds, execs and requests.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from npol.kube.connection import Connection, Mode, connect
from npol.kube.exec import open_exec, run_once
from npol.kube.objects import NAMESPACES, PODS, SERVICES, Ref
from npol.model.expectation import Outcome
from npol.model.inventory import pod_ref
from npol.model.probe import PodRef, Probe, ProbeKind
from npol.model.story import Protocol
from npol.probe.framing import BOOTSTRAP
from npol.probe.pod_startup import runs
from npol.probe.prober import Prober
from npol_lab.session import Lab

PODS_AT_ALL, WORKERS, TIMEOUT = 9, 15, 2.0
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def main() -> None:
    with ExitStack() as stack:
        context, kubeconfig = (*sys.argv[1:], "", "")[:2]
        if not context:
            lab = stack.enter_context(Lab.start())
            context, kubeconfig = lab.context, str(lab.kubeconfig)
        api = connect(kubeconfig=kubeconfig or None, context=context, mode=Mode.APPLY)
        namespace = stack.enter_context(new_namespace(api))
        pods = make_pods(api, namespace)
        addresses = {pod.name: service_address(api, namespace, pod.name) for pod in pods}
        print(f"cluster {api.context}, {len(pods)} sources x {len(pods)} targets")
        measure(api, pods, addresses, "open")
        api.create(deny_all(namespace))
        wait_until(lambda: denied(api, pods))
        measure(api, pods, addresses, "denied")


def measure(api: Connection, pods: Sequence[PodRef], addresses: dict[str, str], state: str) -> None:
    with step(api, f"{state}: one exec a flow, {WORKERS} workers"):
        one_by_one(api, pods)
    with ExitStack() as stack:
        probers = [prober(api, pod) for pod in pods]
        for each in probers:
            stack.callback(each.close)
        with step(api, f"{state}: opening one exec a source"), pool(probers) as threads:
            list(threads.map(Prober.open, probers))
        for number in (1, 2):
            with step(api, f"{state}: round {number}, 81 addresses"):
                ask_all(probers, pods)
        with step(api, f"{state}: two rounds that overlap"), pool((1, 2)) as threads:
            list(threads.map(lambda _: ask_all(probers, pods), (1, 2)))
        with step(api, f"{state}: a round by name, Service and pod, 243 probes"):
            ask_all(probers, pods, addresses)


@contextmanager
def step(api: Connection, what: str) -> Iterator[None]:
    before, began = api.requests.copy(), time.perf_counter()
    yield
    took = time.perf_counter() - began
    sent = api.requests - before
    execs, others = sent.pop("exec pods", 0), sum(sent.values())
    print(f"{what:55} {took:7.3f} s  {execs:3} execs  {others:3} requests")


def pool(work: Sequence[object]) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(len(work))


def one_by_one(api: Connection, pods: Sequence[PodRef]) -> None:
    flows = [(source, target) for source in pods for target in pods]
    with ThreadPoolExecutor(WORKERS) as threads:
        list(
            threads.map(
                lambda flow: run_once(api, flow[0], ["nc", "-nzvw2", flow[1].ip, "80"], timeout=30),
                flows,
            )
        )


def prober(api: Connection, pod: PodRef) -> Prober:
    return Prober(lambda: open_exec(api, pod, ("sh", "-c", BOOTSTRAP)), pod)


def ask_all(
    probers: Sequence[Prober], pods: Sequence[PodRef], addresses: dict[str, str] | None = None
) -> set[Outcome]:
    """All flows of all sources at once; by pod address only, or as a Service is asked."""
    probes = [p for pod in pods for p in questions(pod, addresses)]
    with pool(probers) as threads:
        answers = list(threads.map(lambda p: p.ask(probes, deadline=60), probers))
    seen = {answer.outcome for each in answers for answer in each.values()}
    if Outcome.ERROR in seen:
        broken = [a.detail for each in answers for a in each.values() if a.outcome is Outcome.ERROR]
        print(f"  {len(broken)} errors, such as: {broken[0]}")
    return seen


def questions(pod: PodRef, addresses: dict[str, str] | None) -> Iterator[Probe]:
    yield asking(f"pod {pod.name}", pod.ip)
    if addresses:
        yield asking(f"service {pod.name}", addresses[pod.name])
        name = f"{pod.name}.{pod.namespace}.svc.cluster.local."
        yield Probe(
            key=f"name {pod.name}",
            kind=ProbeKind.DNS,
            address="",
            name=name,
            protocol=Protocol.UDP,
            timeout=TIMEOUT,
        )


def asking(key: str, address: str) -> Probe:
    return Probe(key=key, kind=ProbeKind.CONNECT, address=address, port=80, timeout=TIMEOUT)


def denied(api: Connection, pods: Sequence[PodRef]) -> bool:
    """Whether every pod is cut off from its neighbour."""
    probers = [prober(api, pod) for pod in pods]
    try:
        neighbours = [*pods[1:], pods[0]]
        return all(
            each.ask([asking("k", pod.ip)], deadline=10)["k"].outcome is Outcome.TIMEOUT
            for each, pod in zip(probers, neighbours, strict=True)
        )
    finally:
        for each in probers:
            each.close()


@contextmanager
def new_namespace(api: Connection) -> Iterator[str]:
    name = f"npol-bench-{secrets.token_hex(4)}"
    api.permit(namespaces=[name], kinds=[NAMESPACES, PODS, SERVICES])
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield name
    finally:
        api.delete(Ref(NAMESPACES, "", name))
        wait_until(lambda: api.get(Ref(NAMESPACES, "", name)) is None)


def make_pods(api: Connection, namespace: str) -> list[PodRef]:
    names = [f"p{number}" for number in range(PODS_AT_ALL)]
    for name in names:
        api.create(pod(namespace, name))
        api.create(service(namespace, name))
    wait_until(lambda: all(map(runs, api.list(PODS, namespace))))
    return [pod_ref(found) for found in api.list(PODS, namespace)]


def pod(namespace: str, name: str) -> dict[str, Any]:
    limits = {"cpu": "500m", "memory": "256Mi"}
    resources = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": limits}
    container = {"name": "main", "image": AGNHOST, "args": ["netexec", "--http-port=80"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "containers": [{**container, "resources": resources}],
            "terminationGracePeriodSeconds": 0,
        },
    }


def service(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    }


def service_address(api: Connection, namespace: str, name: str) -> str:
    return str(api.get(Ref(SERVICES, namespace, name))["spec"]["clusterIP"])


def deny_all(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny-all", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("the cluster did not get there within 120 s")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
