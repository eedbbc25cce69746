"""
The channels of an exec stream and the status that ends it, read without any I/O.

Protocols v4.channel.k8s.io and v5.channel.k8s.io: the first byte of each message is its
channel; channel 3 carries one Status object when the command has ended.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.errors import ExitCode, NpolError
from npol.kube.sanitize import plain

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
"""In the order of preference."""


class Channel(enum.IntEnum):
    """What a message is about."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3


class ExecBroken(NpolError):
    """
    An exec that did not do what was asked of it, or nobody knows whether it did.

    It says nothing about any packet: never a result, neither open nor denied.
    """

    exit_code = ExitCode.UNKNOWN

    def __init__(self, reason: str, *, hint: str = "", passing: bool = True) -> None:
        super().__init__(f"exec broken: {reason}", hint=hint)
        self.reason = reason
        self.passing = passing
        """Whether another attempt may do better."""


@dataclass(frozen=True, slots=True)
class ExecFrame:
    """One message of the stream."""

    channel: Channel
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecStatus:
    """How the command ended; `exit_code` is None when it was never run (`message` says why)."""

    exit_code: int | None
    message: str = ""


def frame_of(message: bytes) -> ExecFrame:
    """
    Raises:
        ExecBroken: empty, or for a channel that nobody opened.
    """
    if not message:
        raise ExecBroken("the server sent an empty message")
    if message[0] not in (Channel.STDOUT, Channel.STDERR, Channel.ERROR):
        raise ExecBroken(f"the server sent a message on channel {message[0]}")
    return ExecFrame(Channel(message[0]), message[1:])


def status_of(data: bytes) -> ExecStatus:
    """
    Read the Status object of channel 3.

    Success is exit code 0, a cause of reason ExitCode is that exit code; everything else
    (binary not found, container gone) means that nothing ran to its end.

    Raises:
        ExecBroken: it is no Status object.
    """
    try:
        status = json.loads(data)
        outcome = status["status"]
    except (ValueError, KeyError, TypeError):
        raise ExecBroken("the status of the command cannot be read") from None
    if outcome == "Success":
        return ExecStatus(exit_code=0)
    message = plain(str(status.get("message") or status.get("reason") or "no message"))
    return ExecStatus(exit_code=_exit_code(status), message=message)


def _exit_code(status: Mapping[str, Any]) -> int | None:
    if status.get("reason") != "NonZeroExitCode":
        return None
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode" and str(cause.get("message", "")).isdigit():
            return int(cause["message"])
    return None
