"""The archive: a .tar.gz of its own, readable by its owner alone, the same for the same pieces."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

from npol.errors import InputError

MOST = 64 << 20
"""Bytes of all pieces together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """One file of the archive; `name` has no `..` and no leading slash."""

    name: str
    data: bytes


def check_new(path: str) -> None:
    """
    Raises:
        InputError: there is something at that path, or it cannot be written.
    """
    directory = os.path.dirname(os.path.abspath(path))
    if os.path.lexists(path):
        raise InputError(f"{path} exists and is not overwritten", hint="name a new file")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to directory {directory}")


def write_archive(path: str, pieces: Iterable[ArchiveEntry]) -> list[str]:
    """
    Write the pieces in the order of their names; the names of those for which no room was left.

    Raises:
        InputError: the file exists, or cannot be written.
    """
    content = io.BytesIO()
    left_out: list[str] = []
    room = MOST
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for piece in sorted(pieces, key=lambda p: p.name):
            if len(piece.data) > room:
                left_out.append(piece.name)
                continue
            room -= len(piece.data)
            tar.addfile(_entry(piece), io.BytesIO(piece.data))
        if left_out:
            note = "\n".join(("no room was left for these:", *left_out, "")).encode()
            left = ArchiveEntry(name="LEFT-OUT.txt", data=note)
            tar.addfile(_entry(left), io.BytesIO(note))
    _write(path, content.getvalue())
    return left_out


def _entry(piece: ArchiveEntry) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(piece.name)
    entry.size = len(piece.data)
    entry.mode = 0o600
    return entry


def _write(path: str, data: bytes) -> None:
    """What was begun and could not be ended is taken away again."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise InputError(f"{path} exists and is not overwritten", hint="name a new file") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        os.unlink(path)
        raise InputError(f"{path}: {error.strerror}") from error
