"""What stays of debug pods makes the restore incomplete; what they may do to others is noted."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from npol.changes.transaction import Transaction
from npol.cni.catalogue import SILENCE, Enforces, Engine
from npol.cni.preflight import Preflight
from npol.errors import ExitCode, Refused, RestoreIncomplete
from npol.model.inventory import Inventory
from npol.model.result import RestoreResult
from npol.model.verification import FlowVerification, NotVerified
from npol.report.json import to_json
from npol.report.summary import restore_line
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

    def wait_until_back(self, *, within):
        pass

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

    def prepare_beside(self, peers):
        pass

    def close(self, within=60.0, *, keep=False):
        return self._stays.pop(0) if self._stays else ()


@pytest.fixture
def transaction():
    return FakeTransaction()


@pytest.fixture
def begun(tmp_path, monkeypatch, transaction):
    """A run over these sources, not opened yet."""

    def make(sources, **settings):
        connection = SimpleNamespace(
            context="dev",
            server="https://dev",
            options="--context dev",
            requests={"exec pods": 0},
            list=lambda *_, **__: [],
            list_in=lambda *_, **__: [],
            open_ahead=lambda **_: None,
            close=lambda: None,
        )
        found = Preflight(engine=LAB, uid="u", version="v1.33.0", notes=("first",))
        monkeypatch.setattr(room, "connect", lambda **_: connection)
        monkeypatch.setattr(room, "preflight", lambda *_: found)
        monkeypatch.setattr(room, "first_look", lambda *_: None)
        monkeypatch.setattr(Transaction, "open", lambda *_, **__: transaction)
        monkeypatch.setattr(room, "Sources", lambda *_, **__: sources)
        monkeypatch.setattr(room, "read", lambda *_, **__: Inventory(), raising=False)
        (tmp_path / "s.npol.yaml").write_text(STORY)
        story = load_story(str(tmp_path / "s.npol.yaml"), root=str(tmp_path))
        offline = Options(kubeconfig=None, context="dev", flow_records="off", **settings)
        return StoryRun(story, offline)

    return make


def test_a_debug_pod_that_stays_makes_the_restore_incomplete(begun):
    run = begun(FakeSources((STAYED,), (STAYED,)))
    run.open()

    restored = run.close()

    assert (restored.complete, restored.problems) == (False, (STAYED,))
    assert restored.remedy.startswith("kubectl get pods,deployments -A -l app.kubernetes.io/")
    assert run.report().exit_code is ExitCode.RESTORE_INCOMPLETE


def test_a_debug_pod_deleted_at_the_second_try_is_no_problem(begun):
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


def test_a_debug_pod_that_stays_is_reported_beside_changes_left_on_purpose(begun):
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


def test_a_debug_pod_left_by_a_failed_start_outranks_its_refusal(begun):
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


def broken(*_, **__):
    raise KeyError("spec")


def test_a_defect_at_the_start_is_in_the_report_and_everything_is_given_back(begun):
    run = begun(FakeSources(refusal=KeyError("spec")))

    with pytest.raises(KeyError):
        run.open()

    assert run.report().restore.complete
    assert (run.report().exit_status, run.report().error) == (70, "npol itself broke (KeyError)")


def test_a_defect_of_a_step_breaks_once_and_ends_the_run_with_its_code(begun, monkeypatch):
    run = begun(FakeSources())
    run.open()
    monkeypatch.setattr("npol.run.step_runner.StepRunner.run", broken)
    with pytest.raises(KeyError):
        run.reach("only")

    again = run.reach("only")

    assert again.error == "npol itself broke (KeyError)"
    assert run.close().complete
    assert run.report().exit_status == 70


@pytest.mark.parametrize(
    ("error", "complete", "code"),
    [(None, True, 70), (RestoreIncomplete("not back", hint="npol recover r"), False, 6)],
    ids=["given-back", "not-given-back"],
)
def test_a_defect_while_flows_are_verified_keeps_nothing_from_being_given_back(
    begun, transaction, monkeypatch, error, complete, code
):
    run = begun(FakeSources())
    run.open()
    monkeypatch.setattr("npol.run.run_end.RunEnd.give_back", broken)
    transaction.error = error
    with pytest.raises(KeyError):
        run.close()

    restored = run.close()

    assert restored.complete is complete
    assert restored.remedy == ("" if complete else "npol recover r")
    assert run.report().exit_status == code


def test_side_effects_of_debug_pods_are_among_the_notes(begun):
    run = begun(FakeSources())
    run.open()
    run.close()

    assert run.report().cluster.notes == ("first", NOTE)


VERIFICATIONS = [
    (FlowVerification(asked=3), "flows verified by fresh probes", ExitCode.AS_EXPECTED),
    (
        FlowVerification(asked=3, different=("a -> b:80",)),
        "flows not verified: 1 of 3 is not as before: a -> b:80",
        ExitCode.UNKNOWN,
    ),
    (
        FlowVerification(asked=3, unknown=("a -> b:80", "a -> c:80")),
        "flows not verified: 2 of 3 are not known: a -> b:80",
        ExitCode.UNKNOWN,
    ),
    (
        FlowVerification(not_verified=NotVerified.PROBES_FAILED, error="no exec"),
        "flows not verified: no exec",
        ExitCode.UNKNOWN,
    ),
    (
        FlowVerification(not_verified=NotVerified.POLICIES_NOT_BACK),
        "flows not verified: not all policies could be put back",
        ExitCode.UNKNOWN,
    ),
    (
        FlowVerification(not_verified=NotVerified.NO_BASELINE),
        "flows not verified: the story has no step before its first change"
        " (add one to compare with)",
        ExitCode.AS_EXPECTED,
    ),
]


@pytest.mark.parametrize(("flows", "words", "code"), VERIFICATIONS)
def test_flows_after_a_complete_restore_are_a_result_of_their_own(begun, flows, words, code):
    """Nothing is left to restore, whatever the flows do: `npol recover` would find nothing."""
    run = begun(FakeSources(), namespaces=("shop",))
    run.open()
    run._step_runner = SimpleNamespace(verify=lambda unchanged: flows)

    restored = run.close()

    assert (restored.complete, restored.problems, restored.remedy) == (True, (), "")
    assert restored.flows == flows
    assert restore_line(restored).endswith(words)
    assert run.report().exit_code is code
    assert json.loads(to_json(run.report()))["summary"]["passed"] is (code == 0)


def test_policies_that_are_not_back_outrank_flows_that_are_not_verified(begun):
    run = begun(FakeSources((STAYED,), (STAYED,)), namespaces=("shop",))
    run.open()
    run._step_runner = SimpleNamespace(
        verify=lambda unchanged: FlowVerification(asked=1, unknown=("f",))
    )
    run.close()

    report = run.report()
    assert report.exit_code is ExitCode.RESTORE_INCOMPLETE
    assert json.loads(to_json(report))["summary"]["passed"] is False
