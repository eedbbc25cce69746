"""A journal that cannot be read: the commands that list runs tell the others first, then it."""

import sys

import pytest

from npol.cli.app import main
from tests.changes.cluster import STATE

BEHEADED = "the journal of run broken has lost its beginning"
STORY = """
version: 1
peers: {web: {namespace: shop, labels: {app: web}}}
steps: [{name: before, flows: [{from: web, to: web, port: 80, expect: allow}]}]
"""


@pytest.fixture
def journals(cluster, begin):
    """Of two runs: one that can be read, and one, the first by name, that cannot."""
    for run_id, namespace in (("broken", "bank"), ("sound", "shop")):
        begin(namespace, run_id=run_id)._lock.release()

    def behead(chunk):
        chunk["data"]["journal.jsonl"] = chunk["data"]["journal.jsonl"].partition("\n")[2]

    cluster.change("configmaps", STATE, "npol-broken-0", behead)


@pytest.fixture
def npol(cluster, tmp_path, monkeypatch, capsys):
    """A command on the cluster: its exit code, and what it wrote on both streams."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nothing"))

    def run(*words):
        there = ["--kubeconfig", str(cluster.kubeconfig), "--context", "test"]
        monkeypatch.setattr(sys, "argv", ["npol", *words, *there])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return end.value.code, told.out, told.err

    return run


@pytest.fixture
def story(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.npol.yaml").write_text(STORY)
    return "a.npol.yaml"


def test_recover_lists_the_runs_whose_journals_can_be_read(journals, npol):
    code, out, err = npol("recover", "--list")

    assert (code, out.count("\n")) == (4, 1)
    assert out.startswith("run sound of no story, by ")
    assert BEHEADED in err


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_rollback_beside_a_journal_that_cannot_be_read_changes_nothing_and_lists_the_others(
    cluster, journals, npol, story, options
):
    before = cluster.state()

    code, out, err = npol("rollback", story, *options)

    assert (code, out.count("\n")) == (4, 1)
    assert out.startswith("run sound of no story, by ")
    assert BEHEADED in err
    assert cluster.state() == before


def test_doctor_goes_on_behind_a_journal_that_cannot_be_read(journals, npol):
    code, out, err = npol("doctor", "--no-canary", "-n", "shop")

    assert (code, err) == (1, "")
    assert "open run     run sound of no story, by " in out
    assert f"PROBLEM        open run     {BEHEADED}" in out
