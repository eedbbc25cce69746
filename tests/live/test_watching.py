"""
A story watched on a real cluster, beside samplers that ask fifty times a second in pods of their
own: what they saw, the report has, too.
"""

from __future__ import annotations

import ast
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from npol.kube.exec import run_once
from npol.kube.objects import NETWORK_POLICIES, Ref
from npol.run import StoryRun
from npol.story import load_story
from tests.live.conftest import permitted, pod_manifest, start

pytestmark = [
    pytest.mark.live,
    pytest.mark.nightly,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("journals"),
]
SECONDS = 60.0
RIG = Path(os.environ.get("NPOL_RIG") or Path(__file__).parents[3] / "shared/rig")
KILL = "kill -9 $(pidof cilium-agent)"
POLICIES = ("deny-all", "client-only")
SLACK = 0.3
"""Seconds by which the beginning or the end of a gap may differ: three tries of npol."""
SAMPLER = """
import select, socket, sys, time
address, port, end = sys.argv[1], int(sys.argv[2]), time.time() + float(sys.argv[3])
waiting, seen = {}, []
poll, next_at = select.poll(), time.time()
def close(number, opened):
    one, at = waiting.pop(number)
    poll.unregister(number)
    one.close()
    seen.append((round(at, 3), opened))
while time.time() < end or waiting:
    now = time.time()
    if now >= next_at and now < end:
        next_at += 0.02
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex((address, port))
        waiting[one.fileno()] = one, now
        poll.register(one, select.POLLOUT)
    for number, _ in poll.poll(5):
        close(number, waiting[number][0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0)
    for number in [n for n, (_, at) in waiting.items() if now - at > 0.9]:
        close(number, False)
seen.sort()
turns = [s for i, s in enumerate(seen) if i == 0 or s[1] != seen[i - 1][1]]
print({"asked": len(seen), "last": seen[-1][0], "turns": turns})
"""
"""Connects every 20 ms; a SYN that is not answered within 0.9 s was lost. Prints each turn.
The smallest Python has no json."""
STORY = """\
version: 1
name: while agents restart
defaults: {timeout: 1s}
peers:
  client: {namespace: NAMESPACE, labels: {app: client}}
  stranger: {namespace: NAMESPACE, labels: {app: stranger}}
  web: {namespace: NAMESPACE, labels: {app: web}}
steps:
  - name: now
    flows:
      - {name: stays open, from: client, to: web, port: 8080, expect: allow}
      - {name: stays closed, from: stranger, to: web, port: 8080, expect: deny}
"""


def policy(namespace, name):
    ingress = {
        "client-only": {"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]},
    }.get(name)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress"],
            **({"ingress": [ingress]} if ingress else {}),
        },
    }


@pytest.fixture
def connection(connected, namespace):
    made = permitted(connected(), namespace)
    made.permit(namespaces=[namespace], kinds=[NETWORK_POLICIES])
    return made


@pytest.fixture
def pods(connection, namespace):
    """The server on one node, samplers in the likeness of the story's sources on any."""
    server = pod_manifest(namespace, "web")
    server["spec"]["containers"][0] |= {
        "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
        "command": None,
        "args": ["netexec", "--http-port=8080"],
    }
    found = {
        name: start(connection, pod_manifest(namespace, name)) for name in ("client", "stranger")
    }
    found["web"] = start(connection, server)
    for name in POLICIES:
        connection.create(policy(namespace, name))
    return found


def sampled(connection, pod, address):
    """What a sampler saw in all that time, and a little longer than npol watches."""
    argv = ["python3", "-c", SAMPLER, address, "8080", str(SECONDS + 4)]
    told = run_once(connection, pod, argv, timeout=SECONDS + 30, limit=1 << 20)
    assert told.stdout, told.stderr
    return ast.literal_eval(told.stdout)


def gaps_of(told, expected):
    """`(from, to)`, in seconds since 1970, in which it was not as expected."""
    turns = [*told["turns"], (told["last"], expected)]
    return [
        (at, turns[i + 1][0]) for i, (at, opened) in enumerate(turns[:-1]) if opened is not expected
    ]


def reported(watch, name):
    """The same as the report has it; each gap as long as it may have been."""
    began = datetime.fromisoformat(watch.started).timestamp()
    (flow,) = (f for f in watch.flows if f.name == name)
    return [
        (began + g.began - (g.at_most - g.seconds), began + g.began + g.seconds) for g in flow.gaps
    ]


def missed(seen, told, began):
    """What a sampler saw and no gap of the report covers."""
    within = [(a, b) for a, b in seen if b > began + SLACK and a < began + SECONDS - SLACK]
    return [
        (round(a - began, 2), round(b - began, 2))
        for a, b in within
        if not any(start - SLACK <= a and b <= end + SLACK for start, end in told)
    ]


def test_every_gap_that_an_independent_sampler_saw_is_in_the_report(
    target, connection, namespace, pods, options, tmp_path, journals
):
    if target.context != "rig" or not (RIG / "on").exists():
        pytest.skip("agents are killed on the rig only")
    file = tmp_path / "watch.npol.yaml"
    file.write_text(STORY.replace("NAMESPACE", namespace))
    run = StoryRun(load_story(str(file), root=str(tmp_path)), options)
    node = pods["web"].node.removeprefix("node")

    def disturb():
        time.sleep(5)
        subprocess.run([RIG / "on", node, "sh", "-c", KILL], check=True)
        time.sleep(20)
        for name in POLICIES:
            connection.delete(Ref(NETWORK_POLICIES, namespace, name))
        time.sleep(3)
        for name in POLICIES:
            connection.create(policy(namespace, name))

    run.open()
    try:
        (step,) = (run.reach(s.name) for s in run.story.steps)
        assert [f.name for f in step.flows if not f.passed] == []
        with ThreadPoolExecutor(max_workers=3) as pool:
            samples = {
                name: pool.submit(sampled, connection, pods[name], pods["web"].ip)
                for name in ("client", "stranger")
            }
            threading.Thread(target=disturb, daemon=True).start()
            run.watch(SECONDS, print)
            seen = {name: sample.result() for name, sample in samples.items()}
    finally:
        run.close()

    watch = run.report().watch
    began = datetime.fromisoformat(watch.started).timestamp()
    wrong = {"client": gaps_of(seen["client"], True), "stranger": gaps_of(seen["stranger"], False)}
    told = {"client": reported(watch, "stays open"), "stranger": reported(watch, "stays closed")}
    for name, found in wrong.items():
        print(name, seen[name]["asked"], [(round(a - began, 2), round(b - a, 3)) for a, b in found])
        print("report", [(round(a - began, 2), round(b - a, 3)) for a, b in told[name]])
    assert min(one["asked"] for one in seen.values()) > 0.8 * SECONDS / 0.02
    assert (
        sum(b - a for a, b in wrong["stranger"]) > 1.0
    )  # the policies were gone for three seconds
    assert {name: missed(found, told[name], began) for name, found in wrong.items()} == {
        "client": [],
        "stranger": [],
    }
