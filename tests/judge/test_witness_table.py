"""The table of witnesses in docs/verdicts.md, which is the specification: each row is a claim."""

from __future__ import annotations

import pytest

from npol.errors import Position
from npol.judge.controls import SILENCE, Controls
from npol.judge.known_ends import KnownEnd
from npol.judge.packet_fate import ProbeWay, packet_fate
from npol.judge.sample import Patience
from npol.judge.settle import Settling
from npol.judge.verdict import judge
from npol.judge.witnesses import agreeing
from npol.model.agreement import Agreement
from npol.model.expectation import Outcome, parse_expectation
from npol.model.flow_record import (
    FlowRecord,
    ObservationPoint,
    ReceivedRecord,
    RecordDirection,
    RecordedEnd,
    RecordVerdict,
)
from npol.model.packet_fate import PacketFate
from npol.model.prediction import PredictedDecision
from npol.model.probe import Answer, Role
from npol.model.result import Evidence, Judgement
from npol.model.sending import Sending
from npol.model.story import Flow, HttpCheck, Protocol
from tests.test_coverage import ROOT

SUBJECT = "pod web-1 10.1.1.1:80"
FINAL = {
    "quiet time and two samples": (1.0, 1.5),
    "two seconds of it": (3.0, 3.5),
    "`settle.within`": (30.0, 30.2),
}
"""Between which seconds after the change, with a quiet time of 1 s and 30 s of patience."""


def rows() -> list[list[str]]:
    _, _, section = (ROOT / "docs/verdicts.md").read_text().partition("## Witnesses")
    table = section.partition("\n## ")[0].splitlines()
    lines = [line for line in table if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def answer(packets: str, records: str) -> Answer:
    seconds = 1.1 if records == "dropped, then open" else 0.01
    if packets.startswith("http "):
        return Answer(key="a", outcome=Outcome.OPEN, status=int(packets[5:]))
    return Answer(key="a", outcome=Outcome(packets), seconds=seconds)


FORWARDED, DROPPED = RecordVerdict.FORWARDED, RecordVerdict.DROPPED_BY_POLICY
VERDICT, ENDPOINT = ObservationPoint.POLICY_VERDICT, ObservationPoint.TO_ENDPOINT
INGRESS, EGRESS = RecordDirection.INGRESS, RecordDirection.EGRESS
RECORDS: dict[str, list[dict]] = {
    "dropped": [{"verdict": DROPPED}],
    "dropped otherwise": [{"verdict": RecordVerdict.DROPPED_OTHERWISE}],
    "dropped, old labels": [{"verdict": DROPPED, "label": "old"}],
    "dropped, another port": [{"verdict": DROPPED, "port": 81}],
    "dropped, not the first packet": [{"verdict": DROPPED, "first": False}],
    "dropped, then open": [{"verdict": DROPPED}, {"verdict": FORWARDED}],
    "answered, then dropped": [{"verdict": FORWARDED}, {"verdict": DROPPED}],
    "arrived": [{"verdict": FORWARDED}],
    "to the endpoint": [
        {"verdict": FORWARDED, "point": ENDPOINT, "direction": RecordDirection.UNKNOWN}
    ],
    "left the source": [{"verdict": FORWARDED, "direction": EGRESS, "node": "n1"}],
    "redirected": [{"verdict": RecordVerdict.REDIRECTED}],
    "audited": [{"verdict": RecordVerdict.AUDITED}],
    "none on watched nodes": [],
}
ENDS = {
    "10.1.0.1": KnownEnd(node="n1", labels={"app": "new"}),
    "10.1.1.1": KnownEnd(node="n2", labels={"app": "web"}),
}


def record(
    verdict, *, label="new", port=80, first=True, point=VERDICT, direction=INGRESS, node="n2"
) -> ReceivedRecord:
    told = FlowRecord(
        time=1.0,
        verdict=verdict,
        point=point,
        direction=direction,
        source=RecordedEnd(address="10.1.0.1", port=20001, labels={"app": label}),
        target=RecordedEnd(address="10.1.1.1", port=port, labels={"app": "web"}),
        protocol=Protocol.TCP,
        node=node,
        first=first,
    )
    return ReceivedRecord(told, 0.0)


def fate(records: str, seen: Answer) -> PacketFate | None:
    if records == "-":
        return None
    watched = records == "none on watched nodes"
    way = ProbeWay(endpoints={("10.1.1.1", 80)}, known=ENDS, watched=watched)
    return packet_fate([record(**one) for one in RECORDS[records]], way, seen)


def controls_of(word: str) -> Controls:
    silent = word == "source silent"
    sending = {
        "source not heard": Sending.NOT_HEARD,
        "node not heard": Sending.NODE_NOT_HEARD,
        "source never heard": Sending.NEVER_SHOWN,
    }
    return Controls(
        source=Answer(key="self", outcome=Outcome.TIMEOUT if silent else Outcome.REFUSED),
        sending=sending.get(word, Sending.SHOWN),
        alive={} if word == "target not alive" else {SUBJECT: "open before"},
        dns_alive="it answers others",
    )


def judged(expected: str, packets: str, records: str, controls: str) -> Judgement:
    expectation = parse_expectation(expected)
    web = HttpCheck() if expected.startswith("http") else None
    at = Position("s.npol.yaml", 1, 1)
    flow = Flow(name="f", at=at, source="a", target="web", port=80, expect=expectation, http=web)
    named = packets == "dns timeout"
    seen = answer(packets, records)
    evidence = Evidence(
        role=Role.NAME if named else Role.POD,
        subject=SUBJECT,
        answer=seen,
        fate=fate(records, seen),
    )
    return judge(flow, expectation, [evidence], controls_of(controls))


def foretold(cell: str) -> Agreement | None:
    word = cell.partition(",")[0].strip("`")
    decision = PredictedDecision.UNKNOWN if word == "none" else PredictedDecision(word)
    return agreeing(decision, SILENCE, proxied="by a proxy" in cell)


def finally_said(seen: Judgement, predicted: str) -> tuple[str, float]:
    """The verdict, and when it is final, if every round sees the same."""
    patience = Patience(started=0.0, changed_at=0.0, within=30.0, quiet=1.0)
    trusting = "trust: packets" in predicted
    machine = Settling({"f": None}, patience, {"f": foretold(predicted)}, trust_packets=trusting)
    now = 0.0
    while not machine.done(now):
        machine.launch(now)
        machine.record(now, now + 0.01, {"f": seen})
        now = round(now + 0.2, 1)
    return machine.results()["f"].judgement.verdict.value, now


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(row).replace("`", ""))
def test_a_row_is_what_is_said(row: list[str]) -> None:
    expected, predicted, packets, records, controls, verdict, final = row
    seen = judged(expected.strip("`"), packets.strip("`"), records, controls)

    said, after = finally_said(seen, predicted)

    earliest, latest = FINAL[final]
    assert said == verdict.strip("`")
    assert earliest <= after <= latest


def test_the_table_is_read_from_the_page() -> None:
    assert len(rows()) > 70
    assert {row[3] for row in rows()} == {"-", *RECORDS}
