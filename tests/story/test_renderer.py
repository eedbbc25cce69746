"""What a renderer is given and what it may do, shown by small scripts in its place."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from npol.story import enclosed, renderer
from npol.story.renderer import GivenUp, render

SCRIPT = [sys.executable, "-I", "-S", "-c"]
SHELL = ["/bin/sh", "-c"]


def test_it_gets_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "sekrit")
    monkeypatch.setenv("KUBECONFIG", "/root/.kube/config")
    program = "import json, os; print(json.dumps([dict(os.environ), os.getcwd(), os.listdir()]))"
    given, here, beside = eval(render([*SCRIPT, program]).written)

    assert given["HOME"] == given["TMPDIR"] == here != os.environ.get("HOME")
    assert set(given) <= {
        *("HOME", "TMPDIR", "PATH", "HTTP_PROXY", "HTTPS_PROXY", "GOTRACEBACK", "GOMEMLIMIT"),
        "LC_CTYPE",  # Python's own
    }
    assert beside == ["empty"]
    assert not os.path.exists(here)


def test_it_finds_no_program():
    ended = render([*SHELL, "git --version; curl --version"])

    assert ended.code == 127
    assert ended.said.count(b"not found") == 2


def test_it_reaches_no_network():
    """Where the machine lets nobody have a network of their own, it keeps npol's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ask = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        ended = render([*SCRIPT, ask])
    ours = os.readlink("/proc/self/ns/net") if os.path.exists("/proc/self/ns/net") else ""
    its = render([*SCRIPT, "import os; print(os.readlink('/proc/self/ns/net'))"]).written.decode()
    if its.strip() == ours:
        pytest.skip("no network namespaces for this user")

    assert b"Network is unreachable" in ended.said


def test_it_starts_where_it_gets_no_network_of_its_own(monkeypatch, tmp_path):
    """As on macOS, and where AppArmor or seccomp refuses it: unshare(2) fails."""
    refused = tmp_path / "enclosed.py"
    text = Path(enclosed.__file__).read_text()
    refused.write_text(text.replace("_NEW_NETWORK = 0x40000000", "_NEW_NETWORK = -1"))
    monkeypatch.setattr(enclosed, "__file__", str(refused))

    assert render([*SHELL, "echo here"]).written == b"here\n"


def test_it_is_ended_with_all_that_it_started(monkeypatch, tmp_path):
    monkeypatch.setattr(renderer, "PATIENCE", 0.5)
    program = "import os, time; print(os.getpid(), flush=True); os.fork(); time.sleep(60)"

    with pytest.raises(GivenUp, match=r"^took more than 0\.5 s$"):
        render([*SCRIPT, program])


def test_it_is_ended_by_what_it_writes_and_nothing_of_the_rest_is_kept(monkeypatch):
    monkeypatch.setattr(renderer, "MAX_RENDERED", 1_000_000)

    with pytest.raises(GivenUp, match=r"^wrote more than 1 MB$"):
        render([*SHELL, "while :; do echo abcdefghijklmnopqrstuvwxyz; done"])


def test_of_its_messages_start_and_end_are_kept():
    ended = render([*SCRIPT, "import sys; sys.stderr.write('a' * 500_000 + 'b' * 9_000)"])

    assert ended.said == b"a" * renderer.MOST_SAID + b"b" * renderer.MOST_SAID


def test_its_memory_is_limited():
    """A page is not taken before it is written to: the array is there, if it may be."""
    held = render([*SCRIPT, f"bytearray({enclosed.MEMORY})"])

    assert held.said.endswith(b"MemoryError\n")
    assert render([*SCRIPT, f"bytearray({enclosed.MEMORY // 2})"]).code == 0


def test_what_cannot_start_says_why(tmp_path):
    (tmp_path / "helm").write_text("")
    ended = render([str(tmp_path / "helm")])

    assert (ended.code, ended.said) == (enclosed.NOT_STARTED, b"Permission denied")
