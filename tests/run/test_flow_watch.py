"""A watched flow is as its worst source and address are, also where one of them cannot be asked."""

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from npol.errors import Position
from npol.model.expectation import Outcome, parse_expectation
from npol.model.gap import GapKind
from npol.model.inventory import Inventory
from npol.model.probe import Answer, PodRef
from npol.model.story import Flow, Protocol, Step
from npol.model.target import Backend, Target
from npol.policy.state.from_inventory import cluster_state
from npol.run import flow_watch
from npol.run.flow_watch import FlowWatch
from npol.run.prepared_flow import PreparedFlow
from npol.run.step_ends import StepEnds

HERE = Position("a.npol.yaml", 3, 5)
FLOW = Flow(
    name="web -> db:5432",
    at=HERE,
    source="web",
    target="db",
    port=5432,
    expect=parse_expectation("allow"),
)
SECONDS = 3.0


class Source:
    """A pod whose probes all have one outcome, but those for `names`."""

    def __init__(self, number, outcome=Outcome.OPEN, names=None):
        self.source = PodRef(
            namespace="shop", name=f"web-{number}", uid=f"u{number}", ip=f"10.0.0.{number}"
        )
        self._outcome = outcome
        self._names = names or {}

    def ask(self, probes, *, deadline):
        return {p.key: Answer(key=p.key, outcome=self._of(p)) for p in probes}

    def _of(self, probe):
        return self._names.get(probe.name, self._outcome)


@pytest.fixture
def watched(monkeypatch):
    """What a watch of one flow from these sources to these addresses has seen."""

    def watch(sources, addresses=("10.0.0.9",), told=FLOW, names=()):
        target = Target(
            label="db",
            port=told.port,
            backends=tuple(Backend(ip=a, port=told.port) for a in addresses),
        )
        flows = [
            PreparedFlow(
                flow=told,
                source=one,
                target=None if names else target,
                timeout=0.5,
                looked_up=names,
                source_pods=2,
            )
            for one in sources
        ]
        empty = Inventory()
        ends = StepEnds(
            inventory=empty,
            state=cluster_state(empty),
            asked={one.name: one for one in flows},
            skipped={},
        )
        monkeypatch.setattr(flow_watch, "step_ends", lambda *_: ends)
        environment: Any = SimpleNamespace(
            engine=SimpleNamespace(name="calico"),
            story=SimpleNamespace(defaults=SimpleNamespace(at_most=None)),
            options=SimpleNamespace(say=lambda _: None),
        )
        ticks = itertools.count()
        watch = FlowWatch(
            environment,
            Step(name="watch", at=HERE, flows=(told,)),
            tell=lambda _: None,
            clock=lambda: 0.02 * next(ticks),
        )
        watch.run(SECONDS)
        (flow,) = watch.result().flows
        return flow

    return watch


def test_a_source_that_could_not_be_asked_is_not_hidden_by_one_that_answers(watched):
    flow = watched([Source(1, Outcome.ERROR), Source(2)])

    assert [gap.kind for gap in flow.gaps] == [GapKind.NOT_SEEN]
    assert flow.unseen == pytest.approx(SECONDS)


def test_what_is_wrong_is_told_whoever_else_could_not_be_asked(watched):
    flow = watched([Source(1, Outcome.ERROR), Source(2, Outcome.TIMEOUT)])

    assert flow.over_budget == (GapKind.CLOSED,)


def test_a_flow_that_all_its_sources_can_be_asked_of_is_seen(watched):
    flow = watched([Source(1), Source(2)])

    assert flow.tries > 1
    assert flow.gaps == ()


def test_a_target_without_any_address_is_not_seen_and_the_watch_goes_on(watched):
    flow = watched([Source(1), Source(2)], addresses=())

    assert flow.tries == 0
    assert flow.unseen == pytest.approx(SECONDS)


NAMES = FIRST, LAST = "pg-0.pg.shop.svc.cluster.local.", "pg-0.pg."
LOOKED_UP = Flow(
    name="web resolves pg-0.pg",
    at=HERE,
    source="web",
    resolve="pg-0.pg",
    protocol=Protocol.UDP,
    expect=parse_expectation("allow"),
)
NO_NAME = Outcome.DNS_NEGATIVE


@pytest.mark.parametrize(
    ("expect", "answers", "kinds"),
    [
        pytest.param("allow", {LAST: NO_NAME}, [], id="the-first-exists"),
        pytest.param("allow", {FIRST: NO_NAME}, [], id="the-last-exists"),
        pytest.param("allow", {FIRST: NO_NAME, LAST: NO_NAME}, [GapKind.CLOSED], id="none-exists"),
        pytest.param("deny", {FIRST: NO_NAME, LAST: NO_NAME}, [GapKind.OPEN], id="told-no"),
        pytest.param("dns negative", {FIRST: NO_NAME, LAST: NO_NAME}, [], id="none-is-to-exist"),
    ],
)
def test_a_watched_name_is_what_a_resolver_makes_of_its_search_list(
    watched, expect, answers, kinds
):
    flow = replace(LOOKED_UP, expect=parse_expectation(expect))

    seen = watched([Source(1, names=answers)], told=flow, names=NAMES)

    assert [gap.kind for gap in seen.gaps] == kinds


def test_a_name_server_that_knows_no_such_name_has_answered_at_its_port(watched):
    flow = replace(FLOW, port=53, protocol=Protocol.UDP)

    assert watched([Source(1, NO_NAME)], told=flow).gaps == ()
