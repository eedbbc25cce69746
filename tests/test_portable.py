"""Against clusters npol runs wherever Python and psutil do: only the lab needs Linux."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import npol
from npol.cli.app import main

HERE = Path(npol.__path__[0])
ONLY_LINUX = {
    *("pidfd_open", "memfd_create", "setns", "unshare", "eventfd", "getrandom", "sendfile"),
    *("sched_getaffinity", "sched_setaffinity", "splice", "CLOCK_BOOTTIME", "epoll", "AF_NETLINK"),
    *("SO_BINDTODEVICE", "SO_MARK", "TCP_USER_TIMEOUT", "AF_PACKET", "prlimit", "O_PATH"),
}
"""Of Python's own modules; macOS has none of them."""
MODULES = {"pyroute2", "prctl", "seccomp"}
GUARDED = {("memfd.py", "memfd_create"), ("enclosed.py", "unshare")}
"""Used behind a `hasattr`, with another way beside it."""


@pytest.fixture(scope="module")
def trees():
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in HERE.rglob("*.py")]


def test_no_module_outside_the_lab_uses_what_only_linux_has(trees):
    used = {
        (path.name, node.attr)
        for path, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ONLY_LINUX
    }
    assert used == GUARDED


def test_no_module_outside_the_lab_imports_what_only_linux_has(trees):
    for path, tree in trees:
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not MODULES & {name.partition(".")[0] for name in names}, path


MAC = f"""
import os, sys, time

for module, names in ((os, {sorted(ONLY_LINUX)}), (time, ["CLOCK_BOOTTIME"])):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)

def look(event, arguments):
    if event not in ("open", "os.listdir", "os.readlink") or not arguments:
        return
    if not str(arguments[0]).startswith("/proc"):
        return
    frame = sys._getframe(1)
    while frame and not frame.f_code.co_filename.endswith(".py"):
        frame = frame.f_back
    if frame and {str(HERE)!r} in frame.f_code.co_filename:
        os._exit(77)

sys.addaudithook(look)
"""
"""A `sitecustomize` that takes Linux's own away, and ends who looks into /proc himself."""


@pytest.fixture
def mac(tmp_path):
    """Python code, run where Linux's own is not to be had, in children too."""
    (tmp_path / "sitecustomize.py").write_text(MAC)
    paths = [str(tmp_path), str(HERE.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def run(code):
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


EVERY_MODULE = """
import importlib, pkgutil, npol
for module in pkgutil.walk_packages(npol.__path__, "npol."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("all")
"""
IDENTITY = """
import os
from npol.changes.lock.holder import alive, myself
me = myself()
print(alive(me.process, me.pid), alive(me.process, 4_000_000), alive(me.process, os.getppid()))
"""
KEYS = """
import base64
from npol.kube.memfd import by_path
entry = {"client-key-data": base64.b64encode(b"key").decode()}
print(by_path(entry) == entry)
"""


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("code", "said"),
    [(EVERY_MODULE, "all"), (IDENTITY, "True False None"), (KEYS, "True")],
    ids=["imports", "identity", "keys"],
)
def test_npol_works_where_linux_is_not(mac, code, said):
    ran = mac(code)

    assert ran.stdout.strip() == said, ran.stderr


WATCHED = """
import os, sys
from types import SimpleNamespace
from npol.changes.watchdog import Watchdog
connection = SimpleNamespace(kubeconfig="/nowhere/kubeconfig", context="x")
dog = Watchdog.start(connection, "run-1", None)
if os.fork() == 0:
    import time
    os.close(1), os.close(2)
    time.sleep(20)  # holds the line open
    os._exit(0)
print(dog.pid, flush=True)
os._exit(9)
"""


@pytest.mark.nightly
def test_a_watchdog_notices_the_end_of_its_run_where_linux_is_not(mac):
    ran = mac(WATCHED)

    dog = int(ran.stdout)
    try:
        gone, _ = psutil.wait_procs([psutil.Process(dog)], timeout=15)
    except psutil.NoSuchProcess:
        return
    assert [process.pid for process in gone] == [dog], "it still waits"


def test_windows_is_told_the_way_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("npol.cli.app.os", SimpleNamespace(name="nt"))

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "WSL2" in said
    assert said.count("\n") == 1
