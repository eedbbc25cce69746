"""What stays of debug pods makes the restore incomplete; what they may do to others is noted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from npol.changes.transaction import Transaction
from npol.cni.catalogue import SILENCE, Enforces, Engine
from npol.errors import ExitCode, Refused, RestoreIncomplete
from npol.judge.probes import expand
from npol.model.inventory import Inventory
from npol.model.result import RestoreResult
from npol.run import Options, StoryRun
from npol.run import environment as room
from npol.story import load_story

STORY = """
version: 1
peers: {client: {namespace: shop, labels: {app: client}}}
steps:
  - name: only
    flows: [{from: client, to: client, port: 80, expect: allow}]
"""
LAB = Engine(
    name="npol-lab",
    title="lab",
    enforces=Enforces.YES,
    quiet=0.3,
    denial=SILENCE,
    dialect="calico",
    label_patience=30.0,
)
STAYED = "still there: pod shop/npol-1-0"
NOTE = "PodDisruptionBudget shop/web counts a debug pod"


class FakeTransaction:
    """Nothing to give back; `error` is what its end raises."""

    notes = ()

    def __init__(self):
        self.error = None

    def lease(self, namespace):
        return {}

    def mark(self, step):
        pass

    def leave(self, steps):
        pass

    def restore(self, to=""):
        return RestoreResult(complete=True)

    def close(self):
        if self.error:
            raise self.error


class FakeSources:
    """`stays` are the answers of `close`, one after the other."""

    def __init__(self, *stays, refusal=None):
        self.notes = (NOTE,)
        self._stays = list(stays)
        self._refusal = refusal

    def start(self):
        if self._refusal:
            raise self._refusal

    def close(self, within=60.0):
        return self._stays.pop(0) if self._stays else ()


@pytest.fixture
def transaction():
    return FakeTransaction()


@pytest.fixture
def begun(tmp_path, monkeypatch, transaction):
    """A run over these sources, not opened yet."""

    def make(sources, **settings):
        connection = SimpleNamespace(
            context="dev", server="https://dev", options="--context dev", requests={"exec pods": 0}
        )
        found = SimpleNamespace(engine=LAB, uid="u", version="v1.33.0", notes=("first",))
        monkeypatch.setattr(room, "connect", lambda **_: connection)
        monkeypatch.setattr(room, "preflight", lambda *_: found)
        monkeypatch.setattr(Transaction, "open", lambda *_, **__: transaction)
        monkeypatch.setattr(room, "Sources", lambda *_, **__: sources)
        monkeypatch.setattr(room, "read", lambda *_, **__: Inventory(), raising=False)
        (tmp_path / "s.npol.yaml").write_text(STORY)
        story = expand(load_story(str(tmp_path / "s.npol.yaml"), root=str(tmp_path)))
        return StoryRun(story, Options(kubeconfig=None, context="dev", **settings))

    return make


def test_what_stays_makes_the_restore_incomplete(begun):
    run = begun(FakeSources((STAYED,), (STAYED,)))
    run.open()

    restored = run.close()

    assert (restored.complete, restored.problems) == (False, (STAYED,))
    assert restored.remedy.startswith("kubectl get pods,deployments -A -l app.kubernetes.io/")
    assert run.report().exit_code is ExitCode.RESTORE_INCOMPLETE


def test_what_went_after_all_is_no_trouble(begun):
    run = begun(FakeSources((STAYED,), ()))
    run.open()

    assert run.close().complete
    assert run.report().exit_code is ExitCode.AS_EXPECTED


def test_the_journal_knows_the_cure_while_it_is_there(begun, transaction):
    run = begun(FakeSources((STAYED,), (STAYED,)))
    run.open()
    transaction.error = RestoreIncomplete("not as it was found", hint="npol recover r")

    restored = run.close()

    assert (restored.problems, restored.remedy) == ((STAYED,), "npol recover r")


def test_what_stays_beside_changes_that_were_left_on_purpose_is_told(begun):
    run = begun(FakeSources((STAYED,), (STAYED,)), leave=True)
    run.open()

    restored = run.close()

    assert (restored.complete, restored.problems) == (False, (STAYED,))
    assert restored.left.startswith("npol rollback ")


def test_a_lock_that_stays_after_changes_were_left_is_told(begun, transaction):
    run = begun(FakeSources(), leave=True)
    run.open()
    transaction.error = RestoreIncomplete("the lock stays", hint="npol recover r")

    restored = run.close()

    assert (restored.complete, restored.problems) == (False, ("the lock stays",))


def test_what_stays_of_a_start_that_failed_outranks_its_refusal(begun):
    refusal = Refused("the debug pod does not run")
    run = begun(FakeSources((STAYED,), (STAYED,), refusal=refusal))

    with pytest.raises(RestoreIncomplete, match=f"does not run; .*{STAYED}") as error:
        run.open()

    assert error.value.hint.startswith("kubectl get pods")
    assert run.report().exit_code is ExitCode.RESTORE_INCOMPLETE


def test_a_start_that_failed_and_left_nothing_is_refused(begun):
    run = begun(FakeSources(refusal=Refused("the debug pod does not run")))

    with pytest.raises(Refused, match="does not run"):
        run.open()


def test_what_debug_pods_may_do_to_others_is_among_the_notes(begun):
    run = begun(FakeSources())
    run.open()
    run.close()

    assert run.report().cluster.notes == ("first", NOTE)
