"""Starting a lab, and making sure that nothing of it stays: the side of who wants one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import npol
from npol.errors import Refused
from npol_lab import cgroup_trees
from npol_lab.availability import NAMESPACES
from npol_lab.families import named
from npol_lab.kubeconfig import CONTEXT
from npol_lab.requirements import SEARCH, no_namespaces, require_families, require_tools
from npol_lab.user_limits import go_first
from npol_lab.user_map import pods_user, waiting, write_maps

PREFIX = "npol-lab-"
FILES = {"lock", "kubeconfig", "kubeconfig.unfinished", "lab.log", "state"}
"""Of a lab's directory. What holds anything else is no lab's, whatever its name."""
PATIENCE = 60.0
"""Seconds in which a lab must be ready, also on a machine under heavy load."""
BUSY = 8
"""Load for each CPU above which a lab that is not ready is no defect of the lab."""
FAREWELL = 5.0
"""Seconds in which the last process must have ended; then it is killed."""
YOUNG = 10.0
MODULE = "npol_lab"
"""What runs inside."""
PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH")
"""All that a lab gets of our environment: there may be secrets in it, and hostile pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabOptions:
    """
    `enforcement` False: policies are accepted and ignored; `enforcement_delay`: in seconds;
    `fresh_pod_delay`: the same for pods that have just started, of which policies do not know yet;
    `strict`: images that the lab does not have get no stand-ins; `ip_families`: of pods and
    nodes, `IPv4` alone or with `IPv6`.
    """

    nodes: int = 2
    enforcement: bool = True
    enforcement_delay: float = 0.0
    fresh_pod_delay: float = 0.0
    strict: bool = False
    ip_families: tuple[str, ...] = ("IPv4",)

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= 9:
            raise ValueError(f"a lab has 1 to 9 nodes, not {self.nodes}")
        if (least := min(self.enforcement_delay, self.fresh_pod_delay)) < 0:
            raise ValueError(f"a delay is not negative, got {least:g} s")
        named(self.ip_families)


