"""
The lines that `prober.sh` and `prober` exchange. Pure.

A request is words that hold no space, no line end and nothing that a shell could act upon.
An answer is one line that begins and ends with the session's nonce. The nonce leaves neither
end of the exec, so nothing that a target or a tool says can pass for an answer.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from importlib import resources

from npol.probe.bulk_connect import BULK_TOOL, PROGRAM
from npol.probe.command import Command, Ended

LINE_END = "\x1e"
"""What stands for a line's end in an answer's text."""
LONGEST = 4096
"""Bytes of an answer's line: writes up to PIPE_BUF are not mixed with others."""
BODY_BYTES = 2048
"""How much of a body the program returns: as base64, with the words, it must fit a line."""

BOOTSTRAP = """while IFS= read -r l;do case $l in "#end")eval "$s";exit;;esac;s="$s$l
";done;exit 97"""
"""Reads the program from stdin: in the command line it would make the exec's URL too long."""

_PLAIN = re.compile(rb"[A-Za-z0-9_./:=@%+,{}~^-]+")


def program() -> bytes:
    """`prober.sh` as it is sent: behind what it holds for Python, without comments."""
    text = resources.files("npol.probe").joinpath("prober.sh").read_text("ascii")
    lines = (line.strip() for line in text.splitlines())
    kept = [line for line in lines if line and not line.startswith("#")]
    return "\n".join([f"bulk='{PROGRAM.strip()}'", *kept, "#end", ""]).encode()


def hello(nonce: str, lifetime: float) -> bytes:
    """The request that begins a session; `lifetime` in seconds."""
    return f"hello {nonce} {lifetime:.0f}\n".encode()


def bye() -> bytes:
    return b"bye\n"


def request(attempt: str, command: Command) -> bytes:
    """The line that runs a command now and answers with this id."""
    if command.many:
        how = "bulk" if command.tool == BULK_TOOL else "many"
        return f"{how} {attempt} {command.limit:g} {' '.join(command.argv)}\n".encode()
    limit = f"{command.limit:g}" if command.limit else "-"
    words = [limit, command.capture.value, _word(command.input) if command.input else "-"]
    words += [_word(argument.encode()) for argument in command.argv]
    return f"run {attempt} {' '.join(words)}\n".encode()


def end(attempts: Sequence[str]) -> bytes:
    """The line that ends what these attempts still run; each answers as always."""
    return f"end {' '.join(attempts)}\n".encode()


def _word(value: bytes) -> str:
    """
    Bytes as octal escapes of printf's %b, unless they are plain.

    Raises:
        ValueError: empty; the program splits its lines at spaces.
    """
    if not value:
        raise ValueError("an argument must not be empty")
    if value == b"-":
        return "\\0055"
    if _PLAIN.fullmatch(value):
        return value.decode()
    return "".join(chr(byte) if _PLAIN.match(bytes([byte])) else f"\\0{byte:03o}" for byte in value)


class Frames:
    """Takes the bytes of stdout and gives the answers in them."""

    def __init__(self, nonce: str) -> None:
        mark = re.escape(f"@{nonce}".encode())
        self._pattern = re.compile(
            mark + rb" (\w+) (\d+|-) (\d+) (\d+) (\d+) ((?:(?!" + mark + rb").)*) " + mark
        )
        self._rest = b""
        self.strays = 0
        """Bytes that belong to no answer."""

    def feed(self, data: bytes) -> Iterator[Ended]:
        """The answers that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            self.strays += len(self._rest)
            self._rest = b""
        for line in lines:
            found = list(self._pattern.finditer(line))
            self.strays += len(line) - sum(len(m[0]) for m in found)
            yield from map(_ended, found)


def _ended(match: re.Match[bytes]) -> Ended:
    """Times are hundredths of a second of the pod's uptime; `-`: the text says the exit code."""
    name, code, asked, began, ended, encoded = match.groups()
    text = encoded.decode("utf-8", "replace").replace(LINE_END, "\n")
    parts = bodied(text) if code == b"-" else (int(code), text, b"")
    exit_code, words, body = parts or (0, "", b"")
    return Ended(
        id=name.decode(),
        exit_code=exit_code,
        words=words,
        body=body,
        asked=int(asked) / 100,
        began=int(began) / 100,
        ended=int(ended) / 100,
        garbled=parts is None,
    )


def bodied(text: str) -> tuple[int, str, bytes] | None:
    """
    Exit code, words and body of an answer that was captured in parts; None: garbled.

    The program writes the body last, as base64, so what a target says cannot move the seams.
    """
    lines = text.split("\n")
    seams = [i for i, line in enumerate(lines) if line.startswith("body=")]
    if not seams or not seams[-1]:
        return None
    seam = seams[-1]
    code = re.fullmatch(r"exit=(\d+)", lines[seam - 1])
    packed = "".join([lines[seam].removeprefix("body="), *lines[seam + 1 :]])
    try:
        body = binascii.a2b_base64(packed, strict_mode=True) if packed else b""
    except binascii.Error:
        return None
    return (int(code[1]), "\n".join(lines[: seam - 1]), body) if code else None


def requests(batch: Sequence[tuple[str, Command]]) -> bytes:
    """Several requests in one write."""
    return b"".join(request(attempt, command) for attempt, command in batch)
