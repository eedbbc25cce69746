"""
What npol says when it breaks: where in its code, and nothing of what it had read.

An exception's message may hold anything: a manifest, a token, a line of the environment. Shown of
it are the words that stand in npol's own source; the rest is masked, whatever it looks like.
"""

from __future__ import annotations

import platform
import re
import sys
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from npol import __version__
from npol.errors import ExitCode
from npol.kube.sanitize import plain
from npol.report.escape import safe

_PACKAGES = Path(__file__).parent.parent
_OWN = tuple(_PACKAGES / name for name in ("npol", "npol_lab"))
_WORD = re.compile(r"\w+")
_SENT = (
    "please send these lines to the maintainers of npol, with the command and, where others may"
    " see it, the story; what npol had read is masked as ***"
)
_LEFT = (
    "what it had changed in a cluster is in its journal: `npol recover --list` says what is left"
)


def crash_text(error: BaseException) -> str:
    """
    What is shown of an error that npol did not raise on purpose: several lines, no secrets.

    Frames have their place and, in npol's own files, their line of code; no values, no locals.
    """
    host = f"npol {__version__}, Python {platform.python_version()}, {sys.platform}"
    code = int(ExitCode.CRASHED)
    first = f"npol itself broke: no fault of story, manifests or cluster (exit code {code}; {host})"
    return "\n".join((first, *_chain(error), _SENT, _LEFT))


def _chain(error: BaseException, seen: tuple[BaseException, ...] = ()) -> Iterator[str]:
    """The error, after those that led to it."""
    seen = (*seen, error)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and before not in seen:
        yield from _chain(before, seen)
    yield from map(_frame, traceback.extract_tb(error.__traceback__))
    yield f"  {type(error).__name__}: {_masked(error)}".rstrip(": ")
    for each in getattr(error, "exceptions", ()):
        yield from _chain(each, seen)


def _frame(frame: traceback.FrameSummary) -> str:
    path = Path(frame.filename)
    own = any(path.is_relative_to(package) for package in _OWN)
    shown = path.relative_to(_PACKAGES) if own else path.name
    line = f": {frame.line}" if own and frame.line else ""
    return safe(f"  {shown}:{frame.lineno} in {frame.name}{line}")


def _masked(error: BaseException) -> str:
    try:
        text = plain(str(error), limit=400)
    except Exception:  # its message is as broken as what it is about
        return ""
    known = _vocabulary()
    return safe(_WORD.sub(lambda word: word[0] if word[0] in known else "***", text))


@cache
def _vocabulary() -> frozenset[str]:
    """All words of npol's source, comments included: no user has written any of them."""
    files = (file for package in _OWN for file in package.rglob("*.py"))
    texts = (file.read_text(encoding="utf-8") for file in files)
    return frozenset(word for text in texts for word in _WORD.findall(text))
