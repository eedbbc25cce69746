"""A run that recovers what a dead one has left, before it begins: its own signals stay its own."""

import signal
from unittest.mock import MagicMock

import pytest

from npol.changes.begin import TransactionOptions, TransactionStart
from npol.kube.signals import Stop, Stopped


def test_a_recovery_within_a_run_keeps_no_signal_from_it(monkeypatch):
    def recover(connection, *, run_id, stop, state_directory):
        with stop.restoring():
            return []

    monkeypatch.setattr("npol.changes.recover.recovery.recover", recover)
    stop = Stop()
    options = TransactionOptions(run_id="r1", namespaces=["shop"], recover_stale=True)

    assert TransactionStart(MagicMock(), options, stop)._recovered("dead")

    with pytest.raises(Stopped):
        stop.take(signal.SIGINT)
