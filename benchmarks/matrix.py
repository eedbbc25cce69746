"""
A 9 x 9 matrix of flows, all open and then all blocked, beside the common ways of asking it.

    python benchmarks/matrix.py [CONTEXT [KUBECONFIG]]

Without a context in a lab. The common ways are one exec for each flow with `nc`, 3 and 15 at once.
All ask the same 81 flows of the same pods, one after the other, with the same timeout. npol's
seconds are those until its last verdict is final: controls, several rounds and the engine's quiet
time are in them. The others' are those of one round, in which whatever fails counts as blocked.
The targets: an exec for each source and one into each target that is denied, 18 for the whole
story; npol is quicker than both ways, all open and all blocked. Exits with 1 if it is not.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol import target_cluster  # noqa: E402  needs the path above
from npol.kube.connection import Connection, Mode, connect  # noqa: E402
from npol.kube.exec import run_once  # noqa: E402
from npol.kube.objects import PODS, Ref  # noqa: E402
from npol.model.inventory import pod_ref  # noqa: E402
from npol.model.probe import PodRef  # noqa: E402
from npol.model.result import StepResult  # noqa: E402
from npol.probe.debug_pod_manifest import CONTAINER, RUN  # noqa: E402
from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402

SIDE, TIMEOUT = 9, 1
WORKERS = (3, 15)
NAMESPACE, PORT = "npol-matrix", 8080
SERVER = {
    "name": "main",
    "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
    "args": ["netexec", f"--http-port={PORT}"],
    "ports": [{"containerPort": PORT}],
}


@dataclass(frozen=True)
class Cost:
    """One step, asked in one way."""

    what: str
    way: str
    seconds: float
    execs: int
    requests: int
    wrong: int


def main() -> None:
    context, kubeconfig = (*sys.argv[1:], None, None)[:2]
    with (
        tempfile.TemporaryDirectory() as name,
        target_cluster.cluster(kubeconfig, context) as chosen,
    ):
        directory = Path(name)
        write(directory)
        options = Options(
            kubeconfig=chosen.kubeconfig,
            context=chosen.context,
            create=True,
            disposable=chosen.is_lab,
            say=lambda line: print(f"  {line}", file=sys.stderr),
        )
        path = str(directory / "matrix.npol.yaml")
        run = StoryRun(load_story(path, root=name), options)
        run.open()
        try:
            costs = list(compare(run, options))
        finally:
            run.close()
        show(costs, run)
    sys.exit(1 if min(ratio for _, ratio in ratios(costs)) <= 1 else 0)


def compare(run: StoryRun, options: Options) -> Iterator[Cost]:
    """Each step by npol, and then the same state by an exec for each flow."""
    connection = connect(kubeconfig=options.kubeconfig, context=options.context, mode=Mode.SMOKE)
    pods = sources(connection, run.run_id)
    addresses = [p.ip for p in targets(connection)]
    for step, opens in (("all open", True), ("all blocked", False)):
        yield by_npol(run, step)
        for workers in WORKERS:
            yield by_execs(connection, pods, addresses, step, opens=opens, workers=workers)


def by_npol(run: StoryRun, step: str) -> Cost:
    before = run.report()
    told: StepResult = run.reach(step)
    after = run.report()
    return Cost(
        step,
        "npol",
        max(f.settled_after for f in told.flows),
        after.execs - before.execs,
        after.requests - before.requests,
        sum(not f.passed for f in told.flows),
    )


def by_execs(
    connection: Connection,
    pods: list[PodRef],
    addresses: list[str],
    step: str,
    *,
    opens: bool,
    workers: int,
) -> Cost:
    """One round, without controls, names or confirmation."""
    before, execs, began = total(connection), connection.requests["exec pods"], time.monotonic()

    def ask(pod: PodRef, address: str) -> bool:
        command = ["nc", "-z", "-w", str(TIMEOUT), address, str(PORT)]
        return run_once(connection, pod, command, timeout=30).exit_code == 0

    with ThreadPoolExecutor(workers) as pool:
        flows = [(p, a) for p in pods for a in addresses]
        answers = list(pool.map(lambda flow: ask(*flow), flows))
    return Cost(
        step,
        f"exec, {workers} at once",
        time.monotonic() - began,
        connection.requests["exec pods"] - execs,
        total(connection) - before,
        sum(answer is not opens for answer in answers),
    )


def total(connection: Connection) -> int:
    return sum(connection.requests.values())


def sources(connection: Connection, run_id: str) -> list[PodRef]:
    """The story's debug pods."""
    found = connection.list(PODS, NAMESPACE)
    return [
        pod_ref(p, CONTAINER)
        for p in found
        if (p["metadata"].get("annotations") or {}).get(RUN) == run_id
        and p["spec"]["containers"][0]["name"] == CONTAINER
    ]


