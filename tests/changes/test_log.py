"""The log names what a run writes down, and nothing of its content."""

from __future__ import annotations

import logging

from npol.changes.journal.writer import JournalWriter
from npol.changes.journal_types import Action, Key

KEY = Key(
    api_version="networking.k8s.io/v1", kind="NetworkPolicy", namespace="shop", name="deny-all"
)


def test_an_intent_is_logged_without_the_object_s_content(caplog):
    caplog.set_level(logging.DEBUG, logger="npol")
    before = {"metadata": {"annotations": {"note": "planted-0123456789"}}}

    JournalWriter(None, None).intend(Action.DELETE, KEY, before=before, after=None)

    assert caplog.messages == ["journal: intent 1, delete NetworkPolicy shop/deny-all"]
