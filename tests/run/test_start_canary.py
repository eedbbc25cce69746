"""
The canary of a run: where its image and secrets are (finding L9), and beside which steps.

No step waits until its pods are gone; what is left of it is told at the end of the run.
"""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from npol.cni.canary import EnforcementProof
from npol.cni.detect import CniFacts, detect
from npol.errors import NotEnforced, RestoreIncomplete, UnknownVerdict
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.signals import Stop, Stopped
from npol.model.expectation import Outcome
from npol.model.result import RestoreResult
from npol.run import start_canary
from npol.run.options import Options
from npol.run.run_scope import RunScope
from npol.run.start_canary import StartedCanary
from npol.story import read_story

STORY = """\
version: 1
defaults:
  pod: {image: shop/net:1, pull_secrets: [shop]}
%s
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {address: 192.0.2.1}
steps:
  - {name: deny, apply: [deny.yaml], flows: [{from: web, to: db, port: 5432, expect: deny}]}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""


@pytest.mark.parametrize(
    ("canary", "image", "secrets", "namespace"),
    [
        pytest.param("", "shop/net:1", ("shop",), STATE_NAMESPACE, id="as-the-debug-pods"),
        pytest.param(
            "  canary: {image: ops/net:2, pull_secrets: [ops], namespace: ops}",
            *("ops/net:2", ("ops",), "ops"),
            id="of-its-own",
        ),
    ],
)
def test_the_canary_has_its_own_image_secrets_and_namespace(
    monkeypatch, tmp_path, canary, image, secrets, namespace
):
    asked: dict[str, Any] = {}
    monkeypatch.setattr(start_canary, "prove_enforcement", lambda _, **how: asked.update(how))
    (tmp_path / "deny.yaml").write_text(POLICY)
    text = (STORY % canary).encode()
    story = read_story(text, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    options = Options(kubeconfig=None, context="dev")
    scope = RunScope(story=story, options=options, run_id="r1")

    connection: Any = None
    engine = detect(CniFacts(version="v1.33.0"))
    started = start_canary.start_canary(connection, scope, engine, Stop())
    assert isinstance(started, StartedCanary)
    started.end(RestoreResult(complete=True))

    settings = asked["settings"]
    assert (settings.image, tuple(settings.pull_secrets)) == (image, secrets)
    assert asked["namespace"] == namespace


PROOF = EnforcementProof(closed_after=1.0, opened_after=0.5, denial=frozenset({Outcome.REFUSED}))
GIVEN_BACK = RestoreResult(complete=True)


class HeldCanary:
    """Proves at once, and is gone when the test says so."""

    def __init__(self, ends: BaseException | None = None) -> None:
        self.may_go = Event()
        self.ends = ends

    def __call__(self, *, denied, proven, stop):
        denied(PROOF.denial)
        proven(PROOF)
        assert self.may_go.wait(10)
        if self.ends:
            raise self.ends


def test_the_proof_is_there_before_the_canary_is_gone():
    held = HeldCanary()
    canary = StartedCanary(held, Stop())

    assert canary.proof() is PROOF
    assert str(canary) == str(PROOF)

    held.may_go.set()
    assert canary.end(GIVEN_BACK) == GIVEN_BACK


def test_a_canary_that_does_not_go_makes_the_restore_incomplete():
    held = HeldCanary(RestoreIncomplete("pod npol-1 is still there", hint="npol recover r1"))
    canary = StartedCanary(held, Stop())
    held.may_go.set()

    ended = canary.end(replace(GIVEN_BACK, problems=("of the story",)))

    assert (ended.complete, ended.remedy) == (False, "npol recover r1")
    assert ended.problems == ("of the story", "pod npol-1 is still there")


def test_what_breaks_when_the_canary_goes_is_told_with_what_the_run_itself_left():
    held = HeldCanary(OSError("no route"))
    canary = StartedCanary(held, Stop())
    held.may_go.set()

    ended = canary.end(replace(GIVEN_BACK, complete=False, problems=("of the story",)))

    assert not ended.complete
    assert ended.problems == (
        "of the story",
        "the canary broke as it went: OSError('no route')",
    )
    assert "npol recover" in ended.remedy


def test_a_signal_while_the_canary_goes_keeps_what_became_of_the_cluster():
    left = replace(GIVEN_BACK, complete=False, problems=("of the story",))
    held = HeldCanary(Stopped(signal.SIGINT))
    canary = StartedCanary(held, Stop())
    held.may_go.set()

    assert canary.end(left) == left


def test_how_a_denied_packet_ends_is_told_before_the_canary_has_opened_again():
    opened = Event()

    def closes_first(*, denied, proven, stop):
        denied(PROOF.denial)
        assert opened.wait(10)
        raise UnknownVerdict("the canary's pods do not reach each other")

    canary = StartedCanary(closes_first, Stop())

    assert canary.denial() == PROOF.denial
    assert str(canary) == "not proven yet"

    opened.set()
    with pytest.raises(UnknownVerdict, match="do not reach each other"):
        canary.proof()
    assert canary.end(GIVEN_BACK) == GIVEN_BACK


def refuses(*, denied, proven, stop):
    raise NotEnforced("NetworkPolicies are not enforced here")


def test_a_refusal_is_raised_where_the_proof_is_wanted_and_only_told_at_the_end():
    canary = StartedCanary(refuses, Stop())

    for wanted in (canary.denial, canary.proof):
        with pytest.raises(NotEnforced):
            wanted()
    assert canary.end(GIVEN_BACK) == GIVEN_BACK
    assert str(canary) == "not proven: NetworkPolicies are not enforced here"


def until_stopped(*, denied, proven, stop):
    while True:
        stop.check()
        time.sleep(0.001)


def test_a_proof_that_no_step_waited_for_is_given_up_at_the_end():
    canary = StartedCanary(until_stopped, Stop())
    assert str(canary) == "not proven yet"

    assert canary.end(GIVEN_BACK) == GIVEN_BACK
    assert str(canary) == "not proven: the run ended before"


def test_a_canary_whose_restore_is_over_does_not_keep_a_signal_from_the_run():
    stop = Stop()

    def restores(*, denied, proven, stop):
        with stop.restoring():
            proven(PROOF)

    StartedCanary(restores, stop).end(GIVEN_BACK)

    with pytest.raises(Stopped):
        stop.take(signal.SIGINT)
