"""`npol check --fix`: the certain fixes, in the files that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from npol.errors import InputError
from npol.policy.lint import LintFinding
from npol.policy.lint.fixing import mended

MARK = b"\xef\xbb\xbf"
"""What some editors begin a file with; positions are counted behind it."""


def fix_files(findings: Sequence[LintFinding]) -> list[LintFinding]:
    """
    Writes fixes into their files, and says which findings they mend.

    What was rendered has no file of its own, and stays as it is.

    Raises:
        InputError: a file cannot be written.
    """
    files = dict.fromkeys(f.at.file for f in findings if f.certain and f.at)
    done: list[LintFinding] = []
    for file in filter(_is_file, files):
        done += _fix_file(Path(file), [f for f in findings if f.at and f.at.file == file])
    return done


def _is_file(name: str) -> bool:
    return Path(name).is_file()


def _fix_file(file: Path, findings: Sequence[LintFinding]) -> list[LintFinding]:
    try:
        old = file.read_bytes()
        mark = MARK if old.startswith(MARK) else b""
        text, done = mended(old.removeprefix(mark).decode(), findings)
        if done:
            file.write_bytes(mark + text.encode())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    return done
