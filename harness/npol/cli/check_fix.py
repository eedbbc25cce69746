"""`npol check --fix`: the certain fixes, in the files that hold them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from npol.errors import InputError
from npol.policy.lint import LintFinding
from npol.policy.lint.fixing import mended
from npol.story import files
from npol.story.field_validators import NotValid

MARK = b"\xef\xbb\xbf"
"""What some editors begin a file with; positions are counted behind it."""


def fix_files(findings: Sequence[LintFinding], root: str | None = None) -> list[LintFinding]:
    """
    Writes fixes into their files, and says which findings they mend.

    What was rendered has no file of its own, and stays as it is; so does a file that is none, or
    that does not lie below `root` (the repository around it by default), links included.

    Raises:
        InputError: a file cannot be written.
    """
    mine = [f for f in findings if f.certain and f.at and not f.at.is_rendered]
    done: list[LintFinding] = []
    for file in dict.fromkeys(f.at.file for f in mine if f.at):
        real = os.path.realpath(file)
        top = root or files.root_around(os.path.dirname(os.path.abspath(file)))
        if files.is_below(real, os.path.realpath(top)):
            done += _fix_file(real, file, [f for f in findings if f.at and f.at.file == file])
    return done


def _fix_file(real: str, name: str, findings: Sequence[LintFinding]) -> list[LintFinding]:
    try:
        old = files.read_bytes(real, name)
    except NotValid:
        return []
    mark = MARK if old.startswith(MARK) else b""
    text, done = mended(old.removeprefix(mark).decode(), findings)
    if done:
        _write(real, name, mark + text.encode())
    return done


def _write(real: str, name: str, text: bytes) -> None:
    try:
        handle = os.open(real, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error
