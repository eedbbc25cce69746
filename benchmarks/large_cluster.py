"""
Stories in a large cluster: `python benchmarks/large_cluster.py [NAMESPACES ...]`, in a lab.

It has 300 namespaces with 5,000 pods, all but a few of them objects without processes. First a
story over 3 of the namespaces, 20 ms away from the API server. The targets: its first step begins
within 3 s, npol under 300 MB. Then stories over 2, 10 and 50 of them, without delay: time grows
with what the story touches.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kubernetes import client, config

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.link import delayed  # noqa: E402  needs the path above
from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402
from npol_lab.session import Lab  # noqa: E402

NAMESPACES, PODS = 300, 5000
CURVE = (2, 10, 50)
PORT = 8080
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"
ELSEWHERE = "no-such-node"
"""Where no kubelet starts anything."""
BALLAST = "x" * 4000
"""What pods of a real cluster carry besides: managed fields, volumes, environment, status."""


def main() -> None:
    if "--here" in sys.argv:
        measure(*sys.argv[2:5])
        return
    curve = [int(word) for word in sys.argv[1:]] or CURVE
    with Lab.start() as lab:
        began = time.monotonic()
        fill(lab, max(*curve, 3))
        took = time.monotonic() - began
        print(f"{NAMESPACES} namespaces, {PODS} pods, made in {took:.0f} s", flush=True)
        with delayed(Path(lab.kubeconfig), 0.01) as kubeconfig:
            in_its_own_process("20 ms", kubeconfig, lab.context, 3)
        for number in curve:
            in_its_own_process(" 0 ms", str(lab.kubeconfig), lab.context, number)


def in_its_own_process(link: str, kubeconfig: str, context: str, namespaces: int) -> None:
    """So that the memory is npol's alone."""
    print(f"{link}, {namespaces:2} namespaces: ", end="", flush=True)
    command = [sys.executable, __file__, "--here", kubeconfig, context, str(namespaces)]
    subprocess.run(command, check=True)


def measure(kubeconfig: str, context: str, namespaces: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), int(namespaces))
        options = Options(kubeconfig=kubeconfig, context=context, disposable=True)
        began = time.monotonic()
        run = StoryRun(load_story(str(Path(name) / "large.npol.yaml"), root=name), options)
        run.open()
        opened = time.monotonic()
        try:
            told = [run.reach(step.name) for step in run.story.steps]
        finally:
            done = time.monotonic()
            run.close()
    wrong = sum(not flow.passed for step in told for flow in step.flows)
    ended, requests = time.monotonic(), sum(run.requests.values())
    print(
        f"first step begins after {opened - began:.1f} s, steps {done - opened:.1f}, closing "
        f"{ended - done:.1f}; {requests} requests, {peak():.0f} MB, {wrong} wrong",
        flush=True,
    )


def peak() -> float:
    """This program's memory at its most, in MB; `getrusage` would begin with its parent's."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def name_of(number: int) -> str:
    return f"team-{number:03}"


def fill(lab: Lab, living: int) -> None:
    """`living`: in how many namespaces a pod runs."""
    core = client.CoreV1Api(config.new_client_from_config(str(lab.kubeconfig), lab.context))
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(core.create_namespace, map(namespace, range(NAMESPACES))))
        list(pool.map(lambda n: core.create_namespaced_pod(*still(n)), range(living, PODS)))
        list(pool.map(lambda n: core.create_namespaced_pod(name_of(n), running()), range(living)))
    while not all(_runs(core, number) for number in range(living)):
        time.sleep(0.5)


def _runs(core: client.CoreV1Api, number: int) -> bool:
    found = core.read_namespaced_pod("web", name_of(number)).status.conditions or ()
    return any(c.type == "Ready" and c.status == "True" for c in found)


def namespace(number: int) -> dict[str, object]:
    return {"metadata": {"name": name_of(number), "labels": {"team": str(number)}}}


def running() -> Any:
    containers = [{"name": "main", "image": IMAGE, "args": ["netexec", f"--http-port={PORT}"]}]
    metadata = {"name": "web", "labels": {"app": "web"}}
    return {"metadata": metadata, "spec": {"containers": containers}}


def still(number: int) -> tuple[str, Any]:
    """A pod as an object, with its namespace."""
    metadata = {
        "name": f"still-{number}",
        "labels": {"app": "still"},
        "annotations": {"example.com/ballast": BALLAST},
    }
    spec = {"nodeName": ELSEWHERE, "containers": [{"name": "main", "image": IMAGE}]}
    return name_of(number % NAMESPACES), {"metadata": metadata, "spec": spec}


def write(directory: Path, namespaces: int) -> None:
    """Each namespace asks the next one: open, then denied by a policy in each."""
    here = range(namespaces)
    peers = dict(ends(here))
    flows = [{"from": f"c{n}", "to": f"t{(n + 1) % namespaces}", "port": PORT} for n in here]
    opened = [{**flow, "expect": "allow"} for flow in flows]
    closed = [{**flow, "expect": "deny"} for flow in flows]
    files = [f"deny-{n}.yaml" for n in here]
    for number, file in zip(here, files, strict=True):
        (directory / file).write_text(json.dumps(policy(number)))
    steps = [
        {"name": "open", "flows": opened},
        {"name": "closed", "apply": files, "flows": closed},
        {"name": "rollback", "delete": files, "flows": opened},
    ]
    story = {"version": 1, "name": "large cluster", "peers": peers, "steps": steps}
    (directory / "large.npol.yaml").write_text(json.dumps(story))


def ends(namespaces: range) -> Iterator[tuple[str, dict[str, object]]]:
    for number in namespaces:
        yield f"c{number}", {"namespace": name_of(number), "labels": {"app": "client"}}
        yield f"t{number}", {"namespace": name_of(number), "pod": "web"}


def policy(number: int) -> dict[str, object]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": name_of(number)},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]},
    }


if __name__ == "__main__":
    main()
