"""Every write stands inside a fail point, and every fail point is struck by test_kills."""

import ast
import os
import signal

import pytest

from npol.changes.failpoints import around
from tests.changes import test_kills
from tests.changes.points import FILES, ROOM, all_points, marks, names

WRITES = {"create", "replace", "patch", "apply", "delete"}
DOORS = {"connection.py", "api_client.py", "exec.py", "writes.py", "failpoints.py"}
"""Who sends for others."""
OUTSIDE = {"canary.py", "memfd.py"}
"""Who writes outside of any run's transaction."""
SYSTEM = {"os.fsync", "os.write"}


def write_calls(tree):
    """Calls that change the cluster or the disk, dry runs left out."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = ast.unparse(node.func.value)
        sends = owner.split(".")[-1] in ("connection", "_connection", "writes")
        dry = any(keyword.arg == "dry_run" for keyword in node.keywords)
        known = node.func.attr in WRITES | {"set_labels"}
        if (sends and known and not dry) or f"{owner}.{node.func.attr}" in SYSTEM:
            yield node


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if f.name not in DOORS | OUTSIDE],
    ids=lambda f: str(f.relative_to(ROOM)),
)
def test_every_write_stands_inside_a_fail_point(file):
    tree = ast.parse(file.read_text())
    inside = {n for _, mark in marks(tree) for n in ast.walk(mark)}

    bare = [f"{file.name}:{call.lineno}" for call in write_calls(tree) if call not in inside]

    assert not bare


def test_the_check_sees_the_writes_of_this_room():
    room = [
        f for f in FILES if f.is_relative_to(ROOM / "changes") and f.name not in DOORS | OUTSIDE
    ]
    seen = [call for f in room for call in write_calls(ast.parse(f.read_text()))]

    assert len(seen) >= len(names()) - 3


def test_every_fail_point_is_struck_by_the_kill_matrix():
    assert all_points() == test_kills.POINTS
    assert len(names()) >= 20


def test_a_fail_point_strikes_at_its_side_and_count(monkeypatch):
    struck = []
    monkeypatch.setattr(os, "kill", lambda pid, number: struck.append((pid, number)))
    monkeypatch.setenv("NPOL_FAIL_POINT", "test.write.after:TERM:2,test.write.before:INT")

    for _ in range(3):
        with around("test.write"):
            pass

    me = os.getpid()
    assert struck == [(me, signal.SIGINT), (me, signal.SIGTERM)]


def test_a_write_that_failed_does_not_reach_the_far_side(monkeypatch):
    struck = []
    monkeypatch.setattr(os, "kill", lambda pid, number: struck.append(number))
    monkeypatch.setenv("NPOL_FAIL_POINT", "test.failed.after:TERM")

    with pytest.raises(ValueError, match="no"), around("test.failed"):
        raise ValueError("no")

    assert struck == []
