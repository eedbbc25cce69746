"""Runs of one session wait for each other where they share a namespace."""

import fcntl

import pytest

from npol.pytest_plugin.siblings import Siblings


@pytest.fixture
def siblings(tmp_path):
    return Siblings(tmp_path / "turns", "config dev")


def may(siblings, kind):
    """Which of the namespaces that another worker knows could be held by it now."""
    found = []
    for path in sorted(siblings.directory.iterdir()):
        with path.open("w") as file:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            found.append(path.name)
    return found


def names(siblings):
    return sorted(path.name for path in siblings.directory.iterdir())


def test_nobody_reads_or_changes_a_namespace_that_a_sibling_changes(siblings):
    with siblings.turn({"shop"}, {"shop"}):
        assert may(siblings, fcntl.LOCK_SH) == []

    assert may(siblings, fcntl.LOCK_EX) == names(siblings)


def test_siblings_that_only_read_a_namespace_do_not_wait(siblings):
    with siblings.turn(set(), {"shop"}):
        assert may(siblings, fcntl.LOCK_SH) == names(siblings)
        assert may(siblings, fcntl.LOCK_EX) == []


def test_other_namespaces_and_other_clusters_are_not_waited_for(siblings):
    here = Siblings(siblings.directory, "config dev")
    there = Siblings(siblings.directory, "config prod")

    with siblings.turn({"shop"}, set()), here.turn({"bank"}, set()), there.turn({"shop"}, set()):
        assert len(names(siblings)) == 3


def test_a_run_inside_another_waits_for_nobody(siblings):
    with siblings.turn({"shop"}, set()), siblings.turn({"shop"}, set()):
        assert may(siblings, fcntl.LOCK_SH) == []


def test_a_run_that_fails_ends_its_turn(siblings):
    with pytest.raises(ValueError, match="no"), siblings.turn({"shop"}, set()):
        raise ValueError("no")

    assert may(siblings, fcntl.LOCK_EX) == names(siblings)
