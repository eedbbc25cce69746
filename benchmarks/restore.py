"""
How fast a cluster is given back: `python benchmarks/restore.py [rounds] [policies]`.

A run in a process of its own applies policies, half of them over existing ones, and is then
stopped by SIGTERM (it restores by itself) or by SIGKILL (its watchdog restores). Prints the
seconds until everything is as before, locks and journal included. The API server is the
lab's, without nodes, in this process; the rest is what a real cluster would see.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol.changes.begin import TransactionOptions  # noqa: E402
from npol.changes.transaction import Transaction  # noqa: E402
from npol.kube.connection import Mode, connect  # noqa: E402  needs the path above
from npol.kube.signals import Stop, Stopped  # noqa: E402
from tests.changes.cluster import Cluster, policy  # noqa: E402

POLICIES = "networkpolicies.networking.k8s.io"
NAMESPACES = ("shop", "bank")


def main() -> None:
    if sys.argv[1:2] == ["run"]:
        sys.exit(run(sys.argv[2], int(sys.argv[3])))
    rounds, policies = (int(n) for n in (*sys.argv[1:], "10", "50")[:2])
    with tempfile.TemporaryDirectory() as directory, Cluster(Path(directory)) as cluster:
        bench = Bench(cluster, Path(directory), policies)
        bench.prepare()
        applied: list[float] = []
        for sign in (signal.SIGTERM, signal.SIGKILL):
            took = [bench.round(sign, applied) for _ in range(rounds)]
            show(f"after {sign.name}", took, policies)
        show("to apply", applied, policies)


class Bench:
    """Rounds of one run each, on one cluster."""

    def __init__(self, cluster: Cluster, directory: Path, policies: int) -> None:
        self._cluster = cluster
        self._state = directory / "state"
        self._policies = policies

    def prepare(self) -> None:
        """Half of the policies exist already, with other content."""
        for number in range(0, self._policies, 2):
            body = existing(number)
            self._cluster.edit("create", POLICIES, body, manager="kubectl")

    def round(self, sign: signal.Signals, applied: list[float]) -> float:
        """Seconds from the signal until all is as before."""
        before = self._cluster.state()
        arguments = ["run", str(self._cluster.kubeconfig), str(self._policies)]
        environment = {**os.environ, "XDG_STATE_HOME": str(self._state)}
        with subprocess.Popen(
            [sys.executable, __file__, *arguments],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        ) as child:
            assert child.stdout is not None
            applied.append(float(child.stdout.readline()))
            began = time.monotonic()
            child.send_signal(sign)
            child.wait()
            wait_until(lambda: self._as(before))
            return time.monotonic() - began

    def _as(self, before: dict[str, Any]) -> bool:
        files = list((self._state / "npol" / "runs").iterdir())
        return bool(self._cluster.state() == before) and not files


def run(kubeconfig: str, policies: int) -> int:
    """The run that is stopped; says how long it took to apply the policies."""
    with Stop() as stop:
        transaction = Transaction.open(
            connect(kubeconfig=kubeconfig, context="test", mode=Mode.APPLY),
            TransactionOptions(
                run_id="bench",
                namespaces=NAMESPACES,
                replace=True,
            ),
            stop=stop,
        )
        try:
            began = time.monotonic()
            for number in range(policies):
                transaction.apply({**existing(number), "spec": policy()["spec"]})
            print(time.monotonic() - began, flush=True)
            signal.pause()
        except Stopped:
            transaction.restore()
        transaction.close()
    return 128 + stop.number


def existing(number: int) -> dict[str, Any]:
    name, namespace = f"policy-{number}", NAMESPACES[number % len(NAMESPACES)]
    peers = [{"podSelector": {"matchLabels": {"app": f"app-{n}"}}} for n in range(10)]
    ports = [{"port": port, "protocol": "TCP"} for port in (80, 443, 3001)]
    return policy(name, namespace, ingress=[{"from": peers, "ports": ports}])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it was not restored within a minute"
        time.sleep(0.01)


def show(what: str, seconds: list[float], policies: int) -> None:
    middle, worst = statistics.median(seconds), max(seconds)
    print(
        f"{what:16} {policies} policies: median {middle:.2f} s, worst of {len(seconds)} "
        f"{worst:.2f} s"
    )


if __name__ == "__main__":
    main()
