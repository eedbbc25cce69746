"""
Restores when the run can not: a process of its own that waits for the run to end.

    python -m npol.changes.watchdog

The run holds the other end of its standard input and says goodbye before it closes it. When
the run ends without a goodbye (SIGKILL, out of memory, os._exit), the watchdog restores from
the journal over a connection of its own. It has a session of its own and ignores the
terminal's signals, so it outlives Ctrl-C and a closed window. What it needs to know comes by
standard input too, and holds no secrets: a kubeconfig's path, a context, the run's id.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npol.changes.recover.recovery import Recovery
    from npol.errors import NpolError
    from npol.kube.connection import Connection

GOODBYE = b"done\n"
READY = b"ready\n"
LOOK_EVERY = 0.5
"""Seconds between two looks at whether the run lives."""
TRY_FOR = 900.0
"""Seconds for which a cluster that does not answer is asked again."""
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between two tries; the last one counts on."""


class Watchdog:
    """The run's end of the line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def start(
        cls, connection: Connection, run_id: str, state_directory: Path | None = None
    ) -> Watchdog:
        """Start one for a run, and wait until it watches."""
        import npol

        package = str(Path(npol.__file__).parent.parent)
        paths = [package, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
        environment.pop("NPOL_FAIL_POINT", None)  # it is the run that is to be struck
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "npol.changes.watchdog"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        settings = {
            "parent": os.getpid(),
            "kubeconfig": connection.kubeconfig,
            "context": connection.context,
            "run": run_id,
            "state": str(state_directory) if state_directory else None,
        }
        watchdog = cls(process)
        watchdog._tell(json.dumps(settings).encode() + b"\n")
        if process.stdout is not None:
            process.stdout.readline()
            process.stdout.close()
        return watchdog

    @property
    def pid(self) -> int:
        return self._process.pid

    def dismiss(self) -> None:
        """Say that there is nothing to restore, and wait for its end."""
        self._tell(GOODBYE)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)

    def _tell(self, data: bytes) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(OSError):  # it was killed: then nobody watches
                self._process.stdin.write(data)
                self._process.stdin.flush()


def main() -> int:
    """Watch until the run ends; 0 if nothing was to be restored, or all of it was."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # whoever stops the run means the run
    line = _Line(sys.stdin.fileno())
    settings = json.loads(line.read())
    sys.stdout.buffer.write(READY)
    sys.stdout.close()
    if line.wait(int(settings["parent"])) == GOODBYE:
        return 0
    return 0 if _restore(settings) else 1


class _Line:
    """Standard input, without a buffer that would hide data from `select`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> bytes:
        """One line; what there is of it at the end of the input."""
        data = b""
        while not data.endswith(b"\n"):
            more = os.read(self._descriptor, 1)
            if not more:
                break
            data += more
        return data

    def wait(self, parent: int) -> bytes:
        """
        The goodbye, or what there is when the run has ended.

        A child that the run forked may hold the line open, so the run is looked at as well: who
        loses a parent gets another one.
        """
        while os.getppid() == parent:
            ready, _, _ = select.select([self._descriptor], [], [], LOOK_EVERY)
            if ready:
                return self.read()
        ready, _, _ = select.select([self._descriptor], [], [], 0.0)
        return self.read() if ready else b""


def _restore(settings: Mapping[str, Any]) -> bool:
    """Try until nothing of the run is left, or time is up, or there is nothing to try with."""
    from npol.errors import NpolError

    until = time.monotonic() + TRY_FOR
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        try:
            done = _recover(settings)
            if not any(each.ours_left for each in done):
                return all(each.result is not None and each.result.complete for each in done)
        except NpolError as error:
            if not _may_pass(error):
                return False
        if time.monotonic() + pause >= until:
            return False
        time.sleep(pause)
    raise AssertionError("unreachable")


def _may_pass(error: NpolError) -> bool:
    """Whether the cluster is away, starting anew or busy, so that the next try may get through."""
    from npol.kube.api_errors import ApiError, LostReply, Unreachable
    from npol.kube.responses import PASSING

    if isinstance(error, (Unreachable, LostReply)):
        return True
    return isinstance(error, ApiError) and error.status in PASSING


def _recover(settings: Mapping[str, Any]) -> list[Recovery]:
    from npol.changes.recover.recovery import recover
    from npol.kube.connection import Mode, connect

    context, kubeconfig = settings["context"], settings["kubeconfig"]
    return recover(
        connect(kubeconfig=kubeconfig, context=context, mode=Mode.APPLY),
        run_id=settings["run"],
        known_dead=True,
        state_directory=Path(settings["state"]) if settings["state"] else None,
    )


if __name__ == "__main__":
    sys.exit(main())
