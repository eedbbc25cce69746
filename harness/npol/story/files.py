"""Files of a story: below the root, regular, bounded. Nothing else is opened."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from npol.errors import InputError
from npol.story.field_validators import NotValid, did_you_mean, shown
from npol.yaml_positions import MAX_BYTES

MAX_FILES = 2_000
MAX_LEVELS = 16
SUFFIXES = (".yaml", ".yml", ".json")


def git_top(path: str) -> str | None:
    """
    The nearest directory at or above a path that holds `.git`, the path taken as it is written.

    A link does not choose the top: one that leads out of a repository, even to another one,
    leaves what it leads to outside.
    """
    here = Path(os.path.abspath(path))
    top: Path | None = None
    for above in reversed((here, *here.parents)):
        if os.path.exists(above / ".git") and (top is None or _leads_below(above, top)):
            top = above
    return str(top) if top else None


def find_root(path: str) -> str:
    """The git top of a file or directory, else the directory that it lies in."""
    return git_top(path) or os.path.dirname(os.path.abspath(path))


def inside(path: str, root: str | None = None) -> str:
    """
    The real path of a file or directory that a command line names.

    Raises:
        NotValid: links lead it out of `root`, or of `find_root(path)` where it is not below `root`.
    """
    require_printable(path)
    is_known = root is not None and is_below(os.path.abspath(path), os.path.abspath(root))
    top = os.path.realpath(root if root is not None and is_known else find_root(path))
    real = os.path.realpath(path)
    if not is_below(real, top):
        message = f"{shown(path)} is a link to a place outside of the root {top}"
        raise NotValid(message, "pass a wider --root")
    return real


def root_around(directory: str) -> str:
    """The real path of a directory's git top, else of the directory itself."""
    return os.path.realpath(git_top(directory) or directory)


def read_bytes(path: str, name: str) -> bytes:
    """
    A regular file's content; `name` is what messages call it.

    Raises:
        NotValid: there is no such file, or it is a pipe, a device, a directory, or too large.
    """
    with opened(path, name) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise NotValid(f"{name} is larger than {MAX_BYTES // 1_000_000} MB")
        return file.read(MAX_BYTES + 1)


@contextlib.contextmanager
def opened(path: str, name: str) -> Iterator[BinaryIO]:
    """
    A regular file, however large; `name` is what messages call it.

    Raises:
        NotValid: there is no such file, or it is a link, a pipe, a device, or a directory.
    """
    try:
        flags = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC  # opening a pipe must not block
        handle = os.open(path, os.O_RDONLY | flags)
    except OSError as error:
        raise NotValid(f"{name} cannot be read: {_reason(error)}") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotValid(f"not a regular file: {name}")
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def require_printable(path: str) -> None:
    """
    A name stands in messages and pages as it is.

    Raises:
        NotValid: it is empty, or holds control, format or undecodable characters.
    """
    if not path or not path.isprintable():
        raise NotValid(f"not a valid path: {shown(path)}")


def resolve(path: str, base: str, root: str) -> str:
    """
    The real path of what a story names, relative to the story's directory `base`.

    Raises:
        NotValid: it does not exist, or does not stay below `root`, symbolic links included.
    """
    require_printable(path)
    if os.path.isabs(path):
        raise NotValid(f"{shown(path)} is absolute", "write it relative to the story")
    top = os.path.realpath(root)
    written = os.path.normpath(os.path.join(os.path.realpath(base), path))
    if not is_below(written, top):
        raise NotValid(f"{shown(path)} is outside of the root {top}", "pass a wider --root")
    if not is_below(os.path.realpath(written), top):
        raise NotValid(f"{shown(path)} is a link to a place outside of the root {top}")
    try:
        return os.path.realpath(written, strict=True)
    except FileNotFoundError:
        raise NotValid(f"there is no {shown(path)}", _nearby(written)) from None
    except OSError as error:
        raise NotValid(f"{shown(path)}: {_reason(error)}") from None


def is_below(path: str, top: str) -> bool:
    """
    Whether a real path lies below another one.

    What is git's own does not: there CI keeps the token with which it has fetched the repository.
    """
    inside = os.path.commonpath([top, path]) == top
    return inside and ".git" not in os.path.relpath(path, top).split(os.sep)


def _leads_below(path: Path, top: Path) -> bool:
    return is_below(os.path.realpath(path), os.path.realpath(top))


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()


def _nearby(path: str) -> str:
    """A hint for the first part of a path that is not there."""
    if os.path.exists(path):
        return ""
    folder, name = os.path.split(path)
    while folder and folder != "/" and not os.path.exists(folder):
        folder, name = os.path.split(folder)
    try:
        return did_you_mean(name, sorted(os.listdir(folder))[:MAX_FILES])
    except OSError:
        return ""


def manifests_in(directory: str, root: str, name: str) -> Iterator[str]:
    """
    Real paths of all manifest files below a directory, in the order of their names.

    `name` is what messages call the directory.

    Hidden files are left out, and links to directories are not followed.

    Raises:
        NotValid: too many files, too many levels, a name that cannot be shown, or a link that
            leads out of `root`.
    """
    top = os.path.realpath(root)
    for count, path in enumerate(_walk(directory, MAX_LEVELS, name)):
        if count >= MAX_FILES:
            raise NotValid(f"{name} holds more than {MAX_FILES} files")
        if path.endswith(SUFFIXES):
            require_printable(os.path.relpath(path, directory))
            real = os.path.realpath(path)
            if not is_below(real, top):
                link = shown(os.path.relpath(path, directory))
                raise NotValid(f"{link} in {name} is a link to a place outside of the root {top}")
            yield real


def _walk(directory: str, levels: int, name: str) -> Iterator[str]:
    if not levels:
        raise NotValid(f"{name} is nested deeper than {MAX_LEVELS} directories")
    try:
        with os.scandir(directory) as scan:
            entries = list(itertools.islice(scan, MAX_FILES + 1))
    except OSError as error:
        raise NotValid(f"{name} cannot be read: {_reason(error)}") from None
    for entry in sorted(entries, key=lambda e: e.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, levels - 1, name)
        else:
            yield entry.path


def story_bytes(path: str, root: str | None = None) -> bytes:
    """
    The content of a file that a command line names; links do not lead it out of its root.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return read_bytes(inside(path, root), shown(path))
    except NotValid as error:
        hint = error.hint or _nearby(os.path.abspath(path))
        raise InputError(str(error), hint=hint) from None