def targets(connection: Connection) -> list[PodRef]:
    names = [f"target-{n}" for n in range(SIDE)]
    found = (connection.get(Ref(PODS, NAMESPACE, name)) for name in names)
    return [pod_ref(pod, "main") for pod in found if pod]


def write(directory: Path) -> None:
    """The story, its targets and its policy."""
    numbers = range(SIDE)
    peers = {f"s{n}": {"namespace": NAMESPACE, "labels": {"source": str(n)}} for n in numbers}
    peers |= {f"t{n}": {"namespace": NAMESPACE, "pod": f"target-{n}"} for n in numbers}
    pairs = [(f"s{a}", f"t{b}") for a in numbers for b in numbers]
    story = {
        "version": 1,
        "name": "matrix",
        "given": ["given"],
        "defaults": {"timeout": f"{TIMEOUT}s"},
        "peers": peers,
        "steps": [
            {"name": "all open", "flows": [flow(*pair, "allow") for pair in pairs]},
            {
                "name": "all blocked",
                "apply": ["deny.yaml"],
                "flows": [flow(*pair, "deny") for pair in pairs],
            },
        ],
    }
    (directory / "matrix.npol.yaml").write_text(json.dumps(story))
    (directory / "deny.yaml").write_text(json.dumps(policy()))
    (directory / "given").mkdir()
    for number, obj in enumerate([namespace(), *map(target, numbers)]):
        (directory / "given" / f"{number:02}.yaml").write_text(json.dumps(obj))


def flow(source: str, target: str, expect: str) -> dict[str, object]:
    return {"from": source, "to": target, "port": PORT, "expect": expect}


def namespace() -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def target(number: int) -> dict[str, object]:
    metadata = {
        "name": f"target-{number}",
        "namespace": NAMESPACE,
        "labels": {"role": "target"},
    }
    spec = {"containers": [SERVER], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def policy() -> dict[str, object]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"role": "target"}}, "policyTypes": ["Ingress"]},
    }


def show(costs: list[Cost], run: StoryRun) -> None:
    facts, load = run.report().cluster, os.getloadavg()[0]
    print(
        f"{SIDE} x {SIDE} flows, timeout {TIMEOUT} s, on {facts.context} ({facts.engine}), "
        f"{os.cpu_count()} processors, load {load:.0f}"
    )
    print(f"{'step':12} {'way':16} {'seconds':>8} {'execs':>6} {'requests':>9} {'wrong':>6}")
    for c in costs:
        print(f"{c.what:12} {c.way:16} {c.seconds:8.2f} {c.execs:6} {c.requests:9} {c.wrong:6}")
    for cost, ratio in ratios(costs):
        print(f"{cost.what}: {cost.way} takes {ratio:.1f} x the time of npol")
    print(f"npol's execs for the whole story, sources' only: {run.report().execs}")


def ratios(costs: list[Cost]) -> Iterator[tuple[Cost, float]]:
    """Each other way of a step, with its seconds in those of npol."""
    npol = {c.what: c.seconds for c in costs if c.way == "npol"}
    for cost in costs:
        if cost.way != "npol":
            yield cost, cost.seconds / npol[cost.what]


if __name__ == "__main__":
    main()
