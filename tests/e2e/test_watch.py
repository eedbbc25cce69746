"""`npol run --for`: gaps that others make are found, and none is invented."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.e2e.conftest import NPOL
from tests.e2e.shop import DENY, eventually, open_shop, write_shop

pytestmark = pytest.mark.lab
POLICIES = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
WATCHED = """
  - name: now
    flows:
      - {name: the shop answers, from: client, to: web, port: 80, expect: allow}
      - {name: its name resolves, from: client, resolve: web.shop, expect: allow}
"""


@pytest.fixture(scope="module")
def shop(server):
    open_shop(server)


def watching(lab, tmp_path, duration):
    """A run that has told its step and watches now."""
    story = write_shop(tmp_path, WATCHED)
    there = ("--kubeconfig", lab.kubeconfig, "--context", lab.context)
    asked = ("--for", duration, "--events", "events", "--report", "run.json")
    process = subprocess.Popen(
        [NPOL, "run", story, *there, *asked],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if "of 2 as expected" in line:
            break
    return process


def watch(lab, server, tmp_path, gaps, seconds):
    """A run that watches for so long, under a policy for each of these (pause, length)."""
    process = watching(lab, tmp_path, f"{seconds:.1f}s")
    made, policy = [], yaml.safe_load(DENY)
    for pause, length in gaps:
        time.sleep(pause)
        server.ask("POST", POLICIES, policy)
        began = time.monotonic()
        time.sleep(length)
        server.ask("DELETE", f"{POLICIES}/deny-all")
        made.append(time.monotonic() - began)
    said, _ = process.communicate()
    report = json.loads((tmp_path / "run.json").read_text())["report"]
    return process.returncode, said, report["watch"]["flows"], made


def test_a_gap_is_found_told_and_over_its_budget(lab, server, tmp_path, shop):
    code, said, flows, (made,) = watch(lab, server, tmp_path, [(1.0, 1.0)], 4.0)

    (gap,) = (gap for gap in flows[0]["gaps"] if gap["kind"] != "not seen")
    assert code == 1, said
    assert gap["kind"] == "closed"
    assert gap["over"]
    assert gap["at_least"] - 0.5 <= made <= gap["at_most"] + 0.5
    assert "the shop answers  closed, expected allow" in said
    assert "the shop answers  allow again, after" in said
    assert "watched for 4.0 s" in said
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    saw = [e["saw"] for e in events if e["flow"] == "the shop answers"]
    assert [one for one in saw if one != "not seen"][:2] == ["closed", "as expected"]


@pytest.mark.nightly
@pytest.mark.alone
@pytest.mark.timeout(600)
def test_thirty_gaps_are_found_and_measured_and_none_is_invented(lab, server, tmp_path, shop):
    chance = random.Random(20261129)
    gaps = [(chance.uniform(1.2, 2.5), chance.uniform(0.3, 3.0)) for _ in range(30)]
    seconds = sum(map(sum, gaps)) + 15

    code, said, flows, made = watch(lab, server, tmp_path, gaps, seconds)

    found = [gap for gap in flows[0]["gaps"] if gap["kind"] != "not seen"]
    assert code == 1, said
    assert len(found) == len(made), (made, flows[0]["gaps"])
    off = [gap["seconds"] - true for gap, true in zip(found, made, strict=True)]
    assert max(map(abs, off)) < 0.25, off


@pytest.mark.nightly
def test_a_source_that_is_evicted_is_started_anew_and_the_gap_is_told(lab, server, tmp_path, shop):
    process = watching(lab, tmp_path, "15s")
    (pod,) = server.names("/api/v1/namespaces/shop/pods") - {"web"}
    server.ask("DELETE", f"/api/v1/namespaces/shop/pods/{pod}?gracePeriodSeconds=0")

    said, _ = process.communicate()

    assert process.returncode == 3, said
    (flow, _) = json.loads((tmp_path / "run.json").read_text())["report"]["watch"]["flows"]
    (gap,) = flow["gaps"]
    assert (gap["kind"], gap["over"]) == ("not seen", True)
    eventually(lambda: server.names("/api/v1/namespaces/shop/pods") == {"web"})


@pytest.mark.nightly
def test_ctrl_c_ends_the_watch_with_its_report(lab, server, tmp_path, shop):
    process = watching(lab, tmp_path, "10m")
    time.sleep(3)
    process.send_signal(signal.SIGINT)

    said, _ = process.communicate()

    assert process.returncode == 130, said
    watch = json.loads((tmp_path / "run.json").read_text())["report"]["watch"]
    assert 0 < watch["seconds"] < 60
    assert [flow["gaps"] for flow in watch["flows"]] == [[], []]
    assert server.names("/api/v1/namespaces/shop/pods") == {"web"}


@pytest.mark.nightly
def test_pytest_watches_as_the_command_does(lab, server, tmp_path, shop):
    write_shop(tmp_path, WATCHED)
    there = (f"--kubeconfig={lab.kubeconfig}", f"--kube-context={lab.context}")
    asked = ("--npol-for=6s", "--npol-events=events", "-v", "-p", "no:cacheprovider")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *there, *asked, "shop.npol.yaml"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if "now::its name resolves PASSED" in line:
            break
    time.sleep(1)
    server.ask("POST", POLICIES, yaml.safe_load(DENY))
    time.sleep(1)
    server.ask("DELETE", f"{POLICIES}/deny-all")

    said, _ = process.communicate()

    assert process.returncode == 1, said
    assert "FAILED shop.npol.yaml::(watch)::the shop answers" in said
    turns = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert {turn["saw"] for turn in turns} == {"closed", "as expected"}


@pytest.mark.nightly
@pytest.mark.parametrize("evicted", [False, True], ids=["", "evicted"])
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_watch_that_is_struck_leaves_no_debug_pod(lab, server, tmp_path, shop, sign, evicted):
    pods, leases = (
        "/api/v1/namespaces/shop/pods",
        "/apis/coordination.k8s.io/v1/namespaces/shop/leases",
    )
    process = watching(lab, tmp_path, "10m")
    (pod,) = server.names(pods) - {"web"}
    if evicted:
        server.ask("DELETE", f"{pods}/{pod}?gracePeriodSeconds=0")
        eventually(lambda: server.names(pods) - {"web", pod})
    process.send_signal(sign)

    said, _ = process.communicate()

    assert process.returncode == (-sign if sign is signal.SIGKILL else 128 + sign), said
    eventually(lambda: server.names(pods) == {"web"})
    eventually(lambda: not {n for n in server.names(leases) if n.startswith("npol")})
