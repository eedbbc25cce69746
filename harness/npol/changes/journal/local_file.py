"""
The journal's copy on this machine: one file per run, lines appended and synced to the disk.

The directory is ours alone (0700) and so is each file (0600); links are not followed.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from npol.changes.failpoints import around
from npol.changes.journal.codec import Lines, read_lines, text_of
from npol.errors import Refused

FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC
APPEND = os.O_WRONLY | os.O_APPEND | FLAGS


def state_directory() -> Path:
    """$XDG_STATE_HOME/npol/runs, by default below ~/.local/state."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the specification says to ignore relative paths
        base = os.path.expanduser("~/.local/state")
    return Path(base, "npol", "runs")


class LocalFile:
    """One run's file, open for appending."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def create(cls, run_id: str, directory: Path | None = None) -> LocalFile:
        """
        Raises:
            Refused: the directory cannot be written, or is not ours alone.
        """
        directory = directory or state_directory()
        path = directory / f"{run_id}.jsonl"
        try:
            _make_private(directory)
            descriptor = os.open(path, APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _sync_directory(directory)
        except OSError as error:
            raise _unwritable(path, error) from error
        return cls(path, descriptor)

    @classmethod
    def reopen(cls, run_id: str, directory: Path | None = None) -> LocalFile | None:
        """The file of an earlier run on this machine; None where there is none."""
        path = (directory or state_directory()) / f"{run_id}.jsonl"
        try:
            return cls(path, os.open(path, APPEND))
        except OSError:
            return None

    def append(self, lines: Iterable[str]) -> None:
        """
        Write lines and wait until they are on the disk.

        Raises:
            Refused: the disk is full or gone.
        """
        data = text_of(lines).encode()
        try:
            with around("local.write"):
                while data:
                    data = data[os.write(self._descriptor, data) :]
            with around("local.sync"):
                os.fsync(self._descriptor)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        os.close(self._descriptor)

    def remove(self) -> None:
        with around("local.remove"):
            self.path.unlink(missing_ok=True)


def read(run_id: str, directory: Path | None = None) -> Lines:
    """The sound lines of a run's file; none where there is no file."""
    path = (directory or state_directory()) / f"{run_id}.jsonl"
    try:
        descriptor = os.open(path, os.O_RDONLY | FLAGS)
    except OSError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        text = file.read().decode(errors="replace")
    return read_lines(text)[0]


def runs(directory: Path | None = None) -> list[str]:
    """The ids of the runs that have a file here."""
    return sorted(p.stem for p in (directory or state_directory()).glob("*.jsonl"))


def remove_empty(directory: Path | None = None) -> None:
    """Remove files of runs that ended before their first line."""
    for path in (directory or state_directory()).glob("*.jsonl"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not read(path.stem, path.parent):
                    path.unlink()
        except OSError:  # its run is alive, or another recovery was faster
            continue


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(0, "it is not a directory of this user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        os.chmod(directory, 0o700)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with around("local.directory"):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> Refused:
    return Refused(
        f"the journal {path} cannot be written: {error.strerror}",
        hint="nothing is changed without a journal: free some space, or set XDG_STATE_HOME",
    )
