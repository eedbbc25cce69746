"""
Runs of one session wait for each other.

The workers of pytest-xdist run stories at once. Two that share a namespace would hold each
other up: the second meets the first one's lock, its policies, or a namespace that is just
being deleted. Locks on files hold until their process ends, however it ends.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


def siblings_of(testrun: str, cluster: str) -> Siblings:
    """`testrun`: the id of the session that all workers know; `cluster`: what they share."""
    return Siblings(Path(tempfile.gettempdir()) / f"npol-{os.getuid()}-{testrun}", cluster)


class Siblings:
    """The runs of one session on one cluster, each in a process of its own."""

    def __init__(self, directory: Path, cluster: str) -> None:
        self.directory = directory
        self._cluster = cluster
        self._mine = 0

    @contextmanager
    def turn(self, changed: Collection[str], read: Collection[str]) -> Iterator[None]:
        """
        Wait until nobody changes what is read, nor reads what is changed, and hold it.

        A run inside another of the same process waits for nobody: they are one turn.
        """
        with ExitStack() as held:
            if not self._mine:
                for namespace in sorted({*changed, *read}):  # one order for all: no deadlock
                    held.enter_context(self._held(namespace, alone=namespace in changed))
            self._mine += 1
            try:
                yield
            finally:
                self._mine -= 1

    @contextmanager
    def _held(self, namespace: str, *, alone: bool) -> Iterator[None]:
        import fcntl  # not on Windows, where no worker comes here

        self.directory.mkdir(mode=0o700, exist_ok=True)
        name = hashlib.sha256(f"{self._cluster}\n{namespace}".encode()).hexdigest()
        with (self.directory / name).open("w") as file:
            log.info("waiting for runs of this session in namespace %s", namespace)
            fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