class Lab:
    """
    A running lab; a context manager that stops it.

    It lives as long as this process: when that ends, in whatever way, the lab's first
    process sees it and everything is gone within a tenth of a second.
    """

    context = CONTEXT

    def __init__(self, id: str, directory: Path, process: subprocess.Popen[bytes]) -> None:
        self.id = id
        self.kubeconfig = directory / "kubeconfig"
        self.log = directory / "lab.log"
        self._directory = directory
        self._process = process
        self._held: list[int] = []

    @classmethod
    def start(cls, options: LabOptions | None = None) -> Lab:
        """
        Raises:
            Refused: this machine cannot have a lab; the message says why and what to do.
        """
        options = options or LabOptions()
        require_tools()
        require_families(options.ip_families)
        place = temporary_files()
        sweep(place)
        cgroup_trees.sweep(place)
        id = f"npol{secrets.token_hex(3)}"
        directory = place / f"{PREFIX}{id}"
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, directory, ignore_errors=True)
            directory.mkdir(mode=0o700)
            lab = cls._launch(id, directory, options, undo)
            undo.pop_all()
        return lab

    @classmethod
    def _launch(
        cls, id: str, directory: Path, options: LabOptions, undo: contextlib.ExitStack
    ) -> Lab:
        lock = _lock(directory)
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        lifeline, held = os.pipe()
        news, teller = os.pipe()
        parent = os.pidfd_open(os.getpid())
        passed = (lock, listener.fileno(), lifeline, parent, teller)
        settings = {
            "id": id,
            "directory": str(directory),
            "listener": listener.fileno(),
            "parent": [lifeline, parent],
            "teller": teller,
            "owner": 1 if pods_user() else 0,
            **asdict(options),
        }
        with listener:
            try:
                process = _spawn(settings, directory, passed)
            finally:
                for handle in (lock, lifeline, parent, teller):
                    os.close(handle)
        lab = cls(id, directory, process)
        lab._held = [held]
        undo.callback(lab.stop)
        try:
            lab._wait_until_ready(news)
        finally:
            os.close(news)
        return lab

    def _wait_until_ready(self, news: int) -> None:
        """One line of JSON comes when it is ready, or nothing but the pipe's end."""
        deadline, message = time.monotonic() + PATIENCE, b""
        poll = select.poll()  # unlike select, it takes any descriptor's number
        poll.register(news, select.POLLIN)
        while not message.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                slow = f"the lab was not ready within {PATIENCE:g} s"
                raise Refused(slow, hint=busy_machine() or self._tail())
            piece = os.read(news, 65536)
            if not piece:
                raise self._why_not()
            message += piece
        said: dict[str, Any] = json.loads(message)
        if "refused" in said:
            raise Refused(said["refused"], hint=said["hint"])

    def _why_not(self) -> Refused:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL)
        text = self.log.read_text(errors="replace").strip()
        last = text.splitlines()[-1] if text else "it wrote nothing"
        if last.startswith("unshare:"):
            return no_namespaces(last)
        return Refused(f"the lab ended while it started: {last}", hint=self._tail())

    def _tail(self) -> str:
        text = self.log.read_text(errors="replace").strip()
        return f"report this, it is a defect of the lab:\n{text[-4000:]}"

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End every process of the lab and remove its files. Twice is fine."""
        while self._held:
            os.close(self._held.pop())
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)
        cgroup_trees.sweep(self._directory.parent)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _spawn(
    settings: dict[str, Any], directory: Path, passed: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    """In a session of its own: a Ctrl-C at the terminal is for us, who then stop the lab."""
    package = str(Path(npol.__file__).parent.parent)
    path = os.pathsep.join(p for p in (package, os.environ.get("PYTHONPATH")) if p)
    command = [sys.executable, "-P", "-m", MODULE, settings["id"], json.dumps(settings)]
    fork = ["--fork", "--kill-child", "--mount-proc"]
    if settings["owner"]:
        line = waiting(["unshare", *NAMESPACES[2:], *fork, *command])
    else:
        line = ["unshare", *NAMESPACES, *fork, *command]
    log = os.open(directory / "lab.log", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE if settings["owner"] else subprocess.DEVNULL,
            stdout=subprocess.PIPE if settings["owner"] else log,
            stderr=log,
            pass_fds=passed,
            start_new_session=True,
            env=_environment(path),
        )
    finally:
        os.close(log)
    go_first(process.pid)
    if settings["owner"]:
        write_maps(process, pods_user())
    return process


def _environment(path: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    unused = {"SSL_CERT_FILE": os.devnull}  # reading the host's authorities costs 45 ms
    return {**kept, **unused, "PATH": SEARCH, "PYTHONPATH": path}


def _lock(directory: Path) -> int:
    """Held by us and by the lab's first process: while one of them lives, it is not stale."""
    handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def temporary_files() -> Path:
    """
    Where they belong. `tempfile.gettempdir` tries its folder by a file, which a run that is killed
    then leaves there.

    Raises:
        Refused: there is no such folder.
    """
    named = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for folder in filter(None, [*named, "/tmp", "/var/tmp"]):
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder).absolute()
    raise Refused("there is no folder for temporary files", hint="TMPDIR names one")


def sweep(temporary: Path, *, young: float = YOUNG) -> None:
    """
    Remove what labs left that could not clean up: all their processes were killed.

    Args:
        young: seconds for which a directory is left alone: it may not be locked yet.
    """
    for directory in temporary.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            about = directory.lstat()
            if about.st_uid == os.getuid() and time.time() - about.st_mtime >= young:
                _remove_unless_held(directory)


def _remove_unless_held(directory: Path) -> None:
    if not FILES.issuperset(os.listdir(directory)):
        return
    with _opened(directory / "lock") as handle:
        if handle is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _opened(lock: Path) -> Iterator[int | None]:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def busy_machine() -> str:
    """What to try where it is the machine that has no time; "" where it has."""
    load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    if load < BUSY * cpus:
        return ""
    return f"again when the machine has time: its load is {load:.0f}, on {cpus} CPUs"
