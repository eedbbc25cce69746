"""
Three witnesses on a real cluster: predictions, packets, and what Cilium's Hubble says of each.

Audit mode and a flood are made by exec in the agents' pods and in pods of the test's own.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.flow_records.agents import agents_of
from npol.flow_records.control import control_records
from npol.kube.connection import Mode
from npol.kube.exec import run_once
from npol.model.expectation import Outcome, Verdict
from npol.model.packet_fate import Fate
from npol.model.prediction import PredictedDecision
from npol.model.probe import Role
from npol.model.reason import ReasonCode
from npol.model.result import Diagnosis, FlowResult
from npol.report.reasons import reason_words
from npol.run import StoryRun
from npol.story import load_story
from tests import shop
from tests.differential.test_live import PODS, SERVICES, Live, dump_each
from tests.examples import thorough
from tests.live import nine_by_nine
from tests.live.conftest import permitted, pod_manifest, start, wait_until
from tests.policy.clusters import policies

pytestmark = [
    pytest.mark.live,
    pytest.mark.nightly,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("journals", "hubble"),
]

CASES = 16
FLOOD_SECONDS = 60
FLOOD = """
import socket, sys, time
address, end, sent = sys.argv[1], time.time() + float(sys.argv[2]), 0
while time.time() < end:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for port in range(int(sys.argv[3]), int(sys.argv[3]) + 10000):
            try:
                out.sendto(b"x", (address, port))
                sent += 1
            except OSError:
                pass
print(sent / float(sys.argv[2]))
"""
"""Every datagram is a flow of its own, which Cilium's nodes tell."""
OWN = (Role.POD, Role.SERVICE)
"""What is asked by address: a flow's own packets."""
CLOSED = (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)


@pytest.fixture(scope="module", autouse=True)
def whatever_the_environment_says():
    """Records are read here at night, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NPOL_FLOW_RECORDS", raising=False)
        yield


@pytest.fixture(scope="module")
def connection(connected):
    return connected(Mode.SMOKE)


@pytest.fixture(scope="module")
def hubble(connection):
    """Skip where no agent tells records, with its reason."""
    found = control_records(connection)
    if not found or any(c.problem for c in found):
        pytest.skip(f"no flow records: {[c.problem for c in found] or 'no agents'}")


class Cells(Live):
    """Sources are debug pods, whose tools leave from ports that npol chooses."""

    def story(self, step, flows, *, given=(), changes=()):
        asked = [{**flow, "from": f"from-{flow['from']}"} for flow in flows]
        return super().story(step, asked, given=given, changes=changes)

    def peers(self):
        sources = {
            f"from-{name}": {"namespace": self.spaces[letter], "labels": labels}
            for name, (letter, labels, _) in PODS.items()
        }
        return {**super().peers(), **sources}

    def told(self, made, flows):
        """The cells of one case; what differs is asked once more, as policies come one by one."""
        path = f"case {self.counted['cases']}.yaml"
        (self.directory / path).write_text(dump_each(made))
        before = [{"delete": [self.before]}] if self.before else []
        flows = list(self._foretold(made, flows))
        found = self._tell(path, flows, [*before, {"apply": [path]}])
        self.before = path
        self.counted["cases"] += 1
        odd = {flow.name for flow in found if difference(flow)}
        self.counted["asked again"] += len(odd)
        again = [flow for flow in flows if flow["name"] in odd]
        settled = self._tell(f"{path}, settled", again, []) if again else ()
        return [flow for flow in found if flow.name not in odd] + list(settled)


def recorded(flow: FlowResult) -> PredictedDecision | None:
    """Hubble's verdict on a flow's own packets; None where it told none of some."""
    own = [e.fate.fate for e in flow.evidence if e.fate and e.role in OWN]
    if Fate.DROPPED_BY_POLICY in own:
        return PredictedDecision.DENY
    arrived = bool(own) and all(fate is Fate.ARRIVED for fate in own)
    return PredictedDecision.ALLOW if arrived else None


def _passed(flow: FlowResult) -> bool:
    own = [e.answer.outcome for e in flow.evidence if e.role in OWN]
    return bool(own) and not any(outcome in CLOSED for outcome in own)


def difference(flow: FlowResult) -> str:
    """Where the three, and the names, do not agree; "" where they do."""
    predicted = flow.predicted.decision
    if predicted is PredictedDecision.DNS_TIMEOUT:  # the name does not resolve, its packets pass
        predicted = PredictedDecision.ALLOW
    packets = PredictedDecision.ALLOW if _passed(flow) else PredictedDecision.DENY
    words = f"{flow.name}: predicted {predicted.value}, seen {flow.seen}, records {recorded(flow)}"
    if not flow.passed or packets is not predicted or recorded(flow) not in (None, predicted):
        return f"{words}: {reason_words(flow.reason)}"
    if flow.diagnosis is Diagnosis.OTHER_POLICY:
        return f"{words}, by {[str(p) for p in flow.named_by_data_plane]}"
    return ""


@pytest.fixture(scope="module")
def cells(hubble, target, connection, tmp_path_factory):
    made = Cells(target, connection, tmp_path_factory.mktemp("cells"))
    yield made
    restored = made.run.close()
    assert restored.complete, restored.problems


ASKED = [
    *((s, t, port, how) for s in PODS for t in PODS for port in (80, 81) for how in ("tcp", "udp")),
    *((s, service, 8000, "tcp") for s in PODS for service in SERVICES),
]
"""Every source to every pod and Service."""


def test_predictions_packets_and_hubbles_verdicts_agree_in_a_thousand_random_cells(cells):
    counted, differences = Counter(), []

    @thorough(CASES)
    @given(data=st.data())
    def case(data):
        made = data.draw(policies(cells.specs, max_policies=4, namespaces=[*cells.spaces.values()]))
        for flow in cells.told(made, ASKED):
            counted["cells"] += 1
            counted[f"predicted {flow.predicted.decision.value}"] += 1
            verdict = recorded(flow)
            counted[f"records {verdict.value if verdict else 'none'}"] += 1
            if verdict is None:
                own = [e for e in flow.evidence if e.fate and e.role in OWN]
                fates = {f"{e.fate.fate.value} by {e.answer.tool}" for e in own}
                counted[f"none: {flow.target[-3:]} {', '.join(sorted(fates))}"] += 1
            counted["named"] += bool(flow.named_by_data_plane)
            differences.extend(filter(None, [difference(flow)]))

    case()
    print(f"{dict(counted)}, {dict(cells.counted)}")

    assert differences == []
    assert counted["cells"] >= 1000
    assert counted["records deny"] > 100
    assert counted["records allow"] > 100
    assert counted["named"] > 100


def endpoint(connection, agent, address):
    """The agent's number of the endpoint with an address, and whether it only audits."""
    result = run_once(
        connection,
        agent,
        ["cilium-dbg", "endpoint", "list", "-o", "json"],
        timeout=20.0,
        limit=1 << 22,
    )
    for one in json.loads(result.stdout):
        addresses = one["status"]["networking"]["addressing"]
        if address in [a.get("ipv4") for a in addresses]:
            options = one["status"]["realized"].get("options") or {}
            return one["id"], options.get("PolicyAuditMode") == "Enabled"
    raise AssertionError(f"no endpoint has {address}")


