"""The streams of a command: their reader may go (`| head -1`), or lack some of our letters."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from npol.kube.signals import pull

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

UNREAD = 128 + signal.SIGPIPE
"""How a command ends whose output nobody read to its end."""

NARROWEST = 60
"""Columns that are taken for granted."""


class Output(io.FileIO):
    """
    A stream of this process that takes everything, also when nobody reads it any more.

    `then` is called once, when the reader is found gone; what it raises goes to the writer.
    """

    def __init__(self, descriptor: int, then: Callable[[], None]) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.gone = False
        self._then = then

    def write(self, data: ReadableBuffer, /) -> int:
        if not self.gone:
            try:
                return super().write(data)
            except BrokenPipeError:
                self.gone = True
                self._then()
        return memoryview(data).nbytes


def install() -> Callable[[], bool]:
    """
    Make standard output and standard error such streams, where they are the process's own.

    Who reads the output and goes stops the command; call the result to know whether it did.
    Characters that the streams' encoding lacks are spelt `\\xe9`: a name with an accent is shown
    on an ASCII terminal, too.
    """
    _replace("stderr", lambda: None)
    output = _replace("stdout", lambda: pull(signal.SIGPIPE))
    return lambda: output is not None and output.gone


def _replace(name: str, then: Callable[[], None]) -> Output | None:
    stream: TextIO | None = getattr(sys, name)
    if stream is None:  # `>&-`: else the next file that is opened would be written to
        setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  it stays open to the end
        return None
    if stream is not getattr(sys, f"__{name}__"):
        return None
    output = Output(stream.fileno(), then)
    text = io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
    )
    setattr(sys, name, text)
    return output


def say(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Text for whoever reads along; click's `echo` writes UTF-8 where the terminal said ASCII."""
    print(text, end="\n" if nl else "", file=sys.stderr if err else sys.stdout, flush=True)


def say_wrapped(text: str) -> None:
    """Prose: on a terminal no wider than that, behind its own indent; in a pipe as it is."""
    if not sys.stdout.isatty():
        say(text)
        return
    import shutil  # only where people read along
    import textwrap

    width = max(shutil.get_terminal_size().columns, NARROWEST)
    for line in text.split("\n"):
        behind = " " * (len(line) - len(line.lstrip()) + 4)
        cut = textwrap.wrap(
            line, width, subsequent_indent=behind, break_long_words=False, break_on_hyphens=False
        )
        say("\n".join(cut))
