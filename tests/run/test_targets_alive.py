"""Silence is a denial while the target lives: by its own word, or by what the API says of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from npol.errors import NpolError
from npol.model.expectation import Outcome, Verdict
from npol.model.inventory import Inventory
from npol.model.probe import Answer, PodRef, Role
from npol.run.step_runner import StepRunner
from npol.story import read_story
from tests.run.test_step_runner import Environment

STORY = b"""\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {namespace: shop, labels: {app: db}}
  mail: {namespace: shop, labels: {app: mail}}
defaults: {settle: {within: 1s, quiet: 10ms}}
steps:
  - {name: open, flows: [{from: web, to: db, port: 5432, expect: allow}]}
  - name: closed
    flows:
      - {from: web, to: db, port: 5432, expect: deny}
      - {from: web, to: mail, port: 25, expect: allow}
"""
DB, MAIL = "10.0.0.2", "10.0.0.3"
DENY = {
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]},
}


def pod(name, ip, **meta):
    return {
        "metadata": {
            "name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": {"app": name}, **meta
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "c"}]},
        "status": {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }  # fmt: skip


WEB, MAILER = pod("web", "10.0.0.1"), pod("mail", MAIL)


class Source:
    """A pod that the database may be silent to, and that stands for the database's own, too."""

    source = PodRef(namespace="shop", name="web", uid="uid-web", ip="10.0.0.1", ready=True)

    def __init__(self):
        self.silent, self.inside = False, Outcome.ERROR

    def ask(self, probes, *, deadline):
        return {p.key: Answer(key=p.key, outcome=self.outcome(p)) for p in probes}

    def outcome(self, probe):
        if probe.role is Role.ALIVE:
            return self.inside
        return Outcome.TIMEOUT if self.silent and probe.address == DB else Outcome.OPEN

    def held_silent_for(self, probe):
        return 0.0


class Cluster(Environment):
    """Each look but the last shows the database as it was; the last one as it is `after` that."""

    def __init__(self, story, after):
        super().__init__(story, NpolError("not raised"))
        self.asker = Source()
        self.sources = SimpleNamespace(
            prober=lambda peer: self.asker,
            inside=lambda pod: self.asker,
            beside=lambda node: None,
            why_nothing_beside=lambda node: "it is not asked for",
            pods_beside=(),
        )
        self.policies = ()
        self.after = after
        self.latest = None

    def look(self):
        return Inventory(pods=(WEB, MAILER, pod("db", DB)), policies=self.policies)

    def glance(self):
        return Inventory(pods=(WEB, MAILER, *self.after), policies=self.policies)


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        pytest.param((pod("db", DB),), Verdict.AS_EXPECTED, id="it-is-still-there"),
        pytest.param((), Verdict.UNKNOWN, id="it-is-gone"),
        pytest.param(
            (pod("db", DB, deletionTimestamp="2026-11-30T08:00:00Z"),),
            Verdict.UNKNOWN,
            id="it-ends",
        ),
        pytest.param((pod("db", DB, uid="another"),), Verdict.UNKNOWN, id="it-is-another-one"),
    ],
)  # fmt: skip
def test_silence_of_a_target_that_has_gone_is_no_denial(tmp_path, after, verdict):
    """It has no tools to be asked itself: it was open before, and the API shows it Ready."""
    story = read_story(STORY, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    cluster: Any = Cluster(story, after)
    with ThreadPoolExecutor() as pool:
        runner = StepRunner(cluster, pool)
        (opened,) = runner.run(story.steps[0]).flows
        cluster.asker.silent, cluster.policies = True, (DENY,)
        denied, _ = runner.run(story.steps[1]).flows

    assert (opened.verdict, denied.verdict) == (Verdict.AS_EXPECTED, verdict)


def test_a_dns_server_that_knows_no_such_name_answers_itself(tmp_path):
    """Servers of a zone of their own do not know the cluster's names."""
    story = read_story(
        STORY.replace(b"5432", b"53, protocol: udp"), str(tmp_path / "s.npol.yaml"), str(tmp_path)
    )
    cluster: Any = Cluster(story, (pod("db", DB),))
    asker = cluster.asker
    asker.silent, asker.inside, cluster.policies = True, Outcome.DNS_NEGATIVE, (DENY,)
    with ThreadPoolExecutor() as pool:
        denied, _ = StepRunner(cluster, pool).run(story.steps[1]).flows

    assert denied.verdict is Verdict.AS_EXPECTED