def test_a_pod_whose_policies_only_audit_is_said_to_enforce_nothing(connection, options, tmp_path):
    """Option PolicyAuditMode of its endpoint, as the agent's flag sets it for all."""
    namespace = f"npol-audit-{secrets.token_hex(3)}"
    path = shop.write(tmp_path, namespace)
    story = load_story(str(path), root=str(tmp_path))
    run = StoryRun(story, replace(options, assume_enforced=True))
    run.open()
    try:
        opened = run.reach("open")
        ((web,),) = [flow.target_pods for flow in opened.flows]
        agent = agents_of(connection)[web.node]
        number, _ = endpoint(connection, agent, web.ip)
        argv = ["cilium-dbg", "endpoint", "config", str(number), "PolicyAuditMode=Enabled"]
        assert run_once(connection, agent, argv, timeout=20.0).exit_code == 0
        wait_until(lambda: endpoint(connection, agent, web.ip)[1], "audit mode")

        (denied,) = run.reach(story.steps[1].name).flows
    finally:
        run.close()

    assert (denied.verdict, denied.reason.code) == (Verdict.TOO_OPEN, ReasonCode.NOT_ENFORCED)
    assert "policy audit mode is on (policy-audit-mode, Helm: policyAuditMode)" in reason_words(
        denied.reason
    )
    print(f"said {denied.settled_after:.1f} s after the change")
    assert denied.settled_after < 25.0  # of 30 s that a flow may take


@pytest.fixture
def flooders(connected, namespace):
    """A pod that floods, and one that is flooded, on another node if there is one."""
    connection = permitted(connected(), namespace)
    nodes = sorted(agents_of(connection))
    ends = (("flood", nodes[0]), ("sink", nodes[-1]))
    return [start(connection, pod_manifest(namespace, n, nodeName=node)) for n, node in ends]


def flood(connection, source, sink, number):
    """Datagrams a second."""
    argv = ["python3", "-c", FLOOD, sink.ip, str(FLOOD_SECONDS), str(1024 + 10000 * number)]
    result = run_once(connection, source, argv, timeout=FLOOD_SECONDS + 60.0)
    return float(result.stdout)


def test_nothing_is_judged_wrong_while_hubble_loses_records(
    connection, flooders, options, tmp_path
):
    source, sink = flooders
    lost, processes = [], 1
    while not lost:
        assert processes <= 4, "no records were lost"
        folder = tmp_path / str(processes)
        folder.mkdir()
        story = load_story(nine_by_nine.write_story(folder, secrets.token_hex(3)), root=str(folder))
        began = time.monotonic()
        with ThreadPoolExecutor() as pool:
            rates = [pool.submit(flood, connection, source, sink, n) for n in range(processes)]
            report = shop.told(story, options)
            under_way = sum(not rate.done() for rate in rates)
            rate = sum(rate.result() for rate in rates)
        lost = [note for note in report.notes if "Hubble lost" in note]
        flows = [flow for step in report.steps for flow in step.flows]
        print(
            f"{rate:.0f} datagrams/s, story {time.monotonic() - began:.0f} s, "
            f"{under_way} floods left at its end, {lost or 'nothing lost'}, "
            f"{Counter(flow.verdict.value for flow in flows)}, "
            f"{sum(flow.proof is not None for flow in flows)} proven"
        )
        assert {f.verdict for f in flows} <= {Verdict.AS_EXPECTED, Verdict.UNKNOWN}
        assert all(f.proof is None for f in flows if not f.expected.closed)
        processes *= 2
