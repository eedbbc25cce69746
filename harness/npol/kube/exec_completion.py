"""
What proves that a command ran from its start to its end.

The status frame alone does not: a kubelet that restarts ends an exec with "Success"
(kubectl#1726). So the container's shell prints a mark before and after the command, with a
nonce, and the second one repeats the exit code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npol.kube.channels import Channel, ExecBroken, ExecStatus

FRAMED = 'n=$1; shift; printf "%s<\\n" "$n"; "$@"; r=$?; printf "\\n%s>%s\\n" "$n" "$r"; exit "$r"'
"""POSIX sh: the first argument is the nonce, the others are the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """A command that ran from its start to its end; the exit code is proven twice."""

    exit_code: int
    stdout: str
    stderr: str


def framed(argv: Sequence[str], nonce: str) -> list[str]:
    """The command with its marks; its words stay data, whatever they hold."""
    return ["sh", "-c", FRAMED, "npol", nonce, *argv]


def proven(status: ExecStatus | None, out: Mapping[Channel, bytes], nonce: str) -> ExecResult:
    """Raises ExecBroken for whatever is not a whole result."""
    if status is None or status.exit_code is None:
        words = status.message if status else "no status"
        raise ExecBroken(f"the command was not run: {words}", passing=False)
    before, started, rest = out[Channel.STDOUT].partition(f"{nonce}<\n".encode())
    body, ended, code = rest.rpartition(f"\n{nonce}>".encode())
    if not started or not ended:
        raise ExecBroken(
            f"the status says exit code {status.exit_code}, but the command did not say that "
            f"it {'ended' if started else 'started'}"
        )
    if code.strip() != str(status.exit_code).encode():
        raise ExecBroken(f"the status says exit code {status.exit_code}, the shell {code!r}")
    return ExecResult(
        exit_code=status.exit_code,
        stdout=(before + body).decode(errors="replace"),
        stderr=out[Channel.STDERR].decode(errors="replace"),
    )
