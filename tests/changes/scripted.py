"""
A run that does everything once, in a process of its own, to be struck by signals.

As a module it is a server: it forks such a process for each line of JSON that it reads, and
answers with its exit code. The fork has everything imported, so it starts at once.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import kubernetes.client  # noqa: F401  so that forks need not import it

from npol.changes.begin import TransactionOptions
from npol.changes.recover.recovery import exit_code, recover
from npol.changes.transaction import Transaction
from npol.changes.watchdog import Watchdog
from npol.errors import NpolError
from npol.kube.connection import Mode, connect
from npol.kube.objects import PODS
from npol.kube.retry import RetryBudget
from npol.kube.signals import Stop, Stopped
from npol.model.change import WorkloadRef
from tests.changes import other_policies
from tests.changes.cluster import pod, policy

RUN = "struck"
SUBRESOURCES = ("pods/eviction", "deployments.apps/scale")
LEASE = 1.0
"""Seconds; short, so that renewals happen while the run lasts."""


def work(transaction, connection, shop="shop", bank="bank"):
    """Every kind of change, in two namespaces that `prepare` has filled."""
    transaction.create(pod("given", shop, app="given"))
    transaction.apply(pod("given", shop, app="changed"))
    transaction.create(pod("passing", shop, app="passing"))
    transaction.delete(pod("passing", shop))
    debug = pod("debug", bank)
    debug["metadata"] |= {
        "annotations": {"npol.dev/run": RUN},
        "ownerReferences": [transaction.lease(bank)],
    }
    connection.create(debug)
    transaction.try_ahead([policy("created", shop)])
    transaction.intend_ahead([policy("created", shop)])
    transaction.apply(policy("created", shop))
    transaction.try_ahead([policy("second", bank)])
    transaction.intend_ahead([policy("second", bank)])  # something else comes
    transaction.mark("first")
    transaction.apply(policy("existing", shop, policyTypes=["Egress"]))
    transaction.delete(policy("doomed", bank))
    transaction.label("pod", shop, "web", {"app": "other"})
    transaction.label("namespace", "", bank, {"team": "bank"})
    transaction.restore_to("first")
    transaction.delete(policy("doomed", bank))
    transaction.label("pod", shop, "web", {"app": "another"})
    transaction.apply(policy("existing", shop, policyTypes=["Egress"]))
    transaction.apply(policy("second", bank))


def work_on_workloads(transaction, shop="shop"):
    """What is done to a running workload: more pods, and all of them anew."""
    api = WorkloadRef(kind="Deployment", namespace=shop, name="api")
    transaction.scale(api, 3, within=60)
    transaction.restart(api, within=60)
    transaction.scale(api, 0, within=60)


def found_workload(shop="shop"):
    """A workload of others, with two pods."""
    labels = {"app": "api"}
    template = {"metadata": {"labels": labels}, "spec": pod()["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": shop},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


def found(shop="shop", bank="bank"):
    """What is in the two namespaces before a run: objects of others."""
    body = policy("existing", shop, ingress=[{}])
    body["metadata"]["annotations"] = {"note": "by hand"}
    return [body, policy("doomed", bank), pod("web", shop)]


def connected(order):
    return connect(
        kubeconfig=order["kubeconfig"],
        context=order["context"],
        mode=Mode.APPLY,
        patience=RetryBudget(first=5, lost=5, throttled=5),
    )


def restore_dead(order):
    return int(exit_code(recover(connected(order), state_directory=Path(order["state"]))))


def run(order):
    """The whole life of a run; its exit code."""
    if not order["watched"]:
        watchdog: Any = Watchdog
        watchdog.start = lambda *_: None
    code = 0
    with Stop(echo=0.0) as stop:
        transaction = None
        try:
            connection = connected(order)
            transaction = Transaction.open(
                connection,
                TransactionOptions(
                    run_id=RUN,
                    namespaces=order["namespaces"],
                    other_policies=other_policies.keys(order["others"], order["namespaces"][0]),
                    replace=True,
                    kinds=[PODS],
                    subresources=SUBRESOURCES if order["workloads"] else (),
                    lease=LEASE,
                    state_directory=Path(order["state"]),
                ),
                stop=stop,
            )
            if order["workloads"]:
                work_on_workloads(transaction, order["namespaces"][0])
            work(transaction, connection, *order["namespaces"])
            if order["others"]:
                other_policies.work_on(order["others"], transaction, order["namespaces"][0])
            time.sleep(LEASE / 2)
            if order["act"] == "vanish":
                os._exit(3)
            if order["act"] == "leave":
                transaction.leave(["first"])
                transaction.close()
                return 0
        except Stopped as stopped:
            code = stopped.exit_code
        except NpolError as error:
            print(error, flush=True)
            code = int(error.exit_code)
        if transaction is not None:
            transaction.restore(deadline=20)
            try:
                transaction.close()
            except NpolError as error:
                print(error, flush=True)
                return int(error.exit_code)
        return 128 + stop.number if stop.number else code


class Striker:
    """Runs scripted runs in forks of one prepared process."""

    def __init__(
        self,
        kubeconfig,
        context="test",
        namespaces=("shop", "bank"),
        *,
        others="",
        workloads=False,
    ):
        self._where = {
            "kubeconfig": str(kubeconfig),
            "context": context,
            "namespaces": list(namespaces),
            "others": others,
            "workloads": workloads,
        }
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.changes.scripted"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def strike(self, fail_point, state, **options):
        """Exit code (negative: killed by that signal) and output of one run."""
        return self.wait(self.start(fail_point, state, **options))

    def start(self, fail_point, state, *, act="run", watched=False, ignored=()):
        """Begin one; `act`: `run`, `leave`, `vanish` (os._exit, no restore) or `recover`."""
        order = {
            **self._where,
            "act": act,
            "state": str(state),
            "fail_point": fail_point,
            "watched": watched,
            "ignored": list(ignored),
            "output": f"{state}.{act}.out",
        }
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return order

    def wait(self, order):
        code = int(self._server.stdout.readline())
        return code, Path(order["output"]).read_text()

    def close(self):
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


def serve():
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(order)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _child(order):
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for name in order["ignored"]:
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    os.environ["NPOL_FAIL_POINT"] = order["fail_point"]
    code = 70
    try:
        code = restore_dead(order) if order["act"] == "recover" else run(order)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
