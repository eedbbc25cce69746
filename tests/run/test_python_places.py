"""Stories written in Python: what is told of them stands at the lines of the test."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from npol.errors import InputError, Mistakes, Position
from npol.model.result import RestoreResult
from npol.run.options import Options
from npol.run.python_api import Scripted

PEERS = {"web": {"namespace": "shop", "labels": {"app": "web"}}}
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""


class Run:
    """Asks nothing; keeps what it was told."""

    def __init__(self, story, options):
        self.story = story
        self.steps = []

    def open(self):
        pass

    def tell(self, step):
        self.steps.append(step)
        return SimpleNamespace(flows=())

    def close(self):
        return RestoreResult(complete=True)

    def raise_kept_back(self):
        pass


@pytest.fixture
def netpol(tmp_path, monkeypatch):
    """A story in a file of `tmp_path`, which is not the one that runs."""
    monkeypatch.setattr("npol.run.python_api.StoryRun", Run)
    (tmp_path / "deny.yaml").write_text(POLICY)

    def start(**story):
        return Scripted(
            {"peers": PEERS, **story},
            path=str(tmp_path / "test_shop.py"),
            root=str(tmp_path),
            options=Options(kubeconfig=None, context="dev"),
            explain=str,
        )

    return start


def here(lines=0):
    """The line that calls, or one so many lines before it."""
    return Position(__file__, sys._getframe(1).f_lineno - lines)


def test_steps_flows_changes_and_peers_stand_where_the_test_expects(netpol, tmp_path):
    with netpol() as net:
        net.apply("deny.yaml")
        net.expect("web -> web:80")
        place = here(1)
        (step,) = net._run.steps

    assert {step.at, step.flows[0].at, step.changes[0].at} == {place}
    assert {peer.at for peer in net._run.story.peers.values()} == {place}
    assert step.changes[0].manifests[0].at.file == str(tmp_path / "deny.yaml")


@pytest.mark.parametrize(
    ("story", "flow", "word", "said"),
    [
        ({"peer": {}}, "web -> web:80", "deny", "unknown key 'peer' in a story"),
        ({"given": ["app.yaml"]}, "web -> web:80", "deny", "there is no 'app.yaml'"),
        ({}, "wob -> web:80", "deny", "no peer is called 'wob'"),
        ({}, "web -> web:80", "dony", "not a valid expectation: 'dony'"),
    ],
)
def test_mistakes_of_a_story_stand_where_the_test_expects(netpol, story, flow, word, said):
    with netpol(**story) as net, pytest.raises(Mistakes) as told:
        net.expect(flow, word)

    (mistake,) = told.value.mistakes
    assert replace(mistake.at, line=1) == Position(__file__)
    assert "net.expect(flow" in Path(__file__).read_text().splitlines()[mistake.at.line - 1]
    assert said in mistake.message


def test_mistakes_of_manifests_stay_where_they_are(netpol, tmp_path):
    (tmp_path / "deny.yaml").write_text(POLICY.replace("namespace: shop", "namespce: shop"))

    with netpol() as net:
        net.apply("deny.yaml")
        with pytest.raises(Mistakes) as told:
            net.expect("web -> web:80")

    assert {m.at.file for m in told.value.mistakes} == {str(tmp_path / "deny.yaml")}


def test_nothing_begins_without_a_with_that_gives_the_cluster_back(netpol):
    net = netpol()

    with pytest.raises(InputError, match="nothing would give the cluster back") as told:
        net.expect("web -> web:80")

    assert "with netpol" in told.value.hint
    assert net._run is None
