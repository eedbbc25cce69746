"""What a peer selects is looked up first, and refused where nothing could come of it."""

from __future__ import annotations

import pytest

from npol.errors import InputError, Position, Refused
from npol.model.expectation import parse_expectation
from npol.model.pairing import Pairing
from npol.model.story import Flow, Peer, Step, Story
from npol.run import selected_namespaces
from npol.run.options import Options
from npol.run.selected_namespaces import with_selected
from npol.run.story_run import StoryRun

HERE = Position("s.npol.yaml", 1, 1)


class Cluster:
    """Lists the namespaces that it has."""

    def __init__(self, namespaces):
        self.namespaces = namespaces

    def list(self, resource):
        return [{"metadata": {"name": n, "labels": own}} for n, own in self.namespaces.items()]

    def close(self):
        pass


def told(pairing=Pairing.OTHERS):
    peer = Peer(name="tenants", at=HERE, namespaces={"matchLabels": {"tenant": "true"}})
    flow = Flow(
        name="f",
        at=HERE,
        source="tenants",
        target="tenants",
        pairing=pairing,
        port=80,
        expect=parse_expectation("deny"),
    )
    steps = (Step(name="s", at=HERE, flows=(flow,)),)
    return Story(name="t", path="", root="", peers={"tenants": peer}, steps=steps)


@pytest.fixture
def selected(monkeypatch):
    def select(*tenants):
        there = {**{name: {"tenant": "true"} for name in tenants}, "shop": None}
        monkeypatch.setattr(selected_namespaces, "connect", lambda **_: Cluster(there))
        return with_selected(told(), Options(kubeconfig=None, context="dev"))

    return select


def test_the_namespaces_of_the_cluster_are_paired(selected):
    assert [str(f.pair) for f in selected("a", "b").steps[0].flows] == ["a -> b", "b -> a"]


@pytest.mark.parametrize(
    ("tenants", "why"),
    [
        ([], "peer 'tenants': no namespace has the labels tenant=true"),
        (["a"], "'f' has no pair: 'tenants' selects a only"),
        (["a", "b", "kube-public"], "selects protected namespaces, .*: kube-public"),
        (["a", "b", "npol-system"], "selects protected namespaces, .*: npol-system"),
    ],
    ids=["nobody", "one", "protected", "own"],
)
def test_a_selection_that_proves_nothing_is_refused(selected, tenants, why):
    with pytest.raises(Refused, match=why):
        selected(*tenants)


def test_more_pairs_than_can_be_watched_are_refused_before_anything_is_sent(selected, monkeypatch):
    tenants = [f"tenant-{number}" for number in range(11)]
    selected(*tenants)
    options = Options(kubeconfig=None, context="dev", watched=True)

    with pytest.raises(InputError, match="at most 100 flows often enough, and these are 110") as no:
        StoryRun(told(), options).open()

    assert "pairs: 50" in no.value.hint
