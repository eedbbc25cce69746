"""`npol recover` where a journal cannot be read: the others are told, then the error."""

import sys
from types import SimpleNamespace

import pytest

from npol.changes.recover.recovery import OpenRun, RecoveredInPart, Recovery
from npol.cli.app import main
from npol.errors import Refused
from npol.model.result import RestoreResult

RUN = OpenRun(
    run_id="dead",
    story="a.npol.yaml",
    started="2026-11-21",
    host="far",
    pid=1,
    user="ann",
    namespaces=("shop",),
    left=False,
    local=False,
)
UNREAD = Refused("run newer: of another version", hint="recover with that version")


@pytest.mark.parametrize(("complete", "code"), [(True, 4), (False, 6)])
def test_what_was_restored_is_told_before_what_cannot_be_read(monkeypatch, capsys, complete, code):
    result = RestoreResult(complete=complete, actions=("deleted NetworkPolicy shop/new",))

    def recovered(*_, **__):
        raise RecoveredInPart(UNREAD, [Recovery(run=RUN, result=result)])

    cluster = SimpleNamespace(context="test", server="https://127.0.0.1", kubeconfig=None)
    monkeypatch.setattr("npol.target_cluster.required", lambda *_: cluster)
    monkeypatch.setattr("npol.cli.recover.connect", lambda **_: cluster)
    monkeypatch.setattr("npol.cli.recover.recover_runs", recovered)
    monkeypatch.setattr(sys, "argv", ["npol", "recover", "--context", "test"])

    with pytest.raises(SystemExit) as end:
        main()

    told = capsys.readouterr()
    assert end.value.code == code
    assert "deleted NetworkPolicy shop/new" in told.out
    assert "1 open run(s) in context test" in told.out
    assert told.err.startswith("npol: run newer: of another version\n  try: recover with")
