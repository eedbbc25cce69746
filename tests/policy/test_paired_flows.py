"""Peers that select namespaces, written out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from npol.errors import Position
from npol.model.expectation import parse_expectation
from npol.model.pairing import Pairing
from npol.model.story import Flow, Peer, Step, Story
from npol.model.story_settings import Defaults
from npol.policy.state.paired_flows import selecting_peers, with_pairs

HERE = Position("s.npol.yaml", 1, 1)
TENANTS = Peer(
    name="tenants", at=HERE, namespaces={"matchLabels": {"tenant": "true"}}, labels={"app": "web"}
)
WEB = Peer(name="web", at=HERE, namespace="shop", labels={"app": "web"})
SHOP = {"shop": {"team": "a"}}


def labelled(*names):
    return {**{name: {"tenant": "true"} for name in names}, **SHOP}


def told(source="tenants", target="tenants", pairing=Pairing.OTHERS, most=10_000, resolve=""):
    flow = Flow(
        name="f",
        at=HERE,
        source=source,
        target=target,
        pairing=pairing,
        port=80,
        resolve=resolve,
        expect=parse_expectation("deny"),
    )
    step = Step(name="s", at=HERE, flows=(flow,))
    peers = {"tenants": TENANTS, "web": WEB}
    defaults = Defaults(pairs=most)
    return Story(name="t", path="", root="", peers=peers, steps=(step,), defaults=defaults)


def pairs(story):
    return [str(flow.pair) for flow in story.steps[0].flows]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(told(), ["a -> b", "b -> a"], id="the-others"),
        pytest.param(told(pairing=Pairing.SAME), ["a -> a", "b -> b"], id="the-same"),
        pytest.param(
            told(pairing=Pairing.EACH), ["a -> a", "a -> b", "b -> a", "b -> b"], id="each-of-each"
        ),
        pytest.param(told("web", pairing=Pairing.EACH), ["web -> a", "web -> b"], id="from-one"),
        pytest.param(
            told(target="web", pairing=Pairing.NONE), ["a -> web", "b -> web"], id="to-one"
        ),
        pytest.param(
            told(target="", pairing=Pairing.NONE, resolve="x"), ["a", "b"], id="each-looks-up"
        ),
    ],
)
def test_every_pair_is_a_flow_between_ordinary_peers(story, expected):
    found = with_pairs(story, labelled("a", "b"))

    assert pairs(found) == expected
    ends = {end for f in found.steps[0].flows for end in (f.source, f.target) if end}
    assert {found.peers[end].namespaces for end in ends} == {None}
    assert {flow.told_as for flow in found.steps[0].flows} == {"f"}
    assert with_pairs(found, labelled("a", "b", "c")) == found  # only once


def test_a_peer_in_a_namespace_keeps_what_the_peer_says():
    peer = with_pairs(told(), labelled("a", "b")).peers["tenants/a"]

    assert (peer.namespace, peer.labels, peer.chosen_by) == ("a", {"app": "web"}, "tenants")


@pytest.mark.parametrize("names", [(), ("a",)], ids=["nobody", "one-has-no-others"])
def test_a_flow_without_a_pair_stays_and_shows_that_nobody_asks_it(names):
    found = with_pairs(told(), labelled(*names))

    assert found.steps == told().steps
    assert [peer.name for peer in selecting_peers(found)] == ["tenants"]


def test_of_too_many_pairs_the_same_sample_asks_every_namespace_equally_often():
    names = [f"n{number:02}" for number in range(20)]
    found = with_pairs(told(most=60), labelled(*names))

    asked = found.steps[0].flows
    assert (len(asked), asked[0].group.total, asked[0].group.namespaces) == (60, 380, 20)
    assert len({str(flow.pair) for flow in asked}) == 60
    assert set(Counter(flow.source for flow in asked).values()) == {3}
    assert set(Counter(flow.target for flow in asked).values()) == {3}
    assert pairs(with_pairs(told(most=60), dict(reversed(labelled(*names).items())))) == pairs(
        found
    )


def test_two_steps_keep_their_flows_apart():
    story = told()
    twice = replace(story, steps=(*story.steps, replace(story.steps[0], name="again")))

    found = with_pairs(twice, labelled("a", "b"))

    assert [len(step.flows) for step in found.steps] == [2, 2]
