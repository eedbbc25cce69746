"""
How fast and how heavy a lab is: `python benchmarks/lab_start.py [starts] [pods]`.

Prints the time until a lab is ready, pods per second, what a pod costs the processor, the time
from the answer to a policy's creation until packets feel it, and the memory of all its processes.

What a pod costs is told apart: the lab itself (API, controllers, kubelet, rules of the nodes), and
its first process with all that it forks, which make namespaces, roots and confined programs: that
is what isolation costs.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.stream import stream

from npol_lab.session import Lab

POLICIES = 10
TICKS = os.sysconf("SC_CLK_TCK")
SERVER = {
    "name": "main",
    "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
    "args": ["netexec"],
    "ports": [{"containerPort": 8080}],
}
CLIENT = {"name": "main", "image": "nicolaka/netshoot:v0.15", "command": ["sleep", "infinity"]}
ASK_UNTIL_DENIED = """
n=0
while [ $n -lt 3000 ]; do
  t=$(date +%s%N)
  nc -z -w1 {ip} 8080 || {{ echo $t; exit; }}
  n=$((n+1))
done
"""


def main() -> None:
    starts, pods = (int(n) for n in (*sys.argv[1:], "10", "100")[:2])
    show("ready", "s", [start_and_stop() for _ in range(starts)])
    with Lab.start() as lab, connected(lab) as api:
        empty, before = memory(lab), processor(lab)
        took = make_pods(api, pods)
        print(f"{'pods':24} {pods} ready in {took:.2f} s: {pods / took:.0f} a second")
        own, isolation = (b - a for a, b in zip(before, processor(lab), strict=True))
        print(f"{'processor':24} {1000 * own / pods:.1f} ms a pod by the lab, ", end="")
        print(f"{1000 * isolation / pods:.1f} ms by what isolates it")
        full = memory(lab)
        each = (full - empty) / pods * 1024
        print(f"{'memory':24} {empty:.0f} MiB empty, {full:.0f} MiB with {pods} pods: ", end="")
        print(f"{each:.0f} KiB a pod")
        show("policy in force after", "ms", [enforcement(lab, api) for _ in range(POLICIES)])


def show(what: str, unit: str, values: list[float]) -> None:
    ordered = sorted(values)
    print(
        f"{what:24} min {ordered[0]:.3g} {unit}, median {statistics.median(ordered):.3g} {unit}, "
        f"max {ordered[-1]:.3g} {unit} (n = {len(ordered)})"
    )


def start_and_stop() -> float:
    started = time.perf_counter()
    with Lab.start():
        return time.perf_counter() - started


@contextmanager
def connected(lab: Lab) -> Iterator[client.ApiClient]:
    api = config.new_client_from_config(str(lab.kubeconfig), lab.context)
    try:
        yield api
    finally:
        api.rest_client.close()


def make_pods(api: client.ApiClient, count: int) -> float:
    """Seconds from the first request until all pods are ready."""
    core: Any = client.CoreV1Api(api)  # bodies are plain dictionaries, which the client takes
    started = time.perf_counter()
    for number in range(count):
        container = SERVER if number else CLIENT
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        metadata = {"name": f"pod-{number}", "labels": {"number": str(number)}}
        core.create_namespaced_pod("default", {"metadata": metadata, "spec": spec})
    while not all(is_ready(pod) for pod in core.list_namespaced_pod("default").items):
        time.sleep(0.25)  # a list of all pods costs the lab something, too
    return time.perf_counter() - started


def is_ready(pod: client.V1Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])


def processor(lab: Lab) -> tuple[float, float]:
    """
    Seconds of the processor: of the process that is the lab, and of process 1 with all its own.

    The lab is the one that has worked most: what process 1 forks is short, and is counted with it.
    """
    times = [_times(entry) for entry in _processes(lab)]
    own = max(alone for alone, _ in times)
    return own, sum(alone + ended for alone, ended in times) - own


def _times(entry: Path) -> tuple[float, float]:
    """Of a process itself, and of its children that have ended."""
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(field) / TICKS for field in fields[11:15])
    return user + system, ended_user + ended_system


def _processes(lab: Lab) -> list[Path]:
    entries = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [entry for entry in entries if lab.id in _command(entry)]


def memory(lab: Lab) -> float:
    """MiB of all processes of the lab, shared pages counted once."""
    total = 0
    for entry in _processes(lab):
        for line in (entry / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_text()
    except OSError:
        return ""


def enforcement(lab: Lab, api: client.ApiClient) -> float:
    """
    Milliseconds from the API's answer to the first connection that was denied.

    Negative: the policy was in force before the answer arrived.
    """
    core: Any = client.CoreV1Api(api)
    networking: Any = client.NetworkingV1Api(api)
    target = core.read_namespaced_pod("pod-1", "default").status.pod_ip
    with connected(lab) as own:
        asking = stream(
            client.CoreV1Api(own).connect_get_namespaced_pod_exec,
            "pod-0",
            "default",
            command=["sh", "-c", ASK_UNTIL_DENIED.format(ip=target)],
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        time.sleep(0.2)
        spec = {"podSelector": {"matchLabels": {"number": "1"}}, "policyTypes": ["Ingress"]}
        body = {"metadata": {"name": "deny"}, "spec": spec}
        networking.create_namespaced_network_policy("default", body)
        answered = time.time()
        asking.run_forever(timeout=20)
        denied = int(asking.read_stdout()) / 1e9
        asking.sock.shutdown()
    networking.delete_namespaced_network_policy("deny", "default")
    time.sleep(0.1)
    return (denied - answered) * 1000


if __name__ == "__main__":
    main()
