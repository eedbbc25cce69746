"""Paths that somebody else has named, kept below a directory."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from npol_lab.isolation.kernel import open_beneath

_PATH = os.O_PATH


@contextlib.contextmanager
def directory(path: str | os.PathLike[str]) -> Iterator[int]:
    """A directory as a descriptor."""
    handle = os.open(path, _PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def parts_of(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def exists(root: str | os.PathLike[str], path: str) -> bool:
    try:
        with directory(root) as handle:
            os.close(open_beneath(handle, path or ".", _PATH))
    except OSError:
        return False
    return True


def make_directories(root: int, path: str, *, owner: int = 0) -> None:
    """
    What `mkdir -p` would make were `root` the root directory.

    Raises:
        OSError: a file is in the way.
    """
    parts = parts_of(path)
    for number, part in enumerate(parts):
        above = open_beneath(root, "/".join(parts[:number]) or ".", _PATH | os.O_DIRECTORY)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=above)
                if owner:
                    os.chown(part, owner, owner, dir_fd=above, follow_symlinks=False)
        finally:
            os.close(above)


def write(root: int, path: str, text: str) -> None:
    """
    Raises:
        OSError: something other than a file is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
    with os.fdopen(open_beneath(root, path, flags, 0o644), "w") as file:
        file.write(text)


def remove(root: str | os.PathLike[str], path: str) -> None:
    """What `rm -rf` would take away were `root` the root directory; nothing there is fine."""
    above, _, name = path.rstrip("/").rpartition("/")
    with contextlib.suppress(OSError), directory(root) as handle:
        place = open_beneath(handle, above or ".", _PATH | os.O_DIRECTORY)
        try:
            shutil.rmtree(name, ignore_errors=True, dir_fd=place)
        finally:
            os.close(place)
