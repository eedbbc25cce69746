"""What is asked of connections that are held open: those that were opened, and no others."""

import pytest

from npol.errors import Position
from npol.model.expectation import Outcome, parse_expectation
from npol.model.probe import Answer, PodRef, Probe, ProbeKind
from npol.model.story import Flow, Step, Story
from npol.model.target import Backend, Target
from npol.probe.holder import unless_doubted
from npol.run.held_flows import HeldFlows, opened_by

HERE = Position("s.npol.yaml", 1, 1)
SOURCE = PodRef(namespace="shop", name="client", uid="u1", ip="10.0.0.1")
WEB = PodRef(namespace="shop", name="web-1", uid="w1", ip="10.0.0.2")
SUCCESSOR = PodRef(namespace="shop", name="web-2", uid="w2", ip="10.0.0.3")


def flow(hold="open", name="f"):
    word = parse_expectation("lives")
    return Flow(name=name, at=HERE, source="a", target="web", port=80, hold=hold, expect=word)


def target(*pods):
    backends = tuple(Backend(ip=pod.ip, port=80, pod=pod) for pod in pods)
    return Target(label="web", port=80, backends=backends)


def held(asked):
    return Probe(key=asked.key, kind=ProbeKind.CONNECT, address=WEB.ip, port=80, held=True)


@pytest.mark.parametrize(
    ("pods", "outcome"), [((WEB,), Outcome.TIMEOUT), ((SUCCESSOR,), Outcome.ERROR)]
)
def test_silence_of_a_connection_whose_pod_is_gone_is_no_cut(pods, outcome):
    flows, asked = HeldFlows(), flow()
    flows.note(SOURCE, held(asked), target(WEB))

    (probe,) = flows.probes(SOURCE, asked, target(*pods))

    silence = Answer(key=asked.key, outcome=Outcome.TIMEOUT)
    assert (probe.address, unless_doubted(probe, silence).outcome) == (WEB.ip, outcome)
    assert unless_doubted(probe, Answer(key="", outcome=Outcome.OPEN)).outcome is Outcome.OPEN


def test_another_pod_of_the_source_holds_nothing():
    flows, asked = HeldFlows(), flow()
    flows.note(SOURCE, held(asked), target(WEB))

    assert flows.probes(SUCCESSOR, asked, target(WEB)) == ()


def test_a_connection_that_several_steps_ask_about_is_opened_once():
    steps = [
        Step(name="open", at=HERE),
        Step(name="closed", at=HERE, flows=(flow(), flow("other", "g"))),
        Step(name="open again", at=HERE, flows=(flow(),)),
    ]
    story = Story(name="s", path="s", root=".", steps=tuple(steps))

    assert [f.name for f in opened_by(story, steps[0]).flows] == ["f"]
