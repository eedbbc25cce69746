"""What counts as alive: that it answered in this story, and is still there."""

import dataclasses

import pytest

from npol.errors import Position
from npol.judge.liveness import LivenessRecord
from npol.model.expectation import Outcome, parse_expectation
from npol.model.probe import Answer, PodRef, Role
from npol.model.result import Evidence
from npol.model.story import Flow, Protocol
from npol.model.target import Backend, Target

POD = PodRef(namespace="x", name="web-1", uid="u1", ip="10.0.0.1", ready=True)
SUBJECT = "pod web-1 10.0.0.1:81"


def flow(expect):
    at = Position("story.npol.yaml", 1, 1)
    return Flow(
        name="f", at=at, source="a", target="web", port=81, expect=parse_expectation(expect)
    )


def target(pod=POD):
    return Target(label="web:81", port=81, backends=(Backend(ip="10.0.0.1", port=81, pod=pod),))


def seen(outcome, role=Role.POD, subject=SUBJECT, address="10.0.0.1", port=81):
    answer = Answer(key=SUBJECT, outcome=Outcome(outcome))
    return [Evidence(role=role, subject=subject, answer=answer, address=address, port=port)]


def alive(liveness, pod=POD):
    return liveness.alive(flow("deny"), target(pod), seen("timeout"), {})


def told(expect, outcome, role=Role.POD):
    liveness = LivenessRecord()
    liveness.note("open", flow(expect), target(), seen(outcome, role))
    return liveness


@pytest.mark.parametrize(
    ("expect", "outcome", "why"),
    [
        ("allow", "open", "open in step 'open', and its pod is still Ready"),
        ("refused", "refused", "refused in step 'open', and its pod is still Ready"),
        ("allow", "refused", ""),
        ("deny", "refused", ""),
        ("refused", "timeout", ""),
        ("allow", "error", ""),
    ],
)
def test_a_target_that_answered_as_expected_is_alive(expect, outcome, why):
    assert alive(told(expect, outcome)) == ({SUBJECT: why} if why else {})


def test_address_is_known_by_its_value_whatever_it_is_called():
    liveness = told("allow", "open")
    renamed = seen("timeout", subject="the web server")

    assert list(liveness.alive(flow("deny"), target(), renamed, {})) == ["the web server"]


@pytest.mark.parametrize("other", [{"address": "10.0.0.11"}, {"port": 8081}])
def test_another_address_of_the_same_name_is_not_known_to_live(other):
    liveness = LivenessRecord()
    liveness.note("open", flow("allow"), target(), seen("open", **other))

    assert alive(liveness) == {}


def test_a_refusal_over_udp_is_no_sign_of_life():
    udp = dataclasses.replace(flow("refused"), protocol=Protocol.UDP)
    liveness = LivenessRecord()
    liveness.note("open", udp, target(), seen("refused"))

    assert liveness.alive(udp, target(), seen("timeout"), {}) == {}


def test_a_refusal_by_a_services_address_is_nobodys_answer():
    assert alive(told("refused", "refused", Role.SERVICE)) == {}


@pytest.mark.parametrize("change", [{"uid": "u2"}, {"ready": False}])
def test_a_pod_that_is_another_or_not_ready_is_not_known_to_live(change):
    assert alive(told("refused", "refused"), dataclasses.replace(POD, **change)) == {}


@pytest.mark.parametrize(
    ("expect", "outcome", "known"),
    [("refused", "refused", {SUBJECT}), ("allow", "open", set()), ("deny", "refused", set())],
)
def test_a_refusing_target_is_known_where_a_refusal_was_expected(expect, outcome, known):
    assert told(expect, outcome).refusing(flow("deny"), seen("refused")) == known


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("open", "it answers itself"),
        ("timeout", ""),
        ("refused", ""),
        ("error", "open in step 'open', and its pod is still Ready"),
    ],
)
def test_what_a_target_says_itself_counts_more_than_what_it_did_before(inside, why):
    itself = {"10.0.0.1:81": Answer(key="alive", outcome=Outcome(inside))}
    found = told("allow", "open").alive(flow("deny"), target(), seen("timeout"), itself)

    assert found == ({SUBJECT: why} if why else {})


CLIENT = PodRef(
    namespace="x", name="client", uid="u9", ip="10.0.0.9", other_ips=("fd00::9",), ready=True
)


@pytest.mark.parametrize(
    ("outcome", "role", "address", "sends"),
    [
        ("open", Role.POD, "10.0.0.1", True),
        ("refused", Role.POD, "10.0.0.1", True),
        ("dns negative", Role.NAME, "", True),
        ("refused", Role.SERVICE, "10.96.0.1", False),
        ("open", Role.POD, "10.0.0.9", False),
        ("open", Role.POD, "fd00::9", False),
        ("timeout", Role.POD, "10.0.0.1", False),
        ("error", Role.POD, "10.0.0.1", False),
    ],
)
def test_a_source_can_send_when_somebody_else_answered(outcome, role, address, sends):
    liveness = LivenessRecord()
    heard = liveness.note_sending(CLIENT, seen(outcome, role, address=address), 100.0)

    proof = liveness.proof_of_sending(CLIENT, 112.0)
    assert bool(heard) is sends
    assert proof.endswith(
        "12 s before" if sends else "nothing has shown in this story that it can send"
    )
